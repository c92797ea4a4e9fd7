"""The check of a target: what it finds out of kernels that are imitated call by call, and of agents that lie."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fixtures import check, targets
from fixtures.checked import Checked, Pacer, Queue
from fixtures.targets import Session, Target
from fixtures.world import GATES, Environment, Unresolved, Unsupported, full_queue
from specs import load
from specs.foresee import Foreseen
from suites import check as command
from suites.selftest import house
from suites.timeouts import Timeouts

MINIATURE = Path(__file__).parent / "miniature.py"
Answer = targets.Answer


class Kernel:
    """A TCP of one listener at a time: how many connections it admits by each backlog, and what comes after them.

    A connection that its peer has closed cannot be accepted, as on NuttX.
    """

    def __init__(self, admits: dict[int, int], then: str, gate: bool = False) -> None:
        self.admits, self.then, self.gate = admits, then, gate
        self.backlogs: dict[str, int] = {}
        self.queued: dict[str, int] = {}
        self.gated: set[str] = set()
        self.state: dict[str, str] = {}
        self.waiting: dict[str, list[str]] = {}  # connections, to be accepted

    def __call__(self, verb: str, request: str) -> Answer:
        _, name, *rest = request.split()
        if verb == "getsockname":
            return Answer("ok", {"name": f"inet:{name}:1"})
        if verb == "listen":
            self.backlogs[name], self.queued[name] = int(rest[0]), 0
        if verb == "setsockopt" and rest[0] in GATES.values():
            if not self.gate:
                return Answer("unsupported", reason=f"no {rest[0]} on this platform")
            self.gated.add(name)
        if verb == "connect":
            return self.connect(name, rest[0].split(":")[1])
        if verb == "close":
            self.state[name] = "closed"
        if verb == "accept" and self.state[self.waiting[name].pop(0)] == "closed":
            return Answer("ENOTCONN")
        if verb == "getpeername":
            return Answer("ok", {"name": "inet:peer:1"}) if self.state[name] == "connected" else Answer("ENOTCONN")
        if verb == "poll":
            seen = {"pending": "", "reset": "POLLHUP", "reset unseen": ""}.get(self.state.get(name, ""), "POLLOUT")
            return Answer("ok", {"revents": seen})
        if verb == "getsockopt":
            return Answer("ok", {"value": "ECONNRESET" if self.state[name].startswith("reset") else "ok"})
        return Answer("ok")

    def connect(self, name: str, listener: str) -> Answer:
        self.queued[listener] += 1
        full = self.queued[listener] > self.admits.get(self.backlogs[listener], 1000)
        self.state[name] = "pending" if listener in self.gated else self.then if full else "connected"
        if self.state[name].startswith("E"):
            return Answer(self.state[name])
        self.waiting.setdefault(listener, []).append(name)
        return Answer("ok" if self.state[name] == "connected" else "EINPROGRESS")


KERNELS = {
    "Linux, illumos": (Kernel({0: 1, 1: 2}, "pending"), Queue(0, 1)),
    "NuttX": (Kernel({0: 0, 1: 1}, "pending"), Queue(1, 1)),
    "macOS": (Kernel({0: 128, 1: 1}, "pending"), Queue(1, 1)),
    "OpenBSD": (Kernel({0: 81, 1: 81}, "pending"), Queue(0, 81)),
    "FreeBSD": (Kernel({0: 1, 1: 1}, "reset", gate=True), Queue(16, 0, "IP_MINTTL")),
    "resets, and has no gate": (Kernel({0: 1, 1: 1}, "reset"), None),
    "resets, and poll() shows nothing": (Kernel({0: 1, 1: 1}, "reset unseen"), None),
    "answers at once": (Kernel({0: 1, 1: 1}, "EAGAIN"), Queue(0, 1, answers="EAGAIN")),
    "no queue is ever full": (Kernel({}, "pending"), None),
}


@pytest.mark.parametrize("name", KERNELS)
def test_smallest_queue_that_leaves_attempts_pending(name: str) -> None:
    kernel, queue = KERNELS[name]
    env = Environment(kernel, {"domain": "AF_INET"}, {}, str)
    assert check.ask_queue(env, Checked(), None).queues == {"AF_INET": queue}  # type: ignore[arg-type]


@pytest.mark.parametrize(("ends", "waits"), [("EINTR", ["AF_INET", "AF_INET6"]), ("EINPROGRESS", ["AF_INET"])])
def test_domain_waits_as_another_does_only_if_a_signal_shows_it(
    monkeypatch: pytest.MonkeyPatch, ends: str, waits: list[str]
) -> None:
    """No call blocks in AF_INET6, and connect() on a thread ends there with this errno."""
    kernel = Kernel({0: 1}, "pending")

    def call(verb: str, request: str) -> Answer:
        if verb == "pthread_kill":
            return Answer("ok", {"returned": "yes" if kernel.state[request.split()[1]] == "connected" else "no"})
        if verb == "pthread_join":
            return Answer(ends)
        answer = kernel(verb, request)
        return Answer("ok") if "thread=" in request else answer

    def ask(_session: object, question: check.Question, domain: str, found: Checked) -> Checked:
        return question(Environment(call, {"domain": domain}, {}, str, found), found, None)  # type: ignore[arg-type]

    monkeypatch.setattr(check, "ask", ask)
    before = Checked(queues={"AF_INET": Queue()}, blocking=frozenset({"AF_INET"}))
    found = check.ask_either_way(None, check.ask_queue, "AF_INET6", before)  # type: ignore[arg-type]
    assert (sorted(found.blocking), found.queues["AF_INET6"]) == (waits, Queue(0, 1))


def test_an_attempt_that_has_failed_unseen_by_poll_is_not_pending() -> None:
    queues = {"AF_INET": Queue(0, 1)}  # as if such a target had once left attempts pending
    env = Environment(Kernel({0: 1}, "reset unseen"), {"domain": "AF_INET"}, {}, str, Checked(queues))
    with pytest.raises(Unresolved, match="is not full"):
        full_queue(env, "queue")


def test_a_call_that_is_compiled_out_is_unsupported() -> None:
    env = Environment(lambda verb, request: Answer("ENOSYS"), {"domain": "AF_UNIX"}, {}, str)
    with pytest.raises(Unsupported, match="chmod path 0600 = -1 ENOSYS"):
        env.call("chmod", "path", "0600")


def test_what_an_agent_says_of_itself_is_not_asked() -> None:
    found = Checked.of_hello({"ignores": "O_NONBLOCK,backlog,SO_LINGER"})
    assert (found.queues["AF_INET"], "AF_UNIX" in found.blocking, found.lingers) == (None, True, False)


def test_a_domain_whose_question_failed_is_taken_to_be_as_the_others() -> None:
    """Where its one connection has been refused for want of memory, say, in IPv6 alone."""
    asked = Checked({"AF_INET": Queue(1, 1)})
    both = {"AF_INET": Queue(1, 1), "AF_INET6": Queue(1, 1)}
    assert check.completed(asked, ["AF_INET", "AF_INET6", "AF_UNIX"]) == both
    assert check.completed(Checked(), ["AF_INET"]) == {}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Callable[[str], Session]]:
    sessions: list[Session] = []

    def start(way: str) -> Session:
        start_ = (sys.executable, "-I", "-S", str(MINIATURE), way, str(tmp_path / "log"))
        sessions.append(Session(Target("toy", "a toy", start_, "toy", lab=False)))
        sessions[-1].open()
        return sessions[-1]

    yield start
    for one in sessions:
        one.close()


def test_an_agent_that_lies_leaves_notes_and_defaults(session: Callable[[str], Session]) -> None:
    found = check.of(session("honest"))  # it answers ok to everything, without the fields
    assert found.lingers
    assert any("revents" in note for note in found.notes)


def test_what_was_found_out_is_in_the_hello_and_for_people() -> None:
    (target,) = targets.choose(load.targets(targets.FILE), ["native"]).values()
    opened = Session(target)
    try:
        lines = list(check.report(opened))
        assert opened.hello["checked"] == check.of(opened).as_json()
    finally:
        opened.close()
    assert any(line.startswith("full queue, AF_INET: listen(…, 0) admits 1, ") for line in lines)
    assert lines[-3:] == ["requests answered: 2000 of 2000", "console: no echo, LF",
                          "ends with its input while a call blocks: yes"]


def test_command_names_a_target_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--target", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("suites.check: ")


CONSOLE = """import subprocess, sys
agent = subprocess.Popen([sys.executable, "-I", "-S", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
out = sys.stdout.buffer
def answer():
    out.write(agent.stdout.readline().replace(b"\\n", b"\\r\\n")); out.flush()
answer()
for line in sys.stdin.buffer:
    out.write(line.replace(b"\\n", b"\\r\\n")); agent.stdin.write(line); agent.stdin.flush(); answer()
"""


def test_a_console_that_echoes_and_returns_the_carriage_is_no_hindrance(tmp_path: Path) -> None:
    script = tmp_path / "console.py"
    script.write_text(CONSOLE.replace("\\\\", "\\"))
    command_ = (sys.executable, str(script), str(targets.HERE / "agent.py"))
    opened = Session(Target("toy", "an agent behind a console", command_, "linux", lab=False))
    try:
        lines = list(check.report(opened))
    finally:
        opened.close()
    assert "console: echoes requests, CR LF" in lines
    assert not [line for line in lines if line.startswith("not checked")]


# A console in front of an agent, which does otherwise with the third request.
FAULTY = """import sys
def write(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()
write("hello HELLO")
for number in range(9):
    line = sys.stdin.readline().strip()
    if number == 2:
        FAULT
    write("ok")
"""
FAULTS = {
    "sys.stdin.readline()": "got its answer only after a line more: the console loses wake-ups",
    'write("ddescriptor number 3")': "got no answer but 'ddescriptor number 3",
    'write("ok\\npanic: no more memory")': "got no answer but 'ok",
    "sys.exit(1)": "got no answer but ''",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_that_is_lost_is_named_with_what_came_instead(fault: str, tmp_path: Path) -> None:
    hello = " ".join(f"{key}={targets.PROTOCOL}" for key in targets.HELLO)
    script = FAULTY.replace("HELLO", hello).replace("FAULT", fault)
    agent = targets.Agent([sys.executable, "-c", script], {}, str(tmp_path), 1.0)
    try:
        with pytest.raises(check.Lost) as lost:
            check.exchange_requests(agent, 9)
    finally:
        agent.end()
    assert str(lost.value).startswith(f"request 3 of 9 {FAULTS[fault]}")


def test_an_unlimited_pacer_waits_for_nothing_and_a_limited_one_for_its_turn() -> None:
    Pacer(0).wait()
    pacer = Pacer(40_000)
    for _ in range(3):
        pacer.wait()
    assert pacer.next > 0


@pytest.mark.parametrize(("come", "errors", "sentence"), [
    (0, None, "none comes"), (30, 30, "30"), (check.BURST, 0, "no limit met"),
])
def test_no_errors_at_all_are_not_errors_without_limit(come: int, errors: int | None, sentence: str) -> None:
    def kernel(verb: str, request: str) -> Answer:
        if verb == "send":
            sent.append(request)
        seen = "POLLIN" if verb == "poll" and "client" in request and len(sent) <= come else ""
        return Answer("ok", {"revents": seen, "name": "inet:127.0.0.1:1"})

    sent: list[str] = []
    env = Environment(kernel, {"domain": "AF_INET"}, {}, str)
    found = check.ask_errors(env, Checked(), SimpleNamespace(call_timeout=2.0))  # type: ignore[arg-type]
    assert found.errors == found.as_json()["errors"] == errors
    assert f"port unreachable (ICMP) in one burst: {sentence}" in found.sentences()


@pytest.mark.parametrize(("errors", "longer"), [(None, False), (0, True)])
def test_an_error_that_never_comes_is_waited_for_no_longer_than_a_call_that_blocks(
    errors: int | None, longer: bool
) -> None:
    checked = Checked(errors=errors)
    case = next(case for case in house.cases_of(house.ROOT / "suites/errors/ECONNREFUSED.yaml")
                if case.scenario == "datagram-reported-by-so-error")
    timeouts, env = Timeouts(case, 2.0, Foreseen()), Environment(lambda *_: Answer("ok"), case.axes, {}, str, checked)
    (poll,) = (index for index, step in enumerate(case.steps) if step.verb == "poll")
    assert (timeouts.of_step(poll, case.steps[poll], env) > timeouts.usual) is longer
    assert timeouts.of_step(1, case.steps[1], env) > timeouts.usual


def test_a_call_with_a_timeout_of_its_own_is_waited_for_beyond_it() -> None:
    case = next(case for case in house.cases_of(house.ROOT / "suites/description/datagram.yaml")
                if case.scenario == "two-share-a-port")
    env = Environment(lambda *_: Answer("ok"), case.axes, {}, str, Checked())
    (poll, _) = (index for index, step in enumerate(case.steps) if step.verb == "poll")
    assert Timeouts(case, 0.1, Foreseen()).of_step(poll, case.steps[poll], env) > 5  # seconds


@pytest.mark.parametrize(("revents", "peer", "lingers"), [
    ("POLLERR,POLLHUP", "ok", True),  # Wine, whose recv() then gives no byte
    ("POLLIN", "ENOTCONN", True),  # illumos, NetBSD
    ("POLLIN", "ok", False),  # NuttX, lwIP: an end in order
])
def test_a_reset_is_found_whatever_recv_makes_of_it(revents: str, peer: str, lingers: bool) -> None:
    def kernel(verb: str, request: str) -> Answer:
        fields = {"poll": {"revents": revents}, "recv": {"data": ""}, "getsockname": {"name": "inet:127.0.0.1:1"}}
        reset = bool(closed) and request == "getpeername client"
        closed.extend([request] if verb == "close" else [])
        return Answer(peer if reset else "ok", fields.get(verb, {"name": "inet:127.0.0.1:2"}))

    closed: list[str] = []
    env = Environment(kernel, {"domain": "AF_INET"}, {}, str)
    assert check.ask_linger(env, Checked(), None).lingers is lingers  # type: ignore[arg-type]
