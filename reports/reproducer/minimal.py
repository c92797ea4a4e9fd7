"""One case as the smallest C program: its calls and a check for each that is judged, errors by err(3), no harness.

It is for a bug report: what a maintainer of the system reads, builds and runs.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from reports.common.aggregate import Clauses
from reports.common.documents import passage, url
from reports.reproducer import lab_setup
from reports.reproducer.c_expr import CALLS, DEFAULTS, chosen, comment, words
from reports.reproducer.minimal_statements import HELPERS, Statements
from reports.reproducer.program import HEADERS_OF, NEWER, reproducible, template
from specs.record import Record, Unreadable

WIDTH = 80
PARAGRAPHS = (*"\n\n".join([DEFAULTS, CALLS]).split("\n\n"), *HELPERS)
# Requests that are beyond a program of its own.
LEFT_OUT: Mapping[str, str] = {
    "^declare ": "its calls are made by a C compiler", " SO_BINDTODEVICE ": "its device is one of the laboratory",
    " memory=": "its address is in memory of its own", " sa_len=": "its address has a length of its own",
    "^(poll|wait|epoll_wait|kevent|accept|send|recv) .* thread=": "it waits on a thread",
    " size=": "its buffer is of another size",
    " unix:/(mnt|media|srv|opt)/": "its path is one of the laboratory"}
VARIABLES: Mapping[str, str] = {
    "took": "double began, took;", "polled": "struct pollfd polled;", "data": "char data[2048];",
    "text": "char text[INET6_ADDRSTRLEN];"}
MAKES_PATH = re.compile(r"sun_path = |SUN_LEN|open\(|mkfifo|symlink")
FOLDER = ('char folder[] = "connect-XXXXXX";', "", "if (!mkdtemp(folder) || chdir(folder) < 0)",
          '    err(2, "%s", folder);')


def program(record: Record, clauses: Clauses, manuals: Sequence[str], until: int | None = None) -> str:
    """The C program. manuals: those that bind the platform; until: the step with which it ends.

    Unreadable: there is nothing to reproduce, or no small program of this system makes the calls.
    """
    case, transcript = reproducible(record, clauses)
    requests = [one.request for one in transcript.entries]
    lacking = next((why for what, why in LEFT_OUT.items() if any(re.search(what, one) for one in requests)), "")
    if lacking:
        raise Unreadable(f"{record.id}: no minimal program: {lacking}")
    calls = Statements(case, transcript, clauses, manuals, until)
    body = list(body_of(calls))
    code = "\n".join(body)
    helpers = "\n\n".join(chosen(code, PARAGRAPHS))
    used = " ".join(words(f"{code} {helpers}"))
    return template("minimal.c").render(
        head=list(head(record, calls, clauses, "pthread_create" in used)), body=body, helpers=helpers,
        options=[(name, number) for name, number in NEWER.items() if name in words(code)],
        headers=sorted(one for one, names in HEADERS_OF.items() if re.search(rf"\b({names})", used)))


def head(record: Record, calls: Statements, clauses: Clauses, threaded: bool) -> Iterator[str]:
    """What the case is, what it obliges to, and how to build and run the program."""
    yield from filled(record.summary)
    for name in calls.cited:
        first = next((one for one in clauses[name].cited if url(one)), clauses[name].cited[0])
        yield ""
        yield from filled(f"{name}: {clauses[name].says}")
        yield from filled(f"    {passage(first)} ({first.force}), {url(first)}")
    yield ""
    yield f"cc -std=c99 FILE.c{' -lpthread' if threaded else ''} && ./a.out"
    yield "Exit status: 0 as documented, 1 not so, 2 the state is not reached."
    if any(entry.verb == "chmod" for entry in calls.entries):
        yield "Run it as an ordinary user: permissions do not bind root."
    commands = list(lab_setup.commands(record.transcript()))
    if commands:
        yield "It needs, on Linux:"
        yield from (f"    {comment(one)}" for one in commands)


def filled(text: str) -> list[str]:
    indent = text[:len(text) - len(text.lstrip())]
    return textwrap.wrap(comment(text.strip()), WIDTH - 3, initial_indent=indent, subsequent_indent=indent,
                         break_long_words=False, break_on_hyphens=False)


def body_of(calls: Statements) -> Iterator[str]:
    """The lines of main(), in its indent: variables, what initialises them, the calls."""
    spelling, text = calls.spelling, "\n".join(calls.lines)
    used = words(text)
    numbers = (*spelling.sockets.values(), "value", "error", "got", *dict.fromkeys(calls.attempts.values()))
    yield from declaration("int", [one for one in numbers if one in used])
    yield from declaration("static struct call", [one for one in spelling.threads.values() if one in used])
    yield from declaration("static Child", [one for one in spelling.children.values() if one in used])
    yield from (line for name, line in VARIABLES.items() if name in used)
    for one in spelling.declared:
        yield from wrapped(one)
    if any(MAKES_PATH.search(one) for one in (text, *spelling.declared)):
        yield from FOLDER
    yield from (["signal(SIGPIPE, SIG_IGN);"] if used & {"send", "sendto", "intact"} else [])
    yield from spelling.prologue
    for line in calls.lines:
        yield from (piece for one in line.split("\n") for piece in wrapped(one))
    yield "return 0;"


def declaration(kind: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield from textwrap.wrap(f"{kind} {', '.join(names)};", WIDTH - 4, subsequent_indent=" " * len(kind + " "))


def wrapped(line: str) -> list[str]:
    """A line of C, or the parts of one that is too long."""
    if len(line) <= WIDTH - 4:
        return [line]
    indent = re.match(r" *", line)
    assert indent
    deeper = indent[0] + "    "
    found, rest = [], line
    while len(rest) > WIDTH - 4:
        at = max((rest.rfind(", ", len(deeper) + 1, WIDTH - 4), rest.rfind(" && ", 0, WIDTH - 4),
                  rest.rfind(" || ", 0, WIDTH - 4)))
        if at <= len(deeper) or rest[:at].count('"') % 2:
            break
        cut = at + (1 if rest[at] == "," else 0)
        found.append(rest[:cut])
        rest = deeper + rest[cut:].lstrip()
    return [*found, rest]
