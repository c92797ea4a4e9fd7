"""The matrix as one HTML page that needs no network and no other file."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.common import tables
from reports.common.aggregate import Clauses, pairs
from reports.common.alignment import Call, align, keyed
from reports.common.results import Column, Name, Results
from reports.common.wording import GLYPHS, again, citations, declared, expectation, outcome, visible
from reports.reproducer.program import program
from specs import load, pages
from specs.model import VERDICTS, SpecError
from specs.record import PlayedStep, Record, Unreadable

TEMPLATES = Path(__file__).parent


def matrix(results: Results, clauses: Clauses, every: bool, out: IO[str]) -> None:
    """Write the page. It has every scenario and variant; every: they are all open at first."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True,
                              finalize=lambda item: visible(item) if type(item) is str else item)
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":")}
    script, style = asset("matrix.js"), asset("matrix.css")
    page = environment.get_template("matrix.html").stream(
        script=script, style=style, script_hash=digest(script), style_hash=digest(style),
        notes=results.notes, runs=results.runs, glyphs=GLYPHS,
        verdicts=VERDICTS, topics=topics(results), errnos=errnos(results),
        targets=tables.targets(results), documents=tables.documents(results, clauses),
        remarks=tables.remarks(results, clauses), reasons=tables.reasons(results),
        data=printable(index(results, clauses)) | {"open": every}, chunks=map(packed, details(results, clauses)))
    out.writelines(page)


def asset(name: str) -> Markup:
    """A script or style of this package, not escaped."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 - it has no text from a target


def digest(content: str) -> str:
    """The hash with which the Content-Security-Policy of the page allows its own script and style alone."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def topics(results: Results) -> list[str]:
    """The folders and files of the scenarios: `stream`, `errors/EISCONN`."""
    names = {Name.of(case).topic for case in results.cases}
    return sorted(names | {name.rpartition("/")[0] for name in names} - {""})


def errnos(results: Results) -> list[str]:
    """All outcomes other than success."""
    return sorted({ret for records in results.cases.values() for ret in rets(records.values())})


def rets(records: Iterable[Record]) -> list[str]:
    """The outcomes other than success of the scenarios' own calls."""
    return sorted({step.ret for record in records for step in record.steps if step.line} - {"ok"})


def printable(item: Any) -> Any:
    """The data with `visible` text."""
    if isinstance(item, str):
        return visible(item)
    if isinstance(item, dict):
        return {visible(key): printable(part) for key, part in item.items()}
    return [printable(part) for part in item] if isinstance(item, list | tuple) else item


# --- The data of the page: an index that is read at once, and chunks that are read when a case is opened -----


def index(results: Results, clauses: Clauses) -> dict[str, Any]:
    """The data of rows and filters. A row refers to its case, and a cell to its outcome, by number.

    A page has some hundred thousand cells and a few hundred outcomes.
    """
    number = {case: at for at, case in enumerate(results.cases)}
    outcomes: dict[tuple[str, str], int] = {}
    leaves = pairs(results, clauses)
    rows = []
    for leaf in leaves:
        seen = [leaf.seen(column.label) for column in results.columns]
        rows.append({"clause": leaf.clause, "case": number[leaf.case],
                     "disagrees": leaf.disagrees, "failsOnce": leaf.fails_once,
                     "seen": [one and outcomes.setdefault(one, len(outcomes)) for one in seen]})
    return {
        "verdicts": VERDICTS, "glyphs": GLYPHS, "outcomes": list(outcomes),
        "columns": [{"label": one.label, "version": one.target.version, "platform": one.target.platform}
                    for one in results.columns],
        "clauses": {leaf.clause: clause(leaf.document, leaf.clause, clauses) for leaf in leaves},
        "rows": rows,
        "cases": [{**case, "chunk": at} for at, chunk in enumerate(chunks(results))
                  for case in (case_index(*one) for one in chunk)],
    }


def chunks(results: Results) -> Iterator[list[tuple[str, Mapping[str, Record]]]]:
    """The cases of each scenario file, with their records by target."""
    for _, cases in groupby(results.cases.items(), lambda item: item[0].partition("::")[0]):
        yield list(cases)


def case_index(case: str, records: Mapping[str, Record]) -> dict[str, Any]:
    name, calls = Name.of(case), align(keyed(record.steps) for record in records.values())
    return {"id": case, "topic": name.topic, "scenario": name.scenario, "variant": name.variant,
            "summary": next(iter(records.values())).summary, "errnos": rets(records.values()),
            "calls": sorted({step.text for step in calls.values()})}


def details(results: Results, clauses: Clauses) -> Iterator[dict[str, Any]]:
    """For each scenario file, the calls of its cases on each target, with a C program, by case."""
    for chunk in chunks(results):
        yield {case: case_data(records, results.columns) | {"program": program_data(records, results.columns, clauses)}
               for case, records in chunk}


def program_data(records: Mapping[str, Record], columns: Sequence[Column], clauses: Clauses) -> dict[str, Any]:
    """The first target whose calls can be written in C, and the lines of the program; empty if there is none."""
    for column in columns:
        if column.label in records:
            with contextlib.suppress(Unreadable):
                record = records[column.label]
                text = program(record, column, clauses, manuals(record.platform))
                return {"target": column.label, "lines": text.split("\n")}
    return {}


@cache
def manuals(platform: str) -> Sequence[str]:
    """The documents that bind a platform; none if it has no page here."""
    try:
        return pages.profile(platform, load.clauses()).manuals
    except SpecError:
        return ()


def packed(item: Any) -> str:
    """JSON, deflated, in base64."""
    return base64.b64encode(zlib.compress(json.dumps(printable(item), separators=(",", ":")).encode())).decode()


def clause(document: str, name: str, clauses: Clauses) -> dict[str, str]:
    known = clauses.get(name)
    return {"document": document, "says": known.says if known else "not in specs",
            "cited": citations(known) if known else ""}


def case_data(records: Mapping[str, Record], columns: Sequence[Column]) -> dict[str, Any]:
    """The calls of a case, each once, with the results of the targets side by side."""
    played = [records.get(column.label) for column in columns]
    calls = align(keyed(record.steps) for record in played if record)
    return {"steps": [step_data(step) for step in calls.values()],
            "results": [record_data(record, list(calls)) if record else None for record in played]}


def step_data(step: PlayedStep) -> dict[str, Any]:
    return {"text": step.text, "line": step.line, "given": step.given,
            "expected": [[clause, expectation(step, clause)] for clause in step.expected]}


def record_data(record: Record, calls: Sequence[Call]) -> dict[str, Any]:
    own = keyed(record.steps)
    return {
        "verdict": record.verdict, "reason": record.reason, "again": again(record.id, record.target),
        "clauses": list(record.clauses),
        "deviations": [declared(entry) for entry in record.deviations],
        "observed": [observed(own[key]) if key in own else None for key in calls],
    }


def observed(step: PlayedStep) -> list[Any]:
    """What the call returned, and the verdict of each clause that expects something of it."""
    return [outcome(step), [step.judged.get(clause, "") for clause in step.expected]]
