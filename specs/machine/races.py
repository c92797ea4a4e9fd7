"""Calls that overlap: whether some order of them explains what each answered (linearizability; Herlihy, Wing, 1990).

A call of a thread overlaps all calls between its own and pthread_join(), which has its answer. An order is possible if
it keeps every call that has ended before another began in front of that, and explains the answers if the machine allows
each in it. With the few calls of a race all orders are tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from specs.machine.oracle import broken, first_state, word_of
from specs.machine.rules import MOVES, move
from specs.machine.state import State, closure
from specs.machine.traits import Answers
from specs.model import Case, Entry, Step, Transcript


class Call(NamedTuple):
    """A call with its answer. begun, ended: the steps between which it took effect, both included."""

    step: Step
    entry: Entry
    begun: int
    ended: int


def unexplained(case: Case, transcript: Transcript, answers: Answers) -> Call | None:
    """The first call with whose answer no order is left that explains all that have ended by then.

    None of a play that ended before a thread was joined: what its call has done by then is unknown.
    """
    joins = (at for at, step in enumerate(case.steps) if step.verb == "pthread_join")
    if not all(transcript.of_step(at) for at in joins):
        return None
    made = list(calls(case, transcript))
    start = frozenset({first_state(case.axes, transcript.names)})
    for last in sorted(made, key=lambda one: one.ended):
        if not is_explained(start, [one for one in made if one.begun <= last.ended], last.ended, transcript, answers):
            return last
    return None


def calls(case: Case, transcript: Transcript) -> Iterator[Call]:
    """The calls that the machine has rules for; a call whose thread was not joined has no answer, and is left out."""
    joins = {step.name: at for at, step in enumerate(case.steps) if step.verb == "pthread_join"}
    for at, step in enumerate(case.steps):
        ended = joins.get(str(step.operands.get("thread")), len(case.steps)) if "thread" in step.operands else at
        if step.verb in MOVES and (entry := transcript.of_step(ended)):
            yield Call(step, entry, at, ended)


def is_explained(states: frozenset[State], left: list[Call], until: int, transcript: Transcript,
                 answers: Answers) -> bool:
    """Whether some order of the calls that are left explains all that have ended by a step.

    One that ends later may have taken effect before, or not.
    """
    if all(one.ended > until for one in left):
        return True
    possible = (one for one in left if all(other.ended >= one.begun for other in left))
    return any(after and is_explained(after, [other for other in left if other is not one], until, transcript, answers)
               for one in possible if (after := states_after(states, one, transcript, answers)))


def states_after(states: frozenset[State], call: Call, transcript: Transcript, answers: Answers) -> frozenset[State]:
    """The states after a call, of those in which the machine allows what it answered."""
    found = ((one, word_of(one, call.step, call.entry, transcript.names), move(one, call.step))
             for one in closure(set(states)))
    return frozenset(made.then(word) for one, word, made in found if not broken(one, word, made, answers))
