"""The agent in C: it says what agent.py says, line by line, and each of its flavours is built without a warning."""

from __future__ import annotations

import functools
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from fixtures import targets
from specs import load
from specs.verbs import VERBS
from suites.selftest import test_agent
from suites.selftest.test_agent import (  # noqa: F401 - collected here too, and given the hand below
    ABSENT,
    AGENT_VERBS,
    DECLARED,
    Hand,
    test_each_verb_answers,
    test_empty_lines_and_comments_are_not_answered,
    test_end_of_input_ends_a_call_that_blocks,
    test_end_of_input_ends_a_call_that_blocks_before_requests_that_wait,
    test_end_of_input_ends_a_call_that_waits_on_a_thread,
    test_end_of_input_ends_it,
    test_example_of_a_verb_succeeds_and_returns_what_its_row_has,
    test_hello_has_what_there_is,
    test_other_calls_are_made_while_one_waits,
    test_request_with_other_operands_than_its_row_has_is_refused,
    test_requests_typed_ahead_are_answered_in_order,
    test_requests_typed_ahead_are_served_after_the_end_of_input,
    test_reset_is_refused_while_a_call_blocks,
    test_reset_leaves_nothing,
    test_rubbish_is_answered,
    test_signal_ends_a_call_that_waits_for_events,
    test_signal_interrupts_a_call_that_waits,
    test_signal_restarts_a_call_that_waits,
)

SOURCE = targets.HERE / "agent.c"
ROOT = targets.HERE.parent
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O2")
COMPILE_S = 120.0
PATHS = {"FILE", "MKDIR", "MKFIFO", "SYMLINK", "CHMOD"}  # what WITHOUT_PATHS is
# WITHOUT_… -> the verbs that need what it says is not there
NEEDS = {verb: re.findall(r"WITHOUT_(\w+)", row.c_unless) for verb, row in VERBS.items()}
LACKS = {name: {verb for verb, needs in NEEDS.items() if name in needs}
         for name in {"SELECT", "AF_UNIX"}.union(*NEEDS.values())}
LACKS["PATHS"] = set().union(*(LACKS[name] for name in PATHS))
BARE = tuple(f"-DWITHOUT_{name}" for name in sorted(LACKS.keys() - PATHS))

# --- the flavours -------------------------------------------------------------------------------------------


class Build(NamedTuple):
    """How one flavour is made. header: what must be there. runs: whether this machine itself runs it."""

    compiler: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    header: str = ""
    runs: bool = True


BUILDS = {
    "posix": Build("cc", after=("-pthread",)),
    "musl": Build("musl-gcc", ("-static",)),
    "i386": Build("cc", ("-m32",), ("-pthread",), "sys/socket.h"),
    "io_uring": Build("cc", ("-DCONNECT_IO_URING",), ("-luring", "-pthread"), "liburing.h"),
    "lwip": Build("cc", ("-DCONNECT_LWIP", "-I/usr/include/lwip"), ("-llwip", "-pthread"), "lwip/sockets.h"),
    "port": Build("cc", ('-DCONNECT_PLATFORM="port.h"',), ("-pthread",)),
    "small": Build("cc", ("-DMOST=64", "-DBYTES=4096", "-DLINE=16384"), ("-pthread",)),
    "bare": Build("cc", BARE),
    "compiling": Build("cc", ('-DCONNECT_CC="./compiler"',), ("-pthread",)),
    "winsock": Build("x86_64-w64-mingw32-gcc", ("-static",), ("-lws2_32",), runs=False),
}


def lack(build: Build) -> str:
    """What this machine lacks to make a flavour; empty if nothing."""
    if not shutil.which(build.compiler):
        return f"there is no C compiler {build.compiler}"
    if build.header:
        command = [build.compiler, *build.before, "-E", "-include", build.header, "-xc", os.devnull]
        if subprocess.run(command, capture_output=True, timeout=COMPILE_S, check=False).returncode:
            return f"{' '.join((build.compiler, *build.before))} finds no <{build.header}>"
    return ""


@functools.cache
def made(flavour: str, folder: Path) -> Path:
    """The agent of a flavour; skips where it cannot be made, fails where the compiler warns."""
    build = BUILDS[flavour]
    if reason := lack(build):
        pytest.skip(reason)
    program = folder / f"agent-{flavour}"
    command = [build.compiler, *WARNINGS, *build.before, "-o", str(program), str(SOURCE), *build.after]
    run = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_S, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    return program


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("agents")


@pytest.fixture(scope="session")
def posix(programs: Path) -> Path:
    return made("posix", programs)


