"""The rows of the matrix (document, clause, scenario, variant), and counts of verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from reports.common.results import Column, Name, Results, first_n
from reports.common.wording import GLYPHS, observed_instead
from specs.model import Clause, worst
from specs.record import Record

Clauses = Mapping[str, Clause]

NO_CASE = "without a case"

# Verdict -> the group in which summaries count a clause. Stale declarations and crashes need a repair; where the state
# under test was not reached, nothing is known about the clause.
GROUPS: Mapping[str, str] = {
    "conforms": "conforms", "deviates": "deviates", "crashed": "fails", "fails": "fails", "stale": "fails",
    "drifted": "fails", "recorded": "recorded", "unresolved": "not tested", "unsupported": "not tested",
    NO_CASE: "not tested",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """The verdicts of one target in the cases of one row, with the number of cases, and what was observed instead."""

    counts: Mapping[str, int]
    observed_instead: tuple[str, ...]

    @property
    def verdict(self) -> str:
        return worst(list(self.counts))

    @property
    def text(self) -> str:
        """`✗ fails 2/12 ECONNREFUSED`: the worst verdict, the number of cases with it, what was observed in them."""
        if not self.counts:
            return ""
        number, total = self.counts[self.verdict], sum(self.counts.values())
        share = [f"{number}/{total}"] if number < total else []
        return " ".join([GLYPHS[self.verdict], self.verdict, *share, first_n(self.observed_instead, 3)]).rstrip()


@dataclass(frozen=True, slots=True)
class Pair:
    """A case and one of its clauses: the leaf of every table."""

    document: str
    clause: str
    case: str
    records: Mapping[str, Record]

    @property
    def name(self) -> Name:
        return Name.of(self.case)


def document_of(clause: str, clauses: Clauses) -> str:
    """The document whose force a clause has: the first cited; of an unknown clause, the first word of its id."""
    return clauses[clause].cited[0].document if clause in clauses else clause.partition(".")[0]


def pairs(results: Results, clauses: Clauses) -> list[Pair]:
    """Every clause of every case, in the order of documents and clauses; unknown clauses are last."""
    documents = {one.cited[0].document: None for one in clauses.values()}
    rank = {name: number for number, name in enumerate([*documents, *clauses])}
    found = [Pair(document_of(clause, clauses), clause, case, records)
             for case, records in results.cases.items()
             for clause in dict.fromkeys(clause for record in records.values() for clause in record.clauses)]
    last = len(rank)
    return sorted(found, key=lambda pair: (rank.get(pair.document, last), pair.document,
                                           rank.get(pair.clause, last), pair.clause, pair.name))


def cell(members: Iterable[Pair], column: str) -> Cell:
    """The verdicts of several leaves on one target."""
    records = [(pair.clause, record) for pair in members
               if (record := pair.records.get(column)) and pair.clause in record.clauses]
    counts = Counter(record.clauses[clause] for clause, record in records)
    decisive = worst(list(counts))
    if decisive == "conforms":
        return Cell(counts, ())  # as nearly all; to read what each call gave would take as long as all else
    seen = (observed_instead(record, clause) for clause, record in records if record.clauses[clause] == decisive)
    return Cell(counts, tuple(dict.fromkeys(filter(None, seen))))


def by_document(members: Iterable[Pair]) -> Iterator[tuple[str, list[Pair]]]:
    return ((key, list(group)) for key, group in groupby(members, key=lambda pair: pair.document))


def by_clause(members: Iterable[Pair]) -> Iterator[tuple[str, list[Pair]]]:
    return ((key, list(group)) for key, group in groupby(members, key=lambda pair: pair.clause))


def by_scenario(members: Iterable[Pair]) -> Iterator[tuple[str, list[Pair]]]:
    return ((f"{topic}::{scenario}", list(group)) for (topic, scenario), group
            in groupby(members, key=lambda pair: (pair.name.topic, pair.name.scenario)))


Likeness = TypeVar("Likeness", bound=Hashable)


def alike(cases: Iterable[str], likeness: Callable[[str], Likeness]) -> Iterator[tuple[str, int, Likeness]]:
    """The cases of each scenario in groups of the same likeness: name, number of cases, likeness.

    A name is `errors/EISCONN::twice[inet, inet6]`.
    """
    groups: dict[tuple[str, Likeness], list[Name]] = {}
    for case in cases:
        name = Name.of(case)
        groups.setdefault((f"{name.topic}::{name.scenario}", likeness(case)), []).append(name)
    for (scenario, same), names in groups.items():
        variants = [name.variant for name in names]
        yield scenario + (f"[{first_n(variants, 2)}]" if any(variants) else ""), len(names), same


# --- Counts -------------------------------------------------------------------------------------------------


def totals(results: Results) -> dict[str, Counter[str]]:
    """Column -> case verdict -> number of cases."""
    return {column.label: Counter(records[column.label].verdict for records in results.cases.values()
                                  if column.label in records) for column in results.columns}


def unsupported(results: Results) -> dict[str, Counter[str]]:
    """Reason -> column -> number of cases that are unsupported for it, the most frequent reason first."""
    reasons: dict[str, Counter[str]] = {}
    for records in results.cases.values():
        for column, record in records.items():
            if record.verdict == "unsupported":
                reasons.setdefault(record.reason or "no reason given", Counter())[column] += 1
    return dict(sorted(reasons.items(), key=lambda item: (-item[1].total(), item[0])))


@dataclass(frozen=True, slots=True)
class DocumentCount:
    """The number of a document's clauses on a target by verdict (NO_CASE: no case was played)."""

    document: str
    column: Column
    verdicts: Mapping[str, int]

    @property
    def clauses(self) -> int:
        return sum(self.verdicts.values())

    def count(self, group: str) -> int:
        return sum(number for verdict, number in self.verdicts.items() if GROUPS[verdict] == group)


def count_documents(results: Results, clauses: Clauses) -> list[DocumentCount]:
    """Every document on every target; a clause counts in each document that cites it, with its worst verdict."""
    worst_of = clause_verdicts(results)
    documents: dict[str, list[str]] = {}
    for clause in dict.fromkeys([*clauses, *(clause for clause, _ in worst_of)]):
        known = clauses.get(clause)
        for document in [one.document for one in known.cited] if known else [document_of(clause, clauses)]:
            documents.setdefault(document, []).append(clause)
    return [DocumentCount(document, column, Counter(worst_of.get((one, column.label), NO_CASE) for one in held))
            for document, held in documents.items() for column in results.columns]


def clause_verdicts(results: Results) -> dict[tuple[str, str], str]:
    """(clause, column) -> the worst verdict of the clause's cases on that target."""
    verdicts: dict[tuple[str, str], list[str]] = {}
    for records in results.cases.values():
        for column, record in records.items():
            for clause, verdict in record.clauses.items():
                verdicts.setdefault((clause, column), []).append(verdict)
    return {key: worst(found) for key, found in verdicts.items()}


def percent(number: int, total: int) -> str:
    """A share in whole percent; 0% and 100% only for none and all."""
    if number in (0, total):
        return "100%" if number else "0%"
    return f"{min(99, max(1, round(100 * number / total)))}%"
