"""The verdict of each check that was made, by what its clause allows and by what the platform's page declares."""

from __future__ import annotations

from collections.abc import Sequence

from specs.model import Deviation, Transcript
from specs.outcomes import is_errno, matches
from specs.reached import Made


def of_checks(made: Sequence[Made], transcript: Transcript, force: str, entries: Sequence[Deviation]) -> list[str]:
    """The verdict of each check of a clause: conforms, deviates, stale, recorded, fails or crashed.

    An entry declares what they give, in order; of several entries that one counts which is followed furthest.
    """
    alone = [of_check(one, transcript, force) for one in made]
    found = []
    for entry in entries:
        declared = [entry.at(position) for position in range(len(made))]
        found.append([
            (verdict if outcome == "conforms" or entry.bug.sometimes else "stale")
            if verdict in ("conforms", "recorded")
            else "deviates" if matches(outcome, one.entry, transcript) else verdict
            for outcome, one, verdict in zip(declared, made, alone, strict=True)])
    return max(found, key=followed, default=alone)


def of_check(made: Made, transcript: Transcript, force: str) -> str:
    """The verdict of one check where nothing is declared. What may fail may succeed too."""
    allowed, ret = made.check.allowed, made.entry.observed["ret"]
    if force == "survey":
        return "crashed" if ret == "crashed" else "recorded"
    if any(matches(one, made.entry, transcript) for one in allowed):
        return "conforms"
    if force == "may" and ret == "ok" and all(map(is_errno, allowed)):
        return "conforms"
    return "crashed" if ret == "crashed" else "fails"


def followed(verdicts: Sequence[str]) -> int:
    """How many checks give what is declared of them before one does not."""
    return next((n for n, verdict in enumerate(verdicts) if verdict not in ("conforms", "deviates", "recorded")),
                len(verdicts))
