"""Which public tests of other suites are found here, and which scenarios none of them checks."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from itertools import groupby

from reports.common import markdown, terminal
from reports.common.results import plural
from reports.common.tables import Entry, Sheet
from specs.peers import Peer, peers, scenarios


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "markdown"), default="text")


def run(options: Namespace) -> None:
    others, every = peers(), scenarios()
    if options.format == "markdown":
        write_markdown(others, every)
    else:
        write_text(others, every)


def write_text(others: Sequence[Peer], every: Sequence[str]) -> None:
    to = terminal.console()
    to.print(terminal.table(suites(others)), "")
    for peer in others:
        terminal.say(to, title(peer), "bold")
        to.print(terminal.table(tests(peer, every)), "")
    terminal.say(to, only_here(others, every), "bold")
    to.print(terminal.table(alone(others, every)))


def write_markdown(others: Sequence[Peer], every: Sequence[str]) -> None:
    out = sys.stdout
    out.writelines(markdown.table(suites(others)))
    for peer in others:
        out.write(f"## {markdown.plain(title(peer))}\n\n")
        out.writelines(markdown.table(tests(peer, every)))
    out.write(f"## {markdown.plain(only_here(others, every))}\n\n")
    out.writelines(markdown.table(alone(others, every)))


def title(peer: Peer) -> str:
    return f"{peer.name}: {peer.about} ({peer.repository})"


def only_here(others: Sequence[Peer], every: Sequence[str]) -> str:
    missed = unshared(others, every)
    return f"Only here: {len(missed)} of {plural(len(every), 'scenario')}, which none of these tests checks"


def suites(others: Sequence[Peer]) -> Sheet:
    """How many tests of each suite are found here."""
    sheet = Sheet(("suite", "tests", "found here", "not here"), frozenset({"tests", "found here", "not here"}))
    for name, figures in [*((peer.name, found(peer)) for peer in others), ("all", total(others))]:
        here, all_ = figures
        sheet.rows.append((Entry(name), Entry(str(all_)), Entry(str(here)), Entry(str(all_ - here))))
    return sheet


def found(peer: Peer) -> tuple[int, int]:
    """How many tests of a suite are found here, and how many there are."""
    return sum(bool(test.scenarios) for test in peer.tests), len(peer.tests)


def total(others: Sequence[Peer]) -> tuple[int, int]:
    return sum(found(peer)[0] for peer in others), sum(found(peer)[1] for peer in others)


def tests(peer: Peer, every: Sequence[str]) -> Sheet:
    """Every test of a suite below its file, and the scenarios that check the same or why there are none."""
    sheet = Sheet(("test", "checks", "here"), frozenset())
    for file, members in groupby(peer.tests, key=lambda test: test.file):
        sheet.rows.append((Entry(file), Entry(""), Entry("")))
        for test in members:
            here = ", ".join(map(short, test.among(every))) or f"— {test.why}"
            sheet.rows.append((Entry(test.name, depth=1), Entry(test.checks), Entry(here)))
    return sheet


def alone(others: Sequence[Peer], every: Sequence[str]) -> Sheet:
    """The scenarios that no test of another suite checks, by file."""
    missed = unshared(others, every)
    sheet = Sheet(("file", "scenarios", "only here", "which"), frozenset({"scenarios", "only here"}))
    for file, members in groupby(every, key=lambda id_: id_.partition("::")[0]):
        ids = list(members)
        names = [id_.partition("::")[2] for id_ in ids if id_ in missed]
        if names:
            figures = Entry(str(len(ids))), Entry(str(len(names)))
            sheet.rows.append((Entry(short(file)), *figures, Entry(", ".join(names))))
    return sheet


def unshared(others: Sequence[Peer], every: Sequence[str]) -> frozenset[str]:
    return frozenset(every) - frozenset(shared(others, every))


def shared(others: Sequence[Peer], every: Sequence[str]) -> Iterator[str]:
    return (id_ for peer in others for test in peer.tests for id_ in test.among(every))


def short(id_: str) -> str:
    return id_.removeprefix("suites/")
