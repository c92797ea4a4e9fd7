"""Platforms' pages to profiles: what a platform does instead of what documents say, with what it inherits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from specs import baseline
from specs.grammar import OBSERVED_ONLY, canonical, check, check_fields, validator
from specs.model import (
    Allowed,
    Bug,
    Case,
    Clause,
    Deviation,
    Place,
    Profile,
    Span,
    SpecError,
    Withdrawal,
    pattern_of,
)
from specs.strict import HERE, Map, Seq, display_path, fail, listed, listing, read, suggest

FOLDER = HERE / "platforms"
CLOSED = ("domain", "type", "nonblocking", "facility")  # axes whose values the grammar has


def profile(platform: str, known: Mapping[str, Clause], folder: Path = FOLDER) -> Profile:
    """A platform's page with what it inherits: its own entries first."""
    chain = list(pages(platform, folder))
    found: list[Deviation] = []
    withdrawn: list[Withdrawal] = []
    for file, page in reversed(chain):
        names = {one.bug.name for one in found}
        for entry in page.get("without", ()):
            if entry["bug"] not in names:
                what = f"no inherited page has a bug {entry['bug']!r}"
                fail(file, entry.line, f"{what}; it is one of {listing(names) or 'none'}")
            withdrawn.append(Withdrawal(entry["bug"], place(file, entry), file, entry.line))
        found = [*deviations(file, page, known), *found]
    manuals = tuple(page["platform"] for _, page in chain)
    return Profile(platform, manuals, tuple(found), tuple(withdrawn),
                   baseline.load(manuals, folder.parent / "baselines"))


def deviations(file: str, page: Map, known: Mapping[str, Clause]) -> Iterator[Deviation]:
    """What the bugs of one page make the checks of clauses give."""
    for name, body in page.get("bugs", {}).items():
        bug = Bug(name, body["status"], body["because"], body["source"], file, page["bugs"].lines[name],
                  "sometimes" in body, body.get("reported", ""))
        for entry in body["shows"]:
            clauses = [key for key in entry if key not in ("in", "where")]
            if not clauses:
                fail(file, entry.line, f"{name}: where it shows, a clause and what its checks give is wanted")
            for clause in clauses:
                line = entry.lines[clause]
                if clause not in known:
                    fail(file, line, f"no clause {clause!r}; {suggest(clause, known)}")
                yield Deviation(bug, clause, declared(file, entry[clause], line), place(file, entry), line)


def place(file: str, entry: Map) -> Place:
    """Where an entry of a page holds."""
    for axis in (one for one in CLOSED if one in entry.get("where", {})):
        check(file, entry["where"][axis], entry.line, f"where {axis}", validator("scenarios", axis))
    where = tuple((axis, tuple(value_of(file, str(one), entry.line) for one in listed(values)))
                  for axis, values in entry.get("where", {}).items())
    return Place(tuple(listed(entry.get("in", ()))), where)


def value_of(file: str, value: str, line: int) -> str | Span:
    """A value of an axis, or a range of numbers such as 0..15, ..-1 or 256.."""
    ends = re.fullmatch(r"(-?\d+)?\.\.(-?\d+)?", value)
    if not ends:
        return value
    span = Span(*(int(end) if end else None for end in ends.groups()))
    if span.first is None and span.last is None:
        fail(file, line, f"where: {value} has no end")
    if span.first is not None and span.last is not None and span.first >= span.last:
        fail(file, line, f"where: {value} is no range from a number to a greater one")
    return span


def declared(file: str, observed: Any, line: int) -> Allowed | tuple[Allowed, ...]:
    """What an entry declares: of every check one outcome; or of each in order its outcome, or `conforms`."""
    if not isinstance(observed, Seq):
        return declared_once(file, observed, line)
    if len(observed) == 1:
        fail(file, line, "observed: one outcome alone is that of every check; a list has one for each, or conforms")
    if set(map(str, observed)) == {"conforms"}:
        fail(file, line, "observed: where every check conforms, nothing is declared")
    if "unresolved" in observed:
        fail(file, line, "observed: unresolved is no outcome of a check; it has no place in a list")
    return tuple("conforms" if one == "conforms" else declared_once(file, one, at)
                 for one, at in zip(observed, observed.lines, strict=True))


def declared_once(file: str, observed: Any, line: int) -> Allowed:
    if isinstance(observed, Map):
        check_fields(file, observed, line, "observed")
    elif not OBSERVED_ONLY.fullmatch(observed):
        check(file, observed, line, "observed", validator("scenarios", "outcome"))
    return canonical(observed)


def pages(platform: str, folder: Path) -> Iterator[tuple[str, Map]]:
    """A platform's page, then those it inherits."""
    seen: list[str] = []
    where = display_path(folder)
    while platform:
        if problem := missing(platform, folder):
            raise SpecError(f"{where}: {problem}")
        path = folder / f"{platform}.yaml"
        page = read(path)
        file = display_path(path)
        check(file, page, 1, "a platform's page", validator("platforms"))
        if page["platform"] != platform:
            fail(file, page.lines["platform"], f"the page of {page['platform']!r}; the file's name says {platform!r}")
        seen.append(platform)
        yield file, page
        platform, where = page.get("inherits", ""), f"{file}:{page.lines.get('inherits', 1)}"
        if platform in seen:
            raise SpecError(f"{where}: {platform!r} inherits itself")


def missing(platform: str, folder: Path = FOLDER) -> str:
    """What is wrong with a platform that has no page; empty if it has one."""
    there = sorted(page.stem for page in folder.glob("*.yaml"))
    return "" if platform in there else f"no page for platform {platform!r}; there are {', '.join(there)}"


def unmatched(profile_: Profile, every: Sequence[Case], drawn: Collection[str] = ()) -> Iterator[str]:
    """One line for each entry of a page that matches no case of its clause, or declares too many outcomes.

    drawn: scenarios whose cases are drawn while the suite runs, as `suites/FILE::scenario`.
    """
    checks: dict[str, list[tuple[Case, int]]] = {}  # clause -> cases, and how often each checks it
    for case in every:
        for clause, count in Counter(one.clause for step in case.steps for one in step.checks).items():
            checks.setdefault(clause, []).append((case, count))
    topics = {one.removeprefix("suites/").replace(".py::", "::") for one in drawn}
    for deviation in profile_.deviations:
        met = [(case, count) for case, count in checks.get(deviation.clause, ()) if deviation.place.holds(case)]
        where = f"{deviation.file}:{deviation.line}: {deviation.bug.name}"
        few = next(((case, count) for case, count in met if count < len(deviation.outcomes)), None)
        if few:
            yield (f"{where}: {len(deviation.outcomes)} outcomes for the {few[1]} checks of {deviation.clause} "
                   f"in {few[0].id}")
        for scenario in deviation.place.scenarios or ("*",):
            pattern = pattern_of(scenario)
            if not any(pattern.fullmatch(case.topic) for case, _ in met) and not any(map(pattern.fullmatch, topics)):
                yield f"{where}: no case of {deviation.clause} in {scenario} is such"
        for axis, values in deviation.place.where:
            for value in values:
                if met and not any(case.has(axis, value) for case, _ in met):
                    yield f"{where}: no case has {axis} {value}"
