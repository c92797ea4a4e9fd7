"""Fixtures call by call: how each brings its state about, and by which answers it sees that it has not.

The kernel is imitated: it answers what a row says, and else as if all went well. That these calls lead to the state on
a real one test_lies.py sees.
"""

from __future__ import annotations

import itertools
import os
import re
from typing import NamedTuple

import pytest

from fixtures import world
from fixtures.checked import Checked, Queue
from fixtures.world import Environment, Unresolved, Unsupported
from suites.selftest.kernel import NONE, Answers, Kernel, addresses


class Way(NamedTuple):
    """The calls of one fixture called `it`.

    given: the fixture with its operands. calls: its requests; a word of SHORT abbreviates several.
    address: that steps speak of it by.
    """

    given: str
    calls: str
    address: str = ""
    domain: str = "AF_INET"
    type: str = "SOCK_STREAM"
    answers: Answers = NONE
    checked: Checked = Checked()


SHORT = {
    "established-at": "listener {0}; stream it; connect it inet:127.0.0.1:4711; getpeername it; poll {0} events=POLLIN",
    "full-queue": "bound {0}; listen {0} 0; fill {0} filler0; begin {0}-pending; "
                  "poll {0}-pending events=POLLOUT timeout=0; getsockopt {0}-pending SO_ERROR",
    "closed-port": "bound {0}; listener {0}-own; connect {0} inet:127.0.0.1:4711",
    "listener": "bound {0}; listen {0} 16",
    "path-listener": "bound-path {0}; listen {0} 16",
    "fill": "stream {0}-{1}; connect {0}-{1} inet:127.0.0.1:4711; poll {0} events=POLLIN",
    "begin": "stream {0}; nonblocking {0}; connect {0} inet:127.0.0.1:4711",
    "bound": "stream {0}; bind {0} inet:127.0.0.1:0; getsockname {0}",
    "bound-path": "socket {0} AF_UNIX SOCK_STREAM; bind {0} unix:socket1; getsockname {0}",
    "stream": "socket {0} AF_INET SOCK_STREAM",
    "nonblocking": "fcntl {0} F_SETFL flags=O_NONBLOCK",
    "check-free": "socket port-{0} AF_INET SOCK_STREAM; bind port-{0} inet:127.0.0.1:{0}; close port-{0}",
}
PENDS = {r"connect \S+-pending .*": "EINPROGRESS", r"poll \S+-pending .*": "ok revents="}
BEGINS = {r"connect it .*": "EINPROGRESS", r"poll it .*": "ok revents="}
NO_QUEUE = Checked({"AF_INET": None})
REFUSES = Checked({"AF_INET": Queue(0, 1, answers="EAGAIN")})
BLOCKING = Checked(blocking=frozenset({"AF_INET", "AF_UNIX"}))
SHORTER = Checked({"AF_UNIX": Queue(0, 1, answers="EAGAIN")})
PATH_DENIED = {r"open .*": "EACCES"}

