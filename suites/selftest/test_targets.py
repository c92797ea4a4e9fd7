"""Targets that misbehave: each is found out with the right verdict, the run goes on, and nothing is left behind."""

from __future__ import annotations

import os
import re
import select
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures import targets
from fixtures.checked import Checked
from fixtures.targets import NoProcess, Session, Target
from specs import load, scenarios, strict
from specs.model import Case, Citation, Clause, Profile
from specs.record import Record
from suites import schedule
from suites.items import vocabulary
from suites.timeouts import LOADED_FACTOR

END_S = 20.0  # for a process that has been killed to be gone
MINIATURE = Path(__file__).parent / "miniature.py"
CLAUSES = {name: Clause(name, "It says so.", (Citation("illumos", "ERRORS", "shall"),), "clauses.yaml", 1)
           for name in ("illumos.EISCONN", "illumos.peer")}
TEXT = """
clause: illumos.EISCONN
scenarios:
  twice:
    summary: A second connect fails.
    domain: AF_INET
    type: SOCK_STREAM
    given: [{listener: peer}]
    steps:
      - {socket: client}
      - {connect: client, to: peer}
      - {connect: client, to: peer, expect: EISCONN}
      - {getpeername: client, expect: {name: peer}, clause: illumos.peer}
"""


def case(client: str, text: str = TEXT, peer: str = "peer") -> Case:
    """The case in which the client, and the peer, have these names."""
    text = re.sub(r"(?<=: )peer\b", peer, re.sub(r"(?<=: )client\b", client, text))
    (made,) = scenarios.cases_of(strict.parse(text, "toy.yaml"), "toy.yaml", CLAUSES, vocabulary())
    return made


