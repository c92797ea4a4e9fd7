"""The agent, spoken to by hand over a pipe, and its pure parts in this process."""

from __future__ import annotations

import errno
import functools
import json
import os
import platform
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures import agent, targets
from specs.verbs import VERBS

PROGRAM = Path(agent.__file__)
TIMEOUT_S = 20.0  # for an answer that comes at once; only a machine that hangs takes as long
END_S = 20.0  # for an agent to end; it takes SHUTDOWN_TIMEOUT_S, twice


class Hand:
    """An agent process and a hand that types."""

    def __init__(self, cwd: Path, *command: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            command or (sys.executable, "-I", "-S", str(PROGRAM)),
            cwd=cwd,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
        )
        self.hello = self.hear()

    def type(self, *lines: str | bytes) -> None:
        assert self.process.stdin
        raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
        self.process.stdin.write(b"".join(line + b"\n" for line in raw))

    def hear(self) -> str:
        """The next line; empty at the end."""
        assert self.process.stdout
        line = b""
        while not line.endswith(b"\n"):
            assert select.select([self.process.stdout], [], [], TIMEOUT_S)[0], f"no answer after {line!r}"
            more = self.process.stdout.read(1)
            if not more:
                break
            line += more
        return line.decode().rstrip("\n")

    def say(self, line: str | bytes) -> str:
        self.type(line)
        return self.hear()

    def do(self, *lines: str) -> None:
        """Requests that succeed."""
        for line in lines:
            assert self.say(line).startswith("ok"), line

    def name(self, socket: str) -> str:
        """The address a socket is bound to."""
        answer = self.say(f"getsockname {socket}")
        assert answer.startswith("ok name=")
        return answer.removeprefix("ok name=")

    def listener(self, name: str = "server", backlog: int = 5) -> str:
        self.do(f"socket {name} AF_INET SOCK_STREAM", f"bind {name} inet:127.0.0.1:0", f"listen {name} {backlog}")
        return self.name(name)

    def pending(self, name: str = "client") -> str:
        """A connect() that waits on a thread for space in a queue; the address it is for."""
        peer = self.listener("full", 0)
        for filler in range(4):
            self.do(f"socket filler{filler} AF_INET SOCK_STREAM", f"fcntl filler{filler} F_SETFL flags=O_NONBLOCK")
            assert self.say(f"connect filler{filler} {peer}") in ("ok", "EINPROGRESS")
            if filler == 0:
                self.do("poll full events=POLLIN")
        self.do(f"socket {name} AF_INET SOCK_STREAM", f"connect {name} {peer} thread=caller")
        return peer

    def end(self) -> int:
        """The exit status after the end of input."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(END_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Hand]:
    """A fresh agent in an empty folder."""
    made = Hand(tmp_path)
    yield made
    made.close()


# --- the conversation ---------------------------------------------------------------------------------------

# Requests and answers, in order; SERVER and HEARD are replaced by the ports of these sockets.
TALK = r"""
socket server AF_INET SOCK_STREAM                     ok
socket none AF_INET 99                                EINVAL
socket none AF_INET SOCK_STREAM IPPROTO_UDP           EPROTONOSUPPORT|EPROTOTYPE
socket                                                error socket: .+
socket s                                              error socket: .+
socket s AF_INET SOCK_STREAM colour=red               error socket: .+
socket s AF_NOWHERE SOCK_STREAM                       unsupported no AF_NOWHERE on this platform
bind server inet:127.0.0.1:0                          ok
bind server inet:127.0.0.1:0                          EINVAL
bind unknown inet:127.0.0.1:0                          error bind: no socket or descriptor is named unknown
bind server 127.0.0.1                                 error bind: an address is inet:HOST:PORT, .*
bind server inet:127.0.0.1:http                       error bind: .+
bind server inet:127.0.0.1:99999                      error bind: .+
bind server inet:localhost:80                         error bind: .+
bind server bytes:0g                                  error bind: .+
listen server 5                                       ok
listen unknown 5                                       error listen: .+
listen server five                                    error listen: .+
getsockname server                                    ok name=inet:127\.0\.0\.1:[1-9]\d*
getsockname unknown                                    error getsockname: .+
getpeername server                                    ENOTCONN
socket client AF_INET SOCK_STREAM                     ok
getsockopt client SO_ERROR                            ok value=ok
getsockopt client SO_TYPE                             ok value=1
getsockopt client SO_NOTHING                          unsupported no SO_NOTHING on this platform
getsockopt client ERROR                               error getsockopt: an option starts with SO_, .+
setsockopt client SO_RCVTIMEO 1500                    ok
setsockopt client SO_LINGER 0                         ok
setsockopt client SO_KEEPALIVE 1                      ok
setsockopt client TCP_NODELAY 1                       ok
setsockopt client SO_ERROR 1                          ENOPROTOOPT
setsockopt client SO_KEEPALIVE                        error setsockopt: .+
fcntl client F_GETFL                                  ok flags=
fcntl client F_SETFL flags=O_NONBLOCK                 ok
fcntl client F_GETFL                                  ok flags=O_NONBLOCK
fcntl client F_SETFL                                  ok
fcntl client F_GETFL                                  ok flags=
fcntl client F_NOTHING                                unsupported .+
connect client inet:127.0.0.1:SERVER namelen=8        EINVAL
connect client inet:127.0.0.1:SERVER sa_family=99     EAFNOSUPPORT
connect client inet:127.0.0.1:1 port=99999            error connect: port 99999 does not fit a field of 16 bits
connect client inet:127.0.0.1:1 port=-1               error connect: port -1 does not fit a field of 16 bits
connect client inet:127.0.0.1:1 sa_family=65536       error connect: sa_family 65536 does not fit a field of 16 bits
connect client inet:127.0.0.1:1 sa_family=-1          error connect: sa_family -1 does not fit a field of 16 bits
connect client inet:127.0.0.1:1 namelen=2147483648    error connect: namelen 2147483648 does not fit a field of 32 bits
connect client inet:127.0.0.1:1 namelen=-2147483649   error connect: namelen -2147483649 does not fit a field of 32 bits
connect client inet6:fe80::1%4294967296:1             error connect: scope id 4294967296 does not fit a field of 32 bits
connect client inet6:fe80::1%-1:1                     error connect: scope id -1 does not fit a field of 32 bits
connect client inet6:1.2.3.4:1                        error connect: .+
connect client inet6:::ffff:1.2.3:1                   error connect: .+
setsockopt client SO_LINGER 2147483648                error setsockopt: l_linger 2147483648 does not fit .+
setsockopt client SO_KEEPALIVE 2147483648             error setsockopt: int 2147483648 does not fit a field of 32 bits
setsockopt client SO_RCVTIMEO 99999999999999999999    error setsockopt: int 99999999999999999999 does not fit .+
listen client 4294967296                              error listen: int 4294967296 does not fit a field of 32 bits
poll client timeout=4294967296                        error poll: int 4294967296 does not fit a field of 32 bits
descriptor huge 4294967296                            error descriptor: int 4294967296 does not fit a field of 32 bits
socket none 4294967298 SOCK_STREAM                    error socket: int 4294967298 does not fit a field of 32 bits
connect client bad:                                   EFAULT
connect client null:                                  EINVAL|EFAULT
connect client bytes:                                 EINVAL
connect client inet:127.0.0.1:1 port=SERVER             ok
connect client inet:127.0.0.1:SERVER                    EISCONN
connect client                                        error connect: .+
getpeername client                                    ok name=inet:127\.0\.0\.1:SERVER
poll server events=POLLIN                             ok revents=POLLIN
poll server events=POLLOUT timeout=0                  ok revents=
poll client events=POLLIN|POLLOUT timeout=0           ok revents=POLLOUT
poll client events=POLLALL                            unsupported .+
accept server accepted                                ok name=inet:127\.0\.0\.1:[1-9]\d*
accept client other                                   EINVAL
accept server                                         error accept: .+
send client data=a%20b%25%00c                         ok
recv accepted                                         ok data=a%20b%25%00c
send client data=                                     ok
recv client flags=MSG_DONTWAIT                        EAGAIN
send client data=before                               ok
recv accepted                                         ok data=.+
send server data=a                                    ENOTCONN|EPIPE
send client                                           error send: .+
wait client poll output                               ok ready=output
wait client select input,output timeout=0             ok ready=output
wait client smell input                               error wait: .+
kqueue client queue EVFILT_WRITE                      ok|unsupported no kqueue on this platform
kevent queue                                          ok ready=output .+|unsupported .+
epoll_ctl client watcher events=POLLIN|POLLOUT        ok
epoll_wait watcher                                    ok revents=POLLOUT
epoll_wait watcher timeout=0                          ok revents=
epoll_wait client timeout=0                           EINVAL
epoll_ctl unknown watcher events=POLLIN                error epoll_ctl: .+
epoll_ctl client level events=POLLOUT trigger=0        ok
epoll_wait level                                       ok revents=POLLOUT
epoll_wait level timeout=0                             ok revents=POLLOUT
epoll_ctl client once events=POLLIN trigger=EPOLLONESHOT  ok
epoll_wait once thread=waits                           ok
poll client events=POLLIN thread=polls                 ok
wait client select input,output thread=selects         ok
pthread_join selects                                   ok ready=output
getsockname client size=128                            ok name=inet:127.0.0.1:[0-9]+ length=16
getsockname client size=6                              ok name=inet:127.0.0.0:[0-9]+ length=16
sendto accepted null: data=xy                         ok
pthread_join polls                                    ok revents=POLLIN
pthread_join waits                                    ok revents=POLLIN
epoll_wait once timeout=0                             ok revents=
recvfrom client                                       ok data=xy name=.+
recvfrom client flags=MSG_DONTWAIT                    EAGAIN
recv client size=3 thread=receives                    ok
send accepted data=x%20yz thread=sends                ok
pthread_join receives                                 ok data=x%20y
pthread_join sends                                    ok
recv client                                           ok data=z
recv client flags=MSG_DONTWAIT thread=receives        ok
pthread_join receives                                 EAGAIN
send server data=a thread=sends                       ok
pthread_join sends                                    ENOTCONN|EPIPE
accept server late size=16 thread=accepts             error accept: .+
accept server late thread=accepts                     ok
socket more AF_INET SOCK_STREAM                       ok
connect more inet:127.0.0.1:SERVER                    ok
pthread_join accepts                                  ok
getpeername late                                      ok name=inet:127.0.0.1:[0-9]+
accept client never thread=accepts                    ok
pthread_join accepts                                  EINVAL
shutdown client SHUT_WR                               ok
shutdown server SHUT_UP                               unsupported .+
recv accepted                                         ok data=
send client data=a                                    EPIPE
close client                                          ok
close client                                          EBADF
close unknown                                          error close: .+
connect client inet:127.0.0.1:SERVER                    EBADF
wait client select output timeout=0                   EBADF
shutdown client SHUT_RDWR                             EBADF
listen client 1                                       EBADF
connect-many many inet:127.0.0.1:SERVER domain=AF_INET type=SOCK_STREAM threads=2 each=2 ok connected=4
connect-many many inet:127.0.0.1:SERVER domain=AF_INET type=SOCK_DGRAM threads=1 each=1 ok connected=1
connect-many many bad: domain=AF_INET type=SOCK_STREAM threads=1 each=2 ok connected=0 others=EFAULT
connect-many many inet:127.0.0.1:SERVER                 error connect-many: .+
socket heard AF_INET SOCK_DGRAM                       ok
bind heard inet:127.0.0.1:0                           ok
socket talker AF_INET SOCK_DGRAM flags=SOCK_NONBLOCK  ok
fcntl talker F_GETFL                                  ok flags=O_NONBLOCK
sendto talker inet:127.0.0.1:HEARD data=hello         ok
recvfrom heard                                        ok data=hello name=inet:127\.0\.0\.1:[1-9]\d*
sendto talker bad: data=a                             EFAULT
sendto talker inet:127.0.0.1:HEARD                    error sendto: .+
connect talker inet:127.0.0.1:HEARD                   ok
connect talker unspec:                                ok
getpeername talker                                    ENOTCONN
socketpair left right AF_UNIX SOCK_STREAM             ok
socketpair left right AF_INET SOCK_STREAM             EOPNOTSUPP|EPROTONOSUPPORT
getpeername left                                      ok name=unnamed
send left data=%FF%0A                                 ok
recv right size=1                                     ok data=%FF
recv right                                            ok data=%0A
file a%20file                                         ok
file a%20file                                         EEXIST
open opened a%20file                                  ok
connect opened inet:127.0.0.1:SERVER                    ENOTSOCK
open opened missing                                   ENOENT
pipe piped                                            ok
pipe                                                  error pipe: .+
connect piped inet:127.0.0.1:SERVER                     ENOTSOCK
descriptor minus -1                                   ok
descriptor minus one                                  error descriptor: .+
connect minus inet:127.0.0.1:SERVER                     EBADF
mkdir folder                                          ok
mkdir folder                                          EEXIST
mkfifo fifo                                           ok
mkfifo fifo                                           EEXIST
symlink link fifo                                     ok
symlink link fifo                                     EEXIST
chmod folder 0600                                     ok
chmod missing 0600                                    ENOENT
chmod folder rw                                       error chmod: .+
unlink link                                           ok
unlink link                                           ENOENT
socket path AF_UNIX SOCK_STREAM                       ok
bind path unix:a%20socket%FF                          ok
getsockname path                                      ok name=unix:a%20socket%FF
listen path 1                                         ok
socket caller AF_UNIX SOCK_STREAM                     ok
connect caller unix:a%20file                          ECONNREFUSED|ENOTSOCK
connect caller unix:a%20socket%FF                     ok
sigaction SIGUSR1                                     ok
sigaction SIGUSR2 flags=SA_RESTART                    ok
sigaction SIGNONE                                     unsupported .+
pthread_kill unknown SIGUSR1                           error pthread_kill: no thread is named unknown
pthread_join unknown                                   error pthread_join: no thread is named unknown
socket threaded AF_INET SOCK_STREAM                   ok
connect threaded inet:127.0.0.1:SERVER thread=t         ok
pthread_kill t SIGUSR1                                ok
pthread_join t                                        ok|EINTR
pthread_join t                                        error pthread_join: .+
connect threaded unspec: landlock=LANDLOCK_ACCESS_NET_CONNECT_TCP  error connect: .+
connect threaded unspec: landlock=LANDLOCK_ALL thread=t  unsupported no LANDLOCK_ALL on this platform
connect threaded unspec: seccomp=ENOSPC                 error connect: .+
connect threaded unspec: seccomp=ENOSPC landlock=LANDLOCK_ALL thread=t  error connect: .+
connect threaded unspec: seccomp=ENONE thread=t         unsupported .+
connect threaded unspec: seccomp=ENOSPC thread=f        ok|unsupported no filter of system calls on this platform
pthread_join f                                         ENOSPC|error pthread_join: no thread is named f
dlsym connect c                                       ok|unsupported .+
dlsym connect nothing                                 unsupported no libnothing on this platform
jump                                                  error jump: no such verb; it is one of accept, .+
reset                                                 ok
reset now                                             error reset: .+
getsockname server                                    error getsockname: no socket or descriptor is named server
"""
TURNS = [re.split(r"\s{2,}| (?=ok connected)", line, maxsplit=1) for line in TALK.strip().splitlines()]


def test_each_verb_answers(hand: Hand, tmp_path: Path) -> None:
    def filled(text: str) -> str:
        return re.sub("SERVER|HEARD", lambda word: hand.name(word[0].lower()).rpartition(":")[2], text)

    for request, answer in TURNS:
        wanted, found = filled(answer), hand.say(filled(request))
        assert re.fullmatch(wanted, found), f"{request}: {found}"
    assert list(tmp_path.iterdir()) == []
    assert hand.end() == 0


# --- kqueue, where there is none ------------------------------------------------------------------------------

# Python's names of it, over epoll, whose descriptors keep what they watch when they are duplicated, too.
KQUEUE = """
import select, socket, types

