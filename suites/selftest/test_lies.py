"""Proofs of state: where what a scenario is given does not come about, its fixture says so, or a check fails.

Each lie is laid between the suite and a real agent: an answer is replaced, or a call is made in place of another, so
that a state does not come about and no call says so. What such a case must never do is pass.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import pytest

from fixtures import check, targets, world
from fixtures.checked import Queue
from fixtures.targets import Agent, Answer, Session
from specs import load, pages
from specs.foresee import foresee
from specs.model import Case
from specs.record import Record
from specs.verbs import VERBS
from suites import schedule
from suites.selftest.house import cases, clauses
from suites.timeouts import is_slow

Instead = Mapping[str, str]


class Lie(NamedTuple):
    """One lie about what a case is given.

    about: the fixture; of socket-in, the state. case: its file below suites/, scenario and variant.
    instead: a pattern of requests -> the answer, or the requests that are made in place of one.
    says: a pattern of verdict and reason. checked: properties of the target. without: a network that there is not.
    """

    about: str
    case: str
    instead: Instead
    says: str
    checked: Mapping[str, Any] = {}
    without: str = ""


NONE: Instead = {}
FAILS = "fails: connect(*"


def state(word: str, instead: Instead, says: str, **checked: Any) -> Lie:
    """A lie about a state of socket-in, in a case that passes in every state: SO_ERROR is 0."""
    return Lie(word, f"description/SO_ERROR.yaml::no-error-pending[inet-{word}]", instead, says, checked)


def error_pending(word: str, instead: Instead, says: str, **checked: Any) -> Lie:
    """A lie about a state in which an error is pending; nothing is required in the case."""
    return Lie(word, f"survey/bind.yaml::getsockname-after-failure[inet-{word}]", instead, says, checked)


def path(word: str, case: str, instead: Instead, says: str = FAILS, variant: str = "stream") -> Lie:
    """A lie about a path, in a case of its errno."""
    return Lie(word, f"errors/{case}[{variant}]", instead, says)


def network(word: str, case: str, name: str = "", answer: str = "ok", says: str = FAILS) -> tuple[Lie, Lie]:
    """A host that the laboratory does not have, and one that behaves otherwise than its network is to make it."""
    return (Lie(word, case, NONE, f"unsupported: * {name or word}*", without=name or word),
            Lie(word, case, {r"connect client .*": answer}, says))


# A listener where nothing is to be.
SERVED = {r"connect client (unix:\S+)":
          r"socket liar AF_UNIX SOCK_STREAM; bind liar \1; listen liar 1; connect client \1"}
ROOMY = {r"listen (peer|server) 0": r"listen \1 16"}
UNBOUND = {r"bind (peer|client|server) .*": "ok"}
LISTENS = {r"connect (peer|server) .*": r"listen \1 4"}  # in place of the connection that makes a port refuse
FIN, RST = r"close server-accepted", r"setsockopt server-accepted SO_LINGER value=0; close server-accepted"
CONNECTED = {r"connect client .*": "ok", r"getpeername client": "ok name=inet:127.0.0.1:1",
             r"poll server .*": "ok revents=POLLIN"}
GATED = {"queues": {"AF_INET": Queue(16, 0, "IP_MINTTL")}}
NO_QUEUE = {"queues": {"AF_INET": None}}
REFUSES = {"queues": {"AF_INET": Queue(0, 1, answers="EAGAIN")}}
BLOCKING = {"blocking": frozenset({"AF_INET"})}
EALREADY = "errors/EALREADY.yaml::second-connect-while-pending[inet-fsetfl]"
WAITS = "description/blocking.yaml::made-nonblocking-while-waiting[inet]"
UNIX_FULL = "description/nonblocking.yaml::full-queue-leaves-no-attempt[unix-stream]"

SOCKETS = (
    Lie("listener", "errors/EISCONN.yaml::second-connect[inet]", {r"listen peer .*": "ok"}, FAILS),
    Lie("listener", "errors/EISCONN.yaml::second-connect[inet]", UNBOUND, "unresolved: peer: bind() of peer = 0, *"),
    Lie("listener", "errors/EISCONN.yaml::second-connect[inet]", {r"getsockname peer": "ok"}, "unresolved: * no name"),
    Lie("listener", "errors/EISCONN.yaml::second-connect[inet]", {r"listen peer .*": "EACCES"},
        "unresolved: peer: listen peer 16 = EACCES"),
    Lie("bound-socket", "description/bind.yaml::unbound-datagram[inet]", UNBOUND,
        "unresolved: peer: bind() of peer = 0, *"),
    Lie("bound-socket", "errors/ECONNREFUSED.yaml::not-listening[unix-stream]", UNBOUND,
        "unresolved: peer: bind() of peer = 0, and its address is unnamed"),
    Lie("raw-receiver", "description/connectionless.yaml::raw-destination", {r"socket peer .*": "EPERM"},
        "unsupported: socket peer AF_INET6 SOCK_RAW protocol=253 = -1 EPERM"),
    Lie("raw-receiver", "description/connectionless.yaml::raw-destination", UNBOUND,
        "unresolved: peer: bind() of peer = 0, *"),
    Lie("packet-socket", "manuals/linux/packet.yaml::not-supported",
        {r"socket client .*": "socket client AF_INET SOCK_DGRAM"}, "unresolved: client: socket() of AF_PACKET gave *"),
    Lie("channel", "manuals/linux/SCM_RIGHTS.yaml::connection[inet]",
        {r"socketpair left right (.*)": r"socketpair left far \1; socketpair right near \1"}, "unresolved: *"),
    Lie("ipv4-listener", "description/example.yaml::connects-to-ipv4-without-ports[poll]", {r"listen peer .*": "ok"},
        "fails: *"),
    Lie("loopback-network", "survey/address.yaml::loopback-network[inet-127.0.0.2]",
        {r"bind server inet:0.0.0.0:0": "bind server inet:127.0.0.1:0"}, "drifted: *"),
    Lie("only-port", "survey/bind.yaml::port-given-back[inet]", {r"close port-\d+": "ok"}, FAILS),
    Lie("only-port", "survey/bind.yaml::port-given-back[inet]", {r"bind port-\d+ .*": "EADDRINUSE"},
        "unsupported: port 49152 is still taken *", {"lingers": False}),
    Lie("bare-loopback", "survey/address.yaml::no-loopback-address[inet-stream]", {r"bind peer-look .*": "ok"},
        "unsupported: the loopback interface keeps its address *"),
    Lie("bare-loopback", "survey/address.yaml::no-loopback-address[inet-stream]", {r"bind peer-look .*": "EACCES"},
        "unresolved: peer: bind peer-look inet:127.0.0.1:0 = EACCES"),
    Lie("quiet-listener", "manuals/linux/IP_LOCAL_PORT_RANGE.yaml::range-of-one[inet]", {r"listen peer .*": "ok"},
        FAILS),
    Lie("denied-by-policy", "errors/EACCES.yaml::policy-denies[inet]", NONE, "unsupported: no policy *"),
    Lie("streams-exhausted", "errors/ENOSR.yaml::streams-used-up[inet]", NONE, "unsupported: only illumos *"),
    Lie("buffers-exhausted", "errors/ENOBUFS.yaml::buffers-used-up[inet]", NONE, "unsupported: nothing outside *"),
    Lie("closed-port", "description/return.yaml::refused[inet]", UNBOUND, "unresolved: peer: bind() of peer = 0, *"),
    Lie("closed-port", "description/return.yaml::refused[inet]", LISTENS, FAILS),
    Lie("closed-port", "description/return.yaml::refused[inet]", {r"connect peer .*": "ETIMEDOUT"},
        "unresolved: peer: connect peer * = ETIMEDOUT"),
    Lie("closed-port", "errors/ECONNREFUSED.yaml::datagram-reported-by-so-error[inet]", {r"connect peer .*": "ok"},
        "unsupported: no port is closed: *"),
    Lie("stale-path", "errors/ECONNREFUSED.yaml::stale-path[stream]", {r"close peer": "ok"},
        "unresolved: peer: getsockname peer = ok; *"),
    Lie("exhausted-ports", "errors/EADDRNOTAVAIL.yaml::ports-used-up[inet-stream]", {r"connect peer-first .*": "ok"},
        FAILS),
    Lie("exhausted-ports", "errors/EADDRNOTAVAIL.yaml::ports-used-up[inet-stream]",
        {r"connect peer-first .*": "EADDRNOTAVAIL", r"poll peer .*": "ok revents="},
        "unresolved: peer: connect peer-first * = EADDRNOTAVAIL, 500 times"),
    Lie("exhausted-ports", "errors/EADDRNOTAVAIL.yaml::ports-used-up[inet-stream]", {r"bind port-\d+ .*": "EADDRINUSE"},
        "unsupported: port 49152 is still taken *", {"lingers": False}),
)

QUEUES = (
    Lie("full-queue", EALREADY, ROOMY, "unresolved: peer: 1 connections, and the queue of a backlog of 0 is not full"),
    Lie("full-queue", EALREADY, ROOMY | {r"poll peer-pending .*": "ok revents="}, "fails: *"),
    Lie("full-queue", EALREADY, {r"getsockopt peer-pending .*": "ok value=ECONNRESET"}, "unresolved: * is not full"),
    Lie("full-queue", EALREADY, {r"poll peer-pending .*": "ok revents=POLLERR"}, "unresolved: * is not full"),
    Lie("full-queue", EALREADY, {r"poll peer-pending .*": "ok revents=POLLHUP"}, "unresolved: * is not full"),
    Lie("full-queue", EALREADY, {r"connect peer-pending .*": "ok"},
        "unresolved: peer: an attempt at the full queue is ok"),
    Lie("full-queue", EALREADY, {r"connect peer-pending .*": "ECONNREFUSED"},
        "unresolved: peer: an attempt at the full queue is ECONNREFUSED"),
    Lie("full-queue", EALREADY, {r"connect peer-filler0 .*": "ok", r"poll peer .*": "blocks"},
        "unresolved: poll peer events=POLLIN blocks"),
    Lie("full-queue", EALREADY, {r"setsockopt peer IP_MINTTL .*": "ok"}, "unresolved: * is not full", GATED),
    Lie("full-queue", EALREADY, {r"setsockopt peer IP_MINTTL .*": "ENOPROTOOPT"}, "unsupported: setsockopt *", GATED),
    Lie("full-queue", EALREADY, {r"getpeername peer-pending": "ok name=inet:127.0.0.1:1"}, "unresolved: * is not full",
        BLOCKING),
    Lie("full-queue", EALREADY, NONE, "unsupported: * blackholed-host", NO_QUEUE, "blackholed-host"),
    Lie("full-queue", "description/blocking.yaml::ignored-signal[inet]", NONE,
        "unsupported: a blackholed host replaces the full queue of peer, *", NO_QUEUE),
    Lie("full-queue", WAITS, {r"connect peer-pending .*": "ECONNREFUSED"},
        "unsupported: no attempt waits for space: at a full queue connect() = -1 ECONNREFUSED",
        {"queues": {"AF_INET": Queue(0, 1, answers="ECONNREFUSED")}}),
    Lie("full-queue", UNIX_FULL, {r"connect peer-filler\d+ .*": "ok"}, "unresolved: peer: 300 connections, and *"),
    Lie("full-queue", UNIX_FULL, {r"connect peer-filler0 .*": "ENOENT"},
        "unresolved: peer: an attempt at the full queue is ENOENT"),
    Lie("full-queue", UNIX_FULL, {r"connect peer-filler0 .*": "EAGAIN"}, FAILS),
)

STATES = (
    state("fresh", {r"listen server .*": "EADDRINUSE"}, "unresolved: client: listen server 16 = EADDRINUSE"),
    state("fresh", {r"fcntl client .*": "EINVAL"}, "unresolved: client: fcntl client F_SETFL * = EINVAL"),
    state("bound", {r"bind client .*": "ok"}, "unresolved: client: bind() of client = 0, *"),
    state("pending", ROOMY, "unresolved: client: * is not full"),
    state("pending", {r"connect client .*": "ok"}, "unresolved: client: an attempt begins with ok"),
    state("pending", {r"connect client .*": "EINPROGRESS"},
          "unresolved: client: the attempt at a full queue has ended"),
    state("pending", {r"connect client .*": "EAGAIN", r"connect server-pending .*": "EAGAIN"},
          "unsupported: no attempt goes on in the background: at a full queue *", **REFUSES),
    state("pending", NONE, "unsupported: no attempt goes on in the background: connect() waits *", **BLOCKING),
    state("just-established", {r"connect client .*": "ECONNREFUSED"},
          "unresolved: client: an attempt begins with ECONNREFUSED"),
    state("just-established", {r"connect client .*": "EINPROGRESS", r"poll server .*": "blocks"},
          "unresolved: poll server events=POLLIN blocks"),
    state("just-established", {r"connect client inet:127.*": "ok"},
          "unsupported: a connect() that succeeds returns 0 at once, *",
          **NO_QUEUE),
    state("established", {r"connect client .*": "ok"}, "unresolved: client: getpeername client = ENOTCONN"),
    state("established", {r"poll server .*": "blocks"}, "unresolved: poll server events=POLLIN blocks"),
    Lie("established", "errors/EISCONN.yaml::connected[inet-established-server]", CONNECTED, FAILS),
    Lie("cut-off", "description/SO_KEEPALIVE.yaml::peer-does-not-respond[inet]",
        {r"setsockopt client-accepted .*": "ok", r"setsockopt client-cut-off-accepted .*": "ok"},
        "unsupported: IP_MINTTL keeps nothing from a socket"),
    state("shut-down-read", {r"shutdown client .*": "ok", r"recv client": "EAGAIN"},
          "unresolved: client: * recv() goes on"),
    state("shut-down-read", {r"shutdown client .*": "ok", r"recv client": "ok data=hello"},
          "unresolved: * recv() goes on"),
    state("shut-down-read", {r"shutdown client .*": "ok", r"recv client": "blocks"}, "unresolved: recv client blocks"),
    state("shut-down-write", {r"shutdown client .*": "ok"}, "unresolved: client: * send() succeeds"),
    state("peer-closed", {FIN: "ok", r"poll client .*": "blocks"}, "unresolved: poll client events=POLLIN blocks"),
    state("peer-closed", {r"getsockopt client SO_ERROR": "ok value=EPIPE"}, "fails: getsockopt(*"),
    state("peer-closed", {FIN: RST}, "unresolved: client: the peer of client has closed, and SO_ERROR is ECONNRESET"),
    state("peer-closed", {r"accept server .*": r"socket server-accepted AF_INET SOCK_STREAM"}, "unresolved: *"),
    state("closed-both-ways", {FIN: RST},
          "unresolved: client: the peer of client has closed, and SO_ERROR is ECONNRESET"),
    state("closed-both-ways", {r"shutdown client .*": "ok", r"poll server-accepted .*": "blocks"},
          "unresolved: poll server-accepted events=POLLIN blocks"),
    Lie("reset", "description/accept.yaml::not-a-listener[inet-reset]", {r"setsockopt server-accepted .*": "ok"},
        "unresolved: client: the connection of client has failed, poll() shows POLLIN and the peer has a name"),
    Lie("reset", "description/accept.yaml::not-a-listener[inet-reset]",
        {r"setsockopt server-accepted .*": "ENOPROTOOPT"},
        "unsupported: setsockopt server-accepted SO_LINGER value=0 = -1 ENOPROTOOPT"),
    Lie("reset", "description/accept.yaml::not-a-listener[inet-reset]",
        {r"send client unread": "ok", r"poll server-accepted .*": "blocks"},
        "unresolved: poll server-accepted events=POLLIN blocks", {"lingers": False}),
    state("refused", {r"connect client .*": "ok"},
          "unresolved: client: connect client * = ok; the state takes ECONNREFUSED or *"),
    state("refused", {r"connect client .*": "ETIMEDOUT"}, "unresolved: client: connect client * = ETIMEDOUT; *"),
    state("refused", LISTENS, "unresolved: client: connect client * = ok; *"),
    error_pending("refused-error-pending", LISTENS,
                  "unresolved: client: the connection of client has failed, poll() shows POLLOUT and *"),
    error_pending("refused-error-pending", {r"connect client .*": "ENETUNREACH"},
                  "unresolved: * begins with ENETUNREACH"),
    error_pending("refused-error-pending", {r"connect client inet:127.*": "ECONNREFUSED"},
                  "unsupported: a refused connect() fails at once, and no queue is ever full", **NO_QUEUE),
    state("refused-error-consumed", {r"getsockopt client .*": "ok value=ok"},
          "unresolved: client: SO_ERROR of a refused attempt is ok"),
    state("refused-error-consumed", {r"getsockopt client .*": "ok value=ETIMEDOUT"},
          "unresolved: client: SO_ERROR of a refused attempt is ETIMEDOUT"),
    state("timed-out", {r"connect client .*": "ECONNREFUSED"}, "unresolved: client: connect client * takes ETIMEDOUT"),
    state("timed-out", {r"connect client .*": "ok"}, "unresolved: client: connect client * takes ETIMEDOUT"),
    state("timed-out", {r"setsockopt client .*": "ENOPROTOOPT"},
          "unsupported: no option limits the time of connect(): *"),
    state("timed-out", {r"setsockopt client .*": "EPERM"}, "unresolved: client: setsockopt client * = EPERM"),
    state("timed-out", {r"connect server-pending .*": "EAGAIN"}, "unsupported: no attempt is pending, *", **REFUSES),
    state("interrupted", {r"pthread_join client": "ok"}, "unresolved: client: a signal ends an attempt with ok"),
    state("interrupted", {r"pthread_join client": "EAGAIN"}, "unsupported: no attempt waits for space: *"),
    state("interrupted", ROOMY, "unresolved: * is not full"),
    state("listening", {r"listen client .*": "ok"},
          "unresolved: client: listen() of client = 0, and it does not listen"),
    state("listening", {r"listen client .*": "EINVAL"}, "unresolved: client: listen client 16 = EINVAL"),
    state("accepted", {r"accept server client": "socket client AF_INET SOCK_STREAM"},
          "unresolved: client: exchange client-client client = ENOTCONN"),
)

PATHS = (
    Lie("no-descriptor", "errors/EBADF.yaml::never-open[number9999]",
        {r"descriptor nothing 9999": "socket nothing AF_INET SOCK_STREAM"}, FAILS),
    Lie("closed-descriptor", "errors/EBADF.yaml::closed[inet-stream]", {r"close closed": "ok"}, FAILS),
    Lie("not-a-socket", "errors/ENOTSOCK.yaml::open-descriptor[inet-file]",
        {r"open other .*": "socket other AF_INET SOCK_STREAM"}, FAILS),
    Lie("not-a-socket", "errors/ENOTSOCK.yaml::open-descriptor[inet-pipe]",
        {r"pipe other": "socket other AF_INET SOCK_STREAM"}, FAILS),
    Lie("not-a-socket", "errors/ENOTSOCK.yaml::open-descriptor[inet-file]", {r"file \S+": "ok"},
        "unresolved: other: open other file* = ENOENT"),
    Lie("path-descriptor", "errors/EBADF.yaml::names-a-file-only", {r"(open named \S+) flags=O_PATH": r"\1"}, FAILS),
    path("missing-path", "ENOENT.yaml::missing-socket", SERVED),
    path("missing-prefix", "ENOENT.yaml::missing-prefix",
         {r"connect client unix:(\S+)/socket": r"mkdir \1; file \1/socket; connect client unix:\1/socket"}),
    path("dangling-link", "ENOENT.yaml::dangling-link", {r"symlink .*": "ok"}, "unresolved: peer: symlink * = ok; *"),
    path("file-as-prefix", "ENOTDIR.yaml::file-as-prefix", {r"file .*": "ok"}),
    path("trailing-slash", "ENOTDIR.yaml::trailing-slash", {r"bind peer .*": "ok"},
         "unresolved: peer: bind() of peer = 0, *"),
    path("symlink-loop", "ELOOP.yaml::link-to-itself", {r"symlink .*": "ok"}),
    path("symlink-chain", "ELOOP.yaml::long-chain", {r"symlink .*": "ok"}),
    Lie("long-link", "survey/unix.yaml::full-without-null-108", {r"symlink .*": "ok"}, "drifted: *"),
    path("not-a-socket-path", "ENOTSOCK.yaml::name-is-no-socket", {r"file .*": "ok"}, variant="stream-file"),
    path("not-a-socket-path", "ENOTSOCK.yaml::name-is-no-socket", {r"mkfifo .*": "EPERM"},
         "unresolved: peer: mkfifo * = EPERM", "stream-fifo"),
    path("unsearchable-directory", "EACCES.yaml::search-permission", {r"chmod .*": "ok"},
         "unsupported: permissions do not bind *"),
    Lie("socket-with-mode", "survey/check-order.yaml::other-type-and-not-writable[seqpacket]",
        {r"chmod socket\d+ .*": "ok"},
        "drifted: *"),
    path("socket-with-mode", "EACCES.yaml::write-permission", {r"chmod file\d+ .*": "ok"},
         "unsupported: permissions do not bind *", "stream-0444"),
    path("long-component", "ENAMETOOLONG.yaml::long-component", {r"symlink .*": "ok"}),
    path("long-path", "ENAMETOOLONG.yaml::long-path", {r"connect client \S+?(missing\d+)": r"connect client unix:\1"}),
    path("dotted-path", "ENOENT.yaml::cut-to-another-name", {r"connect client \S+ namelen=5": "ok"}),
    path("dotted-path", "ENOENT.yaml::cut-to-another-name", {r"bind peer .*": "EACCES"},
         "unresolved: peer: bind peer * = EACCES"),
)

NETWORKS = (
    *network("failing-directory", "errors/EIO.yaml::lookup-fails[stream]", answer="ENOENT"),
    *network("other-namespace", "manuals/linux/abstract.yaml::abstract-name"),
    *network("blackholed-host", "errors/ETIMEDOUT.yaml::no-answer[inet]", answer="ECONNREFUSED"),
    *network("unresolved-neighbour", "errors/EHOSTUNREACH.yaml::unresolved-neighbour[inet]", answer="ETIMEDOUT"),
    *network("route", "description/nonblocking.yaml::fails-at-once-no-route[inet]", "no-route", "ECONNREFUSED"),
    *network("broadcast", "errors/EACCES.yaml::broadcast-not-permitted[inet]"),
    *network("multicast", "errors/EAFNOSUPPORT.yaml::stream-to-multicast[inet6]", says="drifted: *"),
    *network("down-link", "errors/ENETDOWN.yaml::interface-down[inet-stream]", answer="ECONNREFUSED"),
    *network("rejecting", "errors/ECONNREFUSED.yaml::port-unreachable[inet]"),
    *network("firewall", "errors/EACCES.yaml::firewall[inet-stream]"),
    *network("link-local", "survey/address.yaml::link-local[stream-link]", says="drifted: *"),
)

LIES = (*SOCKETS, *QUEUES, *STATES, *PATHS, *NETWORKS)


class Liar:
    """An agent, with some of its answers replaced."""

    def __init__(self, agent: Agent, instead: Instead) -> None:
        self.agent, self.instead = agent, instead
        self.made: set[str] = set()

    def call(self, request: str, timeout: float | None = None) -> Answer:
        for pattern, lie in self.instead.items():
            if re.fullmatch(pattern, request):
                self.made.add(pattern)
                return self.lie(re.sub(pattern, lie, request), timeout)
        return self.agent.call(request, timeout)

    def lie(self, said: str, timeout: float | None) -> Answer:
        """An answer; of several requests that of the last."""
        if said == "blocks":
            return Answer("blocks")
        requests = said.split("; ")
        if requests[0].split()[0] not in VERBS:
            return self.agent.parse("", said)
        return [self.agent.call(one, timeout) for one in requests][-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.agent, name)


class Lying(Session):
    """This machine, with one lie at a time."""

    def __init__(self) -> None:
        (target,) = targets.choose(load.targets(targets.FILE), ["native"]).values()
        super().__init__(target)
        self.lie = Lie("", "", NONE, "")
        self.liar: Liar | None = None
        check.make_ready(self)
        assert not self.unavailable
        self.honest = check.of(self)
        self.profile = pages.profile(self.platform, clauses())

    def networks(self) -> Mapping[str, Mapping[str, str]]:
        return {name: where for name, where in super().networks().items() if name != self.lie.without}

    @contextmanager
    def agent(self, netns: str = "default", own: bool = False, peers: Collection[str] = ()) -> Iterator[Any]:
        with super().agent(netns, own, peers) as agent:
            self.liar = Liar(agent, self.lie.instead)
            yield self.liar

    def lacking(self) -> set[str]:
        """Why the laboratory here lacks something that another machine's has."""
        return {self.lab.reason, *self.lab.absent.values()} - {""} if self.lab else set()

    def play(self, case: Case, lie: Lie) -> Record:
        self.lie, self.checked = lie, replace(self.honest, **lie.checked)
        return schedule.play(case, self, clauses(), self.profile)


