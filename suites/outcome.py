"""A verdict as pytest's outcome, and a failure's text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fixtures.targets import FILE
from specs.model import FAILING, Clause, worst
from specs.record import PlayedStep, Record
from specs.words import spell_allowed, spell_timed

MAX_LINES = 15  # of a failure's text
RECORDS = pytest.StashKey[list[Record]]()  # of an item, for its report


class UnexpectedVerdict(Exception):
    """A verdict that fails a test; the record has the rest."""


def attach(item: pytest.Item, records: list[Record]) -> None:
    """Leave an item's records to its report, and to `--junitxml` verdicts, the worst and each clause's, and bugs."""
    item.stash[RECORDS] = records
    clauses: dict[str, list[str]] = {}
    for record in records:
        for clause, verdict in record.clauses.items():
            clauses.setdefault(clause, []).append(verdict)
    item.user_properties[:] = [("verdict", worst([record.verdict for record in records])),
                               *((clause, worst(verdicts)) for clause, verdicts in clauses.items()),
                               *(("bug", name) for name in {one: "" for record in records for one in bugs(record)})]


def bugs(record: Record) -> Iterator[str]:
    """`NAME: CLAUSE` of each bug that shows; of what no bug declares the verdict, `fails: illumos.EISCONN`."""
    for clause, verdict in record.clauses.items():
        names = [one.bug for one in record.deviations if one.clause == clause] if verdict == "deviates" else [verdict]
        yield from (f"{name}: {clause}" for name in names if verdict in ("deviates", *FAILING))


def raise_outcome(record: Record, allow_drift: bool = False) -> None:
    """A verdict as pytest's outcome."""
    verdict, reason = record.verdict, record.reason
    if verdict == "unsupported":
        pytest.skip(reason)
    if verdict == "deviates":
        pytest.xfail(f"{verdict}: {reason}")
    if verdict in FAILING and not (verdict == "drifted" and allow_drift):
        raise UnexpectedVerdict(f"{verdict}: {reason}")


def failure_text(record: Record, clauses: Mapping[str, Clause], config: pytest.Config, nodeid: str) -> str:
    """At most 15 lines: headline, clause and its citation, target, steps, verdict, how to run it again."""
    targets = Path(config.getoption("--targets"))
    again = ["pytest", nodeid, "--target", record.target, *([] if targets == FILE else ["--targets", str(targets)])]
    wrong = [id_ for id_, verdict in record.clauses.items() if verdict in FAILING]
    head = [record.reason]
    for id_ in wrong[:2]:
        first = clauses[id_].cited[0]
        head.append(f"clause   {id_}: {clauses[id_].says} ({first.document}, {first.where}; {first.force})")
    place = f"{nodeid.partition('::')[0]}:{record.line}"
    head.append(f"target   {record.target} ({record.platform}), scenario at {place}")
    tail = [f"verdict  {record.verdict}", f"again    {shlex.join(again)}"]
    made = [step for step in record.steps if step.step is not None or step.ret != "ok"]
    rows = [step_row(number, step) for number, step in enumerate(made, 1)]
    space = MAX_LINES - len(head) - len(tail)
    if len(rows) > space:
        rows = [f"         … {len(rows) - space + 1} steps before", *rows[len(rows) - space + 1:]]
    return "\n".join([*head, *rows, *tail])


def step_row(number: int, step: PlayedStep) -> str:
    """One step as a line: `3  connect(client, peer) = -1 EISCONN, expected 0   <- fails`."""
    given = f"given {step.given}" if step.given else ""
    allowed = {clause: step.allowed(clause) for clause in step.expected}
    seen = spell_timed(step.observed, step.seconds, [one for ones in allowed.values() for one in ones])
    row = f"{given:9}{number:2}  {step.text} = {seen}"
    departures = set(step.judged.values()) - {"conforms", "recorded"}
    if departures and any(allowed.values()):
        row += ", expected " + " and ".join(("" if step.clause else f"{clause}: ") + spell_allowed(ones)
                                            for clause, ones in allowed.items() if ones)
    return row + (f"   <- {', '.join(sorted(departures))}" if departures else "")
