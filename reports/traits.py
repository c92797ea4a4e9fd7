"""What each target answers in each state of random walks, beside what documents require there."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from rich.console import Console

from reports.common import terminal
from reports.common.aggregate import Clauses
from reports.common.options import add_files, platform_name
from reports.common.results import Column, Results, gather
from reports.common.tables import Field, Table
from specs import load, pages
from specs.machine.coverage import Transition, expected, neither, transitions
from specs.machine.oracle import follow
from specs.machine.rules import is_judged
from specs.machine.traits import ANSWERS, Answers, Recorded, Words, recorded
from specs.model import Profile
from specs.record import Record, Unreadable

WALKS = "suites/walks/test_walks.py::walks"
Seen = Mapping[tuple[str, str], Counter[str]]  # rule and kind of socket -> answers, each with its number


def arguments(parser: ArgumentParser) -> None:
    add_files(parser, "result files of runs with --walks")
    parser.add_argument("--all", action="store_true", help="every rule, not only those that targets differ in or that "
                        "a clause is broken under")
    parser.add_argument("--record", metavar="P", type=platform_name,
                        help="write what the one target answers to specs/machine/answers/P.json, where it differs from "
                        "what the platform inherits")
    parser.add_argument("--coverage", action="store_true", help="which transitions of the machine the walks have used, "
                        "or the scenarios in the files expect; those that none does")
    parser.add_argument("--add", action="store_true", help="keep what is recorded, too")


def run(options: Namespace) -> None:
    results, clauses = gather(options.files, options.merge), load.clauses()
    to = terminal.console(sys.stdout)
    if not any(walks(results, column) for column in results.columns):
        raise Unreadable("no walks: they are played by pytest suites/walks --walks N")
    if options.record:
        record(options.record, results, pages.profile(options.record, clauses), clauses, options.add)
        return
    seen: dict[str, Seen] = {}
    answers: dict[str, Answers] = {}
    for column in results.columns:
        profile = pages.profile(column.target.platform, clauses)
        answers[column.label] = Answers(clauses, profile.manuals, profile.manuals)
        seen[column.label] = answered(walks(results, column), answers[column.label])
    terminal.heading(to, results)
    if options.coverage:
        covered(to, results, seen, answers)
    else:
        to.print(terminal.table(table(seen, answers, options.all)))


def walks(results: Results, column: Column) -> list[Record]:
    return [records[column.label] for case, records in results.cases.items()
            if case.startswith(WALKS) and column.label in records]


def answered(records: Iterable[Record], answers: Answers, doubtful: bool = False) -> Seen:
    """What calls answered, by the rule they fell under, where there is no doubt about that.

    doubtful: the first answer of a walk that departs counts too, under the rule by which a run reports it.
    """
    seen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in records:
        first = doubtful
        for call in follow(one.case(), one.transcript(), answers):
            if (call.sure or (first and call.broken)) and is_judged(call.rule):
                seen[call.rule, call.kind][call.word] += 1
            first = first and not call.broken
    return seen


def table(seen: Mapping[str, Seen], answers: Mapping[str, Answers], every: bool) -> Table:
    """A row for each rule and kind of socket; what breaks a clause that binds the target is coloured like a failure."""
    made = Table(("rule", "socket", "required", *seen))
    for rule, kind in sorted({key for one in seen.values() for key in one}):
        required = {f"{clause}: {'|'.join(allowed)}" for one in answers.values()
                    for clause, allowed in one.required(rule, kind)}
        cells = [Field(", ".join(sorted(one.get((rule, kind), {}))),
                       verdict(answers[label], rule, kind, one.get((rule, kind), {}))) for label, one in seen.items()]
        given = {cell.text for cell in cells if cell.text}
        if every or len(given) > 1 or any(cell.verdict == "fails" for cell in cells):
            made.add(rule, kind, ", ".join(sorted(required)), *cells)
    return made


def verdict(answers: Answers, rule: str, kind: str, words: Iterable[str]) -> str:
    """How a cell is coloured: by the documents alone, whatever is recorded."""
    alone = Answers(answers.clauses, answers.manuals)
    if not any(True for _ in alone.required(rule, kind)):
        return "recorded"
    return "fails" if any(alone.broken(rule, kind, word) for word in words) else "conforms"


def covered(to: Console, results: Results, seen: Mapping[str, Seen], answers: Mapping[str, Answers]) -> None:
    """Of each target how many of the machine's transitions are used, by kind of socket, and those that are not."""
    for label, its in seen.items():
        played = [records[label].case() for records in results.cases.values() if label in records]
        every = list(transitions(answers[label]))
        unused = not_used(every, its, expected(played, answers[label]))
        figures = Table(("socket", "transitions", "used", "%"), frozenset({"transitions", "used", "%"}))
        for kind in (*sorted({one.kind for one in every}), ""):
            total, left = (sum(kind in ("", one.kind) for one in some) for some in (every, unused))
            figures.add(kind or "all", total, total - left, f"{100 * (total - left) / total:.1f}")
        terminal.say(to, label, "bold")
        to.print(terminal.table(figures))
        left_over = Table(("not used", "socket", "answer"))
        for one in unused:
            left_over.add(one.rule, one.kind, one.word or "not recorded")
        to.print(terminal.table(left_over))


def not_used(every: Sequence[Transition], seen: Seen, stated: Collection[Transition]) -> list[Transition]:
    """A rule of which no answer is known is used by any."""
    known = {Transition(rule, kind, word) for (rule, kind), words in seen.items() for word in (*words, "")}
    return neither(every, known, stated)


def record(platform: str, results: Results, profile: Profile, clauses: Clauses, add: bool) -> None:
    """Write what a platform answers, one rule a line, so that a difference between versions is read line by line.

    The walks are followed by documents and what is inherited, then by what came of that, which leaves fewer states
    possible; at last what departs still is written, whatever state it is of. Of a state that no platform above has been
    in nothing is written: it is rare, and no difference.
    """
    if len(results.columns) != 1:
        raise Unreadable(f"--record takes one target; there are {', '.join(one.label for one in results.columns)}")
    played, above = walks(results, results.columns[0]), [one for one in profile.manuals if one != platform]
    inherited = Answers(clauses, profile.manuals, above)
    own = recorded(platform) if add else {}
    for is_last in (False, False, True):
        seen = answered(played, replace(inherited, own=own), doubtful=is_last)
        own = differing(seen, inherited, own if add or is_last else {})
    (ANSWERS / f"{platform}.json").write_text(text(own), encoding="utf-8")
    print(f"{ANSWERS.name}/{platform}.json: {sum(map(len, own.values()))} answers of {len(own)} rules")


def differing(seen: Seen, inherited: Answers, kept: Recorded) -> Recorded:
    """What was answered and is not inherited, and what is kept."""
    own: dict[str, dict[str, Words]] = {rule: dict(kinds) for rule, kinds in kept.items()}
    for (rule, kind), words in seen.items():
        above, before = inherited.of_platform(rule, kind), own.get(rule, {}).get(kind, ())
        is_new = not set(words) <= set(above) and bool(above or not any(inherited.records))
        if is_new or before:
            own.setdefault(rule, {})[kind] = tuple(sorted({*before, *words}))
    return own


def text(answers: Recorded) -> str:
    lines = [f"{json.dumps(rule)}: {json.dumps(kinds, sort_keys=True)}" for rule, kinds in sorted(answers.items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"
