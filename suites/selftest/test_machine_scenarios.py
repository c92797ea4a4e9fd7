"""Scenarios and the reference machine hold each other: what one expects, the other allows."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fixtures import targets
from fixtures.targets import Session
from specs import load
from specs.machine import rules, traits
from specs.machine.coverage import expected, neither, transitions
from specs.machine.expected import Expected, as_walk, expectations
from specs.machine.oracle import MESSAGE, follow
from specs.machine.state import KINDS
from specs.machine.traits import Answers, Trait
from specs.model import Case, Step
from suites import engine
from suites.selftest.house import PLATFORMS, cases, clauses

LINUX = ("linux",)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session(targets.choose(load.targets(targets.FILE), ["native"])["native"])
    yield opened
    opened.close()


# --- what they expect ---------------------------------------------------------------------------------------


def wrong() -> dict[str, Expected]:
    """Of each case the outcome that it allows and the machine does not, under the same document."""
    answers = Answers(clauses(), PLATFORMS, LINUX)
    return {case.id: one for case in cases() if (walk := as_walk(case))
            for one in expectations(walk, answers) if one.broken}


def test_machine_allows_what_scenarios_expect() -> None:
    assert wrong() == {}


def test_scenarios_reach_most_rows_of_the_machine() -> None:
    answers = Answers(clauses(), PLATFORMS, LINUX)
    found = [one for case in cases() if (walk := as_walk(case)) for one in expectations(walk, answers)]
    assert len(found) > 2500, "of most scenarios nothing is left that the machine models"
    of_races = ("join/", "return/")  # a connect() that waits, which a walk never does
    required = {row.rule for row in traits.table() if row.requires and not row.rule.startswith(of_races)}
    reached = required & {traits.row_of(one.rule) for one in found}
    assert len(reached) >= 0.8 * len(required), sorted(required - reached)


def test_nearly_every_transition_is_used() -> None:
    """By a walk of Linux, which is then recorded, or by what a scenario expects."""
    answers = Answers(clauses(), LINUX, LINUX)
    every = list(transitions(answers))
    walked = [one for one in every if one.word in answers.of_platform(one.rule, one.kind)]
    left = neither(every, set(walked), expected(cases(), Answers(clauses(), PLATFORMS, LINUX)))
    assert len(every) > 2500
    assert len(left) <= 0.05 * len(every), "\n".join(" ".join(one) for one in left)


WRONG_ROWS = {
    "an errno": ("connect/pending*/*", {"illumos.EALREADY": {"": ("EINPROGRESS",)}}),
    "too narrow": ("connect/unconnected/full", {"illumos.EWOULDBLOCK": {"unix": ("EINPROGRESS",)}}),
    "a failure": ("SO_ERROR/refused*", {"illumos.SO_ERROR.errno": {"": ("ok",)}}),
    "the peer": ("getpeername/failed", {"posix.getpeername.ENOTCONN": {"": ("peer",)}}),
}


@pytest.mark.parametrize("fault", WRONG_ROWS)
def test_a_wrong_row_is_found_by_scenarios(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, requires = WRONG_ROWS[fault]
    rows = tuple(Trait(row.rule, row.says, requires if row.rule == rule else row.requires) for row in traits.table())
    monkeypatch.setattr(traits, "table", lambda: rows)
    traits.trait_of.cache_clear()
    try:
        assert {traits.row_of(one.rule) for one in wrong().values()} == {rule}
    finally:
        traits.trait_of.cache_clear()


# --- what they give -----------------------------------------------------------------------------------------


CANONICAL = {"listener": "server", "closed-port": "closed", "full-queue": "full", "bound-socket": "peer"}
OPERANDS = {"to", "as", "how", "backlog", "data", "option", "events", "timeout", "nonblocking", "cmd", "flags"}


def renamed_walk(case: Case) -> Case | None:
    """A scenario's case with the names of a walk; None if it has anything that the machine does not model."""
    kind = (case.axes.get("domain", ""), case.axes.get("type", "SOCK_STREAM"))
    words = [given.fixture for given in case.given]
    is_plain = all(not given.operands and given.fixture in CANONICAL for given in case.given)
    if kind not in KINDS or not is_plain or len(set(words)) < len(words):
        return None
    names = {given.name: CANONICAL[given.fixture] for given in case.given}
    steps = [renamed(step, names) for step in case.steps]
    known = {"loopback", "unspec", *names.values(), *(step.name for step in steps)}
    if not all(is_modelled(step, known) for step in steps):
        return None
    return replace(case, axes={**case.axes, "type": kind[1]}, steps=tuple(steps),
                   given=tuple(replace(given, name=names[given.name]) for given in case.given))


def renamed(step: Step, names: dict[str, str]) -> Step:
    """A step of a walk: with its names, and its message where it sends."""
    operands = {key: names.get(str(value), value) if key == "to" else MESSAGE if key == "data" else value
                for key, value in step.operands.items()}
    return replace(step, name=names.get(step.name, step.name), operands=operands)


def is_modelled(step: Step, names: set[str]) -> bool:
    return (step.verb in {*rules.MOVES, "fcntl"} and step.operands.keys() <= OPERANDS and not step.after
            and str(step.operands.get("to", "unspec")) in names and step.name not in ("full", "closed")
            and step.operands.get("option", "SO_ERROR") == "SO_ERROR"
            and (step.verb != "socket" or bool(step.operands.get("nonblocking"))))


def test_machine_allows_what_scenarios_give(session: Session) -> None:
    """Each case that the machine models, played here: no answer departs from what walks give on this platform."""
    if targets.platform_of(platform.system()) != "linux":
        pytest.skip("answers are recorded of Linux")
    modelled = [walk for case in cases() if (walk := renamed_walk(case))]
    assert len(modelled) > 80, "of a scenario few are left that are of the machine's calls and states"
    wrong = {walk.id: one for walk in modelled
             for one in follow(walk, engine.play(walk, session), Answers(clauses(), LINUX, LINUX)) if one.broken}
    assert wrong == {}
