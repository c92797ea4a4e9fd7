"""What is known of a case before it is played: it says how long to wait, and never what to expect."""

from __future__ import annotations

from typing import NamedTuple

from specs.model import Case, Profile
from specs.outcomes import is_errno


class Foreseen(NamedTuple):
    """blocks: the steps that may block. unreached: its state may not be reached. fails: a call is declared to fail.

    surveys: nothing in it is required by any document.
    """

    blocks: frozenset[int] = frozenset()
    unreached: bool = False
    fails: bool = False
    surveys: bool = False


def foresee(case: Case, profile: Profile) -> Foreseen:
    """By the scenario, by the platform's page and by its baseline."""
    declared = profile.of(case)
    blocking = {one.clause for one in declared if "blocks" in one.outcomes}
    steps = {index for index, step in enumerate(case.steps) for check in step.checks
             if "blocks" in check.allowed or check.clause in blocking}
    recorded = [item for gave in profile.baseline.get(case.id, ()) for item in gave.items()]
    steps |= {int(number) - 1 for number, outcome in recorded if outcome == "blocks"}
    unreached = any(one.observed == "unresolved" for one in declared) or ("unresolved", "") in recorded
    fails = any(is_errno(outcome) for one in declared for outcome in one.outcomes)
    surveys = all(not check.allowed for step in case.steps for check in step.checks)
    return Foreseen(frozenset(steps), unreached, fails, surveys)
