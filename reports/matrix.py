"""Clauses, scenarios and variants against targets: a verdict in each cell, and what was observed instead."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from reports.common import markdown, terminal
from reports.common.aggregate import Clauses
from reports.common.results import Results, gather
from reports.html import page
from specs import load

Render = Callable[[Results, Clauses, bool, IO[str]], None]

FORMATS: Mapping[str, Render] = {"text": terminal.matrix, "markdown": markdown.matrix, "html": page.matrix}


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="result files, side by side")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--all", action="store_true", help="scenarios and variants too (html: opened)")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="a file instead of standard output")


def run(options: Namespace) -> None:
    results, render = gather(options.files), FORMATS[options.format]
    if options.output is None:
        render(results, load.clauses(), options.all, sys.stdout)
    else:
        with options.output.open("w", encoding="utf-8") as out:
            render(results, load.clauses(), options.all, out)
