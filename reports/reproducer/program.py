"""One case as a C program that needs nothing of the suite: its calls in order, with the checks of its clauses."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from reports.common.aggregate import Clauses
from reports.common.results import Column
from reports.common.wording import citations, declared
from reports.reproducer import lab_setup
from reports.reproducer.c_expr import chosen, comment, words, words_of
from reports.reproducer.statements import Calls
from specs.model import Case, Transcript
from specs.record import Record, Unreadable

WIDTH = 118
# Headers of every program, and of one that uses a name that begins so.
HEADERS = ("errno.h", "signal.h", "stdio.h", "stdlib.h", "string.h", "sys/socket.h", "time.h", "unistd.h")
HEADERS_OF = {
    "arpa/inet.h": "hton|ntoh|inet_", "ctype.h": "isalnum", "dlfcn.h": "dlopen", "err.h": r"errx?\b",
    "errno.h": r"errno\b|E[A-Z0-9]+\b", "fcntl.h": "open|fcntl|[FO]_[A-Z]", "ftw.h": "nftw",
    "linux/filter.h": "BPF_STMT", "linux/seccomp.h": "SECCOMP_",
    "net/if.h": "if_nametoindex", "netinet/in.h": "sockaddr_in|IPPROTO_|IP_|IPV6_|IN6",
    "netinet/tcp.h": "TCP_", "poll.h": "poll|POLL", "port.h": "port_create", "pthread.h": "pthread_",
    "signal.h": "SIG|sig|pthread_kill", "stddef.h": "offsetof", "stdint.h": "uint64_t", "stdio.h": "printf|puts",
    "stdlib.h": "exit|mkdtemp", "string.h": "str|mem", "sys/devpoll.h": "dvpoll", "sys/epoll.h": "epoll_",
    "sys/event.h": "kevent", "sys/ioctl.h": "ioctl", "sys/mman.h": "mmap", "sys/prctl.h": "prctl",
    "sys/select.h": "select", "sys/socket.h": "AF_|SO_|sockaddr", "sys/stat.h": "mkdir|mkfifo|chmod|nftw",
    "sys/syscall.h": "syscall|SYS_",
    "sys/time.h": "timeval", "sys/types.h": "pid_t", "sys/uio.h": "iovec", "sys/un.h": "sockaddr_un",
    "sys/wait.h": "waitpid", "time.h": "clock_gettime|nanosleep|timespec",
    "unistd.h": r"alarm|chdir|close|pipe|symlink|syscall|unlink"}
MACROS = {"CALL": (2, "prints a call with its outcome; 2: the exit status if it blocks"),
          "TEST": (1, "likewise, of one that is checked"), "LOOK": (0, "likewise, of one that may do anything")}
NEWER = {"IP_LOCAL_PORT_RANGE": 51}  # options of Linux that headers in use do not have yet
TEMPLATES = Path(__file__).parent


def program(record: Record, column: Column, clauses: Clauses, manuals: Sequence[str]) -> str:
    """The C program. manuals: those that bind the platform.

    Unreadable: the target could not play the case, so that there is nothing to reproduce.
    """
    case, transcript = reproducible(record, clauses)
    calls = Calls(case, transcript, clauses, manuals)
    enter = ["enter_folder();"] if calls.needs_folder or calls.spelling.has_path else []
    body = [*declarations(calls), "", "start();", *enter, *calls.lines, "", "finish(failures ? 1 : 0);"]
    code = "\n".join(body)
    helpers = chosen(f"{code} lost before after")
    own, theirs = words(code), set[str]().union(*map(words_of, helpers))
    return template("program.c").render(
        head=list(head(record, column, clauses, transcript)), body=body, call_timeout=call_timeout(transcript),
        errnos=sorted(set(re.findall(r"(?:failed\(|errno == |_attempt == )(E[A-Z0-9]+)", code))),
        options=[(name, number) for name, number in NEWER.items() if name in own],
        macros=[(name, *MACROS[name]) for name in MACROS if name in calls.macros],
        bytes=calls.spelling.bytes if "BYTES" in theirs else 0,
        headers=sorted({*HEADERS, *(header for word in own | theirs for header in headers_of(word))}),
        helpers="\n\n".join(helpers))


@cache
def headers_of(word: str) -> tuple[str, ...]:
    """The headers that declare a name."""
    return tuple(header for header, names in HEADERS_OF.items() if re.match(names, word))


def reproducible(record: Record, clauses: Clauses) -> tuple[Case, Transcript]:
    """The case, and what was seen of it; Unreadable: there is nothing to reproduce."""
    case, transcript = record.case(), record.transcript()
    if record.verdict == "unsupported" or not transcript.entries:
        raise Unreadable(f"{record.id}: nothing to reproduce, {record.verdict} on {record.target}: {record.reason}")
    gone = [name for name in (*record.clauses, *case.clauses) if name not in clauses]
    if gone:
        raise Unreadable(f"{record.id}: no clause {gone[0]!r} any more; play it again")
    return case, transcript


@cache
def template(name: str) -> Template:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=False, undefined=StrictUndefined,  # noqa: S701 C
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return environment.get_template(name)


def call_timeout(transcript: Transcript) -> int:
    """Seconds a call may take: few where one did not return, many where timers of the kernel decide."""
    if any(entry.observed["ret"] == "blocks" for entry in transcript.entries):
        return 2
    return 200 if any(lab_setup.commands(transcript)) else 10 + 10 * int(transcript.seconds)


# --- the comment at the top ---------------------------------------------------------------------------------


def head(record: Record, column: Column, clauses: Clauses, transcript: Transcript) -> Iterator[str]:
    """What the case is, what it obliges to, what was seen, and how to build and run the program."""
    yield comment(record.id)
    yield from filled(record.summary, "")
    for name in record.clauses:
        yield ""
        yield from filled(f"{name}: {clauses[name].says}", "")
        yield from filled(citations(clauses[name]), "    ")
    yield ""
    yield from filled(f"{column.title}: {record.verdict}{', ' if record.reason else ''}{record.reason}", "")
    for entry in record.deviations:
        yield from filled(f"declared: {declared(entry)}", "    ")
    yield ""
    yield "Build it with cc FILE.c -lpthread; on illumos and Solaris with cc FILE.c -lsocket -lnsl. The exit status is"
    yield "0 if the document holds, 1 if it does not, 2 if the state that it speaks of is not reached."
    if any(entry.verb == "chmod" for entry in transcript.entries):
        yield "Run it as an ordinary user: permissions do not bind root."
    commands = list(lab_setup.commands(transcript))
    if commands:
        yield "It needs, on Linux:"
        yield from (f"    {comment(one)}" for one in commands)


def filled(text: str, indent: str) -> list[str]:
    return textwrap.wrap(comment(text), WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False,
                         break_on_hyphens=False)


# --- the variables of main() --------------------------------------------------------------------------------


def declarations(calls: Calls) -> Iterator[str]:
    """One line, or several, for each type."""
    for kind, names in (("int", [*calls.spelling.sockets.values(), *dict.fromkeys(calls.attempts.values())]),
                        ("static CallThread", calls.spelling.threads.values()),
                        ("static Child", calls.spelling.children.values()),
                        ("static Address", calls.spelling.addresses)):
        if names:
            yield from textwrap.wrap(f"{kind} {', '.join(names)};", WIDTH - 4, subsequent_indent=" " * len(kind + " "))
