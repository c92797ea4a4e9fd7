"""Random walks (survey.walk), of which every answer is held against the reference machine (specs/machine/)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from specs.machine.traits import Answers
from specs.model import Case
from specs.record import Record
from suites.drawing import Drawn
from suites.outcome import attach
from suites.walks import findings
from suites.walks.walking import walks


class Walker:
    """Plays walks on one target. records: of every walk, and of the shortest that shows each finding."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn, self.schedule = drawn, drawn.schedule
        self.records: list[Record] = []
        profile = self.schedule.profiles[drawn.target]
        answers = Answers(self.schedule.clauses, profile.manuals, profile.manuals)
        self.explorer = findings.Explorer(lambda case: self.play(case).transcript(), answers)

    def play(self, case: Case) -> Record:
        return self.schedule.result(case, self.drawn.target)

    def walk(self, case: Case) -> Iterator[findings.Finding]:
        record = self.play(case)
        if record.steps:  # none where the target lacks the domain
            self.records.append(record)
        yield from self.explorer.explore(case, record.transcript())

    def keep(self, finding: findings.Finding, name: str) -> None:
        """Record the shortest walk too, with the clause that it breaks as a check, for `explain` and `reproduce`."""
        self.records.append(self.play(replace(findings.checked(finding), variant=name)))


def test_walks(drawn: Drawn, pytestconfig: pytest.Config) -> None:
    """As many walks as --walks says; what they find is listed once all have been played."""
    number, seed = pytestconfig.getoption("walks"), pytestconfig.getoption("walk_seed")
    if not number:
        pytest.skip("walks are played by --walks N")
    walker = Walker(drawn)
    texts: list[str] = []
    for case in walks(seed, number, walker.explorer.answers):
        for finding in walker.walk(case):
            name = f"finding-{len(texts) + 1}"
            walker.keep(finding, name)
            texts.append(findings.text(finding, walker.schedule.clauses, name))
    attach(drawn.item, walker.records)
    if texts:
        pytest.fail("\n\n".join(texts), pytrace=False)
