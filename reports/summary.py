"""The number of cases of each target by verdict, and of clauses of each document."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace

from reports.common import markdown, terminal
from reports.common.aggregate import Clauses, count_documents
from reports.common.options import add_files
from reports.common.results import Results, first_n, gather
from specs import load
from specs.record import Unreadable

BASE = "illumos"  # the document whose clauses the badge counts
FORMATS = {"text": terminal.summary, "markdown": markdown.summary}


def arguments(parser: ArgumentParser) -> None:
    add_files(parser, "result files, side by side")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--format", choices=FORMATS, default="text")
    form.add_argument("--badge", action="store_true", help="JSON for shields.io/endpoint, of one target")


def run(options: Namespace) -> None:
    results, clauses = gather(options.files, options.merge), load.clauses()
    if options.badge:
        print(json.dumps(badge(results, clauses)))
    else:
        FORMATS[options.format](results, clauses, sys.stdout)


def badge(results: Results, clauses: Clauses) -> dict[str, str | int | bool]:
    """JSON for https://shields.io/badges/endpoint-badge: how many of the tested clauses conform."""
    if len(results.columns) != 1:
        there = first_n([one.label for one in results.columns], 5)
        raise Unreadable(f"a badge is of one target, FILE@TARGET; there are {there or 'none'}")
    made: dict[str, str | int | bool] = {"schemaVersion": 1, "label": f"connect() on {results.columns[0].label}"}
    if results.runs[0].torn:
        return made | {"message": "torn run", "color": "lightgrey", "isError": True}
    (count,) = (one for one in count_documents(results, clauses) if one.document == BASE)
    tested = count.clauses - count.count("not tested")
    color = "red" if count.count("fails") else "yellow" if count.count("deviates") else "brightgreen"
    return made | {"message": f"{count.count('conforms')} of {tested} clauses conform",
                   "color": color if tested else "lightgrey"}
