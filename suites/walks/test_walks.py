"""Random walks (survey.walk), of which every answer is held against the reference machine (specs/machine/)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from specs.machine.traits import Answers
from specs.model import Case
from specs.record import Record
from suites.drawing import Drawn
from suites.options import DOCUMENTS
from suites.outcome import attach
from suites.walks import findings
from suites.walks.walking import own_steps, walks


class Walker:
    """Plays walks on one target. records: of every walk, and of the shortest that shows each finding."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn, self.schedule = drawn, drawn.schedule
        self.records: list[Record] = []
        profile, named = self.schedule.profiles[drawn.target], drawn.item.config.getoption("walk_as")
        platforms = profile.manuals if named is None else [] if named == DOCUMENTS else [named]
        answers = Answers(self.schedule.clauses, profile.manuals, platforms)
        self.explorer = findings.Explorer(lambda case: self.play(case).transcript(), answers, profile)

    def play(self, case: Case) -> Record:
        return self.schedule.result(case, self.drawn.target)

    def walk(self, case: Case) -> Iterator[findings.Finding]:
        record = self.play(case)
        if record.steps:  # none where the target lacks the domain
            self.records.append(record)
        yield from self.explorer.explore(case, record.transcript())

    def keep(self, finding: findings.Finding, name: str) -> None:
        """Record the shortest walk too, for `explain` and `reproduce`: with a check, if no bug of the page has it."""
        case = finding.case if finding.entry else findings.checked(finding)
        self.records.append(self.play(replace(case, variant=name)))


def test_walks(drawn: Drawn, pytestconfig: pytest.Config) -> None:
    """As many walks as --walks says; what they find is listed once all have been played.

    What the platform's page declares fails nothing.
    """
    number, seed = pytestconfig.getoption("walks"), pytestconfig.getoption("walk_seed")
    if not number:
        pytest.skip("walks are played by --walks N")
    walker = Walker(drawn)
    found: dict[str, findings.Finding] = {}
    for case in walks(seed, number, walker.explorer.answers):
        for finding in walker.walk(case):
            found[f"finding-{len(found) + 1}"] = finding
    for name, finding in found.items():
        if len(own_steps(finding.case)) > findings.FEW:
            found[name] = walker.explorer.shorter(finding)
        walker.keep(found[name], name)
    attach(drawn.item, walker.records)
    new = [findings.text(one, walker.schedule.clauses, name) for name, one in found.items() if not one.entry]
    summary = findings.summary_of(found, walker.explorer.answers)
    if new:
        pytest.fail("\n\n".join([*new, summary]), pytrace=False)
    if found:
        pytest.xfail(summary)
