"""Data is checked wherever a connection is made: where it arrives altered, every such case fails.

A connect() that returns 0 and does not connect well is seen by nothing but what is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from fixtures import targets
from fixtures.targets import Session
from specs import load, pages
from specs.foresee import foresee
from specs.judge import judge
from specs.model import FAILING, Case, Profile, Transcript
from suites import engine
from suites.selftest import faulty
from suites.selftest.house import cases, clauses
from suites.timeouts import is_slow

# Scenarios in which a connection is made and no data is looked at, with the reason.
CLOSED = "the listener closes before it accepts: no socket is at the other end"
SHUT_DOWN = "what shutdown() before connect() leaves of the connection is the scenario's own question"
EITHER = "its axis or chance chooses one of two listeners; description/name.yaml::selects-the-listener has such data"
RESET = "the peer resets the connection before any data, which is the scenario's own question"
UNCHECKED = {
    "survey/self-connect.yaml::by-chosen-port":
        "bound-to-that-address has such data; what waited here would keep the network's one port",
    "survey/shared-port.yaml::connects-to-itself": "what waited here would keep the network's one port",
    "survey/closed-listener.yaml::poll": CLOSED,
    "survey/closed-listener.yaml::connect": CLOSED,
    "survey/closed-listener.yaml::recv": CLOSED,
    "survey/closed-listener.yaml::send": CLOSED,
    "errors/ECONNRESET.yaml::listener-closes-before-accept": CLOSED,
    "description/fork.yaml::listener": "its listener is the child's alone, which accepts no client",
    "description/stream.yaml::path": "its listener is the laboratory's, outside the target, which accepts no client",
    "survey/shutdown-first.yaml::connect": SHUT_DOWN,
    "survey/shutdown-first.yaml::send-after-connect": SHUT_DOWN,
    "description/select.yaml::ready-for-reading": RESET,
    "survey/connect-after-close.yaml::reset-before-data-and-poll": RESET,
    "survey/connect-after-close.yaml::first-call-is-connect": RESET,
    "survey/threads.yaml::close-while-waiting": "its client has been closed",
    "survey/threads.yaml::replace-while-waiting": "its client has been closed",
    "survey/threads.yaml::close-under-accept": "its listener has been closed",
    "survey/threads.yaml::two-threads-two-addresses": EITHER,
    "survey/threads.yaml::second-connect-while-waiting-by-path": EITHER,
    "description/nonblocking.yaml::connects-from-any-fresh-state": EITHER,
    "description/nonblocking.yaml::connects-from-any-fresh-state-by-path": EITHER,
    "survey/state-after-failure.yaml::connect-after-failure-by-path": EITHER,
}


def scenario(case: Case) -> str:
    return f"{case.file}::{case.scenario}".removeprefix("suites/")


@cache
def chosen() -> dict[str, Case]:
    """A case of each scenario of streams."""
    return {scenario(case): case for case in cases() if case.axes.get("type") in ("SOCK_STREAM", "SOCK_SEQPACKET")}


class Altered:
    """What the cases do where each first byte arrives altered; those that wait are started at once."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor) -> None:
        file = folder / "targets.yaml"
        file.write_text(faulty.target("altered", faulty.ALTERED))
        (target,) = targets.choose(load.targets(file), ["altered"]).values()
        self.session = Session(target)
        self.session.open()
        self.profile: Profile = pages.profile(self.session.target.platform, clauses())
        self.waiting = {name: pool.submit(self.play, case, True) for name, case in chosen().items()
                        if is_slow(case, foresee(case, self.profile))}

    def play(self, case: Case, own: bool = False) -> Transcript:
        return engine.play(case, self.session, own, foresee(case, self.profile))

    def of(self, name: str) -> Transcript:
        waiting: Future[Transcript] | None = self.waiting.get(name)
        return waiting.result() if waiting else self.play(chosen()[name])


@pytest.fixture(scope="module")
def altered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Altered]:
    with ThreadPoolExecutor(24) as pool:
        made = Altered(tmp_path_factory.mktemp("altered"), pool)
        yield made
        pool.shutdown(cancel_futures=True)  # another worker of pytest-xdist looks at what was not asked for here
        made.session.close()


ELSEWHERE = re.compile("thread=|process=")  # where connect() is made, which only begins there


def connects(transcript: Transcript) -> bool:
    """Whether a step makes a connection: a connect() that returns 0, or one that goes on until there is a peer."""
    attempted: set[str] = set()
    for entry in transcript.entries:
        ret, dissolves = entry.observed["ret"], "unspec:" in entry.request or "bytes:" in entry.request
        if entry.step is None or dissolves:
            continue
        succeeds = entry.observed == {"ret": "ok"}  # another call that a thread has made gives events
        if entry.verb in ("connect", "pthread_join") and succeeds and not ELSEWHERE.search(entry.request):
            return True
        if entry.verb == "connect":
            attempted.add(entry.subject)
        if entry.verb == "getpeername" and ret == "ok" and entry.subject in attempted:
            return True
    return False


@pytest.mark.parametrize("name", sorted(chosen()))
def test_altered_data_fails(altered: Altered, name: str) -> None:
    transcript = altered.of(name)
    judgement = judge(chosen()[name], transcript, clauses(), altered.profile)
    if judgement.verdict == "unsupported":
        pytest.skip(judgement.reason)
    if connects(transcript):
        sees = judgement.verdict in FAILING
        assert sees or name in UNCHECKED, "no check sees data arrive: {exchange: …, expect: {data: intact}}"
        assert not (sees and name in UNCHECKED), "a check sees it; take it out of UNCHECKED"
    else:
        assert name not in UNCHECKED, "no connection is made"
