"""How the workers of pytest-xdist share the cases of a run, so that one worker alone plays a case that waits."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped,unused-ignore]

from suites.items import CaseItem
from suites.schedule import Schedule, Turn

SHARES = "connect_shares"  # in a worker's input: how many shares there are; 1 where it plays all cases


def share_of(nodeid: str, shares: int) -> int:
    """The share that an item belongs to, the same in every process."""
    return zlib.crc32(nodeid.encode()) % shares


class ByShare(LoadScopeScheduling):  # type: ignore[misc,unused-ignore]
    """Gives each worker one share of the items, instead of a few items at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return str(share_of(nodeid, self.numnodes))


class Shares:
    """In a worker: submits a share's cases when the first item of it arrives."""

    def __init__(self, schedule: Schedule, items: Iterable[CaseItem], shares: int) -> None:
        self.schedule, self.shares = schedule, shares
        self.left: dict[int, list[Turn]] = {}
        for item in items:
            self.left.setdefault(share_of(item.nodeid, shares), []).append(item.turn)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.schedule.submit(self.left.pop(share_of(item.nodeid, self.shares), []))
