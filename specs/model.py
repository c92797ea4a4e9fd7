"""The nouns: what documents oblige to, what a scenario does about it, what was seen, what a platform declares.

A transcript and everything in it is plain text, so that it can be written to a result file, read back years later
and judged again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from specs.verbs import VERBS

# Worst first: the verdict of several checks is the first of these that any of them has.
VERDICTS = ("crashed", "fails", "stale", "unresolved", "drifted", "deviates", "conforms", "recorded", "unsupported")
FAILING = frozenset({"crashed", "fails", "stale", "unresolved", "drifted"})  # what has to be looked at
STATUSES = ("documented", "bug", "choice")

# Documents that bind every platform; the others are the manuals of one, illumos-manuals those beside its page.
COMMON = ("illumos", "posix-2017", "survey")

# Two names of one errno: the POSIX name is used for both (errno.h lets them have one value).
SYNONYMS = {"EWOULDBLOCK": "EAGAIN", "ENOTSUP": "EOPNOTSUPP"}

PENDING = ("EINPROGRESS", "EALREADY", "EINTR")  # of connect(): the attempt goes on
JOINS = {"thread": "pthread_join", "process": "waitpid"}  # where connect() is made -> the step that shows how it ended

# What came back from one call: {"ret": "ok" | ERRNO | "blocks" | "returned=N" | …, field: text}.
Observed = Mapping[str, str]

# One outcome a document allows: "ok", an errno name, "blocks", or the fields of a successful answer; with bounds
# of time ({"within": "30s"}) those of a failure too: {"errno": "ETIMEDOUT", "not-before": "1s"}.
Allowed = str | Mapping[str, Any]


class SpecError(Exception):
    """A file of the suite is wrong; one line that names file and line, what is wrong and what is allowed."""


@dataclass(frozen=True)
class Citation:
    """Where a document states a clause, and how strongly."""

    document: str
    where: str
    force: str  # shall, may, or survey: nothing is required; what a platform answers is recorded


@dataclass(frozen=True)
class Clause:
    """One citable obligation; the first citation that binds a platform is the one it is judged by there."""

    id: str
    says: str
    cited: tuple[Citation, ...]
    file: str
    line: int

    @property
    def is_survey(self) -> bool:
        """Whether it requires nothing of any platform."""
        return all(citation.force == "survey" for citation in self.cited)

    def force(self, manuals: Sequence[str]) -> str:
        """How strongly it binds a platform: what only other platforms' manuals state does not."""
        binds = (c.force for c in self.cited if c.document in COMMON or c.document.removesuffix("-manuals") in manuals)
        return next(binds, "survey")


@dataclass(frozen=True)
class Check:
    """What one clause allows at one step: any of several outcomes; none where it requires nothing (a survey)."""

    clause: str
    allowed: tuple[Allowed, ...]


# Bounds of the time a call takes, among the fields of an outcome.
BOUNDS = ("not-before", "within")


@dataclass(frozen=True)
class Step:
    """One call of a scenario. With checks it is judged; without it is a precondition, unless it is only observed.

    after: what the attempt before gives where the checks count, any of these; elsewhere the call is only observed.
    follows: the call that `after` speaks of, where it is no attempt.
    observe: the call is made and recorded; in a survey it is a check that allows nothing in particular.
    """

    verb: str
    name: str
    operands: Mapping[str, Any]
    checks: tuple[Check, ...]
    line: int
    after: tuple[str, ...] = ()
    observe: bool = False
    follows: str = "connect"

    @property
    def is_precondition(self) -> bool:
        return not self.checks and not self.observe and self.verb != "probe"

    @cached_property
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


