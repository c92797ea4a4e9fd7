"""One case as a C program that needs nothing of the suite: its calls in order, with the checks of its clauses."""

from __future__ import annotations

import re
import sys
import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from reports import surroundings
from reports.calls import DECLARES, HELPERS, Calls, comment
from reports.explain import played, resolve
from reports.results import Column, Record, Unreadable, gather
from reports.rows import Clauses
from reports.transcripts import rebuild
from reports.words import citations, declared
from specs import load
from specs.model import Transcript

WIDTH = 118
HEADERS = ("arpa/inet.h", "errno.h", "fcntl.h", "netinet/in.h", "netinet/tcp.h", "signal.h", "stdio.h", "stdlib.h", "string.h",
           "sys/socket.h", "sys/stat.h", "sys/time.h", "unistd.h")
MACROS = {"CALL": (2, "prints a call with its outcome; 2: the exit status if it blocks"),
          "TEST": (1, "likewise, of one that is checked"), "LOOK": (0, "likewise, of one that may do anything")}
TEMPLATES = Path(__file__).parent / "templates"


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a result file")
    parser.add_argument("case", metavar="CASE", help="a case id, a node id, or a part of only one id")
    parser.add_argument("--target", metavar="T", help="whose calls these are, where several targets of the file played it")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="a C file instead of standard output")


def run(options: Namespace) -> None:
    results = gather([options.file])
    case = resolve(results, options.case)
    columns = played(results, case, options.target)
    if len(columns) > 1:
        raise Unreadable(f"{case} was played on {', '.join(one.label for one in columns)}; --target names one")
    text = program(results.cases[case][columns[0].label], columns[0], load.clauses())
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def program(record: Record, column: Column, clauses: Clauses) -> str:
    """The C program. Unreadable: the target could not play the case, so that there is nothing to reproduce."""
    case, transcript = rebuild(record)
    if record.verdict == "unsupported" or not transcript.entries:
        raise Unreadable(f"{record.case}: nothing to reproduce, {record.verdict} on {column.label}: {record.reason}")
    calls = Calls(case, transcript, clauses, load.profile(record.platform, clauses).manuals)
    start = ["start();", *(["enter_folder();"] if calls.folder else [])]
    body = [*declarations(calls), "", *start, *calls.lines, "", "finish(failures ? 1 : 0);"]
    helpers = chosen("\n".join(body))
    return template().render(
        head=list(head(record, column, clauses, transcript)), body=body,
        errnos=sorted(set(re.findall(r"(?:failed\(|errno == )(E[A-Z0-9]+)", "\n".join(body)))),
        macros=[(name, *MACROS[name]) for name in MACROS if name in calls.macros],
        patience=patience(transcript), room=calls.room if any("ROOM" in one for one in helpers) else 0,
        headers=sorted({*HEADERS, *re.findall(r"^#include <(.+)>", "\n".join(helpers), re.MULTILINE)}),
        helpers="\n\n".join(re.sub(r"^#include <.+>\n", "", one, flags=re.MULTILINE) for one in helpers))


@cache
def template() -> Template:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True, keep_trailing_newline=True)  # noqa: S701 C needs no escape of HTML
    return environment.get_template("reproduce.c")


def patience(transcript: Transcript) -> int:
    """Seconds a call may take: 2 where one did not return, 200 where timers of the kernel decide."""
    rets = {entry.observed["ret"] for entry in transcript.entries}
    return 2 if "blocks" in rets else 200 if list(surroundings.commands(transcript)) else 10


# --- the comment at the top ---------------------------------------------------------------------------------


def head(record: Record, column: Column, clauses: Clauses, transcript: Transcript) -> Iterator[str]:
    """What the case is, what it obliges to, what was seen, and how to build and run the program."""
    yield comment(record.case)
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
    yield "Build it with cc FILE.c -lpthread; on illumos and Solaris with cc FILE.c -lsocket -lnsl. The exit status is 0 if"
    yield "the document holds, 1 if it does not, 2 if the state that it speaks of is not reached."
    if any(entry.verb == "chmod" for entry in transcript.entries):
        yield "Run it as an ordinary user: permissions do not bind root."
    commands = list(surroundings.commands(transcript))
    if commands:
        yield "It needs, on Linux:"
        yield from (f"    {comment(one)}" for one in commands)


def filled(text: str, indent: str) -> list[str]:
    return textwrap.wrap(comment(text), WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False,
                         break_on_hyphens=False)


# --- the parts ----------------------------------------------------------------------------------------------


def declarations(calls: Calls) -> Iterator[str]:
    """The variables of main()."""
    yield from listed("int", calls.sockets.values())
    yield from listed("struct caller", calls.threads.values())
    yield from listed("static struct name", calls.names)
    if calls.pairs:
        yield "int pair[2];"


def listed(type_: str, variables: Iterable[str]) -> list[str]:
    text = ", ".join(variables)
    return textwrap.wrap(f"{type_} {text};", WIDTH - 4, subsequent_indent=" " * (len(type_) + 1)) if text else []


@cache
def paragraphs() -> dict[str, str]:
    """What each name is declared in."""
    return {name: paragraph for paragraph in HELPERS.split("\n\n") for name in DECLARES.findall(paragraph)}


def chosen(body: str) -> list[str]:
    """The helpers that the text needs, and those that these need, in the order they stand."""
    needed: set[str] = set()
    left = [body, "error_name called headline lost before after"]
    while left:
        found = {paragraphs()[word] for word in words(left.pop()) if word in paragraphs()} - needed
        needed |= found
        left += found
    return [paragraph.rstrip() for paragraph in HELPERS.split("\n\n") if paragraph in needed]


def words(code: str) -> set[str]:
    """The identifiers of C code."""
    return set(re.findall(r"[A-Za-z_]\w*", re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|^#include [^\n]*', " ", code,
                                                  flags=re.DOTALL | re.MULTILINE)))
