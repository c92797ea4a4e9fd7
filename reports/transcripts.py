"""Transcripts of results: those of several targets side by side, and one rebuilt so that it can be judged again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reports.results import Asked, Record, Step, Unreadable
from reports.words import alternatives
from specs import model

Call = tuple[str, str, int]


def labelled(steps: Iterable[Step]) -> dict[Call, Step]:
    """The steps, each under what it is: fixture, text, and which of several equal ones."""
    found: dict[Call, Step] = {}
    for step in steps:
        key = (step.given, step.text, 0)
        while key in found:
            key = (*key[:2], key[2] + 1)
        found[key] = step
    return found


def merged(transcripts: Iterable[Mapping[Call, Step]]) -> dict[Call, Step]:
    """The calls of several transcripts in one order: some end early, or need calls that others do not."""
    order: list[Call] = []
    known: dict[Call, Step] = {}
    for transcript in transcripts:
        at = 0
        for key, step in transcript.items():
            if key not in known:
                order.insert(at, key)
                known[key] = step
            at = order.index(key) + 1
    return {key: known[key] for key in order}


def rebuild(record: Record) -> tuple[model.Case, model.Transcript]:
    """What the judge takes. Unreadable: the result lacks something, an older suite wrote it."""
    asked = {one.step: one for one in (*record.steps, *record.missed) if one.step is not None}
    if sorted(asked) != list(range(len(asked))) or not all(one.subject for one in asked.values()):
        raise Unreadable(f"{record.case}: an older suite wrote this result, without what judging it again takes")
    file, _, rest = record.case.partition("::")
    scenario, _, variant = rest.partition("[")
    case = model.Case(file, scenario, record.summary, {}, variant.removesuffix("]"), (),
                tuple(step_of(asked[index]) for index in range(len(asked))), record.line)
    entries = [model.Entry(step.text, step.verb, step.subject, step.request, step.observed, step.step, step.given,
                           step.seconds) for step in record.steps]
    return case, model.Transcript(entries, dict(record.names), record.ended, record.seconds)


def step_of(asked: Asked) -> model.Step:
    checks = tuple(model.Check(clause, tuple(alternatives(asked, clause))) for clause in asked.expected)
    return model.Step(asked.verb, asked.subject, asked.operands, checks, asked.line, asked.after, asked.observe)