class Kqueue:
    def __init__(self, facility=None):
        self.facility = facility or select.epoll()
        self.fileno, self.close = self.facility.fileno, self.facility.close

    @classmethod
    def fromfd(cls, fd):
        return cls(select.epoll.fromfd(fd))

    def control(self, changes, most, timeout=None):
        for change in changes or ():
            assert change.flags == select.KQ_EV_ADD
            self.facility.register(change.ident, change.filter)
        return [event(*seen) for seen in (self.facility.poll(timeout, most) if most else ())]

def event(fd, events):
    is_eof, read = events & (select.EPOLLRDHUP | select.EPOLLHUP), select.KQ_FILTER_READ
    with socket.socket(fileno=os.dup(fd)) as one:
        error = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if is_eof else 0
    return types.SimpleNamespace(filter=read if events & read else select.KQ_FILTER_WRITE, fflags=error,
                                 flags=select.KQ_EV_EOF if is_eof else 0)

select.KQ_EV_ADD, select.KQ_EV_EOF = 1, 0x8000
select.KQ_FILTER_READ, select.KQ_FILTER_WRITE = select.EPOLLIN | select.EPOLLRDHUP, select.EPOLLOUT
select.kqueue = Kqueue
select.kevent = lambda ident, filter, flags: types.SimpleNamespace(ident=ident, filter=filter, flags=flags)
"""


def kqueue_reports(hand: Hand) -> None:
    """Nothing, what is ready, the end of the stream to a thread that waits, and the error of a reset connection."""
    server = hand.listener()
    hand.do("socket c AF_INET SOCK_STREAM", f"connect c {server}", "accept server a",
            "kqueue c reading EVFILT_READ", "kqueue c writing EVFILT_WRITE")
    assert hand.say("kevent reading timeout=0") == "ok ready= flags= value=ok"
    assert hand.say("kevent writing") == "ok ready=output flags= value=ok"
    hand.do("kevent reading thread=sleeper", "shutdown a SHUT_WR")
    assert hand.say("pthread_join sleeper") == "ok ready=input flags=EV_EOF value=ok"
    assert hand.say("kevent writing timeout=0") == "ok ready=output flags= value=ok"
    hand.do("socket d AF_INET SOCK_STREAM", f"connect d {server}", "accept server b", "kqueue d broken EVFILT_WRITE",
            "setsockopt b SO_LINGER value=0", "close b", "poll d events=POLLIN")
    assert hand.say("kevent broken") == "ok ready=output flags=EV_EOF value=ECONNRESET"


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="it is made of epoll")
def test_kevent_returns_what_its_filter_reports_with_eof_and_the_error_of_the_socket(tmp_path: Path) -> None:
    program = f"import os, sys\nsys.path.insert(0, {str(PROGRAM.parent.parent)!r})\n{KQUEUE}\n"
    hand = Hand(tmp_path, sys.executable, "-I", "-c", f"{program}from fixtures import agent\nagent.main()")
    assert ",kqueue," in hand.hello
    kqueue_reports(hand)
    hand.close()


# --- each verb by its row -----------------------------------------------------------------------------------

AGENT_VERBS = sorted(name for name, row in VERBS.items() if row.request is not None)
# Not in C here: without its compiler, or on Linux.
ABSENT = {name for name, row in VERBS.items() if re.search("CONNECT_CC|HAS_KQUEUE", row.c_unless)}


def with_addresses(hand: Hand, request: str) -> str:
    return re.sub(r"<(\w+)>", lambda name: hand.name(name[1]), request)


@pytest.mark.parametrize("verb", AGENT_VERBS)
def test_example_of_a_verb_succeeds_and_returns_what_its_row_has(hand: Hand, verb: str) -> None:
    *before, last = VERBS[verb].example
    answers = [hand.say(with_addresses(hand, request)) for request in before]
    if verb not in ABSENT:
        assert all(one.startswith("ok") for one in answers), answers
    answer = hand.say(with_addresses(hand, last))
    if answer.startswith("unsupported") and VERBS[verb].lacking:
        return
    assert last.split()[0] == verb
    assert answer.split()[0] == "ok", answer
    assert {field.partition("=")[0] for field in answer.split()[1:]} <= set(VERBS[verb].returns)


@pytest.mark.parametrize("verb", AGENT_VERBS)
def test_request_with_other_operands_than_its_row_has_is_refused(hand: Hand, verb: str) -> None:
    """One operand too few, one too many, and one that the row has not."""
    row = VERBS[verb]
    required = [key for key, one in row.takes.items() if not one.optional]
    names = ["name"] if row.subject != "none" else []
    few, many = " ".join([verb, *names, *required][:-1]), " ".join([verb, *names, *row.takes, "more"])
    for request in (*([few] if few else []), many, f"{' '.join([verb, *names, *required])} colour=red"):
        answer = hand.say(request)
        assert answer.startswith(f"error {verb}: ") or (answer.startswith("unsupported") and verb in ABSENT), request


# --- declare ------------------------------------------------------------------------------------------------

# How a header declares connect(), and what comes of the types of POSIX and of the page. The first three are those of
# POSIX, of the page, and of Linux 0.99 (connect(2) of 1993).
DECLARED = [
    ("int connect(int, const struct sockaddr *, socklen_t);", "ok", "ok"),
    ("int connect(int, const struct sockaddr *, int);", "EINVAL", "ok"),
    ("int connect(int, struct sockaddr *, int);", "EINVAL", "EINVAL"),
    ("int connect(int, const struct sockaddr *, size_t);", "EINVAL", "EINVAL"),
    ("int connect(long, const struct sockaddr *, socklen_t);", "EINVAL", "EINVAL"),
    ("long connect(int, const struct sockaddr *, socklen_t);", "EINVAL", "EINVAL"),
    ("void connect(int, const struct sockaddr *, socklen_t);", "EINVAL", "EINVAL"),
    ("int connect(int, const void *, socklen_t);", "EINVAL", "EINVAL"),
    ("extern int (*connect)(int, const struct sockaddr *, socklen_t);", "EINVAL", "EINVAL"),
    ("", "ENOENT", "ENOENT"),
    ("#error no", "unsupported no headers .+", "unsupported no headers .+"),
]
needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler cc")


def declares(folder: Path, compiler: str, *lengths: str) -> str:
    """What an agent with this compiler answers of connect() with one of these types of its length."""
    like = quote("|".join(f"int connect(int, const struct sockaddr *, {one})" for one in lengths))
    with closing(Hand(folder, CONNECT_CC=compiler)) as hand:
        return hand.say(f"declare connect sys/socket.h like={like}")


@needs_compiler
@pytest.mark.parametrize(("header", "posix", "page"), DECLARED)
def test_declaration_is_one_that_the_compiler_takes(header: str, posix: str, page: str, tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    types = "#include <stddef.h>\nstruct sockaddr;\ntypedef unsigned socklen_t;\n"
    (tmp_path / "sys" / "socket.h").write_text(f"{types}{header}\n", encoding="utf-8")
    compiler = f"cc -I{tmp_path}"
    assert re.fullmatch(posix, declares(tmp_path, compiler, "socklen_t"))
    assert re.fullmatch(page, declares(tmp_path, compiler, "int", "socklen_t"))
    assert [path.name for path in tmp_path.iterdir()] == ["sys"], "the agent leaves nothing"


@needs_compiler
@pytest.mark.parametrize(("script", "reason"), [
    (None, "no C compiler on this platform"),
    ("exit 1", "no headers that a C compiler finds on this platform: sys/socket.h"),
    ("exit 0", "no C compiler that can be run on this platform: .+"),
    ("echo 'int any;' | cc -x c -c - -o $4", "no C compiler that refuses two types of one function on this platform"),
    (r"printf '\177ELF of another' >$4", "no C compiler for this machine on this platform"),
])
def test_compiler_that_judges_nothing_is_none(script: str | None, reason: str, tmp_path: Path) -> None:
    if script:
        (tmp_path / "compiler").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / "compiler").chmod(0o755)
    assert re.fullmatch(f"unsupported {reason}", declares(tmp_path, str(tmp_path / "compiler"), "socklen_t"))


def test_hello_has_what_there_is(hand: Hand) -> None:
    words = dict(word.split("=", 1) for word in hand.hello.split()[1:])
    assert hand.hello.startswith("hello protocol=3 ")
    assert set(targets.HELLO) <= words.keys()
    lacks = ABSENT - {"declare"} if words["agent"].startswith("python-") else ABSENT
    assert set(words["verbs"].split(",")) == set(agent.VERBS) - lacks - {"reset"}
    assert {"AF_INET", "AF_UNIX"} <= set(words["domains"].split(","))
    assert {"poll", "select"} <= set(words["facilities"].split(","))
    assert str(agent.PROTOCOL) == targets.PROTOCOL


def test_hello_passes_on_the_networks_of_its_environment(tmp_path: Path) -> None:
    networks = {"blackholed-host": {"AF_INET": "192.0.2.2"}}
    hand = Hand(tmp_path, CONNECT_NETWORKS=json.dumps(networks))
    found = re.search(r" networks=(\S+)", hand.hello)
    hand.close()
    assert found
    assert found[1] == quote(json.dumps(networks), safe="")


@pytest.mark.parametrize(
    "line", [b"\xff\xfe", b"socket \xff AF_INET SOCK_STREAM", b"a=b", b"=", b"connect c \x00:", b"bind s unix:%"]
)
def test_rubbish_is_answered(hand: Hand, line: bytes) -> None:
    assert re.match("error |ok$", hand.say(line))
    assert hand.say("reset") == "ok"


def test_empty_lines_and_comments_are_not_answered(hand: Hand) -> None:
    hand.type("", "   ", "# socket c AF_INET SOCK_STREAM", "reset")
    assert hand.hear() == "ok"


def test_requests_typed_ahead_are_answered_in_order(hand: Hand) -> None:
    hand.type("socket a AF_INET SOCK_STREAM", "getpeername a", "close a", "close a")
    assert [hand.hear() for _ in range(4)] == ["ok", "ENOTCONN", "ok", "EBADF"]


def test_requests_typed_ahead_are_served_after_the_end_of_input(hand: Hand) -> None:
    hand.type("socket a AF_INET SOCK_STREAM", "getpeername a")
    assert hand.end() == 0
    assert [hand.hear() for _ in range(3)] == ["ok", "ENOTCONN", ""]


REQUESTS = st.lists(
    st.sampled_from(sorted(set(agent.VERBS) - {"dlsym", "descriptor", "sigaction", "unlink", "chmod"}))
    | st.sampled_from(
        [
            "s",
            "inet:127.0.0.1:1",
            "null:",
            "bad:",
            "x:",
            "AF_INET",
            "SOCK_STREAM",
            "-1",
            "99999999999999999999",
            "namelen=-1",
            "port=70000",
            "sa_family=x",
            "data=%",
            "timeout=0",
            "size=-1",
            "thread=",
            "events=POLLIN",
        ]
    ),
    min_size=1,
    max_size=5,
).map(" ".join)


@given(request_=REQUESTS)
def test_nothing_that_is_typed_makes_it_fall_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: str
) -> None:
    monkeypatch.chdir(tmp_path)
    one = agent.Agent()
    found = agent.perform(one, request_)
    assert re.fullmatch(r"ok( [a-zA-Z]+=\S*)*|E[A-Z0-9]+|returned=-?\d+|(unsupported|error) .+", found), found
    one.reset()


# --- threads and signals ------------------------------------------------------------------------------------


def test_signal_interrupts_a_call_that_waits(hand: Hand) -> None:
    hand.pending()
    hand.do("sigaction SIGUSR1", "pthread_kill caller SIGUSR1")
    assert hand.say("pthread_join caller") == "EINTR"


def test_signal_restarts_a_call_that_waits(hand: Hand) -> None:
    hand.pending()
    hand.do("sigaction SIGUSR1 flags=SA_RESTART")
    assert hand.say("pthread_kill caller SIGUSR1 times=20") == "ok returned=no"
    hand.do("shutdown client SHUT_RDWR")
    assert hand.say("pthread_join caller") in ("ECONNRESET", "ECONNABORTED", "ECONNREFUSED", "EINTR")


@pytest.mark.parametrize("sleeps", ["poll client events=POLLIN", "wait client poll input", "wait client select input",
                                    *["epoll_wait watcher", "wait client epoll input"] * hasattr(select, "epoll")])
def test_signal_ends_a_call_that_waits_for_events(hand: Hand, sleeps: str) -> None:
    """No flag has it restarted; nor does an agent make another call for the one that was asked of it."""
    hand.pending()
    if "watcher" in sleeps:
        hand.do("epoll_ctl client watcher events=POLLIN trigger=0")
    hand.do(f"{sleeps} thread=sleeper", "sigaction SIGUSR1 flags=SA_RESTART", "pthread_kill sleeper SIGUSR1")
    assert hand.say("pthread_join sleeper") == "EINTR"


def test_other_calls_are_made_while_one_waits(hand: Hand) -> None:
    hand.pending()
    assert hand.say("getpeername client") == "ENOTCONN"


def test_reset_is_refused_while_a_call_blocks(hand: Hand) -> None:
    hand.pending()
    assert hand.say("reset") == "error reset: a call still blocks"


def test_reset_leaves_nothing(hand: Hand, tmp_path: Path) -> None:
    descriptors = Path(f"/proc/{hand.process.pid}/fd")
    before = len(list(descriptors.iterdir())) if descriptors.exists() else 0
    name = hand.listener()
    hand.do(
        "socket c AF_INET SOCK_STREAM",
        f"connect c {name} thread=t",
        "pthread_join t",
        "accept server a",
        "pipe p",
        "mkdir d",
        "socket u AF_UNIX SOCK_DGRAM",
        "bind u unix:d/u",
        "file f",
        "open o f",
        "symlink l f",
        "mkfifo q",
        "chmod d 0000",
        "socketpair x y AF_UNIX SOCK_STREAM",
        f"connect-many m {name} domain=AF_INET type=SOCK_STREAM threads=1 each=3",
        "reset",
    )
    assert list(tmp_path.iterdir()) == []
    assert not before or len(list(descriptors.iterdir())) == before
    hand.do("socket s AF_INET SOCK_STREAM", "setsockopt s SO_REUSEADDR 1", f"bind s {name}")


def test_a_thread_that_cannot_be_started_is_no_outcome_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    one = agent.Agent()
    assert agent.perform(one, "socket c AF_INET SOCK_STREAM") == "ok"
    monkeypatch.setattr(threading.Thread, "start", fail)
    lack = "unsupported no thread can be started: can't start new thread"
    assert agent.perform(one, "connect c inet:127.0.0.1:1 thread=t") == lack
    assert agent.perform(one, "pthread_join t") == "error pthread_join: no thread is named t"
    assert agent.perform(one, "connect-many m bad: AF_INET SOCK_STREAM 2 1") == lack
    assert agent.perform(one, "reset") == "ok"


# --- what a parent leaves behind ----------------------------------------------------------------------------

HEIR = """
import os, signal, sys
os.umask(0o777)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
os.execv(sys.argv[1], sys.argv[1:])
"""


def heir(tmp_path: Path, *command: str) -> Hand:
    """An agent whose parent has blocked and ignored signals and left files no permissions."""
    return Hand(tmp_path, sys.executable, "-I", "-S", "-c", HEIR, *command)


def inherits_nothing(hand: Hand, folder: Path) -> None:
    hand.pending()
    hand.do("sigaction SIGUSR1", "pthread_kill caller SIGUSR1")
    assert hand.say("pthread_join caller") == "EINTR"
    hand.do("file f", "mkdir d")
    assert [oct((folder / name).stat().st_mode & 0o777) for name in ("f", "d")] == ["0o644", "0o755"]
    status = Path(f"/proc/{hand.process.pid}/status")
    if status.exists():
        masks = dict(re.findall(r"^(Sig\w+):\s+(\w+)$", status.read_text(), re.MULTILINE))
        assert int(masks["SigBlk"], 16) == 0
        assert not int(masks["SigIgn"], 16) & 1 << signal.SIGCHLD - 1
        assert int(masks["SigIgn"], 16) & 1 << signal.SIGPIPE - 1
    assert hand.end() == 0


def test_it_inherits_no_signals_and_no_umask(tmp_path: Path) -> None:
    hand = heir(tmp_path, sys.executable, "-I", "-S", str(PROGRAM))
    inherits_nothing(hand, tmp_path)
    hand.close()


# --- the end ------------------------------------------------------------------------------------------------


def test_end_of_input_ends_it(hand: Hand) -> None:
    assert hand.end() == 0


def test_end_of_input_ends_a_call_that_waits_on_a_thread(hand: Hand) -> None:
    hand.pending()
    assert hand.end() == 0


def test_end_of_input_ends_a_call_that_blocks(hand: Hand) -> None:
    hand.do("socketpair a b AF_UNIX SOCK_STREAM")
    hand.type("recv a")
    assert hand.end() == 1


def test_end_of_input_ends_a_call_that_blocks_before_requests_that_wait(hand: Hand) -> None:
    """Until then the agent does nothing: what is unread does not keep it busy."""
    hand.do("socketpair a b AF_UNIX SOCK_STREAM")
    hand.type("recv a", *["getpeername b"] * 2000)
    clock = Path(f"/proc/{hand.process.pid}/stat")
    used = [int(field) for field in clock.read_text().rpartition(")")[2].split()[11:13]] if clock.exists() else []
    assert hand.process.stdout
    assert not select.select([hand.process.stdout], [], [], 1.0)[0]
    if used:
        now = [int(field) for field in clock.read_text().rpartition(")")[2].split()[11:13]]
        assert sum(now) - sum(used) < os.sysconf("SC_CLK_TCK") / 2
    assert hand.end() == 1


def from_file(folder: Path, command: Sequence[str], *lines: str) -> tuple[int, list[str]]:
    """The exit status of an agent whose input is a file, and its answers."""
    script = folder / "requests"
    script.write_text("".join(line + "\n" for line in lines))
    with script.open() as requests:
        run = subprocess.run(command, stdin=requests, capture_output=True, text=True, timeout=END_S, check=False)
    return run.returncode, run.stdout.splitlines()[1:]


def ends_with_a_file(folder: Path, command: Sequence[str]) -> None:
    pair = "socketpair a b AF_UNIX SOCK_STREAM"
    assert from_file(folder, command, pair, "send a data=x", "recv b") == (0, ["ok", "ok", "ok data=x"])
    assert from_file(folder, command, pair, "recv b", "recv b") == (1, ["ok"])


def ends_with_a_terminal(command: Sequence[str]) -> None:
    """By the end-of-file character, and when the terminal is gone."""
    for end in (b"\x04", b""):
        master, slave = os.openpty()
        with subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE) as process:
            os.close(slave)
            os.write(master, b"socket c AF_INET SOCK_STREAM\n")
            assert process.stdout
            assert [process.stdout.readline()[:5] for _ in range(2)] == [b"hello", b"ok\n"]
            os.write(master, end)
            if not end:
                os.close(master)
            assert process.wait(END_S) == 0
            if end:
                os.close(master)


def test_the_end_of_a_file_ends_it(tmp_path: Path) -> None:
    ends_with_a_file(tmp_path, [sys.executable, "-I", "-S", str(PROGRAM)])


def test_the_end_of_a_terminal_ends_it() -> None:
    ends_with_a_terminal([sys.executable, "-I", "-S", str(PROGRAM)])


PARENT = """
import os, subprocess, sys
agent = subprocess.Popen([sys.executable, "-I", "-S", sys.argv[1]], stdin=subprocess.PIPE)
agent.stdin.write(b"socketpair a b AF_UNIX SOCK_STREAM\\nrecv a\\n")
agent.stdin.flush()
agent.wait()
"""


def test_it_dies_with_its_parent_though_a_call_blocks(tmp_path: Path) -> None:
    parent = Hand(tmp_path, sys.executable, "-c", PARENT, str(PROGRAM))  # what is heard is the agent
    assert parent.hear() == "ok"
    os.kill(parent.process.pid, signal.SIGKILL)
    assert parent.hear() == ""  # no process is left that could write
    parent.close()


# --- other Pythons ------------------------------------------------------------------------------------------


@functools.cache
def python(minor: int) -> str:
    """A Python of this version that runs, from anywhere in PATH; empty if there is none."""
    for folder in os.get_exec_path():
        found = shutil.which(f"python3.{minor}", path=folder)
        if found and not subprocess.run([found, "-I", "-S", "-c", ""], capture_output=True, check=False).returncode:
            return found
    return ""


@pytest.mark.parametrize("minor", [pytest.param(minor, id=f"python3.{minor}") for minor in range(8, 15)])
def test_it_runs_on(minor: int, tmp_path: Path) -> None:
    command = python(minor)
    if not command:
        pytest.skip(f"no python3.{minor} in PATH that runs")
    plays(Hand(tmp_path, command, "-I", "-S", str(PROGRAM)), rf" agent=python-3\.{minor}\.")


@pytest.mark.parametrize("machine", ["s390x", "mips64el"])  # of another byte order; of other numbers of constants
def test_it_runs_on_an_emulated(machine: str, tmp_path: Path) -> None:
    folder = targets.INSTALLED / machine
    if not (folder / "root").exists():
        pytest.skip(f"no {folder / 'root'}; fixtures/recipes/{machine}")
    command = [folder / "qemu", "-L", folder / "root", folder / "root/usr/bin/python3.11", "-I", "-S", PROGRAM]
    plays(Hand(tmp_path, *map(str, command)), f" machine={machine.removesuffix('el')} ")


def plays(hand: Hand, said: str) -> None:
    """A few calls, each of another kind. said: a pattern of its hello."""
    assert re.search(said, hand.hello)
    name = hand.listener()
    hand.do("socket c AF_INET SOCK_STREAM", f"connect c {name} thread=t", "pthread_join t", "send c data=x%00")
    assert hand.say("wait c select output") == "ok ready=output"
    assert hand.say("connect c " + name) == "EISCONN"
    assert hand.say("getpeername c") == f"ok name={name}"
    assert hand.say("socket d AF_INET SOCK_STREAM flags=SOCK_NONBLOCK") == "ok"
    assert hand.say("jump").startswith("error jump: ")
    assert hand.say("reset") == "ok"
    assert hand.end() == 0
    hand.close()


# --- errno and constants ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "number", "outcome"),
    [
        (0, 0, "ok"),
        (-1, errno.EWOULDBLOCK, "EAGAIN"),
        (-1, errno.ENOTSUP, "EOPNOTSUPP"),
        (-1, errno.EISCONN, "EISCONN"),
        (-1, 9999, "E9999"),
        (-1, 0, "returned=-1"),
        (1, 0, "returned=1"),
        (-2, errno.EINVAL, "returned=-2"),
        (3, errno.EINVAL, "returned=3"),
    ],
)
def test_answer_to_a_return_value(value: int, number: int, outcome: str) -> None:
    assert agent.answer(value, number) == outcome


def test_errno_has_one_name_each() -> None:
    assert set(agent.ERRNO_NAMES) == set(errno.errorcode)
    assert not {"EWOULDBLOCK", "ENOTSUP", "EDEADLOCK"} & set(agent.ERRNO_NAMES.values())


@pytest.mark.parametrize("value", ["a b", "a=b\n", "ü%", "", ":,/%[]"])
def test_fields_are_one_word(value: str) -> None:
    assert len(agent.ok(value=value).split()) == 2 - (agent.ok(value=value).split() == ["ok"])


def test_constants_join_and_numbers_are_themselves() -> None:
    assert agent.constant("MSG_PEEK|MSG_OOB") == socket.MSG_PEEK | socket.MSG_OOB
    assert [agent.constant(word) for word in ("0", "-1", "47", "SIGUSR1", "O_NONBLOCK", "POLLIN")] == [
        0, -1, 47, signal.SIGUSR1, os.O_NONBLOCK, select.POLLIN]
    for word in ("SO_NONE", "", "1x", "O_NONBLOCK|O_NONE"):
        with pytest.raises(agent.Unsupported):
            agent.constant(word)


@pytest.mark.parametrize(("name", "value"), agent.EXTRA.get(agent.SYSTEM, {}).items())
def test_numbers_that_python_lacks_are_those_that_python_has(name: str, value: int) -> None:
    known = [getattr(source, name) for source in (socket, select, os) if hasattr(source, name)]
    assert known in ([], [value])


@pytest.mark.parametrize("name", agent.EXTRA.get(agent.SYSTEM, {}))
def test_numbers_that_python_lacks_are_those_of_the_headers(name: str) -> None:
    """As far as this machine's headers have them, and as macros."""
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler")
    headers = ["fcntl.h", "poll.h", "netinet/in.h", "netinet/tcp.h", "sys/socket.h", "linux/in.h", "linux/in6.h"]
    text = "".join(f"#if __has_include(<{header}>)\n#include <{header}>\n#endif\n" for header in headers)
    run = subprocess.run(["cc", "-D_GNU_SOURCE", "-E", "-P", "-xc", "-"], input=text + f"=={name}\n",
                         capture_output=True, text=True, check=True)
    number = run.stdout.rpartition("==")[2].strip()
    if number.isidentifier():  # an enumerator, or none
        found = re.search(rf"\b{name} = (\w+)", run.stdout)
        number = found[1] if found else str(agent.EXTRA[agent.SYSTEM][name])
    assert int(number, 0) == agent.EXTRA[agent.SYSTEM][name]