BAD, GOOD = case("bad"), case("good")
Start = Callable[..., Session]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the agents write their process ids."""
    return tmp_path / "log"


@pytest.fixture
def start(log: Path) -> Iterator[Start]:
    """Starts a miniature that misbehaves in one way; all are gone in the end, with whatever they left."""
    sessions: list[Session] = []

    def start_(way: str, call_timeout: float = 10.0, **more: Any) -> Session:
        command = (sys.executable, "-I", "-S", str(MINIATURE), way, str(log))
        sessions.append(Session(Target("toy", "a toy", command, "toy", lab=False, call_timeout=call_timeout, **more)))
        sessions[-1].checked = Checked()  # its agents are counted, and the check would start more
        return sessions[-1]

    yield start_
    for session in sessions:
        session.close()
        assert not session.cleanup_process or not Path(session.folder).exists()
    assert all(map(ends, pids(log)))


def ends(pid: int) -> bool:
    """Whether a process has ended, or does within END_S: what is killed as a group is not waited for."""
    try:
        if not hasattr(os, "pidfd_open"):  # Linux alone has it
            os.kill(pid, 0)
            return False
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    seen = select.select([process], [], [], END_S)[0]
    os.close(process)
    return bool(seen)


def pids(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def run(session: Session, played: Case, own: bool = False) -> Record:
    return schedule.play(played, session, CLAUSES, Profile("toy", ("toy",), ()), own)


@pytest.mark.parametrize(
    ("way", "verdict", "reason"),
    [
        ("honest", "conforms", ""),
        ("lies", "fails", r"connect\(bad, peer\) = 0, expected EISCONN"),
        ("lies-well", "fails", r"connect\(bad, peer\) = 0 \{name: inet:127.0.0.1:4711\}, expected EISCONN"),
        ("other-errno", "fails", r"connect\(bad, peer\) = -1 EINVAL, expected EISCONN"),
        ("other-value", "fails", r"connect\(bad, peer\) = returned 1, expected EISCONN"),
        (
            "invents",
            "crashed",
            r"connect\(bad, peer\): 'connect bad inet:\S+' was answered by 'ok extra', which is no answer .*",
        ),
        (
            "rubbish",
            "crashed",
            r"socket bad .*was answered by 'Traceback \(most recent call last\):', which is no answer \(signal 9\)",
        ),
        ("nothing", "crashed", r"socket bad .*was answered by '', which is no answer \(signal 9\)"),
        ("twice", "crashed", r".*'socket bad AF_INET SOCK_STREAM' was answered twice, by 'ok' and 'ok' \(signal 9\)"),
        ("floods", "crashed", r"socket bad .*was answered by 'x{80}…', which is no answer \(signal 9\)"),
        ("floods-lines", "crashed", r"socket bad .*was answered twice, by 'ok' and 'ok\\nok.*…' \(signal 9\)"),
        ("error", "unresolved", r"'socket bad AF_INET SOCK_STREAM': what is that"),
        ("unsupported", "unsupported", "no such thing here"),
        ("exits", "crashed", r"socket bad .*: the agent died \(status 3: out of memory\)"),
        ("crashes", "crashed", r"socket bad .*: the agent died \(signal 11\)"),
        ("crashes-later", "crashed", r"connect\(bad, peer\): the agent died \(status 4: panic\)"),
        ("dies-at-reset", "crashed", r"reset: the agent died \(status 5: double free\)"),
        ("keeps", "conforms", ""),
        ("escapes", "unsupported", r"\\x1b\[31mred\\x07 x{390}…"),
        ("escapes-in-error", "unresolved", r"'socket bad AF_INET SOCK_STREAM': \\x1b\]0;title\\x07"),
        ("escapes-in-panic", "crashed", r"socket bad .*: the agent died \(status 8: panic: \\x1b\[2J\)"),
        ("long-errno", "crashed", r"socket bad .*was answered by 'EX{79}…', which is no answer .*"),
        ("other-letters", "crashed", r"socket bad .*was answered by 'E\N{CYRILLIC CAPITAL LETTER A}', which .*"),
        ("talks", "conforms", ""),
        ("forks", "conforms", ""),
    ],
)
def test_misbehaviour_is_found_out_and_the_run_goes_on(start: Start, way: str, verdict: str, reason: str) -> None:
    session = start(way)
    found = run(session, BAD)
    assert (found.verdict, bool(re.fullmatch(reason, found.reason))) == (verdict, True), found.reason
    assert run(session, GOOD).verdict == "conforms"


@pytest.mark.parametrize(
    ("way", "verdict", "reason"),
    [
        ("hangs", "unresolved", "socket bad AF_INET SOCK_STREAM blocks"),
        ("hangs-later", "fails", "connect(bad, peer) = blocks, expected EISCONN"),
        ("no-line", "unresolved", "socket bad AF_INET SOCK_STREAM blocks"),
    ],
)
def test_call_that_is_not_foreseen_to_block_gets_more_time(
    start: Start, log: Path, way: str, verdict: str, reason: str
) -> None:
    session = start(way, call_timeout=0.2)
    found = run(session, BAD)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert found.seconds >= 0.2 * LOADED_FACTOR
    assert len(pids(log)) == 1


def test_blocking_that_is_expected_costs_one_agent_and_one_call_timeout(start: Start, log: Path) -> None:
    text = TEXT[:TEXT.index("      - {getpeername")].replace("expect: EISCONN", "expect: blocks")
    assert run(start("hangs-later", call_timeout=0.2), case("bad", text)).verdict == "conforms"
    assert len(pids(log)) == 1


def test_fixture_that_is_lied_to_is_unresolved(start: Start) -> None:
    found = run(start("lies"), case("client", peer="bad"))
    assert (found.verdict, found.reason) == ("unresolved", "bad: getsockname bad = 0 and no name")


def test_crash_in_a_fixture_is_a_crash(start: Start) -> None:
    found = run(start("exits"), case("client", peer="bad"))
    assert (found.verdict, found.clauses) == ("crashed", dict.fromkeys(CLAUSES, "crashed"))


def test_agent_is_used_again_while_it_behaves(start: Start, log: Path) -> None:
    session = start("honest")
    for _ in range(3):
        assert run(session, BAD).verdict == "conforms"
    assert len(pids(log)) == 1


@pytest.mark.parametrize("way", ["keeps", "dies-at-reset", "twice"])
def test_agent_that_is_not_fit_for_another_case_is_replaced(start: Start, log: Path, way: str) -> None:
    session = start(way)
    run(session, BAD)
    run(session, GOOD)
    run(session, GOOD)
    assert len(pids(log)) == 2


def test_cases_that_wait_have_agents_apart(start: Start, log: Path) -> None:
    session = start("honest")
    assert [run(session, GOOD, own).verdict for own in (True, False, True, False)] == ["conforms"] * 4
    assert len(set(pids(log))) == 2


def test_target_that_answers_nothing_is_given_up(start: Start, log: Path) -> None:
    session = start("answers-nothing", call_timeout=0.2)
    reasons = [run(session, GOOD).reason for _ in range(targets.FUTILE + 2)]
    given_up = "no new agent: the target is given up after 3 agents in a row: no answer within 0.2 s"
    assert reasons == ["socket peer AF_INET SOCK_STREAM blocks"] * targets.FUTILE + [given_up] * 2
    assert len(pids(log)) == targets.FUTILE


def test_one_agent_that_answers_keeps_the_target(start: Start) -> None:
    session = start("hangs", call_timeout=0.2)
    for _ in range(targets.FUTILE + 1):
        assert run(session, BAD).verdict == "unresolved"
    assert run(session, GOOD).verdict == "conforms"


def test_request_that_is_not_read_does_not_block(start: Start) -> None:
    session = start("answers-nothing", call_timeout=0.2)
    with session.agent() as agent:
        assert agent.call(f"socket {'x' * (1 << 20)}").ret == "blocks"


def test_hello_cannot_colour_a_terminal(start: Start) -> None:
    session = start("colours")
    session.open()
    assert session.hello["system"] == "\\x1b[31mToy"


def test_what_an_agent_says_beside_its_answers_is_bounded(start: Start) -> None:
    session = start("talks")
    with session.agent() as agent:
        for _ in range(3):
            assert agent.call("socket bad AF_INET SOCK_STREAM").ok
        agent.end()
        assert len(agent.said) <= targets.STDERR_LIMIT
        assert agent.stderr_tail() == "and an end"


# --- targets that cannot be started -------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "reason"), [
    ("leaves", "no hello came but nothing; no such kernel"), ("rude", "no hello came but 'welcome to toy'"),
    ("terse", "its hello lacks release, machine, implementation, verbs, domains, facilities"),
    ("networks-of-rubbish", "its hello has networks='{}}': JSON is malformed: trailing characters (byte 3)"),
    ("networks-of-numbers", "its hello has networks='{\"route\":1}': Expected `object`, got `int` - at `$[...]`"),
    ("newer", "it speaks protocol 4, this suite 3"), ("floods-first", f"no hello came but '{'x' * 80}…'"),
])
def test_target_with_a_wrong_hello_is_unsupported(start: Start, way: str, reason: str) -> None:
    found = run(start(way, install="pip install toy"), BAD)
    assert (found.verdict, found.reason) == ("unsupported", f"toy: {reason}; pip install toy")
    assert found.clauses == dict.fromkeys(CLAUSES, "unsupported")


def test_target_without_a_hello_is_unsupported(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "START_TIMEOUT_S", 0.2)
    found = run(start("mute"), BAD)
    assert (found.verdict, found.reason) == ("unsupported", "toy: no hello came but nothing")


@pytest.mark.parametrize("command", ["no-such-program", "/dev/null", "/no/such/program"])
def test_target_whose_program_cannot_be_run_is_unsupported(command: str) -> None:
    session = Session(Target("toy", "a toy", (command,), "toy", lab=False, install="pip install toy"))
    found = run(session, BAD)
    session.close()
    assert (found.verdict, found.reason) == (
        "unsupported", f"toy: {command} is no program that can be run; pip install toy")


@pytest.mark.parametrize(("problem", "is_of_the_host"), [
    ("a process of nsenter: Resource temporarily unavailable", True),
    ("no hello came but nothing; nsenter: fork failed: Resource temporarily unavailable", True),
    ("no hello came but nothing; pthread_create: EAGAIN", True),
    ("no hello came but nothing; cannot start a thread: EAGAIN", True),
    ("no hello came but nothing; ssh: connect to host a port 22: Resource temporarily unavailable", False),
    ("no hello came but nothing; Killed", False),
])
def test_lack_of_processes_is_of_the_host_and_any_other_lack_of_the_target(problem: str, is_of_the_host: bool) -> None:
    found = NoProcess.instead_of(problem)
    assert isinstance(found, NoProcess) == is_of_the_host
    assert str(found) == problem + is_of_the_host * "; raise the limit of processes (ulimit -u)"


def test_command_may_be_relative_to_where_the_suite_is_started(
        log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though an agent's folder is another."""
    (tmp_path / "port").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    command = ("./port", "-I", "-S", str(MINIATURE), "honest", str(log))
    session = Session(Target("toy", "a toy", command, "toy", lab=False))
    session.checked = Checked()
    found = run(session, GOOD)
    session.close()
    assert (found.verdict, session.unavailable) == ("conforms", "")


