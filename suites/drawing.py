"""Drawn cases: what YAML cannot list is drawn by Hypothesis, then played, judged and recorded as scenarios are.

A drawn test is a function that hands the text of a scenario to `drawn`. Its examples are the same in every run; another
seed is chosen by `--hypothesis-seed=N`. The smallest failing example is printed as a scenario ready to paste.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import hypothesis
import pytest

from specs import scenarios, strict
from specs.model import FAILING, Case
from specs.record import Record
from suites.items import SCHEDULE, vocabulary
from suites.outcome import UnexpectedVerdict, attach

EXAMPLES = 25  # of each drawn test on each target

# The fixture `drawn` keeps nothing from one example to the next; a slow sandbox is no reason to fail.
FORGIVEN = [hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow]
for name, same_every_run in (("drawn", True), ("drawn-anew", False)):
    hypothesis.settings.register_profile(name, max_examples=EXAMPLES, derandomize=same_every_run, database=None,
                                         deadline=None, suppress_health_check=FORGIVEN)


def load_profile(config: pytest.Config) -> None:
    """Draw the same examples in every run, unless a seed is given."""
    drawn_anew = config.getoption("hypothesis_seed", None) is not None
    hypothesis.settings.load_profile("drawn-anew" if drawn_anew else "drawn")


class Drawn:
    """Plays the scenarios of one drawn test on one target."""

    def __init__(self, item: pytest.Item, target: str) -> None:
        self.item, self.target = item, target
        self.schedule = item.config.stash[SCHEDULE]
        self.records: dict[str, Record] = {}

    @property
    def hello(self) -> Mapping[str, Any]:
        """The hello of the target's agent; empty where that could not be started."""
        return self.schedule.sessions[self.target].hello

    def __call__(self, scenario: str) -> None:
        """Play one example; scenario: YAML text of a file with a single case, whose name is the test's."""
        text = textwrap.dedent(scenario).strip() + "\n"
        record = self.schedule.result(self.case(text), self.target)
        self.keep(record)
        if record.verdict == "unsupported":
            pytest.skip(record.reason)
        if record.verdict in FAILING and not (record.verdict == "drifted" and self.schedule.drifts(self.target)):
            raise UnexpectedVerdict(record, text)

    def case(self, text: str) -> Case:
        file = self.item.nodeid.partition("::")[0]
        content = strict.parse(text, f"{file} (drawn)")
        (case,) = scenarios.cases_of(content, file, self.schedule.clauses, vocabulary())
        if f"{file}::{case.scenario}" != scenario_of(self.item):
            raise ValueError(f"{self.item.nodeid} draws a scenario named {case.scenario}")
        return case

    def keep(self, record: Record) -> None:
        """Of the failing examples only the last is kept: it is the smallest."""
        self.records = {id_: one for id_, one in self.records.items() if one.verdict not in FAILING}
        self.records[record.id] = record
        attach(self.item, list(self.records.values()))


def is_drawn(item: pytest.Item) -> bool:
    return "drawn" in getattr(item, "fixturenames", ())


def scenario_of(item: pytest.Item) -> str:
    """suites/walks/test_arguments.py::namelen-too-short, from the test's name."""
    function = getattr(item, "originalname", item.name)
    return f"{item.nodeid.partition('::')[0]}::{function.removeprefix('test_').replace('_', '-')}"