WAYS = (
    Way("listener", "listener it", "inet:127.0.0.1:4711"),
    Way("listener type=SOCK_DGRAM",
        "socket it AF_INET SOCK_DGRAM; bind it inet:127.0.0.1:0; getsockname it",
        "inet:127.0.0.1:4711"),
    Way("listener backlog=3 protocol=IPPROTO_MPTCP",
        "socket it AF_INET SOCK_STREAM protocol=IPPROTO_MPTCP; bind it inet:127.0.0.1:0; getsockname it; "
        "listen it 3",
        "inet:127.0.0.1:4711"),
    Way("listener",
        "socket it AF_INET SOCK_DGRAM; bind it inet:127.0.0.1:0; getsockname it",
        "inet:127.0.0.1:4711", type="SOCK_DGRAM"),
    Way("listener",
        "socket it AF_INET6 SOCK_STREAM; bind it inet6:::1:0; getsockname it; listen it 16",
        "inet6:::1:4711", domain="AF_INET6"),
    Way("listener",
        "socket it AF_INET6 SOCK_STREAM; setsockopt it IPV6_V6ONLY value=0; bind it inet6:::ffff:127.0.0.1:0; "
        "getsockname it; listen it 16",
        "inet6:::ffff:127.0.0.1:4711", domain="v4-mapped"),
    Way("listener", "path-listener it", "unix:socket1", domain="AF_UNIX"),
    Way("listener",
        "socket it AF_UNIX SOCK_STREAM; bind it abstract:connect-conformance-{pid}-1; getsockname it; listen it 16",
        "abstract:connect-conformance-{pid}-1", domain="abstract"),
    Way("bound-socket", "bound it", "inet:127.0.0.1:4711"),
    Way("bound-socket type=SOCK_DGRAM protocol=IPPROTO_UDPLITE",
        "socket it AF_INET SOCK_DGRAM protocol=IPPROTO_UDPLITE; bind it inet:127.0.0.1:0; getsockname it",
        "inet:127.0.0.1:4711"),
    Way("raw-receiver",
        "socket it AF_INET SOCK_RAW protocol=253; bind it inet:127.0.0.1:0; getsockname it",
        "inet:127.0.0.1:4711", type="SOCK_RAW"),
    Way("raw-receiver protocol=1",
        "socket it AF_INET SOCK_RAW protocol=1; bind it inet:127.0.0.1:0; getsockname it",
        "inet:127.0.0.1:4711", type="SOCK_RAW"),
    Way("packet-socket",
        "socket it AF_PACKET SOCK_RAW; getsockname it",
        answers={"getsockname it": "ok name=bytes:11"}),
    Way("channel peer=that", "socketpair it that AF_UNIX SOCK_STREAM"),
    Way("channel", "socketpair it other AF_UNIX SOCK_STREAM"),
    Way("ipv4-listener", "listener it", "inet6:::ffff:127.0.0.1:4711", domain="AF_INET6"),
    Way("loopback-network", "stream it; bind it inet:0.0.0.0:0; getsockname it; listen it 16", "inet:127.0.0.2:4711"),
    Way("loopback-network host=127.1.2.3",
        "socket it AF_INET6 SOCK_STREAM; setsockopt it IPV6_V6ONLY value=0; bind it inet6:::ffff:0.0.0.0:0; "
        "getsockname it; listen it 16",
        "inet6:::ffff:127.1.2.3:4711", domain="v4-mapped"),
    Way("only-port",
        "stream port-49152; bind port-49152 inet:127.0.0.1:49152; close port-49152",
        "inet:127.0.0.1:49152"),
    Way("only-port",
        "socket port-49152 AF_INET6 SOCK_STREAM; bind port-49152 inet6:::1:49152; close port-49152",
        "inet6:::1:49152", domain="AF_INET6", type="SOCK_DGRAM"),
    Way("bare-loopback",
        "stream it-look; bind it-look inet:127.0.0.1:0",
        "inet:127.0.0.1:9", answers={"bind.*": "EADDRNOTAVAIL"}),
    Way("bare-loopback port=7",
        "socket it-look AF_INET6 SOCK_STREAM; bind it-look inet6:::1:0",
        "inet6:::1:7", domain="AF_INET6", answers={"bind.*": "EADDRNOTAVAIL"}),
    Way("quiet-listener", "listener it", "inet:127.0.0.1:4711"),
    Way("full-queue", "full-queue it", "inet:127.0.0.1:4711", answers=PENDS),
    Way("full-queue waits=True", "full-queue it", "inet:127.0.0.1:4711", answers=PENDS),
    Way("full-queue", "full-queue it", "inet:127.0.0.1:4711",  # of Winsock
        answers=PENDS | {r"connect \S+-pending .*": "EAGAIN native=WSAEWOULDBLOCK"}),
    Way("full-queue",
        "bound it; listen it 1; fill it filler0; fill it filler1; begin it-pending; "
        "poll it-pending events=POLLOUT timeout=0; getsockopt it-pending SO_ERROR",
        "inet:127.0.0.1:4711", answers=PENDS,
        checked=Checked({"AF_INET": Queue(1, 2)})),
    Way("full-queue",
        "bound it; listen it 0; fill it filler0; begin it-pending",
        "inet:127.0.0.1:4711", answers={r"connect \S+pending.*": "EAGAIN"},
        checked=REFUSES),
    Way("full-queue",
        "socket it AF_INET6 SOCK_STREAM; bind it inet6:::1:0; getsockname it; listen it 16; "
        "setsockopt it IPV6_MINHOPCOUNT value=255; socket it-pending AF_INET6 SOCK_STREAM; nonblocking it-pending; "
        "connect it-pending inet6:::1:4711; poll it-pending events=POLLOUT timeout=0; "
        "getsockopt it-pending SO_ERROR",
        "inet6:::1:4711", domain="AF_INET6", answers=PENDS,
        checked=Checked({"AF_INET6": Queue(backlog=16, admits=0, gate="IPV6_MINHOPCOUNT", answers="")})),
    Way("full-queue",
        "listener it; setsockopt it IP_MINTTL value=255; socket it-pending AF_INET6 SOCK_STREAM; "
        "setsockopt it-pending IPV6_V6ONLY value=0; nonblocking it-pending; "
        "connect it-pending inet6:::ffff:127.0.0.1:4711; poll it-pending events=POLLOUT timeout=0; "
        "getsockopt it-pending SO_ERROR",
        "inet6:::ffff:127.0.0.1:4711", domain="v4-mapped", answers=PENDS,
        checked=Checked({"v4-mapped": Queue(16, 0, "IP_MINTTL")})),
    Way("full-queue",
        "bound it; listen it 0; fill it filler0; stream it-pending; "
        "connect it-pending inet:127.0.0.1:4711 thread=it-pending; getpeername it-pending",
        "inet:127.0.0.1:4711", answers={"getpeername.*": "ENOTCONN"}, checked=BLOCKING),
    Way("full-queue",
        "listener it; setsockopt it IP_MINTTL value=255; begin it-pending; "
        "poll it-pending events=POLLOUT timeout=0; getsockopt it-pending SO_ERROR",
        "inet:127.0.0.1:4711", answers=PENDS, checked=Checked({"AF_INET": Queue(16, 0, "IP_MINTTL")})),
    Way("full-queue", "bound it; listen it 0; fill it filler0; begin it-pending", "inet:127.0.0.1:4711",
        answers={r"connect \S+-pending .*": "ECONNREFUSED"},
        checked=Checked({"AF_INET": Queue(answers="ECONNREFUSED")})),
    Way("full-queue",
        "socket it AF_INET6 SOCK_STREAM; setsockopt it IPV6_V6ONLY value=0; bind it inet6:::ffff:127.0.0.1:0; "
        "getsockname it; listen it 1; socket it-pending AF_INET6 SOCK_STREAM; setsockopt it-pending IPV6_V6ONLY "
        "value=0; fcntl it-pending F_SETFL flags=O_NONBLOCK; connect it-pending inet6:::ffff:127.0.0.1:4711; "
        "poll it-pending events=POLLOUT timeout=0; getsockopt it-pending SO_ERROR",
        "inet6:::ffff:127.0.0.1:4711", domain="v4-mapped", answers=PENDS, checked=Checked({"v4-mapped": Queue(1, 0)})),
    Way("full-queue", "", "inet:192.0.2.2:9", checked=NO_QUEUE),
    Way("full-queue",
        "bound-path it; listen it 1; socket it-filler0 AF_UNIX SOCK_STREAM; nonblocking it-filler0; "
        "connect it-filler0 unix:socket1",
        "unix:socket1", domain="AF_UNIX", answers={"connect .*": "EAGAIN"},
        checked=Checked({"AF_UNIX": Queue(1, 0, answers="EAGAIN")})),
    Way("full-queue",  # what the check has found out is of streams
        "socket it AF_UNIX SOCK_SEQPACKET; bind it unix:socket1; getsockname it; listen it 0; "
        "socket it-filler0 AF_UNIX SOCK_SEQPACKET; nonblocking it-filler0; connect it-filler0 unix:socket1",
        "unix:socket1", domain="AF_UNIX", type="SOCK_SEQPACKET", answers={"connect .*": "ECONNREFUSED"},
        checked=SHORTER),
    Way("full-queue",
        "bound-path it; listen it 0; socket it-filler0 AF_UNIX SOCK_STREAM; nonblocking it-filler0; "
        "connect it-filler0 unix:socket1; socket it-filler1 AF_UNIX SOCK_STREAM; nonblocking it-filler1; "
        "connect it-filler1 unix:socket1",
        "unix:socket1", domain="AF_UNIX", answers={"connect it-filler1.*": "EAGAIN"}),
    Way("full-queue",
        "bound-path it; listen it 0; socket it-filler0 AF_UNIX SOCK_STREAM; sigaction SIGUSR2; "
        "connect it-filler0 unix:socket1 thread=it-filler0; pthread_kill it-filler0 SIGUSR2; "
        "pthread_join it-filler0",
        "unix:socket1", domain="AF_UNIX", answers={"pthread_join it-filler0": "EINTR"},
        checked=BLOCKING),
    Way("closed-port", "closed-port it", "inet:127.0.0.1:4711"),
    Way("closed-port protocol=IPPROTO_SCTP",
        "socket it AF_INET SOCK_STREAM protocol=IPPROTO_SCTP; bind it inet:127.0.0.1:0; getsockname it; "
        "socket it-own AF_INET SOCK_STREAM protocol=IPPROTO_SCTP; bind it-own inet:127.0.0.1:0; getsockname it-own; "
        "listen it-own 16; connect it inet:127.0.0.1:4711",
        "inet:127.0.0.1:4711"),
    Way("closed-port",
        "socket it AF_INET SOCK_DGRAM; bind it inet:127.0.0.1:0; getsockname it; connect it inet:127.0.0.1:4711; "
        "socket it-other AF_INET SOCK_DGRAM; sendto it-other inet:127.0.0.1:4711 data=noise; "
        "poll it events=POLLIN timeout=0",
        "inet:127.0.0.1:4711", type="SOCK_DGRAM", answers={"poll.*": "ok revents="}),
    Way("closed-port", "bound-path it", "unix:socket1", domain="AF_UNIX"),
    Way("closed-port",
        "socket it AF_UNIX SOCK_DGRAM; bind it unix:socket1; getsockname it; connect it unix:socket1",
        "unix:socket1", domain="AF_UNIX", type="SOCK_DGRAM"),
    Way("stale-path",
        "bound-path it; close it; getsockname it",
        "unix:socket1", domain="AF_UNIX", answers={"getsockname it": "ok name=unix:socket1 then EBADF"}),
    Way("stale-path type=SOCK_SEQPACKET",
        "socket it AF_UNIX SOCK_SEQPACKET; bind it unix:socket1; getsockname it; close it; getsockname it",
        "unix:socket1", domain="AF_UNIX", answers={"getsockname it": "ok name=unix:socket1 then ENOTSOCK"}),
    Way("exhausted-ports",
        "stream port-49152; bind port-49152 inet:127.0.0.1:49152; close port-49152; stream it; "
        "bind it inet:127.0.0.1:4097; getsockname it; listen it 16; stream it-first; "
        "connect it-first inet:127.0.0.1:4097",
        "inet:127.0.0.1:4097"),
    Way("exhausted-ports peer=second",
        "stream port-49152; bind port-49152 inet:127.0.0.1:49152; close port-49152; stream it; "
        "bind it inet:127.0.0.1:4097; getsockname it; listen it 16; stream second; bind second inet:127.0.0.1:4098; "
        "getsockname second; listen second 16; stream it-first; connect it-first inet:127.0.0.1:4097",
        "inet:127.0.0.1:4097"),
    Way("exhausted-ports",
        "stream port-49152; bind port-49152 inet:127.0.0.1:49152; close port-49152; socket it AF_INET SOCK_DGRAM; "
        "bind it inet:127.0.0.1:4097; getsockname it; socket it-first AF_INET SOCK_DGRAM; "
        "connect it-first inet:127.0.0.1:4097",
        "inet:127.0.0.1:4097", type="SOCK_DGRAM"),
    Way("socket-in state=fresh", "listener peer; stream it; nonblocking it"),
    Way("socket-in state=bound", "listener peer; bound it; nonblocking it", "inet:127.0.0.1:4711"),
    Way("socket-in state=established", "established-at peer; nonblocking it"),
    Way("socket-in state=cut-off",
        "listener peer; stream it; connect it inet:127.0.0.1:4711; accept peer it-accepted; "
        "setsockopt it-accepted IP_MINTTL value=255; stream it-cut-off; connect it-cut-off inet:127.0.0.1:4711; "
        "accept peer it-cut-off-accepted; setsockopt it-cut-off-accepted IP_MINTTL value=255; stream it-other; "
        "connect it-other inet:127.0.0.1:4711; accept peer it-other-accepted; send it-cut-off data=noise; "
        "send it-other data=noise; poll it-other-accepted events=POLLIN; "
        "poll it-cut-off-accepted events=POLLIN timeout=0; nonblocking it",
        answers={"poll it-cut-off-accepted .*": "ok revents="}),
    Way("socket-in state=shut-down-write",
        "established-at peer; shutdown it SHUT_WR; send it noise; nonblocking it",
        answers={"send it noise": "EPIPE"}),
    Way("socket-in state=peer-closed",
        "established-at peer; accept peer peer-accepted; exchange it peer-accepted; close peer-accepted; "
        "poll it events=POLLIN; getpeername it; nonblocking it"),
    Way("socket-in state=closed-both-ways",
        "established-at peer; accept peer peer-accepted; shutdown it SHUT_WR; poll peer-accepted events=POLLIN; "
        "close peer-accepted; poll it events=POLLIN; getpeername it; nonblocking it"),
    Way("socket-in state=accepted",
        "listener peer; stream it-client; connect it-client inet:127.0.0.1:4711; accept peer it; "
        "exchange it-client it; nonblocking it"),
    Way("socket-in state=listening",
        "listener peer; listener it; getsockopt it SO_ACCEPTCONN; nonblocking it",
        "inet:127.0.0.1:4711"),
    Way("socket-in", "listener peer; stream it; nonblocking it"),
    Way("socket-in state=pending peer=queue",
        "full-queue queue; begin it; poll it events=POLLOUT timeout=0; nonblocking it",
        answers=PENDS | BEGINS),
    Way("socket-in state=just-established",
        "listener peer; begin it; poll peer events=POLLIN; nonblocking it",
        answers=BEGINS),
    Way("socket-in state=just-established",
        "listener peer; begin it; close it; full-queue peer; begin it; poll it events=POLLOUT timeout=0; "
        "close peer-pending; accept-all peer most=1; poll peer events=POLLIN; nonblocking it",
        answers=PENDS | {"connect it inet:127.*": "ok then EINPROGRESS", "poll it .*": "ok revents="}),
    Way("socket-in state=shut-down-read", "established-at peer; shutdown it SHUT_RD; recv it; nonblocking it"),
    Way("socket-in state=shut-down-read",
        "established-at peer; shutdown it SHUT_RD; recv it; nonblocking it",
        answers={"recv it": "ENOTCONN"}),
    Way("socket-in state=peer-closed",
        "established-at peer; accept peer peer-accepted; exchange it peer-accepted; close peer-accepted; "
        "poll it events=POLLIN; getsockopt it SO_ERROR; nonblocking it",
        answers={"poll it .*": "ok revents=POLLIN,POLLHUP"}),
    Way("socket-in state=reset",
        "established-at peer; accept peer peer-accepted; exchange it peer-accepted; "
        "setsockopt peer-accepted SO_LINGER value=0; close peer-accepted; poll it events=POLLIN; nonblocking it",
        answers={"poll it .*": "ok revents=POLLIN,POLLERR"}),
    Way("socket-in state=reset",
        "established-at peer; accept peer peer-accepted; exchange it peer-accepted; "
        "setsockopt peer-accepted SO_LINGER value=0; send it unread; poll peer-accepted events=POLLIN; "
        "close peer-accepted; poll it events=POLLIN; getpeername it; nonblocking it",
        answers={"getpeername it": "ok then ENOTCONN"}, checked=Checked(lingers=False)),
    Way("socket-in state=refused",
        "closed-port peer; stream it; connect it inet:127.0.0.1:4711; nonblocking it",
        answers={"connect it .*": "ECONNREFUSED"}),
    Way("socket-in state=refused",
        "closed-port peer; stream it; connect it inet:127.0.0.1:4711; nonblocking it",
        answers={"connect it .*": "ECONNRESET"}),
    Way("socket-in state=refused-error-pending",
        "closed-port peer; begin it; poll it events=POLLOUT; nonblocking it",
        answers={"connect it .*": "EINPROGRESS", "poll it .*": "ok revents=POLLOUT,POLLERR"}),
    Way("socket-in state=refused-error-pending",
        "closed-port peer; begin it; close it; full-queue peer; begin it; poll it events=POLLOUT timeout=0; "
        "close peer; stream peer-port; bind peer-port inet:127.0.0.1:4711; listener peer-port-own; "
        "connect peer-port inet:127.0.0.1:4711; poll it events=POLLOUT; nonblocking it",
        answers=PENDS | {"connect it .*": "ECONNREFUSED then EINPROGRESS",
                         "poll it .*": "ok revents= then ok revents=POLLHUP"}),
    Way("socket-in state=refused-error-consumed",
        "closed-port peer; begin it; poll it events=POLLOUT; getsockopt it SO_ERROR; nonblocking it",
        answers={"connect it .*": "EINPROGRESS", "poll it .*": "ok revents=POLLERR",
                 "getsockopt it .*": "ok value=ECONNREFUSED"}),
    Way("socket-in state=timed-out",
        "full-queue peer; stream it; setsockopt it TCP_USER_TIMEOUT value=100; connect it inet:127.0.0.1:4711; "
        "nonblocking it",
        answers=PENDS | {"connect it .*": "ETIMEDOUT"}),
    Way("socket-in state=timed-out",
        "full-queue peer; stream it; setsockopt it TCP_USER_TIMEOUT value=100; "
        "setsockopt it TCP_CONN_ABORT_THRESHOLD value=100; setsockopt it TCP_CONNECTIONTIMEOUT value=1; "
        "setsockopt it TCP_KEEPINIT value=1; connect it inet:127.0.0.1:4711; nonblocking it",
        answers=PENDS | {"connect it .*": "ETIMEDOUT", "setsockopt it TCP_(USER|CONN).*": "ENOPROTOOPT"}),
    Way("socket-in state=interrupted",
        "full-queue peer; stream it; sigaction SIGUSR2; connect it inet:127.0.0.1:4711 thread=it; "
        "pthread_kill it SIGUSR2; pthread_join it; nonblocking it",
        answers=PENDS | {"pthread_join it": "EINTR"}),
    Way("socket-in state=listening",
        "listener peer; listener it; getsockopt it SO_ACCEPTCONN; stream it-look; "
        "connect it-look inet:127.0.0.1:4711; accept it it-seen; close it-seen; close it-look; nonblocking it",
        "inet:127.0.0.1:4711", answers={"getsockopt it SO_ACCEPTCONN": "ok value=0"}),
    Way("no-descriptor", "descriptor it -1"),
    Way("no-descriptor number=9999", "descriptor it 9999"),
    Way("closed-descriptor", "stream it; close it"),
    Way("not-a-socket kind=file", "file file1; open it file1"),
    Way("not-a-socket kind=directory", "mkdir directory1; open it directory1"),
    Way("not-a-socket kind=pipe", "pipe it"),
    Way("not-a-socket kind=null", "open it /dev/null"),
    Way("not-a-socket", "file file1; open it file1"),
    Way("not-a-socket kind=directory", "mkdir directory1; open it .", answers={"mkdir .*": "EPERM"}),
    Way("path-descriptor", "file file1; open it file1 flags=O_PATH"),
    Way("missing-path", "", "unix:missing1", domain="AF_UNIX"),
    Way("missing-prefix", "", "unix:missing1/socket", domain="AF_UNIX"),
    Way("dangling-link",
        "symlink link1 missing2; symlink link1 missing",
        "unix:link1", domain="AF_UNIX", answers={"symlink .*": "ok then EEXIST"}),
    Way("file-as-prefix", "file file1", "unix:file1/socket", domain="AF_UNIX"),
    Way("trailing-slash", "path-listener it", "unix:socket1/", domain="AF_UNIX"),
    Way("symlink-loop", "symlink loop1 loop1", "unix:loop1", domain="AF_UNIX"),
    Way("symlink-chain length=2",
        "path-listener it; symlink link2 socket1; symlink link3 link2",
        "unix:link3", domain="AF_UNIX"),
    Way("long-link length=12", "path-listener it; symlink link2lllllll socket1", "unix:link2lllllll", domain="AF_UNIX"),
    Way("not-a-socket-path", "file file1", "unix:file1", domain="AF_UNIX"),
    Way("not-a-socket-path kind=file", "file file1", "unix:file1", domain="AF_UNIX"),
    Way("not-a-socket-path kind=directory", "mkdir directory1", "unix:directory1", domain="AF_UNIX"),
    Way("not-a-socket-path kind=fifo", "mkfifo fifo1", "unix:fifo1", domain="AF_UNIX"),
    Way("not-a-socket-path kind=device", "", "unix:/dev/null", domain="AF_UNIX"),
    Way("unsearchable-directory",
        "mkdir closed1; socket it AF_UNIX SOCK_STREAM; bind it unix:closed1/socket; getsockname it; listen it 16; "
        "chmod closed1 0600; open it-look closed1/socket",
        "unix:closed1/socket", domain="AF_UNIX", answers=PATH_DENIED),
    Way("unsearchable-directory",
        "mkdir closed1; socket it AF_UNIX SOCK_DGRAM; bind it unix:closed1/socket; getsockname it; "
        "chmod closed1 0600; open it-look closed1/socket",
        "unix:closed1/socket", domain="AF_UNIX", type="SOCK_DGRAM", answers=PATH_DENIED),
    Way("socket-with-mode",
        "path-listener it; chmod socket1 0444; file file2; chmod file2 0444; open it-look file2 flags=O_WRONLY",
        "unix:socket1", domain="AF_UNIX", answers=PATH_DENIED),
    Way("socket-with-mode mode=0222 type=SOCK_DGRAM",
        "socket it AF_UNIX SOCK_DGRAM; bind it unix:socket1; getsockname it; chmod socket1 0222; file file2; "
        "chmod file2 0444; open it-look file2 flags=O_WRONLY",
        "unix:socket1", domain="AF_UNIX", answers=PATH_DENIED),
    Way("long-component length=3", "symlink link1 nnn", "unix:link1", domain="AF_UNIX"),
    Way("long-path length=20", "", "unix:./././././././././missing1", domain="AF_UNIX"),
    Way("failing-directory", "", "unix:eio/socket", domain="AF_UNIX"),
    Way("other-namespace", "", "unix:elsewhere", domain="AF_UNIX"),
    Way("other-namespace", "", "abstract:elsewhere", domain="abstract"),
    Way("dotted-path",
        "socket it AF_UNIX SOCK_STREAM; bind it unix:./socket1; listen it 16",
        "unix:./socket1", domain="AF_UNIX"),
    Way("dotted-path",
        "socket it AF_UNIX SOCK_DGRAM; bind it unix:./socket1",
        "unix:./socket1", domain="AF_UNIX", type="SOCK_DGRAM"),
    Way("blackholed-host", "", "inet:192.0.2.2:9"),
    Way("blackholed-host port=7", "", "inet6:2001:db8::2:7", domain="AF_INET6"),
    Way("unresolved-neighbour", "", "inet:192.0.2.129:9"),
    Way("unresolved-neighbour", "", "inet6:2001:db8::128:1:9", domain="AF_INET6"),
    Way("route kind=unreachable", "", "inet:198.51.100.1:9"),
    Way("route kind=prohibit", "", "inet:198.51.100.2:9"),
    Way("route kind=blackhole", "", "inet:198.51.100.3:9"),
    Way("route kind=throw", "", "inet:198.51.100.4:9"),
    Way("route kind=gateway", "", "inet:198.51.100.8:9"),
    Way("route kind=no", "", "inet:203.0.113.1:9"),
    Way("route kind=unreachable-rule", "", "inet:198.51.100.5:9"),
    Way("route kind=prohibit-rule", "", "inet:198.51.100.6:9"),
    Way("route kind=blackhole-rule", "", "inet:198.51.100.7:9"),
    Way("route kind=mark-rule", "", "inet:192.0.2.6:9"),
    Way("route", "", "inet6:::ffff:198.51.100.1:9", domain="v4-mapped"),
    Way("broadcast", "", "inet:192.0.2.255:9"),
    Way("broadcast kind=limited", "", "inet:255.255.255.255:9"),
    Way("multicast", "", "inet:233.252.0.1:9"),
    Way("multicast", "", "inet6:ff0e::db8:0:1:9", domain="AF_INET6"),
    Way("down-link", "", "inet:203.0.113.130:9"),
    Way("firewall", "", "inet:192.0.2.4:9"),
    Way("firewall kind=reset", "", "inet6:2001:db8::7:9", domain="AF_INET6"),
    Way("rejecting", "", "inet:192.0.2.67:9"),
    Way("link-local scope=link", "", "inet6:fe80::1%link0:9", domain="AF_INET6"),
    Way("link-local scope=none", "", "inet6:fe80::1%0:9", domain="AF_INET6"),
    Way("link-local scope=loopback", "", "inet6:fe80::1%1:9", domain="AF_INET6"),
    Way("link-local scope=missing", "", "inet6:fe80::1%9999:9", domain="AF_INET6"),
    Way("exhausted-ports",
        "stream port-49152; bind port-49152 inet:127.0.0.1:49152; close port-49152; stream it; "
        "bind it inet:127.0.0.1:4097; getsockname it; listen it 16; stream it-first; "
        "connect it-first inet:127.0.0.1:4097; poll it events=POLLIN timeout=10; "
        "connect it-first inet:127.0.0.1:4097",
        "inet:127.0.0.1:4097", answers={"connect .*": "EADDRNOTAVAIL then ok"}),
)


