"""The transitions of the machine: which rules are reached from its first state, and a shortest walk to each.

A walk to a rule is one after which no state is possible in which its last call falls under another. It is of one
socket, its peer and the fixtures; a call goes on by the answers that the platform is recorded to give, and where it has
none, it ends the walk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from specs.machine.oracle import MESSAGE, RECEIVER, SERVER, first_state
from specs.machine.rules import CLOSED, FULL, HOW, LOST, Move, is_judged, move
from specs.machine.state import DATAGRAM, KINDS, Socket, State, closure
from specs.machine.traits import Answers
from specs.model import Step

OWN, ACCEPTED = "a", "accepted1"  # the sockets of a walk
LONGEST = 6  # calls of a walk, the one that makes its socket included

States = frozenset[State]


class Reached(NamedTuple):
    """A rule, and the shortest walk whose last call falls under it."""

    rule: str
    kind: str
    steps: tuple[Step, ...]


def reached(kind: str, answers: Answers) -> Iterator[Reached]:
    """Every rule that a walk of at most LONGEST calls reaches, once; the shortest walks come first."""
    axes = next(axes for axes, one in KINDS.items() if one == kind)
    fixture = RECEIVER if kind in DATAGRAM else SERVER
    first = first_state(dict(zip(("domain", "type"), axes, strict=True)), (fixture,)).put(OWN, Socket(kind))
    paths: dict[States, tuple[Step, ...]] = {frozenset((first,)): ()}
    rules: set[str] = set()
    last = list(paths)
    for _ in range(LONGEST - 1):
        before, last = last, []
        for states in before:
            for step in calls(states):
                moves = [(one, move(one, step)) for one in closure(set(states))]
                steps = (*paths[states], step)
                if is_sure(moves) and moves[0][1].rule not in rules:
                    rules.add(moves[0][1].rule)
                    yield Reached(moves[0][1].rule, kind, steps)
                for after in outcomes(moves, kind, answers):
                    if after not in paths:
                        paths[after] = steps
                        last.append(after)


def is_sure(moves: Sequence[tuple[State, Move]]) -> bool:
    return len({its.rule for _, its in moves}) == 1 and is_judged(moves[0][1].rule)


def outcomes(moves: Sequence[tuple[State, Move]], kind: str, answers: Answers) -> Iterator[States]:
    """The states after a call, of each answer that is given in any state before it."""
    after: dict[str, set[State]] = {}
    for _, its in moves:
        for word in answers.of_platform(its.rule, kind) if is_judged(its.rule) else ():
            after.setdefault(word, set()).add(its.then(word))
    yield from map(frozenset, after.values())


def calls(states: States) -> Iterator[Step]:
    """The calls of a walk in any of some states; which sockets there are is the same in all of them."""
    for name, socket in next(iter(states)).sockets:
        phases = {one.get(name).phase for one in states}
        if phases & {CLOSED, LOST} or name not in (OWN, ACCEPTED, SERVER, RECEIVER):
            continue
        if name == SERVER:
            yield observed("close", name)
            if ACCEPTED not in dict(next(iter(states)).sockets):
                yield observed("accept", name, **{"as": ACCEPTED})
            continue
        for verb in ("recv", "getsockname"):
            yield observed(verb, name)
        yield observed("getsockopt", name, option="SO_ERROR")
        yield observed("poll", name, events=("POLLIN", "POLLOUT"), timeout=0)
        if name != RECEIVER:
            yield from calls_of_own(name, socket)


def calls_of_own(name: str, socket: Socket) -> Iterator[Step]:
    """The calls that only a walk's own sockets are used for."""
    for to in ((RECEIVER,) if socket.is_datagram else (SERVER, FULL)) + (CLOSED, "unspec", name):
        if to != name or socket.bound == "own":
            yield observed("connect", name, to=to)
    for how in HOW:
        yield observed("shutdown", name, how=how)
    for verb, operands in CALLS.items():
        yield observed(verb, name, **operands)


CALLS: Mapping[str, Mapping[str, object]] = {
    "bind": {"to": "loopback"}, "listen": {"backlog": 4}, "accept": {"as": "stray"}, "send": {"data": MESSAGE},
    "getpeername": {}, "close": {}}


def observed(verb: str, name: str, **operands: object) -> Step:
    return Step(verb, name, operands, (), 0, observe=True)
