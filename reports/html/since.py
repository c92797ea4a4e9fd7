"""What earlier runs add to the page: what is new on each target since the last of them, and how it went before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.common.comparison import KINDS, compare
from reports.common.results import Column, Results, expanded, read
from specs.record import Footer, Header, decode

NEWS = frozenset(KINDS) - {"judged", "scenario", "added", "gone"}  # what the suite does not cause


@dataclass(frozen=True, slots=True)
class Point:
    """The number of cases of one target in one run by verdict."""

    started: str
    target: str
    release: str
    verdicts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier run: its file, and what its first and last line say."""

    file: Path
    started: str
    points: tuple[Point, ...]


def earlier(files: Iterable[Path]) -> list[Earlier]:
    """The earlier runs, the oldest first, without those that are torn. Only two lines of each are read."""
    found = (ends(file) for path in files for file in expanded(path))
    return sorted(filter(None, found), key=lambda run: run.started)


def ends(file: Path) -> Earlier | None:
    """The run of a file; None if it has no footer. Unreadable: the file cannot be read at all."""
    with file.open("rb") as lines:
        first = lines.readline()
        lines.seek(max(0, file.stat().st_size - 65536))
        last = lines.read().splitlines()[-1]
    try:
        header, footer = decode(first), decode(last)
    except ValueError:
        return None
    if not isinstance(header, Header) or not isinstance(footer, Footer):
        return None
    points = tuple(Point(header.started, name, header.targets[name].release, verdicts)
                   for name, verdicts in footer.counts.items() if name in header.targets)
    return Earlier(file, header.started, points)


def history(column: Column, runs: Sequence[Earlier]) -> list[dict[str, Any]]:
    """A target in the earlier runs: when, which release, the number of cases by verdict."""
    return [{"started": point.started, "release": point.release, "verdicts": point.verdicts}
            for run in runs for point in run.points if point.target == column.name]


def changes(results: Results, runs: Sequence[Earlier]) -> list[dict[str, list[int]]]:
    """Of each column: kind of difference -> the cases, by number, since the last earlier run that played the target."""
    last = {column.name: run.file for column in results.columns for run in runs
            if column.name in {point.target for point in run.points}}
    old = {file: {(record.target, record.id): record for record in read(file).records} for file in set(last.values())}
    found: list[dict[str, list[int]]] = [{} for _ in results.columns]
    for number, (case, records) in enumerate(results.cases.items()):
        for place, column in enumerate(results.columns):
            if column.name in last and column.label in records:
                kind = compare(old[last[column.name]].get((column.name, case)), records[column.label])
                if kind in NEWS:
                    found[place].setdefault(kind, []).append(number)
    return found