class Proof(NamedTuple):
    """Answers by which a fixture sees that its state has not come about, and what it says."""

    given: str
    answers: Answers
    says: str  # a pattern of the exception and its words
    domain: str = "AF_INET"
    type: str = "SOCK_STREAM"
    checked: Checked = Checked()


def in_state(state: str, answers: Answers, says: str, checked: Checked = Checked()) -> Proof:  # noqa: B008 - frozen
    return Proof(f"socket-in state={state}", answers, says, checked=checked)


NOT_FULL = "Unresolved: 1 connections, and the queue of a backlog of 0 is not full"
NO_DATA = "Unresolved: it(-client)? and (peer-accepted|it) are connected, but data does not arrive intact: cut"
CUT = {"exchange .*": "ok data=cut"}
AT_ONCE = {r"connect it inet:.*": "ok then EINPROGRESS", r"poll it .*": "ok revents="}
PROOFS = (
    Proof("listener", {"getsockname it": "ok name=inet:0.0.0.0:0"}, r"Unresolved: bind\(\) of it = 0, .* inet:0.*:0"),
    Proof("listener", {"getsockname it": "ok name=inet6::::9"}, r"Unresolved: bind\(\) of it = 0, .* inet6::::9",
          "AF_INET6"),
    Proof("listener", {"getsockname it": "ok name=unnamed"}, r"Unresolved: bind\(\) of it = 0, .* unnamed", "AF_UNIX"),
    Proof("listener", {"getsockname it": "ok"}, "Unresolved: getsockname it = 0 and no name"),
    Proof("listener", {"listen it 16": "unsupported no listen"}, "Unsupported: no listen"),
    Proof("listener", {"listen it 16": "ENOSYS"}, "Unsupported: listen it 16 = -1 ENOSYS"),
    Proof("listener", {"listen it 16": "EADDRINUSE"}, "Unresolved: listen it 16 = EADDRINUSE"),
    Proof("loopback-network", {"getsockname it": "ok name=inet:0.0.0.0:0"}, r"Unresolved: bind\(\) of it = 0, .*"),
    Proof("packet-socket", {"getsockname it": "ok name=inet:0.0.0.0:0"}, "Unresolved: .* address is inet:0.0.0.0:0"),
    Proof("bare-loopback", {}, "Unsupported: the loopback interface keeps its address when that is deleted"),
    Proof("bare-loopback", {"bind .*": "EACCES"}, "Unresolved: bind it-look inet:127.0.0.1:0 = EACCES"),
    Proof("only-port", {"bind .*": "EADDRINUSE"}, "Unsupported: port 49152 is still taken .*",
          checked=Checked(lingers=False)),
    Proof("denied-by-policy", {}, "Unsupported: no policy .*"),
    Proof("streams-exhausted", {}, "Unsupported: only illumos and Solaris .*"),
    Proof("buffers-exhausted", {}, "Unsupported: nothing outside the kernel .*"),
    Proof("full-queue", PENDS | {r"poll \S+-pending .*": "ok revents=POLLOUT"}, NOT_FULL),
    Proof("full-queue", PENDS | {r"poll \S+-pending .*": "ok revents=POLLIN,POLLERR"}, NOT_FULL),
    Proof("full-queue", PENDS | {r"poll \S+-pending .*": "ok revents=POLLHUP"}, NOT_FULL),
    Proof("full-queue", PENDS | {r"getsockopt \S+-pending .*": "ok value=ECONNRESET"}, NOT_FULL),
    Proof("full-queue", {}, NOT_FULL, checked=BLOCKING),
    Proof("full-queue", {r"connect \S+-pending .*": "ok"}, "Unresolved: an attempt at the full queue is ok"),
    Proof("full-queue", {r"connect \S+-pending .*": "EAGAIN"}, "Unresolved: an attempt at the full queue is EAGAIN"),
    Proof("full-queue", {r"connect \S+-pending .*": "EACCES"}, "Unresolved: .* full queue is EACCES", checked=REFUSES),
    Proof("full-queue", {r"connect \S+-filler0 .*": "ECONNREFUSED"}, "Unresolved: connect it-filler0 .* ECONNREFUSED"),
    Proof("full-queue waits=yes", {r"connect \S+-pending .*": "ECONNREFUSED"},
          r"Unsupported: no attempt waits for space: at a full queue connect\(\) = -1 ECONNREFUSED",
          checked=Checked({"AF_INET": Queue(answers="ECONNREFUSED")})),
    Proof("full-queue", {}, "Unresolved: 300 connections, and the queue is not full", "AF_UNIX"),
    Proof("full-queue", {}, "Unresolved: 300 connections, and the queue is not full", "abstract"),
    Proof("full-queue", {"connect it-filler1 .*": "ENOENT"}, "Unresolved: an attempt at the full queue is ENOENT",
          "AF_UNIX", checked=SHORTER),
    Proof("closed-port", {}, "Unsupported: no port is closed: .*", type="SOCK_DGRAM"),
    Proof("closed-port", {"connect it .*": "ETIMEDOUT"}, "Unresolved: connect it inet:.* = ETIMEDOUT"),
    Proof("stale-path", {}, "Unresolved: getsockname it = ok; the state takes EBADF or ENOTSOCK", "AF_UNIX"),
    Proof("exhausted-ports", {"connect .*": "EADDRNOTAVAIL"},
          "Unresolved: connect it-first inet:127.0.0.1:4097 = EADDRNOTAVAIL, 500 times"),
    in_state("pending", PENDS | {"connect it .*": "ok"}, "Unresolved: an attempt begins with ok"),
    in_state("pending", PENDS | BEGINS | {"poll it .*": "ok revents=POLLOUT"},
             "Unresolved: the attempt at a full queue has ended"),
    in_state("pending", {"connect peer-filler0 .*": "ok", "connect .*": "EAGAIN"},
             r"Unsupported: no attempt goes on in the background: at a full queue connect\(\) = -1 EAGAIN", REFUSES),
    in_state("pending", {"getpeername .*": "ENOTCONN"},
             r"Unsupported: no attempt goes on in the background: connect\(\) waits .*", BLOCKING),
    in_state("just-established", {"connect it .*": "ECONNREFUSED"}, "Unresolved: an attempt begins with ECONNREFUSED"),
    in_state("just-established", AT_ONCE,
             r"Unsupported: a connect\(\) that succeeds returns 0 at once, and no queue is ever full", NO_QUEUE),
    in_state("established", {"getpeername it": "ENOTCONN"}, "Unresolved: getpeername it = ENOTCONN"),
    in_state("established", {"poll peer .*": "blocks"}, "Unresolved: poll peer events=POLLIN = blocks"),
    in_state("cut-off", {"poll .*": "ok revents=POLLIN"}, "Unsupported: IP_MINTTL keeps nothing from a socket"),
    *(Proof("socket-in state=cut-off", {}, f"Unsupported: no option keeps from a socket of {domain} .*", domain)
      for domain in ("AF_UNIX", "abstract")),
    in_state("cut-off", {"poll it-other-accepted .*": "blocks"}, "Unresolved: poll it-other-accepted .* = blocks"),
    in_state("shut-down-read", {"recv it": "EAGAIN"}, r"Unresolved: it is shut down .*, and recv\(\) goes on"),
    in_state("shut-down-read", {"recv it": "ok data=more"}, r"Unresolved: it is shut down .*, and recv\(\) goes on"),
    in_state("shut-down-write", {}, r"Unresolved: it is shut down for sending, and send\(\) succeeds"),
    in_state("peer-closed", CUT, NO_DATA), in_state("reset", CUT, NO_DATA), in_state("accepted", CUT, NO_DATA),
    *(in_state(state, {"poll it .*": f"ok revents=POLLIN,{sign}", "getsockopt it SO_ERROR": "ok value=ECONNRESET"},
               "Unresolved: the peer of it has closed, and SO_ERROR is ECONNRESET")
      for state in ("peer-closed", "closed-both-ways") for sign in ("POLLERR", "POLLHUP")),
    in_state("closed-both-ways", {"getpeername it": "ok then ENOTCONN", "getsockopt it .*": "ok value=ECONNRESET"},
             "Unresolved: the peer of it has closed, and SO_ERROR is ECONNRESET"),
    in_state("reset", {}, r"Unresolved: the connection of it .* poll\(\) shows POLLIN and the peer has a name"),
    in_state("reset", {"setsockopt .*": "ENOPROTOOPT"}, "Unsupported: setsockopt .* = -1 ENOPROTOOPT"),
    in_state("refused", {}, "Unresolved: connect it .* = ok; the state takes ECONNREFUSED or ECONNRESET"),
    in_state("refused-error-pending", {"connect it .*": "EINPROGRESS", "poll it .*": "ok revents=POLLOUT"},
             r"Unresolved: the connection of it has failed, poll\(\) shows POLLOUT and the peer has a name"),
    in_state("refused-error-pending", {"connect it .*": "ok"}, "Unresolved: an attempt begins with ok"),
    in_state("refused-error-pending", {"connect it .*": "ECONNREFUSED then EINPROGRESS", "poll it .*": "ok revents="},
             r"Unsupported: a refused connect\(\) fails at once, and no queue is ever full", NO_QUEUE),
    in_state("refused-error-consumed", {"connect it .*": "EINPROGRESS", "poll it .*": "ok revents=POLLERR"},
             "Unresolved: SO_ERROR of a refused attempt is ok"),
    in_state("timed-out", PENDS, "Unresolved: connect it .* = ok; the state takes ETIMEDOUT"),
    in_state("timed-out", PENDS | {"setsockopt it .*": "ENOPROTOOPT"},
             r"Unsupported: no option limits the time of connect\(\): TCP_USER_TIMEOUT, .*"),
    in_state("timed-out", PENDS | {"setsockopt it .*": "unsupported none"}, "Unsupported: no option limits .*"),
    in_state("timed-out", PENDS | {"setsockopt it .*": "EPERM"}, "Unresolved: setsockopt it TCP_USER_TIMEOUT = EPERM"),
    in_state("timed-out", {r"connect \S+-pending .*": "EAGAIN"}, "Unsupported: no attempt is pending, .* -1 EAGAIN",
             REFUSES),
    in_state("interrupted", PENDS, "Unresolved: a signal ends an attempt with ok"),
    in_state("interrupted", PENDS | {"pthread_join it": "EAGAIN"}, "Unsupported: no attempt waits for .* EAGAIN"),
    in_state("interrupted", {r"connect \S+-pending .*": "ECONNREFUSED"},
             "Unsupported: no attempt waits for .* ECONNREFUSED",
             Checked({"AF_INET": Queue(answers="ECONNREFUSED")})),
    in_state("listening", {"getsockopt it .*": "ok value=0", "connect it-look .*": "ECONNREFUSED"},
             r"Unresolved: listen\(\) of it = 0, and it does not listen"),
    in_state("fresh", {"fcntl .*": "EINVAL"}, "Unresolved: fcntl it F_SETFL flags=O_NONBLOCK = EINVAL"),
    Proof("not-a-socket kind=file", {"file .*": "EROFS"}, "Unresolved: file file1 = EROFS"),
    Proof("dangling-link", {}, "Unresolved: symlink link1 missing = ok; the state takes EEXIST", "AF_UNIX"),
    Proof("unsearchable-directory", {}, "Unsupported: permissions do not bind .*", "AF_UNIX"),
    Proof("socket-with-mode", {}, "Unsupported: permissions do not bind .*", "AF_UNIX"),
    Proof("rejecting error=no-route", {}, "Unsupported: ICMP knows no no-route in AF_INET"),
    Proof("broadcast", {}, "Unsupported: broadcast has no address in AF_INET6", "AF_INET6"),
)


