"""What the page reads at once: rows, targets, clauses, scenarios, and the verdict and outcome of every cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from reports.common import documents
from reports.common.aggregate import Clauses, document_of, pairs
from reports.common.alignment import shared_text
from reports.common.finding import Finding, findings
from reports.common.results import Column, Name, Results
from reports.common.wording import GLYPHS, observed_instead
from reports.html.cases import Case, Group
from reports.html.packing import Numbers
from specs.model import COMMON, SYNONYMS, VERDICTS, Clause
from specs.record import PlayedStep, Record

PAGE = COMMON[0]  # the document under test, whose errors are a row each
Pattern = Sequence[tuple[str, str] | None]


class Index:
    """All that rows, cells and filters take. An item refers to another by its number.

    leaves: [clause, case, pattern]; patterns: the outcome in each column; outcomes: [verdict, what was observed].
    """

    def __init__(self, results: Results, clauses: Clauses) -> None:
        self.results, self.clauses = results, clauses
        self.scenarios: dict[str, dict[str, Any]] = {}
        self.numbers: Numbers[str] = Numbers()  # of scenarios
        self.files: Numbers[str] = Numbers()
        self.variants: list[list[Any]] = []  # of each case: the number of its scenario, and its variant
        self.seen: dict[tuple[str, str], Pattern] = {}  # by case and clause

    def add(self, case: Case) -> None:
        id_ = case.groups[0].record.id
        self.variants.append([self.numbers[case.scenario], Name.of(id_).variant])
        self.add_calls(case)
        for clause in {clause for group in case.groups for clause in group.record.clauses}:
            self.seen[id_, clause] = pattern(case, clause, len(self.results.columns))

    def add_calls(self, case: Case) -> None:
        """Of a scenario: file, name, line, summary, the number of its pack; its calls, in which the page searches."""
        first = case.groups[0]
        one = self.scenarios.setdefault(case.scenario, {
            "file": case.file, "name": case.scenario.partition("::")[2], "chunk": self.files[case.file],
            "line": first.record.line, "summary": first.record.summary, "calls": {}})
        one["calls"].update(dict.fromkeys(map(shared_text, first.steps)))

    def data(self) -> dict[str, Any]:
        number = {case: at for at, case in enumerate(self.results.cases)}
        leaves = pairs(self.results, self.clauses)
        known = {leaf.clause: at for at, leaf in enumerate({leaf.clause: leaf for leaf in leaves}.values())}
        outcomes: Numbers[tuple[str, str] | None] = Numbers()
        patterns: Numbers[tuple[int, ...]] = Numbers()
        cells = [[known[leaf.clause], number[leaf.case],
                  patterns[tuple([outcomes[one] for one in self.seen[leaf.case, leaf.clause]])]] for leaf in leaves]
        return {
            "verdicts": VERDICTS, "glyphs": GLYPHS,
            "columns": [column_data(column, self.results) for column in self.results.columns],
            "clauses": [clause_data(name, self.clauses) for name in known],
            "scenarios": [one | {"calls": list(one["calls"])} for one in self.scenarios.values()],
            "documents": ordered_documents(self.clauses),
            "cases": self.variants, "outcomes": list(outcomes), "patterns": list(patterns), "leaves": cells,
            "bugs": [bug_data(one, self.results, known, number) for one in findings(self.results)],
        }


def pattern(case: Case, clause: str, width: int) -> Pattern:
    """The outcome of a clause in a case, in each column; None where it was not played."""
    found: list[tuple[str, str] | None] = [None] * width
    for group in case.groups:
        outcome = seen(group, clause)
        for column in group.columns:
            found[column] = outcome
    return found


def seen(group: Group, clause: str) -> tuple[str, str] | None:
    """The verdict, and what was returned if the clause's id does not say it."""
    verdict = group.record.clauses.get(clause)
    if verdict == "conforms":
        return verdict, other_errno(group.steps, clause)
    return (verdict, observed_instead(group.record, clause, group.steps)) if verdict else None


