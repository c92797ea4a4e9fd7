"""The calls of several targets in one case, side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from string import digits

from specs.outcomes import address_role
from specs.record import PlayedStep

Call = tuple[str, str, int]

# In the calls of fixtures: an address, and a path that ends with the number that makes it unique.
CHOSEN = re.compile(r"\b(?:inet6?|unix|abstract):[^\s,)]+"
                    r"|\b(?:closed|directory|fifo|file|link|loop|missing|port-|socket)\d+\b")


def keyed(steps: Iterable[PlayedStep]) -> dict[Call, PlayedStep]:
    """The steps by fixture, text as any other run has it, and number among equal ones."""
    found: dict[Call, PlayedStep] = {}
    for step in steps:
        key = (step.given, shared_text(step), 0)
        while key in found:
            key = (*key[:2], key[2] + 1)
        found[key] = step
    return found


def shared_text(step: PlayedStep) -> str:
    """The call without ports, paths and abstract names that were chosen in this run: `connect filler inet:127.0.0.1:*`.

    A scenario's own calls have none.
    """
    return masked(step.text) if step.given else step.text


@cache
def masked(text: str) -> str:
    return CHOSEN.sub(lambda found: address_role(found[0], {}) if ":" in found[0] else found[0].rstrip(digits), text)


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
