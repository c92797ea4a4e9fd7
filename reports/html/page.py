"""The matrix as one HTML page that needs no network and no other file.

What rows and cells show is one pack, the calls of each scenario file another, the C programs a last one. The page
inflates the first at once and the others when a case of theirs is opened.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.common import tables
from reports.common.aggregate import Clauses
from reports.common.results import Results
from reports.common.wording import visible
from reports.html import cases
from reports.html.index import Index
from reports.html.packing import packed
from reports.html.since import Changes, Earlier, history
from specs.model import VERDICTS

TEMPLATES = Path(__file__).parent
SCRIPTS = ("packs.js", "model.js", "address.js", "parts.js", "table.js", "views.js", "main.js")  # one after another


@dataclass(frozen=True, slots=True)
class Extras:
    """every: clauses are open at first; repository: its address, for links to files; earlier: the runs before."""

    every: bool = False
    repository: str = ""
    earlier: Sequence[Earlier] = ()


def matrix(results: Results, clauses: Clauses, extras: Extras, out: IO[str]) -> None:
    """Write the page."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True,
                              finalize=lambda item: visible(item) if type(item) is str else item)
    script, style = asset(*SCRIPTS), asset("matrix.css")
    page = environment.get_template("matrix.html").stream(
        script=script, style=style, script_hash=digest(script), style_hash=digest(style),
        notes=results.notes, runs=results.runs, verdicts=VERDICTS, topics=topics(results),
        documents=tables.documents(results, clauses), remarks=tables.remarks(results, clauses),
        reasons=tables.reasons(results), packs=packs(results, clauses, extras))
    out.writelines(page)


def asset(*names: str) -> Markup:
    """Scripts or styles of this package, not escaped."""
    return Markup("".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names))  # noqa: S704 - no text from a target


def digest(content: str) -> str:
    """The hash with which the Content-Security-Policy of the page allows its own script and style alone."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def topics(results: Results) -> list[str]:
    """The folders and files of the scenarios: `survey`, `errors/EISCONN`."""
    names = {case.partition("::")[0].removeprefix("suites/").rpartition(".")[0] for case in results.cases}
    return sorted(names | {name.rpartition("/")[0] for name in names} - {""})


def packs(results: Results, clauses: Clauses, extras: Extras) -> Iterator[tuple[str, str]]:
    """The packs by name: `index`; the calls of each scenario file, by its number; `programs`."""
    index, programs = Index(results, clauses), cases.Programs(results.columns, clauses)
    changes, calls = Changes(results, extras.earlier), []
    for _, held in groupby(cases.grouped(results), lambda case: case.file):
        details = cases.Details()
        for case in held:
            for one in (index, changes, details, programs):
                one.add(case)
        calls.append(packed(details.data()))
    data = index.data()
    yield "index", packed(data | with_extras(results, extras, data["columns"], changes.found))
    yield from ((str(number), pack) for number, pack in enumerate(calls))
    yield "programs", packed(programs.data())


def with_extras(results: Results, extras: Extras, columns: Sequence[dict[str, Any]],
                changed: Sequence[dict[str, list[int]]]) -> dict[str, Any]:
    """What the options of the verb add to the index."""
    return {"every": extras.every, "repository": extras.repository.rstrip("/"),
            "revision": results.runs[-1].header.suite.revision.rstrip("+"),
            "file": str(results.runs[-1].file),
            "columns": [column | {"history": history(one, extras.earlier), "changes": new}
                        for column, one, new in zip(columns, results.columns, changed, strict=True)]}
