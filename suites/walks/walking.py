"""Walks: calls that are drawn at random, each of which the machine's rules can judge.

A walk is a case like one of YAML: it is given its fixtures, and each of its calls is observed. All are drawn before any
is made, so that a seed is the same walk on every target and with every version of a library: `random` draws them, and
not Hypothesis, whose shrinker refuses an input that has two outcomes, as a race has.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import combinations, islice

from specs.machine import explore
from specs.machine.oracle import RECEIVER, SERVER
from specs.machine.rules import CLOSED, FULL
from specs.machine.state import DATAGRAM, KINDS
from specs.machine.traits import Answers
from specs.model import Case, Check, Given, Step, label

FILE, SCENARIO = "suites/walks/test_walks.py", "walks"
TOUR = "tour"  # the seed that draws nothing
SURVEY = Check("survey.walk", ())
SHORTEST, LONGEST = 4, 18  # calls that are drawn, beside the one that makes the first socket
STREAM = {SERVER: "listener", CLOSED: "closed-port", FULL: "full-queue"}
RECEIVERS = {RECEIVER: "bound-socket", CLOSED: "closed-port"}
SOCKETS = ("a", "b")
CARRIES = 0.2  # of walks begin with a connection, and send over it what is then received
STRAY = 0.1  # of the calls of accept() are of a socket that does not listen, or has no client


class Walk:
    """A walk while it is drawn.

    open: the sockets that calls may be of. bound: those that others may connect to. attempts: connect() calls at the
    listener for which accept() has not been called. serves: it is open.
    """

    def __init__(self, is_datagram: bool) -> None:
        self.is_datagram, self.serves = is_datagram, not is_datagram
        self.open: set[str] = set()
        self.bound: set[str] = set()
        self.attempts = self.accepted = 0
        self.steps: list[Step] = []

    def add(self, verb: str, name: str, **operands: object) -> None:
        self.steps.append(observed(verb, name, **operands))

    def any_socket(self, rng: random.Random) -> str:
        return rng.choice(sorted(self.open))


def observed(verb: str, name: str, **operands: object) -> Step:
    return Step(verb, name, operands, (SURVEY,), 0, observe=True)


def draw(seed: str, number: int) -> Case:
    """One walk of a seed. Each has a random part of the calls only, so that rare ones meet (swarm testing)."""
    rng = random.Random(f"{seed}:{number}")  # noqa: S311 - no secret
    (domain, type_), kind = rng.choice(sorted(KINDS.items()))
    calls = sorted(rng.sample(sorted(DRAWS), rng.randint(3, len(DRAWS)))) + ["connect"] * 2
    walk = Walk(kind in DATAGRAM)
    create(walk, rng)
    if rng.random() < CARRIES:
        open_(walk, rng)
        calls += ["send", "recv"] * 4
    for _ in range(rng.randint(SHORTEST, LONGEST)):
        DRAWS[rng.choice(calls)](walk, rng)
    return case_of(domain, type_, walk.steps, f"{seed}-{number}")


def walks(seed: str, number: int, answers: Answers) -> Iterator[Case]:
    """So many walks of a seed; of the tour, all that it has up to that."""
    return islice(tour(answers), number) if seed == TOUR else (draw(seed, at) for at in range(number))


def create(walk: Walk, _: random.Random) -> None:
    closed = [name for name in SOCKETS if name not in walk.open]
    if closed:
        walk.add("socket", closed[0], nonblocking=True)
        walk.open.add(closed[0])
        walk.bound.discard(closed[0])


def open_(walk: Walk, rng: random.Random) -> None:
    """Connect the first socket to the listener or the receiver, or to itself, and report that it is connected."""
    to = rng.choice([SOCKETS[0], RECEIVER if walk.is_datagram else SERVER])
    if to == SOCKETS[0]:
        bind(walk, rng)
    for _ in range(1 if walk.is_datagram else 2):
        walk.attempts += to == SERVER
        walk.add("connect", SOCKETS[0], to=to)
    if to == SERVER:
        walk.attempts = 1
        accept(walk, rng)


def bind(walk: Walk, rng: random.Random) -> None:
    name = walk.any_socket(rng)
    walk.add("bind", name, to="loopback")
    walk.bound |= {name} & set(SOCKETS)


def connect(walk: Walk, rng: random.Random) -> None:
    name = walk.any_socket(rng)
    fixtures = (RECEIVER, RECEIVER, CLOSED) if walk.is_datagram else (SERVER, SERVER, SERVER, CLOSED, CLOSED, FULL)
    others = [one for one in walk.bound & walk.open if walk.is_datagram or one == name]
    to = rng.choice([*fixtures, "unspec", *sorted(others)])
    walk.attempts += to == SERVER
    walk.add("connect", name, to=to)


def accept(walk: Walk, rng: random.Random) -> None:
    if not (walk.attempts and walk.serves) or rng.random() < STRAY:
        walk.add("accept", walk.any_socket(rng), **{"as": f"stray{len(walk.steps)}"})
        return
    walk.attempts -= 1
    walk.accepted += 1
    name = f"accepted{walk.accepted}"
    walk.add("accept", SERVER, **{"as": name})
    walk.add("fcntl", name, cmd="F_SETFL", flags=("O_NONBLOCK",))
    walk.open.add(name)


def close(walk: Walk, rng: random.Random) -> None:
    name = rng.choice([*sorted(walk.open), *([SERVER] if walk.serves else [])])
    walk.serves &= name != SERVER
    walk.add("close", name)
    walk.open.discard(name)
    if not walk.open:
        create(walk, rng)


def send(walk: Walk, rng: random.Random) -> None:
    """Each message is another, so that a lost, an altered and a late one show."""
    walk.add("send", walk.any_socket(rng), data=f"m{len(walk.steps):02}")


def plain(verb: str, of_receiver: bool = False, **operands: object) -> Callable[[Walk, random.Random], None]:
    """Draws a call that leaves nothing for later ones to be drawn by; of_receiver: it may be of the fixture, too."""
    def call(walk: Walk, rng: random.Random) -> None:
        more = [RECEIVER] if walk.is_datagram and of_receiver else []
        walk.add(verb, rng.choice(sorted(walk.open) + more),
                 **{key: rng.choice(value) if isinstance(value, list) else value for key, value in operands.items()})

    return call


DRAWS: dict[str, Callable[[Walk, random.Random], None]] = {
    "socket": create, "bind": bind, "connect": connect, "accept": accept, "close": close,
    "listen": plain("listen", backlog=4), "shutdown": plain("shutdown", how=["SHUT_RD", "SHUT_WR", "SHUT_RDWR"]),
    "send": send, "recv": plain("recv", of_receiver=True),
    "poll": plain("poll", of_receiver=True, events=("POLLIN", "POLLOUT"), timeout=0),
    "getsockopt": plain("getsockopt", of_receiver=True, option="SO_ERROR"),
    "getsockname": plain("getsockname", of_receiver=True), "getpeername": plain("getpeername")}


# --- every rule ---------------------------------------------------------------------------------------------


def tour(answers: Answers) -> Iterator[Case]:
    """The shortest walk to each rule that the machine has within a few calls."""
    found = {kind: list(explore.reached(kind, answers)) for kind in sorted(set(KINDS.values()))}
    for (domain, type_), kind in sorted(KINDS.items()):
        for at, one in enumerate(found[kind]):
            yield case_of(domain, type_, toured(one.steps), f"{TOUR}-{kind}-{label('domain', domain)}-{at}")


def toured(steps: Sequence[Step]) -> list[Step]:
    """The calls of a tour's walk, with those that make its sockets."""
    made = [observed("socket", explore.OWN, nonblocking=True)]
    for step in steps:
        made.append(observed(step.verb, step.name, **step.operands))
        if step.operands.get("as") == explore.ACCEPTED:
            made.append(observed("fcntl", explore.ACCEPTED, cmd="F_SETFL", flags=("O_NONBLOCK",)))
    return made


