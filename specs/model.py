"""The nouns: what documents oblige to, what a scenario does about it, what was seen, what a platform declares.

A transcript and everything in it is plain text, so that it can be written to a result file, read back years later
and judged again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from specs.verbs import VERBS

# Worst first: the verdict of several checks is the first of these that any of them has.
VERDICTS = ("crashed", "fails", "stale", "unresolved", "deviates", "open", "conforms", "unsupported")
FAILING = frozenset({"crashed", "fails", "stale", "unresolved"})  # what somebody has to look at
FORCES = ("shall", "may", "unspecified")
STATUSES = ("documented", "bug", "unspecified")

# Documents that bind every platform; the others are the manuals of one.
COMMON = ("illumos", "posix-2017", "unspecified")

# Two names of one errno: the POSIX name stands for both (errno.h lets them have one value).
SYNONYMS = {"EWOULDBLOCK": "EAGAIN", "ENOTSUP": "EOPNOTSUPP"}

# What came back from one call: {"ret": "ok" | ERRNO | "blocks" | "returned=N" | …, field: text}.
Observed = Mapping[str, str]

# One outcome a document allows: "ok", an errno name, "blocks", "any", or the fields of a successful answer; with bounds
# of time ({"within": "30s"}) those of a failure too: {"errno": "ETIMEDOUT", "not-before": "1s"}.
Allowed = str | Mapping[str, Any]


class SpecError(Exception):
    """A file of the suite is wrong; one line that names file and line, what is wrong and what is allowed."""


@dataclass(frozen=True)
class Citation:
    """Where a document states a clause, and how strongly."""

    document: str
    where: str
    force: str


@dataclass(frozen=True)
class Clause:
    """One citable obligation; the first citation that binds a platform is the one it is judged by there."""

    id: str
    says: str
    cited: tuple[Citation, ...]
    file: str
    line: int

    def force(self, manuals: Sequence[str]) -> str:
        """How strongly it binds a platform: what only other platforms' manuals state leaves it unspecified."""
        binding = (c.force for c in self.cited if c.document in COMMON or c.document in manuals)
        return next(binding, "unspecified")


@dataclass(frozen=True)
class Check:
    """What one clause allows at one step: any of several outcomes."""

    clause: str
    allowed: tuple[Allowed, ...]


# Bounds of the time a call takes, among the fields of an outcome.
BOUNDS = ("not-before", "within")


@dataclass(frozen=True)
class Step:
    """One call of a scenario. With checks it is judged; without it is a precondition, unless it is only observed.

    after: what the attempt before gives where the checks count, any of these; elsewhere the call is only observed.
    observe: the call is made and recorded, and nothing depends on it.
    """

    verb: str
    name: str
    operands: Mapping[str, Any]
    checks: tuple[Check, ...]
    line: int
    after: tuple[str, ...] = ()
    observe: bool = False

    @property
    def is_precondition(self) -> bool:
        return not self.checks and not self.observe and self.verb != "probe"

    @property
    def text(self) -> str:
        """The call as a C programmer writes it: connect(client, peer, namelen=4)."""
        words = [self.name]
        for key, value in self.operands.items():
            shown = "|".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)
            words.append(shown if key in VERBS[self.verb].shown else f"{key}={shown}")
        return f"{self.verb}({', '.join(words)})"


@dataclass(frozen=True)
class Given:
    """One thing a scenario is given before its first step."""

    fixture: str
    name: str
    operands: Mapping[str, Any]
    line: int


@dataclass(frozen=True)
class Case:
    """A scenario with its axes bound. axes: axis -> value, of the scenario's own and of lists among its operands."""

    file: str
    scenario: str
    summary: str
    axes: Mapping[str, str]
    variant: str
    given: tuple[Given, ...]
    steps: tuple[Step, ...]
    line: int

    @cached_property
    def id(self) -> str:
        return f"{self.file}::{self.scenario}" + (f"[{self.variant}]" if self.variant else "")

    @cached_property
    def clauses(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(check.clause for step in self.steps for check in step.checks))

    def attempt(self, index: int) -> int | None:
        """The step that shows how the last connect() of a step's socket ended: that one, or the join of its thread."""
        socket = self.steps[index].name
        found = next((at for at in reversed(range(index))
                      if (self.steps[at].verb, self.steps[at].name) == ("connect", socket)), None)
        if found is None or "thread" not in self.steps[found].operands:
            return found
        join = ("pthread_join", self.steps[found].operands["thread"])
        return next((at for at in range(found, index) if (self.steps[at].verb, self.steps[at].name) == join), None)

    @property
    def revision(self) -> str:
        """Content hash: a result whose scenario has changed since is not compared with one that has not."""
        content = [dict(self.axes), [(g.fixture, g.name, dict(g.operands)) for g in self.given],
                   [(s.verb, s.name, dict(s.operands), [(c.clause, c.allowed) for c in s.checks],
                     *(["observe"] if s.observe else []), *([s.after] if s.after else [])) for s in self.steps]]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=dict).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Entry:
    """One call that was made. step: index of the scenario's step, None for a call a fixture made (given: its name).

    seconds: how long it took, in whole milliseconds, so that what was recorded is judged as what was seen.
    """

    text: str
    verb: str
    subject: str
    request: str
    observed: Observed
    step: int | None = None
    given: str = ""
    seconds: float = 0.0


