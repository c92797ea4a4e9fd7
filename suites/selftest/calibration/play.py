"""Plays cases on a layer with a fault: which clauses fail that do not fail without it."""

from __future__ import annotations

import subprocess
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fixtures import check
from fixtures.lab import Lab
from fixtures.targets import Session
from specs import pages
from specs.foresee import foresee
from specs.judge import Judgement, judge
from specs.model import Case, Entry, Profile, Transcript
from specs.verbs import VERBS
from suites import engine
from suites.capability import DEFAULT_NETNS, netns_of
from suites.selftest.calibration.faults import Fault, Layer
from suites.selftest.house import clauses
from suites.timeouts import has_timer, is_slow

PLAYERS = 16  # cases at a time; many of them wait until a call is believed to block
SHARED = {"other-namespace"}  # fixtures that give every case the same name
MOST = 3  # cases of one scenario, domain and type
PORT_ATTEMPTS = 5  # here a port that is closed is free at once
FAILS = ("fails", "stale", "crashed")  # of a clause
DEPARTS = (*FAILS, "deviates")  # of one that does not hold without the fault, and so is not what the fault breaks
# The functions that an agent calls for a verb, where they are not the verb itself.
FUNCTIONS: Mapping[str, frozenset[str]] = {
    "pthread_join": frozenset({"connect", "accept", "send", "recv", "pthread_join", "prctl"}),
    "connect-many": frozenset({"connect", "socket"})}


class Played(NamedTuple):
    """A case, what was seen, and what that says."""

    case: Case
    transcript: Transcript
    judgement: Judgement

    def meets(self, fault: Fault) -> bool:
        """Whether the case makes a faulty call, with the outcome that is faulty.

        What a composed call meets inside is not in the transcript.
        """
        facility = self.case.axes.get("facility", "poll")
        return fault.may_show_in(self.case) and any(
            fault.calls & functions_of(entry.verb, facility) and may_give(entry, fault.errno)
            for entry in self.transcript.entries)


def may_give(entry: Entry, errno: str) -> bool:
    """Whether a call has given an errno, or may have where it is composed of several; any call, if there is none."""
    composed = entry.verb not in VERBS or bool(VERBS[entry.verb].of) or entry.verb == "connect-many"
    return not errno or composed or errno in entry.observed.values()


def functions_of(verb: str, facility: str = "poll") -> frozenset[str]:
    """The functions of libc that an agent calls for a verb. facility: with which it waits."""
    if verb == "wait":
        return frozenset({"epoll_ctl", "epoll_wait"} if facility == "epoll" else {facility})
    parts = VERBS[verb].needed if verb in VERBS else (verb,)
    return frozenset().union(*(FUNCTIONS.get(part, {part}) for part in parts))


@dataclass
class Found:
    """What a fault did. failed: clause -> the cases in which it fails; other: verdict -> cases that have it alone."""

    fault: Fault
    played: int
    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    other: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def named(self) -> list[str]:
        """The clauses that fail and that the fault is said to break."""
        return sorted(filter(self.fault.names, self.failed))

    @property
    def collateral(self) -> list[str]:
        """Those that fail although the fault is not said to touch them."""
        return sorted(clause for clause in self.failed if not self.fault.admits(clause))

    @property
    def verdict(self) -> str:
        if self.fault.unseen:
            return "not seen, as is said" if not self.failed else "seen, though it is said that nothing sees it"
        return "caught" if self.named else "caught by others alone" if self.failed else "missed"

    @property
    def is_wrong(self) -> bool:
        """Whether it is not as faults.toml says."""
        return bool(self.collateral) or self.verdict not in ("caught", "not seen, as is said")

    def as_json(self) -> dict[str, Any]:
        return {"fault": self.fault.name, "verdict": self.verdict, "played": self.played, "failed": self.failed,
                "other": self.other, "collateral": self.collateral}


