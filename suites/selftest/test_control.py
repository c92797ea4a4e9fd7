"""Controls: other ways into this machine's kernel, where every case goes as it does on native, step by step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fixtures import targets
from fixtures.targets import Session, Target
from specs import load, pages
from specs.foresee import foresee
from specs.model import Case, Profile
from specs.record import Record
from suites import schedule
from suites.selftest import house
from suites.timeouts import is_slow

TARGETS = targets.choose(load.targets(targets.FILE), ["native", "musl", "i386"])
TARGETS["python"] = replace(TARGETS["native"], start=("{python}", "-I", "-S", "{compiled}"))  # the reference of agents
# What each run chooses anew: paths, ports, and the identifier of an echo with its checksum (RFC 792).
OWN = re.compile(r"(?<=^unix:).*|(?<=^abstract:).*|(?<=:)\d+$|^%00%00.+(?=%00%01)")
COMPILES = "declare"  # a verb that asks a C compiler, which not every agent knows


def profile_of(target: Target) -> Profile:
    return pages.profile(target.platform, house.clauses())


def steps_of(record: Record) -> list[tuple[str, dict[str, str]]]:
    """The calls of a case and how each ended, but for what each run chooses and what a race decides."""
    return [(step.verb, {key: OWN.sub("", value) for key, value in step.observed.items()
                         if key != "accepted"})  # a client that waits may come too late for this accept-all
            for step in record.steps]


@pytest.fixture(scope="module")
def sessions() -> Iterator[dict[str, Session]]:
    """Outside the laboratory: what is compared here takes no more than loopback and a folder."""
    opened = {name: Session(replace(target, lab=False)) for name, target in TARGETS.items()}
    for session in opened.values():
        session.open()
    yield opened
    for session in opened.values():
        session.close()


@pytest.mark.parametrize("name", sorted(TARGETS.keys() - {"native"}))
def test_each_case_goes_as_on_native(name: str, sessions: dict[str, Session]) -> None:
    if sessions[name].unavailable:
        pytest.skip(sessions[name].unavailable)
    profile = profile_of(TARGETS[name])

    def played(case: Case, target: str) -> Record:
        for _ in range(schedule.DRIFT_PLAYS):  # as in a run: ports are chosen, and another case may have the one
            record = schedule.play(case, sessions[target], house.clauses(), profile)
            if record.verdict != "drifted":
                break
        return record

    compared, different = 0, []
    for case in house.cases():
        compiles = name != "python" and any(step.verb == COMPILES for step in case.steps)
        if compiles or is_slow(case, foresee(case, profile)):
            continue
        ours, native = played(case, name), played(case, "native")
        compared += native.verdict != "unsupported"
        if (ours.verdict, steps_of(ours)) != (native.verdict, steps_of(native)):
            different.append(f"{case.id}: {ours.verdict} {ours.reason}, native {native.verdict}")
    assert different == []
    assert compared > 1000
