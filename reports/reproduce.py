"""One case as a C program that needs nothing of the suite: its calls in order, with the checks of its clauses."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from reports.common.lookup import columns_with, find_case
from reports.common.options import add_case, add_output, opened
from reports.common.results import gather
from reports.reproducer import minimal
from reports.reproducer.program import program
from specs import load, pages
from specs.record import Unreadable


def arguments(parser: ArgumentParser) -> None:
    add_case(parser, "the target whose calls these are, if several played the case")
    parser.add_argument("--minimal", action="store_true",
                        help="without the harness: the calls, a check for each that is judged, errors by err(3)")
    add_output(parser, "a C file")


def run(options: Namespace) -> None:
    results = gather([options.file])
    case = find_case(results, options.case)
    columns = columns_with(results, case, options.target)
    if len(columns) > 1:
        raise Unreadable(f"{case} was played on {', '.join(one.label for one in columns)}; --target names one")
    record, clauses = results.cases[case][columns[0].label], load.clauses()
    manuals = pages.profile(record.platform, clauses).manuals
    text = (minimal.program(record, clauses, manuals) if options.minimal else
            program(record, columns[0], clauses, manuals))
    with opened(options.output) as out:
        out.write(text)
