"""One finding as a report to those who maintain a system, who need nothing else to act on it.

It is made of blocks, which are written as Markdown for an issue tracker, or as plain text for a mailing list.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from reports.common import documents
from reports.common.aggregate import Clauses
from reports.common.finding import Finding, declared, departures, kind_of, outcome, transcripts
from reports.common.markdown import plain
from reports.common.results import Name, Results, first_n, plural
from reports.common.tables import Table
from reports.common.wording import visible
from reports.reproducer import minimal
from specs import pages
from specs.model import Clause
from specs.record import PlayedStep, Record, Unreadable
from specs.words import spell_allowed

WIDTH = 72  # of prose in mail
VARIANTS = 8  # of a scenario, that are named
CITED = 3  # clauses of a bug that are cited in full, that of the example first


class Block(NamedTuple):
    """A part of the report. kind: title, heading, text, items (a line each), code (as it is)."""

    kind: str
    text: str


def blocks(one: Finding, results: Results, clauses: Clauses) -> Iterator[Block]:
    """The parts of the report."""
    example = Example.of(one, results, clauses)
    yield Block("title", f"{one.column.name}: {example.headline}")
    if one.declared and one.declared.because:
        yield Block("text", f"Cause: {one.declared.because}. Source: {one.declared.source}.")
    if one.declared and one.declared.reported:
        yield Block("text", f"Reported: {one.declared.reported}")
    yield Block("heading", "Expected")
    yield from chain.from_iterable(expected(clauses[name]) for name in cited(example, one) if name in clauses)
    yield Block("heading", "Seen")
    yield Block("code", "\n".join(columns_of(transcripts(example.finding, results, decisive=True))))
    yield Block("heading", "Program")
    yield from program(example, one, results)
    yield Block("heading", "How often")
    yield from frequency(one, results)
    yield Block("heading", "Versions")
    yield Block("items", "\n".join(versions(one, results)))


class Example(NamedTuple):
    """The case that is shown. program: the smallest in C that shows it; lacking: why there is none."""

    finding: Finding
    program: str
    lacking: str

    @classmethod
    def of(cls, one: Finding, results: Results, clauses: Clauses) -> Example:
        """Of the cases of the finding that are as serious, the one with the fewest calls that a program can make."""
        manuals = pages.profile(one.platform, clauses).manuals
        lacking = ""
        for record, step, clause in sorted(shown(one, results), key=lambda found: found[0].steps.index(found[1])):
            try:
                text = minimal.program(record, clauses, manuals, step.step)
            except Unreadable as error:
                lacking = lacking or str(error)
                continue
            return cls(replaced(one, record, step, clause), text, "")
        return cls(one, "", lacking)

    @property
    def headline(self) -> str:
        """`connect(client, peer) = 0, expected EISCONN (illumos.EISCONN)`."""
        one = self.finding
        return (f"{one.step.text} = {outcome(one.step, one.example)}, "
                f"expected {spell_allowed(one.step.allowed(one.clause))} ({one.clause})")


def replaced(one: Finding, record: Record, step: PlayedStep, clause: str) -> Finding:
    return Finding(one.kind, clause, one.seen, one.declared, one.column, record, step, one.clauses, one.cases)


def shown(one: Finding, results: Results) -> Iterator[tuple[Record, PlayedStep, str]]:
    """The first departure of each case of a finding on its target, if it has one that is as serious as the example."""
    first: dict[str, tuple[Record, PlayedStep, str]] = {}
    serious: set[str] = set()
    for case, column, record, step, clause in departures(results, one.cases):
        if column != one.column or clause not in one.clauses:
            continue
        entry, _ = declared(record, step, clause)
        if (entry.bug if entry else "") == (one.declared.bug if one.declared else ""):
            first.setdefault(case, (record, step, clause))
            kind = entry.status if entry and entry.status != "bug" else kind_of(step, clause)
            serious |= {case} if kind == one.kind else set()
    return (found for case, found in first.items() if case in serious)


# --- The parts ----------------------------------------------------------------------------------------------


def cited(example: Example, one: Finding) -> Sequence[str]:
    return list(dict.fromkeys([example.finding.clause, *one.clauses]))[:CITED]


def expected(clause: Clause) -> Iterator[Block]:
    """What a clause says, in the suite's words, and where each document says it."""
    yield Block("text", f"{clause.id}: {clause.says}")
    yield Block("items", "\n".join(f"{documents.passage(one)} ({one.force}): {documents.url(one)}".removesuffix(": ")
                                   for one in clause.cited))


