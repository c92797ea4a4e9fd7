"""Recorded transcripts judged again, by the page of another platform or by one document alone; what fails by it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from reports.common import terminal
from reports.common.aggregate import Clauses
from reports.common.results import Run, merge, read, write
from specs import load, pages
from specs.judge import Judgement, judge
from specs.model import Clause, Profile, worst
from specs.record import Declared, PlayedStep, Record, Unreadable, stored


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a result file")
    by = parser.add_mutually_exclusive_group(required=True)
    by.add_argument("--platform", metavar="P", help="the page specs/platforms/P.yaml")
    by.add_argument("--document", metavar="D", help="a document alone, without a page: posix-2017, linux, …")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="a result file instead of the summary")


def run(options: Namespace) -> None:
    clauses = load.clauses()
    standard = by_platform(options.platform, clauses) if options.platform else by_document(options.document, clauses)
    again = rejudge(read(options.file), standard)
    if options.output:
        with options.output.open("wb") as out:
            write(again, out)
    else:
        terminal.summary(merge((again,)), standard.clauses, sys.stdout)
        terminal.failing(merge((again,)), standard.clauses, sys.stdout)


@dataclass(frozen=True)
class Standard:
    """What results are judged by. clauses: those that count; platform: whose page it is, if it is one."""

    name: str
    clauses: Clauses
    profile: Profile
    platform: str = ""


def by_platform(platform: str, clauses: Clauses) -> Standard:
    return Standard(f"platform {platform}", clauses, pages.profile(platform, clauses), platform)


def by_document(document: str, clauses: Clauses) -> Standard:
    """The clauses that a document states, with its force, and no page."""
    alone = {name: alone_in(document, clause) for name, clause in clauses.items()}
    stated = {name: clause for name, clause in alone.items() if clause.cited}
    if not stated:
        known = dict.fromkeys(one.document for clause in clauses.values() for one in clause.cited)
        raise Unreadable(f"no clause cites {document!r}; cited are {', '.join(known)}")
    return Standard(f"document {document}", stated, Profile(document, (document,), ()))


def alone_in(document: str, clause: Clause) -> Clause:
    return replace(clause, cited=tuple(one for one in clause.cited if one.document == document))


def rejudge(run_: Run, standard: Standard) -> Run:
    """The run with other verdicts, without the cases that have no clause of the standard."""
    known = load.clauses()
    records = [again for record in run_.records if (again := rejudge_record(record, standard, known))]
    targets = {name: msgspec.structs.replace(target, platform=standard.platform or target.platform)
               for name, target in run_.header.targets.items()}
    header = msgspec.structs.replace(run_.header, targets=targets, judged=standard.name)
    return Run(run_.file, header, tuple(records), run_.torn)


def rejudge_record(record: Record, standard: Standard, known: Mapping[str, Clause]) -> Record | None:
    """One result with other verdicts; None if it has no clause of the standard."""
    gone = [clause for clause in record.clauses if clause not in known]
    if gone:
        raise Unreadable(f"{record.id}: no clause {gone[0]!r} any more; play it again")
    case = record.case()
    # Clauses that the standard does not state have no documents, so that departures from them have no verdict.
    others = {name: replace(clause, cited=()) for name, clause in known.items() if name not in standard.clauses}
    judgement = judge(case, record.transcript(), {**others, **standard.clauses}, standard.profile)
    clauses = {clause: verdict for clause, verdict in judgement.clauses.items() if clause in standard.clauses}
    if not clauses:
        return None
    verdict = "crashed" if judgement.verdict == "crashed" else worst(list(clauses.values()))
    return msgspec.structs.replace(
        record, platform=standard.platform or record.platform, verdict=verdict, clauses=clauses,
        calls=stored(rejudge_step(step, judgement, standard) for step in record.steps),
        reason="" if verdict == "conforms" else judgement.reason,
        deviations=tuple(map(Declared.of, judgement.deviations)))


def rejudge_step(step: PlayedStep, judgement: Judgement, standard: Standard) -> PlayedStep:
    if step.step is None or not step.expected:
        return step
    verdicts = {clause: verdict for clause, verdict in judgement.steps.get(step.step, {}).items()
                if clause in standard.clauses}
    return step.judge(verdicts)
