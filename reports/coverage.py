"""Public tests of other suites with the scenarios that check the same, and scenarios that no such test checks."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from itertools import groupby

from reports.common import markdown, terminal
from reports.common.results import plural
from reports.common.tables import Field, Table
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


def suites(others: Sequence[Peer]) -> Table:
    """The number of tests of each suite that scenarios check too."""
    table = Table(("suite", "tests", "found here", "not here"), frozenset({"tests", "found here", "not here"}))
    for name, figures in [*((peer.name, found(peer)) for peer in others), ("all", total(others))]:
        here, all_ = figures
        table.add(name, all_, here, all_ - here)
    return table


def found(peer: Peer) -> tuple[int, int]:
    """The number of tests of a suite that scenarios check too, and of all its tests."""
    return sum(bool(test.scenarios) for test in peer.tests), len(peer.tests)


def total(others: Sequence[Peer]) -> tuple[int, int]:
    return sum(found(peer)[0] for peer in others), sum(found(peer)[1] for peer in others)


def tests(peer: Peer, every: Sequence[str]) -> Table:
    """Every test of a suite below its file, with the scenarios that check the same or the reason why none does."""
    table = Table(("test", "checks", "here"))
    for file, members in groupby(peer.tests, key=lambda test: test.file):
        table.add(file, "", "")
        for test in members:
            here = ", ".join(map(short, test.among(every))) or f"— {test.why}"
            table.add(Field(test.name, depth=1), test.checks, here)
    return table


def alone(others: Sequence[Peer], every: Sequence[str]) -> Table:
    """The scenarios that no test of another suite checks, by file."""
    missed = unshared(others, every)
    table = Table(("file", "scenarios", "only here", "which"), frozenset({"scenarios", "only here"}))
    for file, members in groupby(every, key=lambda id_: id_.partition("::")[0]):
        ids = list(members)
        names = [id_.partition("::")[2] for id_ in ids if id_ in missed]
        if names:
            table.add(short(file), len(ids), len(names), ", ".join(names))
    return table


def unshared(others: Sequence[Peer], every: Sequence[str]) -> frozenset[str]:
    return frozenset(every) - frozenset(shared(others, every))


def shared(others: Sequence[Peer], every: Sequence[str]) -> Iterator[str]:
    return (id_ for peer in others for test in peer.tests for id_ in test.among(every))


def short(id_: str) -> str:
    return id_.removeprefix("suites/")
