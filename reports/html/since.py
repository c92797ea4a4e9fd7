"""What earlier runs add to the page: what is new on each target since the last of them, and how it went before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.common import upgrade
from reports.common.comparison import KINDS, compare
from reports.common.results import Column, Results, expanded, read
from reports.html.cases import Case
from specs.record import Footer, Header, PlayedStep, Record

NEWS = frozenset(KINDS) - {"judged", "scenario", "added", "gone"}  # what the suite does not cause


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier run, by what its first and last line say. verdicts: target -> the number of its cases by verdict."""

    file: Path
    header: Header
    verdicts: Mapping[str, Mapping[str, int]]

    def has(self, column: Column) -> bool:
        """Whether it played the column's target on a machine of that kind, be it in another release."""
        target = self.header.targets.get(column.name)
        return (column.name in self.verdicts and target is not None
                and (target.platform, target.machine) == (column.target.platform, column.target.machine))


def earlier(files: Iterable[Path]) -> list[Earlier]:
    """The earlier runs, the oldest first, without those that are torn. Only two lines of each are read."""
    found = (ends(file) for path in files for file in expanded(path))
    return sorted(filter(None, found), key=lambda run: run.header.started)


def ends(file: Path) -> Earlier | None:
    """The run of a file; None if it is no whole result file. OSError: it cannot be read at all."""
    with file.open("rb") as content:
        first = content.readline()
        content.seek(max(0, file.stat().st_size - 65536))
        last = content.read().splitlines()[-1]
    try:
        header = upgrade.read(first)
        footer = upgrade.read(last, header.schema) if isinstance(header, Header) else None
    except ValueError:
        return None
    if not isinstance(header, Header) or not isinstance(footer, Footer):
        return None
    return Earlier(file, header, footer.counts)


def history(column: Column, runs: Sequence[Earlier]) -> list[dict[str, Any]]:
    """A target in the earlier runs: when, and the number of its cases by verdict."""
    return [{"started": run.header.started, "verdicts": run.verdicts[column.name]} for run in runs if run.has(column)]


class Changes:
    """What is new since the last earlier run that played the target.

    found: of each column, kind of difference -> the cases, by number.
    """

    def __init__(self, results: Results, runs: Sequence[Earlier]) -> None:
        self.results = results
        self.last = {column.label: run.file for column in results.columns for run in runs if run.has(column)}
        self.old = {file: {(record.target, record.id): record for record in read(file, check=False).records}
                    for file in set(self.last.values())}
        self.found: list[dict[str, list[int]]] = [{} for _ in results.columns]

    def add(self, case: Case) -> None:
        for columns, first, played in case.groups:
            for place, steps in zip(columns, played, strict=True):
                column = self.results.columns[place]
                if column.label in self.last:
                    new = self.results.cases[first.id][column.label]
                    kind = self.kind(column, new, steps)
                    if kind in NEWS:
                        self.found[place].setdefault(kind, []).append(case.number)

    def kind(self, column: Column, new: Record, steps: Sequence[PlayedStep]) -> str:
        file = self.last[column.label]
        try:
            return compare(self.old[file].get((column.name, new.id)), new, steps)
        except ValueError:
            read(file)  # which names the line
            raise