def label(axis: str, value: Any) -> str:
    """How a bound axis shows in a case id: inet6, stream, epoll, namelen15."""
    if isinstance(value, int):
        return f"{axis}{value}"
    word = str(value)
    for prefix in ("AF_", "SOCK_"):
        if word.startswith(prefix) and word != "SOCK_NONBLOCK":
            word = word[len(prefix):]
    return word.replace("v4-mapped", "mapped") if word == "v4-mapped" else word.lower().replace("_", "")


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

    @property
    def topic(self) -> str:
        """The scenario as pages name it: errors/EISCONN::twice."""
        return f"{self.file.removeprefix('suites/').rpartition('.')[0]}::{self.scenario}"

    def has(self, axis: str, value: str | Span) -> bool:
        """Whether an axis has a value, or one in a range; a result of an older suite has labels of values only."""
        if self.axes or not self.variant:
            bound = self.axes.get(axis, "")
            return value.holds(bound) if isinstance(value, Span) else bound == value
        if isinstance(value, Span):
            return any(value.holds(number) for number in re.findall(rf"\b{axis}(-?[0-9]+)", self.variant))
        return any(f"-{shown}-" in f"-{self.variant}-" for shown in (label(axis, value), axis + value))

    @cached_property
    def clauses(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(check.clause for step in self.steps for check in step.checks))

    def attempt(self, index: int) -> int | None:
        """The step that shows how the call before ended that a step follows: that one, or the join of its thread."""
        followed = self.steps[index].follows, self.steps[index].name
        found = next((at for at in reversed(range(index))
                      if (self.steps[at].verb, self.steps[at].name) == followed), None)
        operands = self.steps[found].operands if found is not None else {}
        join = next(((verb, operands[key]) for key, verb in JOINS.items() if key in operands), None)
        if found is None or join is None:
            return found
        return next((at for at in range(found, index) if (self.steps[at].verb, self.steps[at].name) == join), None)

    def waiter(self, index: int) -> Step | None:
        """The call that a step waits in, which is made on the thread that it joins, or is its own; none on a thread."""
        step = self.steps[index]
        if step.verb == "pthread_join":
            return next((one for one in self.steps[:index] if one.operands.get("thread") == step.name), None)
        return None if "thread" in step.operands else step

    def awaited(self, index: int) -> list[int]:
        """The connect() steps before a step, by their index, for which it waits: accept() of clients, epoll_wait()."""
        step, before = self.waiter(index), self.steps[:index]
        if step is None or "timeout" in step.operands:
            return []
        watches = {"epoll_wait": "epoll_ctl", "kevent": "kqueue"}.get(step.verb)
        watched = {one.name for one in before if one.verb == watches and one.operands["as"] == step.name}
        return [at for at, one in enumerate(before) if one.verb == "connect" and (
            (step.verb == "accept" and one.operands["to"] == step.name) or one.name in watched)]

    @cached_property
    def revision(self) -> str:
        """Content hash: a result whose scenario has changed since is not compared with one that has not."""
        content = [dict(self.axes), [(g.fixture, g.name, dict(g.operands)) for g in self.given],
                   [(s.verb, s.name, dict(s.operands), [(c.clause, c.allowed) for c in s.checks],
                     *(["observe"] if s.observe else []), *([s.after] if s.after else []),
                     *([s.follows] if s.follows != "connect" else [])) for s in self.steps]]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=dict).encode()).hexdigest()[:12]


