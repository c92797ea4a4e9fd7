"""Races: an order that explains all answers is found where there is one, and only there."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from fixtures import targets
from fixtures.targets import Session
from specs import load, pages
from specs.machine import races as machine
from specs.machine.races import Call
from specs.machine.traits import Answers
from specs.model import Case, Entry, Profile, Step, Transcript
from suites import engine
from suites.selftest.house import clauses
from suites.walks import findings, races
from suites.walks.walking import observed

LINUX = ("linux",)
RACES = 150
MAKE = observed("socket", "a", nonblocking=True)
ONE, TWO = (observed("connect", "a", to="full", thread=thread) for thread in races.THREADS)
ENDS = [observed("pthread_join", thread) for thread in races.THREADS]


@pytest.fixture(scope="module")
def answers() -> Answers:
    return Answers(clauses(), LINUX, LINUX)


def unexplained(case: Case, played: Transcript, answers: Answers, platform: str = "linux") -> Call | None:
    profile: Profile = pages.profile(platform, clauses())
    return machine.unexplained(case, played, answers, profile)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session(targets.choose(load.targets(targets.FILE), ["native"])["native"])
    yield opened
    opened.close()


def transcript(case: Case, given: Mapping[str, str]) -> Transcript:
    """A transcript in which each call gives ok, or what is said of the one with a name."""
    return Transcript([Entry(step.text, step.verb, step.name, "", {"ret": given.get(step.name, "ok")}, at)
                       for at, step in enumerate(case.steps)])


@pytest.mark.parametrize("given", [("EINPROGRESS", "EALREADY"), ("EALREADY", "EINPROGRESS")])
def test_calls_that_overlap_may_have_come_in_either_order(given: tuple[str, str], answers: Answers) -> None:
    case = races.race("AF_INET", "SOCK_STREAM", [MAKE, ONE, TWO, *ENDS], "overlap")
    assert unexplained(case, transcript(case, dict(zip(races.THREADS, given, strict=True))), answers) is None


@pytest.mark.parametrize("given", [("EINPROGRESS", "EINPROGRESS"), ("EALREADY", "EALREADY")])
def test_answers_that_contradict_each_other_are_found(given: tuple[str, str], answers: Answers) -> None:
    case = races.race("AF_INET", "SOCK_STREAM", [MAKE, ONE, TWO, *ENDS], "overlap")
    found = unexplained(case, transcript(case, dict(zip(races.THREADS, given, strict=True))), answers)
    assert found
    assert found.entry.verb == "pthread_join"


def test_a_call_that_has_ended_came_before_one_that_begins_then(answers: Answers) -> None:
    case = races.race("AF_INET", "SOCK_STREAM", [MAKE, ONE, ENDS[0], TWO, ENDS[1]], "in-order")
    assert not unexplained(case, transcript(case, {"one": "EINPROGRESS", "two": "EALREADY"}), answers)
    assert unexplained(case, transcript(case, {"one": "EALREADY", "two": "EINPROGRESS"}), answers)


def test_a_play_that_ended_before_its_thread_was_joined_shows_nothing(answers: Answers) -> None:
    """The other connect() reports what the thread's has met."""
    refused = observed("connect", "a", to="closed", thread="one")
    case = races.race("AF_INET", "SOCK_STREAM", [MAKE, refused, observed("connect", "a", to="server"), ENDS[0]], "torn")
    whole = transcript(case, {"one": "EINPROGRESS"})
    entries = [replace_ret(one, "ECONNREFUSED") if one.step == 2 else one for one in whole.entries]
    assert not unexplained(case, replace(whole, entries=entries), answers)
    assert not unexplained(case, replace(whole, entries=entries[:-1]), answers)
    wrong = [replace_ret(one, "EPIPE") if one.step == 2 else one for one in whole.entries]
    assert unexplained(case, replace(whole, entries=wrong), answers)


def replace_ret(entry: Entry, ret: str) -> Entry:
    return entry._replace(observed={**entry.observed, "ret": ret})