@dataclass
class Transcript:
    """What was seen while a case was played. ended: why it ended early, as a verdict word and a reason."""

    entries: list[Entry] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    ended: tuple[str, str] | None = None
    seconds: float = 0.0

    def of_step(self, index: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.step == index), None)


@dataclass(frozen=True)
class Deviation:
    """What a platform does instead of what a clause says, in the cases that match any of the patterns.

    observed: what each check of the clause gives; or, of each in order, what it gives or `conforms`.
    """

    clause: str
    observed: Allowed | tuple[Allowed, ...]
    status: str
    because: str
    source: str
    cases: tuple[str, ...]
    file: str
    line: int

    @property
    def outcomes(self) -> tuple[Allowed, ...]:
        """All that it declares of any check."""
        return self.observed if isinstance(self.observed, tuple) else (self.observed,)

    def at(self, position: int) -> Allowed:
        return declared_at(self.observed, position)

    def applies(self, case_id: str) -> bool:
        return any(pattern_of(text).fullmatch(case_id) for text in self.cases)


def declared_at(observed: Allowed | Sequence[Allowed], position: int) -> Allowed:
    """What an entry declares of a check, by its place among those of the clause; behind the last nothing is."""
    if isinstance(observed, str | Mapping):
        return observed
    return observed[position] if position < len(observed) else "conforms"


@cache
def pattern_of(text: str) -> re.Pattern[str]:
    """A pattern over case ids, without the leading `suites/`: `*` is any text, `?` one character, all else itself."""
    return re.compile("suites/" + re.escape(text).replace(r"\*", ".*").replace(r"\?", "."))


@dataclass(frozen=True)
class Profile:
    """What one platform declares, inherited entries included. manuals: its own name and those it inherits."""

    platform: str
    manuals: tuple[str, ...]
    deviations: tuple[Deviation, ...]

    def unexplained(self) -> tuple[Deviation, ...]:
        """The entries that `accept` wrote and that have no reason or no source yet."""
        return tuple(one for one in self.deviations if not one.because.strip() or not one.source.strip())

    def owns(self, deviation: Deviation) -> bool:
        """Whether an entry stands on the platform's own page, not on one that it inherits."""
        return Path(deviation.file).stem == self.platform

    def of(self, case: Case) -> tuple[Deviation, ...]:
        """The entries for a case; of a clause's entries those of the nearest page stand instead of inherited ones."""
        found = [d for d in self.deviations if d.clause in case.clauses and d.applies(case.id)]
        nearest = {d.clause: d.file for d in reversed(found)}
        return tuple(d for d in found if d.file == nearest[d.clause])


@dataclass(frozen=True)
class Vocabulary:
    """The words of scenarios that the fixtures define: fixture -> operands, and names of ready-made addresses."""

    fixtures: Mapping[str, frozenset[str]]
    addresses: frozenset[str]


def plain(item: Any) -> Any:
    """An outcome, several in order, or operands, as JSON holds them: builtin types only."""
    if isinstance(item, list | tuple):
        return [plain(one) for one in item]
    return {key: list(value) if isinstance(value, list | tuple) else value
            for key, value in item.items()} if isinstance(item, Mapping) else item


def seconds_of(duration: str) -> float:
    """Of a duration such as 30s or 300ms."""
    return int(duration.removesuffix("ms")) / 1000 if duration.endswith("ms") else float(duration.removesuffix("s"))


def worst(verdicts: Sequence[str]) -> str:
    """The verdict of several together; nothing at all is unsupported."""
    return min(verdicts, key=VERDICTS.index, default="unsupported")
