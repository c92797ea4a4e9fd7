"""The matrix and the summary as Markdown tables, for the job summary of a CI run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from reports.common import headline, tables
from reports.common.aggregate import Clauses, pairs
from reports.common.headline import Headline
from reports.common.results import Results
from reports.common.tables import Table
from reports.common.wording import visible

# Every character that begins something in GitHub's Markdown, or in the HTML that it lets through.
MARKUP = str.maketrans({char: f"&#{ord(char)};" for char in "&<>|\\`*_[]#~$@"})


def matrix(results: Results, clauses: Clauses, every: bool, out: IO[str]) -> None:
    """Write the matrix, its totals and the reasons why cases are unsupported."""
    heading(results, out)
    for one in tables.matrix(pairs(results, clauses), results.columns, every):
        out.writelines(table(one))
    totals(results, clauses, out)
    for one in (tables.reported(results), tables.reasons(results)):
        if one.rows:
            out.writelines(table(one))


def summary(results: Results, clauses: Clauses, out: IO[str]) -> None:
    """Write what the targets are, whether they conform, and their totals."""
    heading(results, out)
    for one in headline.headlines(results):
        out.write(f"**{plain(one.title)}**\n\n")
        if one.rows:
            out.writelines(faults(one))
        out.writelines(f"- {plain(line)}\n" for line in one.more)
        out.write("\n")
    totals(results, clauses, out)


def faults(one: Headline) -> Iterator[str]:
    """What is wrong on a target as a table, with the commands that play the examples."""
    yield line(iter(("clause or bug", "is", "cases", "again")))
    yield line(iter((":---", ":---", "---:", ":---")))
    for row in one.rows:
        yield line(iter((*map(plain, row[:3]), code(row.again).replace("|", "\\|"))))
    yield "\n"


def heading(results: Results, out: IO[str]) -> None:
    for note in results.notes:
        out.write(f"> **{plain(note)}**\n\n")
    out.writelines(f"- {plain(column.title)}\n" for column in results.columns)
    out.write("\n")


def totals(results: Results, clauses: Clauses, out: IO[str]) -> None:
    out.writelines(table(tables.targets(results)))
    out.writelines(table(tables.documents(results, clauses)))
    out.writelines(f"{plain(remark)}\n\n" for remark in tables.remarks(results, clauses))


def table(content: Table) -> Iterator[str]:
    yield line(plain(name) for name in content.columns)
    yield line("---:" if name in content.figures else ":---" for name in content.columns)
    for row in content.rows:
        yield line("&emsp;" * field.depth + plain(field.text) for field in row)
    yield "\n"


def line(fields: Iterator[str]) -> str:
    return f"| {' | '.join(fields)} |\n"


def code(text: str) -> str:
    """The text as code, to be read as it is on a terminal, too; between more backticks than it has in a row."""
    shown = visible(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    blank = " " if "`" in shown else ""
    return f"{fence}{blank}{shown}{blank}{fence}"


def plain(text: str) -> str:
    """The text without effect as markup."""
    return visible(text).translate(MARKUP)
