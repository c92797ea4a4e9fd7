"""What a run shows on a terminal while it goes on; in a file or a CI log it shows nothing more than pytest does."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from specs.record import Target
from suites.items import CaseItem
from suites.schedule import Schedule
from suites.timeouts import TIMER_TIMEOUT_S


class Progress:
    """Shows what the targets are, and what is waited for when all other cases have been played."""

    def __init__(self, terminal: pytest.TerminalReporter, schedule: Schedule) -> None:
        self.terminal, self.schedule = terminal, schedule
        self.started = time.monotonic()
        self.reported = False

    def targets(self, targets: Mapping[str, Target]) -> None:
        for name, target in targets.items():
            hello = target.hello
            state = target.unavailable or f"{hello['system']} {hello['release']} {hello['machine']}"
            self.terminal.write_line(f"{name}: {state}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Before the first case that still waits: how many do, and the longest that a timer of theirs can last.

        With several targets, each of which has its own time, nothing.
        """
        if self.reported or not isinstance(item, CaseItem) or not item.is_slow or len(self.schedule.targets) > 1:
            return
        left = self.schedule.waiting()
        if left:
            seconds = max(0.0, self.started + TIMER_TIMEOUT_S - time.monotonic())
            self.terminal.write_line(f"waiting for {left} cases; the longest timer ends within {seconds:.0f} s")
            self.reported = True