XNET = """
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
int __xnet_connect(int fd, const struct sockaddr *to, socklen_t length) { return errno = EXDEV, -1; }
int __xnet_socket(int domain, int type, int protocol) { return socket(domain, type, protocol); }
int __xnet_bind(int fd, const struct sockaddr *to, socklen_t length) { return bind(fd, to, length); }
int __xnet_getsockopt(int fd, int level, int option, void *value, socklen_t *length) {
    return getsockopt(fd, level, option, value, length);
}
void __xnet_socketpair(void) {}
void __xnet_recvmsg(void) {}
void __xnet_sendmsg(void) {}
void __xnet_sendto(void) {}
"""


def test_the_flavour_of_x_open_is_in_the_names_of_the_calls(tmp_path: Path) -> None:
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler")
    library = tmp_path / "libsocket.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", library, "-xc", "-"], input=XNET, text=True, check=True)
    hand = Hand(tmp_path, CONNECT_LIBRARY=str(library), CONNECT_FLAVOUR="xnet")
    assert re.search(r" implementation=\S+-xnet ", hand.hello)
    address = hand.listener()
    hand.do("socket c AF_INET SOCK_STREAM")
    assert hand.say(f"connect c {address}") == "EXDEV"
    hand.close()


@pytest.mark.parametrize(("flavour", "lacking"), [("xnet", "has no __xnet_bind"), ("xopen", "is xnet or nothing")])
def test_a_flavour_that_is_not_there_is_refused(flavour: str, lacking: str) -> None:
    run = subprocess.run([sys.executable, "-I", "-S", str(PROGRAM)], env={**os.environ, "CONNECT_FLAVOUR": flavour},
                         input="", capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert re.fullmatch(rf"agent: .*{lacking}.*\n", run.stderr)


@pytest.mark.parametrize(
    ("option", "level"),
    [
        ("SO_ERROR", socket.SOL_SOCKET),
        ("TCP_NODELAY", socket.IPPROTO_TCP),
        ("IP_TTL", socket.IPPROTO_IP),
        ("IPV6_V6ONLY", socket.IPPROTO_IPV6),
    ],
)
def test_level_follows_from_the_option(option: str, level: int) -> None:
    assert agent.Agent.level(option) == level


@pytest.mark.parametrize(("option", "value", "raw"), [
    ("SO_KEEPALIVE", "1", struct.pack("@i", 1)), ("SO_LINGER", "0", struct.pack("@ii", 1, 0)),
    ("SO_RCVTIMEO", "1500", struct.pack("@ll", 1, 500000)), ("SO_BINDTODEVICE", "lo", b"lo\0"),
])
def test_option_values_are_laid_out_as_in_c(option: str, value: str, raw: bytes) -> None:
    assert agent.Agent.option_bytes(option, value) == raw


# --- socket addresses ---------------------------------------------------------------------------------------


def family(number: int) -> str:
    """Two bytes in this machine's order, in hexadecimal."""
    return number.to_bytes(2, sys.byteorder).hex()


def word(number: int) -> str:
    return number.to_bytes(4, sys.byteorder).hex()


ONE = "0" * 31 + "1"  # ::1
VECTORS = [
    ("linux", "inet:127.0.0.1:80", family(2) + "0050 7f000001 0000000000000000"),
    ("linux", "inet6:::1:443", family(10) + "01bb 00000000" + ONE + word(0)),
    ("linux", "inet6:fe80::2%7:443", family(10) + "01bb 00000000 fe80000000000000 0000000000000002" + word(7)),
    ("linux", "unix:a%20b", family(1) + "612062 00"),
    ("linux", "abstract:ab%00", family(1) + "00 6162 00"),
    ("linux", "unspec:", family(0) + "00" * 14),
    ("linux", "bytes:00ff", "00ff"),
    ("linux", "bytes:", ""),
    ("darwin", "inet:127.0.0.1:80", "10 02 0050 7f000001 0000000000000000"),
    ("darwin", "inet6:::1:443", "1c 1e 01bb 00000000" + ONE + word(0)),
    ("darwin", "unix:a", "04 01 61 00"),
    ("darwin", "unspec:", "10 00" + "00" * 14),
    ("freebsd", "inet6:::1:443", "1c 1c 01bb 00000000" + ONE + word(0)),
    ("freebsd", "inet:1.2.3.4:5", "10 02 0005 01020304" + "00" * 8),
    ("dragonfly", "inet6:::1:443", "1c 1c 01bb 00000000" + ONE + word(0)),
    ("netbsd", "inet6:::1:443", "1c 18 01bb 00000000" + ONE + word(0)),
    ("openbsd", "inet6:::1:443", "1c 18 01bb 00000000" + ONE + word(0)),
    ("sunos", "inet:127.0.0.1:80", family(2) + "0050 7f000001 0000000000000000"),
    (
        "sunos",
        "inet6:fe80::2%7:443",
        family(26) + "01bb 00000000 fe80000000000000 0000000000000002" + word(7) + word(0),
    ),
    ("cygwin", "inet6:::1:443", family(23) + "01bb 00000000" + ONE + word(0)),
]


@pytest.mark.parametrize(("system", "text", "raw"), VECTORS)
def test_addresses_are_laid_out_byte_by_byte(system: str, text: str, raw: str) -> None:
    assert agent.LAYOUTS[system].encode(text).hex() == raw.replace(" ", "")


@pytest.mark.parametrize(("system", "size"), [(system, 32 if system == "sunos" else 28) for system in agent.LAYOUTS])
def test_sockaddr_in6_has_the_size_of_the_platform(system: str, size: int) -> None:
    assert len(agent.LAYOUTS[system].encode("inet6:::1:1")) == size


@pytest.mark.parametrize("system", agent.LAYOUTS)
def test_a_family_that_the_field_cannot_hold_is_not_cut(system: str) -> None:
    """284 became AF_INET6 on FreeBSD, and connected."""
    layout = agent.LAYOUTS[system]
    if layout.has_len:
        with pytest.raises(agent.Unsupported, match="sa_family 284 does not fit a field of 8 bits"):
            layout.head(284, 28)
    else:
        assert layout.family_of(layout.head(284, 28)) == 284
    assert layout.family_of(layout.head(layout.family_max, 28)) == layout.family_max
    for family_ in (65536, -1):
        with pytest.raises(agent.BadRequest, match=f"sa_family {family_} does not fit a field of 16 bits"):
            layout.head(family_, 28)


@pytest.mark.parametrize("system", [system for system, layout in agent.LAYOUTS.items() if layout.has_len])
def test_sa_len_of_what_is_longer_than_it_can_say_is_its_largest(system: str) -> None:
    assert agent.LAYOUTS[system].encode("unix:" + "a" * 300)[:2] == b"\xff\x01"


@pytest.mark.parametrize("system", agent.LAYOUTS)
def test_sa_len_is_what_the_request_says(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "LAYOUT", agent.LAYOUTS[system])
    with pytest.raises(agent.BadRequest, match="sa_len 256 does not fit a field of 8 bits"):
        agent.Address("inet:127.0.0.1:80", sa_len="256")
    if agent.LAYOUT.has_len:
        assert agent.Address("inet:127.0.0.1:80", sa_len="7").pointer.raw[:3] == b"\7\2\0"
    else:
        with pytest.raises(agent.Unsupported, match="no sa_len on this platform"):
            agent.Address("inet:127.0.0.1:80", sa_len="7")


def test_mapped_addresses_are_read_and_written_without_help(monkeypatch: pytest.MonkeyPatch) -> None:
    pton, ntop = socket.inet_pton, socket.inet_ntop
    mapped = bytes(10) + b"\xff\xff\x7f\0\0\1"

    def plain_pton(family_: int, host: str) -> bytes:
        assert family_ == socket.AF_INET or "." not in host
        return pton(family_, host)

    monkeypatch.setattr(socket, "inet_pton", plain_pton)
    monkeypatch.setattr(socket, "inet_ntop", lambda of, raw: "::ffff:7f00:1" if raw == mapped else ntop(of, raw))
    layout = agent.LAYOUTS["linux"]
    raw = layout.encode("inet6:::ffff:127.0.0.1:80")
    assert raw[8:24] == mapped
    assert layout.decode(raw) == "inet6:::ffff:127.0.0.1:80"
    assert layout.encode("inet6:64:ff9b::192.0.2.33:1")[8:24] == pton(socket.AF_INET6, "64:ff9b::c000:221")


PORTS = st.integers(0, 65535)
INET = st.builds(
    lambda host, port: f"inet:{socket.inet_ntop(socket.AF_INET, host)}:{port}", st.binary(min_size=4, max_size=4), PORTS
)
INET6 = st.builds(
    lambda host, scope, port: f"inet6:{socket.inet_ntop(socket.AF_INET6, host)}{f'%{scope}' if scope else ''}:{port}",
    st.binary(min_size=16, max_size=16),
    st.just(0) | st.integers(1, 2**32 - 1),
    PORTS,
)
UNIX = st.builds(
    lambda path: "unix:" + quote(path), st.binary(min_size=1, max_size=103).filter(lambda path: 0 not in path)
)
ABSTRACT = st.builds(
    lambda name: "abstract:" + quote(name), st.binary(min_size=1, max_size=100).filter(lambda name: name.strip(b"\0"))
)


@pytest.mark.parametrize("system", agent.LAYOUTS)
@given(text=INET | INET6 | UNIX | ABSTRACT)
def test_addresses_come_back_as_they_were(system: str, text: str) -> None:
    layout = agent.LAYOUTS[system]
    raw = layout.encode(text)
    assert layout.decode(raw) == text
    if layout.has_len:
        assert raw[0] == len(raw)


@pytest.mark.parametrize("system", agent.LAYOUTS)
@given(raw=st.binary(max_size=140))
def test_any_bytes_are_some_address(system: str, raw: bytes) -> None:
    text = agent.LAYOUTS[system].decode(raw)
    assert re.fullmatch(r"unnamed|(inet|inet6|unix|abstract|bytes):\S*", text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("", "unnamed"),
        ("01", "unnamed"),
        (family(1), "unnamed"),
        (family(1) + "00" * 10, "unnamed"),
        (family(1) + "612f00ff", "unix:a/"),
        (family(1) + "6162", "unix:ab"),
        (family(2) + "0050", "bytes:" + family(2) + "0050"),
        (family(99) + "00", "bytes:" + family(99) + "00"),
    ],
)
def test_names_as_a_kernel_writes_them(raw: str, text: str) -> None:
    assert agent.LAYOUTS["linux"].decode(bytes.fromhex(raw)) == text


