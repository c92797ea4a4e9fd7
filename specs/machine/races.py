"""Calls that overlap: whether some order of them explains what each answered (linearizability; Herlihy, Wing, 1990).

A call of a thread or of a child overlaps all calls between its own and pthread_join() or waitpid(), which has its
answer. An order is possible if it keeps every call that has ended before another began in front of that, and explains
the answers if the machine allows each in it. With the few calls of a race all orders are tried.

connect() of a blocking socket is one step of an order where it returns at once; where it waits it is two, the beginning
of its attempt and its return, and others come between. close() takes effect when the last descriptor of the socket is
closed, which a child may have; a thread that waits in connect() may hold the socket until it returns, or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from specs.machine.declared import entry_of
from specs.machine.oracle import FIXTURES, broken, first_state, word_of
from specs.machine.rules import ATTEMPTS, CLOSED, FULL, LOST, MOVES, Move, attempted, destination, lost, move, reach
from specs.machine.state import KINDS, Socket, State, closure
from specs.machine.traits import Answers
from specs.model import Case, Entry, Profile, Step, Transcript

JOINS = {"thread": "pthread_join", "process": "waitpid"}  # the operand that names a caller -> what has its answer
LATER = ("EINPROGRESS", "EAGAIN", "EINTR")  # what connect() of a blocking socket does not answer at once
RACED = {*MOVES, "accept-all"}
FORK = "posix.fork"  # by which a child's descriptors are of its parent's sockets


class Call(NamedTuple):
    """A call with its answer. begun, ended: the steps between which it took effect, both included.

    may_wait: it is connect() of a blocking socket. waits: it has begun its attempt, and is to return. signalled: a
    signal that is caught has been sent to its thread.
    """

    step: Step
    entry: Entry
    begun: int
    ended: int
    may_wait: bool = False
    waits: bool = False
    signalled: bool = False

    @property
    def ret(self) -> str:
        return self.entry.observed["ret"]


@dataclass(frozen=True)
class Rules:
    """What explains an answer. names: of the play."""

    answers: Answers
    profile: Profile
    names: dict[str, str] = field(default_factory=dict)

    def waits(self, kind: str) -> bool:
        """Whether connect() of a non-blocking socket waits for its attempt, as a request to a ring does."""
        first = f"connect/{Socket(kind).label}/{FULL}"
        return ("blocks" in self.answers.of_platform(first, kind)
                or entry_of(first, kind, "blocks", self.answers, self.profile) is not None)

    def allow(self, state: State, word: str, made: Move) -> bool:
        """Whether the machine allows it, or a bug of the platform's page has it."""
        return (not broken(state, word, made, self.answers)
                or entry_of(made.rule, state.kind, word, self.answers, self.profile) is not None)


def unexplained(case: Case, transcript: Transcript, answers: Answers, profile: Profile) -> Call | None:
    """The first call with whose answer no order is left that explains all that have ended by then.

    None of a play that ended before a caller was joined: what its call has done by then is unknown. Nor of one in which
    a child connects, where a bug of the platform's page is that child and parent do not share a socket.
    """
    if not is_decided(case, transcript, profile):
        return None
    start = frozenset({first_state(case.axes, transcript.names)})
    rules = Rules(answers, profile, dict(transcript.names))
    made = list(calls(case, transcript, rules.waits(KINDS[case.axes["domain"], case.axes["type"]])))
    for last in sorted(made, key=lambda one: one.ended):
        if not is_explained(start, [one for one in made if one.begun <= last.ended], last.ended, rules):
            return last
    return None


def is_decided(case: Case, transcript: Transcript, profile: Profile) -> bool:
    """Whether every call that a thread or a child made has returned, and its child has the sockets of the machine."""
    if any("process" in step.operands for step in case.steps) and any(one.clause == FORK for one in profile.deviations):
        return False
    joins = (transcript.of_step(at) for at, step in enumerate(case.steps) if step.verb in JOINS.values())
    return all(entry and entry.observed["ret"] != "blocks" for entry in joins)


