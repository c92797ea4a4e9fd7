"""The real agent on a layer that behaves in one respect as another kernel does.

    PYTHONPATH=… python imitations.py NAME          NAME: a key of KERNELS; in the path is the suite

Each layer is laid over `agent.libc`, by which the agent makes all its calls but fcntl(), select() and those of epoll.
Its methods are named after the functions that it replaces; all others are the real ones.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import F_GETFL, F_SETFL, fcntl
from pathlib import Path
from socket import (
    AF_INET6,
    AF_UNIX,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPPROTO_TCP,
    SO_ACCEPTCONN,
    SO_ERROR,
    SO_LINGER,
    SO_REUSEADDR,
    SO_TYPE,
    SOCK_DGRAM,
    SOL_SOCKET,
    socket,
)
from typing import Any

from fixtures import agent

Result = tuple[int, int]  # value and errno of a call
DONE: Result = (0, 0)
TCP_INFO, IP_MINTTL, IPV6_MINHOPCOUNT = 11, 21, 73  # <linux/tcp.h>, <linux/in.h>, <linux/in6.h>
UNREACHED_TTL = 255  # which nothing has that is sent over loopback
CLOSE = 7  # <net/tcp_states.h>
# Fields of struct tcp_info by their places: tcpi_state; tcpi_unacked and tcpi_sacked, which are the length and the
# limit of a listener's queue; tcpi_bytes_acked, which counts the SYN.
STATE, QUEUED, BACKLOG, ACKED = "B", "24xI", "28xI", "120xQ"
PENDING = (errno.EINPROGRESS, errno.EALREADY, errno.EINTR)
FAILED = (errno.ECONNREFUSED, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNABORTED, errno.EHOSTUNREACH)
POLLIN, POLLOUT, POLLERR, POLLHUP = 0x1, 0x4, 0x8, 0x10
SLICE_MS = 5  # between looks at what poll() cannot wait for
LOOPBACK = ("127.", "::1", "::ffff:127.")
WILDCARDS = ("0.0.0.0", "::", "::ffff:0.0.0.0")


def text(pointer: Any, length: Any) -> str:
    """An address argument in the agent's words; empty if it is none."""
    size = getattr(length, "value", length)
    if not isinstance(pointer, ctypes.Array) or not 2 <= size <= len(pointer):
        return ""
    return agent.LAYOUT.decode(bytes(pointer)[:size])


def host_and_port(address: str) -> tuple[str, str]:
    """Of an Internet address, a v4-mapped host as IPv4's; else two empty texts."""
    kind, _, rest = address.partition(":")
    host, _, port = rest.rpartition(":")
    return (host.removeprefix("::ffff:"), port) if kind in ("inet", "inet6") else ("", "")


class Kernel:
    """The real libc, which passes every call through; imitations replace methods of it."""

    def __init__(self) -> None:
        self.real: Callable[..., Result] = agent.libc
        self.sockets: set[int] = set()

    def __call__(self, function: str, *args: Any) -> Result:
        own = getattr(self, function, None)
        return own(*args) if own else self.real(function, *args)

    def socket(self, *args: Any) -> Result:
        return self.made(self.real("socket", *args))

    def accept(self, *args: Any) -> Result:
        return self.made(self.real("accept", *args))

    def made(self, result: Result) -> Result:
        if result[0] >= 0:
            self.sockets.add(result[0])
        return result

    def close(self, fd: int) -> Result:
        self.sockets.discard(fd)
        return self.real("close", fd)

    # the state of the real kernel

    def option(self, fd: int, level: int, name: int) -> int:
        """An option's value; -1 where the socket has no such option."""
        with suppress(OSError), borrowed(fd) as one:
            return one.getsockopt(level, name)
        return -1

    def tcp(self, fd: int, field: str) -> int:
        """A field of struct tcp_info; -1 where a socket is not TCP's."""
        with suppress(OSError), borrowed(fd) as one:
            if one.family != AF_UNIX:
                return int(struct.unpack_from(f"={field}", one.getsockopt(IPPROTO_TCP, TCP_INFO, 256))[0])
        return -1

    def name(self, fd: int) -> str:
        buffer, size = ctypes.create_string_buffer(128), ctypes.c_uint(128)
        self.real("getsockname", fd, buffer, ctypes.byref(size))
        return agent.LAYOUT.decode(buffer.raw[: size.value])

    def owners(self, address: str) -> Iterator[int]:
        """The TCP sockets that are bound to an address, or to its port on all addresses."""
        host, port = host_and_port(address)
        for fd in list(self.sockets) if port else ():
            own_host, own_port = host_and_port(self.name(fd))
            if own_port == port and (own_host == host or own_host in WILDCARDS) and self.tcp(fd, STATE) >= 0:
                yield fd

    def listener(self, address: str) -> int | None:
        return next((fd for fd in self.owners(address) if self.option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1), None)

    def is_full(self, address: str) -> bool:
        """Whether a listener is there and its queue admits no other connection."""
        fd = self.listener(address)
        return fd is not None and self.tcp(fd, QUEUED) > self.tcp(fd, BACKLOG)