Start = Callable[..., Hand]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts agents, and ends them after the test."""
    hands = []

    def started(cwd: Path, *command: str | Path, **environment: str) -> Hand:
        cwd.mkdir(exist_ok=True)
        hands.append(Hand(cwd, *map(str, command), **environment))
        return hands[-1]

    yield started
    for it in hands:
        it.close()


@pytest.fixture
def hand(posix: Path, tmp_path: Path, start: Start) -> Hand:
    """A fresh agent in an empty folder, which for once is the one in C."""
    return start(tmp_path, posix)


REFUSING = """
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
pid_t fork(void) { errno = EAGAIN; return -1; }
void *mmap(void *at, size_t size, int bits, int flags, int fd, off_t offset) {
    (void)at, (void)size, (void)bits, (void)flags, (void)fd, (void)offset;
    errno = ENOMEM;
    return MAP_FAILED;
}
"""


@pytest.mark.parametrize("language", ["C", "Python"])
def test_what_the_system_refuses_is_lacking_and_leaves_nothing(
    language: str, posix: Path, tmp_path: Path, start: Start
) -> None:
    (tmp_path / "refusing.c").write_text(REFUSING)
    library = tmp_path / "refusing.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "refusing.c"], check=True)
    command = [posix] if language == "C" else [sys.executable, "-I", "-S", targets.HERE / "agent.py"]
    hand = start(tmp_path / "empty", *command, LD_PRELOAD=str(library))
    descriptors = Path(f"/proc/{hand.process.pid}/fd")
    hand.do("socket s AF_INET SOCK_STREAM")
    before = len(list(descriptors.iterdir()))
    assert hand.say("fork f").startswith("unsupported no process can be made")
    if language == "C":  # Python maps memory by itself
        assert hand.say("connect s inet:127.0.0.1:1 memory=odd") == "unsupported no memory on this platform"
    assert len(list(descriptors.iterdir())) == before


@pytest.mark.parametrize("flavour", BUILDS)
def test_it_is_built_without_a_warning_and_refuses_a_closed_port(flavour: str, programs: Path, tmp_path: Path,
                                                                        start: Start) -> None:
    program = made(flavour, programs)
    if not BUILDS[flavour].runs:
        return
    it = start(tmp_path, program)
    assert it.hello.startswith("hello protocol=3 agent=c-")
    it.do("socket closed AF_INET SOCK_STREAM", "bind closed inet:127.0.0.1:0", "socket c AF_INET SOCK_STREAM")
    assert it.say(f"connect c {it.name('closed')}") in ("ECONNREFUSED", "ECONNRESET")
    assert it.end() == 0


# --- as agent.py --------------------------------------------------------------------------------------------

# Requests of both; <name> is the address of that socket. What they answer is compared, not listed.
CONVERSATIONS = {
    "internet": """
        socket server {domain} SOCK_STREAM
        setsockopt server IPV6_V6ONLY 0
        bind server {loopback}
        listen server 5
        socket client {domain} SOCK_STREAM
        setsockopt client IPV6_V6ONLY 0
        getsockname client
        connect client <server>
        getsockname client
        getpeername client
        connect client <server>
        accept server accepted
        getpeername accepted
        send accepted data=%00%7F%80%FF/_.-~%25
        recv client size=4 flags=MSG_PEEK
        recv client
        shutdown accepted SHUT_WR
        poll client events=POLLIN|POLLOUT|POLLRDHUP
        recv client
        close accepted
        socket heard {domain} SOCK_DGRAM
        bind heard {loopback}
        socket talker {domain} SOCK_DGRAM
        bind talker {loopback}
        sendto talker <heard> data=a
        recvfrom heard
        connect heard <talker>
        sendto talker <heard> data=b
        recvfrom heard
        getpeername heard
        connect heard unspec:
        getpeername heard
        getsockname heard
        reset
        getsockname heard
        """,
    "paths": """
        socket server AF_UNIX {type}
        bind server {kind}:a%20%C3%BC~'s
        listen server 0
        getsockname server
        getpeername server
        socket client AF_UNIX {type}
        getsockname client
        connect client <server>
        getpeername client
        getsockname client
        socket other AF_UNIX {type} flags=SOCK_NONBLOCK
        connect other <server>
        connect other <server>
        connect other {kind}:missing
        connect other {kind}:
        connect other {kind}:%00
        connect other unix:missing/missing
        accept server accepted
        send client data=x
        recvfrom accepted
        recvfrom client flags=MSG_DONTWAIT
        bind client {kind}:a%20%C3%BC~'s
        bind client {kind}:b
        bind other {kind}:b
        connect other bytes:0100
        connect other bytes:01006100 namelen=3
        connect other unix:a%20%C3%BC~'s namelen=200
        socket datagram AF_UNIX SOCK_DGRAM
        connect datagram <server>
        connect datagram unspec:
        connect datagram {kind}:c namelen=sizeof
        socket padded AF_UNIX {type}
        bind padded {kind}:c namelen=garbage
        getsockname padded
        connect client {kind}:c namelen=returned
        connect client {kind}:c namelen=sizeof
        connect client {kind}:c namelen=garbage
        socket short AF_UNIX {type}
        bind short unix:d namelen=SUN_LEN
        getsockname short
        sendto datagram unix:d data=x namelen=SUN_LEN
        sendto datagram {kind}:c data=x namelen=garbage
        reset
        """,
    "pending": """
        socket full AF_INET SOCK_STREAM
        bind full inet:127.0.0.1:0
        listen full 0
        socket a AF_INET SOCK_STREAM
        connect a <full>
        socket b AF_INET SOCK_STREAM flags=SOCK_NONBLOCK
        connect b <full>
        socket c AF_INET SOCK_STREAM
        fcntl c F_GETFL
        ioctl c FIONBIO value=1
        fcntl c F_GETFL
        ioctl c FIONBIO value=0
        fcntl c F_GETFL
        fcntl c F_SETFL flags=O_NONBLOCK
        fcntl c F_GETFL
        connect c <full>
        dup c d
        connect d <full>
        socket e AF_INET SOCK_DGRAM
        dup2 e d
        dup2 e nothing
        connect d <full>
        connect c <full>
        getsockopt c SO_ERROR
        getpeername c
        poll c events=POLLIN|POLLOUT timeout=0
        poll c timeout=0
        wait c poll input,output timeout=0
        wait c select input,output,exceptional timeout=0
        wait c epoll output,input timeout=0
        wait a poll output
        wait a select output,input timeout=0
        wait a epoll exceptional,output timeout=1
        wait a kqueue output
        wait a ports output
        wait a poll in
        wait a epoll
        close a
        wait a epoll output timeout=0
        wait a poll output timeout=0
        pipe p
        poll p events=POLLIN timeout=0
        wait p select input timeout=0
        file f
        open f f
        wait f epoll input timeout=0
        socket refused AF_INET SOCK_STREAM flags=SOCK_NONBLOCK|SOCK_CLOEXEC
        socket closed AF_INET SOCK_STREAM
        bind closed inet:127.0.0.1:0
        connect refused <closed>
        poll refused events=POLLOUT
        wait refused poll output
        getsockopt refused SO_ERROR
        getsockopt refused SO_ERROR
        reset
        """,
    "data": """
        socket server AF_INET SOCK_STREAM
        bind server inet:127.0.0.1:0
        listen server 5
        socket a AF_INET SOCK_STREAM
        connect a <server>
        accept server a.1
        send a data=there%00%FF
        recv a.1 size=1 flags=MSG_PEEK
        recv a.1 size=3
        recv a.1
        close a
        recv a.1 size=1 flags=MSG_PEEK
        socketpair c d AF_UNIX SOCK_SEQPACKET
        send c odd
        send c even
        recv d size=2
        recv d
        shutdown d SHUT_WR
        send d more
        close d
        send c more
        recv c
        socket heard AF_INET SOCK_DGRAM
        bind heard inet:127.0.0.1:0
        socket talker AF_INET SOCK_DGRAM
        connect talker <heard>
        send talker data=
        recv heard
        reset
        """,
    "arguments": """
        socket server AF_INET SOCK_STREAM
        bind server inet:127.0.0.1:0
        listen server 5
        socket c AF_INET SOCK_STREAM
        connect c null:
        connect c null: namelen=16
        connect c bad:
        connect c bad: namelen=0
        connect c bytes:
        connect c bytes:02
        connect c bytes:0200000A7f000001
        connect c bytes:0200000a7f0000010000000000000000
        connect c bytes:0200000a7f00000100000000000000000
        connect c bytes:xx
        connect c <server> namelen=0
        connect c <server> namelen=1
        connect c <server> namelen=15
        connect c <server> namelen=-1
        connect c <server> namelen=2147483647
        connect c <server> namelen=129
        connect c <server> namelen=x
        connect c <server> sa_family=AF_UNIX
        connect c <server> sa_family=77
        connect c <server> sa_family=AF_INET6
        connect c <server> sa_family=AF_NONE
        connect c unspec: sa_family=AF_INET
        connect c <server> port=0
        connect c <server> port=-1
        connect c <server> port=65536
        connect c inet:127.0.0.1:0
        connect c inet:127.0.0.1:
        connect c inet:127.0.0.1:1x
        connect c inet:127.0.0.1
        connect c inet:300.0.0.1:1
        connect c inet6:::1:1
        connect c inet6:fe80::1%x:1
        connect c inet6:fe80::1%1:1
        connect c inet6:::1
        connect c ipx:1
        connect c <server> namelen=128
        connect c <server> 128 AF_INET
        connect c <server> sa_family=AF_INET 16
        connect c <server> 16 namelen=16
        connect c <server> namelen=16 namelen=15
        socket
        socket s AF_INET SOCK_NONE
        socket s AF_INET SOCK_STREAM IPPROTO_TCP
        socket s AF_INET SOCK_STREAM protocol=IPPROTO_NOWHERE
        socket s AF_INET SOCK_STREAM protocol=IPPROTO_UDP
        socket s AF_INET SOCK_STREAM protocol=IPPROTO_MPTCP
        socket s AF_INET 77
        socket s 77 SOCK_STREAM
        socket s AF_INET SOCK_STREAM|SOCK_NONBLOCK
        socket s AF_INET SOCK_STREAM| 0
        socket s AF_INET 1-1
        socket s AF_INET SOCK_STREAM 0 0 0
        listen
        listen s
        listen s -1
        listen s 0x10
        shutdown c SHUT_SOME
        shutdown unknown SHUT_SOME
        shutdown s SHUT_RD
        accept c x
        getpeername s
        send c data
        sendto c null: data=%00
        sendto c unspec: data=x flags=MSG_NOSIGNAL|MSG_DONTWAIT
        sendto s ipx:1 x
        recv s
        recv s size=x
        recvfrom s flags=MSG_NONE
        descriptor d 777
        descriptor d 7x
        connect d <server>
        poll d events=POLLIN timeout=0
        descriptor d -1
        connect d <server>
        poll d events=POLLIN timeout=0
        fcntl s F_GETFL flags=O_NONE
        fcntl s F_SETFL flags=O_NONE
        fcntl s F_NONE
        reset
        """,
    "options": """
        socket s AF_INET SOCK_STREAM
        setsockopt s SO_SNDTIMEO 1500
        getsockopt s SO_SNDTIMEO
        setsockopt s SO_RCVTIMEO 0
        setsockopt s SO_RCVTIMEO -1
        setsockopt s SO_LINGER 3
        getsockopt s SO_LINGER
        setsockopt s SO_LINGER x
        setsockopt s SO_KEEPALIVE value=1
        getsockopt s SO_KEEPALIVE
        setsockopt s TCP_SYNCNT 1
        getsockopt s TCP_SYNCNT
        setsockopt s TCP_USER_TIMEOUT 300
        getsockopt s TCP_USER_TIMEOUT
        setsockopt s IP_LOCAL_PORT_RANGE 65536
        setsockopt s IP_BIND_ADDRESS_NO_PORT 1
        setsockopt s SO_BINDTODEVICE nothing
        setsockopt s IPV6_V6ONLY 1
        setsockopt s SO_REUSEADDR AF_INET
        setsockopt s SO_REUSEADDR yes
        setsockopt s NO_REUSEADDR 1
        setsockopt unknown SO_NONE 1
        getsockopt s SO_TYPE
        getsockopt s SO_PROTOCOL
        getsockopt s SO_DOMAIN
        getsockopt s SO_ACCEPTCONN
        getsockopt s SO_NONE
        getsockopt s IPX_NONE
        getsockopt s TCP_NODELAY
        getsockopt s TCP_DEFER_ACCEPT
        getsockopt s TCP_FASTOPEN_CONNECT
        getsockopt unknown SO_NONE
        reset
        """,
    "files": """
        file a%2Fb
        file a%
        file a%2
        file a%zz
        file a%20b
        file a%20b
        open f a%20b flags=O_WRONLY|O_APPEND
        open f a%20b flags=O_NONE
        open f missing
        open f .
        open f /dev/null
        open f a%20b flags=O_PATH
        connect f inet:127.0.0.1:1
        getsockopt f SO_TYPE
        fcntl f F_GETFL
        mkdir d
        mkdir d
        mkdir missing/d
        mkdir a%20b/d
        symlink loop loop
        open l loop
        symlink d/link a%20b
        mkfifo d/fifo
        chmod d/fifo 0444
        chmod d/fifo 9
        chmod d/fifo
        chmod d 0000
        unlink d
        unlink nothing
        unlink loop
        pipe p
        send p data=x
        close p
        close p
        socketpair x y AF_UNIX SOCK_DGRAM
        socketpair x y AF_NONE SOCK_NONE
        socketpair x y AF_UNIX SOCK_NONE
        send x data=one
        recv y size=2
        recv y size=0 flags=MSG_DONTWAIT
        recv y flags=MSG_DONTWAIT
        dlsym connect nothing
        dlsym connect
        reset
        """,
    "threads": """
        socket u AF_UNIX SOCK_STREAM
        bind u unix:queue
        listen u 0
        socket a AF_UNIX SOCK_STREAM
        connect a <u>
        sigaction SIGUSR1
        sigaction SIGUSR2 flags=SA_RESTART
        sigaction SIGNONE
        sigaction SIGKILL
        socket b AF_UNIX SOCK_STREAM
        connect b <u> thread=t
        pthread_kill t SIGUSR2 times=5
        reset
        accept u accepted
        pthread_join t
        pthread_join t
        socket c AF_UNIX SOCK_STREAM
        connect c <u> thread=t
        pthread_kill t SIGUSR1
        pthread_kill t SIGUSR1
        pthread_kill t SIGUSR1 times=1
        pthread_kill t SIGNONE
        pthread_kill t SIGUSR1 times=x
        pthread_join t
        connect unknown <u> thread=t
        connect c ipx:1 thread=t
        connect c null: thread=t
        pthread_join t
        connect c <u> thread=t seccomp=ENOSPC
        pthread_join t
        connect c <u> thread=t seccomp=ENONE
        connect c <u> seccomp=ENOSPC
        connect c <u> thread=t seccomp=ENOSPC landlock=LANDLOCK_ACCESS_NET_CONNECT_TCP
        connect c <u> thread=one
        accept u accepted
        pthread_join one
        accept u accepted
        connect-many m <u> AF_UNIX SOCK_STREAM 1 1
        connect-many m unix:missing AF_UNIX SOCK_STREAM each=2 threads=3
        connect-many m unix:missing AF_UNIX SOCK_STREAM each=2
        connect-many m ipx:1 AF_UNIX SOCK_STREAM each=2 threads=1
        connect-many m unix:missing AF_UNIX 77 each=2 threads=2
        reset
        """,
    "children": """
        socket u AF_UNIX SOCK_STREAM
        bind u unix:queue
        listen u 0
        socket a AF_UNIX SOCK_STREAM
        connect a <u> process=p
        waitpid p
        waitpid p
        getpeername a
        connect a unix:missing process=p
        waitpid p
        connect a ipx:1 process=p
        connect unknown <u> process=p
        socket m AF_UNIX SOCK_STREAM
        connect m unix:missing memory=odd
        connect m unix:missing memory=page-end
        connect m unix:missing memory=read-only
        connect m null: memory=odd
        connect m bad: memory=odd
        connect m unix:missing namelen=300 memory=odd
        fork p
        fork q
        close a
        waitpid q
        socket b AF_UNIX SOCK_STREAM
        connect b <u> process=r
        accept u c
        waitpid r
        accept u d
        socketpair x y AF_UNIX SOCK_STREAM
        sendmsg x c
        sendmsg x unknown
        sendmsg unknown c
        close c
        recvmsg y e
        getpeername e
        send x data=plain
        recvmsg y f
        close e
        sendmsg x e
        socket w AF_UNIX SOCK_STREAM
        connect w <u>
        socket v AF_UNIX SOCK_STREAM
        connect v <u> process=waits
        reset
        """,
}
LOOPBACKS = {"AF_INET": ("AF_INET", "inet:127.0.0.1:0"), "AF_INET6": ("AF_INET6", "inet6:::1:0"),
             "v4-mapped": ("AF_INET6", "inet6:::ffff:127.0.0.1:0")}
TALKS = {
    **{f"internet-{name}": CONVERSATIONS["internet"].format(domain=domain, loopback=loopback)
       for name, (domain, loopback) in LOOPBACKS.items()},
    **{f"paths-{kind}-{type_}": CONVERSATIONS["paths"].format(kind=kind, type=type_)
       for kind in ("unix", "abstract") for type_ in ("SOCK_STREAM", "SOCK_SEQPACKET")},
    **{name: CONVERSATIONS[name]
       for name in ("pending", "data", "arguments", "options", "files", "threads", "children")},
}


def conversation(it: Hand, talk: str) -> list[str]:
    """Each request with its answer, but for ports, which the kernel chooses, and the words of errors."""
    heard = []
    for written in map(str.strip, talk.strip().splitlines()):
        request = re.sub(r"<(\w+)>", lambda name: it.name(name[1]), written)
        answer = it.say(request)
        answer = re.sub(rf"^error {request.split()[0]}: .*", "error", answer)
        heard.append(f"{written}: " + re.sub(r"(inet6?:\S+):[1-9]\d*", r"\1:PORT", answer))
    return heard


@pytest.mark.parametrize("talk", TALKS)
@pytest.mark.parametrize("flavour", ["posix", "musl", "i386"])
def test_it_answers_as_agent_py_does(talk: str, flavour: str, programs: Path, tmp_path: Path, start: Start) -> None:
    in_c = conversation(start(tmp_path / "c", made(flavour, programs)), TALKS[talk])
    in_python = conversation(start(tmp_path / "python"), TALKS[talk])
    assert in_c == in_python
    assert [list((tmp_path / name).iterdir()) for name in ("c", "python")] == [[], []]


def declares(hand: Hand, *lengths: str) -> str:
    """What an agent answers of connect() with one of these types of its length."""
    like = quote("|".join(f"int connect(int, const struct sockaddr *, {one})" for one in lengths))
    return hand.say(f"declare connect sys/socket.h like={like} xopen=700")


@pytest.mark.parametrize(("header", "posix", "page"), DECLARED)
def test_it_finds_declarations_as_agent_py_does(header: str, posix: str, page: str, programs: Path, tmp_path: Path,
                                                start: Start) -> None:
    it = start(tmp_path, made("compiling", programs))
    assert declares(it, "socklen_t") == "unsupported no headers that a C compiler finds on this platform"
    (tmp_path / "sys").mkdir()
    types = "#include <stddef.h>\nstruct sockaddr;\ntypedef unsigned socklen_t;\n"
    types += "#if _XOPEN_SOURCE != 700\n#error\n#endif\n"
    (tmp_path / "sys" / "socket.h").write_text(f"{types}{header}\n", encoding="utf-8")
    compiler = tmp_path / "compiler"
    compiler.write_text('#!/bin/sh\nexec cc -I. "$@"\n', encoding="utf-8")
    compiler.chmod(0o755)
    assert re.match(posix, declares(it, "socklen_t"))
    assert re.match(page, declares(it, "int", "socklen_t"))
    assert {path.name for path in tmp_path.iterdir()} == {"sys", "compiler"}, "the agent leaves nothing"
    compiler.write_text("#!/bin/sh\n", encoding="utf-8")
    assert declares(it, "int") == "unsupported no C compiler that refuses two types of one function on this platform"
    assert declares(it, "x" * 60000).startswith("error declare: too long is")


CONSTANT = re.compile(r"\b(?:(?:AF|SOCK|IPPROTO|SO|TCP|IP|IPV6|MSG|SHUT|O|F)_[A-Z0-9_]+|SIG[A-Z0-9]+|POLL[A-Z]+)\b")


def test_it_knows_the_constants_that_scenarios_name(hand: Hand, tmp_path: Path, start: Start) -> None:
    in_python = start(tmp_path)
    files = [*(ROOT / "suites").glob("*/*.yaml"), ROOT / "fixtures" / "world.py"]
    names = {name for file in files for name in CONSTANT.findall(file.read_text())}
    known = [{name for name in names if not it.say(f"socket s {name} 0").startswith("unsupported")}
             for it in (hand, in_python)]
    assert known[0] == known[1] > {"AF_INET", "SOCK_STREAM", "SO_ERROR"}


def test_it_knows_the_words_that_the_schema_allows() -> None:
    """On one platform or another: of those that none has, every case would be unsupported on every target."""
    allowed = set(CONSTANT.findall((ROOT / "specs" / "schema" / "scenarios.json").read_text()))
    assert len(allowed) > 50
    assert allowed <= set(re.findall(r"\bC\((\w+)\)", (ROOT / "fixtures" / "agent.c").read_text()))


def test_its_hello_is_that_of_agent_py(hand: Hand, tmp_path: Path, start: Start) -> None:
    of_c, of_python = (dict(word.split("=", 1) for word in it.hello.split()[1:]) for it in (hand, start(tmp_path)))
    assert {key for key in of_c if of_c[key] != of_python.get(key)} == {"agent", "verbs"}
    assert set(of_python["verbs"].split(",")) - set(of_c["verbs"].split(",")) == {"declare"}


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc/self/maps")
@pytest.mark.parametrize(("wanted", "there"), [
    ("{0}/libone.so", "libone.so"), ("/none/libgone.so:{0}/libone.so.2", "libone.so.2"),
    ("{0}/notlibone.so {0}/libtwo.so.1.2", "libtwo.so.1.2 notlibone.so")])
def test_hello_has_the_preloaded_libraries_that_are_there(
        posix: Path, tmp_path: Path, start: Start, wanted: str, there: str) -> None:
    for name in there.split():
        subprocess.run(["cc", "-shared", "-xc", os.devnull, "-o", str(tmp_path / name)], check=True)
    for command in ([posix], []):  # in C; in Python
        found = re.search(r" preloaded=(\S*)", start(tmp_path, *command, LD_PRELOAD=wanted.format(tmp_path)).hello)
        assert found
        assert sorted(found[1].split(",")) == there.split()


def test_hello_passes_on_the_networks_of_its_environment(posix: Path, tmp_path: Path, start: Start) -> None:
    networks = json.dumps({"failing-directory": {"AF_UNIX": "/srv/e"}})
    it = start(tmp_path, posix, CONNECT_NETWORKS=networks)
    assert f" networks={quote(networks, safe='')} " in it.hello


def test_a_long_request_is_answered(hand: Hand) -> None:
    hand.do("socketpair a b AF_UNIX SOCK_STREAM", "send a data=" + "%41" * 20000)
    assert hand.say("recv b size=20000") == "ok data=" + "A" * 20000


def test_a_request_that_is_too_long_ends_it(programs: Path, tmp_path: Path) -> None:
    command = [made("small", programs)]
    run = subprocess.run(command, input="#" * 20000, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert run.stderr == "agent: a request is longer than 16384 bytes\n"


@pytest.mark.parametrize("flavour", ["posix", "bare"])
def test_the_end_of_a_file_ends_it(flavour: str, programs: Path, tmp_path: Path) -> None:
    if flavour == "posix":
        test_agent.ends_with_a_file(tmp_path, [str(made(flavour, programs))])
    code, answers = test_agent.from_file(tmp_path, [str(made(flavour, programs))], "reset", "jump", "reset")
    assert code == 0
    assert [answer.split()[0] for answer in answers] == ["ok", "error", "ok"]


def test_the_end_of_a_terminal_ends_it(posix: Path) -> None:
    test_agent.ends_with_a_terminal([str(posix)])


def test_it_inherits_no_signals_and_no_umask(posix: Path, tmp_path: Path) -> None:
    hand = test_agent.heir(tmp_path, str(posix))
    test_agent.inherits_nothing(hand, tmp_path)
    hand.close()


def test_a_thread_that_cannot_be_started_is_no_outcome_of_the_call(hand: Hand) -> None:
    if not hasattr(resource, "prlimit"):
        pytest.skip("nothing limits another process here")
    hand.do("socket c AF_INET SOCK_STREAM")
    resource.prlimit(hand.process.pid, resource.RLIMIT_AS, (1 << 20, resource.RLIM_INFINITY))
    for request in ("connect c inet:127.0.0.1:1 thread=t", "connect-many m bad: AF_INET SOCK_STREAM 2 1"):
        assert re.fullmatch(r"unsupported no thread can be started: (EAGAIN|ENOMEM)", hand.say(request))
    assert hand.say("pthread_join t").startswith("error pthread_join: no thread is named t")
    assert hand.say("reset") == "ok"


@pytest.mark.parametrize("blocks", [False, True])
def test_eot_ends_it_though_the_console_does_not_end(posix: Path, tmp_path: Path, start: Start, blocks: bool) -> None:
    it = start(tmp_path, posix)
    it.listener()
    if blocks:
        it.type("accept server accepted")
    it.type("\x04")
    assert it.process.wait(test_agent.END_S) == (1 if blocks else 0)


PARENT = test_agent.PARENT.replace('sys.executable, "-I", "-S", ', "")


def test_it_dies_with_its_parent_though_a_call_blocks(posix: Path, tmp_path: Path, start: Start) -> None:
    parent = start(tmp_path, sys.executable, "-c", PARENT, posix)  # what it hears is the agent
    assert parent.hear() == "ok"
    os.kill(parent.process.pid, signal.SIGKILL)
    assert parent.hear() == ""  # no process is left that could write


# --- ports --------------------------------------------------------------------------------------------------


def made_of(source: str, folder: Path, *options: str) -> Path:
    """An agent with a header of these lines in place of platform.h's sections."""
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler cc")
    (folder / "mine.h").write_text(source)
    program = folder / "agent"
    command = ["cc", *WARNINGS, f"-I{folder}", *options, "-o", str(program), str(SOURCE), "-pthread"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_S, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    return program


@pytest.mark.parametrize("lack", sorted(LACKS))
def test_it_is_built_without_what_there_is_not(lack: str, tmp_path: Path, start: Start) -> None:
    it = start(tmp_path / "in", made_of("", tmp_path, f"-DWITHOUT_{lack}"))
    verbs = dict(word.split("=", 1) for word in it.hello.split()[1:])["verbs"].split(",")
    assert set(AGENT_VERBS) - set(verbs) == {"reset"} | ABSENT | LACKS[lack]
    assert ("AF_UNIX" in it.hello) == (lack != "AF_UNIX")
    assert (",select," in it.hello) == (lack != "SELECT")
    it.do("socket c AF_INET SOCK_STREAM")
    if lack == "THREADS":
        assert it.say("connect c inet:127.0.0.1:1 thread=t") == "unsupported no thread on this platform"
    assert it.end() == 0


def test_a_port_needs_no_more_than_its_header_says(programs: Path, tmp_path: Path, start: Start) -> None:
    it = start(tmp_path, made("port", programs))
    hello = dict(word.split("=", 1) for word in it.hello.split()[1:])
    assert (hello["agent"], hello["system"]) == (f"c-skeleton-{8 * struct.calcsize('P')}", "Skeleton")
    assert hello["domains"] == "AF_INET,AF_INET6,v4-mapped"
    assert it.say("mkfifo f") == "unsupported no mkfifo on this platform"
    server = it.listener()
    it.do("socket c AF_INET SOCK_STREAM", f"connect c {server} thread=t", "pthread_join t", "send c data=there")


def test_what_a_port_may_define_is_explained() -> None:
    """Each name with a default at the end of platform.h is in the list at its head; each lack too."""
    text = (targets.HERE / "platform.h").read_text()
    head, defaults = text.partition("#ifndef CONNECT_PLATFORM_H")[0], text.partition("= defaults: ")[2]
    names = set(re.findall(r"^#ifndef (\w+)", defaults, re.MULTILINE)) | set(re.findall(r"\bOWN_\w+", defaults))
    lacks = set(re.findall(r"\bWITHOUT_[A-Z_]+", text + SOURCE.read_text()))
    assert lacks == {f"WITHOUT_{name}" for name in LACKS}
    assert {name for name in names | lacks if name not in head} == set()


def test_the_entry_of_a_port_in_the_readme_is_one(tmp_path: Path) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8").partition("### Port the C agent")[2].partition("\n### ")[0]
    entry = tmp_path / "my-targets.yaml"
    entry.write_text(page.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    assert targets.Target.of("nuttx", load.targets(entry)["nuttx"]).lab is False


# A system as the BSDs and illumos are, over the calls of this one: sa_len, a family of one byte, sockaddr_in6 of 32
# bytes, getpeername() that leaves everything but the family alone, and inet_pton() without dotted quads in IPv6.
BSD = """
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#define WITHOUT_FILES
#define WITHOUT_PATHS
#define WITHOUT_SOCKETPAIR
#define WITHOUT_DLSYM
#define WITHOUT_SIGNALS
#define WITHOUT_SELECT
#define WITHOUT_AF_UNIX
#define FLAVOUR "bsd"
#define CONNECT_MAIN bsd_main
#define NETWORKS "{\\"no-route\\": {}}"
#define end_layer bsd_end
struct bsd_sockaddr {
    unsigned char sa_len, sa_family;
    char data[30];
};
struct bsd_sockaddr_in {
    unsigned char sin_len, sin_family;
    uint16_t sin_port;
    struct in_addr sin_addr;
    char zero[8];
};
struct bsd_sockaddr_in6 {
    unsigned char sin6_len, sin6_family;
    uint16_t sin6_port;
    uint32_t flowinfo;
    struct in6_addr sin6_addr;
    uint32_t sin6_scope_id, src_id;
};
static struct sockaddr_storage storage;
static socklen_t size;
/* The address as this system has it, if sa_len is the length of the call. */
static struct sockaddr *host(const struct bsd_sockaddr *given, socklen_t length) {
    memcpy(&storage, given, length < sizeof storage ? length : sizeof storage);
    storage.ss_family = given->sa_family;
    size = length == sizeof(struct bsd_sockaddr_in6) ? sizeof(struct sockaddr_in6) : length;
    return given->sa_len == length ? (struct sockaddr *)&storage : NULL;
}
static int written_back(int result, struct bsd_sockaddr *address, socklen_t *length) {
    memcpy(address, &storage, size);
    address->sa_family = (unsigned char)storage.ss_family;
    address->sa_len = (unsigned char)(*length = storage.ss_family == AF_INET6 ? sizeof(struct bsd_sockaddr_in6) : 16);
    return result;
}
static int bsd_bind(int fd, const struct bsd_sockaddr *to, socklen_t length) {
    const struct sockaddr *at = host(to, length);
    return bind(fd, at, size);
}
static int bsd_connect(int fd, const struct bsd_sockaddr *to, socklen_t length) {
    const struct sockaddr *at = host(to, length);
    return connect(fd, at, size);
}
static long bsd_sendto(int fd, const void *data, size_t count, int flags, const struct bsd_sockaddr *to,
                       socklen_t length) {
    const struct sockaddr *at = host(to, length);
    return sendto(fd, data, count, flags, at, size);
}
static int bsd_getsockname(int fd, struct bsd_sockaddr *address, socklen_t *length) {
    size = sizeof storage;
    return written_back(getsockname(fd, (struct sockaddr *)&storage, &size), address, length);
}
static int bsd_getpeername(int fd, struct bsd_sockaddr *address, socklen_t *length) {
    (void)fd;
    address->sa_family = AF_INET;
    *length = 16;
    return 0;
}
static int bsd_accept(int fd, struct bsd_sockaddr *address, socklen_t *length) {
    (void)address, (void)length;
    return accept(fd, NULL, NULL);
}
static long bsd_recvfrom(int fd, void *data, size_t count, int flags, struct bsd_sockaddr *address, socklen_t *length) {
    (void)address, (void)length;
    return recvfrom(fd, data, count, flags, NULL, NULL);
}
static int bsd_inet_pton(int family, const char *text, void *raw) {
    return family == AF_INET6 && strchr(text, '.') ? 0 : inet_pton(family, text, raw);
}
static void bsd_end(int status) { _exit(status + 70); }
int bsd_main(int argc, char **argv);
int main(int argc, char **argv) { return bsd_main(argc, argv); }
#define sockaddr bsd_sockaddr
#define sockaddr_in bsd_sockaddr_in
#define sockaddr_in6 bsd_sockaddr_in6
#define bind bsd_bind
#define connect bsd_connect
#define accept bsd_accept
#define getsockname bsd_getsockname
#define getpeername bsd_getpeername
#define sendto bsd_sendto
#define recvfrom bsd_recvfrom
#define inet_pton bsd_inet_pton
"""


@pytest.fixture
def bsd(tmp_path: Path, start: Start) -> Hand:
    return start(tmp_path / "in", made_of(BSD, tmp_path, '-DCONNECT_PLATFORM="mine.h"'))


def test_structures_are_laid_out_as_the_platform_has_them(bsd: Hand) -> None:
    assert bsd.hello.endswith(" sockaddr_in6=32 sa_family_max=255")
    for domain, loopback in LOOPBACKS.values():
        bsd.do(f"socket s {domain} SOCK_STREAM", f"bind s {loopback}", "listen s 5")
        assert bsd.name("s").startswith(loopback[:-1])
        bsd.do(f"socket c {domain} SOCK_STREAM", f"connect c {bsd.name('s')}")


def test_a_family_that_the_field_cannot_hold_is_unsupported(bsd: Hand) -> None:
    server = bsd.listener()
    bsd.do("socket c AF_INET SOCK_STREAM")
    assert bsd.say(f"connect c {server} sa_family=284") == "unsupported sa_family 284 does not fit a field of 8 bits"
    assert bsd.say(f"connect c {server} sa_family=65536").startswith("error connect: sa_family 65536 does not fit")
    assert bsd.say(f"connect c {server} sa_family=255") == "EAFNOSUPPORT"
    bsd.do(f"connect c {server}")


def test_sa_len_is_what_the_request_says(bsd: Hand, hand: Hand) -> None:
    """The system refuses one that is not the length of the call."""
    server = bsd.listener()
    bsd.do("socket c AF_INET SOCK_STREAM")
    assert [bsd.say(f"connect c {server} sa_len={length}") for length in (0, 255, 28)] == ["EFAULT"] * 3
    assert bsd.say(f"connect c {server} sa_len=256") == "error connect: sa_len 256 does not fit a field of 8 bits"
    bsd.do(f"connect c {server} sa_len=16")
    hand.do("socket c AF_INET SOCK_STREAM")
    assert hand.say("connect c inet:127.0.0.1:1 sa_len=16") == "unsupported no sa_len on this platform"


def test_what_a_call_does_not_write_is_nothing_of_an_earlier_one(bsd: Hand) -> None:
    bsd.listener()
    assert bsd.say("getpeername server") == "ok name=inet:0.0.0.0:0"


def test_a_port_has_its_own_networks_and_end(bsd: Hand) -> None:
    assert f" networks={quote(json.dumps({'no-route': {}}), safe='')} " in bsd.hello
    assert bsd.end() == 70


def test_a_layer_that_does_not_come_up_ends_the_machine(tmp_path: Path) -> None:
    """A return from main() ends one task of many where that is not the program."""
    text = BSD + '#define start_layer() "no interface"\n'
    ended = subprocess.run(made_of(text, tmp_path, '-DCONNECT_PLATFORM="mine.h"'), input=b"", capture_output=True,
                           check=False)
    assert (ended.returncode, ended.stderr) == (71, b"agent: no interface\n")


# <sys/event.h> as NetBSD and, until about 2012, OpenBSD had it: EV_SET names its first argument six times. Over poll().
EVENT = """
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
struct kevent {
    uintptr_t ident;
    uint32_t filter, flags, fflags;
    int64_t data;
    intptr_t udata;
};
enum { EVFILT_READ, EVFILT_WRITE, EV_ADD, EV_EOF = 32768 };
static struct kevent watched[64][2];
static int watched_count[64];
#define EV_SET(k, a, b, c, d, e, f) \\
    do { (k)->ident = (uintptr_t)(a); (k)->filter = (b); (k)->flags = (c); \\
         (k)->fflags = (d); (k)->data = (e); (k)->udata = (f); } while (0)
static int kqueue(void) {
    int queue = dup(0);
    watched_count[queue] = 0;
    return queue;
}
static int kevent(int queue, const struct kevent *changes, int count, struct kevent *seen, int space,
                  const struct timespec *limit) {
    int ready = 0;
    struct pollfd entry = {-1, 0, 0};
    for (int i = 0; i < count; i++)
        watched[queue][watched_count[queue]++] = changes[i];
    for (int i = 0; i < watched_count[queue]; i++) {
        entry.fd = (int)watched[queue][i].ident;
        entry.events |= watched[queue][i].filter == EVFILT_READ ? POLLIN | POLLRDHUP : POLLOUT;
    }
    if (space && poll(&entry, 1, limit ? (int)(limit->tv_sec * 1000 + limit->tv_nsec / 1000000) : -1) < 0)
        return -1;
    for (int i = 0; i < watched_count[queue] && ready < space; i++)
        if (entry.revents & (watched[queue][i].filter == EVFILT_READ ? POLLIN : POLLOUT)) {
            int error = 0;
            socklen_t size = sizeof error;
            seen[ready] = watched[queue][i];
            seen[ready].flags = entry.revents & (POLLRDHUP | POLLHUP) ? EV_EOF : 0;
            if (seen[ready].flags)
                getsockopt(entry.fd, SOL_SOCKET, SO_ERROR, &error, &size);
            seen[ready++].fflags = (uint32_t)error;
        }
    return ready;
}
"""


@pytest.fixture
def with_kqueue(tmp_path: Path, start: Start) -> Hand:
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys" / "event.h").write_text(EVENT)
    return start(tmp_path / "in", made_of("", tmp_path, "-DHAS_KQUEUE"))


def test_it_waits_by_kqueue_where_ev_set_names_its_argument_six_times(with_kqueue: Hand) -> None:
    it = with_kqueue
    assert ",kqueue," in it.hello
    server = it.listener()
    it.do("socket c AF_INET SOCK_STREAM", f"connect c {server}", "wait server poll input")
    assert it.say("wait server kqueue output,input timeout=0") == "ok ready=input"
    assert it.say("wait c kqueue input,output") == "ok ready=output"
    assert it.say("wait c kqueue exceptional").startswith("unsupported no kqueue filter for what is exceptional")


def test_kevent_returns_what_its_filter_reports_with_eof_and_the_error_of_the_socket(with_kqueue: Hand) -> None:
    assert "kevent,kqueue," in with_kqueue.hello
    test_agent.kqueue_reports(with_kqueue)
    assert with_kqueue.say("kqueue none q EVFILT_READ").startswith("error kqueue: ")


# --- lacks, and native names --------------------------------------------------------------------------------


def test_what_lwip_lacks_is_unsupported(programs: Path, tmp_path: Path, start: Start) -> None:
    it = start(tmp_path, made("lwip", programs))
    assert "mkfifo" not in it.hello
    assert it.say("mkfifo f") == "unsupported no mkfifo on this platform"
    assert it.say("jump").startswith("error jump: ")


def test_native_names_come_with_an_errno(tmp_path: Path) -> None:
    """Winsock's numbers have names of their own, which results keep beside the canonical ones."""
    hello = "hello " + " ".join(f"{key}={targets.PROTOCOL}" for key in targets.HELLO)
    script = f"echo '{hello}'; read line; echo EAGAIN native=WSAEWOULDBLOCK"
    it = targets.Agent(["sh", "-c", script], {}, str(tmp_path), 20.0)
    assert it.call("connect c").observed() == {"ret": "EAGAIN", "native": "WSAEWOULDBLOCK"}
    it.end()
