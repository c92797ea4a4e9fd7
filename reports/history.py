"""Each case over many runs: when did it change, and in which version of the target."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from reports.common import terminal
from reports.common.results import Name, Run, expanded, plural, read
from reports.common.wording import GLYPHS, instead, shared_name
from reports.diff import compare
from specs.record import Record, Unreadable


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="DIR", help="folders of result files, or result files")
    parser.add_argument("--targets", metavar="A,B,…", help="targets that are versions of one thing, the oldest first")
    parser.add_argument("--all", action="store_true", help="cases that never changed, too")


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
    """What a case did. since: the label of the first point that shows it; note: why that is not the system's doing."""

    since: str
    verdict: str
    text: str
    note: str


NOTES = {"scenario": "(the scenario was edited)", "judged": "(judged otherwise)"}  # by the kinds of reports.diff


def points(runs: Sequence[Run], names: Sequence[str]) -> list[Point]:
    """The runs of these targets, the targets in the order they are named, the runs of each by time."""
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
    """The cases whose lines are alike together, scenario by scenario."""
    cases = sorted({case for point in line for case in point.records}, key=Name.of)
    states = {case: list(states_of(case, line)) for case in cases}
    shown = [case for case in cases if every or len(states[case]) > 1]
    changed = plural(sum(len(found) > 1 for found in states.values()), "case")
    terminal.say(to, f"{' -> '.join(names)}: {changed} of {len(cases)} changed in {plural(len(line), 'run')}", "bold")
    for scenario, members in groupby(shown, key=lambda case: case.partition("[")[0]):
        alike: dict[tuple[State, ...], list[str]] = {}
        for case in members:
            alike.setdefault(tuple(states[case]), []).append(case)
        for found, ids in alike.items():
            terminal.say(to, f"  {shared_name(scenario, ids)}  ({plural(len(ids), 'case')})")
            for state in found:
                told = " ".join(filter(None, (GLYPHS[state.verdict], *state[1:])))
                terminal.say(to, f"      {state.since}: {told}", terminal.STYLES[state.verdict])


def states_of(case: str, line: Sequence[Point]) -> Iterator[State]:
    """What a case did, each time it is another than before; a run that did not play it tells nothing."""
    last, before = None, None
    for point in line:
        record = point.records.get(case)
        if record is None:
            continue
        seen = [instead(record, clause) for clause, verdict in record.clauses.items() if verdict == record.verdict]
        state = record.verdict, ", ".join(dict.fromkeys(filter(None, seen)))
        if state != before:
            yield State(point.label, *state, NOTES.get(compare(last, record), ""))
        last, before = record, state
