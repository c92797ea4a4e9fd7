"""The reference machine, and walks on it: what is wrong in a rule, a state or an agent is found, and shown shortly."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import targets
from fixtures.targets import Session
from specs import load, pages, scenarios, strict
from specs.machine import declared, explore, rules, traits
from specs.machine.oracle import Seen, follow
from specs.machine.rules import Move
from specs.machine.state import KINDS, Socket, State
from specs.machine.traits import ANSWERS, Answers
from specs.model import Case, Entry, Observed, Profile, Step, Transcript
from suites import engine
from suites.items import vocabulary
from suites.selftest import faulty
from suites.selftest.house import PLATFORMS, clauses, profiles
from suites.walks import findings, walking
from suites.walks.findings import Explorer
from suites.walks.walking import case_of, draw, observed, own_steps, shrink

WALKS = 250  # of each test; a fault is to be found within 500
Played = list[tuple[Case, Transcript]]


def answers_of(platform: str) -> Answers:
    manuals = pages.profile(platform, clauses()).manuals
    return Answers(clauses(), manuals, manuals)


def departures(played: Played, answers: Answers) -> set[str]:
    """The rules under which some walk departs."""
    return {one.rule for case, transcript in played for one in follow(case, transcript, answers) if one.broken}


# --- the table ----------------------------------------------------------------------------------------------


def test_rows_speak_of_clauses_kinds_and_states_that_there_are() -> None:
    """Rows of calls that wait are of races, which test_races.py has by hand: nothing is recorded of them."""
    recorded = {rule for path in ANSWERS.glob("*.json") for rule in json.loads(path.read_text(encoding="utf-8"))}
    used = {traits.row_of(rule) for rule in recorded}
    for row in traits.table():
        assert row.requires.keys() <= clauses().keys(), row.rule
        assert {kind for cell in row.requires.values() for kind in cell} <= {"", *KINDS.values()}, row.rule
        is_of_races = row.rule.startswith(("join/", "return/"))
        assert row.rule in used or is_of_races, f"{row.rule}: no walk has come there, or another row takes all of it"


@pytest.mark.parametrize("path", sorted(ANSWERS.glob("*.json")), ids=lambda path: path.stem)
def test_answers_are_of_a_platform_and_differ_from_what_it_inherits(path: Path) -> None:
    assert path.stem in PLATFORMS
    own, (_, *above) = traits.recorded(path.stem), pages.profile(path.stem, clauses()).manuals
    inherited = Answers(clauses(), above, above)
    same = [rule for rule, kinds in own.items() for kind, words in kinds.items()
            if words == inherited.of_platform(rule, kind)]
    assert same == []


@pytest.mark.parametrize("profile", profiles(), ids=lambda profile: profile.platform)
def test_an_answer_that_breaks_a_clause_is_declared_by_the_page(profile: Profile) -> None:
    """By some bug of that clause with that outcome: walks come to states that no scenario has, by the same cause."""
    alone = Answers(clauses(), profile.manuals)
    lacking = [(rule, kind, word) for rule, kinds in traits.recorded(profile.platform).items()
               for kind, words in kinds.items() for word in words
               if any(alone.breaks(rule, kind, word))
               and not declared.entry_of(rule, kind, word, alone, profile)]
    assert lacking == []


# Of a platform an answer under a rule, and the bug of its page that has it, or what it is without one.
BESIDE_PAGES = {
    "of the page": ("gvisor", "connect/connected/unspec", "tcp", "EAFNOSUPPORT", "tcp-endpoint-cannot-be-disconnected"),
    "inherited": ("mptcp", "send/unconnected", "tcp", "EPIPE", "tcp-socket-that-is-neither-connected-nor-about"),
    "of poll()": ("linux", "poll/failed", "tcp", "POLLERR|POLLHUP|POLLOUT",
                  "pollhup-shows-a-socket-without-connection"),
    "of SO_ERROR": ("lwip", "SO_ERROR/refused", "tcp", "ECONNRESET", "reset-that-answers-a-syn-is-reported-like-one"),
    "a name": ("lwip", "getsockname/connected/chosen", "udp", "any-host",
               "datagram-socket-is-given-a-port-and-keeps-the-wildcard"),
    "taken back": ("gvisor", "shutdown/unconnected", "unix", "ok", declared.NEW),
    "another outcome": ("gvisor", "connect/connected/unspec", "tcp", "EPERM", declared.NEW),
    "as required": ("gvisor", "shutdown/unconnected", "unix", "ENOTCONN", declared.CONFORMS),
    "nothing required": ("gvisor", "bind/failed/stale", "tcp", "EINVAL", declared.OPEN),
}


@pytest.mark.parametrize("case", BESIDE_PAGES)
def test_an_answer_is_of_a_bug_or_of_none(case: str) -> None:
    name, rule, kind, word, expected = BESIDE_PAGES[case]
    profile = pages.profile(name, clauses())
    entry = declared.entry_of(rule, kind, word, answers_of(name), profile)
    assert (entry.bug.name if entry else declared.kind_of(rule, kind, word, answers_of(name))) == expected


# --- walks --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session(targets.choose(load.targets(targets.FILE), ["native"])["native"])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def played(session: Session) -> Played:
    """Walks as this machine plays them."""
    return [(case, engine.play(case, session)) for case in (draw("0", at) for at in range(WALKS))]


def test_a_seed_draws_the_same_walks_and_another_draws_others() -> None:
    assert draw("0", 7) == draw("0", 7) != draw("1", 7)


def test_walks_draw_every_call_and_kind() -> None:
    drawn = [draw("0", at) for at in range(WALKS)]
    assert {KINDS[case.axes["domain"], case.axes["type"]] for case in drawn} == set(KINDS.values())
    assert {step.verb for case in drawn for step in own_steps(case)} == {*rules.MOVES, "fcntl"}
    assert all(walking.is_playable(own_steps(case)) for case in drawn)


def test_the_tour_ends_each_walk_with_a_call_that_it_is_for() -> None:
    """A walk to every call, each playable and of a few calls."""
    answers = answers_of("linux")
    toured = list(walking.tour(answers))
    assert all(walking.is_playable(own_steps(case)) for case in toured)
    assert len({case.id for case in toured}) == len(toured)
    assert {case.steps[-1].verb for case in toured} == {*rules.MOVES, "fcntl"} - {"socket"}
    assert max(len(own_steps(case)) for case in toured) <= explore.LONGEST + 1


def test_this_machine_departs_nowhere(played: Played) -> None:
    if targets.platform_of(platform.system()) != "linux":
        pytest.skip("answers are recorded of Linux")
    assert departures(played, answers_of("linux")) == set()


def returns(verb: str, was: str, ret: str, **fields: str) -> Callable[[Entry], Observed]:
    """A call that gives something else wherever it gave one thing."""
    def altered(entry: Entry) -> Observed:
        hit = entry.verb == verb and entry.observed["ret"] == was
        return {**entry.observed, "ret": ret, **fields} if hit else entry.observed

    return altered


def shows(verb: str, field: str, was: str, shown: str) -> Callable[[Entry], Observed]:
    """A call that shows something else in a field wherever it showed one thing."""
    def altered(entry: Entry) -> Observed:
        hit = entry.verb == verb and entry.observed.get(field) == was
        return {**entry.observed, field: shown} if hit else entry.observed

    return altered


def receives(came: Callable[[str], str]) -> Callable[[Entry], Observed]:
    """recv() that returns other data than have arrived."""
    def altered(entry: Entry) -> Observed:
        got = entry.observed.get("data", "")
        return {**entry.observed, "data": came(got)} if entry.verb == "recv" and got else entry.observed

    return altered


WRONG_AGENTS = {
    "connects-twice": returns("connect", "EISCONN", "ok"),
    "begins-twice": returns("connect", "EALREADY", "EINPROGRESS"),
    "refuses-by-reset": returns("connect", "ECONNREFUSED", "ECONNRESET"),
    "never-aborts": returns("connect", "ECONNABORTED", "ECONNREFUSED"),
    "error-is-lost": shows("getsockopt", "value", "ECONNREFUSED", "ok"),
    "error-is-another": shows("getsockopt", "value", "ECONNREFUSED", "ETIMEDOUT"),
    "writable-too-early": shows("poll", "revents", "", "POLLOUT"),
    "no-hangup": shows("poll", "revents", "POLLOUT,POLLHUP", "POLLOUT"),
    "data-are-altered": receives(lambda data: data.replace("m", "n")),
    "first-byte-is-lost": receives(lambda data: data[1:]),
    "data-come-twice": receives(lambda data: data + data),
    "data-are-out-of-order": receives(lambda data: data[3:] + data[:3]),
    "no-broken-pipe": returns("send", "EPIPE", "ok"),
    "binds-twice": returns("bind", "EINVAL", "ok"),
    "has-a-peer": returns("getpeername", "ENOTCONN", "ok", name="inet:127.0.0.1:9"),
    "accepts-anywhere": returns("accept", "EINVAL", "EAGAIN"),
    "shuts-down-anything": returns("shutdown", "ENOTCONN", "ok"),
}


@pytest.mark.parametrize("fault", WRONG_AGENTS)
def test_a_wrong_agent_is_found(fault: str, played: Played) -> None:
    altered = [(case, replace(transcript, entries=[one._replace(observed=WRONG_AGENTS[fault](one))
                                                   for one in transcript.entries])) for case, transcript in played]
    assert departures(altered, answers_of("linux"))


def without(verb: str) -> Callable[[State, Step, Socket], Move]:
    """The rules of a call that changes nothing."""
    right = rules.MOVES[verb]
    return lambda state, step, socket: right(state, step, socket)._replace(then=lambda _: state)


@pytest.mark.parametrize("verb", ["getsockopt", "shutdown", "send", "recv", "bind", "listen", "close", "connect"])
def test_a_wrong_rule_is_found(verb: str, played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOVES", {**rules.MOVES, verb: without(verb)})
    assert departures(played, answers_of("linux"))


def test_what_is_found_is_shown_by_a_few_calls(tmp_path: Path) -> None:
    """An agent that reports another errno: each finding is a scenario that the loader takes, of a few calls."""
    (tmp_path / "targets.yaml").write_text(faulty.target("faulty", "other-errno"))
    session = Session(targets.choose(load.targets(tmp_path / "targets.yaml"), ["faulty"])["faulty"])
    try:
        explorer = Explorer(lambda case: engine.play(case, session), answers_of("linux"),
                            pages.profile("linux", clauses()))
        cases = (draw("faulty", at) for at in range(40))
        found = [one for case in cases for one in explorer.explore(case, engine.play(case, session))]
    finally:
        session.close()
    assert any(one.seen.word == faulty.OTHER for one in found)
    assert all(len(own_steps(one.case)) <= 7 for one in found)
    summary = findings.summary_of({f"finding-{at}": one for at, one in enumerate(found)}, explorer.answers)
    assert summary.startswith(f"{len(found)} differences, of which the platform's page declares ")
    assert "which break a clause, and which no bug of the page declares: finding-" in summary
    assert len({one.seen.cause for one in found}) == len(found)
    for one in found:
        text = findings.scenario(one, "shown")
        text = text if text.startswith("clause") else f"clause: survey.walk\n{text}"
        content = strict.parse(text + "\n", "a finding")
        (case,) = scenarios.cases_of(content, "suites/survey/walk.yaml", clauses(), vocabulary())
        assert [step.text for step in case.steps] == [step.text for step in one.case.steps]


def test_a_walk_is_shrunk_to_what_it_needs() -> None:
    steps = [observed("socket", "a", nonblocking=True), observed("poll", "a"), observed("bind", "a", to="loopback"),
             observed("socket", "b", nonblocking=True), observed("listen", "a", backlog=4)]
    case = shrink(case_of("AF_INET", "SOCK_STREAM", steps, ""),
                  lambda one: {"bind", "listen"} <= {step.verb for step in one.steps}, 100)
    assert [step.verb for step in own_steps(case)] == ["socket", "bind", "listen"]


def test_states_follow_all_that_may_arrive() -> None:
    """After an attempt at a listener it goes on, or is established: both until a call shows which."""
    case = case_of("AF_INET", "SOCK_STREAM", [observed("socket", "a", nonblocking=True),
                                              observed("connect", "a", to="server"),
                                              observed("connect", "a", to="server")], "")
    for word in ("EALREADY", "ok"):
        entries = [Entry("", step.verb, step.name, "", {"ret": ret}, at) for at, (step, ret) in
                   enumerate(zip(case.steps, ("ok", "EINPROGRESS", word), strict=True))]
        transcript = Transcript(entries, {"server": "inet:127.0.0.1:1"})
        assert not [one for one in follow(case, transcript, Answers(clauses(), ("linux",))) if one.broken]


def answered(kind: str, steps: Sequence[tuple[Step, Observed]], answers: Answers) -> list[Seen]:
    """What came of a walk whose answers are made by hand."""
    case = case_of(kind, "SOCK_STREAM", [step for step, _ in steps], "")
    entries = [Entry("", step.verb, step.name, "", observed_, at) for at, (step, observed_) in enumerate(steps)]
    return list(follow(replace(case, steps=tuple(own_steps(case))), Transcript(entries, {"server": "inet:127.0.0.1:1"}),
                       answers))


OK, MADE = {"ret": "ok"}, observed("socket", "a", nonblocking=True)
CONNECTED = [(MADE, OK), (observed("connect", "a", to="server"), OK),
             (observed("accept", "server", **{"as": "other"}), OK)]
ASKED = observed("getsockopt", "a", option="SO_ERROR")


@pytest.mark.parametrize(("last", "broken"), [
    (("EPIPE", "ok"), False), (("ok", "ok"), False), (("EPIPE", "EPIPE"), True)], ids=str)
def test_send_may_fail_with_epipe_and_leave_the_error_pending_once(last: Sequence[str], broken: bool) -> None:
    """A socket that is no longer connected gives EPIPE by itself, so that it does not show what has been reported."""
    sent = observed("send", "a", data="abc")
    walk = [*CONNECTED, (observed("close", "other"), OK), (sent, OK), (sent, {"ret": "EPIPE"}),
            *((ASKED, {"ret": "ok", "value": word}) for word in last)]
    seen = answered("AF_INET", walk, Answers(clauses(), ("linux",)))
    assert bool([one for one in seen if one.broken]) is broken
    assert seen[-2].rule.endswith("/doubtful") or last[0] == "ok"  # which a socket that knows of no reset gives, too


def test_an_answer_is_held_to_break_a_clause_only_where_every_state_forbids_it() -> None:
    """Of another platform's record both states depart; in one of them the answer is what documents require."""
    begun = [(MADE, OK), (observed("connect", "a", to="server"), {"ret": "EINPROGRESS"})]
    own = {"connect/established/listener": {"tcp": ("ok",)}, "connect/pending/listener": {"tcp": ("EALREADY",)}}
    again = (observed("connect", "a", to="server"), {"ret": "EISCONN"})
    seen = answered("AF_INET", [*begun, again], Answers(clauses(), ("linux",), own=own))
    assert (seen[-1].rule, seen[-1].broken) == ("connect/established/listener", traits.RECORDED)
