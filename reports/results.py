"""Result files, read into nouns.

A result file is JSON lines: one header, one result for each case and target, one footer. A file without a
footer is torn: the run that wrote it did not end. It is read as far as it goes, and every report says so
first. Anything else that is not as declared here is refused with one line that names file and line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from specs.model import VERDICTS

SCHEMA = 1

Verdict = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(VERDICTS)})$")]
Outcome = str | dict[str, Any]
Outcomes = Outcome | list[Outcome]  # any of several


class Unreadable(Exception):
    """A file, or a question about it, that no report can answer; its text is the one line to show."""


# --- The lines of a file: what is declared here is what is checked ------------------------------------------


class Target(msgspec.Struct, frozen=True):
    """An implementation under test as one run met it. unavailable: why it could not be started."""

    platform: str
    greeting: dict[str, Any] = {}
    unavailable: str = ""

    @property
    def release(self) -> str:
        return str(self.greeting.get("release", "unavailable" if self.unavailable else "unknown"))

    @property
    def version(self) -> str:
        """For people: `Linux 6.18.44 x86_64, glibc-2.36`, as far as the greeting tells."""
        system, release, machine, implementation = (
            str(self.greeting.get(key, "")) for key in ("system", "release", "machine", "implementation"))
        parts = (" ".join(filter(None, (system, release, machine))), implementation)
        return ", ".join(filter(None, parts)) or self.release


class Suite(msgspec.Struct, frozen=True):
    """The state of the suite that played the cases."""

    revision: str


class Header(msgspec.Struct, frozen=True, tag_field="kind", tag="header"):
    """The first line: what was about to be run, where, on what."""

    schema: int
    suite: Suite
    started: str
    targets: dict[str, Target]
    environment: dict[str, Any] = {}


class Deviation(msgspec.Struct, frozen=True):
    """The entry of a platform's profile that applies to a case."""

    clause: str
    observed: Outcome
    status: str
    because: str
    source: str


class Step(msgspec.Struct, frozen=True):
    """One call and what it gave. line: in the scenario's file, 0 for a call that it does not ask for itself.

    given: the name of the fixture that made the call.
    """

    text: str
    verb: str
    observed: dict[str, str]
    line: int = 0
    request: str = ""
    given: str = ""
    expect: Outcomes | None = None
    clause: str = ""
    verdict: Verdict | None = None
    verdicts: dict[str, Verdict] = {}

    def __post_init__(self) -> None:
        if "ret" not in self.observed:
            raise ValueError("`observed` has no `ret`")
        if self.clause and self.expect is None:
            raise ValueError("`clause` without `expect`")
        if not self.clause:
            msgspec.convert(self.expect or {}, dict[str, Outcomes])  # by clause

    @property
    def ret(self) -> str:
        return self.observed["ret"]

    @property
    def expected(self) -> Mapping[str, Any]:
        """Clause -> what it allows here. Empty for a precondition, a probe or a fixture's call."""
        if self.clause:
            return {self.clause: self.expect}
        return self.expect if isinstance(self.expect, dict) else {}

    @property
    def judged(self) -> Mapping[str, str]:
        """Clause -> verdict. Empty for a check, too, that was reached in a wrong state."""
        return {self.clause: self.verdict} if self.verdict else self.verdicts

    @property
    def is_precondition(self) -> bool:
        return self.line > 0 and not self.expected and self.verb != "probe"


class Record(msgspec.Struct, frozen=True, tag_field="kind", tag="result"):
    """The result of one case on one target."""

    case: str
    target: str
    platform: str
    verdict: Verdict
    clauses: Annotated[dict[str, Verdict], msgspec.Meta(min_length=1)]
    summary: str
    steps: tuple[Step, ...]
    reason: str = ""
    seconds: float = 0.0
    revision: str = ""
    deviations: tuple[Deviation, ...] = ()


class Footer(msgspec.Struct, frozen=True, tag_field="kind", tag="footer"):
    """The last line, and the proof that the run ended: results counted by target and verdict."""

    complete: bool
    counts: dict[str, dict[Verdict, int]]
    seconds: float = 0.0


Line = Header | Record | Footer
DECODER = msgspec.json.Decoder(Line)

# --- One file -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run:
    """One result file. `torn` tells what is missing from it; it is empty for a whole run."""

    file: Path
    header: Header
    records: tuple[Record, ...]
    torn: str


def read(file: Path) -> Run:
    """Read one result file; Unreadable names file and line where it departs from the format."""
    header: Header | None = None
    footer: Footer | None = None
    records: dict[tuple[str, str], Record] = {}
    for number, item in lines(file):
        if footer or isinstance(item, Header) != (header is None):
            raise Unreadable(f"{file}:{number}: a header comes first and once, a footer last")
        if isinstance(item, Header):
            header = item
        elif isinstance(item, Footer):
            footer = item
        elif header and item.target not in header.targets:
            known = ", ".join(header.targets)
            raise Unreadable(f"{file}:{number}: no target {item.target!r} in the header; it has {known}")
        elif (item.case, item.target) in records:
            raise Unreadable(f"{file}:{number}: a second result of {item.case} on {item.target}")
        else:
            records[item.case, item.target] = item
    if header is None:
        raise Unreadable(f"{file}:1: empty; a result file begins with its header")
    return Run(file, header, tuple(records.values()), missing(footer, records.values()))


