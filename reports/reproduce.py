"""One case as a C program that needs nothing of the suite: its calls in order, with the checks of its clauses."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from reports.common.results import gather
from reports.explain import played, resolve
from reports.reproducer.program import program
from specs import load
from specs.record import Unreadable


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a result file")
    parser.add_argument("case", metavar="CASE", help="a case id, a node id, or a part of only one id")
    parser.add_argument("--target", metavar="T", help="whose calls these are, where several targets played it")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="a C file instead of standard output")


def run(options: Namespace) -> None:
    results = gather([options.file])
    case = resolve(results, options.case)
    columns = played(results, case, options.target)
    if len(columns) > 1:
        raise Unreadable(f"{case} was played on {', '.join(one.label for one in columns)}; --target names one")
    record, clauses = results.cases[case][columns[0].label], load.clauses()
    text = program(record, columns[0], clauses, load.profile(record.platform, clauses).manuals)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