# --- a call that waits --------------------------------------------------------------------------------------

FULL, SERVER, CLOSED = (observed("connect", "a", to=to, thread="one") for to in ("full", "server", "closed"))
BLOCKING, CAUGHT = observed("socket", "a"), observed("sigaction", "SIGUSR1")
SIGNAL = observed("pthread_kill", "one", signal="SIGUSR1")
ALSO = [observed("connect", "a", to="full", thread="two"), observed("pthread_kill", "two", signal="SIGUSR1"), ENDS[1]]
WAIT = [BLOCKING, CAUGHT, FULL, SIGNAL, ENDS[0]]
SPACE = [BLOCKING, FULL, *races.SPACE, ENDS[0]]
ASKS = observed("getsockopt", "a", option="SO_ERROR")
HELD = [observed("socket", "a", nonblocking=True), observed("fork", "idle"), observed("close", "server"),
        observed("connect", "a", to="server")]
TWIN = [observed("socket", "a", nonblocking=True), observed("dup", "a", **{"as": "twin"}), observed("close", "a"),
        observed("getpeername", "twin")]

# Of a race: its domain, its calls, what some of them give; whether an order explains that.
RACES_BY_HAND = {
    "a signal ends the wait": ("AF_INET", WAIT, {"one": "EINTR"}, True),
    "nothing has ended it": ("AF_INET", WAIT, {"one": "ok"}, False),
    "no refusal has come": ("AF_INET", WAIT, {"one": "ECONNREFUSED"}, False),
    "it has not waited": ("AF_INET", WAIT, {"one": "EINPROGRESS"}, False),
    "no signal was sent": ("AF_INET", [BLOCKING, CAUGHT, FULL, ENDS[0]], {"one": "EINTR"}, False),
    "the signal is not caught": ("AF_INET", [BLOCKING, FULL, SIGNAL, ENDS[0]], {"one": "EINTR"}, False),
    "space has come": ("AF_INET", SPACE, {"one": "ok"}, True),
    "space refuses nothing": ("AF_INET", SPACE, {"one": "ECONNREFUSED"}, False),
    "space in a queue of AF_UNIX": ("AF_UNIX", SPACE, {"one": "ok"}, True),
    "a queue of AF_UNIX that stays full": ("AF_UNIX", WAIT, {"one": "ok"}, False),
    "a wait for such a queue ends": ("AF_UNIX", WAIT, {"one": "EINTR"}, True),
    "a blocking socket does not have to try again": ("AF_UNIX", WAIT, {"one": "EAGAIN"}, False),
    "a listener takes it": ("AF_INET", [BLOCKING, SERVER, ENDS[0]], {"one": "ok"}, True),
    "a listener does not refuse": ("AF_INET", [BLOCKING, SERVER, ENDS[0]], {"one": "ECONNREFUSED"}, False),
    "a refusal is reported": ("AF_INET", [BLOCKING, CLOSED, ENDS[0]], {"one": "ECONNREFUSED"}, True),
    "a refusal is no success": ("AF_INET", [BLOCKING, CLOSED, ENDS[0]], {"one": "ok"}, False),
    "SO_ERROR has it first": ("AF_INET", [BLOCKING, CLOSED, ASKS, ENDS[0]],
                              {"a": "ECONNREFUSED", "one": "ECONNABORTED"}, True),
    "a further call waits, too": ("AF_INET", [*WAIT[:3], ALSO[0], SIGNAL, ENDS[0], *ALSO[1:]],
                                  {"one": "EINTR", "two": "EINTR"}, True),
    "its descriptor is closed by then": ("AF_INET", [BLOCKING, FULL, observed("close", "a"), ENDS[0]],
                                         {"one": "EBADF"}, True),
    "its descriptor is open": ("AF_INET", [BLOCKING, FULL, *races.SPACE, ENDS[0]], {"one": "EBADF"}, False),
    "a child has the listener": ("AF_UNIX", [*HELD, observed("waitpid", "idle")], {}, True),
    "and then it has not": ("AF_UNIX", [*HELD[:3], observed("waitpid", "idle"), HELD[3]], {}, False),
    "a copy keeps no other from its listener": ("AF_UNIX", [*HELD, observed("waitpid", "idle")],
                                                {"a": "ECONNREFUSED"}, False),
    "a further descriptor is of the same socket": ("AF_INET", TWIN, {"twin": "ENOTCONN"}, True),
    "which has no peer": ("AF_INET", TWIN, {"twin": "ok"}, False),
}