class Entry(NamedTuple):
    """One call that was made. step: index of the scenario's step, None for a call a fixture made (given: its name).

    seconds: how long it took, to the millisecond, so that what was recorded is judged as what was seen.
    """

    text: str
    verb: str
    subject: str
    request: str
    observed: Observed
    step: int | None = None
    given: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the call failed and left no attempt that goes on."""
        return self.observed["ret"].startswith("E") and self.observed["ret"] not in PENDING


@dataclass
class Transcript:
    """What was seen while a case was played. ended: why it ended early, as a verdict word and a reason."""

    entries: list[Entry] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    ended: tuple[str, str] | None = None
    seconds: float = 0.0

    def of_step(self, index: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.step == index), None)


class Span(NamedTuple):
    """The numbers from first to last, both included; None is no bound."""

    first: int | None
    last: int | None

    def __str__(self) -> str:
        return "..".join("" if end is None else str(end) for end in self)

    def holds(self, value: str) -> bool:
        if not value.removeprefix("-").isdecimal():
            return False
        return (self.first is None or self.first <= int(value)) and (self.last is None or int(value) <= self.last)


@dataclass(frozen=True)
class Place:
    """Where a bug shows: scenarios, and the values of their axes.

    scenarios: patterns of names such as errors/EISCONN::twice, `*` is any text; none: every scenario.
    where: axes, each with the values that it has there.
    """

    scenarios: tuple[str, ...] = ()
    where: tuple[tuple[str, tuple[str | Span, ...]], ...] = ()

    def holds(self, case: Case) -> bool:
        return ((not self.scenarios or any(pattern_of(one).fullmatch(case.topic) for one in self.scenarios))
                and all(any(case.has(axis, value) for value in values) for axis, values in self.where))


@dataclass(frozen=True)
class Bug:
    """One cause of what a platform does instead of what documents say. sometimes: a race decides whether it shows."""

    name: str
    status: str
    because: str
    source: str
    file: str
    line: int
    sometimes: bool = False
    reported: str = ""  # the address of the report to those who maintain the platform


@dataclass(frozen=True, eq=False)
class Deviation:
    """What a bug makes the checks of one clause give in some cases.

    observed: what each check of the clause gives; or, of each in order, what it gives or `conforms`.
    """

    bug: Bug
    clause: str
    observed: Allowed | tuple[Allowed, ...]
    place: Place
    line: int

    @property
    def file(self) -> str:
        return self.bug.file

    @property
    def outcomes(self) -> tuple[Allowed, ...]:
        """All that it declares of any check."""
        return self.observed if isinstance(self.observed, tuple) else (self.observed,)

    def at(self, position: int) -> Allowed:
        return declared_at(self.observed, position)


def declared_at(observed: Allowed | Sequence[Allowed], position: int) -> Allowed:
    """What an entry declares of a check, by its place among those of the clause; behind the last nothing is."""
    if isinstance(observed, str | Mapping):
        return observed
    return observed[position] if position < len(observed) else "conforms"


@cache
def pattern_of(text: str) -> re.Pattern[str]:
    """A pattern over names of scenarios: `*` is any text, all else itself."""
    return re.compile(re.escape(text).replace(r"\*", ".*"))


Observations = Mapping[str, str]  # what a case gave where nothing is required: step number -> outcome
Baseline = Mapping[str, tuple[Observations, ...]]  # case -> what it gave in this or that run


@dataclass(frozen=True)
class Withdrawal:
    """What a platform does not do of an inherited bug; without a place, nothing of it."""

    bug: str
    place: Place
    file: str
    line: int


@dataclass(frozen=True)
class Profile:
    """What one platform declares, the nearest page first. manuals: its own name and those it inherits.

    withdrawn: of each page, what it takes back of those that it inherits. baseline: what it answers in surveys.
    """

    platform: str
    manuals: tuple[str, ...]
    deviations: tuple[Deviation, ...]
    withdrawn: tuple[Withdrawal, ...] = ()
    baseline: Baseline = field(default_factory=dict)

    def unexplained(self) -> tuple[Bug, ...]:
        """The bugs that `accept` wrote and that have no reason or no source yet."""
        bugs = dict.fromkeys(one.bug for one in self.deviations)
        return tuple(one for one in bugs if not one.because.strip() or not one.source.strip())

    def owns(self, deviation: Deviation) -> bool:
        """Whether an entry is on the platform's own page, not on one that it inherits."""
        return Path(deviation.file).stem == self.platform

    @cached_property
    def by_clause(self) -> Mapping[str, Sequence[tuple[int, Deviation]]]:
        """The entries of each clause, with their places among all."""
        found: dict[str, list[tuple[int, Deviation]]] = {}
        for at, deviation in enumerate(self.deviations):
            found.setdefault(deviation.clause, []).append((at, deviation))
        return found

    def of(self, case: Case) -> tuple[Deviation, ...]:
        """The entries for a case; a clause's entries on the nearest page replace those that it inherits."""
        places = [place for clause in case.clauses for place in self.by_clause.get(clause, ())]
        if not places:
            return ()
        found = [d for _, d in sorted(places, key=itemgetter(0)) if d.place.holds(case) and not self.withdraws(d, case)]
        nearest = {d.clause: d.file for d in reversed(found)}
        return tuple(d for d in found if d.file == nearest[d.clause])

    def withdraws(self, deviation: Deviation, case: Case) -> bool:
        """Whether a page between the platform and an inherited entry takes it back for a case."""
        pages = [f"specs/platforms/{name}.yaml" for name in self.manuals]
        return any(one.bug == deviation.bug.name and one.file != deviation.file and one.place.holds(case)
                   and (deviation.file not in pages or pages.index(one.file) < pages.index(deviation.file))
                   for one in self.withdrawn)


@dataclass(frozen=True)
class PairProfile(Profile):
    """The page of a target beside that of its peer: what either declares may show, and need not."""

    peer: Profile = Profile("", (), ())

    def of(self, case: Case) -> tuple[Deviation, ...]:
        found = (*super().of(case), *self.peer.of(case))
        return tuple(replace(one, bug=replace(one.bug, sometimes=True)) for one in found)


@dataclass(frozen=True)
class Vocabulary:
    """The words of scenarios that the fixtures define: names of ready-made addresses, and fixture -> operands.

    Of an operand those that it may be; none: it may be anything.
    """

    fixtures: Mapping[str, Mapping[str, Collection[str]]]
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
