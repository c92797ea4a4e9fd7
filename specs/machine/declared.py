"""What an answer of a walk comes to beside a platform's page: the bug that has it, or that no bug has it yet.

A walk comes to states that no scenario has, by causes that scenarios show: a bug has an answer if it declares the same
outcome of a clause that the answer breaks, in whatever scenario.
"""

from __future__ import annotations

from specs.machine import expected
from specs.machine.traits import Answers
from specs.model import Allowed, Deviation, Profile, Step

NEW, CONFORMS, OPEN = "new", "conforms", "open"  # what an answer is that no bug has
VERBS = {"SO_ERROR": "getsockopt"}  # of rules that are not named after their call


def entry_of(rule: str, kind: str, word: str, answers: Answers, profile: Profile) -> Deviation | None:
    """The entry of the platform's page, its own or an inherited one, that has an answer."""
    clauses = dict(answers.breaks(rule, kind, word))
    taken_back = {one.bug for one in profile.withdrawn if not one.place.scenarios}
    return next((entry for entry in profile.deviations if entry.clause in clauses
                 and (profile.owns(entry) or entry.bug.name not in taken_back)
                 and any(has(rule, outcome, word) for outcome in entry.outcomes)), None)


def has(rule: str, outcome: Allowed, word: str) -> bool:
    """Whether an outcome of a page is an answer; one of poll() is any by which it shows something else.

    So is one of recv() with data, where what came is other than what was sent.
    """
    verb = rule.partition("/")[0]
    if verb == "poll" or word == "other":
        fields = {} if isinstance(outcome, str) else outcome
        return bool(fields.get("data") if verb == "recv" else {"revents", "ready"} & fields.keys())
    return outcome == word or expected.word_of(Step(VERBS.get(verb, verb), "", {}, (), 0), outcome) == word


def kind_of(rule: str, kind: str, word: str, answers: Answers) -> str:
    """Of an answer that no bug has: it breaks a clause that binds; it breaks none of those that bind; or none binds."""
    if any(answers.breaks(rule, kind, word)):
        return NEW
    return CONFORMS if any(answers.required(rule, kind)) else OPEN