@pytest.fixture(scope="module")
def session() -> Iterator[Lying]:
    made = Lying()
    yield made
    made.close()


@pytest.mark.parametrize("lie", LIES, ids=[f"{lie.about}-{number}" for number, lie in enumerate(LIES)])
def test_a_state_that_does_not_come_about_is_not_passed_off(session: Lying, lie: Lie) -> None:
    case = next(case for case in cases() if case.id == f"suites/{lie.case}")
    played = session.play(case, lie)
    said = f"{played.verdict}: {played.reason}"
    if played.reason in session.lacking():
        pytest.skip(played.reason)
    assert fnmatchcase(said, lie.says), said
    assert played.verdict not in ("conforms", "recorded", "deviates", "stale")
    if lie.instead:
        assert session.liar
        assert session.liar.made == set(lie.instead)


@pytest.mark.parametrize("case_id", sorted({lie.case for lie in LIES if lie.instead and not lie.checked}))
def test_without_the_lie_it_passes(session: Lying, case_id: str) -> None:
    case = next(case for case in cases() if case.id == f"suites/{case_id}")
    if is_slow(case, foresee(case, session.profile)):
        return  # it waits for a timer, and native's own run plays it
    played = session.play(case, Lie("", "", NONE, ""))
    assert played.verdict in ("conforms", "recorded", "deviates") or played.reason in session.lacking(), played.reason


def test_every_fixture_and_every_state_is_lied_about() -> None:
    assert {lie.about for lie in LIES} == world.FIXTURES.keys() - {"socket-in"} | world.STATES.keys()