@contextmanager
def borrowed(fd: int) -> Iterator[socket]:
    """A descriptor as Python's socket; OSError if it is none."""
    one = socket(fileno=fd)
    try:
        yield one
    finally:
        one.detach()


@contextmanager
def flags(fd: int, add: int = 0, remove: int = 0) -> Iterator[bool]:
    """File status flags while a call is made; whether O_NONBLOCK is set otherwise."""
    try:
        before = fcntl(fd, F_GETFL)
    except OSError:
        yield False
        return
    during = before & ~remove | add
    fcntl(fd, F_SETFL, during)
    try:
        yield bool(before & os.O_NONBLOCK)
    finally:
        if during != before:
            with suppress(OSError):  # closed meanwhile
                fcntl(fd, F_SETFL, before)


def ignore_segments(fd: int, ignores: bool) -> None:
    """Let a socket receive nothing at all, or everything again."""
    for level, option in ((IPPROTO_IP, IP_MINTTL), (IPPROTO_IPV6, IPV6_MINHOPCOUNT)):
        with suppress(OSError), borrowed(fd) as one:
            one.setsockopt(level, option, UNREACHED_TTL if ignores else 0)


# --- ports and queues ---------------------------------------------------------------------------------------


class BoundPortDrops(Kernel):
    """A bound TCP socket that does not listen answers no SYN: 4.4BSD, NetBSD, macOS, OpenBSD (tcp_input())."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: dict[int, str] = {}
        self.ignoring: set[int] = set()  # sockets that receive no RST, and retransmit their SYN

    def look_again(self) -> None:
        for fd, address in list(self.attempts.items()):
            dropped = any(self.tcp(owner, STATE) == CLOSE for owner in self.owners(address) if owner != fd)
            if dropped != (fd in self.ignoring):
                ignore_segments(fd, dropped)
                (self.ignoring.add if dropped else self.ignoring.discard)(fd)

    def __call__(self, function: str, *args: Any) -> Result:
        result = super().__call__(function, *args)
        if function in ("bind", "listen", "connect", "close"):  # which can make a port drop segments, or no longer
            self.look_again()
        return result

    def connect(self, fd: int, pointer: Any, length: Any) -> Result:
        self.attempts[fd] = text(pointer, length)
        self.look_again()
        return self.real("connect", fd, pointer, length)

    def close(self, fd: int) -> Result:
        self.attempts.pop(fd, None)
        self.ignoring.discard(fd)
        return super().close(fd)


class FullQueueResets(Kernel):
    """A full TCP queue resets further connections: FreeBSD (syncache_expand()).

    The client is connected to another listener, which resets it: Linux' tcp_abort_on_overflow has no effect where the
    queue is full before the SYN arrives.
    """

    def connect(self, fd: int, pointer: Any, length: Any) -> Result:
        address = text(pointer, length)
        if not self.is_full(address):
            return self.real("connect", fd, pointer, length)
        with socket(AF_INET6) as resetting:
            resetting.bind(("::", 0))
            resetting.listen()
            raw = bytes(pointer)
            instead = ctypes.create_string_buffer(raw[:2] + struct.pack("!H", resetting.getsockname()[1]) + raw[4:])
            with flags(fd, add=os.O_NONBLOCK) as nonblocking:
                value, number = self.real("connect", fd, instead, length)
            if number == errno.EINPROGRESS:
                with resetting.accept()[0] as admitted:
                    admitted.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("@ii", 1, 0))
                self.real("poll", ctypes.byref(agent.PollFd(fd, 0, 0)), 1, -1)
                if not nonblocking:
                    return self.real("connect", fd, instead, length)
        return value, number

    def setsockopt(self, fd: int, level: int, option: int, raw: bytes, size: int) -> Result:
        if (level, option) == (IPPROTO_IPV6, IPV6_MINHOPCOUNT):  # there is IP_MINTTL alone, for AF_INET
            return -1, errno.ENOPROTOOPT
        return self.real("setsockopt", fd, level, option, raw, size)


class Backlog(Kernel):
    """A queue admits as many connections as a function of listen()'s backlog says; Linux admits one more than that."""

    def __init__(self, admits: Callable[[int], int]) -> None:
        super().__init__()
        self.admits = admits

    def listen(self, fd: int, backlog: int) -> Result:
        number = self.admits(backlog)
        ignore_segments(fd, number == 0)
        return self.real("listen", fd, max(number - 1, 0))


