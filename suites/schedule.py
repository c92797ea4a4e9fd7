"""When a case is played: every one is a future on its target's pool, and those that wait are started first."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from fixtures import check, pairs
from fixtures.targets import Session, Target
from specs import baseline, load, pages, record
from specs.foresee import foresee
from specs.judge import judge
from specs.model import Case, Clause, PairProfile, Profile, SpecError
from specs.record import Record
from suites import engine
from suites.capability import DEFAULT_NETNS, has_concurrent_calls, netns_of
from suites.kept import kept
from suites.timeouts import has_timer, is_slow

DRIFT_PLAYS = 3  # of a case; what it gives in all of them has drifted
SLOW_S = 0.9  # a call that takes as long has waited for something: a SYN is sent again after a second
PENDING = Profile("", (), ())  # of a target on another machine, until its hello says what that is


class Turn(NamedTuple):
    """One case on one target. slow: whether it waits for a timer or for the call timeout, as far as is foreseen."""

    case: Case
    target: str
    slow: bool

    @property
    def key(self) -> tuple[str, str]:
        return self.case.id, self.target


class Schedule:
    """The targets of a run with their sessions and pages, and the cases that are played on them."""

    def __init__(self, targets: Mapping[str, Target], allow_drift: bool = False) -> None:
        self.targets, self.allow_drift = targets, allow_drift
        self.clauses: Mapping[str, Clause] = kept(pages.FOLDER.with_name("clauses"), load.clauses)
        self.profiles = {name: profile_of(target, self.clauses) for name, target in targets.items()}
        self.sessions = {name: pairs.session_of(target) for name, target in targets.items()}
        self.may_drift: dict[str, bool] = {}
        self.slow_pools = {name: ThreadPoolExecutor(target.agents, f"{name}-waits") for name, target in targets.items()}
        self.pool = ThreadPoolExecutor(os.cpu_count(), "plays")
        self.futures: dict[tuple[str, str], Future[Record]] = {}
        self.left: Counter[str] = Counter()  # cases that have not been played, by target
        self.lock = threading.Lock()  # of these numbers
        self.closed = False

    # targets

    def begin(self) -> None:
        """Let the laboratories start, while the cases are collected."""
        for session in self.sessions.values():
            session.begin()

    def open(self) -> dict[str, record.Target]:
        """Start every target, all at once; what each says of itself. RuntimeError: there is no thread for that."""
        opened = [self.slow_pools[name].submit(check.make_ready, session) for name, session in self.sessions.items()]
        self.pool.submit(int)  # its first thread
        for one in opened:
            one.result()
        for name, session in self.sessions.items():
            if self.profiles[name] is PENDING and session.hello:
                try:
                    self.profiles[name] = page_of(session.platform, self.clauses)
                except SpecError as problem:
                    session.unavailable = str(problem)
        return {name: record.Target(s.platform, {} if s.unavailable else s.hello, s.unavailable)
                for name, s in self.sessions.items()}

    def drifts(self, target: str) -> bool:
        """Whether observations may differ from the baseline: when that is asked for, and on a release not yet seen."""
        if target not in self.may_drift:
            session, platform = self.sessions[target], self.profiles[target].platform
            version = record.Target(platform, session.hello).version
            self.may_drift[target] = self.allow_drift or bool(baseline.other_releases(platform, version))
        return self.may_drift[target]

    def unmatched(self, cases: Collection[Case], drawn: Collection[str]) -> Iterator[str]:
        """What is wrong with the pages: a line for each entry that matches no case of the complete suite."""
        for profile in self.pages():
            yield from pages.unmatched(profile, list(cases), drawn)

    def unexplained(self) -> Iterator[str]:
        """One line for each page with bugs that lack a reason: until it has one, an entry is only a claim."""
        for profile in self.pages():
            if lacking := profile.unexplained():
                first = lacking[0]
                yield (f"{first.file}:{first.line}: no because or source; {len(lacking)} bugs of {profile.platform} "
                       "lack one: fill in why, or delete what cannot be explained")

    def pages(self) -> Iterable[Profile]:
        return {one.platform: one for one in self.profiles.values() if not isinstance(one, PairProfile)}.values()

    # cases

    def turn(self, case: Case, target: str) -> Turn:
        return Turn(case, target, is_slow(case, foresee(case, self.profiles[target])))

    def submit(self, turns: Collection[Turn]) -> None:
        """Let as many targets at once as there are processors play their cases; a slow one holds up no other."""
        self.futures |= {turn.key: Future() for turn in turns}
        with self.lock:
            self.left.update(turn.target for turn in turns)
        for name in self.targets:
            own = [turn for turn in turns if turn.target == name]
            if own:
                self.pool.submit(self.play_all, own).add_done_callback(partial(self.give_up, own))

    def give_up(self, turns: Iterable[Turn], done: Future[None]) -> None:
        """Hand what ended the play of a target to all that would wait for it in vain."""
        problem = None if done.cancelled() else done.exception()
        for future in (self.futures.get(turn.key) for turn in turns):
            if problem and future and not future.done():
                future.set_exception(problem)

    def result(self, case: Case, target: str) -> Record:
        """The record of a case: of one that was submitted, when it has been played; of any other now."""
        future = self.futures.get((case.id, target))
        if future is None:
            return self.play(case, target)
        found = future.result()
        del self.futures[case.id, target]
        return found

    def waiting(self) -> int:
        """How many cases that were submitted have not been played."""
        return sum(not future.done() for future in list(self.futures.values()))

    def play_all(self, turns: Collection[Turn]) -> None:
        """Play the cases of one target, in their order; those that wait meanwhile, each on an agent of its own.

        Those that wait for a timer are started first: that can take minutes, where the call timeout takes seconds.
        """
        later: dict[tuple[str, str], list[Turn]] = {}  # by file and scenario
        for turn in turns:
            later.setdefault((turn.case.file, turn.case.scenario), []).append(turn)
        submitted: set[tuple[str, str]] = set()
        self.submit_slow(sorted((one for one in turns if one.slow), key=lambda one: not has_timer(one.case)), submitted)
        for turn in turns:
            if turn.key in submitted:
                continue
            if self.closed:
                break
            submitted.add(turn.key)
            if self.settle(turn, own=False):
                self.submit_slow(later[turn.case.file, turn.case.scenario], submitted)

    def submit_slow(self, turns: Iterable[Turn], submitted: set[tuple[str, str]]) -> None:
        """Submit the rest of some cases that wait, or of a scenario in which a call has waited.

        Each has the time that it has alone, so that no verdict depends on it. A network other than the usual one has
        space for one case at a time.
        """
        for turn in turns:
            if turn.key not in submitted and (turn.slow or netns_of(turn.case) == DEFAULT_NETNS):
                submitted.add(turn.key)
                with contextlib.suppress(RuntimeError):  # one thread more; if there is none, others play the case
                    self.slow_pools[turn.target].submit(self.settle, turn, True)

    def settle(self, turn: Turn, own: bool) -> bool:
        """Play a case, and leave what came of it to its future; whether a call of it waited."""
        future = self.futures[turn.key]
        try:
            played = self.play(turn.case, turn.target, own)
        except BaseException as problem:  # noqa: BLE001 - whatever it is, the item that waits for it has to see it
            future.set_exception(problem)
            return False
        future.set_result(played)
        self.note_played(turn.target)
        return played.seconds >= SLOW_S and any(step.seconds >= SLOW_S for step in played.steps)

    def note_played(self, target: str) -> None:
        """End most agents of a target whose cases have been played: those of a sandbox or of a guest are costly.

        Only where others are still to be played; the agents of the last one end with the run.
        """
        with self.lock:
            self.left[target] -= 1
            ended = not self.left[target] and any(self.left.values())
        if ended:
            self.sessions[target].keep_one()

    def play(self, case: Case, target: str, own: bool = False) -> Record:
        """Play a case; one that drifts again, because a race may decide what is seen where nothing is required."""
        for _ in range(1 if self.drifts(target) else DRIFT_PLAYS):
            played = play(case, self.sessions[target], self.clauses, self.profiles[target], own)
            if played.verdict != "drifted":
                break
        return played

    def close(self) -> None:
        """End every play and every target, each though another cannot be; nothing is left to end a second time."""
        if self.closed:
            return
        self.closed = True
        with contextlib.ExitStack() as parts:  # the sessions first: what is being played sees its agent die
            for pool in [self.pool, *self.slow_pools.values()]:
                pool.shutdown(wait=False, cancel_futures=True)
                parts.callback(pool.shutdown)
            for session in self.sessions.values():
                parts.callback(session.close)


def page_of(platform: str, clauses: Mapping[str, Clause]) -> Profile:
    return kept(pages.FOLDER / f"{platform}.yaml", lambda: pages.profile(platform, clauses))


def profile_of(target: Target, clauses: Mapping[str, Clause]) -> Profile:
    """The page of a target, beside that of its peer if it has one."""
    own = page_of(target.platform, clauses) if target.platform else PENDING
    if target.peer is None:
        return own
    peer = profile_of(target.peer, clauses)
    return PairProfile(own.platform, own.manuals, own.deviations, own.withdrawn, peer=peer)


def play(case: Case, session: Session, clauses: Mapping[str, Clause], profile: Profile, own: bool = False) -> Record:
    """Play a case, judge it, and make the record. own: on an agent of its own."""
    transcript = engine.play(case, session, own or has_concurrent_calls(case), foresee(case, profile))
    judgement = judge(case, transcript, clauses, profile)
    return Record.of(case, transcript, judgement, session.target.name, profile.platform)
