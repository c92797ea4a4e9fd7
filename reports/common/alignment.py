"""The calls of several targets in one case, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from specs.record import PlayedStep

Call = tuple[str, str, int]


def keyed(steps: Iterable[PlayedStep]) -> dict[Call, PlayedStep]:
    """The steps by fixture, text, and number among equal ones."""
    found: dict[Call, PlayedStep] = {}
    for step in steps:
        key = (step.given, step.text, 0)
        while key in found:
            key = (*key[:2], key[2] + 1)
        found[key] = step
    return found


def align(transcripts: Iterable[Mapping[Call, PlayedStep]]) -> dict[Call, PlayedStep]:
    """The calls of several transcripts in one order, though some end early or have calls that others do not."""
    order: list[Call] = []
    known: dict[Call, PlayedStep] = {}
    for transcript in transcripts:
        at = 0
        for key, step in transcript.items():
            if key not in known:
                order.insert(at, key)
                known[key] = step
            at = order.index(key) + 1
    return {key: known[key] for key in order}
