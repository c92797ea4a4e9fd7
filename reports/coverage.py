"""Public tests of other suites with the scenarios that check the same, and scenarios that no such test checks."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

from reports.common import markdown, terminal
from reports.common.peers import Peer, peers, scenarios
from reports.common.results import plural
from reports.common.tables import Field, Table


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "markdown"), default="text")


def run(options: Namespace) -> None:
    if options.format == "markdown":
        for title, table in content(peers(), scenarios()):
            sys.stdout.write(f"## {markdown.plain(title)}\n\n" if title else "")
            sys.stdout.writelines(markdown.table(table))
        return
    to = terminal.console()
    for title, table in content(peers(), scenarios()):
        if title:
            to.print()
            terminal.say(to, title, "bold")
        to.print(terminal.table(table))


def content(others: Sequence[Peer], every: Sequence[str]) -> Iterator[tuple[str, Table]]:
    """Tables with their titles."""
    yield "", suites(others)
    for peer in others:
        yield f"{peer.name}: {peer.about} ({peer.repository})", tests(peer, every)
    missed = frozenset(every) - {id_ for peer in others for test in peer.tests for id_ in test.among(every)}
    yield (f"Only here: {len(missed)} of {plural(len(every), 'scenario')}, which none of these tests checks",
           alone(missed, every))


def suites(others: Sequence[Peer]) -> Table:
    """The number of tests of each suite that scenarios check too."""
    table = Table(("suite", "tests", "found here", "not here"), frozenset({"tests", "found here", "not here"}))
    counts = [(sum(bool(test.scenarios) for test in peer.tests), len(peer.tests)) for peer in others]
    totals = sum(here for here, _ in counts), sum(all_ for _, all_ in counts)
    for name, (here, all_) in zip([*(peer.name for peer in others), "all"], [*counts, totals], strict=True):
        table.add(name, all_, here, all_ - here)
    return table


def tests(peer: Peer, every: Sequence[str]) -> Table:
    """Every test of a suite below its file, with the scenarios that check the same or the reason why none does."""
    table = Table(("test", "checks", "here"))
    for file, members in groupby(peer.tests, key=lambda test: test.file):
        table.add(file, "", "")
        for test in members:
            here = ", ".join(test.among(every)) or f"— {test.why}"
            table.add(Field(test.name, depth=1), test.checks, here)
    return table


def alone(missed: Collection[str], every: Sequence[str]) -> Table:
    """The scenarios that no test of another suite checks, by file."""
    table = Table(("file", "scenarios", "only here", "which"), frozenset({"scenarios", "only here"}))
    for file, members in groupby(every, key=lambda id_: id_.partition("::")[0]):
        ids = list(members)
        names = [id_.partition("::")[2] for id_ in ids if id_ in missed]
        if names:
            table.add(file, len(ids), len(names), ", ".join(names))
    return table
