"""What older suites wrote, as this one reads it: verdicts, names of scenarios and clauses have changed since."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "renames.yaml"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def renames() -> Mapping[str, Mapping[str, str]]:
    """Of scenarios (`errors/EISCONN::twice`), clauses and values, the old names and the new ones."""
    content: Mapping[str, Mapping[str, str]] = yaml.load(FILE.read_text(encoding="utf-8"), LOADER)  # noqa: S506 - safe
    return content


def upgraded(line: Any, schema: int) -> Any:
    """A line of a result file of an older schema as the present one has it."""
    return renamed(apart(line) if schema < 2 else line)


# --- schema 3: scenarios in four folders, clauses by document -----------------------------------------------


def renamed(line: Any) -> Any:
    """Names as they are now. A revision is a hash of names too, so that of an older result is unknown."""
    found = with_names(line)
    if isinstance(found, dict) and "case" in found:
        found |= {"case": case_id(str(found["case"])), "revision": ""}
    return found


def with_names(item: Any) -> Any:
    """Everything in a line with the present ids of clauses and values."""
    clauses, values = renames()["clauses"], renames()["values"]
    if isinstance(item, list):
        return [with_names(one) for one in item]
    if not isinstance(item, dict):
        return item
    found = {clauses.get(key, key): with_names(value) for key, value in item.items()}
    if isinstance(found.get("clause"), str):
        found["clause"] = clauses.get(found["clause"], found["clause"])
    named = [key for key in ("state", "data") if isinstance(found.get(key), str)]
    return found | {key: values.get(found[key], found[key]) for key in named}


def case_id(old: str) -> str:
    """The present id of a case: `suites/FILE::SCENARIO[VARIANT]`."""
    path, _, name = old.removeprefix("suites/").partition("::")
    scenario, bracket, variant = name.partition("[")
    file, dot, suffix = path.rpartition(".")
    new = renames()["scenarios"].get(f"{file}::{scenario}")
    if new is None:
        return old
    file, _, scenario = new.partition("::")
    for value, now in renames()["values"].items():
        variant = re.sub(rf"(?<![a-z]){value}(?![a-z])", now, variant)
    return f"suites/{file}{dot}{suffix}::{scenario}{bracket}{variant}"


# --- schema 2: surveys apart from verdicts ------------------------------------------------------------------


def apart(item: Any) -> Any:
    """`open` is recorded, `unspecified` clauses are those of the survey."""
    if isinstance(item, list):
        return [apart(one) for one in item]
    if not isinstance(item, dict):
        return item
    found = {key.replace("unspecified.", "survey.", 1): apart(value) for key, value in item.items()}
    for key, value in found.items():
        if value == "open" and (key.startswith("verdict") or "." in key):
            found[key] = "recorded"
    if str(found.get("clause", "")).startswith("unspecified."):
        found["clause"] = found["clause"].replace("unspecified.", "survey.", 1)
    if isinstance(found.get("expect"), dict) and "clause" not in found:
        found["expect"] = {clause: one for clause, one in found["expect"].items() if one != "any"}
        found["observe"] = not found["expect"]
    if "verdicts" in found:  # without those of clauses that expect nothing
        found["verdicts"] = {clause: one for clause, one in found["verdicts"].items() if clause in found["expect"]}
    if found.get("expect") == "any":
        del found["expect"]
        found |= {"observe": True}
    if found.get("kind") == "footer":
        found["counts"] = {target: {word.replace("open", "recorded"): count for word, count in counts.items()}
                           for target, counts in found["counts"].items()}
    return found
