"""Each case over many runs: when it changed, and in which version of the target."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from reports.common import terminal
from reports.common.aggregate import alike
from reports.common.comparison import compare
from reports.common.results import Name, Run, expanded, give_back, plural, read
from reports.common.wording import GLYPHS, observed_instead
from specs.record import Record, Unreadable


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="DIR", help="folders of result files, or result files")
    parser.add_argument("--targets", metavar="A,B,…", help="versions of one implementation, the oldest first")
    parser.add_argument("--all", action="store_true", help="cases that did not change, too")


def run(options: Namespace) -> None:
    runs = sorted((read(file) for path in options.files for file in expanded(path)), key=lambda one: one.header.started)
    to = terminal.console()
    for one in runs:
        if one.torn:
            terminal.say(to, f"torn run: {one.file} {one.torn}", "bold yellow")
    for names in [options.targets.split(",")] if options.targets else [[name] for name in played(runs)]:
        show(to, names, points(runs, names), options.all)


def played(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(record.target for one in runs for record in one.records))


@dataclass(frozen=True)
class Point:
    """One target in one run. label: `native 6.18.44, 2026-11-22 10:00`."""

    label: str
    records: dict[str, Record]


class State(NamedTuple):
    """What was observed in a case. since: the first point with it; note: how the suite, not the system, caused it."""

    since: str
    verdict: str
    text: str
    note: str


NOTES = {"scenario": "(the scenario was edited)", "judged": "(judged otherwise)"}  # by the kinds of differences


def points(runs: Sequence[Run], names: Sequence[str]) -> list[Point]:
    """The runs of these targets: targets in the given order, the runs of each by time."""
    found = []
    for name in names:
        for one in runs:
            records = {record.id: record for record in one.records if record.target == name}
            if records:
                when = one.header.started[:16].replace("T", " ")
                found.append(Point(f"{name} {one.header.targets[name].release}, {when}", records))
        if not any(point.label.startswith(f"{name} ") for point in found):
            raise Unreadable(f"no run played {name!r}; they played {', '.join(played(runs))}")
    return found


def show(to: Console, names: Sequence[str], line: Sequence[Point], every: bool) -> None:
    """Print the states of the cases, scenario by scenario; cases with the same states together."""
    cases = sorted({case for point in line for case in point.records}, key=Name.of)
    states = {}
    for number, case in enumerate(cases):
        states[case] = tuple(states_of(case, line))
        if number % 10 == 0:
            give_back()
    printed = [case for case in cases if every or len(states[case]) > 1]
    changed = plural(sum(len(found) > 1 for found in states.values()), "case")
    terminal.say(to, f"{' -> '.join(names)}: {changed} of {len(cases)} changed in {plural(len(line), 'run')}", "bold")
    for name, number, found in alike(printed, states.__getitem__):
        terminal.say(to, f"  {name}  ({plural(number, 'case')})")
        for state in found:
            seen = " ".join(filter(None, (GLYPHS[state.verdict], *state[1:])))
            terminal.say(to, f"      {state.since}: {seen}", terminal.STYLES[state.verdict])


def states_of(case: str, line: Sequence[Point]) -> Iterator[State]:
    """The states of a case, each at the first point that has it. A run that did not play the case is left out."""
    last, before = None, None
    for point in line:
        record = point.records.get(case)
        if record is None:
            continue
        seen = dict.fromkeys(observed_instead(record, clause) for clause, verdict in record.clauses.items()
                             if verdict == record.verdict)
        state = record.verdict, ", ".join(filter(None, seen))
        if state != before:
            yield State(point.label, *state, NOTES.get(compare(last, record), ""))
        last, before = record, state
