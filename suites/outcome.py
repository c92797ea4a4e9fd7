"""A verdict as pytest's outcome."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from specs.model import FAILING, worst
from specs.record import Record

RECORDS = pytest.StashKey[list[Record]]()  # of an item, for its report


class UnexpectedVerdict(Exception):
    """A verdict that fails a test. scenario: of a drawn case, as YAML."""

    def __init__(self, record: Record, scenario: str = "") -> None:
        super().__init__(f"{record.verdict}: {record.reason}")
        self.record, self.scenario = record, scenario


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
        raise UnexpectedVerdict(record)
