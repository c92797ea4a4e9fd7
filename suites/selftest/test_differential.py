"""Two targets side by side: what they answer otherwise is found once, by few calls, and what follows from it is not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import targets
from fixtures.targets import Session
from specs import load, scenarios, strict
from specs.machine.traits import Answers
from specs.model import Case, Entry, Transcript
from suites import engine
from suites.items import vocabulary
from suites.selftest import faulty
from suites.selftest.house import clauses
from suites.selftest.runs import run
from suites.walks import differential
from suites.walks.differential import Differential, Side
from suites.walks.walking import case_of, draw, observed, own_steps

ANSWERS = Answers(clauses(), ("linux",))
MAKE = observed("socket", "a", nonblocking=True)
Play = Callable[[Case], Transcript]


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    session = Session(targets.choose(load.targets(targets.FILE), ["native"])["native"])
    yield lambda case: engine.play(case, session)
    session.close()


def compared(one: Play, other: Play) -> Differential:
    return Differential((Side("one", one, ANSWERS), Side("other", other, ANSWERS)))


def answers(play: Play, verb: str, ret: str) -> Play:
    """A target one of whose calls always returns something else, and then nothing that follows from what it did."""
    def altered(entry: Entry) -> Entry:
        return entry._replace(observed={"ret": ret}) if entry.verb == verb and entry.step is not None else entry

    def played(case: Case) -> Transcript:
        transcript = play(case)
        return replace(transcript, entries=list(map(altered, transcript.entries)))

    return played


def test_a_target_differs_nowhere_from_itself(play: Play) -> None:
    both = compared(play, play)
    assert [one.seen for at in range(40) for one in both.explore(draw("0", at))] == []


def test_a_difference_is_found_once_by_the_calls_that_it_needs(play: Play) -> None:
    both = compared(play, answers(play, "listen", "EPERM"))
    found = [one for at in range(60) for one in both.explore(draw("0", at))]
    assert found
    assert {one.case.steps[one.step].verb for one in found} == {"listen"}, "the rest follows from it"
    assert len({one.cause for one in found}) == len(found)
    assert all(len(own_steps(one.case)) <= 6 for one in found)
    for at, one in enumerate(found):
        shown = differential.text(one, both.sides, f"difference-{at}")
        assert f"{one.case.steps[one.step].text} gives {one.seen[0].word} on one, EPERM on other" in shown
        yaml = "clause: survey.walk\n" + shown.partition("as a scenario:\n")[2].replace("\n  ", "\n").removeprefix("  ")
        (case,) = scenarios.cases_of(strict.parse(yaml + "\n", "a difference"), "suites/survey/walk.yaml", clauses(),
                                     vocabulary())
        assert [step.text for step in case.steps] == [step.text for step in one.case.steps]


def test_the_clauses_are_named_that_an_answer_breaks(play: Play) -> None:
    both = compared(play, answers(play, "getpeername", "EINVAL"))
    case = case_of("AF_INET", "SOCK_STREAM", [MAKE, observed("getpeername", "a")], "")
    (found,) = both.explore(case)
    assert "breaks   posix.getpeername.ENOTCONN on other" in differential.text(found, both.sides, "shown")


def test_an_answer_that_changes_from_play_to_play_is_no_difference(play: Play) -> None:
    turns = itertools.cycle([play, answers(play, "getsockopt", "EINVAL")])

    def changing(case: Case) -> Transcript:
        return next(turns)(case)

    both = compared(play, changing)
    case = case_of("AF_INET", "SOCK_STREAM", [MAKE, observed("getsockopt", "a", option="SO_ERROR")], "")
    assert [list(both.explore(case)) for _ in range(2)] == [[], []]


def test_a_walk_goes_on_without_a_call_that_others_need_no_socket_of() -> None:
    case = case_of("AF_INET", "SOCK_STREAM", [MAKE, observed("poll", "a")], "")
    assert differential.without(case, 0) is None
    fewer = differential.without(case, 1)
    assert fewer
    assert [step.verb for step in fewer.steps] == ["socket"]


def test_the_first_target_is_compared_with_each_other(tmp_path: Path) -> None:
    sound = 'sound:\n  about: none\n  start: ["{python}", -I, -S, "{agent}"]\n  platform: "{host}"\n'
    (tmp_path / "targets.yaml").write_text(sound + faulty.target("faulty", "other-errno"))
    options = ("--walks", "6", "--target", "sound,faulty", f"--targets={tmp_path / 'targets.yaml'}")
    skipped = run(tmp_path, differential.FILE, *options)
    assert (skipped.code, "2 skipped" in skipped.text) == (0, True)
    played = run(tmp_path, differential.FILE, "--differential", *options)
    assert (played.code, "1 failed, 1 skipped" in played.text) == (1, True)
    assert f"on sound, {faulty.OTHER} on faulty" in played.text
    cases = [(one["case"].partition("::")[2], one["target"]) for one in played.records if one["kind"] == "result"]
    assert cases[:2] == [("differential[difference-1]", "sound"), ("differential[difference-1]", "faulty")]
