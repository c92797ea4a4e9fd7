"""The engine on a kernel that is imitated call by call: which calls it makes, and how a play ends."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures import check
from fixtures.checked import Checked, Queue
from fixtures.targets import AgentError, Answer, NoProcess, Session, Target, Unavailable
from specs import scenarios, strict
from specs.foresee import Foreseen
from specs.model import Case, Citation, Clause, Transcript
from suites import engine
from suites.items import vocabulary
from suites.selftest.kernel import NONE, Answers, Kernel, addresses
from suites.timeouts import LOADED_FACTOR

CLAUSES = {"illumos.EISCONN": Clause("illumos.EISCONN", "So.", (Citation("illumos", "ERRORS", "shall"),), "c.yaml", 1)}
CALL_TIMEOUT_S = 2.0
VERBS = ("bind", "close", "connect", "getpeername", "getsockname", "listen", "poll", "recv", "send", "setsockopt",
         "socket", "accept", "ioctl", "fcntl")
TEXT = """
clause: illumos.EISCONN
scenarios:
  some:
    summary: It is played.
    domain: {domain}
    type: {type}
    given: [{given}]
    steps: [{steps}]
"""
PEER, CHECK = "{listener: peer}", "{connect: client, to: peer, expect: EISCONN}"


def case_of(steps: str, given: str = PEER, domain: str = "AF_INET", type_: str = "SOCK_STREAM") -> Case:
    content = strict.parse(TEXT.format(steps=steps, given=given, domain=domain, type=type_), "toy.yaml")
    (made,) = scenarios.cases_of(content, "toy.yaml", CLAUSES, vocabulary())
    return made


class Imitated(Session):
    """A target whose agent is a kernel."""

    def __init__(self, kernel: Kernel, checked: Checked = Checked()) -> None:  # noqa: B008 - frozen
        super().__init__(Target("toy", "a toy", ("toy",), "toy", lab=False, call_timeout=CALL_TIMEOUT_S))
        self.kernel, self.checked = kernel, checked
        self.hello = {"verbs": list(VERBS), "domains": ["AF_INET", "AF_UNIX", "v4-mapped"], "facilities": ["poll"],
                      "system": "Toy"}
        self.networks_inside = addresses()
        self.timeouts: dict[str, float] = {}
        self.owns: list[tuple[str, bool]] = []
        self.resets = 0

    @contextmanager
    def agent(self, netns: str = "default", own: bool = False, _peers: Collection[str] = ()) -> Iterator[Any]:
        self.owns.append((netns, own))
        yield SimpleNamespace(call=self.call, alive=True, reset=self.reset)

    def reset(self) -> Answer:
        self.resets += 1
        return Answer("ok")

    def call(self, request: str, timeout: float) -> Answer:
        self.timeouts[request] = timeout
        return self.kernel(request.partition(" ")[0], request)


def played(steps: str, answers: Answers = NONE, given: str = PEER, domain: str = "AF_INET",
           type_: str = "SOCK_STREAM", **checked: Any) -> tuple[Transcript, Kernel]:
    kernel = Kernel(answers)
    session = Imitated(kernel, Checked(**checked))
    return engine.play(case_of(steps, given, domain, type_), session), kernel


def ended(*words: Any, **more: Any) -> tuple[str, str] | None:
    return played(*words, **more)[0].ended


def test_a_case_is_given_its_fixtures_and_then_played_step_by_step() -> None:
    transcript, kernel = played(f"{{socket: client}}, {{connect: client, to: peer}}, {CHECK}",
                                {"connect .*": "ok then EISCONN"})
    address = "inet:127.0.0.1:4711"
    assert kernel.made == ["socket peer AF_INET SOCK_STREAM", "bind peer inet:127.0.0.1:0", "getsockname peer",
                           "listen peer 16", "socket client AF_INET SOCK_STREAM", *[f"connect client {address}"] * 2]
    assert [entry.request for entry in transcript.entries] == kernel.made
    assert [(entry.text, entry.verb, entry.subject, entry.observed, entry.step, entry.given)
            for entry in transcript.entries[3:]] == [
        ("listen peer 16", "listen", "peer", {"ret": "ok"}, None, "peer"),
        ("socket(client)", "socket", "client", {"ret": "ok"}, 0, ""),
        ("connect(client, peer)", "connect", "client", {"ret": "ok"}, 1, ""),
        ("connect(client, peer)", "connect", "client", {"ret": "EISCONN"}, 2, "")]
    assert (transcript.ended, transcript.names) == (None, {"peer": address})
    assert 0 < transcript.seconds < 60


@pytest.mark.parametrize(("answers", "says"), [
    ({"listen .*": "EOPNOTSUPP"}, ("unresolved", "peer: listen peer 16 = EOPNOTSUPP")),
    ({"listen .*": "ENOSYS"}, ("unsupported", "listen peer 16 = -1 ENOSYS")),
    ({"listen .*": "blocks"}, ("unresolved", "listen peer 16 blocks")),
    ({"listen .*": "crashed"}, ("crashed", "listen peer 16: ")),
    ({"setsockopt .*": "EINVAL"},
     ("unresolved", "step 2, a precondition: setsockopt(client, SO_KEEPALIVE, value=1) = EINVAL")),
    ({"setsockopt .*": "ENOPROTOOPT"}, ("unsupported", "setsockopt(client, SO_KEEPALIVE, value=1) = -1 ENOPROTOOPT")),
    ({"setsockopt .*": "unsupported no options"}, ("unsupported", "no options")),
    ({"setsockopt .*": "blocks"}, ("unresolved", "setsockopt(client, SO_KEEPALIVE, value=1) blocks")),
    ({"connect .*": "unsupported no connect"}, ("unsupported", "no connect")),
    ({"connect .*": "EPERM"}, None),
    ({"socket client .*": "EMFILE"}, ("unresolved", "socket client AF_INET SOCK_STREAM = EMFILE")),
    ({"socket client .*": "EAFNOSUPPORT"}, ("unsupported", "socket client AF_INET SOCK_STREAM = -1 EAFNOSUPPORT")),
])
def test_a_play_ends_where_its_state_cannot_be_had(answers: Answers, says: tuple[str, str] | None) -> None:
    steps = f"{{socket: client}}, {{setsockopt: client, option: SO_KEEPALIVE, value: 1}}, {CHECK}"
    assert ended(steps, answers) == says


def test_a_request_that_an_agent_refuses_is_unresolved() -> None:
    session = Imitated(Kernel(NONE))

    def call(request: str, _timeout: float) -> Answer:
        raise AgentError(f"{request!r}: what")

    session.call = call  # type: ignore[method-assign, assignment]
    assert engine.play(case_of(f"{{socket: client}}, {CHECK}"), session).ended == (
        "unresolved", "peer: 'socket peer AF_INET SOCK_STREAM': what")
    transcript = engine.play(case_of("{socket: client}, {recv: client, expect: EISCONN}", given=""), session)
    assert transcript.ended == ("unresolved", "'socket client AF_INET SOCK_STREAM': what")


def test_what_is_only_observed_may_be_unsupported() -> None:
    """And what comes after it is played."""
    steps = f"{{socket: client}}, {{getpeername: client, observe: true}}, {CHECK}"
    transcript, kernel = played(steps, {"getpeername .*": "unsupported none", "connect .*": "EISCONN"})
    assert transcript.ended is None
    assert kernel.made[-1].startswith("connect client")


@pytest.mark.parametrize(("step", "answer", "says"), [
    ("{socket: client, expect: EISCONN}", "EMFILE", None),
    ("{socket: client, expect: EISCONN}", "unsupported none", ("unsupported", "none")),
    ("{socket: client, observe: true}", "unsupported none", None),
    ("{socket: client}", "unsupported none", ("unsupported", "none"))])
def test_a_socket_that_is_judged_may_fail(step: str, answer: str, says: tuple[str, str] | None) -> None:
    transcript, _ = played(f"{step}, {{socket: another, expect: EISCONN}}", {"socket client .*": answer})
    assert transcript.ended == says
    texts = [(entry.text, entry.step) for entry in transcript.entries[4:]]
    assert texts == ([("socket client AF_INET SOCK_STREAM", None)] if says else
                     [("socket(client)", 0), ("socket(another)", 1)])


def test_a_socket_of_several_calls_is_shown_by_its_last() -> None:
    transcript, kernel = played("{socket: client, nonblocking: true, expect: EISCONN}", domain="v4-mapped", given="")
    assert kernel.made == ["socket client AF_INET6 SOCK_STREAM", "setsockopt client IPV6_V6ONLY value=0",
                           "fcntl client F_SETFL flags=O_NONBLOCK"]
    assert [(entry.step, entry.verb) for entry in transcript.entries] == [
        (None, "socket"), (None, "setsockopt"), (0, "socket")]
    operands = "{socket: client, domain: AF_UNIX, type: SOCK_DGRAM, protocol: IPPROTO_UDP, expect: EISCONN}"
    assert played(operands, given="")[1].made == ["socket client AF_UNIX SOCK_DGRAM protocol=IPPROTO_UDP"]


def test_what_rules_a_step_out_is_the_reason() -> None:
    blackholed: dict[str, Any] = {"queues": {"AF_INET": None}}
    steps = "{socket: client}, {bind: client, to: loopback}, {connect: client, to: peer, expect: EISCONN}"
    says = ("unsupported", "a blackholed host replaces the full queue, and client is bound to loopback")
    transcript, kernel = played(steps, given="{full-queue: peer}", **blackholed)
    assert transcript.ended == says
    assert not [request for request in kernel.made if request.startswith("connect")]
    unbound = f"{{socket: client}}, {{setsockopt: client, option: SO_KEEPALIVE, value: 1}}, {CHECK}"
    assert ended(unbound, given="{full-queue: peer}", **blackholed) is None
    failed = steps.replace("loopback}", "loopback, expect: EISCONN}")
    assert ended(failed, {"bind .*": "EISCONN"}, "{full-queue: peer}", **blackholed) is None


def test_a_full_queue_that_is_closed_keeps_its_port() -> None:
    pends = {r"connect peer-pending .*": "EINPROGRESS", r"poll peer-pending .*": "ok revents="}
    _, kernel = played(f"{{socket: client}}, {{close: peer}}, {CHECK}", pends, "{full-queue: peer}")
    at = kernel.made.index("close peer")
    assert kernel.made[at + 1:at + 3] == ["socket peer-port AF_INET SOCK_STREAM", "bind peer-port inet:127.0.0.1:4711"]
    _, kernel = played(f"{{socket: client}}, {{close: client}}, {CHECK}", pends, "{full-queue: peer}")
    assert not [request for request in kernel.made if "peer-port" in request]


@pytest.mark.parametrize(("connect", "revents", "is_made"), [
    ("ECONNREFUSED", "", False), ("ECONNREFUSED", "POLLIN", True), ("EINPROGRESS", "", True), ("ok", "", True)])
def test_a_call_that_waits_for_an_attempt_that_failed_is_not_made(connect: str, revents: str, is_made: bool) -> None:
    steps = "{socket: client}, {connect: client, to: peer, expect: EISCONN}, {accept: peer, as: end, expect: EISCONN}"
    transcript, kernel = played(steps, {"connect .*": connect, "poll .*": f"ok revents={revents}"})
    assert ("accept peer end" in kernel.made) is is_made
    says = "accept(peer, end) is not called, because no connect() before it succeeds"
    assert transcript.ended == (None if is_made else ("unresolved", says))
    assert ("poll peer events=POLLIN timeout=0" in kernel.made) is (connect == "ECONNREFUSED")
    assert all(entry.verb == entry.request.split(maxsplit=1)[0] for entry in transcript.entries)


def test_a_call_is_waited_for_as_long_as_it_may_take() -> None:
    session = Imitated(Kernel({"connect .*": "EISCONN"}))
    engine.play(case_of(f"{{socket: client}}, {CHECK}"), session)
    assert session.timeouts["listen peer 16"] == CALL_TIMEOUT_S * LOADED_FACTOR
    assert session.timeouts["connect client inet:127.0.0.1:4711"] == CALL_TIMEOUT_S * LOADED_FACTOR
    engine.play(case_of(f"{{socket: client}}, {CHECK}"), session, foreseen=Foreseen(frozenset({1})))
    assert session.timeouts["connect client inet:127.0.0.1:4711"] == CALL_TIMEOUT_S


@pytest.mark.parametrize(("given", "own", "agent"), [
    (PEER, False, ("default", False)), (PEER, True, ("default", True))])
def test_a_case_has_the_agent_that_is_meant(given: str, own: bool, agent: tuple[str, bool]) -> None:
    session = Imitated(Kernel(NONE))
    engine.play(case_of(f"{{socket: client}}, {CHECK}", given), session, own)
    assert (session.owns, session.resets) == ([agent], 1)


@pytest.mark.parametrize(("lack", "reason"), [
    ({"unavailable": "it does not start"}, "it does not start"),
    ({"hello": {"verbs": ["connect", "socket"], "domains": [], "facilities": []}}, "the target has no domain AF_INET"),
])
def test_a_case_that_a_target_cannot_play_is_not_played(lack: dict[str, Any], reason: str) -> None:
    session = Imitated(Kernel(NONE))
    vars(session).update(lack)
    transcript = engine.play(case_of(f"{{socket: client}}, {CHECK}", "{only-port: peer}"), session)
    assert (transcript.ended, session.owns) == (("unsupported", reason), [])


def test_a_case_needs_its_network_namespace() -> None:
    session = Imitated(Kernel(NONE))
    case = case_of(f"{{socket: client}}, {CHECK}", "{only-port: peer}")
    assert engine.play(case, session).ended == (
        "unsupported", "the laboratory inside toy has no one-ephemeral-port")
    session.has_netns = lambda netns: netns == "one-ephemeral-port"  # type: ignore[method-assign]
    engine.play(case, session)
    assert session.owns == [("one-ephemeral-port", False)]


@pytest.mark.parametrize(("problem", "word"), [(Unavailable("none"), "unresolved"), (NoProcess("none"), "unsupported")])
def test_without_an_agent_nothing_is_played(problem: Unavailable, word: str) -> None:
    def agent(_netns: str, _own: bool, _peers: Collection[str]) -> Any:
        raise problem

    session = Imitated(Kernel(NONE))
    session.agent = agent  # type: ignore[method-assign, assignment]
    transcript = engine.play(case_of(f"{{socket: client}}, {CHECK}"), session)
    assert transcript.ended == (word, "no new agent: none")


def test_a_target_is_started_and_checked_before_its_first_case(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Imitated(Kernel(NONE))
    monkeypatch.setattr(session, "open", lambda: setattr(session, "unavailable", "it does not start"))
    assert engine.play(case_of(f"{{socket: client}}, {CHECK}"), session).ended == ("unsupported", "it does not start")
    session = Imitated(Kernel(NONE))
    session.checked = None
    monkeypatch.setattr(check, "find_out", lambda _session: Checked({"AF_INET": Queue()}))
    engine.play(case_of(f"{{socket: client}}, {CHECK}"), session)
    assert session.checked == Checked({"AF_INET": Queue()})
