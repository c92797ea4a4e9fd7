"""When cases are played: who plays them, in which order and on which agent, and what becomes of what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures import check
from fixtures.targets import Session, Target
from specs import baseline, load, pages
from specs.model import Bug, Case, Check, Deviation, Given, Place, Profile, SpecError, Step, Transcript
from suites import engine, items, run, schedule
from suites.schedule import PENDING, Schedule, Turn

WAIT_S = 30.0  # for what another thread does in milliseconds
HELLO = {"system": "Toy", "release": "1.2.3", "machine": "m", "implementation": "none"}


def case(name: str, file: str = "suites/errors/E.yaml", variant: str = "", fixture: str = "",
         expects: str = "") -> Case:
    given = (Given(fixture, "peer", {}, 1),) if fixture else ()
    checks = (Check(expects, ("ok",)),) if expects else ()
    return Case(file, name, "It is played.", {}, variant, given, (Step("socket", "client", {}, checks, 1),), 1)


def target(name: str, platform: str = "toy", **more: Any) -> Target:
    return Target(name, "a toy", ("toy",), platform, lab=False, **more)


class Soon(Future[Any]):
    """A future that is not waited for without end."""

    def result(self, timeout: float | None = WAIT_S) -> Any:
        return super().result(timeout)


Make = Callable[..., Schedule]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes schedules of toys whose page is empty; an agent is never started."""
    made: list[Schedule] = []
    monkeypatch.setattr(pages, "profile", lambda platform, _known: Profile(platform, (platform,), ()))
    monkeypatch.setattr(check, "make_ready", lambda session: session.hello.update(HELLO))
    monkeypatch.setattr(baseline, "other_releases", lambda platform, version: [])
    monkeypatch.setattr(schedule, "Future", Soon)

    def make_(*targets: Target, play: Any = None, **more: Any) -> Schedule:
        made.append(Schedule({one.name: one for one in targets or [target("toy")]}, **more))
        if play:
            monkeypatch.setattr(schedule, "play", play)
        return made[-1]

    yield make_
    for one in made:
        one.close()


def record(verdict: str = "conforms", seconds: float = 0.0, *steps: float) -> Any:
    return SimpleNamespace(verdict=verdict, seconds=seconds, steps=[SimpleNamespace(seconds=each) for each in steps])


# --- targets ------------------------------------------------------------------------------------------------


def test_every_target_is_started_and_says_what_it_is(make: Make) -> None:
    one = make(target("toy"), target("other"))
    opened = one.open()
    assert list(opened) == ["toy", "other"]
    assert {name: (found.platform, found.hello, found.unavailable) for name, found in opened.items()} == dict.fromkeys(
        ("toy", "other"), ("toy", HELLO, ""))
    assert {name: profile.platform for name, profile in one.profiles.items()} == {"toy": "toy", "other": "toy"}


@pytest.mark.parametrize(("named", "options", "begins"), [
    ("suites", {}, True), ("suites", {"collectonly": True}, False), ("suites", {"dist": "load"}, False),
    ("suites/selftest", {}, False)])
def test_laboratories_begin_in_a_process_that_is_to_play(named: str, options: dict[str, object], begins: bool) -> None:
    called: list[str] = []
    one = SimpleNamespace(begin=lambda: called.append("begin"), close=lambda: called.append("close"))
    config: Any = SimpleNamespace(stash={items.SCHEDULE: one}, args=[str(Path(__file__).parents[2] / named)],
                                  add_cleanup=lambda end: end(),
                                  getoption=lambda name, default=None: options.get(name, default))
    run.begin(config)
    assert called == ["begin", "close"] * begins


def test_a_target_that_cannot_be_started_says_why(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "make_ready", lambda session: session.__dict__.update(hello=HELLO, unavailable="broken"))
    found = make().open()["toy"]
    assert (found.hello, found.unavailable) == ({}, "broken")


