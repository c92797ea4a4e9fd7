"""One case: what it obliges to, each call and what it gave, the verdict and why, how to play it again."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from rich.console import Console

from reports.common import terminal
from reports.common.aggregate import Clauses
from reports.common.results import Column, Results, gather, some
from reports.common.terminal import STYLES, say
from reports.common.wording import GLYPHS, again, citations, declared, expectation, node, outcome
from specs import load
from specs.record import PlayedStep, Record, Unreadable


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a result file")
    parser.add_argument("case", metavar="CASE", help="a case id, a node id, or a part of only one id")
    parser.add_argument("--target", metavar="T", help="one target of the file; all are shown without it")


def run(options: Namespace) -> None:
    results, clauses, to = gather([options.file]), load.clauses(), terminal.console()
    case = resolve(results, options.case)
    columns = played(results, case, options.target)
    terminal.notes(to, results)
    heading(to, case, [results.cases[case][column.label] for column in columns], clauses)
    for column in columns:
        to.print()
        section(to, results.cases[case][column.label], column)


def resolve(results: Results, wanted: str) -> str:
    """The case that is meant: by its id, its node id on one of the targets, or a part no other id has."""
    names = [column.name for column in results.columns]
    found = [case for case in results.cases if wanted in (case, *(node(case, name) for name in names))]
    found = found or [case for case in results.cases if wanted in case]
    if not found:
        raise Unreadable(f"no case has {wanted!r} in its id")
    if len(found) > 1:
        raise Unreadable(f"{wanted!r} is part of {some(found, 4)}; name one")
    return found[0]


def played(results: Results, case: str, target: str | None) -> list[Column]:
    """The columns that hold the case; only `target` where that is named."""
    columns = [column for column in results.columns if column.label in results.cases[case]]
    chosen = [column for column in columns if target in (None, column.label)]
    if not chosen:
        there = ", ".join(column.label for column in columns)
        raise Unreadable(f"{case} was not played on {target!r}; it was on {there}")
    return chosen


def heading(to: Console, case: str, records: list[Record], clauses: Clauses) -> None:
    """What the case is, and what it obliges to."""
    say(to, case, "bold")
    say(to, records[0].summary)
    for name in dict.fromkeys(clause for record in records for clause in record.clauses):
        clause = clauses.get(name)
        to.print()
        say(to, f"{name}: {clause.says if clause else 'not in specs'}")
        if clause:
            say(to, f"  {citations(clause)}", "dim")


def section(to: Console, record: Record, column: Column) -> None:
    """What the case did on one target."""
    say(to, column.title, "bold")
    given = ""
    for number, step in enumerate(record.steps, 1):
        if step.given not in ("", given):
            say(to, f"  given {step.given}", "dim")
        given = step.given
        call(to, number, step)
    for clause, verdict in record.clauses.items():
        say(to, f"{GLYPHS[verdict]} {verdict} {clause}", STYLES[verdict])
    if record.reason:
        say(to, f"reason: {record.reason}")
    for entry in record.deviations:
        say(to, f"declared: {declared(entry)}")
    say(to, f"again: {again(record.id, record.target)}")


def call(to: Console, number: int, step: PlayedStep) -> None:
    """One call as strace would show it; below it, what each clause expects of it."""
    line = f"  (line {step.line})" if step.line else ""
    say(to, f"{number:4}  {step.text} = {outcome(step)}{line}", "" if step.line else "dim")
    for clause in step.expected:
        verdict = step.judged.get(clause, "")
        judged = f"{GLYPHS[verdict]} {verdict}" if verdict else "not judged"
        say(to, f"      expected {expectation(step, clause)}: {judged} {clause}", STYLES.get(verdict, "dim"))
