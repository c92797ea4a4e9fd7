"""Every departure, declared or not, by platform, the most serious first, with its calls beside the native ones."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from reports.common.aggregate import Clauses
from reports.common.alignment import align, keyed
from reports.common.markdown import plain, table
from reports.common.options import add_files, add_output, opened
from reports.common.results import Column, Results, gather, plural
from reports.common.tables import Table
from reports.common.wording import again, citations, departure, expectation, untimely
from specs import load
from specs.model import Allowed, declared_at
from specs.outcomes import is_errno, is_timed, matches, normalise
from specs.record import Declared, PlayedStep, Record
from specs.words import spell_allowed, spell_observed, spell_time

NATIVE = "native"  # the target beside which others are printed
# The most serious first; last, what a manual documents or leaves to the platform.
SERIOUSNESS = ("crash", "wrong success", "lost error", "hang", "wrong failure", "wrong state", "wrong errno",
               "wrong time", "documented", "choice")


def arguments(parser: ArgumentParser) -> None:
    add_files(parser, "result files")
    add_output(parser, "a Markdown file")


def run(options: Namespace) -> None:
    results, clauses = gather(options.files), load.clauses()
    text = "".join(f"{line}\n" for line in report(results, clauses))
    with opened(options.output) as out:
        out.write(text)


@dataclass
class Finding:
    """One bug of a page, or one undeclared outcome of one clause, with the most serious case as the example.

    seen: the outcome of the example. clauses, cases: those with the finding.
    """

    kind: str
    clause: str
    seen: str
    declared: Declared | None
    column: Column
    example: Record
    step: PlayedStep
    clauses: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)

    @property
    def platform(self) -> str:
        return self.example.platform

    @property
    def name(self) -> str:
        """The name of the bug; without one, the clause and what was seen."""
        return self.declared.bug if self.declared and self.declared.bug else f"{self.clause}, {self.seen}"


def findings(results: Results) -> list[Finding]:
    """All findings, by platform, then the most serious and the most frequent first."""
    found: dict[tuple[str, str], Finding] = {}
    for case, column, record, step, clause in departures(results):
        entry, named = declared(record, step, clause)
        seen = spell_allowed([named]) if entry else departure(step, clause, record.names) or step.ret
        kind = entry.status if entry and entry.status != "bug" else kind_of(step, clause)
        new = Finding(kind, clause, seen, entry, column, record, step)
        key = record.platform, new.name if entry and entry.bug else f"{kind} {new.name}"
        one = found.setdefault(key, new)
        if SERIOUSNESS.index(kind) < SERIOUSNESS.index(one.kind):
            new.clauses, new.cases = one.clauses, one.cases
            found[key] = one = new
        one.cases.extend([case] if case not in one.cases else [])
        one.clauses.extend([clause] if clause not in one.clauses else [])
    return sorted(found.values(), key=lambda one: (one.platform, SERIOUSNESS.index(one.kind), -len(one.cases),
                                                   one.name))


def departures(results: Results) -> Iterator[tuple[str, Column, Record, PlayedStep, str]]:
    return ((case, column, records[column.label], step, clause)
            for case, records in results.cases.items() for column in results.columns if column.label in records
            for step in records[column.label].steps for clause, verdict in step.judged.items()
            if verdict in ("deviates", "fails", "crashed"))


def kind_of(step: PlayedStep, clause: str) -> str:
    """The kind of a departure, one of SERIOUSNESS."""
    allowed, ret = step.allowed(clause), step.ret
    refuses = all((is_errno(one) and one != "EINPROGRESS") or one == "blocks" for one in allowed)
    if ret == "crashed":
        return "crash"
    if untimely(step, clause):
        return "wrong time"
    if ret == "blocks":
        return "hang"
    if ret == "ok":
        errors = [one.get("value") for one in allowed if isinstance(one, Mapping)]
        lost = step.observed.get("value") == "ok" and any(map(is_errno, filter(None, errors)))
        return "wrong success" if refuses else "lost error" if lost else "wrong state"
    return "wrong errno" if all(map(is_errno, allowed)) else "wrong failure"


def declared(record: Record, step: PlayedStep, clause: str) -> tuple[Declared | None, Allowed]:
    """The entry of the page that declares the outcome, and the outcome that it declares for this check."""
    entries = [one for one in record.deviations if one.clause == clause]
    if not entries or step.judged[clause] != "deviates":
        return None, ""
    transcript = record.transcript()
    made = transcript.entries[record.steps.index(step)]
    position = [one for one in record.steps if clause in one.judged].index(step)
    found = [(one, declared_at(one.observed, position)) for one in entries]
    return next(((one, outcome) for one, outcome in found if matches(outcome, made, transcript)), (None, ""))


# --- As Markdown --------------------------------------------------------------------------------------------


def report(results: Results, clauses: Clauses) -> Iterator[str]:
    """A chapter for each platform, a section for each finding."""
    yield "# Findings"
    yield ""
    yield "Written by `python -m reports findings`; not to be edited."
    for note in results.notes:
        yield f"\n> **{plain(note)}**"
    every = findings(results)
    native = {one.name: set(one.cases) for one in every if one.column.name == NATIVE}
    for platform, members in groupby(every, key=lambda one: one.platform):
        found = list(members)
        own = [one for one in found if one.column.name == NATIVE
               or not native.get(one.name, set()).issuperset(one.cases)]
        undeclared = sum(one.declared is None for one in own)
        yield f"\n## {plain(platform)}\n"
        yield from (f"- {plain(column.title)}" for column in results.columns if column.target.platform == platform)
        yield f"- {plural(len(own), 'finding')}, {undeclared} of them undeclared"
        if len(own) < len(found):
            yield f"- and {len(found) - len(own)} that {NATIVE} has too, in the same cases"
        for one in own:
            yield from section(one, results, clauses)


def section(one: Finding, results: Results, clauses: Clauses) -> Iterator[str]:
    clause, expects = clauses.get(one.clause), spell_allowed(one.step.allowed(one.clause))
    yield f"\n### {one.kind}: {plain(one.name)}\n"
    yield f"- {plain(one.clause)}: {plain(f'{clause.says} {citations(clause)}' if clause else 'not in specs')}"
    yield f"- seen: {plain(f'{one.step.text} = {outcome(one.step, one.example)}, expected {expects}')}"
    if one.declared:
        yield f"- because: {plain(one.declared.because)} ({one.declared.status})"
        yield f"- source: {plain(one.declared.source)}"
    else:
        yield "- **undeclared**"
    if len(one.clauses) > 1:
        yield f"- clauses: {plain(', '.join(one.clauses))}"
    yield f"- in {plural(len(one.cases), 'case')}; again: {plain(again(one.example.id, one.example.target))}\n"
    yield from (line.rstrip("\n") for line in table(transcripts(one, results)))


def transcripts(one: Finding, results: Results) -> Table:
    """The scenario's own calls, those of the platform beside the native ones."""
    native = next((column for column in results.columns if column.name == NATIVE and column != one.column), None)
    columns = [column for column in (native, one.column) if column and column.label in results.cases[one.example.id]]
    records = [results.cases[one.example.id][column.label] for column in columns]
    calls = [keyed(step for step in record.steps if step.line) for record in records]
    made = Table(("call", "expected", *(column.label for column in columns)))
    for key, step in align(calls).items():
        seen = (outcome(steps[key], record) if key in steps else ""
                for steps, record in zip(calls, records, strict=True))
        made.add(step.text, expected(step), *seen)
    return made


def expected(step: PlayedStep) -> str:
    return "; ".join(dict.fromkeys(expectation(step, clause) for clause in step.expected))


def outcome(step: PlayedStep, record: Record) -> str:
    """What a call returned; its time, which is another in every run, only if it is checked."""
    timed = any(is_timed(step.allowed(clause)) for clause in step.expected)
    return spell_observed(normalise(step.observed, record.names)) + (spell_time(step.seconds) if timed else "")
