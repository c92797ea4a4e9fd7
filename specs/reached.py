"""How far a case was played: the checks that count, with the calls that were made."""

from __future__ import annotations

from typing import NamedTuple

from specs.model import Case, Check, Entry, Transcript
from specs.words import spell


class Made(NamedTuple):
    """One check that counts, and the call that was made."""

    step: int
    check: Check
    entry: Entry


def reached(case: Case, transcript: Transcript) -> tuple[list[Made], str]:
    """The checks that count, as far as the case was played; the precondition that ended it."""
    made: list[Made] = []
    for index, step in enumerate(case.steps):
        entry = transcript.of_step(index)
        if entry is None:
            break
        if only_observed(case, index, transcript):
            continue
        if entry.observed["ret"] == "unsupported":
            break
        if step.is_precondition and entry.observed["ret"] != "ok":
            return made, f"step {index + 1}, a precondition: {spell(entry)}"
        made += [Made(index, check, entry) for check in step.checks]
    return made, ""


def ends_at_check(case: Case, transcript: Transcript) -> bool:
    """Whether the last call made was one that is judged, so that its own verdict reports its death."""
    last = transcript.entries[-1].step if transcript.entries else None
    return last is not None and bool(case.steps[last].checks) and not only_observed(case, last, transcript)


def only_observed(case: Case, index: int, transcript: Transcript) -> bool:
    """Whether a step has no clause that counts: a probe, an observation, a check of an attempt that ended otherwise."""
    step, attempt = case.steps[index], None
    if step.after and (at := case.attempt(index)) is not None:
        attempt = transcript.of_step(at)
    ended_otherwise = attempt is not None and attempt.observed["ret"] not in step.after
    return step.verb == "probe" or (step.observe and not step.checks) or ended_otherwise