class FullPathRefuses(Kernel):
    """A full AF_UNIX queue refuses at once, a blocking caller too: the BSDs, macOS (unp_connect()), illumos (tl)."""

    def connect(self, fd: int, pointer: Any, length: Any) -> Result:
        with suppress(OSError), borrowed(fd) as one:
            if one.family == AF_UNIX:
                with flags(fd, add=os.O_NONBLOCK):
                    value, number = self.real("connect", fd, pointer, length)
                return value, errno.ECONNREFUSED if number == errno.EAGAIN else number
        return self.real("connect", fd, pointer, length)


class FullQueueIsBusy(Kernel):
    """A non-blocking connect() at a full TCP queue fails with EAGAIN, as with AF_UNIX on Linux."""

    def connect(self, fd: int, pointer: Any, length: Any) -> Result:
        with flags(fd) as nonblocking:
            if nonblocking and self.tcp(fd, STATE) == CLOSE and self.is_full(text(pointer, length)):
                return -1, errno.EAGAIN
        return self.real("connect", fd, pointer, length)


class ReuseaddrRefuses(Kernel):
    """SO_REUSEADDR is granted and allows no second bind(): the BSDs and macOS (in_pcbbind())."""

    def setsockopt(self, fd: int, level: int, option: int, raw: bytes, size: int) -> Result:
        if (level, option) == (SOL_SOCKET, SO_REUSEADDR):
            return DONE
        return self.real("setsockopt", fd, level, option, raw, size)


class LingerIsNoReset(Kernel):
    """SO_LINGER of 0 is granted, and close() sends FIN: NuttX."""

    def setsockopt(self, fd: int, level: int, option: int, raw: bytes, size: int) -> Result:
        if (level, option) == (SOL_SOCKET, SO_LINGER):
            return DONE
        return self.real("setsockopt", fd, level, option, raw, size)


# --- connect() and O_NONBLOCK -------------------------------------------------------------------------------


class LoopbackIsImmediate(Kernel):
    """A non-blocking connect() over loopback ends inside the call wherever it can: illumos (squeue_synch_exit())."""

    def connect(self, fd: int, pointer: Any, length: Any) -> Result:
        address = text(pointer, length)
        ends = host_and_port(address)[0].startswith(LOOPBACK) and not self.is_full(address)
        with flags(fd, remove=os.O_NONBLOCK if ends and self.tcp(fd, STATE) == CLOSE else 0):
            return self.real("connect", fd, pointer, length)


class ConnectAlwaysWaits(Kernel):
    """O_NONBLOCK is set and does not count for connect()."""

    def connect(self, fd: int, pointer: Any, length: Any) -> Result:
        with flags(fd, remove=os.O_NONBLOCK):
            return self.real("connect", fd, pointer, length)


# --- what a failure leaves ----------------------------------------------------------------------------------


