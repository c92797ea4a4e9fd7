"""The check of a target, question by question, on a kernel that is imitated call by call."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from fixtures import check, host
from fixtures.checked import CALLS_A_CASE, Checked, Queue
from fixtures.targets import AgentError, Answer, Session, Target, Unavailable
from fixtures.world import Environment, Unresolved, Unsupported
from suites.selftest.kernel import NONE, Answers, Kernel

VERBS = ("pthread_kill",)


class Asked(NamedTuple):
    """A question, what the kernel answers, and what is found out.

    calls: the requests that matter, in their order. never: one that is not made.
    """

    question: check.Question
    found: Mapping[str, Any]
    answers: Answers = NONE
    domain: str = "AF_INET"
    before: Checked = Checked()
    calls: tuple[str, ...] = ()
    never: str = ""


def asked(row: Asked, verbs: tuple[str, ...] = VERBS) -> tuple[Checked, list[str]]:
    kernel = Kernel({**row.answers, **CONNECTED})
    agent: Any = SimpleNamespace(hello={"verbs": verbs}, call_timeout=2.0)
    env = Environment(kernel, {"domain": row.domain}, {}, str, row.before)
    return row.question(env, row.before, agent), kernel.made


def is_part(calls: tuple[str, ...], made: list[str]) -> bool:
    """Whether calls were made in this order, with others between them."""
    left = iter(made)
    return all(call in left for call in calls)


def queues(**found: Queue | None) -> dict[str, Any]:
    return {"queues": found}


PENDS = {r"connect \S+-filler1 .*": "EINPROGRESS", r"poll \S+-filler1 .*": "ok revents="}
RESETS = {r"connect \S+-filler1 .*": "EINPROGRESS", r"poll \S+-filler1 .*": "ok revents=POLLHUP",
          r"getpeername \S+-filler1": "ENOTCONN"}
GATE_PENDS = {"connect gated-filler .*": "EINPROGRESS", "poll gated-filler .*": "ok revents="}
BLOCKING = Checked(blocking=frozenset({"AF_INET", "AF_UNIX"}))
WAITS = {"connect queue-pending .*": "EINPROGRESS", "poll queue-pending .*": "ok revents="}
OVERTAKEN = ("connect queue0-filler1 inet:127.0.0.1:4711", "socket queue0-filler1-later0 AF_INET SOCK_STREAM",
             "connect queue0-filler1-later0 inet:127.0.0.1:4711", "accept reference queue0-filler1-later0-end",
             "close queue0-filler1-later0", "close queue0-filler1-later0-end",
             "connect queue0-filler1-later2 inet:127.0.0.1:4711", "poll queue0-filler1 events=POLLOUT timeout=0",
             "getsockopt queue0-filler1 SO_ERROR")
CONNECTED = {r"poll \S+-filler\d* .*": "ok revents=POLLOUT"}
ASKED = (
    Asked(check.ask_queue, queues(AF_INET=Queue(0, 1)), PENDS,
          calls=("socket reference AF_INET SOCK_STREAM", "listen reference 16", "listen queue0 0", *OVERTAKEN),
          never="listen queue1 1"),
    Asked(check.ask_queue, queues(AF_INET=Queue(0, 1)), PENDS, before=Checked({"AF_INET": Queue(0, 1)})),
    Asked(check.ask_queue, queues(AF_INET=None), PENDS, before=Checked({"AF_INET": None})),
    Asked(check.ask_queue, queues(AF_INET=Queue(1, 1)), {r"connect queue0-filler0 .*": "EAGAIN"} | PENDS),
    Asked(check.ask_queue, queues(AF_INET=Queue(0, 2, answers="EAGAIN")),
          {"connect queue0-filler2 .*": "EAGAIN", "connect queue1-filler3 .*": "ECONNREFUSED"}),
    Asked(check.ask_queue, queues(AF_INET=Queue(1, 3, answers="ECONNREFUSED")),
          {"connect queue0-filler4 .*": "EAGAIN", "connect queue1-filler3 .*": "ECONNREFUSED"}),
    Asked(check.ask_queue, queues(AF_INET=Queue(16, 0, "IP_MINTTL")), RESETS | GATE_PENDS,
          calls=("listen queue1 1", "listen gated 16", "setsockopt gated IP_MINTTL value=255",
                 "connect gated-filler inet:127.0.0.1:4711")),
    Asked(check.ask_queue, queues(AF_INET6=Queue(16, 0, "IPV6_MINHOPCOUNT")), RESETS | GATE_PENDS, "AF_INET6"),
    Asked(check.ask_queue, {"queues": {"v4-mapped": Queue(16, 0, "IP_MINTTL")}}, RESETS | GATE_PENDS, "v4-mapped"),
    Asked(check.ask_queue, queues(AF_INET=None), RESETS, never="socket queue0-filler2 AF_INET SOCK_STREAM"),
    Asked(check.ask_queue, queues(AF_INET=None), RESETS | {"setsockopt gated .*": "ENOPROTOOPT"}),
    Asked(check.ask_queue, queues(AF_INET=None), RESETS | {"setsockopt gated .*": "EPERM"}),
    Asked(check.ask_queue, queues(AF_INET=None),
          RESETS | {"connect gated-filler .*": "ECONNRESET", "poll gated-filler .*": "ok revents="}),
    Asked(check.ask_queue, queues(AF_INET=None), RESETS | GATE_PENDS | {"poll gated-filler .*": "ok revents=POLLOUT"}),
    Asked(check.ask_queue, queues(AF_INET=Queue(0, 1)),
          {"pthread_kill queue0-filler0 .*": "ok returned=yes", "pthread_kill .*": "ok returned=no"}, before=BLOCKING,
          calls=("connect queue0-filler1 inet:127.0.0.1:4711 thread=queue0-filler1",
                 "pthread_kill queue0-filler1 SIGURG times=50", "sigaction SIGUSR2",
                 "pthread_kill queue0-filler1 SIGUSR2", "pthread_join queue0-filler1", "close queue0-filler1")),
    Asked(check.ask_queue, queues(AF_INET=Queue(16, 0, "IP_MINTTL")),
          {"pthread_kill gated-filler .*": "ok returned=no", "pthread_kill .*": "ok returned=yes",
           r"getpeername \S+-filler1": "ENOTCONN"}, before=BLOCKING,
          calls=("pthread_kill gated-filler SIGURG times=50", "pthread_join gated-filler", "close gated-filler")),
    Asked(check.ask_unix_queue, queues(AF_UNIX=Queue(0, 1, answers="EAGAIN")), {"connect queue0-filler1 .*": "EAGAIN"},
          "AF_UNIX", calls=("listen queue0 0",)),
    Asked(check.ask_unix_queue, queues(AF_UNIX=Queue(1, 2, answers="EAGAIN")),
          {"connect queue0-filler3 .*": "EAGAIN", "connect queue1-filler2 .*": "EAGAIN"}, "AF_UNIX"),
    Asked(check.ask_unix_queue, queues(AF_UNIX=Queue(0, 2, answers="EAGAIN")),
          {"connect queue0-filler2 .*": "EAGAIN", "connect queue1-filler4 .*": "EAGAIN"}, "AF_UNIX"),
    Asked(check.ask_unix_queue, queues(AF_UNIX=Queue(1, 1, answers="EAGAIN")),
          {"connect queue0-filler0 .*": "EAGAIN", "connect queue1-filler1 .*": "EAGAIN"}, "AF_UNIX"),
    Asked(check.ask_unix_queue, queues(AF_UNIX=Queue(0, 0, answers="EAGAIN")), {"connect .*": "EAGAIN"}, "AF_UNIX"),
    Asked(check.ask_waiting, {}, WAITS | {"pthread_join client": "EINTR"},
          calls=("connect queue-pending inet:127.0.0.1:4711", "socket client AF_INET SOCK_STREAM",
                 "fcntl client F_SETFL flags=O_NONBLOCK", "connect client inet:127.0.0.1:4711 thread=client",
                 "pthread_kill client SIGUSR2", "pthread_join client", "close queue-pending")),
    Asked(check.ask_linger, {"lingers": True}, {"poll client .*": "ok revents=POLLIN,POLLERR"},
          calls=("listen server 16", "accept server accepted", "setsockopt accepted SO_LINGER value=0",
                 "close accepted", "poll client events=POLLIN")),
    Asked(check.ask_linger, {"lingers": True}, {"getpeername client": "ok then ENOTCONN"}),
    Asked(check.ask_linger, {"lingers": True}, {"recv client": "ECONNRESET"}, calls=("recv client",)),
    Asked(check.ask_linger, {"lingers": True}, {"recv client": "ok data=more"}),
    Asked(check.ask_linger, {"lingers": True}, {"recv client": "EAGAIN data="}),
    Asked(check.ask_linger, {"lingers": False}),
    Asked(check.ask_linger, {"lingers": False}, {".*": "EIO"}, before=Checked(lingers=False)),
    Asked(check.ask_signal, {"interrupts": True},
          WAITS | {"pthread_kill waiter SIGURG .*": "ok returned=yes", "pthread_join waiter": "EINTR"},
          before=Checked({"AF_INET": Queue()}),
          calls=("socket client AF_INET SOCK_STREAM", "connect client inet:127.0.0.1:4711 thread=waiter",
                 "pthread_kill waiter SIGURG times=10", "sigaction SIGUSR1", "pthread_kill waiter SIGUSR1",
                 "pthread_join waiter")),
    Asked(check.ask_signal, {"interrupts": False},
          WAITS | {"pthread_kill waiter SIGURG .*": "ok returned=no", "pthread_join waiter": "EINTR"},
          before=Checked({"AF_INET": Queue()})),
    Asked(check.ask_signal, {"interrupts": False},
          WAITS | {"pthread_kill waiter SIGURG .*": "ok returned=yes", "pthread_join waiter": "ECONNREFUSED"},
          before=Checked({"AF_INET": Queue()})),
    Asked(check.ask_signal, {"interrupts": False}, {".*": "EIO"}, before=Checked({"AF_INET": None})),
    Asked(check.ask_signal, {"interrupts": False}, {".*": "EIO"}),
    Asked(check.ask_refusals, {"refusals": 0}, calls=(
        "socket closed AF_INET SOCK_STREAM", "socket client AF_INET SOCK_STREAM", "connect client inet:127.0.0.1:4711",
        "close client", "socket client AF_INET SOCK_STREAM")),
)


@pytest.mark.parametrize("row", ASKED, ids=[f"{row.question.__name__}-{number}" for number, row in enumerate(ASKED)])
def test_a_question_finds_out_a_property(row: Asked) -> None:
    found, made = asked(row)
    assert found == replace(row.before, **row.found)
    assert is_part(row.calls, made), made
    assert row.never not in made


def test_a_non_blocking_attempt_that_is_not_interrupted_does_not_wait() -> None:
    with pytest.raises(Unresolved, match="a non-blocking attempt at a full queue is EINPROGRESS"):
        asked(Asked(check.ask_waiting, {}, WAITS | {"pthread_join client": "EINPROGRESS"}))


@pytest.mark.parametrize("question", [check.ask_waiting, check.ask_signal])
def test_where_no_attempt_waits_for_space_nothing_is_interrupted(question: check.Question) -> None:
    before = Checked({"AF_INET": Queue(answers="ECONNREFUSED")})
    with pytest.raises(Unsupported, match="no attempt waits for space"):
        asked(Asked(question, {}, {"connect queue-pending .*": "ECONNREFUSED"}, before=before))


def test_an_agent_without_threads_is_not_asked_about_signals() -> None:
    row = Asked(check.ask_signal, {}, {".*": "EIO"}, before=Checked({"AF_INET": Queue()}))
    assert asked(row, ()) == (row.before, [])


def test_a_pending_attempt_on_a_thread_is_ended_after_the_question_about_signals() -> None:
    answers = {"getpeername .*": "ENOTCONN", "pthread_kill waiter .*": "ok returned=no", "pthread_join .*": "EINTR"}
    _, made = asked(Asked(check.ask_signal, {}, answers, before=replace(BLOCKING, queues={"AF_INET": Queue()})))
    assert made[-2:] == ["pthread_join queue-pending", "close queue-pending"]


# --- limits of a second -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seen", "limit"), [(0, None), (1, 1), (check.BURST - 1, check.BURST - 1), (check.BURST, 0)])
def test_a_burst_says_whether_there_is_a_limit(seen: int, limit: int | None) -> None:
    assert check.limit(seen) == limit


@pytest.mark.parametrize(("bursts", "refusals"), [
    ((250,), 0), ((100, 90), 90), ((90, 100), 90), ((100, 250), 0), ((0, 0), None)])
def test_a_limit_of_refusals_shows_in_two_bursts(
        monkeypatch: pytest.MonkeyPatch, bursts: tuple[int, ...], refusals: int | None) -> None:
    left = iter(bursts)
    monkeypatch.setattr(check, "prompt_refusals", lambda _env: next(left))
    assert asked(Asked(check.ask_refusals, {}))[0].refusals == refusals
    assert list(left) == []


@pytest.mark.parametrize(("seconds", "prompt"), [(0.4, check.BURST), (0.5, check.BURST), (0.6, 3)])
def test_a_refusal_is_prompt_or_it_was_lost(monkeypatch: pytest.MonkeyPatch, seconds: float, prompt: int) -> None:
    """The fourth takes so long."""
    clock = [0.0]
    connects: list[str] = []

    def call(verb: str, request: str) -> Answer:
        connects.extend([request] if verb == "connect" else [])
        clock[0] += seconds if verb == "connect" and len(connects) == 4 else 0.0
        return Answer("ECONNREFUSED" if verb == "connect" else "ok")

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    env = Environment(call, {}, {}, str)
    env.names["closed"] = "inet:127.0.0.1:7"
    assert check.prompt_refusals(env) == prompt
    assert connects[0] == "connect client inet:127.0.0.1:7"


def test_errors_are_counted_until_one_does_not_come() -> None:
    comes = " then ".join(["ok revents=POLLIN"] * 2 + ["ok revents="])
    polls = {"poll closed .*": "ok revents=", "poll client .*": comes}
    found, made = asked(Asked(check.ask_errors, {}, polls))
    assert found.errors == 2
    at = made.index("socket client AF_INET SOCK_DGRAM")
    assert made[at:] == ["socket client AF_INET SOCK_DGRAM", "connect client inet:127.0.0.1:4711", "send client noise",
                         "poll client events=POLLIN timeout=2000", "getsockopt client SO_ERROR", "send client noise",
                         "poll client events=POLLIN timeout=200", "getsockopt client SO_ERROR", "send client noise",
                         "poll client events=POLLIN timeout=200"]


def test_errors_without_limit_are_counted_to_the_end_of_a_burst() -> None:
    found, made = asked(Asked(check.ask_errors, {}, {"poll closed .*": "ok revents="}, "AF_INET6"))
    assert (found.errors, made.count("send client noise")) == (0, check.BURST)
    assert "socket client AF_INET6 SOCK_DGRAM" in made


# --- how questions are asked --------------------------------------------------------------------------------


class Toy(Session):
    """A target whose agent does what it is made to."""

    def __init__(self, call: Callable[[str, float], Answer] = lambda *_: Answer("ok")) -> None:
        super().__init__(Target("toy", "a toy", ("toy",), "toy", lab=False, call_timeout=2.0))
        self.hello = {"domains": ["AF_INET", "AF_INET6", "AF_UNIX"], "verbs": []}
        self.agent_: Any = SimpleNamespace(call=call, call_timeout=2.0, reset=self.reset, hello=self.hello)
        self.resets = 0
        self.busy_call = False

    def reset(self) -> Answer:
        self.resets += 1
        if self.busy_call:
            raise AgentError("a call blocks")
        return Answer("ok")

    @contextlib.contextmanager
    def agent(self, netns: str = "default", own: bool = False, _peers: Collection[str] = ()) -> Iterator[Any]:
        yield self.agent_


@pytest.mark.parametrize(("answer", "verb", "raised"), [
    (Answer("blocks"), "connect", check.Blocks), (Answer("blocks"), "accept", check.Lost),
    (Answer("crashed", reason="dead"), "connect", check.Lost)])
def test_an_agent_must_answer(answer: Answer, verb: str, raised: type[Exception]) -> None:
    waited: list[float] = []

    def call(_request: str, timeout: float) -> Answer:
        waited.append(timeout)
        return answer

    with pytest.raises(check.Lost, match=f"{verb} it(: dead| blocks)") as caught:
        check.caller(Toy(call).agent_)(verb, f"{verb} it")
    assert (caught.type, waited) == (raised, [10.0])
    assert check.caller(Toy().agent_)(verb, "it") == Answer("ok")


@pytest.mark.parametrize("unavailable", ["", "broken"])
def test_only_a_target_that_starts_is_asked_and_once(monkeypatch: pytest.MonkeyPatch, unavailable: str) -> None:
    toy, found_out = Toy(), list[Session]()
    monkeypatch.setattr(toy, "open", lambda: setattr(toy, "unavailable", unavailable))

    def find_out(session: Session) -> Checked:
        found_out.append(session)
        return Checked(interrupts=True)

    monkeypatch.setattr(check, "find_out", find_out)
    for _ in range(2):
        check.make_ready(toy)
    assert found_out == [toy] * (not unavailable)
    assert unavailable or check.of(toy) == Checked(interrupts=True)
    assert toy.hello.get("checked", {}).get("interrupts", False) is (not unavailable)


def test_every_question_is_asked_in_its_domains_in_this_order() -> None:
    names = {question: name for name, question in vars(check).items() if name.startswith("ask_")}
    found = [(name, names[question], domain) for name, question, domain in check.questions(
        ["AF_UNIX", "AF_INET6", "v4-mapped", "abstract"])]
    assert found == [
        ("transport", "ask_transport", "none"), ("full queue", "ask_queue", "AF_INET6"),
        ("full queue", "ask_queue", "v4-mapped"), ("full queue", "ask_unix_queue", "AF_UNIX"),
        ("full queue", "ask_unix_queue", "abstract"), ("SO_LINGER", "ask_linger", "AF_INET6"),
        ("ignored signal", "ask_signal", "AF_INET6"), ("refusals", "ask_refusals", "AF_INET6"),
        ("ICMP errors", "ask_errors", "AF_INET6")]
    assert [name for name, _, _ in check.questions([])] == ["transport"]


def test_what_is_found_out_is_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Toy()
    toy.host_lacks = {"errors": "the host filters"}
    problems = [Unsupported("a"), Unresolved("b"), AgentError("c"), Unavailable("d"), check.Lost("e"), OSError("f")]

    def ask(_session: Session, _question: object, domain: str, found: Checked) -> Checked:
        if domain.isdigit():
            raise problems[int(domain)]
        return replace(found, queues={"AF_INET": Queue(1, 1)}, refusals=100, errors=None)

    monkeypatch.setattr(host, "ERRORS", "errors")
    monkeypatch.setattr(check, "ask_either_way", ask)
    questions = [("q", check.ask_queue, str(number)) for number in range(len(problems))]
    monkeypatch.setattr(check, "questions", lambda domains: [*questions, ("queue", check.ask_queue, "AF_INET")])
    found = check.find_out(toy)
    assert found.notes == tuple(f"q, {number}: {letter}" for number, letter in enumerate("abcdef"))
    assert found.filtered == "the host filters"
    assert found.queues == {"AF_INET": Queue(1, 1), "AF_INET6": Queue(1, 1)}
    assert {kind: pacer.interval for kind, pacer in found.pacers.items()} == {
        "refusals": CALLS_A_CASE / 100, "errors": 0.0}
    toy.closed = True
    assert (check.find_out(toy).notes, check.find_out(Toy()).filtered) == ((), "")


def test_no_limit_that_is_known_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "ask_either_way", lambda _session, _question, _domain, found: replace(
        found, refusals=None, errors=50))
    found = check.find_out(Toy())
    assert {kind: pacer.interval for kind, pacer in found.pacers.items()} == {
        "refusals": 0.0, "errors": CALLS_A_CASE / 50}


def test_a_question_is_asked_on_an_agent_that_is_left_clean() -> None:
    toy = Toy()
    seen: list[Any] = []

    def question(env: Environment, found: Checked, agent: Any) -> Checked:
        seen.extend([env.domain, env.checked, agent, env.call("socket", "it")])
        return replace(found, interrupts=True)

    before = Checked(lingers=False)
    for toy.busy_call in (False, True):
        assert check.ask(toy, question, "AF_INET6", before) == replace(before, interrupts=True)
    assert seen == ["AF_INET6", before, toy.agent_, Answer("ok")] * 2
    assert toy.resets == 2


UNIX_WAITS = Checked(blocking=frozenset({"AF_UNIX"}))


@pytest.mark.parametrize(("question", "before", "raises", "tried", "found"), [
    # O_NONBLOCK counts, as far as is known
    (check.ask_queue, Checked(), {}, [("ask_queue", False)], False),
    (check.ask_queue, Checked(), {("ask_queue", False): check.Blocks("so")},
     [("ask_queue", False), ("ask_queue", True)], True),
    # it does not in another domain: a signal shows whether it does here
    (check.ask_queue, UNIX_WAITS, {}, [("ask_queue", True), ("ask_waiting", True)], True),
    (check.ask_unix_queue, UNIX_WAITS, {}, [("ask_unix_queue", True), ("ask_waiting", True)], True),
    *((check.ask_queue, UNIX_WAITS, {("ask_waiting", True): problem},
       [("ask_queue", True), ("ask_waiting", True), ("ask_queue", False)], False)
      for problem in (Unsupported("a"), Unresolved("b"), AgentError("c"), check.Lost("d"))),
    (check.ask_linger, UNIX_WAITS, {}, [("ask_linger", False)], False),
    (check.ask_queue, replace(UNIX_WAITS, queues={"AF_INET": Queue()}), {}, [("ask_queue", False)], False),
])
def test_a_question_is_asked_either_way(
        monkeypatch: pytest.MonkeyPatch, question: check.Question, before: Checked,
        raises: Mapping[tuple[str, bool], Exception], tried: list[tuple[str, bool]], found: bool) -> None:
    made: list[tuple[str, bool]] = []

    def ask(_session: object, question: Any, domain: str, found: Checked) -> Checked:
        assert domain == "AF_INET"
        made.append((question.__name__, "AF_INET" in found.blocking))
        if made[-1] in raises:
            raise raises[made[-1]]
        return found

    monkeypatch.setattr(check, "ask", ask)
    gave = check.ask_either_way(Toy(), question, "AF_INET", before)
    assert (made, "AF_INET" in gave.blocking) == (tried, found)
    assert gave.blocking >= before.blocking


# --- requests and answers -----------------------------------------------------------------------------------


def console(*lines: str | None, ended: bool = False, beside: bytes = b"") -> Any:
    """An agent that answers so; None: it does not."""
    left = iter(lines)
    agent: Any = SimpleNamespace(call_timeout=2.0, ended=ended, buffer=beside, written=[], over=0)
    agent.write = lambda data, timeout: agent.written.append((data, timeout))
    agent.answer_to = lambda request, timeout: next(left)
    agent.read_line = lambda timeout: next(left)
    agent.overhear = lambda: "beside"
    agent.end = lambda: setattr(agent, "over", agent.over + 1)
    return agent


def test_requests_that_are_answered_are_made_as_often_as_is_asked() -> None:
    agent = console("ok", "ok", "ok")
    check.exchange_requests(agent, 3)
    assert agent.written == [(f"descriptor number {number}\n".encode(), 10.0) for number in (1, 2, 3)]
    assert agent.over == 0


@pytest.mark.parametrize(("agent", "fate", "wakes"), [
    (console("ok", None, None), "request 2 of 3 got no answer", True),
    (console("ok", None, "ok"), "request 2 of 3 got its answer only after a line more: .*", True),
    (console("ok", None, ended=True), "request 2 of 3 got no answer but 'beside'", False),
    (console("ok", "oops"), "request 2 of 3 got no answer but 'oopsbeside'", False),
    (console("ok", beside=b"x"), "request 1 of 3 got no answer but 'okbeside'", False)])
def test_a_request_that_is_not_answered_ends_the_agent(agent: Any, fate: str, wakes: bool) -> None:
    with pytest.raises(check.Lost, match=f"^{fate}$"):
        check.exchange_requests(agent, 3)
    assert agent.over == 1
    assert ((b"\n", 10.0) in agent.written) is wakes


def test_the_transport_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    monkeypatch.setattr(check, "exchange_requests", lambda _agent, count: counts.append(count))
    assert asked(Asked(check.ask_transport, {}))[0] == Checked()
    assert counts == [check.REQUESTS]


def test_a_queue_that_is_known_is_not_taken_to_be_as_another() -> None:
    known = Checked({"AF_INET": Queue(1, 1), "AF_INET6": Queue(0, 1)})
    assert check.completed(known, ["AF_INET", "AF_INET6"]) == known.queues


# --- the command --------------------------------------------------------------------------------------------


class Started(Toy):
    """A target on which the command's own questions are asked."""

    def __init__(self, problem: Exception | None = None) -> None:
        super().__init__()
        self.checked = Checked()
        self.hello = {"system": "Toy", "release": "1", "machine": "m", "implementation": "none"}
        self.did: list[Any] = []
        self.agent_.echoes, self.agent_.returns_carriage = True, False
        self.agent_.write = lambda data, timeout: self.did.append((data, timeout))
        self.agent_.stdin = SimpleNamespace(close=lambda: self.did.append("close"))
        self.agent_.process = SimpleNamespace(wait=self.wait)
        self.agent_.end = lambda: self.did.append("end")
        self.problem = problem

    def wait(self, timeout: float) -> None:
        self.did.append(timeout)
        if self.problem:
            raise self.problem

    def open(self) -> None:
        self.did.append("open")

    def start(self, netns: str, _own: bool = False) -> Any:
        self.did.append(netns)
        return self.agent_


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many requests are exchanged."""
    made: list[int] = []
    monkeypatch.setattr(check, "exchange_requests", lambda _agent, count: made.append(count))
    return made


def test_a_target_is_reported_line_by_line(counts: list[int]) -> None:
    toy = Started()
    lines = list(check.report(toy))
    assert lines[0] == "toy: Toy 1 m none"
    assert lines[1:-3] == list(Checked().sentences())
    assert lines[-3:] == ["requests answered: 2000 of 2000", "console: echoes requests, LF",
                          "ends with its input while a call blocks: yes"]
    assert toy.did == ["open", "default", (b"accept waiter client\n", 2.0), "close", 10.0, "end"]
    assert counts == [2000]
    toy.agent_.echoes, toy.agent_.returns_carriage = False, True
    assert list(check.transport(toy))[1] == "console: no echo, CR LF"


def test_a_target_that_does_not_start_is_reported_in_one_line() -> None:
    toy = Started()
    toy.unavailable = "broken"
    assert list(check.report(toy)) == ["unavailable: broken"]


@pytest.mark.parametrize(("problem", "line"), [
    (subprocess.TimeoutExpired("agent", 1), "ends with its input while a call blocks: no; .*"),
    (check.Lost("gone"), "not checked: transport: gone"), (AgentError("what"), "not checked: transport: what"),
    (OSError("pipe"), "not checked: transport: pipe")])
def test_what_goes_wrong_with_the_transport_is_reported(counts: list[int], problem: Exception, line: str) -> None:
    toy = Started(problem=problem)
    lines = list(check.transport(toy))
    assert len(lines) == 3
    assert re.fullmatch(line, lines[-1])
    assert toy.did[-1] == "end"


def test_the_transport_is_checked_on_a_listener(counts: list[int]) -> None:
    made: list[str] = []
    toy = Started()

    def call(request: str, _timeout: float) -> Answer:
        made.append(request)
        return Answer("blocks" if request.startswith("listen") else "ok")

    toy.agent_.call = call
    assert list(check.transport(toy))[-1] == "not checked: transport: listen waiter 1 blocks"
    assert made == ["socket waiter AF_INET SOCK_STREAM", "bind waiter inet:127.0.0.1:0", "listen waiter 1"]