# --- the calls of a race ------------------------------------------------------------------------------------


class Open:
    """The descriptors that there are while the steps of a race are gone through.

    sockets: of each descriptor the socket, which has the name of its first one. copies: of each child the sockets that
    it has. closed: the sockets of which this process has no descriptor any more, with the close() of the last.
    """

    def __init__(self) -> None:
        self.sockets = {name: name for name in (*FIXTURES, FULL, CLOSED)}
        self.copies: dict[str, set[str]] = {}
        self.closed: dict[str, int] = {}

    def canonical(self, step: Step) -> Step:
        """The step with each socket under its first name."""
        to = step.operands.get("to")
        operands = {**step.operands, "to": self.sockets.get(str(to), to)} if to else step.operands
        return replace(step, name=self.sockets.get(step.name, step.name), operands=operands)

    def gone(self, at: int, step: Step) -> Iterator[tuple[str, int]]:
        """Take note of a step; the sockets of which it takes the last descriptor, each with the step of its close()."""
        if step.verb in ("socket", "accept"):
            name = str(step.operands.get("as", step.name))
            self.sockets[name] = name
        elif step.verb == "dup":
            self.sockets[str(step.operands["as"])] = self.sockets[step.name]
        elif step.verb == "fork" or "process" in step.operands:
            self.copies[str(step.operands.get("process", step.name))] = {*self.sockets.values()}
        elif step.verb == "waitpid":
            self.copies.pop(step.name, None)
        elif step.verb == "close" and (socket := self.sockets.pop(step.name, "")) not in self.sockets.values():
            self.closed[socket] = at
        kept = {one for copies in self.copies.values() for one in copies}
        for socket in sorted(self.closed.keys() - kept):
            yield socket, self.closed.pop(socket)


def calls(case: Case, transcript: Transcript, waits: bool) -> Iterator[Call]:
    """The calls that the machine has rules for; one that was not joined has no answer, and is left out.

    waits: connect() waits on a non-blocking socket, too.
    """
    opened, waiting = Open(), list[Call]()
    blocking = {step.name for step in case.steps if step.verb == "socket"
                and (waits or not step.operands.get("nonblocking"))}
    for at, step in enumerate(case.steps):
        one, joined = opened.canonical(step), joined_at(case.steps, at)
        entry = transcript.of_step(joined)
        if entry and one.verb in RACED and one.verb != "close" and not is_void(case.steps, at, joined, entry):
            ended, is_signalled = signals(case.steps, at, joined)
            may_wait = one.verb == "connect" and one.name in blocking and joined > at
            yield Call(one, entry, at, ended, may_wait, signalled=is_signalled)
            waiting += [Call(one, entry, at, ended)] if may_wait else []
        for socket, closed in opened.gone(at, step):
            if entry := transcript.of_step(closed):
                held = [call.ended for call in waiting if call.step.name == socket]
                yield Call(replace(case.steps[closed], name=socket), entry, at, max([at, *held]))


def joined_at(steps: Sequence[Step], at: int) -> int:
    """The step that has the answer of a call: itself, or what joins its caller."""
    joins = {(verb, steps[at].operands[key]) for key, verb in JOINS.items() if key in steps[at].operands}
    later = (after for after in range(at, len(steps)) if (steps[after].verb, steps[after].name) in joins)
    return next(later, len(steps)) if joins else at


def is_void(steps: Sequence[Step], at: int, joined: int, entry: Entry) -> bool:
    """Whether a thread's call found its descriptor closed, which says nothing of the socket: others may have it."""
    closed = any((step.verb, step.name) == ("close", steps[at].name) for step in steps[at:joined])
    return closed and "thread" in steps[at].operands and entry.observed["ret"] == "EBADF"


