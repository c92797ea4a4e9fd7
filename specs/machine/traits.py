"""The table of rules: what documents require of a call in a state, and what platforms are recorded to answer there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from specs import strict
from specs.model import Clause

FILE = Path(__file__).parent / "traits.yaml"
ANSWERS = Path(__file__).parent / "answers"
RECORDED = "recorded"  # what an answer departs from that is another than those a platform is known to give
Words = tuple[str, ...]
Cause = tuple[str, str, str]  # a rule, as `alike` has it, or its row; the kind of socket, the answer
Recorded = Mapping[str, Mapping[str, Words]]  # rule -> kind of socket -> the answers that a platform has given


class Trait(NamedTuple):
    """A row of traits.yaml. requires: clause -> kind of socket, or "" for all -> patterns of what it allows."""

    rule: str
    says: str
    requires: Mapping[str, Mapping[str, Words]]


@cache
def table() -> tuple[Trait, ...]:
    return tuple(Trait(rule, row["says"], {name: cell(one) for name, one in row.get("requires", {}).items()})
                 for rule, row in strict.read(FILE).items())


def cell(content: Any) -> Mapping[str, Words]:
    kinds = content if isinstance(content, Mapping) else {"": content}
    return {kind: tuple(one) if isinstance(one, list) else (str(one),) for kind, one in kinds.items()}


@cache
def trait_of(rule: str) -> Trait | None:
    """The row that a rule is of: the first that matches it."""
    return next((row for row in table() if fnmatchcase(rule, row.rule)), None)


def row_of(rule: str) -> str:
    """The name of that row; without one, the rule."""
    row = trait_of(rule)
    return row.rule if row else rule


def alike(rule: str) -> str:
    """A rule without what is shut down: what departs there departs elsewhere by the same cause, most of the time.

    Nor has it whether connect() has reported the success, unless it is a rule of connect().
    """
    if not rule.startswith("connect/"):
        rule = re.sub(r"/established(?=/|$)", "/connected", rule).replace("/established-", "/")
    return re.sub(r"-?(early-)?shut-\w+|-stuck", "", rule)


def matches(word: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(word, one) if one[0] != "!" else not fnmatchcase(word, one[1:]) for one in patterns)


@cache
def recorded(platform: str) -> Recorded:
    """What a platform has answered in walks, where it differs from what it inherits; nothing where none were taken."""
    path = ANSWERS / f"{platform}.json"
    if not path.exists():
        return {}
    return {rule: {kind: tuple(words) for kind, words in kinds.items()}
            for rule, kinds in json.loads(path.read_text(encoding="utf-8")).items()}


@dataclass(frozen=True)
class Answers:
    """What is allowed under each rule: what a platform is recorded to answer, else what documents require of it.

    manuals: of the platform, its own first. platforms: those whose records count, the nearer first; none: documents
    alone. own: a record that counts before those. known: departures that have been found, and are allowed from then on.
    """

    clauses: Mapping[str, Clause]
    manuals: Sequence[str]
    platforms: Sequence[str] = ()
    known: frozenset[Cause] = frozenset()
    own: Recorded = field(default_factory=dict)

    @cached_property
    def records(self) -> Sequence[Recorded]:
        return [self.own, *(recorded(platform) for platform in self.platforms)]

    def required(self, rule: str, kind: str) -> Iterator[tuple[str, Words]]:
        """The clauses that bind the platform here, with what each allows."""
        row = trait_of(rule)
        for name, kinds in row.requires.items() if row else ():
            allowed = kinds.get(kind, kinds.get("", ()))
            if allowed and self.clauses[name].force(self.manuals) != "survey":
                yield name, allowed

    def of_platform(self, rule: str, kind: str) -> Words:
        """The answers that the platform has given; none where no walk has come there."""
        return next((one[rule][kind] for one in self.records if kind in one.get(rule, {})), ())

    def breaks(self, rule: str, kind: str, word: str) -> Iterator[tuple[str, Words]]:
        """The clauses that an answer breaks, whatever is recorded of the platform, with what each allows."""
        yield from (one for one in self.required(rule, kind) if not matches(word, one[1]))

    def broken(self, rule: str, kind: str, word: str) -> str:
        """What an answer departs from: a clause, what is RECORDED, or nothing.

        A platform's record excuses it from clauses; so does what it has answered under another rule of the same row,
        for of rare states not every one is recorded.
        """
        if {(alike(rule), kind, word), (row_of(rule), kind, word)} & self.known:
            return ""
        if words := self.of_platform(rule, kind):
            return "" if word in words else RECORDED
        if word in self.words_of_rows.get((row_of(rule), kind), ()):
            return ""
        return next((clause for clause, _ in self.breaks(rule, kind, word)), "")

    def given(self, rule: str, kind: str) -> Words:
        """All answers that have a word of their own: what the platform has given, and what documents name."""
        named = [word for _, allowed in self.required(rule, kind) for word in allowed if not set(word) & set("*!")]
        return tuple(sorted({*self.of_platform(rule, kind), *named}))

    @cached_property
    def words_of_rows(self) -> Mapping[tuple[str, str], set[str]]:
        """What the platform has answered under any rule of a row."""
        found: dict[tuple[str, str], set[str]] = {}
        for rule, kind in {(rule, kind) for record in self.records for rule, kinds in record.items() for kind in kinds}:
            found.setdefault((row_of(rule), kind), set()).update(self.of_platform(rule, kind))
        return found

    def allowed(self, rule: str, kind: str) -> Words:
        """For people: what is allowed."""
        every = [self.of_platform(rule, kind), *(allowed for _, allowed in self.required(rule, kind))]
        return next(filter(None, every), ("*",))
