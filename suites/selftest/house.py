"""What there is in the suite, read once for all of its own tests."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from specs import load, pages, scenarios
from specs.model import Case, Clause, Profile
from suites.items import vocabulary

SELFTEST = Path(__file__).parent
ROOT = SELFTEST.parent.parent


def below(folder: str, pattern: str) -> list[Path]:
    """The files in a folder of the suite, other than its own tests."""
    return sorted(path for path in (ROOT / folder).rglob(pattern) if SELFTEST not in path.parents)


SCENARIOS = below("suites", "*.yaml")
PLATFORMS = sorted(path.stem for path in below("specs/platforms", "*.yaml"))


@functools.cache
def clauses() -> Mapping[str, Clause]:
    return load.clauses()


@functools.cache
def cases_of(path: Path) -> list[Case]:
    return scenarios.cases(path, clauses(), vocabulary())


@functools.cache
def cases() -> list[Case]:
    return [case for path in SCENARIOS for case in cases_of(path)]


@functools.cache
def profiles() -> list[Profile]:
    return [pages.profile(platform, clauses()) for platform in PLATFORMS]
