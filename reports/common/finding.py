"""Findings: departures that have one cause, by platform, the most serious first, with a case as the example."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from reports.common.alignment import align, keyed
from reports.common.results import Column, Results, first_n
from reports.common.tables import Table
from reports.common.wording import departure, expectation, untimely
from specs.model import Allowed, declared_at
from specs.outcomes import is_errno, is_timed, matches, normalise
from specs.record import Declared, PlayedStep, Record, Unreadable
from specs.words import spell_allowed, spell_observed, spell_time

NATIVE = "native"  # the target beside which others are printed
# The most serious first; last, what a manual documents or leaves to the platform.
SERIOUSNESS = ("crash", "wrong success", "lost error", "hang", "wrong failure", "wrong state", "wrong errno",
               "wrong time", "documented", "choice")
HELD = frozenset({"conforms", "recorded", "unsupported"})  # of a clause: none of its checks departs, which is worse


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

    @property
    def names(self) -> tuple[str, ...]:
        """What a person may call it: its name, that which `accept` would give it, its clause if it is undeclared."""
        given = re.sub(r"[^a-z0-9]+", "-", f"{self.clause}-gives-{self.step.ret}".lower())
        return self.name, *(() if self.declared else (given, self.clause))


def findings(results: Results, target: str | None = None) -> list[Finding]:
    """All findings, of one target if it is named, by platform, then the most serious and the most frequent first."""
    found: dict[tuple[str, str], Finding] = {}
    for case, column, record, step, clause in departures(results):
        if target not in (None, column.label, column.name):
            continue
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


def named(results: Results, bug: str, target: str | None = None) -> Finding:
    """The finding with a name; Unreadable: there is none, or several."""
    columns = [name for column in results.columns for name in (column.label, column.name)]
    if target not in (None, *columns):
        raise Unreadable(f"no target {target!r}; there are {', '.join(dict.fromkeys(columns))}")
    every = findings(results, target)
    found = [one for one in every if bug in one.names]
    if not found:
        names = [one.name for one in every]
        near = difflib.get_close_matches(bug, names, 3, 0.5) or names
        raise Unreadable(f"no finding is called {bug!r}; there are {first_n(near, 3) or 'none'}")
    if len(found) > 1 and len({one.platform for one in found}) == len(found):
        raise Unreadable(f"{bug!r} shows on {', '.join(one.column.label for one in found)}; --target names one")
    if len(found) > 1:
        raise Unreadable(f"{bug!r} is the name of several findings; name one of "
                         f"{'; '.join(repr(one.name) for one in found)}")
    return found[0]


def departures(results: Results,
               cases: Iterable[str] | None = None) -> Iterator[tuple[str, Column, Record, PlayedStep, str]]:
    """Every check that departs, of all cases or of these. Of a case whose clauses hold none does: no call is read."""
    chosen = results.cases if cases is None else {case: results.cases[case] for case in cases}
    return ((case, column, records[column.label], step, clause)
            for case, records in chosen.items() for column in results.columns if column.label in records
            if not HELD.issuperset(records[column.label].clauses.values())
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


# --- Its calls ----------------------------------------------------------------------------------------------


def transcripts(one: Finding, results: Results, decisive: bool = False) -> Table:
    """The scenario's own calls, those of the platform beside the native ones.

    decisive: without probes, and up to the call that departs.
    """
    native = next((column for column in results.columns if column.name == NATIVE and column != one.column), None)
    columns = [column for column in (native, one.column) if column and column.label in results.cases[one.example.id]]
    records = [results.cases[one.example.id][column.label] for column in columns]
    last = one.step.step if decisive else None
    calls = [keyed(step for step in record.steps if step.line and not (
        decisive and step.verb == "probe") and (last is None or (step.step or 0) <= last)) for record in records]
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