class Failures(Kernel):
    """Records which stream sockets' attempts have failed, those included that no call has reported yet."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: set[int] = set()
        self.failed: set[int] = set()

    def connect(self, fd: int, pointer: Any, length: Any) -> Result:
        self.has_failed(fd)
        value, number = self.real("connect", fd, pointer, length)
        self.pending.discard(fd)
        if number in PENDING:
            self.pending.add(fd)
        if number in FAILED and self.option(fd, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM:
            self.failed.add(fd)
        return value, number

    def has_failed(self, fd: int) -> bool:
        if fd in self.pending and self.tcp(fd, STATE) == CLOSE:
            self.pending.discard(fd)
            if self.tcp(fd, ACKED) == 0:  # not so much as the SYN: it was never connected
                self.failed.add(fd)
        return fd in self.failed

    def dup2(self, fd: int, over: int) -> Result:
        """A descriptor becomes one of another socket, with what has become of that."""
        for states in (self.pending, self.failed):
            (states.add if fd in states else states.discard)(over)
        return self.real("dup2", fd, over)

    def close(self, fd: int) -> Result:
        self.pending.discard(fd)
        self.failed.discard(fd)
        return super().close(fd)


class NameIsLost(Failures):
    """getsockname() of a socket whose attempt failed is EINVAL: NetBSD, OpenBSD (tcp_close(), in_pcbdetach())."""

    def connect(self, fd: int, pointer: Any, length: Any) -> Result:
        value, number = super().connect(fd, pointer, length)
        if value == 0:
            self.failed.discard(fd)
        return value, number

    def getsockname(self, fd: int, *args: Any) -> Result:
        if self.has_failed(fd) and self.tcp(fd, STATE) >= 0:
            return -1, errno.EINVAL
        return self.real("getsockname", fd, *args)


class FailedIsACorpse(Failures):
    """Once an attempt has failed the socket is shut down both ways, for good: illumos (soisdisconnected())."""

    def getpeername(self, fd: int, *args: Any) -> Result:
        return (-1, errno.EINVAL) if self.has_failed(fd) else self.real("getpeername", fd, *args)

    def send(self, fd: int, *args: Any) -> Result:
        return (-1, errno.EPIPE) if self.has_failed(fd) else self.real("send", fd, *args)

    def recv(self, fd: int, *args: Any) -> Result:
        return DONE if self.has_failed(fd) else self.real("recv", fd, *args)


# --- poll() -------------------------------------------------------------------------------------------------


class Poll(Kernel):
    """poll() shows other events than Linux', and goes on waiting where it shows none."""

    def __init__(self, shows: Callable[[int, int], int]) -> None:
        super().__init__()
        self.shows = shows  # the events of a socket, by those asked for and those that Linux shows

    def poll(self, pointer: Any, count: int, timeout: int) -> Result:
        entries = getattr(pointer, "_obj", pointer)
        entries = [entries] if isinstance(entries, agent.PollFd) else entries
        end = time.monotonic() + timeout / 1000
        value, number = self.real("poll", pointer, count, 0 if any(not one.events for one in entries) else timeout)
        while value >= 0:
            for one in entries:
                if self.option(one.fd, SOL_SOCKET, SO_TYPE) >= 0:
                    one.revents = self.shows(one.events, one.revents)
            value = sum(bool(one.revents) for one in entries)
            left = (end - time.monotonic()) * 1000
            if value or (timeout >= 0 and left <= 0):
                break
            value, number = self.real("poll", None, 0, SLICE_MS if timeout < 0 else min(SLICE_MS, int(left) + 1))
            if value == 0:
                value, number = self.real("poll", pointer, count, 0)
        return value, number


# --- the rest -----------------------------------------------------------------------------------------------


class Limited(Kernel):
    """At most so many RSTs and so many ICMP errors are sent a second: the BSDs, illumos.

    A lost RST makes the client send its SYN again, after a second; a lost ICMP error never arrives.
    """

    def __init__(self, resets: int, errors: int) -> None:
        super().__init__()
        self.limits = {"reset": resets, "error": errors}
        self.sent: dict[str, list[float]] = {"reset": [], "error": []}

    def is_spent(self, kind: str) -> bool:
        """Count one, unless the last second has had as many as there may be."""
        now = time.monotonic()
        self.sent[kind] = [at for at in self.sent[kind] if now - at < 1]
        spent = len(self.sent[kind]) >= self.limits[kind]
        if not spent:
            self.sent[kind].append(now)
        return spent

    def connect(self, fd: int, pointer: Any, length: Any) -> Result:
        address = text(pointer, length)
        refused = host_and_port(address)[0].startswith(LOOPBACK) and self.listener(address) is None
        if refused and self.tcp(fd, STATE) == CLOSE and self.is_spent("reset"):
            ignore_segments(fd, True)
            threading.Timer(0.5, ignore_segments, (fd, False)).start()  # before the SYN is sent again, after a second
        return self.real("connect", fd, pointer, length)

    def send(self, fd: int, *args: Any) -> Result:
        return self.lose(fd, self.real("send", fd, *args))

    def sendto(self, fd: int, *args: Any) -> Result:
        return self.lose(fd, self.real("sendto", fd, *args))

    def lose(self, fd: int, result: Result) -> Result:
        """Clear the pending error of a datagram beyond the limit, as if no ICMP error had arrived."""
        entry = agent.PollFd(fd, 0, 0)
        if self.option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM:
            self.real("poll", ctypes.byref(entry), 1, 0)
            if entry.revents & POLLERR and self.is_spent("error"):
                self.option(fd, SOL_SOCKET, SO_ERROR)
        return result


