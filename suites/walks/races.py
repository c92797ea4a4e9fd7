"""Races: connect() on one thread or two against calls beside it, on one socket, drawn at random.

The threads' sockets are non-blocking: what a race decides is the order of calls, and none of them waits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from specs.machine.explore import ACCEPTED, OWN
from specs.machine.oracle import MESSAGE, SERVER
from specs.machine.rules import CLOSED, FULL, HOW
from specs.machine.state import DATAGRAM, KINDS
from specs.model import Case, Step
from suites.walks.walking import case_of, observed, shrink

FILE, SCENARIO = "suites/walks/test_races.py", "races"
STREAMS = sorted(axes for axes, kind in KINDS.items() if kind not in DATAGRAM)
THREADS = ("one", "two")
PLAYS = 20  # of a race while it is shrunk, each so often


def connect(rng: random.Random, **operands: object) -> Step:
    return observed("connect", OWN, to=rng.choice((SERVER, SERVER, SERVER, CLOSED, CLOSED, FULL, "unspec")), **operands)


BESIDE: tuple[Callable[[random.Random], Step], ...] = (
    lambda _: observed("accept", SERVER, **{"as": ACCEPTED}),
    lambda _: observed("close", SERVER),
    lambda _: observed("close", OWN),
    lambda _: observed("send", OWN, data=MESSAGE),
    lambda _: observed("recv", OWN),
    lambda _: observed("getpeername", OWN),
    lambda _: observed("getsockopt", OWN, option="SO_ERROR"),
    lambda _: observed("listen", OWN, backlog=4),
    lambda _: observed("poll", OWN, events=("POLLIN", "POLLOUT"), timeout=0),
    lambda rng: observed("shutdown", OWN, how=rng.choice(sorted(HOW))),
    connect,
)


def draw(seed: str, number: int) -> Case:
    """One race of a seed: what is before it, the calls that overlap, and two that show what came of them."""
    rng = random.Random(f"race:{seed}:{number}")  # noqa: S311 - no secret
    domain, type_ = rng.choice(STREAMS)
    steps = [observed("socket", OWN, nonblocking=True), *([connect(rng)] if rng.random() < 0.4 else [])]
    threads = THREADS[:rng.randint(1, len(THREADS))]
    steps += [connect(rng, thread=one) for one in threads]
    steps += [call(rng) for call in rng.sample(BESIDE, 3 - len(threads))]
    steps += [observed("pthread_join", one) for one in threads]
    steps += [observed("getsockopt", OWN, option="SO_ERROR"), observed("connect", OWN, to=SERVER)]
    return race(domain, type_, without_closed(steps), f"{seed}-{number}")


def without_closed(steps: Sequence[Step]) -> list[Step]:
    """Without calls of a socket that is closed, but for those that overlap with that."""
    closed = next((at for at, step in enumerate(steps) if step.verb == "close" and step.name == OWN), len(steps))
    return [step for at, step in enumerate(steps) if at <= closed or step.name != OWN]


def race(domain: str, type_: str, steps: Sequence[Step], variant: str) -> Case:
    return replace(case_of(domain, type_, steps, variant), file=FILE, scenario=SCENARIO, summary="A race.")


def names(case: Case, verb: str) -> Iterator[str]:
    """The threads that a race starts by connect(), or joins."""
    for step in case.steps:
        if step.verb == verb and (verb == "pthread_join" or "thread" in step.operands):
            yield str(step.operands.get("thread", step.name))


def shortest(case: Case, shows: Callable[[Case], bool]) -> Case:
    """The race without the calls that it does not need. shows: plays it once."""
    def often(fewer: Case) -> bool:
        again = replace(fewer, file=FILE, scenario=SCENARIO, summary=case.summary)
        threads, joined = ({*names(again, key)} for key in ("connect", "pthread_join"))
        return threads == joined and any(shows(again) for _ in range(PLAYS))

    return replace(shrink(case, often, PLAYS), file=FILE, scenario=SCENARIO, summary=case.summary)
