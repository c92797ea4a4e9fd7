"""A line of a result file of any schema, read: verdicts, names of scenarios and clauses have changed with each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
import yaml

from specs.record import SCHEMA, Header, Line, Record, decode
from specs.strict import HERE

FILE = HERE / "renames.yaml"
WITH_OLD_NAMES = 2  # the last schema of which every name can be another now
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(text: str | bytes | memoryview, schema: int = SCHEMA) -> Line:
    """A line as a noun; ValueError says what is wrong with it. schema: of the file; a header is read by its own."""
    old = schema != SCHEMA
    line = decode(msgspec.json.encode(upgraded(msgspec.json.decode(text), schema)) if old else text)
    if isinstance(line, Header) and line.schema != schema:
        if not 1 <= line.schema <= SCHEMA:
            raise ValueError(f"schema {line.schema}; these reports read schema 1 to {SCHEMA}")
        return read(text, line.schema)
    if not old and isinstance(line, Record) and is_renamed(line.id, line.clauses):
        return decode(msgspec.json.encode(upgraded(msgspec.json.decode(text), WITH_OLD_NAMES)))
    return line


def is_renamed(case: str, clauses: Iterable[str]) -> bool:
    """Whether a case, or a clause that it is about, has been given another name since: no schema changes by that."""
    return topic(case) in renames()["scenarios"] or not renames()["clauses"].keys().isdisjoint(clauses)


@cache
def renames() -> Mapping[str, Mapping[str, Any]]:
    """Of scenarios (`errors/EISCONN::twice`), clauses and values the old names and the new ones; names by scenario."""
    content: Mapping[str, Mapping[str, Any]] = yaml.load(FILE.read_text(encoding="utf-8"), LOADER)  # noqa: S506 - safe
    return content


def upgraded(line: Any, schema: int) -> Any:
    """A line of a result file of an older schema as the present one has it."""
    if schema < 2:
        line = apart(line)
    return in_field_terms(with_names(line) if schema < 3 else line, schema)


# --- schema 4: a hello, and names of sockets, in the terms of the field -------------------------------------


def in_field_terms(line: Any, schema: int) -> Any:
    """The names of a case and of what it is about. A revision is a hash of names too: where they changed, unknown."""
    if not isinstance(line, dict):
        return line
    if "targets" in line:
        return line | {"targets": {name: with_hello(target) for name, target in line["targets"].items()}}
    if "case" not in line:
        return line
    case = case_id(str(line["case"]))
    names = renames()["names"].get(topic(case), {})
    if names:
        line = line | {key: called(line[key], names) for key in ("steps", "missed", "names") if key in line}
    changed = schema < 3 or names or case != line["case"]
    return line | {"case": case} | ({"revision": ""} if changed else {})


def with_hello(target: Mapping[str, Any]) -> dict[str, Any]:
    return {"hello" if key == "greeting" else key: value for key, value in target.items()}


def called(item: Any, names: Mapping[str, str]) -> Any:
    """Steps, or the addresses of names, with other names in them."""
    if isinstance(item, str):
        return re.sub(r"[\w-]+", lambda word: names.get(word[0], word[0]), item)
    if isinstance(item, list):
        return [called(one, names) for one in item]
    if isinstance(item, dict):
        return {called(key, names): called(value, names) for key, value in item.items()}
    return item


@cache
def topic(case: str) -> str:
    """`errors/EISCONN::twice` of `suites/errors/EISCONN.yaml::twice[inet]`."""
    path, _, name = case.removeprefix("suites/").partition("::")
    return f"{path.rpartition('.')[0]}::{name.partition('[')[0]}"


# --- schema 3: scenarios in four folders, clauses by document -----------------------------------------------


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
    new = renames()["scenarios"].get(topic(old))
    if new is None:
        return old
    path, bracket, variant = old.partition("[")
    suffix = path.partition("::")[0].rpartition(".")[2]
    file, _, scenario = new.partition("::")
    for value, now in renames()["values"].items():
        variant = re.sub(rf"(?<![a-z]){value}(?![a-z])", now, variant)
    return f"suites/{file}.{suffix}::{scenario}{bracket}{variant}"


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
