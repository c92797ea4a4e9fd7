"""What a walk finds is shown by the fewest calls: on answers that are made by hand, which no race alters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from specs import pages
from specs.machine import traits
from specs.machine.traits import Answers
from specs.model import Case, Entry, Step, Transcript
from suites.selftest.house import clauses
from suites.selftest.runs import run
from suites.walks import findings
from suites.walks.findings import Explorer, Finding
from suites.walks.walking import case_of, is_playable, observed, own_steps, shrink

WALKS = "suites/walks/test_walks.py"
MAKE, OTHER = observed("socket", "a", nonblocking=True), observed("socket", "b", nonblocking=True)
CLOSE, POLL = observed("close", "a"), observed("poll", "a", events=("POLLIN", "POLLOUT"), timeout=0)
BIND, NAME = observed("bind", "a", to="loopback"), observed("getpeername", "a")
Target = Callable[[Sequence[str], str], str]  # from the calls before one, and that one, a wrong errno or ""


def case(*steps: Step) -> Case:
    return case_of("AF_INET", "SOCK_STREAM", steps, "")


def verbs(walk: Case) -> list[str]:
    return [step.verb for step in own_steps(walk)]


def explorer(wrong: Target) -> Explorer:
    """Of a target that answers as Linux does where it does nothing wrong."""
    def play(walk: Case) -> Transcript:
        names = [step.verb for step in walk.steps]
        rets = (wrong(names[:at], verb) or {"getpeername": "ENOTCONN"}.get(verb, "ok") for at, verb in enumerate(names))
        return Transcript([Entry("", step.verb, step.name, "", {"ret": ret, "revents": "POLLHUP,POLLOUT"}, at)
                           for at, (step, ret) in enumerate(zip(walk.steps, rets, strict=True))], {})

    return Explorer(play, Answers(clauses(), ("linux",), ("linux",)), pages.profile("linux", clauses()))


def explored(by: Explorer, walk: Case) -> list[Finding]:
    return list(by.explore(walk, by.play(walk)))


# --- fewer calls --------------------------------------------------------------------------------------------


def test_two_calls_that_are_of_no_use_apart_are_left_out() -> None:
    def holds(walk: Case) -> bool:
        return "bind" in verbs(walk) and verbs(walk).count("socket") == verbs(walk).count("close") + 1

    assert verbs(shrink(case(MAKE, POLL, CLOSE, MAKE, BIND), holds, 99)) == ["socket", "bind"]


def test_all_calls_of_one_socket_are_left_out() -> None:
    of_b = observed("bind", "b", to="loopback"), observed("listen", "b", backlog=4)
    tried: list[Case] = []

    def holds(walk: Case) -> bool:
        tried.append(walk)
        return [step.name for step in walk.steps].count("b") in (0, 3) and BIND in walk.steps

    assert own_steps(shrink(case(MAKE, OTHER, BIND, of_b[0], POLL, of_b[1]), holds, 99)) == [MAKE, BIND]
    assert all(is_playable(own_steps(walk)) for walk in tried)


def test_no_more_walks_are_tried_than_may_be() -> None:
    numbers = count()
    shrink(case(MAKE, *[POLL] * 20), lambda _: next(numbers) < 0, 7)
    assert next(numbers) == 7


def test_what_else_departs_is_no_longer_in_the_way_once_it_is_known() -> None:
    """getpeername() is wrong after bind(), which is wrong too unless poll() comes before it."""
    def wrong(before: Sequence[str], verb: str) -> str:
        if verb == "bind":
            return "" if "poll" in before else "EPERM"
        return "EIO" if verb == "getpeername" and "bind" in before else ""

    by = explorer(wrong)
    (first,) = explored(by, case(MAKE, POLL, BIND, NAME))
    assert (first.seen.word, verbs(first.case)) == ("EIO", ["socket", "poll", "bind", "getpeername"])
    (second,) = explored(by, case(MAKE, BIND))
    assert (second.seen.word, verbs(second.case)) == ("EPERM", ["socket", "bind"])
    shorter = by.shorter(first)
    assert (shorter.seen.word, verbs(shorter.case)) == ("EIO", ["socket", "bind", "getpeername"])
    assert by.shorter(second).case == second.case


def test_the_shortest_walk_to_a_rule_is_tried_too() -> None:
    """getpeername() is wrong after no poll() and after three: no two that are left out lead from these to none."""
    by = explorer(lambda before, verb: "EIO" if verb == "getpeername" and before.count("poll") in (0, 3) else "")
    (found,) = explored(by, case(MAKE, POLL, POLL, POLL, NAME))
    assert verbs(found.case) == ["socket", "poll", "poll", "poll", "getpeername"]
    assert verbs(by.shorter(found).case) == ["socket", "getpeername"]


def test_what_no_further_play_shows_is_said_to_be_so() -> None:
    plays = count()
    by = explorer(lambda _, verb: "EIO" if verb == "getpeername" and not next(plays) else "")
    (found,) = explored(by, case(MAKE, POLL, NAME))
    assert (found.again, verbs(found.case)) == (False, ["socket", "poll", "getpeername"])
    assert "again    in none of 5 plays of the same walk" in findings.text(found, clauses(), "x").splitlines()
    assert "  1 that no further play of their walk shows: x" in findings.summary_of({"x": found}, by.answers)


def test_what_every_play_shows_is_counted_by_its_calls() -> None:
    by = explorer(lambda _, verb: "EIO" if verb == "getpeername" else "")
    (found,) = explored(by, case(MAKE, POLL, NAME))
    assert "again" not in findings.text(found, clauses(), "x")
    assert findings.summary_of({"x": found}, by.answers).splitlines()[:2] == [
        "1 differences, of which the platform's page declares 0", "  1 shown by 6 calls or fewer, the longest by 2"]


@pytest.mark.parametrize(("rule", "same"), {
    "recv/established-reset": "recv/reset", "recv/established": "recv/connected",
    "recv/consumed-stuck-shut-write": "recv/consumed", "send/early-shut-both": "send/",
    "connect/established-reset/closed": "connect/established-reset/closed"}.items())
def test_of_what_has_one_cause_rules_are_alike(rule: str, same: str) -> None:
    assert traits.alike(rule) == same


# --- against what they are held -----------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "differ"), [
    ((), False), (("--walk-as", "gvisor", "--walks", "4"), True), (("--walk-as", "documents"), True)], ids=str)
def test_walks_are_held_against_another_record_or_none(options: Sequence[str], differ: bool, tmp_path: Path) -> None:
    lines = run(tmp_path, WALKS, "--walks", "60", "-rx", *options).lines
    assert any("differences, of which" in line for line in lines) is differ


def test_a_record_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused = run(tmp_path, WALKS, "--walks", "1", "--walk-as", "moon")
    assert (refused.code, "--walk-as: there are documents, gvisor, io_uring, linux," in refused.text) == (4, True)