def other_errno(steps: Sequence[PlayedStep], clause: str) -> str:
    """What a check of an error's clause returned that conforms, but is another errno than that of the clause's id."""
    named = errno_of(clause)
    if not named:
        return ""
    rets = (step.ret for step in steps if (step.clause == clause if step.verdict else clause in step.verdicts))
    return next((ret for ret in rets if ret.startswith("E") and ret != named), "")


@cache
def errno_of(clause: str) -> str:
    """The errno that a clause's id names: EISCONN of illumos.EISCONN; empty if it names none."""
    topic = clause.split(".")[1] if "." in clause else ""
    return SYNONYMS.get(topic, topic) if topic.isupper() and topic.startswith("E") else ""


# --- Rows ---------------------------------------------------------------------------------------------------


def row_of(name: str, clauses: Clauses) -> tuple[str, str]:
    """Key and title of the row that a clause is in.

    Of the document under test, each error has a row, `illumos.EISCONN`, and each topic, `illumos.datagram`; of any
    other document all clauses are in one.
    """
    document = document_of(name, clauses)
    if document != PAGE or "." not in name:
        return document, documents.DOCUMENTS[document].title if document in documents.DOCUMENTS else document
    topic = ".".join(name.split(".")[:2])
    key = name if errno_of(name) and topic not in clauses else topic
    return key, key.removeprefix(f"{PAGE}.")


def ordered_documents(clauses: Clauses) -> list[str]:
    """The document under test, the other general one, manuals, and surveys."""
    every = dict.fromkeys(one.cited[0].document for one in clauses.values())
    return [*COMMON[:-1], *sorted(every.keys() - set(COMMON)), COMMON[-1]]


def clause_data(name: str, clauses: Clauses) -> dict[str, Any]:
    known, (row, title) = clauses.get(name), row_of(name, clauses)
    return {"id": name, "row": row, "title": title, "document": document_of(name, clauses), "errno": errno_of(name),
            "says": known.says if known else "not in specs",
            "cited": [[documents.passage(one), one.force, documents.url(one)] for one in citations(known)]}


def citations(clause: Clause | None) -> Sequence[Any]:
    return clause.cited if clause else ()


# --- Targets ------------------------------------------------------------------------------------------------

# The parts of a target's bar, in this order, by the verdict of a case.
PARTS = {"conforms": "conforms", "deviates": "", "crashed": "fails", "fails": "fails", "stale": "fails",
         "drifted": "fails", "recorded": "recorded", "unresolved": "not tested", "unsupported": "not tested"}


def column_data(column: Column, results: Results) -> dict[str, Any]:
    """A target, and the number of its cases in each part of its bar."""
    played = [records[column.label] for records in results.cases.values() if column.label in records]
    runs = [run for run in results.runs if run.header.targets.get(column.name) == column.target]
    return {"label": column.label, "name": column.name, "file": column.target.file, "platform": column.target.platform,
            "version": column.target.version, "parts": Counter(map(part_of, played)),
            "verdicts": Counter(record.verdict for record in played),
            "started": max((run.header.started for run in runs), default="")}


def part_of(record: Record) -> str:
    """The part of the bar in which a case counts; where it deviates, the most serious status of what is declared."""
    statuses = {entry.status for entry in record.deviations}
    return PARTS[record.verdict] or next((one for one in ("bug", "documented", "choice") if one in statuses), "bug")


# --- Bugs ---------------------------------------------------------------------------------------------------


def bug_data(one: Finding, results: Results, known: Mapping[str, int], number: Mapping[str, int]) -> dict[str, Any]:
    """A bug of a page, or an undeclared departure, with the case that shows it best."""
    at = {column.label: place for place, column in enumerate(results.columns)}
    return {"name": one.name, "platform": one.platform, "kind": one.kind, "seen": one.seen, "clause": known[one.clause],
            "clauses": [known[clause] for clause in one.clauses], "cases": [number[case] for case in one.cases],
            "example": number[one.example.id], "on": at[one.column.label],
            **({"status": one.declared.status, "because": one.declared.because, "source": one.declared.source,
                "reported": one.declared.reported} if one.declared else {})}
