"""Transition coverage: which answers of which rules are used, by a walk or by what a scenario expects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from specs.machine.expected import as_walk, expectations
from specs.machine.explore import reached
from specs.machine.state import KINDS
from specs.machine.traits import Answers, row_of
from specs.model import Case


class Transition(NamedTuple):
    """A rule, or a row of rules; a kind of socket; an answer, or nothing where none is known."""

    rule: str
    kind: str
    word: str

    @property
    def of_row(self) -> Transition:
        return self._replace(rule=row_of(self.rule))


def transitions(answers: Answers) -> Iterator[Transition]:
    """All of the machine: of each rule that is reached what the platform has answered and what documents name."""
    for kind in sorted(set(KINDS.values())):
        for one in reached(kind, answers):
            yield from (Transition(one.rule, kind, word) for word in answers.given(one.rule, kind) or ("",))


def expected(cases: Iterable[Case], answers: Answers) -> set[Transition]:
    """Those that scenarios expect, by their rows: what documents name is stated there."""
    return {Transition(one.rule, one.kind, one.word).of_row for case in cases if (walk := as_walk(case))
            for one in expectations(walk, answers)}


def neither(every: Iterable[Transition], walked: Collection[Transition],
           stated: Collection[Transition]) -> list[Transition]:
    """walked: by walks, under their rules. stated: by scenarios, under their rows."""
    return sorted(one for one in every if one not in walked and one.of_row not in stated)
