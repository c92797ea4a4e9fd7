"""One case of a result file, by what a person types."""

from __future__ import annotations

from reports.common.results import Column, Results, first_n
from reports.common.wording import node
from specs.record import Unreadable


def find_case(results: Results, wanted: str) -> str:
    """The case with this id, with this node id on one of the targets, or the only one whose id has this part."""
    names = [column.name for column in results.columns]
    found = [case for case in results.cases if wanted in (case, *(node(case, name) for name in names))]
    found = found or [case for case in results.cases if wanted in case]
    if not found:
        raise Unreadable(f"no case has {wanted!r} in its id")
    if len(found) > 1:
        raise Unreadable(f"{wanted!r} is part of {first_n(found, 4)}; name one")
    return found[0]


def columns_with(results: Results, case: str, target: str | None) -> list[Column]:
    """The columns that have the case; of `target` alone where it is given."""
    columns = [column for column in results.columns if column.label in results.cases[case]]
    chosen = [column for column in columns if target in (None, column.label)]
    if not chosen:
        there = ", ".join(column.label for column in columns)
        raise Unreadable(f"{case} was not played on {target!r}; it was on {there}")
    return chosen
