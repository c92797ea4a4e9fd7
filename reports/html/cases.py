"""What the page shows of one case: the calls of each target, side by side, and C programs.

Targets that did the same are one column: of 17 targets, most cases have three.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import msgspec

from reports.common.aggregate import Clauses
from reports.common.alignment import Call, align, keyed, shared_text
from reports.common.results import Column, Results, give_back
from reports.common.wording import declared, expectation
from reports.html.packing import Numbers
from reports.reproducer.program import program
from specs import pages
from specs.model import SpecError
from specs.outcomes import is_timed, normalise
from specs.record import PlayedStep, Record, Unreadable
from specs.words import LONG_S, spell_observed, spell_time

DEPARTED = frozenset({"deviates", "crashed", "fails", "stale", "drifted"})  # what a C program is written for


class Group(NamedTuple):
    """The columns that did the same, the record of the first, and the calls of each: read once for the whole page."""

    columns: list[int]
    record: Record
    played: list[Sequence[PlayedStep]]

    @property
    def steps(self) -> Sequence[PlayedStep]:
        return self.played[0]


class Case(NamedTuple):
    """number: its place among all cases; scenario: its id without the variant."""

    number: int
    scenario: str
    groups: Sequence[Group]

    @property
    def file(self) -> str:
        return self.scenario.partition("::")[0]


def grouped(results: Results) -> Iterator[Case]:
    """All cases, in their order."""
    for number, (case, records) in enumerate(results.cases.items()):
        yield Case(number, case.partition("[")[0], groups(records, results.columns))
        if number % 20 == 0:
            give_back()


def groups(records: Mapping[str, Record], columns: Sequence[Column]) -> list[Group]:
    """The targets that did and were judged the same, together, in the order of the columns."""
    found: dict[tuple[Any, ...], Group] = {}
    for number, column in enumerate(columns):
        if record := records.get(column.label):
            steps = record.steps
            like = likeness(record, steps) if len(records) > 1 else ()
            group = found.setdefault(like, Group([], record, []))
            group.columns.append(number)
            group.played.append(steps)
    return list(found.values())


def likeness(record: Record, steps: Sequence[PlayedStep]) -> tuple[Any, ...]:
    """What two targets have in common that are shown as one: all that the page prints of them."""
    calls = tuple([(step.given, shared_text(step) if step.given else step.text, outcome(step, record), step.verdict,
                    tuple(step.verdicts.items()) if step.verdicts else ()) for step in steps])
    return record.verdict, record.reason, tuple(record.clauses.items()), calls, msgspec.json.encode(record.deviations)


def outcome(step: PlayedStep, record: Record) -> str:
    """What a call returned, as any other run has it; with its time, coarsely, where that is long or bounded.

    Of a million calls most return one word, and at once.
    """
    seen, seconds = step.observed, step.seconds
    text = returned(seen["ret"]) if len(seen) == 1 else spelled(tuple(normalise(seen, record.names).items()))
    if seconds < LONG_S / 10:
        return text
    if seconds >= LONG_S:
        return text + spell_time(round(seconds))
    timed = any(is_timed(step.allowed(clause)) for clause in step.expected)
    return text + spell_time(round(seconds, 1)) if timed else text


@cache
def returned(ret: str) -> str:
    return spell_observed({"ret": ret})


@cache
def spelled(fields: tuple[tuple[str, str], ...]) -> str:
    return spell_observed(dict(fields))


class Details:
    """The cases of one file, by number: {"texts": […], "cases": {case: {"steps": …, "groups": …}}}.

    In them, every text is a number: its place in `texts`.
    """

    def __init__(self) -> None:
        self.texts: Numbers[str] = Numbers()
        self.cases: dict[str, dict[str, Any]] = {}

    def add(self, case: Case) -> None:
        self.cases[str(case.number)] = case_data(case.groups, self.texts)

    def data(self) -> dict[str, Any]:
        return {"texts": list(self.texts), "cases": self.cases}


def case_data(found: Sequence[Group], texts: Numbers[str]) -> dict[str, Any]:
    """steps: [text, fixture, line, [[clause, what it allows], …]]; groups: see group_data."""
    transcripts = [keyed(group.steps) for group in found]
    calls = align(transcripts) if len(found) > 1 else transcripts[0]
    steps = [[texts[key[1]], texts[step.given], step.line, wanted(step, texts) if step.clause or step.expect else []]
             for key, step in calls.items()]  # of which most want nothing
    return {"steps": steps, "groups": [group_data(group.columns, group.record, own, list(calls), texts)
                                       for group, own in zip(found, transcripts, strict=True)]}


def group_data(columns: Sequence[int], record: Record, own: Mapping[Call, PlayedStep], calls: Sequence[Call],
               texts: Numbers[str]) -> list[Any]:
    """[columns, verdict, reason, clauses, [[bug, entry], …], observed].

    observed: of each call [outcome, verdict of the first clause, …], or 0 if it was not made.
    """
    entries = [[texts[one.bug and f"{record.platform}/{one.bug}"],
                texts[declared(one) + (f" ({one.place})" if one.place else "")]] for one in record.deviations]
    seen = [[texts[outcome(step, record)], *(verdicts(step, texts) if step.clause or step.expect else ())]
            if (step := own.get(key)) else 0 for key in calls]
    return [columns, texts[record.verdict], texts[record.reason], [texts[clause] for clause in record.clauses],
            entries, seen]


def wanted(step: PlayedStep, texts: Numbers[str]) -> list[list[int]]:
    return [[texts[clause], texts[expectation(step, clause)]] for clause in step.expected]


def verdicts(step: PlayedStep, texts: Numbers[str]) -> list[int]:
    judged = step.judged
    return [texts[judged.get(clause, "")] for clause in step.expected]


# --- C programs ---------------------------------------------------------------------------------------------


class Programs:
    """C programs, as numbers of their lines: {"lines": […], "programs": {scenario: {columns: [case, […]]}}}.

    Those of departures: of each scenario and targets that did the same, that of the first case. Variants of a scenario
    differ little, and a program takes a millisecond.
    """

    def __init__(self, columns: Sequence[Column], clauses: Clauses) -> None:
        self.columns, self.clauses = columns, clauses
        self.lines: Numbers[str] = Numbers()
        self.made: dict[str, dict[str, list[Any]]] = {}

    def add(self, case: Case) -> None:
        for numbers, record, _ in case.groups:
            held, key = self.made.setdefault(case.scenario, {}), ",".join(map(str, numbers))
            if key not in held and (text := c_program(record, self.columns[numbers[0]], self.clauses)):
                held[key] = [case.number, [self.lines[line] for line in text.split("\n")]]

    def data(self) -> dict[str, Any]:
        return {"lines": list(self.lines), "programs": {scenario: held for scenario, held in self.made.items() if held}}


def c_program(record: Record, column: Column, clauses: Clauses) -> str:
    """The program of a departure; empty for any other case, and where there is nothing to reproduce."""
    if record.verdict in DEPARTED:
        with suppress(Unreadable):
            return program(record, column, clauses, manuals(record.platform))
    return ""


@cache
def manuals(platform: str) -> Sequence[str]:
    """The documents that bind a platform; none if it has no page here."""
    try:
        return tuple(page["platform"] for _, page in pages.pages(platform, pages.FOLDER))
    except SpecError:
        return ()
