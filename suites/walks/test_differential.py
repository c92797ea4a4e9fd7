"""Walks on two targets (survey.walk): what they answer otherwise, each by the fewest calls that show it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from specs.machine.traits import Answers
from specs.model import Case, Transcript
from specs.record import Record
from suites.drawing import Drawn
from suites.outcome import attach
from suites.walks import differential
from suites.walks.walking import walks


def test_differential(drawn: Drawn, pytestconfig: pytest.Config) -> None:
    """As many walks as --walks says, on the first target of --target and on this one."""
    number, seed = pytestconfig.getoption("walks"), pytestconfig.getoption("walk_seed")
    first = next(iter(drawn.schedule.targets))
    if not (number and pytestconfig.getoption("differential")) or drawn.target == first:
        pytest.skip("two targets are compared by --differential --walks N --target ONE,OTHER")
    sides = side(drawn, first), side(drawn, drawn.target)
    compared, records, texts = differential.Differential(sides), list[Record](), list[str]()
    for case in walks(seed, number, sides[0].answers):
        for found in compared.explore(case):
            name = f"difference-{len(texts) + 1}"
            texts.append(differential.text(found, sides, name))
            records += [drawn.schedule.result(replace(found.case, variant=name), one.name) for one in sides]
    attach(drawn.item, records)
    if texts:
        pytest.fail("\n\n".join([*texts, f"{len(texts)} differences"]), pytrace=False)


def side(drawn: Drawn, name: str) -> differential.Side:
    def play(case: Case) -> Transcript:
        record: Record = drawn.schedule.result(case, name)
        return record.transcript()

    profile = drawn.schedule.profiles[name]
    return differential.Side(name, play, Answers(drawn.schedule.clauses, profile.manuals, profile.manuals))
