"""The last lines of a run: does each target conform, what is wrong with it, and how to see that.

The run prints them, and `summary` does for any result file.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reports.common.faults import Fault, faults
from reports.common.results import Column, Results, plural
from reports.common.wording import again, visible
from specs import baseline
from specs.model import STATUSES
from specs.record import Record

MOST = 10  # faults of a target, unless all are asked for

TITLES = {  # kind -> of one, of several
    "undeclared": ("bug that its page does not declare", "bugs that its page does not declare"),
    "crashed": ("crash between checks", "crashes between checks"),
    "stale": ("declared bug that is stale", "declared bugs that are stale"),
    "unresolved": ("state that was not reached", "states that were not reached"),
    "drifted": ("observation that drifted", "observations that drifted"),
}
BY_STATUS = {"bug": ("bug", "bugs"), "documented": ("documented", "documented"),
             "choice": ("left to the platform", "left to the platform")}


class Row(NamedTuple):
    """One fault. again: the command that plays its example."""

    name: str
    what: str
    cases: str
    again: str


@dataclass(frozen=True)
class Headline:
    """The lines about one target. title: whether it conforms; rows: what is wrong; more: what else there is to know."""

    title: str
    rows: tuple[Row, ...]
    more: tuple[str, ...]

    @property
    def failed(self) -> bool:
        return bool(self.rows)


def headlines(results: Results, most: int | None = MOST, drift_allowed: bool = False) -> list[Headline]:
    """One for each column. most: of faults, None for all; drift_allowed: observations that differ are no fault."""
    return [headline(results, column, most, drift_allowed) for column in results.columns]


def headline(results: Results, column: Column, most: int | None, drift_allowed: bool) -> Headline:
    records = [of[column.label] for of in results.cases.values() if column.label in of]
    known = baseline.other_releases(column.target.platform, column.target.version)
    found = [one for one in faults(records) if one.kind != "drifted" or not (drift_allowed or known)]
    drifted = sum(record.verdict == "drifted" for record in records)
    more = [*untested(records), *(drift(results, column, drifted, known, drift_allowed) if drifted else [])]
    if not found:
        return Headline(f"{column.label}: {conformity(records)}", (), tuple(more))
    rows = [Row(one.name or one.kind, one.what, plural(len(one.records), "case"),
                again(one.records[0].id, column.name, column.target.file)) for one in found[:most]]
    if left := found[len(rows):]:
        more.insert(0, f"and {len(left)} more, in {plural(len(cases_of(left)), 'case')}")
    return Headline(f"{column.label}: {departed(found)}", tuple(rows), tuple(more))


def departed(found: Sequence[Fault]) -> str:
    """`3 bugs that its page does not declare (45 cases), 1 declared bug that is stale (2 cases)`."""
    parts = []
    for kind, wording in TITLES.items():
        if of_kind := [one for one in found if one.kind == kind]:
            parts.append(f"{len(of_kind)} {wording[len(of_kind) > 1]} ({plural(len(cases_of(of_kind)), 'case')})")
    return ", ".join(parts)


def cases_of(found: Iterable[Fault]) -> set[str]:
    return {record.id for one in found for record in one.records}


def conformity(records: Sequence[Record]) -> str:
    """Whether a target without a fault conforms; its declared bugs, by status; how many cases are only recorded."""
    verdicts = Counter(record.verdict for record in records)
    judged = verdicts["conforms"] + verdicts["deviates"]
    only = verdicts["recorded"] + verdicts["drifted"]
    recorded = [f"recorded in {plural(only, 'case')} where nothing is required"] if only else []
    if not judged:
        return "; ".join(["nothing was tested", *recorded])
    bugs, cases = declared(records)
    statuses = Counter(bugs.values())
    by_status = ", ".join(f"{statuses[one]} {BY_STATUS[one][statuses[one] > 1]}"
                          for one in sorted(STATUSES) if statuses[one])
    conforms = (f"conforms but for {plural(len(bugs), 'deviation')} that its page declares: {by_status} "
                f"({cases} of {plural(judged, 'case')})" if bugs else f"conforms ({plural(judged, 'case')})")
    return "; ".join([conforms, *recorded])


def declared(records: Iterable[Record]) -> tuple[dict[str, str], int]:
    """The declared bugs that show, with their status, and the number of cases that show one."""
    bugs: dict[str, str] = {}
    cases = 0
    for record in records:
        shown = {one.bug or one.because: one.status for one in record.deviations
                 if record.clauses.get(one.clause) == "deviates"}
        bugs |= shown
        cases += bool(shown)
    return bugs, cases


def untested(records: Iterable[Record]) -> Iterator[str]:
    """What could not be tested, and the reason of most of it, which says what to do if anything can be done."""
    reasons = Counter(record.reason or "no reason given" for record in records if record.verdict == "unsupported")
    if reasons:
        (reason, count), *others = reasons.most_common()
        share = f"{count} of them: " if others else ""
        yield f"not tested: {plural(reasons.total(), 'case')}; {share}{reason}"


def drift(results: Results, column: Column, cases: int, known: Sequence[str], allowed: bool) -> Iterator[str]:
    """How many cases differ from the baseline where that does not fail: on a release it was not seen on, or by wish."""
    accept = f"python -m reports accept {shlex.quote(str(results.runs[-1].file))} --platform {column.target.platform}"
    if known:
        yield (f"{plural(cases, 'case')} drifted, which does not fail: {baseline.release_of(column.target.version)} "
               f"is judged by the baseline of {', '.join(known)}; accept them with {accept} --add")
    elif allowed:
        yield f"{plural(cases, 'case')} drifted, which is allowed; accept them with {accept}"


# --- As text ------------------------------------------------------------------------------------------------


def text(found: Iterable[Headline]) -> Iterator[str]:
    """The lines for a terminal or a log; the columns of rows are as wide as they need."""
    for one in found:
        yield visible(one.title)
        rows = [Row(*map(visible, row)) for row in one.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield (f"  {row.name:{widths[0]}}  {row.what:{widths[1]}}  {row.cases:>{widths[2]}}   {row.again}")
        yield from (f"  {visible(line)}" for line in one.more)
