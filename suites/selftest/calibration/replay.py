"""Replays results: python -m suites.selftest.calibration.replay FILE…

A recorded transcript takes the place of a target: each call gives what it gave then, and takes as long by a clock of
its own. The case as it is today has to make the same calls, and its verdicts have to be those that are recorded.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.checked import Checked, Queue
from fixtures.targets import Answer, Session, Target
from reports.common.results import read
from specs import pages, record
from specs.foresee import foresee
from specs.judge import Judgement, judge
from specs.model import Case
from specs.networks import TABLE
from specs.record import PlayedStep, Record
from suites import calls, engine
from suites.selftest.house import cases, clauses

BY_PATH = {"AF_UNIX": "path", "abstract": "name"}  # of what the laboratory has beside networks, wherever it is


class Diverged(Exception):
    """The case makes another call than the one that is recorded."""


class Recorded:
    """In the place of an agent, of a composer and of the clock: gives what is recorded, call by call."""

    def __init__(self, steps: Sequence[PlayedStep]) -> None:
        self.steps = list(steps)
        self.now = 0.0
        self.alive = True

    def monotonic(self) -> float:
        return self.now

    def call(self, request: str, _timeout: float) -> Answer:
        if not self.steps:
            raise Diverged(f"{request} after the last call")
        step = self.steps.pop(0)
        if call_of(request) != call_of(step.request):
            raise Diverged(f"{request}, recorded: {step.request}")
        self.now += step.seconds
        fields = {key: value for key, value in step.observed.items() if key not in ("ret", "reason")}
        self.alive = step.ret not in ("blocks", "crashed")
        return Answer(step.ret, fields, step.observed.get("reason", ""))

    def reset(self) -> Answer:
        """Of the agent, behind the last call; it is recorded if the agent died of it."""
        return self.call("reset", 0.0) if self.steps else Answer("ok")


class Replay(Session):
    """In the place of a target: as its hello and its check have it, with one recorded result at a time."""

    def __init__(self, target: str, header: record.Target) -> None:
        super().__init__(Target(target, "", (), header.platform))
        self.hello = header.hello
        self.unavailable = header.unavailable
        self.checked = checked_of(header.hello.get("checked", {}))
        self.networks_inside = {name: dict(TABLE.networks[name].addresses) if name in TABLE.networks else BY_PATH
                                for name in header.hello.get("networks", ())}
        self.recorded = Recorded(())
        self.profile = pages.profile(header.platform, clauses())

    def has_netns(self, netns: str) -> bool:
        return True

    @contextmanager
    def agent(self, netns: str = "default", own: bool = False, peers: Collection[str] = ()) -> Iterator[Any]:
        yield self.recorded

    def play(self, case: Case, then: Record) -> Judgement:
        """What is judged today. Diverged: the case makes other calls."""
        self.recorded = Recorded(then.steps)
        with pytest.MonkeyPatch.context() as instead:
            instead.setattr(calls, "Composer", lambda agent: agent)
            instead.setattr(calls, "time", self.recorded)
            transcript = engine.play(case, self, foreseen=foresee(case, self.profile))
        if self.recorded.steps:
            raise Diverged(f"it ends before {self.recorded.steps[0].request}")
        transcript.names = dict(then.names)  # paths are numbered in the order in which cases were played
        transcript.entries = [entry._replace(request=step.request)
                              for entry, step in zip(transcript.entries, then.steps, strict=True)]
        return judge(case, transcript, clauses(), self.profile)


def call_of(request: str) -> list[str]:
    """The verb of a request and what it acts on; a path without its number and what makes it long."""
    return [re.sub(r"\d+[lm]*$", "", word) for word in request.split()[:2]]


def checked_of(found: dict[str, Any]) -> Checked:
    """As the hello has it."""
    if not found:
        return Checked()
    queues = {domain: queue and Queue(**queue) for domain, queue in found["queues"].items()}
    return replace(msgspec.convert({**found, "queues": {}}, Checked), queues=queues)


def differences(file: Path, counts: Counter[str]) -> Iterator[str]:
    """A line for each result that is another when it is replayed; how many were replayed, and why others were not."""
    run, today = read(file), {case.id: case for case in cases()}
    sessions = {name: Replay(name, target) for name, target in run.header.targets.items()}
    for then in run.records:
        case, session = today.get(then.id), sessions[then.target]
        reason = why_not(case, then)
        counts[reason or "replayed"] += 1
        if reason or case is None:
            continue
        try:
            now = session.play(case, then)
        except Diverged as problem:
            yield f"{file}: {then.id} on {then.target}: {problem}"
            continue
        if (now.verdict, now.clauses) != (then.verdict, then.clauses):
            both = f"{now.verdict} {now.clauses}, recorded: {then.verdict} {then.clauses}"
            yield f"{file}: {then.id} on {then.target}: {both}"


def why_not(case: Case | None, then: Record) -> str:
    """Why a result is not replayed; empty if it is."""
    if case is None:
        return "a scenario that there is no more, or a drawn one"
    if case.revision != then.revision:
        return "a scenario that has changed since"
    if then.verdict == "unsupported" and not then.steps:
        return "unsupported before the first call"
    return ""


def main(files: Sequence[str]) -> int:
    """0: every recording gives its verdicts."""
    counts: Counter[str] = Counter()
    different = [line for file in files for line in differences(Path(file), counts)]
    print("\n".join([*different, *(f"{count} {what}" for what, count in counts.most_common())]))
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