# --- as a case ----------------------------------------------------------------------------------------------


def case_of(domain: str, type_: str, steps: Sequence[Step], variant: str) -> Case:
    """The calls as a case, which is given what they name; fixtures that they are of are made non-blocking."""
    fixtures = RECEIVERS if KINDS[domain, type_] in DATAGRAM else STREAM
    named = {word for step in steps for word in (step.name, str(step.operands.get("to", "")))}
    given = tuple(Given(word, name, {}, 0) for name, word in fixtures.items() if name in named)
    subjects = {step.name for step in steps}
    unblocked = tuple(observed("fcntl", one.name, cmd="F_SETFL", flags=("O_NONBLOCK",))
                      for one in given if one.name in subjects)
    return Case(FILE, SCENARIO, "A random walk.", {"domain": domain, "type": type_}, variant, given,
                (*unblocked, *steps), 0)


def own_steps(case: Case) -> list[Step]:
    """The calls that were drawn."""
    fixtures = {given.name for given in case.given}
    return [step for step in case.steps if step.verb != "fcntl" or step.name not in fixtures]


def is_playable(steps: Sequence[Step]) -> bool:
    """Whether each call is of a descriptor that is open: a closed one may have its number in use again."""
    is_open = {SERVER, RECEIVER, FULL}
    for step in steps:
        if step.verb in ("socket", "fork", "sigaction"):
            is_open.add(step.name)
        elif step.name not in is_open:
            return False
        is_open |= {str(step.operands[key]) for key in ("as", "thread", "process") if key in step.operands}
        if step.verb == "close":
            is_open.discard(step.name)
    return True


def shrink(case: Case, holds: Callable[[Case], bool], plays: int) -> Case:
    """The walk without the calls that a property does not need.

    Of those that are left neither one, nor two, nor all of one socket can be left out. plays: at most so many walks are
    tried.
    """
    steps = dict(enumerate(own_steps(case)))
    length = max(1, len(steps) // 2)
    while plays:
        is_smaller = False
        for left_out in parts(dict(steps), length):
            fewer = {at: step for at, step in steps.items() if at not in left_out}
            if not plays or len(fewer) + len(left_out) > len(steps) or not is_playable([*fewer.values()]):
                continue
            plays -= 1
            smaller = case_of(case.axes["domain"], case.axes["type"], [*fewer.values()], case.variant)
            if holds(smaller):
                steps, case, is_smaller = fewer, smaller, True
        if length == 0 and not is_smaller:
            break
        length = length // 2 if length > 1 or (length == 1 and not is_smaller) else 1
    return case


def parts(steps: Mapping[int, Step], length: int) -> Iterator[Collection[int]]:
    """What may be left out of a walk at once: so many calls in a row; of length 0, all of a socket, and any two."""
    if length:
        yield from ([*steps][first:first + length] for first in reversed(range(0, len(steps), length)))
        return
    for name in sorted({step.name for step in steps.values()}):
        yield [at for at, step in steps.items() if name in (step.name, step.operands.get("as"))]
    yield from combinations(reversed(steps), 2)


def walks_to(axes: Mapping[str, str], same: Callable[[str], bool], answers: Answers) -> Iterator[Case]:
    """The shortest walks to some rules, where the machine has any."""
    domain, type_ = axes["domain"], axes["type"]
    yield from (case_of(domain, type_, toured(one.steps), TOUR)
                for one in explore.reached(KINDS[domain, type_], answers) if same(one.rule))