def test_target_that_starts_only_once_leaves_later_cases_unresolved(start: Start) -> None:
    session = start("starts-once")
    assert run(session, GOOD).verdict == "conforms"
    found = run(session, GOOD, own=True)
    assert (found.verdict, found.reason) == (
        "unresolved", "no new agent: no hello came but nothing; already running")


@pytest.mark.parametrize(("change", "reason"), [
    ({"AF_INET": "AF_INET6"}, "the target has no domain AF_INET6"),
    ({"- {socket": "- {poll: peer, events: []}\n      - {socket"}, "the target has no verb poll"),
    ({"type:": "nonblocking: SOCK_NONBLOCK\n    type:"}, "the target has no flag SOCK_NONBLOCK"),
    ({"listener": "exhausted-ports"}, "toy is started without a laboratory.*"),
    ({"listener": "route"}, "toy is started without a laboratory.*"),
])
def test_what_a_target_lacks_is_reported(start: Start, change: dict[str, str], reason: str) -> None:
    text = TEXT
    for old, new in change.items():
        text = text.replace(old, new)
    found = run(start("honest"), case("good", text))
    assert found.verdict == "unsupported"
    assert re.fullmatch(reason, found.reason)


# --- the end ------------------------------------------------------------------------------------------------


def test_closing_ends_a_case_that_is_being_played(start: Start, log: Path) -> None:
    os.mkfifo(log)  # reading waits until an agent has started
    session = start("hangs", call_timeout=600)
    player = threading.Thread(target=run, args=(session, BAD, True))
    player.start()
    first, second = (log.read_text() for _ in range(2))
    session.close()
    player.join(20)
    assert first != second
    assert not player.is_alive()
    log.unlink()


