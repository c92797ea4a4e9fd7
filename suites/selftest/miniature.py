"""A target in miniature: answers as if everything went well, and misbehaves in one way where a socket is called `bad`.

    python miniature.py WAY LOG          LOG: a file to which it appends its process id
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

NAME = "name=inet:127.0.0.1:4711"
HELLO = ("hello protocol=3 system=Toy release=1 machine=toy implementation=none domains=AF_INET facilities=poll "
         "verbs=bind,close,connect,getpeername,getsockname,listen,socket")


def write(text: str) -> None:
    os.write(1, text.encode())


def die(status: int, words: str) -> NoReturn:
    sys.stderr.write(f"a line before\n{words}\n")
    sys.stderr.flush()
    os._exit(status)


def hang() -> NoReturn:
    write("")
    while True:
        signal.pause()


def flood(text: str) -> NoReturn:
    while True:
        write(text * 1000)


def talk() -> None:
    """Write more to standard error than any pipe holds."""
    for _ in range(300):
        sys.stderr.write("x" * 9999 + "\n")
    sys.stderr.write("and an end\n")
    sys.stderr.flush()


def fork() -> None:
    """Leave a process that does not end by itself."""
    if os.fork() == 0:
        with Path(sys.argv[2]).open("a") as file:
            file.write(f"{os.getpid()}\n")
        hang()


def honest(request: str, connected: bool) -> str:
    """The answer of a system on which all is well."""
    verb, _, _ = request.partition(" ")
    if verb in ("getsockname", "getpeername"):
        return f"ok {NAME}"
    return "EISCONN" if verb == "connect" and connected else "ok"


# What a way does with a request about a bad socket; the text is the answer.
WAYS: dict[str, Callable[[str, bool], str]] = {
    "honest": honest,
    "lies": lambda request, connected: "ok",
    "lies-well": lambda request, connected: f"ok {NAME}",
    "other-errno": lambda request, connected: "EINVAL" if connected else honest(request, connected),
    "other-value": lambda request, connected: "returned=1" if connected else honest(request, connected),
    "invents": lambda request, connected: "ok extra" if connected else honest(request, connected),
    "rubbish": lambda request, connected: "Traceback (most recent call last):",
    "nothing": lambda request, connected: "",
    "error": lambda request, connected: "error what is that",
    "unsupported": lambda request, connected: "unsupported no such thing here",
    "twice": lambda request, connected: "ok\nok",
    "hangs": lambda request, connected: hang(),
    "hangs-later": lambda request, connected: hang() if connected else honest(request, connected),
    "exits": lambda request, connected: die(3, "out of memory"),
    "crashes": lambda request, connected: os.kill(os.getpid(), signal.SIGSEGV) or "",  # type: ignore[func-returns-value]
    "crashes-later": lambda request, connected: die(4, "panic") if connected else honest(request, connected),
    "floods": lambda request, connected: flood("x"),
    "floods-lines": lambda request, connected: flood("ok\n"),
    "escapes": lambda request, connected: "unsupported \x1b[31mred\x07 " + "x" * 1000,
    "escapes-in-error": lambda request, connected: "error \x1b]0;title\x07",
    "escapes-in-panic": lambda request, connected: die(8, "panic: \x1b[2J"),
    "long-errno": lambda request, connected: "E" + "X" * 100,
    "other-letters": lambda request, connected: "E\N{CYRILLIC CAPITAL LETTER A}",
    "talks": lambda request, connected: talk() or honest(request, connected),  # type: ignore[func-returns-value]
    "forks": lambda request, connected: fork() or honest(request, connected),  # type: ignore[func-returns-value]
    "no-line": lambda request, connected: write("ok") or hang(),  # type: ignore[func-returns-value]
}
RESETS: dict[str, Callable[[], str]] = {"dies-at-reset": lambda: die(5, "double free"), "keeps": lambda: "EBUSY"}
HELLOS: dict[str, Callable[[], str]] = {
    "mute": hang,
    "leaves": lambda: die(6, "no such kernel"),
    "rude": lambda: "welcome to toy\n",
    "terse": lambda: "hello protocol=3 system=Toy\n",
    "newer": lambda: HELLO.replace("protocol=3", "protocol=4") + "\n",
    "floods-first": lambda: flood("x"),
    "answers-nothing": lambda: write(HELLO + "\n") or hang(),  # type: ignore[func-returns-value]
    "networks-of-rubbish": lambda: HELLO + " networks=%7B%7D%7D\n",
    "networks-of-numbers": lambda: HELLO + " networks=%7B%22route%22%3A1%7D\n",
    "colours": lambda: HELLO.replace("=Toy", "=%1B%5B31mToy") + "\n",
}


def main(way: str, log: Path) -> None:
    started_before = way == "starts-once" and log.exists()
    with log.open("a") as file:
        file.write(f"{os.getpid()}\n")
    if started_before:
        die(7, "already running")
    write(HELLOS.get(way, lambda: HELLO + "\n")())
    connected = was_bad = False
    for line in sys.stdin:
        bad = "bad" in line.split()[1:2]
        was_bad |= bad
        if line.split() == ["reset"]:
            write((RESETS[way]() if was_bad and way in RESETS else "ok") + "\n")
            connected = was_bad = False
            continue
        write((WAYS.get(way, honest) if bad else honest)(line, connected and line.startswith("connect")) + "\n")
        connected |= line.startswith("connect")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