def columns_of(table: Table) -> Iterator[str]:
    """A table as aligned text."""
    rows = [table.columns, *([field.text for field in row] for row in table.rows)]
    widths = [max(len(visible(row[at])) for row in rows) for at in range(len(table.columns))]
    for row in rows:
        yield "  ".join(visible(text).ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def program(example: Example, one: Finding, results: Results) -> Iterator[Block]:
    if example.program:
        yield Block("text", "It exits with 1 where the system does so, with 0 where it does as documented.")
        yield Block("code", example.program.rstrip("\n"))
    else:
        file = next(str(run.file) for run in results.runs if one.column.target in run.header.targets.values())
        yield Block("text", f"There is none as small as a report wants ({example.lacking}). This writes a longer one:")
        yield Block("code", shlex.join(["python", "-m", "reports", "reproduce", file, example.finding.example.id,
                                        "--target", one.column.name]))


def frequency(one: Finding, results: Results) -> Iterator[Block]:
    """In how many of the cases of its clauses, and in which variants of which scenarios."""
    label = one.column.label
    of_clauses = [case for case, records in results.cases.items() if label in records
                  and records[label].verdict != "unsupported" and {*one.clauses} & records[label].clauses.keys()]
    cases = [case for case in one.cases if label in results.cases[case]]
    clauses = f" ({first_n(one.clauses, CITED)})" if len(one.clauses) > 1 else ""
    yield Block("text", f"In {len(cases)} of {plural(len(of_clauses), 'case')} of "
                        f"{plural(len(one.clauses), 'clause')}{clauses} on {label}:")
    yield Block("items", "\n".join(scenarios(cases)))


def scenarios(cases: Iterable[str]) -> Iterator[str]:
    """`errors/EISCONN::twice: inet, inet6`."""
    found: dict[str, list[str]] = {}
    for name in map(Name.of, cases):
        found.setdefault(f"{name.topic}::{name.scenario}", []).append(name.variant)
    for scenario, variants in found.items():
        named = first_n([one for one in variants if one], VARIANTS)
        yield f"{scenario}: {named}" if named else scenario


def versions(one: Finding, results: Results) -> Iterator[str]:
    """Of the target, of the host that it ran on, and of the suite."""
    yield one.column.title
    for run in results.runs:
        if one.column.target in run.header.targets.values():
            host = run.header.environment
            known = {"kernel": "kernel", "machine": "", "libc": "", "python": "Python"}
            parts = [f"{word} {host[key]}".strip() for key, word in known.items() if key in host]
            yield f"host: {', '.join(parts) or 'unknown'}"
            yield f"connect() conformance suite, revision {run.header.suite.revision}, {run.header.started[:10]}"


# --- As text ------------------------------------------------------------------------------------------------


def as_markdown(parts: Iterable[Block]) -> str:
    render: Mapping[str, Callable[[str], str]] = {
        "title": lambda text: f"# {prose(text)}", "heading": lambda text: f"## {text}", "text": prose,
        "items": lambda text: "\n".join(f"- {prose(line)}" for line in text.split("\n")), "code": fenced}
    return "\n\n".join(render[one.kind](one.text) for one in parts if one.text) + "\n"


def prose(text: str) -> str:
    """The text without effect as markup; an underscore within a word has none."""
    return re.sub(r"(?<=[A-Za-z0-9])&#95;(?=[A-Za-z0-9])", "_", plain(text))


def fenced(text: str) -> str:
    text = shown_as_is(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def shown_as_is(text: str) -> str:
    """Code, whose control characters have no effect."""
    return "\n".join(map(visible, text.split("\n")))


def as_plain(parts: Iterable[Block]) -> str:
    """Prose of at most 72 columns; code as it is, in an indent."""
    return "\n\n".join("\n".join(mail(one)) for one in parts if one.text) + "\n"


def mail(one: Block) -> Iterator[str]:
    if one.kind == "code":
        yield from (f"    {line}".rstrip() for line in shown_as_is(one.text).split("\n"))
    elif one.kind == "items":
        for line in one.text.split("\n"):
            yield from folded(f"- {visible(line)}", "  ")
    else:
        yield from folded(visible(one.text), "")
        if one.kind != "text":
            yield ("=" if one.kind == "title" else "-") * min(len(one.text), WIDTH)


def folded(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


FORMATS: Mapping[str, Callable[[Iterable[Block]], str]] = {"markdown": as_markdown, "plain": as_plain}
