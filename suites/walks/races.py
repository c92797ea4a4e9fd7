"""Races: connect() in threads and in a child against calls beside it, on one socket, drawn at random.

In half of them the socket is blocking, so that connect() may wait. What it waits for is in the race: a signal that is
sent until the call returns, or accept(), which makes space. The calls beside it are such as do not wait.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from specs.machine.explore import ACCEPTED, OWN
from specs.machine.oracle import MESSAGE, SERVER
from specs.machine.races import JOINS
from specs.machine.rules import CLOSED, FULL, HOW
from specs.machine.state import DATAGRAM, KINDS
from specs.model import Case, Step
from suites.walks.walking import case_of, observed, own_steps, shrink

FILE, SCENARIO = "suites/walks/test_races.py", "races"
STREAMS = sorted(axes for axes, kind in KINDS.items() if kind not in DATAGRAM)
THREADS = ("one", "two")
CHILD, IDLE, TWIN = "child", "idle", "twin"  # a child that connects, one that only has copies; a further descriptor
SIGNAL = "SIGUSR1"
PLAYS = 20  # of a race while it is shrunk, each so often
BLOCKING, FORKED, SHARED = 0.5, 0.15, 0.2  # of races: with a blocking socket, a child that connects, a shared socket
SPACED = {"tcp": 0.03, "unix": 0.5, "packets": 0.5}  # of ends by space; TCP repeats its SYN after a second only


def prepared(verb: str, name: str, **operands: object) -> Step:
    """A call that a race needs, and that has to succeed."""
    return Step(verb, name, operands, (), 0)


def connect(rng: random.Random, name: str = OWN, **operands: object) -> Step:
    to = rng.choice((SERVER, SERVER, SERVER, CLOSED, CLOSED, FULL, FULL, "unspec"))
    return observed("connect", name, to=to, **operands)


SPACE = (prepared("listen", FULL, backlog=16), prepared("accept-all", FULL))  # for all that wait
Draw = Callable[[random.Random, str], Step]
BESIDE: tuple[Draw, ...] = (
    lambda *_: observed("accept", SERVER, **{"as": ACCEPTED}),
    lambda *_: observed("close", SERVER),
    lambda _, name: observed("close", name),
    lambda _, name: observed("getpeername", name),
    lambda _, name: observed("getsockopt", name, option="SO_ERROR"),
    lambda _, name: observed("listen", name, backlog=4),
    lambda _, name: observed("poll", name, events=("POLLIN", "POLLOUT"), timeout=0),
    lambda rng, name: observed("shutdown", name, how=rng.choice(sorted(HOW))),
)
UNBLOCKED: tuple[Draw, ...] = (*BESIDE, lambda _, name: observed("send", name, data=MESSAGE),
                               lambda _, name: observed("recv", name), connect)
BLOCKED: tuple[Draw, ...] = (
    *BESIDE,
    lambda _, name: observed("connect", name, to="unspec"),
    lambda rng, _: prepared("pthread_kill", THREADS[0], signal=SIGNAL, times=rng.randint(1, 2)),
)


def draw(seed: str, number: int) -> Case:
    """One race of a seed: what is before it, the calls that overlap, what ends them, and two that show the result."""
    rng = random.Random(f"race:{seed}:{number}")  # noqa: S311 - no secret
    domain, type_ = rng.choice(STREAMS)
    blocks = rng.random() < BLOCKING
    steps = [observed("socket", OWN, nonblocking=True)] if not blocks else [observed("socket", OWN),
                                                                           prepared("sigaction", SIGNAL)]
    steps += [connect(rng)] if not blocks and rng.random() < 0.4 else []
    shared = rng.choice((TWIN, IDLE)) if rng.random() < SHARED else ""
    steps += {TWIN: [prepared("dup", OWN, **{"as": TWIN})], IDLE: [prepared("fork", IDLE)]}.get(shared, [])
    names = (OWN, TWIN) if shared == TWIN else (OWN,)
    callers = [connect(rng, rng.choice(names), thread=one) for one in THREADS[:rng.randint(1, len(THREADS))]]
    if rng.random() < FORKED:
        callers[-1] = connect(rng, rng.choice(names), process=CHILD)
    beside = [call(rng, rng.choice(names)) for call in rng.sample(BLOCKED if blocks else UNBLOCKED, 3 - len(callers))]
    steps += [*callers, *(one for one in beside if one.verb != "pthread_kill" or "thread" in callers[0].operands)]
    steps += [*(ends(rng, KINDS[domain, type_], callers) if blocks else ()), *joins(callers)]
    steps += [prepared("waitpid", IDLE)] if shared == IDLE else []
    last = next((one for one in names if not any((it.verb, it.name) == ("close", one) for it in steps)), OWN)
    steps += [prepared("fcntl", last, cmd="F_SETFL", flags=("O_NONBLOCK",))] if blocks else []
    steps += [observed("getsockopt", last, option="SO_ERROR"), observed("connect", last, to=SERVER)]
    return race(domain, type_, without_closed(steps), f"{seed}-{number}")


def ends(rng: random.Random, kind: str, callers: Sequence[Step]) -> Iterator[Step]:
    """What ends each connect() that may wait: space in the full queue, or a signal to its thread.

    A child's may wait for the attempt of a thread, which goes on when that is interrupted.
    """
    waits = any(one.operands["to"] == FULL for one in callers)
    if waits and (any("process" in one.operands for one in callers) or rng.random() < SPACED[kind]):
        yield from SPACE
    yield from (prepared("pthread_kill", str(one.operands["thread"]), signal=SIGNAL) for one in callers
                if "thread" in one.operands)


def joins(callers: Sequence[Step]) -> Iterator[Step]:
    for one in callers:
        yield from (observed(verb, str(one.operands[key])) for key, verb in JOINS.items() if key in one.operands)


def without_closed(steps: Sequence[Step]) -> list[Step]:
    """Without calls of a descriptor that is closed, but for those that overlap with that."""
    kept: list[Step] = []
    for step in steps:
        if not any((one.verb, one.name) == ("close", step.name) for one in kept):
            kept.append(step)
    return kept


def race(domain: str, type_: str, steps: Sequence[Step], variant: str) -> Case:
    return replace(case_of(domain, type_, steps, variant), file=FILE, scenario=SCENARIO, summary="A race.")


def of_callers(steps: Sequence[Step]) -> list[tuple[str, str]]:
    """The calls without which one that was made elsewhere is not joined, or does not return."""
    needed = {*JOINS.values(), "pthread_kill", "sigaction", "fork"}
    return [(step.verb, step.name) for step in steps
            if step.verb in needed or step in SPACE or JOINS.keys() & step.operands.keys()]


def shortest(case: Case, shows: Callable[[Case], bool]) -> Case:
    """The race without the calls, and without the callers, that it does not need. shows: plays it once."""
    def as_race(fewer: Case) -> Case:
        return replace(fewer, file=FILE, scenario=SCENARIO, summary=case.summary)

    def often(fewer: Case) -> bool:
        return any(shows(as_race(fewer)) for _ in range(PLAYS))

    for name in (*THREADS, CHILD, IDLE):
        alone = [step for step in case.steps if name not in (step.name, *map(step.operands.get, JOINS))]
        own = own_steps(replace(case, steps=tuple(alone)))
        fewer = as_race(case_of(case.axes["domain"], case.axes["type"], own, case.variant))
        case = fewer if len(alone) < len(case.steps) and often(fewer) else case
    needed = of_callers(case.steps)
    return as_race(shrink(case, lambda fewer: of_callers(fewer.steps) == needed and often(fewer), PLAYS))
