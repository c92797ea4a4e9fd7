"""Recorded transcripts judged again: by another platform's profile, or by one document alone."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from reports.common import tables, terminal
from reports.common.aggregate import Clauses
from reports.common.results import Run, read, together, write
from specs import load
from specs.judge import Judgement
from specs.judge import judge as judged
from specs.model import Clause, Profile, worst
from specs.record import Declared, PlayedStep, Record, Unreadable


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a result file")
    by = parser.add_mutually_exclusive_group(required=True)
    by.add_argument("--platform", metavar="P", help="its profile, specs/platforms/P.yaml")
    by.add_argument("--document", metavar="D", help="what it alone states, without a profile: posix-2017, linux, …")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="a result file instead of a summary")


def run(options: Namespace) -> None:
    clauses = load.clauses()
    standard = by_platform(options.platform, clauses) if options.platform else by_document(options.document, clauses)
    again = judge(read(options.file), standard)
    if options.output:
        with options.output.open("wb") as out:
            write(again, out)
        return
    results, to = together((again,)), terminal.console()
    terminal.heading(to, results)
    to.print(terminal.table(tables.targets(results)), "")
    terminal.summary(to, results, standard.clauses)


@dataclass(frozen=True)
class Standard:
    """What is judged by. clauses: those that count; platform: the profile's name, if it is one."""

    told: str
    clauses: Clauses
    profile: Profile
    platform: str = ""


def by_platform(platform: str, clauses: Clauses) -> Standard:
    return Standard(f"platform {platform}", clauses, load.profile(platform, clauses), platform)


def by_document(document: str, clauses: Clauses) -> Standard:
    """The clauses a document states, each as strongly as it does; nobody's deviations are declared."""
    alone = {name: alone_in(document, clause) for name, clause in clauses.items()}
    stated = {name: clause for name, clause in alone.items() if clause.cited}
    if not stated:
        known = dict.fromkeys(one.document for clause in clauses.values() for one in clause.cited)
        raise Unreadable(f"no clause cites {document!r}; cited are {', '.join(known)}")
    return Standard(f"document {document}", stated, Profile(document, (document,), ()))


def alone_in(document: str, clause: Clause) -> Clause:
    return replace(clause, cited=tuple(one for one in clause.cited if one.document == document))


def judge(run_: Run, standard: Standard) -> Run:
    """The run with other verdicts. A case that no clause of the standard has to do with is left out."""
    known = load.clauses()
    records = [again for record in run_.records if (again := judge_record(record, standard, known))]
    targets = {name: msgspec.structs.replace(target, platform=standard.platform or target.platform)
               for name, target in run_.header.targets.items()}
    header = msgspec.structs.replace(run_.header, targets=targets, judged=standard.told)
    return Run(run_.file, header, tuple(records), run_.torn)


def judge_record(record: Record, standard: Standard, known: Mapping[str, Clause]) -> Record | None:
    """One result with other verdicts."""
    gone = [clause for clause in record.clauses if clause not in known]
    if gone:
        raise Unreadable(f"{record.id}: no clause {gone[0]!r} any more; play it again")
    case = record.case()
    # What the standard does not state it leaves open: its departures have no verdict.
    others = {name: replace(clause, cited=()) for name, clause in known.items() if name not in standard.clauses}
    judgement = judged(case, record.transcript(), {**others, **standard.clauses}, standard.profile)
    clauses = {clause: verdict for clause, verdict in judgement.clauses.items() if clause in standard.clauses}
    if not clauses:
        return None
    verdict = "crashed" if judgement.verdict == "crashed" else worst(list(clauses.values()))
    return msgspec.structs.replace(
        record, platform=standard.platform or record.platform, verdict=verdict, clauses=clauses,
        steps=tuple(judge_step(step, judgement, standard) for step in record.steps),
        reason="" if verdict == "conforms" else judgement.reason,
        deviations=tuple(map(Declared.of, judgement.deviations)))


def judge_step(step: PlayedStep, judgement: Judgement, standard: Standard) -> PlayedStep:
    """One call with other verdicts."""
    if step.step is None or not step.expected:
        return step
    verdicts = {clause: verdict for clause, verdict in judgement.steps.get(step.step, {}).items()
                if clause in standard.clauses}
    return step.judge(verdicts)