def signals(steps: Sequence[Step], at: int, joined: int) -> tuple[int, bool]:
    """The step by which a call has returned, which is sooner than its join if signals are sent until then.

    And whether one that is caught is sent to its thread.
    """
    caught = {step.name for step in steps[:at] if step.verb == "sigaction"}
    sent = [after for after in range(at, min(joined, len(steps))) if steps[after].verb == "pthread_kill"
            and steps[after].name == steps[at].operands.get("thread")]
    ended = next((after for after in sent if not steps[after].operands.get("times")), joined)
    return ended, any(steps[after].operands["signal"] in caught for after in sent)


# --- an order of them ---------------------------------------------------------------------------------------


def is_explained(states: frozenset[State], left: Sequence[Call], until: int, rules: Rules) -> bool:
    """Whether some order of the calls that are left explains all that have ended by a step.

    One that ends later may have taken effect before, or not.
    """
    if all(one.ended > until for one in left):
        return True
    possible = (one for one in left if all(other.ended >= one.begun for other in left))
    return any(after and is_explained(after, rest, until, rules)
               for one in possible for after, rest in taken(states, one, left, rules))


def taken(states: frozenset[State], call: Call, left: Sequence[Call],
          rules: Rules) -> Iterator[tuple[frozenset[State], Sequence[Call]]]:
    """The states after a call, or after a part of one that waits, and what is left then."""
    others = [one for one in left if one is not call]
    if call.waits:
        if call.ret != "EINTR" or call.signalled:
            yield states_after(states, call, returns, rules), others
        return
    if not (call.may_wait and call.ret in LATER):
        yield states_after(states, call, makes, rules), others
    if call.may_wait:
        begun = frozenset(after for one in closure(set(states)) for after in begins(one, call, rules))
        yield begun, [*others, call._replace(waits=True)]


def states_after(states: frozenset[State], call: Call, of: Callable[[State, Step], Move],
                 rules: Rules) -> frozenset[State]:
    """The states after an answer, of those in which it is explained."""
    step, names = call.step, rules.names
    found = ((one, word_of(one, step, call.entry, names), of(one, step)) for one in closure(set(states)))
    return frozenset(made.then(word) for one, word, made in found if rules.allow(one, word, made))


def makes(state: State, step: Step) -> Move:
    """What a call that does not wait comes to."""
    return Move(f"{step.verb}/{LOST}", lambda _: with_space(state)) if step.name == FULL else move(state, step)


def with_space(state: State) -> State:
    """After listen() or accept() have made space in the full queue: what is pending there is established."""
    if FULL in state:
        return state
    after = state.put(FULL, Socket(state.kind, "listening", "own"))
    for name in (name for name, one in state.sockets if one.phase == "pending" and one.peer == FULL):
        after = reach(after.send(name, "established"), name, FULL)
    return after


def begins(state: State, call: Call, rules: Rules) -> Iterator[State]:
    """The states in which connect() waits: for an attempt, its own or another's, or for space."""
    socket, made = state.get(call.step.name), move(state, call.step)
    if socket.phase in ATTEMPTS:
        if rules.waits(state.kind) or rules.allow(state, "EINPROGRESS", made):
            yield made.then("EINPROGRESS")
        is_full = destination(state, call.step.name, str(call.step.operands["to"])) == FULL
        if is_full and rules.allow(state, "EAGAIN", made):  # what it answers where it may not wait for space
            yield state
    elif socket.phase == "pending":
        if rules.allow(state, "ok", Move(f"join/{socket.label}", made.then)):
            yield state
    elif socket.phase in (LOST, CLOSED):
        yield made.then("EINPROGRESS")


def returns(state: State, step: Step) -> Move:
    """What the return of a connect() that has waited comes to: it reports what its attempt has come to."""
    name, socket = step.name, state.get(step.name)

    def then(word: str) -> State:
        if word == "EINTR" or socket.phase in (LOST, CLOSED):
            return state
        if socket.phase == "refused":
            return attempted(state, name, CLOSED, word)
        if socket.phase == "connected":
            return state.change(name, reported=True) if word in ("ok", "EISCONN") else lost(state, name)
        return state

    return Move(f"return/{socket.label}", then)
