"""How the workers of pytest-xdist share the cases of a run, so that one worker alone plays a case that waits."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped,unused-ignore]

from suites.collection import is_selftest
from suites.items import CaseItem
from suites.schedule import Schedule, Turn

SHARES = "connect_shares"  # in a worker's input: how many shares there are; 1 where it plays all cases
NUMBER = "connect_number"  # in a worker's input: one that no other worker has
NUMBERS = itertools.count()


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def number_of(config: pytest.Config) -> int | None:
    """The number of a worker."""
    return int(config.workerinput[NUMBER]) if is_worker(config) else None  # type: ignore[attr-defined]


def is_distributed(config: pytest.Config) -> bool:
    """Whether this process only gives work to others."""
    return config.getoption("dist", "no") != "no" and not is_worker(config)


def is_shared(config: pytest.Config) -> bool:
    """Whether workers of pytest-xdist play scenarios as it gives them out by default, one share each."""
    return config.getoption("dist") == "load" and not is_selftest(config)


def configure(node: Any) -> None:
    """Say to a worker which one it is, and of how many; one with a Python of its own keeps the search path of that.

    xdist gives a local worker the path of this Python, and leaves one alone that is not local.
    """
    if node.gateway.spec.python:
        node.gateway.spec.popen = None
    node.workerinput[NUMBER] = next(NUMBERS)
    node.workerinput[SHARES] = node.workerinput["workercount"] if is_shared(node.config) else 1


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

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.schedule.submit(self.left.pop(share_of(nodeid, self.shares), []))
