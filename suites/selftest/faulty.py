"""The real agent with a fault laid over it: another errno, altered data, or one of LAYERS.

    PYTHONPATH=… python faulty.py FAULT          FAULT: other-errno, ok, altered, …; in the path is the suite
"""

from __future__ import annotations

import ctypes
import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fixtures import agent

PENDING = ("EINPROGRESS", "EALREADY", "EAGAIN")  # without these, what fails later is never reached
OTHER = "EXDEV"  # which no connect() fails with
FAULTS: dict[str, Callable[[str], str]] = {"other-errno": lambda _: OTHER, "ok": lambda _: "ok"}
ALTERED = "altered"


def lay_over(verb: str, fault: Callable[[str], str]) -> None:
    """Answer as the fault says wherever the call, or the attempt that SO_ERROR reports, has failed."""
    real = agent.VERBS[verb]

    def faulty(*args: str, **operands: str) -> str:
        reported = real(*args, **operands)
        name = reported.removeprefix("ok value=")
        if not name.startswith("E") or name in PENDING:
            return reported
        return fault(name) if name == reported else f"ok value={fault(name)}"

    agent.VERBS[verb] = faulty


def alter_data() -> None:
    """The first byte of all that recv() takes is another."""
    real = agent.libc

    def libc(function: str, *args: Any) -> tuple[int, int]:
        value, number = real(function, *args)
        if function == "recv" and value > 0:
            args[1][0] = bytes([args[1].raw[0] ^ 1])
        return value, number

    agent.libc = libc


# --- faults of a layer that a program shows which passes, or shares, what the other scenarios do not ----------


def takes_no_padding() -> None:
    """An AF_UNIX path in a whole structure, with bytes behind its null byte, is invalid."""
    real = agent.libc

    def libc(function: str, *args: Any) -> tuple[int, int]:
        if function in ("bind", "connect", "sendto"):
            raw, length = bytes(args[-2] or b""), args[-1].value
            is_path = agent.LAYOUT.family_of(raw) == agent.LAYOUT.families["AF_UNIX"] and raw[2:3] > b"\0"
            if is_path and len(raw[2:].split(b"\0")[0]) + 3 < length == 2 + agent.LAYOUT.sun_path:
                return -1, errno.EINVAL
        return real(function, *args)

    agent.libc = libc


def ignores_fionbio() -> None:
    """ioctl() succeeds and does nothing."""
    agent.VERBS["ioctl"] = lambda *_, **__: "ok"


def close_disconnects() -> None:
    """close() of one of several descriptors of a socket ends what the others have."""
    real = agent.libc
    shared: set[int] = set()

    def libc(function: str, *args: Any) -> tuple[int, int]:
        if function == "close" and args[0] in shared:
            shared.discard(args[0])
            real("shutdown", args[0], agent.constant("SHUT_RDWR"))
        made = real(function, *args)
        if function == "dup":
            shared.update((args[0], made[0]))
        return made

    agent.libc = libc


def child_disconnects() -> None:
    """A child that ends ends what its parent has."""
    real = agent.VERBS["waitpid"]

    def waitpid(it: agent.Agent, name: str) -> str:
        reported = real(it, name)
        for fd in it.open:
            agent.libc("shutdown", fd, agent.constant("SHUT_RDWR"))
        return reported

    agent.VERBS["waitpid"] = waitpid


def forgets_what_is_sent() -> None:
    """close() of a descriptor that a message carries ends its socket."""
    send, close, carried = agent.VERBS["sendmsg"], agent.VERBS["close"], set()

    def sendmsg(it: agent.Agent, name: str, fd: str) -> str:
        carried.add(fd)
        return send(it, name, fd)

    def closed(it: agent.Agent, name: str) -> str:
        if name in carried:
            agent.libc("shutdown", it.fd(name), agent.constant("SHUT_RDWR"))
        return close(it, name)

    agent.VERBS |= {"sendmsg": sendmsg, "close": closed}


def reads_beyond() -> None:
    """A layer reads a byte more of an address than namelen says."""
    real = agent.libc

    def libc(function: str, *args: Any) -> tuple[int, int]:
        if function == "connect":
            ctypes.string_at(args[-2], args[-1].value + 1)
        return real(function, *args)

    agent.libc = libc


LAYERS: dict[str, Callable[[], None]] = {
    ALTERED: alter_data, "no-padding": takes_no_padding, "no-fionbio": ignores_fionbio,
    "close-disconnects": close_disconnects, "child-disconnects": child_disconnects,
    "forgets-what-is-sent": forgets_what_is_sent, "reads-beyond": reads_beyond}


def target(name: str, fault: str) -> str:
    """The entry of a targets file."""
    return (f"{name}:\n  about: this machine, with the fault {fault}\n  start: ['{{python}}', '{__file__}', {fault}]\n"
            f"  platform: '{{host}}'\n  environment: {{PYTHONPATH: '{Path(agent.__file__).parents[1]}'}}\n")


if __name__ == "__main__":
    if sys.argv[1] in LAYERS:
        LAYERS[sys.argv[1]]()
    else:
        for verb in ("connect", "pthread_join", "getsockopt"):
            lay_over(verb, FAULTS[sys.argv[1]])
    agent.main()
