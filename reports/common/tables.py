"""The tables of the reports, whatever they are printed as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reports.common.aggregate import (
    GROUPS,
    NO_CASE,
    Clauses,
    Pair,
    by_clause,
    by_document,
    by_scenario,
    cell,
    clause_verdicts,
    count_documents,
    pairs,
    percent,
    totals,
    unsupported,
)
from reports.common.results import Column, Results, give_back
from reports.common.wording import GLYPHS


class Field(NamedTuple):
    """One field of a table. verdict: gives its colour; depth: its indent below the row of a clause."""

    text: str
    verdict: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """figures: the columns that hold numbers."""

    columns: tuple[str, ...]
    figures: frozenset[str] = frozenset()
    rows: list[tuple[Field, ...]] = field(default_factory=list)

    def add(self, *fields: Field | str | int) -> None:
        """Add a row."""
        self.rows.append(tuple(one if isinstance(one, Field) else Field(str(one)) for one in fields))


def matrix(leaves: Sequence[Pair], columns: Sequence[Column], every: bool) -> Iterator[Table]:
    """A table for each document. leaves: of all clauses. every: scenarios and variants too, not only clauses."""
    for document, members in by_document(leaves):
        table = Table((document, "cases", *(column.label for column in columns)), frozenset({"cases"}))
        for clause, of_clause in by_clause(members):
            table.add(*row(Field(clause), of_clause, columns))
            if every:
                table.rows.extend(scenario_rows(of_clause, columns))
        yield table


def scenario_rows(members: Sequence[Pair], columns: Sequence[Column]) -> Iterator[tuple[Field, ...]]:
    for scenario, variants in by_scenario(members):
        if len(variants) == 1:
            only = variants[0].name.variant
            yield row(Field(f"{scenario}[{only}]" if only else scenario, depth=1), variants, columns)
        else:
            yield row(Field(scenario, depth=1), variants, columns)
            for pair in variants:
                yield row(Field(pair.name.variant, depth=2), [pair], columns)


def row(name: Field, members: Sequence[Pair], columns: Sequence[Column]) -> tuple[Field, ...]:
    cells = [cell(members, column.label) for column in columns]
    give_back()
    return (name, Field(str(len(members))), *(Field(one.text, one.verdict) for one in cells))


def failing(results: Results, clauses: Clauses) -> Table:
    """The clauses that fail, with the number of cases that do, and what was observed instead."""
    table = Table(("fails", "target", "cases", "observed"), frozenset({"cases"}))
    for clause, members in by_clause(pairs(results, clauses)):
        for column in results.columns:
            one = cell(members, column.label)
            if GROUPS.get(one.verdict) == "fails" and one.counts:
                cases = f"{one.counts[one.verdict]} of {sum(one.counts.values())}"
                table.add(Field(clause, one.verdict), column.label, cases, ", ".join(one.observed_instead))
    return table


def targets(results: Results) -> Table:
    """The number of cases of each target, by verdict."""
    counts = totals(results)
    used = [word for word in GLYPHS if any(verdicts[word] for verdicts in counts.values())]
    table = Table(("target", "cases", *used), frozenset({"cases", *used}))
    for column in results.columns:
        verdicts = counts[column.label]
        table.add(column.label, verdicts.total(), *(
            Field(str(verdicts[word]), word) if verdicts[word] else "·" for word in used))
    return table


WORDS = tuple(dict.fromkeys(GROUPS.values()))

CAPTION = ("A clause counts in every document that cites it, with the worst verdict of its cases; "
           "the force it is judged by is that of the first document cited.")


def documents(results: Results, clauses: Clauses) -> Table:
    """The number of clauses of each document on each target, by group of verdicts."""
    table = Table(("document", "target", "platform", "clauses", *WORDS), frozenset({"clauses", *WORDS}))
    for one in count_documents(results, clauses):
        counts = ((word, one.count(word)) for word in WORDS)
        table.add(one.document, one.column.label, one.column.target.platform, one.clauses, *(
            Field(f"{number} {percent(number, one.clauses):>4}", word) if number else "·" for word, number in counts))
    return table


def remarks(results: Results, clauses: Clauses) -> Iterator[str]:
    """The verdicts in those groups of `documents` that have several: `not tested = 3 unsupported`."""
    verdicts = clause_verdicts(results)
    known = dict.fromkeys([*clauses, *(clause for clause, _ in verdicts)])
    for column in results.columns:
        counts = Counter(verdicts.get((clause, column.label), NO_CASE) for clause in known)
        parts = [f"{word} = {held}" for word in ("fails", "not tested") if (held := " + ".join(
            f"{counts[one]} {one}" for one in GROUPS if GROUPS[one] == word and counts[one]))]
        if parts:
            yield f"{column.label}: {'; '.join(parts)}."
    yield CAPTION


def reported(results: Results) -> Table:
    """The declared bugs that show and are reported, with the platforms they are of and where they are reported."""
    table = Table(("bug", "platform", "reported"))
    shown = {(one.bug, record.platform, one.reported) for records in results.cases.values()
             for record in records.values() for one in record.deviations
             if one.reported and record.clauses.get(one.clause) == "deviates"}
    for row_ in sorted(shown):
        table.add(*row_)
    return table


def reasons(results: Results) -> Table:
    """Every reason why cases are unsupported, once, with the number of cases on each target."""
    table = Table(("unsupported, because", "cases"))
    for reason, counts in unsupported(results).items():
        table.add(reason, ", ".join(f"{column} {number}" for column, number in counts.items()))
    return table