@pytest.mark.parametrize("name", RACES_BY_HAND)
def test_a_wait_is_explained_by_what_ends_it(name: str, answers: Answers) -> None:
    domain, steps, given, explained = RACES_BY_HAND[name]
    case = races.race(domain, "SOCK_STREAM", steps, "by-hand")
    assert (unexplained(case, by_hand(case, given), answers) is None) == explained


CHILD = [MAKE, observed("connect", "a", to="server", process="child"), observed("poll", "a"),
         observed("connect", "a", to="server"), observed("waitpid", "child")]

# Races that a layer's own way explains: its platform, the race, and whether Linux would explain it, too.
LAYERS = {
    "a request waits whatever the socket": ("io_uring", CHILD, {"a": "ok", "child": "ok"}, False),
    "it waits for space as AF_UNIX does": ("socket_wrapper", SPACE, {"one": "ok"}, True),
    "which a signal ends": ("socket_wrapper", WAIT, {"one": "EINTR"}, True),
    "a child has sockets of its own": ("socket_wrapper", [*CHILD[:2], CHILD[4], CHILD[3]],
                                       {"child": "ok", "a": "EINVAL"}, False),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_race_is_explained_by_what_the_page_of_a_layer_declares(name: str, answers: Answers) -> None:
    layer, steps, given, on_linux = LAYERS[name]
    case = races.race("AF_INET", "SOCK_STREAM", steps, "by-hand")
    played = by_hand(case, given)
    manuals = pages.profile(layer, clauses()).manuals
    assert unexplained(case, played, Answers(clauses(), manuals, manuals), layer) is None
    assert (unexplained(case, played, answers) is None) is on_linux


def test_of_a_layer_whose_requests_wait_some_answers_have_no_order_either() -> None:
    case = races.race("AF_INET", "SOCK_STREAM", [*CHILD[:2], CHILD[4]], "by-hand")
    manuals = pages.profile("io_uring", clauses()).manuals
    played = by_hand(case, {"child": "ECONNREFUSED"})
    assert unexplained(case, played, Answers(clauses(), manuals, manuals), "io_uring")


def test_a_race_without_its_signal_handler_is_another() -> None:
    """Without it the signal ends the agent, unless an earlier race has left one there."""
    case = races.race("AF_INET", "SOCK_STREAM", WAIT, "by-hand")
    assert CAUGHT in races.shortest(case, lambda _: True).steps


def by_hand(case: Case, given: Mapping[str, str]) -> Transcript:
    """A transcript in which all but the last call of a name, or one that fails to make it, gives ok."""
    last = {step.name: at for at, step in enumerate(case.steps)}
    played = transcript(case, given)
    entries = [one if one.step in last.values() else replace_ret(one, "ok") for one in played.entries]
    entries = [one._replace(observed={**one.observed, **shown(one)}) for one in entries]
    return replace(played, entries=entries, names={"server": "inet:127.0.0.1:1"})


def shown(entry: Entry) -> Mapping[str, str]:
    if entry.verb == "poll":
        return {"ret": "ok", "revents": ""}
    if entry.verb == "getsockopt":
        return {"ret": "ok", "value": entry.observed["ret"]}
    return {"name": "inet:127.0.0.1:1"} if entry.verb == "getpeername" else {}


def test_a_further_call_does_not_wait_where_no_page_says_so() -> None:
    """posix.EALREADY.blocking: what Linux' page declares is a departure elsewhere."""
    domain, steps, given, _ = RACES_BY_HAND["a further call waits, too"]
    case = races.race(domain, "SOCK_STREAM", steps, "by-hand")
    illumos = Answers(clauses(), ("illumos",), ("illumos",))
    assert unexplained(case, by_hand(case, given), illumos, "illumos")
    assert not unexplained(case, by_hand(case, {**given, "two": "EALREADY"}), illumos, "illumos")


def test_a_call_that_blocks_decides_nothing(answers: Answers) -> None:
    case = races.race("AF_INET", "SOCK_STREAM", WAIT, "by-hand")
    assert not unexplained(case, by_hand(case, {"one": "blocks"}), answers)


# --- races that are drawn -----------------------------------------------------------------------------------


def test_races_are_of_threads_and_children_and_shared_sockets() -> None:
    """And each call that may wait is ended by a signal to its thread, or by space."""
    drawn = [races.draw("0", at) for at in range(1000)]
    assert {step.verb for case in drawn for step in case.steps} >= {"fork", "waitpid", "dup", "pthread_kill"}
    for case in drawn:
        is_blocking = any(step.verb == "socket" and not step.operands.get("nonblocking") for step in case.steps)
        callers = [step for step in case.steps if {"thread", "process"} & step.operands.keys()]
        ended = {step.name for step in case.steps if step.verb == "pthread_kill" and "times" not in step.operands}
        for step in callers if is_blocking else ():
            assert step.operands.get("thread") in ended or is_ended(case.steps, callers), case.id


def is_ended(steps: Sequence[Step], callers: Sequence[Step]) -> bool:
    """Whether no caller's attempt waits for space, or space is made."""
    return all(one in steps for one in races.SPACE) or all(step.operands["to"] != "full" for step in callers)


def test_races_of_this_machine_are_explained_and_an_altered_answer_is_not(session: Session, answers: Answers) -> None:
    if targets.platform_of(platform.system()) != "linux":
        pytest.skip("answers are recorded of Linux")
    altered = whole = waits = 0
    for case in (races.draw("0", at) for at in range(RACES)):
        played = engine.play(case, session)
        waits += any(one.verb == "pthread_join" and one.observed["ret"] == "EINTR" for one in played.entries)
        whole += played.ended is None  # in some orders no connect() has succeeded, and accept() is not called
        assert not unexplained(case, played, answers), findings.text_of_calls(played)
        wrong = [replace_ret(one, "EINPROGRESS") if one.observed["ret"] in ("EALREADY", "EISCONN") else one
                 for one in played.entries]
        altered += bool(unexplained(case, replace(played, entries=wrong), answers))
    assert altered > RACES / 10
    assert waits > RACES / 20
    assert whole > 0.9 * RACES


def test_what_is_found_is_shown_by_the_calls_that_it_needs(answers: Answers) -> None:
    """Of a race with calls beside the two that contradict each other, these are left."""
    beside = [observed("getpeername", "a"), observed("poll", "a", events=("POLLIN", "POLLOUT"), timeout=0)]
    case = races.race("AF_INET", "SOCK_STREAM", [MAKE, ONE, TWO, *beside, *ENDS], "more")

    def play(one: Case) -> Transcript:
        return transcript(one, {"one": "EINPROGRESS", "two": "EINPROGRESS", "a": "ok"})

    fewest = races.shortest(case, lambda one: bool(unexplained(one, without_names(play(one)), answers)))
    assert {step.verb for step in fewest.steps} == {"socket", "connect", "pthread_join"}
    found = unexplained(fewest, play(fewest), answers)
    assert found
    shown = findings.race(fewest, found, play(fewest))
    assert "no order of the calls explains pthread_join(two) = -1 EINPROGRESS" in shown
    assert "thread: two" in shown


def without_names(played: Transcript) -> Transcript:
    """With answers of the calls beside that the machine allows of a pending attempt."""
    right = {"getpeername": {"ret": "ENOTCONN"}, "poll": {"ret": "ok", "revents": ""}}
    return replace(played, entries=[one._replace(observed=right.get(one.verb, one.observed)) for one in played.entries])