def test_folder_of_agents_outside_a_laboratory_is_removed_whatever_they_left() -> None:
    (target,) = targets.choose(load.targets(targets.FILE), ["native"]).values()
    session = Session(replace(target, lab=False))
    with session.agent() as agent:
        assert all(agent.call(request).ok for request in ("mkdir d", "file d/f", "chmod d 0000"))
    assert Path(session.folder, "d").exists()
    session.close()
    assert not Path(session.folder).exists()


def test_whatever_cannot_be_closed_the_rest_is(start: Start, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = start("honest")
    for own in (False, True):
        run(session, GOOD, own)
    first, second = (agent for idle in session.idle.values() for agent in idle)
    for agent in (first, second):
        monkeypatch.setattr(agent, "kill", fail)
    monkeypatch.setattr(second, "end", fail)
    session.lab = SimpleNamespace(close=fail)  # type: ignore[assignment]
    with pytest.raises(PermissionError):
        session.close()
    session.lab = None
    assert (session.closed, first.alive, Path(session.folder).exists()) == (True, False, False)
    monkeypatch.undo()
    second.end()


def fail() -> None:
    raise PermissionError


def test_closed_session_starts_nothing(start: Start, log: Path) -> None:
    session = start("honest")
    run(session, GOOD)
    session.close()
    assert run(session, GOOD, own=True).verdict in ("unresolved", "crashed")


@pytest.mark.parametrize(("call_timeout", "seconds"), [(10, 10), ("500ms", 0.5), ("3s", 3.0)])
def test_call_timeout_may_be_a_fraction_of_a_second(call_timeout: int | str, seconds: float) -> None:
    entry = {"about": "a toy", "start": ["toy"], "platform": "toy", "call-timeout": call_timeout}
    assert Target.of("toy", entry).call_timeout == seconds


def test_of_idle_agents_one_is_kept(start: Start) -> None:
    """In the usual network, for cases that follow one another; an agent that is busy goes on."""
    session = start("honest")
    with session.agent() as busy, session.agent() as first, session.agent(own=True) as own:
        for agent in (busy, first, own):
            agent.clean = True
        with session.agent() as second:
            second.clean = True
    session.keep_one()
    assert [key for key, idle in session.idle.items() for _ in idle] == [("default", False)]
    assert sum(agent.alive for agent in (busy, first, second, own)) == 1


@pytest.mark.parametrize("own", [False, True])
def test_an_agent_that_is_busy_then_ends_with_the_session(start: Start, own: bool) -> None:
    session = start("honest")
    with session.agent(own=own) as busy:
        session.keep_one()
        assert busy.alive
        busy.clean = True
    session.close()
    assert not busy.alive