@pytest.mark.parametrize(
    "text",
    [
        "inet:1.2.3:4",
        "inet:1.2.3.4",
        "inet:1.2.3.4:",
        "inet:1.2.3.4:65536",
        "inet:1.2.3.4:-1",
        "inet6:1.2.3.4:5",
        "inet6:::1%x:5",
        "ipx:1",
        "",
        "bytes:1",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(agent.BadRequest):
        agent.Address(text)


def test_length_claimed_may_be_wrong_but_the_buffer_is_not() -> None:
    """A kernel that believes the claim reads no memory that is not there."""
    for claim, size in (("0", 16), ("-1", 16), ("15", 16), ("28", 28), ("65536", 65536), ("2147483647", 65536)):
        address = agent.Address("inet:127.0.0.1:80", claim)
        assert (address.length.value, len(address.pointer)) == (int(claim), size)


@pytest.mark.parametrize(
    ("options", "raw"),
    [
        ({"sa_family": "AF_INET6"}, socket.AF_INET6.to_bytes(2, sys.byteorder) + b"\0\x50"),
        ({"port": "443"}, bytes.fromhex(family(2)) + b"\x01\xbb"),
    ],
)
def test_family_and_port_overwrite_what_the_address_says(options: Mapping[str, Any], raw: bytes) -> None:
    if agent.LAYOUT.has_len:
        pytest.skip("the vector is of a platform without sa_len")
    assert agent.Address("inet:127.0.0.1:80", **options).pointer.raw[:4] == raw


@pytest.mark.parametrize("refusal", [OSError(errno.EINVAL, "no such name"), ValueError("no such name")])
def test_libc_that_does_not_know_its_version_is_named_all_the_same(
        refusal: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """musl refuses the name; not every Python has it."""
    known = "-".join(platform.libc_ver())
    assert agent.libc_version() == known

    def fail(_: str) -> str:
        raise refusal

    monkeypatch.setattr(os, "confstr", fail)
    assert agent.libc_version() == "-".join(filter(None, platform.libc_ver()))


@given(st.binary(), st.text("/:,%[]"))
def test_percent_encoding_is_that_of_urls(data: bytes, safe: str) -> None:
    text = agent.quote(data, safe.encode())
    assert text == quote(data, safe)
    assert agent.unquote(quote(data)) == unquote_to_bytes(quote(data)) == data
