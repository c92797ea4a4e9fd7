"""Two targets side by side: the calls of a walk that each answers otherwise, whatever documents require.

Of what comes after a difference most comes from it. A walk goes on without the call that is answered otherwise, on both
targets, so that only causes are found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from specs.machine.oracle import Seen, follow
from specs.machine.traits import Answers, alike
from specs.model import Case, Transcript
from suites.walks.findings import PLAYS, PLAYS_BLOCKED, listing, summary
from suites.walks.walking import case_of, is_playable, own_steps, shrink

FILE, SCENARIO = "suites/walks/test_differential.py", "differential"
AGAIN = 3  # plays in which an answer of one target is none of the other's: in a race they may change places

Cause = tuple[str, str, str, str]  # a rule, as `alike` has it; the kind of socket, the answers


class Side(NamedTuple):
    """One of two targets. answers: what documents require of it."""

    name: str
    play: Callable[[Case], Transcript]
    answers: Answers


class Difference(NamedTuple):
    """One call that two targets answer otherwise. case: the shortest walk. seen: the call, on each of them."""

    case: Case
    seen: tuple[Seen, Seen]

    @property
    def step(self) -> int:
        return self.seen[0].step

    @property
    def cause(self) -> Cause:
        return alike(self.seen[0].rule), self.seen[0].kind, self.seen[0].word, self.seen[1].word


@dataclass
class Differential:
    """Compares two targets. known: what has been found already."""

    sides: tuple[Side, Side]
    known: set[Cause] = field(default_factory=set)

    def explore(self, case: Case) -> Iterator[Difference]:
        """What a walk shows and no earlier one has shown."""
        left: Case | None = named(case)
        while left and (found := self.first(left)):
            if found.cause not in self.known:
                self.known.add(found.cause)
                plays = PLAYS_BLOCKED if "blocks" in found.cause else PLAYS
                shortest = self.first(named(shrink(left, partial(self.shows, found), plays)))
                yield shortest if shortest and shortest.cause == found.cause else found
            left = without(left, found.step)

    def shows(self, found: Difference, case: Case) -> bool:
        """Whether a walk shows the same first."""
        seen = self.first(named(case))
        return seen is not None and seen.cause == found.cause

    def first(self, case: Case) -> Difference | None:
        """The first call that is answered otherwise, each time that it is played."""
        found = self.differing(case)
        for _ in range(AGAIN - 1):
            again = self.differing(case) if found else None
            if found and (again is None or (again.cause, again.step) != (found.cause, found.step)):
                return None
        return found

    def differing(self, case: Case) -> Difference | None:
        """The first call that is answered otherwise in one play; none where a target lacks what the walk is given."""
        one, other = (follow(case, side.play(case), side.answers) for side in self.sides)
        return next((Difference(case, both) for both in zip(one, other, strict=False) if both[0].word != both[1].word),
                    None)


def named(case: Case) -> Case:
    return replace(case, file=FILE, scenario=SCENARIO)


def without(case: Case, step: int) -> Case | None:
    """The walk without one call; None where that makes a socket that others are of."""
    steps = [one for at, one in enumerate(case.steps) if at != step]
    fewer = case_of(case.axes["domain"], case.axes["type"], own_steps(replace(case, steps=tuple(steps))), case.variant)
    return named(fewer) if is_playable(own_steps(fewer)) else None


def text(found: Difference, sides: tuple[Side, Side], name: str) -> str:
    """A difference in some lines: both answers, the clauses that each breaks, the walk as a scenario."""
    one, other = found.seen
    step = found.case.steps[one.step]
    departs = ((clause, side) for side, seen in zip(sides, found.seen, strict=True)
               for clause, _ in side.answers.breaks(seen.rule, seen.kind, seen.word))
    lines = [f"{step.text} gives {one.word} on {sides[0].name}, {other.word} on {sides[1].name}",
             f"rule     {one.rule}, {one.kind}, {len(own_steps(found.case))} calls",
             *(f"breaks   {clause} on {side.name}" for clause, side in departs)]
    return "\n".join([*lines, "as a scenario:", *(f"  {line}" for line in listing(found.case, name, summary(one)))])
