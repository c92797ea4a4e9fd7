"""Results in the Test Anything Protocol, version 14: declared deviations are TODO, unsupported cases SKIP."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

import yaml

from reports.common.options import add_files
from reports.common.results import Column, gather
from reports.common.wording import again, visible
from specs.model import FAILING
from specs.record import Record


def arguments(parser: ArgumentParser) -> None:
    add_files(parser, "result files, one after the other")


def run(options: Namespace) -> None:
    results = gather(options.files, options.merge)
    points = [(column, record) for records in results.cases.values() for column in results.columns
              if (record := records.get(column.label))]
    print("TAP version 14")
    print(f"1..{len(points)}")
    for number, (column, record) in enumerate(points, 1):
        sys.stdout.writelines(f"{line}\n" for line in point(number, column, record))
    for note in results.notes:
        print(f"{'Bail out!' if note.startswith('torn') else '#'} {visible(note)}")


def point(number: int, column: Column, record: Record) -> Iterator[str]:
    """One test point; after a failure, a YAML block with its clauses and the command that plays it again."""
    directive = ""
    if record.verdict == "unsupported":
        directive = f" # SKIP {plain(record.reason)}"
    elif record.verdict == "deviates":
        directive = f" # TODO {record.verdict}: {plain(record.reason)}"
    result = "ok" if record.verdict in ("conforms", "recorded", "unsupported") else "not ok"
    yield f"{result} {number} - {plain(f'{record.id} {column.label}')}{directive}"
    if record.verdict in FAILING:
        about = {"verdict": record.verdict, "reason": record.reason, "clauses": record.clauses,
                 "again": again(record.id, record.target, column.target.file)}
        yield "  ---"
        yield from (f"  {line}" for line in yaml.safe_dump(about, sort_keys=False, width=1000).splitlines())
        yield "  ..."


def plain(text: str) -> str:
    """The text without effect as a directive."""
    return visible(text).replace("\\", "\\\\").replace("#", "\\#")
