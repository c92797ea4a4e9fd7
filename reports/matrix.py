"""Clauses, scenarios and variants against targets: a verdict in each cell, and what was observed instead."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from reports.common import markdown, terminal
from reports.common.aggregate import Clauses
from reports.common.options import add_files, add_output, opened
from reports.common.results import Results, gather
from reports.html import page, since
from specs import load

Render = Callable[[Results, Clauses, Namespace, IO[str]], None]


def arguments(parser: ArgumentParser) -> None:
    add_files(parser, "result files, side by side")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--all", action="store_true", help="scenarios and variants too (html: clauses open)")
    parser.add_argument("--since", action="append", default=[], type=Path, metavar="FILE",
                        help="html: an earlier run, or a folder of them: what is new, and how it went before")
    parser.add_argument("--repository", default="", metavar="URL",
                        help="html: of the suite, https://github.com/OWNER/NAME, for links to scenarios")
    add_output(parser, "a file")


def run(options: Namespace) -> None:
    results = gather(options.files, options.merge)
    with opened(options.output) as out:
        FORMATS[options.format](results, load.clauses(), options, out)


def html(results: Results, clauses: Clauses, options: Namespace, out: IO[str]) -> None:
    extras = page.Extras(options.all, options.repository, since.earlier(options.since))
    page.matrix(results, clauses, extras, out)


FORMATS: Mapping[str, Render] = {
    "text": lambda results, clauses, options, out: terminal.matrix(results, clauses, options.all, out),
    "markdown": lambda results, clauses, options, out: markdown.matrix(results, clauses, options.all, out),
    "html": html,
}
