"""The real agent with a fault laid over it: connect() reports another errno, or data arrives altered.

    PYTHONPATH=… python faulty.py FAULT          FAULT: other-errno, ok, or altered; in the path is the suite
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fixtures import agent

PENDING = ("EINPROGRESS", "EALREADY", "EAGAIN")  # without these, what fails later is never reached
OTHER = "EXDEV"  # which no connect() fails with
FAULTS: dict[str, Callable[[str], str]] = {"other-errno": lambda errno: OTHER, "ok": lambda errno: "ok"}
ALTERED = "altered"


def lay_over(verb: str, fault: Callable[[str], str]) -> None:
    """Answer as the fault says wherever the call, or the attempt that SO_ERROR reports, has failed."""
    real = agent.VERBS[verb]

    def faulty(*args: str, **operands: str) -> str:
        reported = real(*args, **operands)
        errno = reported.removeprefix("ok value=")
        if not errno.startswith("E") or errno in PENDING:
            return reported
        return fault(errno) if errno == reported else f"ok value={fault(errno)}"

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


def target(name: str, fault: str) -> str:
    """The entry of a targets file."""
    return (f"{name}:\n  about: this machine, with the fault {fault}\n  start: ['{{python}}', '{__file__}', {fault}]\n"
            f"  platform: '{{host}}'\n  environment: {{PYTHONPATH: '{Path(agent.__file__).parents[1]}'}}\n")


if __name__ == "__main__":
    if sys.argv[1] == ALTERED:
        alter_data()
    else:
        for verb in ("connect", "pthread_join", "getsockopt"):
            lay_over(verb, FAULTS[sys.argv[1]])
    agent.main()
