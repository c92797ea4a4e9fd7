"""The tables of the reports, before anything is said about how they look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reports.common.aggregate import (
    NO_CASE,
    STANDINGS,
    Clauses,
    Pair,
    by_clause,
    by_document,
    by_scenario,
    cell,
    clause_verdicts,
    pairs,
    percent,
    standings,
    totals,
    unsupported,
)
from reports.common.results import Column, Results
from reports.common.wording import GLYPHS


class Entry(NamedTuple):
    """One field of a table. verdict: gives it colour; depth: how far below a clause the row stands."""

    text: str
    verdict: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: its columns, those of them that hold figures, and its rows."""

    columns: tuple[str, ...]
    figures: frozenset[str]
    rows: list[tuple[Entry, ...]] = field(default_factory=list)


def matrix(results: Results, clauses: Clauses, columns: Sequence[Column], every: bool) -> Iterator[Sheet]:
    """One sheet for each document. every: scenarios and variants too, not only clauses."""
    for document, members in by_document(pairs(results, clauses)):
        sheet = Sheet((document, "cases", *(column.label for column in columns)), frozenset({"cases"}))
        for clause, of_clause in by_clause(members):
            sheet.rows.append(row(Entry(clause), of_clause, columns))
            if every:
                sheet.rows.extend(scenario_rows(of_clause, columns))
        yield sheet


def scenario_rows(members: Sequence[Pair], columns: Sequence[Column]) -> Iterator[tuple[Entry, ...]]:
    for scenario, variants in by_scenario(members):
        if len(variants) == 1:
            only = variants[0].name.variant
            yield row(Entry(f"{scenario}[{only}]" if only else scenario, depth=1), variants, columns)
        else:
            yield row(Entry(scenario, depth=1), variants, columns)
            for pair in variants:
                yield row(Entry(pair.name.variant, depth=2), [pair], columns)


def row(name: Entry, members: Sequence[Pair], columns: Sequence[Column]) -> tuple[Entry, ...]:
    cells = (cell(members, column.label) for column in columns)
    return (name, Entry(str(len(members))), *(Entry(one.text, one.verdict) for one in cells))


def targets(results: Results) -> Sheet:
    """How many cases of each target have which verdict."""
    counts = totals(results)
    used = [word for word in GLYPHS if any(verdicts[word] for verdicts in counts.values())]
    sheet = Sheet(("target", "cases", *used), frozenset({"cases", *used}))
    for column in results.columns:
        verdicts = counts[column.label]
        sheet.rows.append((Entry(column.label), Entry(str(verdicts.total())), *(
            Entry(str(verdicts[word] or "·"), word if verdicts[word] else "") for word in used)))
    return sheet


WORDS = tuple(dict.fromkeys(STANDINGS.values()))

CAPTION = ("A clause counts in every document that cites it, with the worst verdict of its cases; "
           "the force it is judged by is that of the first document cited.")


def documents(results: Results, clauses: Clauses) -> Sheet:
    """How the clauses of each document stand on each target."""
    sheet = Sheet(("document", "target", "platform", "clauses", *WORDS), frozenset({"clauses", *WORDS}))
    for one in standings(results, clauses):
        counts = ((word, one.count(word)) for word in WORDS)
        names = (one.document, one.column.label, one.column.target.platform, str(one.clauses))
        sheet.rows.append((*map(Entry, names), *(
            Entry(f"{number} {percent(number, one.clauses):>4}" if number else "·", word if number else "")
            for word, number in counts)))
    return sheet


def remarks(results: Results, clauses: Clauses) -> Iterator[str]:
    """What the words of `documents` that stand for several verdicts hold: `not tested = 3 unsupported`."""
    verdicts = clause_verdicts(results)
    known = dict.fromkeys([*clauses, *(clause for clause, _ in verdicts)])
    for column in results.columns:
        counts = Counter(verdicts.get((clause, column.label), NO_CASE) for clause in known)
        parts = [f"{word} = {held}" for word in ("fails", "not tested") if (held := " + ".join(
            f"{counts[one]} {one}" for one in STANDINGS if STANDINGS[one] == word and counts[one]))]
        if parts:
            yield f"{column.label}: {'; '.join(parts)}."
    yield CAPTION


def reasons(results: Results) -> Sheet:
    """Every reason why cases are unsupported, once, with the number of cases on each target."""
    sheet = Sheet(("unsupported, because", "cases"), frozenset())
    for reason, counts in unsupported(results).items():
        where = ", ".join(f"{column} {number}" for column, number in counts.items())
        sheet.rows.append((Entry(reason), Entry(where)))
    return sheet
