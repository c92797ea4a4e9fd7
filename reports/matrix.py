"""Clauses, scenarios and variants against targets: a verdict in each cell, and what was observed instead."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from typing import IO

from reports.common import markdown, terminal
from reports.common.aggregate import Clauses
from reports.common.options import add_files, add_output, opened
from reports.common.results import Results, gather
from reports.html import page
from specs import load

Render = Callable[[Results, Clauses, bool, IO[str]], None]

FORMATS: Mapping[str, Render] = {"text": terminal.matrix, "markdown": markdown.matrix, "html": page.matrix}


def arguments(parser: ArgumentParser) -> None:
    add_files(parser, "result files, side by side")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--all", action="store_true", help="scenarios and variants too (html: opened)")
    add_output(parser, "a file")


def run(options: Namespace) -> None:
    results = gather(options.files)
    with opened(options.output) as out:
        FORMATS[options.format](results, load.clauses(), options.all, out)