class Bench:
    """One laboratory, in which layers with faults are tried one after another."""

    def __init__(self, layer: Layer, lab: Lab, cases: Collection[Case]) -> None:
        self.layer, self.lab, self.cases = layer, lab, cases
        self.profile: Profile = pages.profile("linux", clauses())
        self.locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self.plain: dict[str, Played] = {}

    def measure(self) -> list[Played]:
        """Play every case without a fault; those that fail then."""
        self.plain = {one.case.id: one for one in self.play(None, self.cases)}
        return [one for one in self.plain.values() if set(FAILS) & set(one.judgement.clauses.values())]

    def try_(self, fault: Fault) -> Found:
        """Play the cases that meet a fault."""
        meeting = few([one.case for one in self.plain.values() if one.meets(fault) and is_quick(one, fault)])
        found = Found(fault, len(meeting))
        for one in self.play(fault, meeting):
            before = self.plain[one.case.id].judgement
            broken = [clause for clause, verdict in one.judgement.clauses.items() if verdict in FAILS
                      and before.clauses.get(clause) not in DEPARTS and not clauses()[clause].is_survey]
            for clause in broken:
                found.failed[clause].append(one.case.id)
            if not broken and one.judgement.verdict != before.verdict:
                found.other[one.judgement.verdict].append(one.case.id)
        return found

    def play(self, fault: Fault | None, cases: Collection[Case]) -> list[Played]:
        slow = {case.id for case in cases if is_slow(case, foresee(case, self.profile))}
        with (self.session(fault) as session, ThreadPoolExecutor(PLAYERS) as players,
              ThreadPoolExecutor(session.target.agents) as waiting):
            played = [(waiting if case.id in slow else players).submit(self.play_one, session, case, case.id in slow)
                      for case in cases]
            return [one.result() for one in played]

    def play_one(self, session: Session, case: Case, slow: bool) -> Played:
        """One at a time where cases would meet; those that wait do so in any run."""
        fixtures = SHARED & {given.fixture for given in case.given}
        shared = fixtures or {netns_of(case)} - {DEFAULT_NETNS} or paths_of(case)
        with self.locks[min(shared)] if shared and not slow else nullcontext():
            transcript = engine.play(case, session, slow, foresee(case, self.profile))
        return Played(case, transcript, judge(case, transcript, clauses(), self.profile))

    @contextmanager
    def session(self, fault: Fault | None) -> Iterator[Session]:
        """The layer with a fault in the laboratory, checked as any target is before its first case."""
        readable = [*self.lab.enter(DEFAULT_NETNS), "test", "-r", str(self.layer.shared_object)]
        if subprocess.run(readable, check=False).returncode:  # ld.so only warns, and there would be no fault
            raise OSError(f"agents cannot read {self.layer.shared_object}")
        session = Session(self.layer.target(fault))
        session.lab = self.lab
        check.make_ready(session)
        try:
            if session.unavailable:
                raise OSError(session.unavailable)
            yield session
        finally:
            session.lab = None  # which others use
            session.close()


def paths_of(case: Case) -> set[str]:
    """The paths that its steps spell out: agents have one folder."""
    return {to for step in case.steps if (to := str(step.operands.get("to", ""))).startswith("unix:")}


def few(some: Collection[Case]) -> list[Case]:
    """Of each scenario, domain and type, a few cases: the first, the last, and some between."""
    groups = defaultdict(list)
    for case in some:
        groups[case.topic, case.axes.get("domain"), case.axes.get("type")].append(case)
    return [cases[at * (len(cases) - 1) // (MOST - 1)] if len(cases) > MOST else cases[at]
            for cases in groups.values() for at in range(min(MOST, len(cases)))]


def is_quick(played: Played, fault: Fault) -> bool:
    """Whether a case is played for a fault: one that waits for a timer of the kernel, which ends an attempt of a stream
    socket alone, for what such a timer ends.
    """
    waits = has_timer(played.case) and played.case.axes.get("type") != "SOCK_DGRAM"
    return (not waits or fault.errno in ("ETIMEDOUT", "EHOSTUNREACH")
            or any(option in fault.text for option in ("TCP_", "SO_KEEPALIVE")))