def play(given: str, answers: Answers = NONE, domain: str = "AF_INET", type_: str = "SOCK_STREAM",
         checked: Checked = Checked()) -> tuple[Kernel, Environment]:  # noqa: B008 - frozen
    """Bring a fixture called `it` about."""
    kernel = Kernel(answers)
    env = Environment(kernel, {"domain": domain, "type": type_}, addresses(), lambda name: f"no {name}", checked)
    word, *operands = given.split()
    pairs = (operand.split("=") for operand in operands)
    world.give(env, word, "it", {key: value if value.startswith("0") or not value.isdigit() else int(value)
                                 for key, value in pairs})
    return kernel, env


def expanded(calls: str) -> list[str]:
    """The requests of a row, without words of SHORT."""
    made: list[str] = []
    for call in filter(None, calls.split("; ")):
        word, *names = call.split()
        made += expanded(SHORT[word].format(*names)) if word in SHORT else [call.format(pid=os.getpid())]
    return made


@pytest.fixture(autouse=True)
def first_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "PATHS", itertools.count(1))
    monkeypatch.setattr(world, "ABSENT", itertools.count(1))


@pytest.mark.parametrize("way", WAYS, ids=[f"{way.given}-{number}" for number, way in enumerate(WAYS)])
def test_a_fixture_makes_these_calls(way: Way) -> None:
    kernel, env = play(way.given, way.answers, way.domain, way.type, way.checked)
    assert kernel.made == expanded(way.calls)
    assert env.names.get("it", "") == way.address.format(pid=os.getpid())


def test_every_fixture_and_every_state_has_its_calls() -> None:
    never = {"denied-by-policy", "streams-exhausted", "buffers-exhausted"}  # which no call brings about
    given = {way.given.split()[0] for way in WAYS}
    states = {operand.removeprefix("state=") for way in WAYS for operand in way.given.split()[1:]}
    assert given == world.FIXTURES.keys() - never
    assert states >= world.STATES.keys()


@pytest.mark.parametrize("proof", PROOFS, ids=[f"{proof.given}-{number}" for number, proof in enumerate(PROOFS)])
def test_a_state_that_has_not_come_about_is_seen(proof: Proof) -> None:
    with pytest.raises((Unresolved, Unsupported)) as raised:
        play(proof.given, proof.answers, proof.domain, proof.type, proof.checked)
    said = f"{raised.type.__name__}: {raised.value}"
    assert re.fullmatch(proof.says, said), said


def test_a_queue_that_ignores_segments_is_opened_before_accept() -> None:
    kernel, env = play("full-queue", PENDS, checked=Checked({"AF_INET": Queue(16, 0, "IP_MINTTL")}))
    assert env.make_space("it") == {"most": 0}
    assert kernel.made[-2:] == ["close it-pending", "setsockopt it IP_MINTTL value=0"]
