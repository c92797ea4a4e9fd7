"""Follows a transcript through all states that it may be in, and holds every answer against the rules there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from specs.machine.rules import CLOSED, Move, is_judged, move
from specs.machine.state import KINDS, Socket, State, closure
from specs.machine.traits import RECORDED, Answers, Cause, alike, row_of
from specs.model import Case, Entry, Step, Transcript
from specs.outcomes import WILDCARD, part

MESSAGE = "abc"  # what is sent where one message is as good as another

SERVER, RECEIVER = "server", "peer"  # the names of a walk's listener and of its datagram receiver
FIXTURES = {SERVER: "listening", RECEIVER: "unconnected"}  # of those that calls can act on, the phase


class Seen(NamedTuple):
    """One call of a transcript under a rule.

    step: its index. broken: what it departs from, as `Answers` has it. sure: in no state that is possible is it under
    another rule. sent: what recv() is to return.
    """

    step: int
    rule: str
    kind: str
    word: str
    broken: str
    sure: bool
    sent: str = ""

    @property
    def cause(self) -> Cause:
        """What findings have in common that are one: the rule, or of an answer that breaks a clause the rule's row."""
        return (alike(self.rule) if self.broken == RECORDED else row_of(self.rule)), self.kind, self.word


def first_state(axes: Mapping[str, str], names: Collection[str]) -> State:
    """The state of a walk before its first call: the fixtures that it is given, by their names."""
    kind = KINDS[axes["domain"], axes["type"]]
    sockets = {name: Socket(kind, phase, "own") for name, phase in FIXTURES.items() if name in names}
    return State.of(sockets or {"": Socket(kind, CLOSED)})


def follow(case: Case, transcript: Transcript, answers: Answers) -> Iterator[Seen]:
    """Each call of a walk with the rule that it falls under.

    answers: what a rule allows. After an answer that no state allows, the states are those that follow from it in any.
    """
    states = {first_state(case.axes, transcript.names)}
    for entry in transcript.entries:
        step = None if entry.step is None else case.steps[entry.step]
        if step is None or step.verb == "fcntl":  # which makes a fixture's socket non-blocking
            continue
        found = [(one, word_of(one, step, entry, transcript.names), move(one, step))
                 for one in sorted(closure(states), key=in_flight)]
        kept = likeliest(found, answers)
        states = {made.then(word) for _, word, made in kept}
        state, word, made = kept[0]
        sure = len({(one[2].rule, one[1]) for one in kept}) == 1
        yield Seen(entry.step or 0, made.rule, state.kind, word, broken(state, word, made, answers), sure,
                   sent(state.get(step.name)))


def likeliest(found: Sequence[tuple[State, str, Move]], answers: Answers) -> Sequence[tuple[State, str, Move]]:
    """The states in which an answer is allowed; else in which it breaks no clause; else nothing recorded; else all."""
    departs = [(one, broken(*one, answers)) for one in found]
    orders = ([one for one, what in departs if not what],
              [one for one, what in departs if not any(answers.breaks(one[2].rule, one[0].kind, one[1]))],
              [one for one, what in departs if what != RECORDED])
    return next(filter(None, orders), found)


def broken(state: State, word: str, made: Move, answers: Answers) -> str:
    """What an answer departs from in one state."""
    return answers.broken(made.rule, state.kind, word) if is_judged(made.rule) else ""


def in_flight(state: State) -> tuple[int, State]:
    """States in which more has arrived come first: on loopback little takes time."""
    return sum(len(socket.coming) for _, socket in state.sockets), state


def word_of(state: State, step: Step, entry: Entry, names: Mapping[str, str]) -> str:
    """An answer in one word: an errno, ok, or what came back, as far as rules speak of it.

    Of recv() data: what was sent, whole and in order; other: less, more or altered; end: nothing.
    """
    observed = entry.observed
    if observed["ret"] != "ok":
        return observed["ret"]
    socket = state.get(step.name)
    if step.verb == "poll":
        return "|".join(sorted(filter(None, observed["revents"].split(",")))) or "none"
    if step.verb == "getsockopt":
        return observed["value"]
    if step.verb == "recv":
        came = observed["data"]
        return "end" if not came else "data" if came == quote(sent(socket)) else "other"
    if step.verb == "getsockname":
        return own(observed["name"])
    if step.verb == "getpeername":
        expected = names.get(socket.peer)
        return "peer" if expected in (None, observed["name"]) else "other"
    return "ok"


def sent(socket: Socket) -> str:
    """What recv() is to return: of a stream all that has arrived, in order, else the first message."""
    return "".join(socket.data if socket.kind in ("tcp", "unix") else socket.data[:1])


def own(name: str) -> str:
    """A socket's own name: none, bound, or any-host, a port without an address."""
    if not name.startswith("inet"):
        return "none" if name == "unnamed" else "bound"
    host, port = part("host", name), part("port", name)
    return "none" if port == "0" else "any-host" if host in WILDCARD else "bound"