class IgnoredSignalInterrupts(Kernel):
    """A signal that is ignored by default ends a call with EINTR: NuttX."""

    def __init__(self) -> None:
        super().__init__()
        for number in (signal.SIGWINCH, signal.SIGURG, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
            signal.siginterrupt(number, True)


class FamilyIsOneByte(Kernel):
    """struct sockaddr has sa_len, and a family of one byte: 4.4BSD and what came of it."""

    def __init__(self) -> None:
        super().__init__()
        linux = agent.LAYOUT
        agent.LAYOUT = agent.Layout(linux.families, True, linux.sun_path, linux.in6_size)

    def bind(self, fd: int, pointer: Any, length: Any) -> Result:
        return self.real("bind", fd, taken(pointer), length)

    def connect(self, fd: int, pointer: Any, length: Any) -> Result:
        return self.real("connect", fd, taken(pointer), length)

    def sendto(self, fd: int, raw: bytes, size: Any, how: int, pointer: Any, length: Any) -> Result:
        return self.real("sendto", fd, raw, size, how, taken(pointer), length)

    def getsockname(self, *args: Any) -> Result:
        return given(self.real("getsockname", *args), args[1], args[2])

    def getpeername(self, *args: Any) -> Result:
        return given(self.real("getpeername", *args), args[1], args[2])

    def accept(self, *args: Any) -> Result:
        return given(super().accept(*args), args[1], args[2])

    def recvfrom(self, *args: Any) -> Result:
        return given(self.real("recvfrom", *args), args[4], args[5])


def taken(pointer: Any) -> Any:
    """An address as Linux takes it, whose family has two bytes; sa_len is not looked at."""
    if not isinstance(pointer, ctypes.Array) or len(pointer) < 2:
        return pointer
    raw = bytes(pointer)
    return ctypes.create_string_buffer(struct.pack("=H", raw[1]) + raw[2:], len(raw))


def given(result: Result, pointer: Any, length: Any) -> Result:
    """An address as Linux gives it, with sa_len."""
    if result[0] >= 0 and pointer is not None and length._obj.value >= 2:
        (family,) = struct.unpack_from("=H", pointer.raw)
        pointer[0:2] = bytes([length._obj.value, family])
    return result


def without_errors(asked: int, seen: int) -> int:
    """NetBSD's sodopoll(): an error makes a socket readable and writable; there is no POLLERR and no POLLHUP."""
    ready = asked & (POLLIN | POLLOUT) if seen & POLLERR else 0
    return seen & ~(POLLERR | POLLHUP) | ready


def without_output(_asked: int, seen: int) -> int:
    """FreeBSD's pollscan(), illumos' so_poll(): POLLHUP excludes POLLOUT."""
    return seen & ~POLLOUT if seen & POLLHUP else seen


def without_requests(asked: int, seen: int) -> int:
    """macOS, FreeBSD, NetBSD: a poll() that asks for no events reports none."""
    return seen if asked else 0


KERNELS: dict[str, Callable[[], Kernel]] = {
    "bound-port-drops": BoundPortDrops,
    "full-queue-resets": FullQueueResets,
    "full-queue-is-busy": FullQueueIsBusy,
    "full-path-refuses": FullPathRefuses,
    "backlog-128": functools.partial(Backlog, lambda backlog: backlog if backlog > 0 else 128),  # macOS, solisten()
    "backlog-81": functools.partial(Backlog, lambda backlog: max(backlog, 80) + 1),  # OpenBSD, kern.sominconn
    "backlog-0": functools.partial(Backlog, lambda backlog: backlog),  # NuttX
    "reuseaddr-refuses": ReuseaddrRefuses,
    "linger-is-no-reset": LingerIsNoReset,
    "loopback-is-immediate": LoopbackIsImmediate,
    "connect-always-waits": ConnectAlwaysWaits,
    "name-is-lost": NameIsLost,
    "failed-is-a-corpse": FailedIsACorpse,
    "poll-without-errors": functools.partial(Poll, without_errors),
    "hangup-excludes-output": functools.partial(Poll, without_output),
    "poll-without-events": functools.partial(Poll, without_requests),
    "rates-of-illumos": functools.partial(Limited, resets=40, errors=10),  # tcp_send_rst_chk(), icmp_err_rate_limit()
    "rates-of-netbsd": functools.partial(Limited, resets=100, errors=100),
    "rates-of-freebsd": functools.partial(Limited, resets=200, errors=200),
    "errors-never-come": functools.partial(Limited, resets=sys.maxsize, errors=0),
    "ignored-signal-interrupts": IgnoredSignalInterrupts,
    "family-is-one-byte": FamilyIsOneByte,
}


def entry(name: str) -> dict[str, Any]:
    """An imitation as an entry of a targets file."""
    return {"about": f"this machine, with the imitation {name}", "start": ["{python}", __file__, name],
            "platform": "{host}", "environment": {"PYTHONPATH": str(Path(agent.__file__).parents[1])}}


if __name__ == "__main__":
    agent.libc = KERNELS[sys.argv[1]]()
    agent.main()
