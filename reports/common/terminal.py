"""Text for a terminal: as wide as it is, and coloured only on one."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from reports.common import headline, tables
from reports.common.aggregate import Clauses, pairs
from reports.common.results import Column, Results
from reports.common.tables import Table
from reports.common.wording import visible

WIDTH = 100  # without a terminal
NAME_WIDTH = 36  # of the names of rows in a narrow terminal; longer ones are folded
CASES_WIDTH = 5
CELL_WIDTHS = 13, 28  # of cells, at least and at best: `· unsupported`, `≠ deviates 1/2 ECONNREFUSED`

STYLES: Mapping[str, str] = {
    "conforms": "green", "deviates": "cyan", "recorded": "blue", "drifted": "bold red", "fails": "bold red",
    "stale": "magenta", "crashed": "bold white on red", "unresolved": "yellow", "unsupported": "dim",
    "not tested": "dim",
}


def console(out: IO[str] | None = None) -> Console:
    return Console(file=out, width=shutil.get_terminal_size((WIDTH, 24)).columns, highlight=False)


def text(content: str, style: str = "") -> Text:
    """Text that may come from a target: its control characters and markup have no effect."""
    return Text(visible(content), style=style, overflow="fold")


def say(to: Console, content: str, style: str = "") -> None:
    """Print one line, which only the terminal itself wraps, so that it can be copied in one piece."""
    to.print(text(content, style), soft_wrap=True)


def notes(to: Console, results: Results) -> None:
    """Print what a reader must know before any figure."""
    for line in results.notes:
        say(to, line, "bold yellow")


def heading(to: Console, results: Results) -> None:
    """Print what a reader must know before any figure, and what the targets are."""
    notes(to, results)
    for column in results.columns:
        say(to, column.title)
    to.print()


def table(content: Table, widths: Sequence[int] = ()) -> RichTable:
    """A table that fits the terminal. widths: of the matrix's columns, the same for all documents."""
    made = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 0 if widths else 1, 0, 0))
    for name, width in zip_longest(content.columns, widths):
        made.add_column(text(name), justify="right" if name in content.figures else "left", width=width)
    for row in content.rows:
        made.add_row(*(text("  " * field.depth + field.text, STYLES.get(field.verdict, "")) for field in row))
    return made


def matrix(results: Results, clauses: Clauses, every: bool, out: IO[str]) -> None:
    """Write the matrix, its totals and the reasons why cases are unsupported."""
    to = console(out)
    heading(to, results)
    leaves = pairs(results, clauses)
    for columns in side_by_side(results.columns, to.width):
        found = list(tables.matrix(leaves, columns, every))
        widths = matrix_widths(found, len(columns), to.width)
        for one in found:
            to.print(table(one, widths), "")
    totals(to, results, clauses)
    for one in (tables.reported(results), tables.reasons(results)):
        if one.rows:
            to.print("", table(one))


def side_by_side(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """The columns in as many tables as are needed for each to be readable."""
    remaining = iter(columns)
    while few := list(islice(remaining, max(1, free_width(width) // (min(CELL_WIDTHS) + 1)))):
        yield few


def free_width(width: int) -> int:
    """The width of a line without the numbers of cases and the narrowest names."""
    return width - NAME_WIDTH - 1 - CASES_WIDTH - 1


def matrix_widths(found: Iterable[Table], targets: int, width: int) -> list[int]:
    """The same widths for all tables of the matrix: names are as wide as they need as far as cells leave space."""
    longest = max((2 * row[0].depth + len(row[0].text) for one in found for row in one.rows), default=0)
    spare = max(0, free_width(width) - targets * (max(CELL_WIDTHS) + 1))
    extra = min(max(0, longest - NAME_WIDTH), spare)
    cell = max(min(CELL_WIDTHS), (free_width(width) - extra) // targets - 1)
    return [NAME_WIDTH + extra, CASES_WIDTH, *[cell] * targets]


def summary(results: Results, clauses: Clauses, out: IO[str]) -> None:
    """Write what the targets are, whether they conform, their totals, and the reasons why cases are unsupported."""
    to = console(out)
    heading(to, results)
    for line in headline.text(headline.headlines(results)):
        say(to, line)
    to.print()
    totals(to, results, clauses)
    reasons = tables.reasons(results)
    if reasons.rows:
        to.print(table(reasons))


def failing(results: Results, clauses: Clauses, out: IO[str]) -> None:
    """Write the clauses that fail."""
    found = tables.failing(results, clauses)
    if found.rows:
        console(out).print("", table(found))


def totals(to: Console, results: Results, clauses: Clauses) -> None:
    to.print(table(tables.targets(results)), "")
    to.print(table(tables.documents(results, clauses)), "")
    for remark in tables.remarks(results, clauses):
        to.print(text(remark, "dim"))
