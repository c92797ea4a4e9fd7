"""The end of a run on its terminal: failures, one for each thing that is wrong, and the last lines."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from reports.common import headline
from reports.common.aggregate import Clauses
from reports.common.faults import faults
from reports.common.results import Results, gather, plural
from reports.common.wording import visible
from specs.model import FAILING
from specs.record import Record, decode


class Terminal(Protocol):
    """What pytest writes to."""

    stats: dict[str, list[Any]]
    reportchars: str

    def write_line(self, line: str, **markup: bool) -> None: ...


def one_each(reports: Iterable[Any]) -> Iterator[Any]:
    """Of pytest's reports on failures one for each thing that is wrong, in the order of the last lines.

    Those without a failing result come first: of the suite's own tests, of what is wrong with the suite, of walks that
    depart from what is recorded.
    """
    by_case: dict[tuple[str, str], Any] = {}
    records: dict[str, list[Record]] = {}
    for report in reports:
        lines = [decode(line) for line in getattr(report, "connect_lines", ())]
        for record in lines:
            if isinstance(record, Record):
                records.setdefault(record.target, []).append(record)
                by_case[record.id, record.target] = report
        if not any(isinstance(record, Record) and record.verdict in FAILING for record in lines):
            yield report
    examples = [fault.records[0] for of_target in records.values() for fault in faults(of_target)[:headline.MOST]]
    yield from dict.fromkeys(by_case[example.id, example.target] for example in examples)


@contextmanager
def folded(to: Terminal, every: bool) -> Iterator[None]:
    """While pytest shows failures, show one for each thing that is wrong; the last lines replace its list of FAILED.

    every: show all, and the list.
    """
    failed, shown = to.stats.get("failed", []), to.reportchars
    if failed and not every:
        to.stats["failed"] = list(one_each(failed))
        if all(hasattr(one, "connect_lines") for one in failed):
            to.reportchars = shown.replace("f", "")
    yield
    if failed:
        to.stats["failed"], to.reportchars = failed, shown


def show(to: Terminal, files: Sequence[Path], items: int, more: Iterable[str], clauses: Clauses, *, paged: bool,
         matrix: bool, every: bool, drift_allowed: bool) -> None:
    """Print the last lines of a run.

    items: those of pytest that gave the results. more: lines to end with. paged: a whole run is written as a page.
    matrix: any run is, and before the last lines come every clause on every target. every: all that is wrong is shown,
    not the most frequent alone.
    """
    if not files:
        return
    results = gather(files, merged=True)
    html = None
    if matrix or (paged and not results.partial):
        html = written(results, clauses, files[0])
    if matrix:
        from reports.common import terminal  # noqa: PLC0415 - rich, which few runs need

        terminal.matrix(results, clauses, False, sys.stdout)
    to.write_line("")
    found = headline.headlines(results, None if every else headline.MOST, drift_allowed)
    for one in found:
        title, *lines = headline.text([one])
        to.write_line(title, bold=True, red=one.failed, green=not one.failed)
        for line in lines:
            to.write_line(line)
    for line in [*footer(results, files, items, html, any(one.failed for one in found)), *more]:
        to.write_line(visible(line))


def written(results: Results, clauses: Clauses, file: Path) -> Path:
    """The page of a result file, beside it: matrix.html of results.jsonl. It shows what is new since the run before."""
    from reports.html import page, since  # noqa: PLC0415 - a third of what a run imports, and few write a page

    html = file.with_name(file.stem.replace("results", "matrix") + ".html")
    before = file.with_stem(f"{file.stem}-previous")
    extras = page.Extras(earlier=since.earlier([before] if before.is_file() else []))
    with html.open("w", encoding="utf-8") as out:
        page.matrix(results, clauses, extras, out)
    return html


def footer(results: Results, files: Sequence[Path], items: int, html: Path | None, failed: bool) -> Iterator[str]:
    """How to see the rest, and where it is."""
    names = shlex.join(map(str, files)) + (" --merge" if len(files) > 1 else "")
    yield f"details: python -m reports {'findings' if failed else 'summary'} {names}"
    yield f"page: {html or f'python -m reports matrix {names} --format html -o matrix.html'}"
    cases = sum(len(run.records) for run in results.runs)
    of_items = "" if cases == items else f" of {plural(items, 'item')} of pytest, where a drawn test is one item"
    yield f"results: {shlex.join(map(str, files))}: {plural(cases, 'case')}{of_items}"
    yield from results.partial
