"""How many clauses of each document conform, deviate, fail, are open or were not tested on each target."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from reports import terminal
from reports.results import gather
from specs import load


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="result files, side by side")


def run(options: Namespace) -> None:
    results, to = gather(options.files), terminal.console()
    terminal.heading(to, results)
    terminal.summary(to, results, load.clauses())