def test_what_is_wrong_at_the_start_of_a_target_ends_the_run(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there is no thread for its pool, or for that of all targets."""
    def fail(*_: object) -> None:
        raise RuntimeError("no thread")

    one = make()
    monkeypatch.setattr(one.pool, "submit", fail)
    with pytest.raises(RuntimeError, match="no thread"):
        one.open()
    monkeypatch.setattr(check, "make_ready", fail)
    with pytest.raises(RuntimeError, match="no thread"):
        make().open()


def test_a_target_on_another_machine_has_the_page_of_what_it_is(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    far, near = target("far", ""), target("near")
    one = make(far, near)
    assert one.profiles["far"] is PENDING
    page = one.profiles["near"]
    one.open()
    assert one.profiles["near"] is page
    assert {name: profile.platform for name, profile in one.profiles.items()} == {"far": "toy", "near": "toy"}
    silent = make(far)
    monkeypatch.setattr(check, "make_ready", lambda session: setattr(session, "unavailable", "gone"))
    assert silent.open()["far"].unavailable == "gone"
    assert silent.profiles["far"] is PENDING
    found = silent.result(case("a", expects="illumos.EISCONN"), "far")
    assert (found.verdict, found.reason, found.platform) == ("unsupported", "gone", "")


def test_a_machine_without_a_page_is_unavailable(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def profile(_platform: str, _known: object) -> Profile:
        raise SpecError("no page")

    one = make(target("far", ""))
    monkeypatch.setattr(pages, "profile", profile)
    assert one.open()["far"].unavailable == "no page"


@pytest.mark.parametrize(("allowed", "releases", "drifts"), [
    (False, [], False), (True, [], True), (False, ["Toy 9"], True)])
def test_observations_may_drift_where_that_is_allowed_and_on_another_release(
        make: Make, monkeypatch: pytest.MonkeyPatch, allowed: bool, releases: list[str], drifts: bool) -> None:
    compared: list[tuple[str, str]] = []

    def other_releases(platform: str, version: str) -> list[str]:
        compared.append((platform, version))
        return releases

    monkeypatch.setattr(baseline, "other_releases", other_releases)
    one = make(**{"allow_drift": True} if allowed else {})
    one.open()
    assert [one.drifts("toy") for _ in range(2)] == [drifts] * 2
    assert compared == [("toy", "Toy 1.2.3 m, none")] * (not allowed)


def test_each_page_is_looked_through_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def deviation(because: str, line: int) -> Deviation:
        bug = Bug("bug", "bug", because, "source", "toy.yaml", line)
        return Deviation(bug, "illumos.EISCONN", (), Place((), ()), line)

    page = Profile("toy", ("toy",), (deviation("", 7), deviation("so", 8), deviation("", 9)))
    monkeypatch.setattr(pages, "profile", lambda _platform, _known: page)
    monkeypatch.setattr(pages, "unmatched", lambda profile, cases, drawn: [profile.platform, *cases, *drawn])
    one = make(target("toy"), target("again"))
    assert list(one.unmatched((case("a"),), ("b",))) == ["toy", case("a"), "b"]
    (line,) = one.unexplained()
    assert line.startswith("toy.yaml:7: no because or source; ")
    monkeypatch.setattr(pages, "profile", lambda _platform, _known: Profile("toy", ("toy",), (deviation("so", 8),)))
    assert list(make().unexplained()) == []


# --- cases --------------------------------------------------------------------------------------------------


def played_on(one: Schedule, *turns: Turn) -> list[Any]:
    """What came of cases that are submitted."""
    one.submit(turns)
    return [one.result(turn.case, turn.target) for turn in turns]


def test_a_case_is_played_once_on_its_target_with_its_page(make: Make) -> None:
    made: list[tuple[Any, ...]] = []

    def play(case: Case, session: Any, clauses: Mapping[str, Any], profile: Profile, own: bool) -> Any:
        made.append((case.scenario, session.target.name, profile.platform, own))
        return record(case.scenario)

    one = make(target("toy"), target("other", "another"), play=play)
    turns = [Turn(case("a"), "toy", slow=False), Turn(case("b"), "toy", slow=False),
             Turn(case("a"), "other", slow=False)]
    assert [found.verdict for found in played_on(one, *turns)] == ["a", "b", "a"]
    assert sorted(made) == [("a", "other", "another", False), ("a", "toy", "toy", False), ("b", "toy", "toy", False)]
    assert (one.futures, one.waiting()) == ({}, 0)
    assert one.result(case("c"), "toy").verdict == "c"
    assert made[-1] == ("c", "toy", "toy", False)


def test_what_waits_is_played_beside_the_rest_and_what_waits_for_a_timer_first(make: Make) -> None:
    """With one agent for what waits, so that those have an order."""
    order: list[tuple[str, bool]] = []

    def play(case: Case, _session: object, _clauses: object, _profile: object, own: bool) -> Any:
        order.append((case.scenario, own))
        return record()

    timer = case("timer", fixture="unresolved-neighbour")
    one = make(target("toy", agents=1), play=play)
    played_on(one, Turn(case("quick"), "toy", slow=False), Turn(case("slow"), "toy", slow=True),
              Turn(timer, "toy", slow=True))
    assert [name for name, own in order if own] == ["timer", "slow"]
    assert [name for name, own in order if not own] == ["quick"]


@pytest.mark.parametrize(("whole", "step", "beside"), [
    (0.9, 0.9, True), (0.8, 0.9, False), (5.0, 0.8, False), (2.0, 1.5, True)])
def test_the_rest_of_a_scenario_in_which_a_call_waits_is_played_beside(
        make: Make, whole: float, step: float, beside: bool) -> None:
    plays: list[tuple[str, bool]] = []

    def play(case: Case, _session: object, _clauses: object, _profile: object, own: bool) -> Any:
        plays.append((case.id, own))
        return record("conforms", whole, step)

    variants = [case("same", variant=str(number)) for number in range(3)]
    other = case("same", "suites/errors/F.yaml")
    one = make(play=play)
    slow = case("same", variant="slow")
    played_on(one, *(Turn(each, "toy", slow=each is slow) for each in (*variants, slow, other)))
    one.close()  # nothing is played after it
    owns = [False, beside, beside, True, False]
    assert sorted(plays) == sorted(zip((each.id for each in (*variants, slow, other)), owns, strict=True))


def test_a_case_in_a_network_namespace_of_its_own_is_not_moved_beside(make: Make) -> None:
    """There is space for one at a time; it is played beside the others only if it waits itself."""
    owns: dict[str, bool] = {}

    def play(case: Case, _session: object, _clauses: object, _profile: object, own: bool) -> Any:
        owns[case.variant] = own
        return record("conforms", 1.0, 1.0)

    turns = [Turn(case("same", variant=word, fixture="only-port"), "toy", slow=word == "slow")
             for word in ("first", "second", "slow")]
    played_on(make(play=play), *turns)
    assert owns == {"first": False, "second": False, "slow": True}


def test_a_case_that_no_thread_can_be_had_for_is_played_by_another(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """ThreadPoolExecutor has put it in its queue, from which the threads that it has take it."""
    one = make(play=lambda case, *_: record(case.scenario))
    real = one.slow_pools["toy"].submit

    def submit(*words: Any) -> None:
        real(*words)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(one.slow_pools["toy"], "submit", submit)
    found = played_on(one, Turn(case("slow"), "toy", slow=True), Turn(case("quick"), "toy", slow=False))
    assert [each.verdict for each in found] == ["slow", "quick"]


@pytest.mark.parametrize(("allowed", "verdicts", "plays", "found"), [
    (False, ["drifted"] * 3, 3, "drifted"), (False, ["drifted", "recorded"], 2, "recorded"),
    (False, ["fails"], 1, "fails"), (True, ["drifted"], 1, "drifted")])
def test_what_drifts_is_played_again(make: Make, allowed: bool, verdicts: list[str], plays: int, found: str) -> None:
    made: list[str] = []
    left = iter(verdicts)

    def play(case: Case, *_: object) -> Any:
        made.append(case.scenario)
        return record(next(left))

    one = make(allow_drift=allowed, play=play)
    assert one.result(case("a"), "toy").verdict == found
    assert len(made) == plays


def test_what_goes_wrong_is_seen_where_the_case_is_waited_for(make: Make) -> None:
    def play(case: Case, *_: object) -> Any:
        if case.scenario == "bad":
            raise KeyboardInterrupt
        return record()

    one = make(play=play)
    one.submit([Turn(case("bad"), "toy", slow=False), Turn(case("good"), "toy", slow=False)])
    with pytest.raises(KeyboardInterrupt):
        one.result(case("bad"), "toy")
    assert one.result(case("good"), "toy").verdict == "conforms"


def test_nothing_is_waited_for_that_nothing_will_play(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = make()

    def play_all(_turns: object) -> None:
        raise MemoryError

    monkeypatch.setattr(one, "play_all", play_all)
    one.submit([Turn(case("a"), "toy", slow=False)])
    with pytest.raises(MemoryError):
        one.result(case("a"), "toy")


def test_what_ended_the_play_of_a_target_is_handed_to_all_that_wait(make: Make) -> None:
    one = make()
    turns = [Turn(case(name), "toy", slow=False) for name in ("gone", "done", "left")]
    one.futures |= {turn.key: Future() for turn in turns[1:]}
    one.futures[turns[1].key].set_result(record())
    cancelled, failed = Future[None](), Future[None]()
    cancelled.cancel()
    one.give_up(turns, cancelled)
    assert one.waiting() == 1
    failed.set_exception(MemoryError())
    one.give_up(turns, failed)
    assert isinstance(one.futures[turns[2].key].exception(), MemoryError)
    assert one.futures[turns[1].key].result() == record()


def test_the_rest_of_a_scenario_that_went_wrong_is_not_moved_beside(make: Make) -> None:
    owns: list[bool] = []

    def play(case: Case, _session: object, _clauses: object, _profile: object, own: bool) -> Any:
        owns.append(own)
        raise MemoryError

    one = make(play=play)
    turns = [Turn(case("same", variant=str(number)), "toy", slow=False) for number in range(2)]
    one.submit(turns)
    for turn in turns:
        with pytest.raises(MemoryError):
            one.result(turn.case, "toy")
    assert owns == [False, False]


def test_most_agents_end_with_the_cases_of_their_target(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """While others are still to be played; those of the last target end with the run."""
    ended: list[str] = []
    one = make(target("toy"), target("other"), play=lambda *_: record())
    for name, session in one.sessions.items():
        monkeypatch.setattr(session, "keep_one", partial(ended.append, name))
    turns = [Turn(case(name), of, slow=False) for name, of in (("a", "toy"), ("b", "toy"), ("a", "other"))]
    one.futures = {turn.key: Soon() for turn in turns}
    one.left.update(turn.target for turn in turns)
    one.settle(turns[0], own=False)
    assert ended == []
    one.settle(turns[1], own=False)
    assert ended == ["toy"]
    one.settle(turns[2], own=False)
    assert ended == ["toy"]


@pytest.mark.parametrize("slow", [False, True])
def test_a_schedule_that_is_closed_plays_no_more(make: Make, slow: bool) -> None:
    """The case that is being played ends; the next one does not begin."""
    begun, closing = threading.Event(), threading.Event()
    started, in_time = list[str](), list[bool]()

    def play(case: Case, *_: object) -> Any:
        started.append(case.scenario)
        begun.set()
        in_time.append(closing.wait(WAIT_S))
        return record()

    one = make(target("toy", agents=1), play=play)
    one.sessions["toy"].close = closing.set  # type: ignore[method-assign]
    one.submit([Turn(case(name), "toy", slow=slow) for name in ("a", "b")])
    assert begun.wait(WAIT_S)
    one.close()
    assert (started, in_time, one.waiting()) == (["a"], [True], 1)
    assert one.pool._shutdown
    assert all(pool._shutdown for pool in one.slow_pools.values())


def test_every_session_is_closed_though_another_cannot_be(make: Make) -> None:
    def fail() -> None:
        raise PermissionError

    closed: list[str] = []
    one = make(target("a"), target("b"), target("c"))
    for name, session in one.sessions.items():
        session.close = fail if name == "b" else lambda name=name: closed.append(name)  # type: ignore[method-assign, misc]
    with pytest.raises(PermissionError):
        one.close()
    assert sorted(closed) == ["a", "c"]
    one.sessions.clear()


def test_a_case_is_played_on_an_agent_that_others_use_unless_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    owns: list[bool] = []

    def play(_case: Case, _session: object, own: bool, _foreseen: object) -> Transcript:
        owns.append(own)
        return Transcript(ended=("unsupported", "none"))

    monkeypatch.setattr(engine, "play", play)
    page = Profile("toy", ("toy",), ())
    for own in ([], [True]):
        schedule.play(case("a", expects="illumos.EISCONN"), Session(target("toy")), load.clauses(), page, *own)
    assert owns == [False, True]


def test_a_turn_is_slow_as_its_case_waits(make: Make) -> None:
    one = make()
    assert one.turn(case("a"), "toy") == Turn(case("a"), "toy", slow=False)
    assert one.turn(case("a", fixture="unresolved-neighbour"), "toy").slow
    assert one.turn(case("a"), "toy").key == (case("a").id, "toy")
