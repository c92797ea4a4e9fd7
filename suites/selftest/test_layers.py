"""Every target that can start here: it is what it says, dies with the case it is killed in, and leaves nothing."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import pairs, targets
from fixtures.targets import Agent, Session, Target
from specs import load, scenarios, strict
from specs.model import Case, Profile
from suites import schedule
from suites.items import vocabulary

ENTRIES = load.targets(targets.FILE)
LAYERS = [name for name, entry in ENTRIES.items() if not targets.takes_parameter(entry)]
CLAUSES = load.clauses()
TEXT = """
clause: illumos.stream.connects
scenarios:
  connects:
    summary: A client connects, and bytes go both ways.
    domain: AF_INET
    type: SOCK_STREAM
    given: [{listener: peer}]
    steps:
      - {socket: client}
      - {connect: client, to: peer, expect: ok}
      - {accept: peer, as: server}
      - {send: client, data: there}
      - {recv: server, expect: {data: there}}
      - {send: server, data: back}
      - {recv: client, expect: {data: back}}
"""
WAITS = "      - {poll: client, events: [POLLIN]}\n"
PENDING = """
clause: illumos.EINPROGRESS
scenarios:
  pending:
    summary: An attempt at a full queue is pending.
    domain: AF_INET
    type: SOCK_STREAM
    given: [{full-queue: peer}]
    steps:
      - {socket: client, nonblocking: true}
      - {connect: client, to: peer, expect: EINPROGRESS}
      - {connect: client, to: peer, expect: EALREADY}
"""
ACCEPTED = "      - {accept-all: peer}\n"
WOKEN = """
clause: illumos.EINTR
scenarios:
  woken:
    summary: A signal wakes a caller whose attempt goes on until the queue has space.
    domain: AF_INET
    type: SOCK_STREAM
    given: [{full-queue: peer}]
    steps:
      - {socket: client}
      - {sigaction: SIGUSR1}
      - {connect: client, to: peer, thread: caller}
      - {pthread_kill: caller, signal: SIGUSR1}
      - {pthread_join: caller, expect: EINTR}
      - {accept-all: peer}
      - {poll: client, events: [POLLOUT], expect: {revents: [POLLOUT]}}