def lines(file: Path) -> Iterator[tuple[int, Line]]:
    """The lines as nouns, with their numbers."""
    try:
        content = file.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from None
    for number, line in enumerate(content, 1):
        try:
            yield number, decode(line)
        except ValueError as error:
            if 1 < number == len(content) and not line.endswith(b"\n"):
                return  # the writer was stopped in the middle of this line: torn, not wrong
            raise Unreadable(f"{file}:{number}: {error}") from None


def decode(line: bytes) -> Line:
    """One line as a noun; ValueError tells what is wrong with it."""
    item: Line = DECODER.decode(line)
    if isinstance(item, Header) and item.schema != SCHEMA:
        raise ValueError(f"schema {item.schema}; these reports read schema {SCHEMA}")
    return item


def missing(footer: Footer | None, records: Collection[Record]) -> str:
    """What a run lacks, empty for a whole one."""
    if footer is None or not footer.complete:
        return f"ends after {plural(len({record.case for record in records}), 'case')}"
    counted = sum(number for verdicts in footer.counts.values() for number in verdicts.values())
    if counted != len(records):
        return f"holds {plural(len(records), 'result')}, but its footer counts {counted}"
    return ""


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def some(items: Sequence[str], limit: int) -> str:
    """The first few of many, and how many more there are."""
    more = [f"{len(items) - limit} more"] if len(items) > limit else []
    return ", ".join([*items[:limit], *more])


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A case id in its parts: `suites/stream/EISCONN.yaml::twice[inet6]` has the topic `stream/EISCONN`."""

    topic: str
    scenario: str
    variant: str

    @classmethod
    def of(cls, case: str) -> Name:
        path, _, rest = case.partition("::")
        scenario, _, variant = rest.partition("[")
        return cls(path.removeprefix("suites/").rsplit(".", 1)[0], scenario, variant.removesuffix("]"))


# --- Several files ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """One target in one release. label: its name, or `name@6.1` where the runs met it in several releases."""

    label: str
    name: str
    target: Target

    @property
    def title(self) -> str:
        return f"{self.label} ({self.target.platform}): {self.target.version}"


@dataclass(frozen=True, slots=True)
class Results:
    """Several runs side by side."""

    runs: tuple[Run, ...]
    columns: tuple[Column, ...]
    cases: Mapping[str, Mapping[str, Record]]
    """Case id -> column label -> record, in the order of topics, scenarios and variants."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before any figure, one line each; every report begins with these."""
        torn = [f"torn run: {run.file} {run.torn}" for run in self.runs if run.torn]
        absent = [f"not run: {name} ({run.file}): {target.unavailable}"
                  for run in self.runs for name, target in run.header.targets.items() if target.unavailable]
        apart = [case for case, of in self.cases.items() if len({one.revision for one in of.values()}) > 1]
        edited = [f"{plural(len(apart), 'case')} edited between the runs: {some(apart, 3)}"] if apart else []
        return (*torn, *absent, *edited)


def gather(files: Iterable[Path]) -> Results:
    """Several files as one table. Of two results of a case on one target and release, the later stands."""
    runs = tuple(read(file) for file in files)
    met: dict[tuple[str, str], Target] = {}
    cases: dict[str, dict[tuple[str, str], Record]] = {}
    for run in runs:
        targets = run.header.targets
        for record in run.records:
            release = targets[record.target].release
            cases.setdefault(record.case, {})[record.target, release] = record
        played = {record.target for record in run.records}
        met |= {(name, target.release): target for name, target in targets.items()
                if name in played or not target.unavailable}
    label = labels(met)
    columns = tuple(Column(label[key], key[0], target) for key, target in met.items())
    return Results(runs, columns, {case: {label[key]: record for key, record in cases[case].items()}
                                   for case in sorted(cases, key=Name.of)})


def labels(met: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(name, release) -> column label."""
    releases: dict[str, list[str]] = {}
    for name, release in met:
        releases.setdefault(name, []).append(release)
    return {(name, release): f"{name}@{short}" if len(known) > 1 else name for name, known in releases.items()
            for release, short in zip(known, shortened(known), strict=True)}


def shortened(releases: Sequence[str]) -> Sequence[str]:
    """The releases cut to as few of their parts, two at least, as tell them apart."""
    parts = [re.split(r"([.-])", release) for release in releases]
    for end in range(3, max(map(len, parts)), 2):
        short = ["".join(part[:end]) for part in parts]
        if len(set(short)) == len(short):
            return short
    return releases
