"""Races (survey.walk): of calls that overlap some order is to explain every answer (specs/machine/races.py)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from specs.machine.races import unexplained
from specs.model import Case
from suites.drawing import Drawn
from suites.outcome import attach
from suites.walks import findings, races
from suites.walks.test_walks import Walker


def test_races(drawn: Drawn, pytestconfig: pytest.Config) -> None:
    """As many races as --races says; the first of them that no order explains is shown by its fewest calls."""
    number, seed = pytestconfig.getoption("races"), pytestconfig.getoption("walk_seed")
    if not number:
        pytest.skip("races are played by --races N")
    walker = Walker(drawn)
    answers, profile = walker.explorer.answers, walker.explorer.profile

    def shows(case: Case) -> bool:
        return bool(unexplained(case, walker.play(case).transcript(), answers, profile))

    for case in (races.draw(seed, at) for at in range(number)):
        record = walker.play(case)
        walker.records += [record] if record.steps else []
        if found := unexplained(case, record.transcript(), answers, profile):
            fewest = races.shortest(case, shows)
            fewest = replace(fewest, variant="finding")
            walker.records.append(walker.play(fewest))
            attach(drawn.item, walker.records)
            pytest.fail(findings.race(fewest, found, record.transcript()), pytrace=False)
    attach(drawn.item, walker.records)
