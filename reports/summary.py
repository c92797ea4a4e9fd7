"""How many cases of each target have which verdict, and how the clauses of each document stand on it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from reports.common import markdown, tables, terminal
from reports.common.aggregate import Clauses, standings
from reports.common.results import Results, gather, some
from specs import load
from specs.record import Unreadable

BASE = "illumos"  # the document whose clauses the badge counts


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="result files, side by side")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--format", choices=("text", "markdown"), default="text")
    form.add_argument("--badge", action="store_true", help="JSON for shields.io/endpoint: the clauses of one target")


def run(options: Namespace) -> None:
    results, clauses, to = gather(options.files), load.clauses(), terminal.console()
    if options.badge:
        print(json.dumps(badge(results, clauses)))
    elif options.format == "markdown":
        markdown.summary(results, clauses, sys.stdout)
    else:
        terminal.heading(to, results)
        to.print(terminal.table(tables.targets(results)), "")
        terminal.summary(to, results, clauses)


def badge(results: Results, clauses: Clauses) -> dict[str, str | int | bool]:
    """What https://shields.io/badges/endpoint-badge shows: how many clauses that were tested conform."""
    if len(results.columns) != 1:
        there = some([one.label for one in results.columns], 5)
        raise Unreadable(f"a badge is of one target, FILE@TARGET; there are {there or 'none'}")
    made: dict[str, str | int | bool] = {"schemaVersion": 1, "label": f"connect() on {results.columns[0].label}"}
    if results.runs[0].torn:
        return made | {"message": "torn run", "color": "lightgrey", "isError": True}
    (standing,) = (one for one in standings(results, clauses) if one.document == BASE)
    tested = standing.clauses - standing.count("not tested")
    color = "red" if standing.count("fails") else "yellow" if standing.count("deviates") else "brightgreen"
    return made | {"message": f"{standing.count('conforms')} of {tested} clauses conform",
                   "color": color if tested else "lightgrey"}
