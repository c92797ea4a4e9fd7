"""One case: what it requires, each call and its outcome, the verdict and the reason, how to play it again."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from rich.console import Console

from reports.common import terminal
from reports.common.aggregate import Clauses
from reports.common.lookup import columns_with, find_case
from reports.common.options import add_case
from reports.common.results import Column, gather
from reports.common.terminal import STYLES, say
from reports.common.wording import GLYPHS, again, citations, declared, expectation, outcome
from specs import load
from specs.record import PlayedStep, Record


def arguments(parser: ArgumentParser) -> None:
    add_case(parser, "one target of the file; without it, all")


def run(options: Namespace) -> None:
    results, clauses, to = gather([options.file]), load.clauses(), terminal.console()
    case = find_case(results, options.case)
    columns = columns_with(results, case, options.target)
    terminal.notes(to, results)
    heading(to, case, [results.cases[case][column.label] for column in columns], clauses)
    for column in columns:
        to.print()
        section(to, results.cases[case][column.label], column)


def heading(to: Console, case: str, records: list[Record], clauses: Clauses) -> None:
    """Print what the case is, and what it requires."""
    say(to, case, "bold")
    say(to, records[0].summary)
    for name in dict.fromkeys(clause for record in records for clause in record.clauses):
        clause = clauses.get(name)
        to.print()
        say(to, f"{name}: {clause.says if clause else 'not in specs'}")
        if clause:
            say(to, f"  {citations(clause)}", "dim")


def section(to: Console, record: Record, column: Column) -> None:
    """Print what was observed on one target."""
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
        say(to, f"declared: {declared(entry)}{f' ({entry.place})' if entry.place else ''}")
    say(to, f"again: {again(record.id, record.target, column.target.file)}")


def call(to: Console, number: int, step: PlayedStep) -> None:
    """Print one call in the form of strace; below it, what each clause expects."""
    line = f"  (line {step.line})" if step.line else ""
    say(to, f"{number:4}  {step.text} = {outcome(step)}{line}", "" if step.line else "dim")
    for clause in step.expected:
        verdict = step.judged.get(clause, "")
        judged = f"{GLYPHS[verdict]} {verdict}" if verdict else "not judged"
        say(to, f"      expected {expectation(step, clause)}: {judged} {clause}", STYLES.get(verdict, "dim"))
