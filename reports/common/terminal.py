"""Text for people at a terminal: as wide as the terminal is, and coloured only on one."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.common import tables
from reports.common.aggregate import Clauses
from reports.common.results import Column, Results
from reports.common.tables import Sheet
from reports.common.wording import visible

WIDTH = 100  # where there is no terminal to follow
NAME_WIDTH = 36  # what the names of the matrix's rows have when room is short; longer ones are folded
CASES_WIDTH = 5
CELL_WIDTHS = 13, 28  # what cells need at least, and at best: `· unsupported`, `≠ deviates 1/2 ECONNREFUSED`

STYLES: Mapping[str, str] = {
    "conforms": "green", "deviates": "cyan", "recorded": "blue", "drifted": "bold red", "fails": "bold red",
    "stale": "magenta", "crashed": "bold white on red", "unresolved": "yellow", "unsupported": "dim",
    "not tested": "dim",
}


def console(out: IO[str] | None = None) -> Console:
    return Console(file=out, width=shutil.get_terminal_size((WIDTH, 24)).columns, highlight=False)


def text(content: str, style: str = "") -> Text:
    """Text that may come from a target: shown as it is, its control characters and markup without effect."""
    return Text(visible(content), style=style, overflow="fold")


def say(to: Console, content: str, style: str = "") -> None:
    """Print one line, which only the terminal itself may wrap: what is copied from it is whole."""
    to.print(text(content, style), soft_wrap=True)


def notes(to: Console, results: Results) -> None:
    """Print what must be known before any figure."""
    for line in results.notes:
        say(to, line, "bold yellow")


def heading(to: Console, results: Results) -> None:
    """Print what must be known before any figure, and what the targets are."""
    notes(to, results)
    for column in results.columns:
        say(to, column.title)
    to.print()


def table(sheet: Sheet, widths: Sequence[int] = ()) -> Table:
    """A table that fits the terminal. widths: of the matrix's columns, the same for all documents."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 0 if widths else 1, 0, 0))
    for name, width in zip_longest(sheet.columns, widths):
        made.add_column(text(name), justify="right" if name in sheet.figures else "left", width=width)
    for row in sheet.rows:
        made.add_row(*(text("  " * entry.depth + entry.text, STYLES.get(entry.verdict, "")) for entry in row))
    return made


def matrix(results: Results, clauses: Clauses, every: bool, out: IO[str]) -> None:
    """Write the matrix, its totals and the reasons why cases are unsupported."""
    to = console(out)
    heading(to, results)
    for columns in side_by_side(results.columns, to.width):
        found = list(tables.matrix(results, clauses, columns, every))
        widths = matrix_widths(found, len(columns), to.width)
        for sheet in found:
            to.print(table(sheet, widths), "")
    to.print(table(tables.targets(results)), "")
    summary(to, results, clauses)
    reasons = tables.reasons(results)
    if reasons.rows:
        to.print("", table(reasons))


def side_by_side(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """The columns in as many tables as it takes for each to be readable."""
    remaining = iter(columns)
    while few := list(islice(remaining, max(1, room(width) // (min(CELL_WIDTHS) + 1)))):
        yield few


def room(width: int) -> int:
    """What the numbers of cases and the narrowest names leave of a line."""
    return width - NAME_WIDTH - 1 - CASES_WIDTH - 1


def matrix_widths(found: Iterable[Sheet], targets: int, width: int) -> list[int]:
    """The same widths for all sheets of the matrix: names get what they need as far as cells can spare it."""
    longest = max((2 * row[0].depth + len(row[0].text) for sheet in found for row in sheet.rows), default=0)
    spare = max(0, room(width) - targets * (max(CELL_WIDTHS) + 1))
    extra = min(max(0, longest - NAME_WIDTH), spare)
    cell = max(min(CELL_WIDTHS), (room(width) - extra) // targets - 1)
    return [NAME_WIDTH + extra, CASES_WIDTH, *[cell] * targets]


def summary(to: Console, results: Results, clauses: Clauses) -> None:
    """Print how the clauses of each document stand."""
    to.print(table(tables.documents(results, clauses)), "")
    for remark in tables.remarks(results, clauses):
        to.print(text(remark, "dim"))
