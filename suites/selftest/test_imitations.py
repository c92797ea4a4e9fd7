"""On layers that behave as other kernels do, the suite reaches its states, and fails what is wrong there, no more.

Each imitation is a layer of imitations.py. The cases that use what it touches are played on it and judged as Linux:
none is unresolved or crashes, none blocks that does not block without it, and verdicts change only where it is said.
What surveys give is not compared: no baseline obliges another kernel.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import pytest

from fixtures import check, targets, world
from fixtures.checked import INTERNET
from fixtures.targets import Session, Target
from specs import load, pages
from specs.foresee import foresee
from specs.judge import judge
from specs.model import FAILING, Case
from specs.record import Record
from specs.words import spell_observed
from suites import engine
from suites.selftest import house, imitations
from suites.timeouts import is_slow

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the layers are laid over Linux")

AT_ONCE = 24  # agents for the cases that wait
TRIES = 5  # to show what depends on time
LOST = 8  # cases that end in a call that blocks, after which no further ones are waited for

# --- the cases that an imitation can touch ------------------------------------------------------------------

Plays = Callable[[Case], bool]
QUEUES = {"full-queue", "pending", "interrupted", "timed-out", "refused-error-pending", "refused-error-consumed",
          "just-established"}
CLOSED = {"closed-port", "bound-socket", "stale-path", "refused", "refused-error-pending", "refused-error-consumed"}
FAILURES = CLOSED | QUEUES | {"missing-path", "blackholed-host", "unresolved-neighbour", "rejecting", "firewall"}
BACKGROUND = {"pending", "just-established", "refused-error-pending", "refused-error-consumed"}


def given(case: Case) -> set[str]:
    """The fixtures and states that a case is given."""
    return {word for one in case.given for word in (one.fixture, str(one.operands.get("state")))}


def is_type(case: Case, *types: str) -> bool:
    return case.axes.get("type", "SOCK_STREAM") in types


def is_tcp(case: Case, domains: Collection[str] = INTERNET) -> bool:
    return case.axes.get("domain", "AF_INET") in domains and is_type(case, "SOCK_STREAM")


def tcp(words: set[str], *domains: str) -> Plays:
    return lambda case: is_tcp(case, domains or INTERNET) and not words.isdisjoint(given(case))


def by_path(words: set[str]) -> Plays:
    return lambda case: case.axes.get("domain", "AF_INET") not in INTERNET and not words.isdisjoint(given(case))


def stream(words: set[str]) -> Plays:
    return lambda case: not is_type(case, "SOCK_DGRAM") and not words.isdisjoint(given(case))


def nonblocking(case: Case) -> bool:
    return is_tcp(case) and (not (BACKGROUND | QUEUES).isdisjoint(given(case))
                             or any(step.operands.get("nonblocking") for step in case.steps))


def waited_for(case: Case) -> bool:
    """Some of the non-blocking cases: most would block, for ten seconds each."""
    mode = {"illumos.nonblocking.creation", "illumos.nonblocking.fcntl"}
    return nonblocking(case) and (case.file.endswith("errors/EINPROGRESS.yaml") or not mode.isdisjoint(case.clauses))


def with_option(option: str, *words: str) -> Plays:
    return lambda case: bool(given(case) & set(words)
                             or any(step.operands.get("option") == option for step in case.steps))


def with_verb(*verbs: str) -> Plays:
    return lambda case: any(step.verb in verbs for step in case.steps)


def refusing(case: Case) -> bool:
    """Some of the cases that are refused: all of them take minutes at ten a second."""
    return not CLOSED.isdisjoint(given(case)) and case.file.startswith(("suites/description/", "suites/errors/"))


def unreachable(case: Case) -> bool:
    return (case.scenario.startswith(("datagram-reported-", "unreachable-and-"))
            or case.topic == "survey/datagram::unconnected")


# --- the imitations -----------------------------------------------------------------------------------------

LISTENER = """
socket l AF_INET SOCK_STREAM
bind l inet:127.0.0.1:0
getsockname l
"""
LISTENING = LISTENER + "listen l 0\n"
CLIENT = """
socket c AF_INET SOCK_STREAM
fcntl c F_SETFL flags=O_NONBLOCK
"""
FULL = LISTENING + """
socket f AF_INET SOCK_STREAM
connect f {l}
poll l events=POLLIN
""" + CLIENT
FULL_PATH = """
socket l AF_UNIX SOCK_STREAM
bind l unix:imitation
getsockname l
listen l 0
socket f AF_UNIX SOCK_STREAM
connect f {l}
socket c AF_UNIX SOCK_STREAM
fcntl c F_SETFL flags=O_NONBLOCK
"""
REFUSED = LISTENER + "close l\n" + CLIENT + """
connect c {l}
poll c events=POLLOUT
"""
REUSED = """
socket l AF_INET SOCK_STREAM
setsockopt l SO_REUSEADDR value=1
bind l inet:127.0.0.1:0
getsockname l
socket c AF_INET SOCK_STREAM
setsockopt c SO_REUSEADDR value=1
"""
CLOSED_ON = LISTENING + """
socket c AF_INET SOCK_STREAM
connect c {l}
accept l a
setsockopt a SO_LINGER value=0
close a
poll c events=POLLIN
"""
DATAGRAMS = """
socket l AF_INET SOCK_DGRAM
bind l inet:127.0.0.1:0
getsockname l
close l
socket c AF_INET SOCK_DGRAM
connect c {l}
"""
UNREACHABLE = "send c x\ngetsockopt c SO_ERROR\n"
WAITING = FULL + """
fcntl c F_SETFL
connect c {l} thread=t
"""
POLL = "poll c events=POLLOUT timeout=100"


class Imitation(NamedTuple):
    """A layer.

    shows: calls, of which the last is the one that it answers otherwise. answer: its answer. linux: Linux' own.
    plays: the cases that it can touch.
    changes: the verdicts that it changes, each somewhere, and it changes no others: patterns of "unsupported: REASON",
    and of "CLAUSE: CALL = OUTCOME" for the step that fails first. No call blocks but one that is said to.
    slow: many of its cases wait for a second or for a call that blocks, so that all are played side by side.
    """

    shows: str
    answer: str
    linux: str
    plays: Plays
    changes: tuple[str, ...] = ()
    slow: bool = False


IMITATIONS = {
    "bound-port-drops": Imitation(
        LISTENER + CLIENT + "connect c {l}\n" + POLL, "revents=", "revents=POLLOUT,POLLERR,POLLHUP",
        tcp(CLOSED | QUEUES)),
    "full-queue-resets": Imitation(
        FULL + "connect c {l}\n" + POLL, "revents=POLLOUT,POLLERR,POLLHUP", "revents=", tcp(QUEUES), (
            # in AF_INET6, where it has no option that makes a listener ignore what comes
            "unsupported: a blackholed host replaces the full queue*",)),
    "full-queue-is-busy": Imitation(
        FULL + "connect c {l}", "EAGAIN", "EINPROGRESS", tcp(QUEUES), (
            "illumos.EINPROGRESS: connect(*) = -1 EAGAIN",
            "illumos.EINPROGRESS: waitpid(*) = -1 EAGAIN",
            "illumos.example.starts: connect(*) = -1 EAGAIN",
            "linux.AF_UNSPEC.stream: connect(*) = -1 EAGAIN",  # the next attempt, at a full queue
            "linux.seccomp: pthread_join(before) = -1 EAGAIN",
            "unsupported: no attempt is pending, so that none times out: at a full queue connect() = -1 EAGAIN",
            "unsupported: no attempt goes on in the background: at a full queue connect() = -1 EAGAIN")),
    "full-path-refuses": Imitation(
        FULL_PATH + "connect c {l}", "ECONNREFUSED", "EAGAIN", by_path(QUEUES), (
            "linux.EAGAIN.unix: connect(*) = -1 ECONNREFUSED",
            "posix.EINPROGRESS.unix: connect(*) = -1 ECONNREFUSED",  # conforms: Linux' page is stale here
            "unsupported: no attempt waits for space: at a full queue connect() = -1 ECONNREFUSED")),
    "backlog-128": Imitation(FULL + "connect c {l}\n" + POLL, "revents=POLLOUT", "revents=", tcp(QUEUES)),
    "backlog-81": Imitation(FULL + "connect c {l}\n" + POLL, "revents=POLLOUT", "revents=", tcp(QUEUES, "AF_INET")),
    "backlog-0": Imitation(
        LISTENING + CLIENT + "connect c {l}\n" + POLL, "revents=", "revents=POLLOUT", tcp(QUEUES)),
    "reuseaddr-refuses": Imitation(REUSED + "bind c {l}", "EADDRINUSE", "ok", with_option("SO_REUSEADDR"), (
        "unsupported: bind(*) = -1 EADDRINUSE",)),
    "linger-is-no-reset": Imitation(CLOSED_ON + "recv c", "data=", "ECONNRESET", with_option("SO_LINGER", "reset"), (
        "unsupported: SO_LINGER of 0 does not reset a connection here",)),
    "loopback-is-immediate": Imitation(
        LISTENING + CLIENT + "connect c {l}", "ok", "EINPROGRESS", nonblocking, (
            "posix.poll.hangup-excludes-writing: poll(*) = 0 {revents: POLLOUT,POLLHUP}",), slow=True),
    "connect-always-waits": Imitation(
        LISTENING + CLIENT + "connect c {l}", "ok", "EINPROGRESS", waited_for, (
            "illumos.EINPROGRESS: connect(*) = blocks",
            "illumos.EINPROGRESS: connect(*) = -1 EHOSTUNREACH",
            "illumos.nonblocking.creation: connect(*) = blocks",
            "illumos.nonblocking.fcntl: connect(*) = blocks"), slow=True),
    "name-is-lost": Imitation(REFUSED + "getsockname c", "EINVAL", "name=*", stream(FAILURES)),
    "failed-is-a-corpse": Imitation(REFUSED + "getpeername c", "EINVAL", "ENOTCONN", stream(FAILURES), (
        "illumos.stream.connects: exchange(*) = -1 EINVAL",
        "linux.AF_UNSPEC.stream: exchange(*) = -1 E*",
        "posix.getpeername.ENOTCONN: getpeername(*) = -1 EINVAL",
        "posix.recv.ENOTCONN: recv(*) = 0 {data: none}",
        "posix.send.ENOTCONN: send(*) = -1 EPIPE")),
    "poll-without-errors": Imitation(
        REFUSED + POLL, "revents=POLLOUT", "revents=POLLOUT,POLLERR,POLLHUP", with_verb("poll", "wait"), (
            "posix.poll.unrequested: poll(*) = 0 {revents: none}", "linux.poll.error: poll(*) = 0 {revents: none}",
            "posix.poll.unrequested: pthread_join(*) = 0 {revents: POLLIN}",
            "posix.poll.unrequested: pthread_join(*) = blocks",
            "posix.poll.hangup-excludes-writing: poll(*) = 0 {revents: POLLOUT}")),  # conforms: the page is stale here
    "hangup-excludes-output": Imitation(
        REFUSED + POLL, "revents=POLLERR,POLLHUP", "revents=POLLOUT,POLLERR,POLLHUP", with_verb("poll", "wait"), (
            "illumos.nonblocking.POLLOUT: wait(*) = 0 {ready: none}",
            "illumos.nonblocking.facilities: wait(*) = 0 {ready: none}",
            "illumos.nonblocking.EINTR: wait(*) = 0 {ready: none}",
            "posix.poll.hangup-excludes-writing: poll(*) = 0 {revents: *POLLHUP}")),  # conforms: the page is stale here
    "poll-without-events": Imitation(
        REFUSED + "poll c timeout=100", "revents=", "revents=POLLERR,POLLHUP", with_verb("poll"), (
            "posix.poll.unrequested: poll(*) = 0 {revents: none}", "linux.poll.error: poll(*) = 0 {revents: none}",
            "posix.poll.unrequested: pthread_join(*) = blocks")),
    **{f"rates-of-{system}": Imitation(
        DATAGRAMS + UNREACHABLE * (1 + limit), "value=ok", "value=ECONNREFUSED", refusing)
       for system, limit in (("illumos", 10), ("netbsd", 100), ("freebsd", 200))},
    "errors-never-come": Imitation(
        DATAGRAMS + UNREACHABLE, "value=ok", "value=ECONNREFUSED", unreachable, (
            # a step that every case of a socket with a peer has before its check; a survey is untested then
            "unresolved: *poll(client, POLLIN) blocks",
            "conforms: ",
            "unsupported: no ICMP error reports here that a datagram finds no receiver"), slow=True),
    "ignored-signal-interrupts": Imitation(
        WAITING + "pthread_kill t SIGWINCH times=1000", "returned=yes", "returned=no", with_verb("pthread_kill"), (
            "posix.blocking.waits: pthread_kill(*) = 0 {returned: yes}",
            "posix.blocking.waits: pthread_join(*) = -1 EINTR",
            "posix.poll.waits: pthread_kill(*) = 0 {returned: yes}",
            "posix.accept.waits: pthread_kill(*) = 0 {returned: yes}",
            "posix.recv.waits: pthread_kill(*) = 0 {returned: yes}",
            "illumos.nonblocking.POLLOUT: pthread_kill(*) = 0 {returned: yes}",
            "illumos.ENXIO: pthread_kill(*) = 0 {returned: yes}",
            "posix.select.reading: pthread_kill(*) = 0 {returned: yes}",
            "linux.epoll.edge: pthread_kill(*) = 0 {returned: yes}",
            "linux.facilities: pthread_kill(*) = 0 {returned: yes}",
            "unsupported: a signal that is ignored interrupts connect() here, *")),
    "family-is-one-byte": Imitation(
        LISTENER + CLIENT + "connect c {l} sa_family=258", "unsupported", "EAFNOSUPPORT", lambda case: True),
}


# --- playing ------------------------------------------------------------------------------------------------


def target_of(name: str) -> Target:
    if name == "native":
        return targets.choose(load.targets(targets.FILE), [name])[name]
    return Target.of(name, imitations.entry(name))


class Player:
    """Plays cases on one target."""

    def __init__(self, target: Target) -> None:
        self.session = Session(target)
        check.make_ready(self.session)
        assert not self.session.unavailable
        self.profile = pages.profile(target.platform, house.clauses())

    def play(self, case: Case, own: bool = False) -> Record:
        """Play and judge by what obliges alone: that another kernel answers surveys as Linux does is no claim here."""
        transcript = engine.play(case, self.session, own, foresee(case, self.profile))
        judgement = judge(case, transcript, house.clauses(), replace(self.profile, baseline={}))
        return Record.of(case, transcript, judgement, self.session.target.name, self.profile.platform)

    def play_all(self, cases: list[Case], slow_ones: bool) -> Iterator[tuple[Case, Record]]:
        """Play cases, those that wait beside the others; no more of them once LOST have ended in a call that blocks.

        slow_ones: any may wait, but for those whose networks have space for one at a time.
        """
        slow = {case.id for case in cases if is_slow(case, foresee(case, self.profile))
                or (slow_ones and world.NAMESPACES.keys().isdisjoint(given(case)))}
        lost = 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            started = [(case, pool.submit(self.play, case, True)) for case in cases if case.id in slow]
            for case in (case for case in cases if case.id not in slow):
                if lost < LOST:
                    result = self.play(case)
                    lost += blocks(result)
                    yield case, result
            yield from ((case, result.result()) for case, result in started)

    def answer(self, requests: str) -> str:
        """The answer to the last of some requests; {NAME} in one is the address that getsockname gave of a socket."""
        names: dict[str, str] = {}
        with self.session.agent() as agent:
            for request in filter(None, requests.splitlines()):
                answer = agent.call(request.format(**names))
                if request.startswith("getsockname l"):
                    names["l"] = answer.fields["name"]
            agent.end()  # a call may still block
        return ",".join(f"{key}={value}" for key, value in answer.fields.items()) or answer.ret


def blocks(result: Record) -> bool:
    return bool(blocked(result))


def blocked(result: Record) -> list[str]:
    """The calls of a case that do not return."""
    return [f"{step.text} blocks" for step in result.steps if step.ret == "blocks"]


def departures(result: Record) -> list[list[str]]:
    """By step, the departures in a result: failing clauses; a reason for no verdict; a call that blocks."""
    if result.verdict in ("unresolved", "crashed", "unsupported"):
        return [[f"{result.verdict}: {result.reason}"]]
    found = []
    for step in result.steps:
        seen = f"{step.text} = {spell_observed(step.observed)}"
        found.append([f"{clause}: {seen}" for clause, verdict in step.judged.items() if verdict in FAILING])
    found = [step for step in found if step]
    if not found and (result.verdict in FAILING or blocks(result)):
        return [[f"{result.verdict}: {result.reason}"]]
    return found


@pytest.fixture(scope="module")
def native() -> Iterator[Callable[[], Player]]:
    """The machine without a layer, started when it is first used."""
    made = functools.cache(lambda: Player(target_of("native")))
    yield made
    if made.cache_info().currsize:
        made().session.close()


@pytest.fixture
def player(name: str) -> Iterator[Player]:
    made = Player(target_of(name))
    yield made
    made.session.close()


@pytest.mark.parametrize("name", IMITATIONS)
def test_verdicts_change_only_where_they_must(name: str, player: Player, native: Callable[[], Player]) -> None:
    imitation = IMITATIONS[name]
    assert fnmatchcase(native().answer(imitation.shows), imitation.linux)
    # a limit of so many a second shows only where they are sent in a second, which a loaded machine may take longer for
    tries = TRIES if name.startswith("rates-of-") else 1
    assert any(fnmatchcase(player.answer(imitation.shows), imitation.answer) for _ in range(tries))
    met: set[str] = set()
    wrong = []
    cases = [case for case in house.cases() if imitation.plays(case)]
    assert cases
    for case, result in player.play_all(cases, imitation.slow):
        found = departures(result)
        known = [one for one in imitation.changes if any(fnmatchcase(seen, one) for step in found for seen in step)]
        met.update(known)
        first = found[0] if found else []  # what comes after may come of it
        unknown = [seen for seen in first if not any(fnmatchcase(seen, one) for one in known)]
        waits = [call for call in blocked(result)
                 if not any(fnmatchcase(call, one.partition(": ")[2].replace(" = ", " ")) for one in imitation.changes)]
        if (unknown or waits) and departures(native().play(case)) != found:
            wrong += [f"{case.id}: {seen}" for seen in unknown or waits]
    assert not wrong, "\n".join(wrong[:20])
    assert met == set(imitation.changes)


def test_every_layer_is_played() -> None:
    assert imitations.KERNELS.keys() == IMITATIONS.keys()


def test_drawn_families_and_sizes_fit_a_family_of_one_byte(tmp_path: Path) -> None:
    name = "family-is-one-byte"
    (tmp_path / "targets.yaml").write_text(json.dumps({name: imitations.entry(name)}))
    options = ["--targets", f"{tmp_path}/targets.yaml", "--target", name, "--results", f"{tmp_path}/results"]
    run = subprocess.run([sys.executable, "-m", "pytest", "-q", *options, "suites/walks"], cwd=house.ROOT,
                         capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