"""
END_S = 20.0  # for processes to be gone


def case(text: str) -> Case:
    (made,) = scenarios.cases_of(strict.parse(text, "layer.yaml"), "layer.yaml", CLAUSES, vocabulary())
    return made


def verdict(session: Session, text: str) -> tuple[str, str]:
    played = schedule.play(case(text), session, CLAUSES, Profile("none", ("none",), ()))
    return played.verdict, played.reason


def descendants(pid: int) -> list[int]:
    """A process and all below it; one that ends meanwhile is left out."""
    found, parents = [pid], {}
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found


class Watched:
    """The processes below one, seen to end, however they are collected."""

    def __init__(self, pid: int) -> None:
        self.processes = []
        for one in descendants(pid):
            with suppress(ProcessLookupError):
                self.processes.append(os.pidfd_open(one))  # type: ignore[attr-defined,unused-ignore]

    def are_gone(self) -> bool:
        gone = all(select.select([one], [], [], END_S)[0] for one in self.processes)
        for one in self.processes:
            os.close(one)
        return gone


@pytest.fixture
def start() -> Iterator[Callable[[Target], Session]]:
    """Opens a session of a target, or skips where that cannot start."""
    sessions = []

    def start_(target: Target) -> Session:
        session = Session(target)
        sessions.append(session)
        session.open()
        return session

    yield start_
    for session in sessions:
        session.close()


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest, start: Callable[[Target], Session]) -> Session:
    session = start(targets.choose(ENTRIES, [request.param])[request.param])
    if session.unavailable:
        pytest.skip(session.unavailable)
    return session


def test_killed_in_a_case_it_takes_all_its_processes_and_that_case_alone(
    layer: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verdict(layer, TEXT) == ("conforms", "")
    read_line, watched = Agent.read_line, []

    def read_and_be_killed(agent: Agent, timeout: float) -> str | None:
        watched.append(Watched(agent.process.pid))
        agent.process.kill()
        return read_line(agent, timeout)

    call = Agent.call

    def kill_in_poll(agent: Agent, request: str, timeout: float | None = None) -> targets.Answer:
        with monkeypatch.context() as during:
            if request.startswith("poll"):
                during.setattr(Agent, "read_line", read_and_be_killed)
            return call(agent, request, timeout)

    with monkeypatch.context() as killing:
        killing.setattr(Agent, "call", kill_in_poll)
        assert verdict(layer, TEXT + WAITS)[0] == "crashed"
    assert watched
    assert all(one.are_gone() for one in watched)
    assert verdict(layer, TEXT) == ("conforms", "")


@pytest.mark.parametrize("name", ["gvisor", "gvisor-2022"])
def test_killed_sandbox_ends_its_client_and_the_case_alone(name: str, start: Callable[[Target], Session]) -> None:
    """What dies by itself, as by the kernel for its memory, is the sandbox, not the command that started it."""
    session = start(targets.choose(ENTRIES, [name])[name])
    if session.unavailable:
        pytest.skip(session.unavailable)
    with session.agent() as agent:
        watched = Watched(agent.process.pid)
        (sandbox,) = (pid for pid in descendants(agent.process.pid)
                      if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"runsc-sandbox"))
        os.kill(sandbox, signal.SIGKILL)
        assert agent.call("socket client AF_INET SOCK_STREAM").ret == "crashed"
    assert watched.are_gone()
    assert verdict(session, TEXT) == ("conforms", "")


@pytest.mark.parametrize("name", ["gvisor", "gvisor-2022"])
def test_agents_that_wait_share_a_sandbox(name: str, start: Callable[[Target], Session]) -> None:
    """As long as one of them is there; when it dies, all have ended, and the next has another."""
    session = start(targets.choose(ENTRIES, [name])[name])
    if session.unavailable:
        pytest.skip(session.unavailable)
    folder = Path(session.scratch())
    found = folder / "sandbox-default.found"
    for _ in range(2):
        with session.agent(own=True) as one, session.agent(own=True) as other:
            place = json.loads(found.read_text())
            assert "blackholed-host" in one.hello["networks"]
            assert one.hello == other.hello
            watched = Watched(sandbox_of(place["root"]))
            os.kill(sandbox_of(place["root"]), signal.SIGKILL)
            assert [agent.call("reset").ret for agent in (one, other)] == ["crashed", "crashed"]
        assert watched.are_gone()
    with session.agent(own=True) as one:
        watched = Watched(sandbox_of(json.loads(found.read_text())["root"]))
    session.close()
    assert watched.are_gone()


def sandbox_of(root: str) -> int:
    """The process of a sandbox of this root."""
    names = {int(path.parent.name): path.read_bytes().split(b"\0") for path in Path("/proc").glob("[0-9]*/cmdline")}
    (found,) = (pid for pid, words in names.items()
                if words[0] == b"runsc-sandbox" and f"--root={root}".encode() in words)
    return found


def test_sandbox_at_a_link_connects_to_the_kernel_and_leaves_nothing() -> None:
    session = pairs.session_of(targets.choose(ENTRIES, ["gvisor+native"])["gvisor+native"])
    session.open()
    try:
        if session.unavailable:
            pytest.skip(session.unavailable)
        assert verdict(session, TEXT) == ("conforms", "")
        with session.agent() as agent:
            watched = Watched(agent.process.pid)
    finally:
        session.close()
    assert watched.are_gone()


def test_closed_it_has_no_processes_left(layer: Session) -> None:
    with layer.agent() as agent:
        watched = Watched(agent.process.pid)
    layer.close()
    assert watched.are_gone()


@pytest.mark.parametrize("name", [name for name in LAYERS if "LD_PRELOAD" in str(ENTRIES[name]["start"])])
def test_preload_that_is_not_there_is_found_out(name: str, start: Callable[[Target], Session]) -> None:
    """The dynamic linker only warns, and everything then looks native."""
    target = targets.choose(ENTRIES, [name])[name]
    command = [re.sub("^LD_PRELOAD=.*", "LD_PRELOAD=/no/such/library.so", word) for word in target.start]
    session = start(replace(target, start=tuple(command)))
    assert session.unavailable.startswith(f"{name}: its hello has ")
    assert session.unavailable.endswith(f"; {target.install}")


@pytest.mark.parametrize("layer", ["lwip"], indirect=True)
def test_blackholed_host_replaces_a_full_queue_where_none_is_ever_full(layer: Session) -> None:
    assert verdict(layer, PENDING) == ("conforms", "")
    assert verdict(layer, PENDING + ACCEPTED)[0] == "unsupported"


@pytest.mark.parametrize("layer", ["native", "musl", "io_uring"], indirect=True)
def test_signal_wakes_a_caller_that_waits_for_a_full_queue(layer: Session) -> None:
    """Where a request waits on a ring the signal has it cancelled."""
    assert verdict(layer, WOKEN) == ("conforms", "")


SSH = """#!/bin/sh
while test $# -gt 0; do
    case $1 in
    -o) shift 2 ;;
    -T) shift ;;
    ssh://me@example:22) shift; exec sh -c "$*" ;;
    *) exit 255 ;;
    esac
done
"""


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another machine: an ssh that runs the command here, as sshd does, by a shell; its folder for temporary files."""
    ssh, folder = tmp_path / "ssh", tmp_path / "remote"
    ssh.write_text(SSH)
    ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
    folder.mkdir()
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_agent_on_another_machine_is_handed_over_and_leaves_nothing(
    remote: Path, start: Callable[[Target], Session]
) -> None:
    session = start(targets.choose(ENTRIES, ["ssh:me@example:22"])["ssh:me@example:22"])
    assert (session.unavailable, session.platform) == ("", "linux")
    assert verdict(session, TEXT) == ("conforms", "")
    with session.agent() as agent:
        assert agent.call("file left").ok
        assert len(list(remote.glob("connect-*/left"))) == 1
        watched = Watched(agent.process.pid)
    session.close()
    assert watched.are_gone()
    assert list(remote.glob("connect-*/left")) == []


def test_unreachable_machine_is_unavailable(remote: Path, start: Callable[[Target], Session]) -> None:
    session = start(targets.choose(ENTRIES, ["ssh:nowhere"])["ssh:nowhere"])
    assert session.unavailable == "ssh:nowhere: no hello came but nothing; ssh HOST python3 -V shows why"


@pytest.mark.parametrize(("name", "problem"), [
    ("ssh", "ssh takes a parameter: another machine that has Python, by --target ssh:[USER@]HOST[:PORT]"),
    ("native:x", "native takes no parameter"),
])
def test_parameter_is_given_where_it_is_taken(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem.replace('[', '.').replace(']', '.')}$"):
        targets.choose(ENTRIES, [name])
