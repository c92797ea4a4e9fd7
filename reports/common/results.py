"""Result files: reading one, and several as one table.

A result file is JSON lines: a header, a record for each case and target, a footer. A file without a footer is torn: the
run that wrote it did not end. It is read as far as it goes, and every report says so first. Any other error is one
line that names file and line.

Wherever a file is named, FILE@TARGET is the results of one target in it, and a folder is all files *.jsonl in it.
"""

from __future__ import annotations

import mmap
import re
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple, Protocol, TypeVar

import msgspec

from reports.common import upgrade
from specs.model import FAILING
from specs.record import SCHEMA, Footer, Header, Outcomes, PlayedStep, Record, Target, Unreadable, encode

MAPPED: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()  # result files, as long as anything holds a record of them

# --- One file -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run:
    """One result file. torn: what is missing from it; empty if every case that was to be played has its result."""

    file: Path
    header: Header
    records: tuple[Record, ...]
    torn: str


class Source(NamedTuple):
    """A line, and where it is. schema: of the file."""

    file: Path
    number: int
    text: memoryview
    schema: int


class Result(Protocol):
    """A result as a report takes it: a record, or as much of one as it needs."""

    @property
    def id(self) -> str: ...

    @property
    def target(self) -> str: ...


Item = TypeVar("Item", bound=Result)


def read(name: Path, check: bool = True) -> Run:
    """Read a result file, or the results of one target in it. Unreadable: the file and line of an error.

    check: the steps, too. Without it, they are `checked` where they are read; which line is wrong, `read` says then.
    """
    file, target = named(name)
    run = read_run(file, check)
    return of_target(run, target) if target else run


def named(name: Path) -> tuple[Path, str]:
    """The file, and the target that is named behind an @; empty for all of them."""
    if not name.exists():
        for at in re.finditer("@", str(name)):
            file = Path(str(name)[:at.start()])
            if file.is_file():
                return file, str(name)[at.end():]
    return name, ""


def read_run(file: Path, check: bool = True) -> Run:
    header, records, torn = contents(file, whole if check else outline)
    return Run(file, header, tuple(records), torn)


def contents(file: Path, as_result: Callable[[Source], Header | Footer | Item]) -> tuple[Header, list[Item], str]:
    """The header, the results, and what is missing from a file. as_result: makes a line what the report takes."""
    header: Header | None = None
    footer: Footer | None = None
    records: dict[tuple[str, str], Item] = {}
    for number, item in lines(file, as_result):
        if footer or isinstance(item, Header) != (header is None):
            raise Unreadable(f"{file}:{number}: a header comes first and once, a footer last")
        if isinstance(item, Header):
            header = item
        elif isinstance(item, Footer):
            footer = item
        elif header and item.target not in header.targets:
            known = ", ".join(header.targets)
            raise Unreadable(f"{file}:{number}: no target {item.target!r} in the header; it has {known}")
        else:
            records[item.id, item.target] = item  # of a case that was played again, the last
    if header is None:
        raise Unreadable(f"{file}:1: empty; a result file begins with its header")
    return header, list(records.values()), missing(footer, records.values())


def failed(files: Iterable[Path]) -> set[tuple[str, str]]:
    """The cases, each with its target, that failed when they were last played. files: the oldest first."""
    verdicts = {(one.id, one.target): one.verdict for file in files for one in read(file).records}
    return {played for played, verdict in verdicts.items() if verdict in FAILING}


def of_target(run: Run, target: str) -> Run:
    """The run with the results of one target only."""
    header = header_of(run.file, run.header, target)
    return Run(run.file, header, tuple(one for one in run.records if one.target == target), run.torn)


def header_of(file: Path, header: Header, target: str) -> Header:
    """The header with one target only. Unreadable: it has none of that name."""
    if target not in header.targets:
        raise Unreadable(f"{file}: no target {target!r}; it has {', '.join(header.targets)}")
    return msgspec.structs.replace(header, targets={target: header.targets[target]})


def write(run: Run, out: IO[bytes]) -> None:
    """Write a run as a result file; a torn run remains torn."""
    counts: dict[str, dict[str, int]] = {name: {} for name in run.header.targets}
    for record in run.records:
        verdicts = counts[record.target]
        verdicts[record.verdict] = verdicts.get(record.verdict, 0) + 1
    footer = () if run.torn else (Footer(complete=True, counts=counts),)
    out.writelines(encode(line).encode() + b"\n" for line in (run.header, *run.records, *footer))


def lines(file: Path,
          as_result: Callable[[Source], Header | Footer | Item]) -> Iterator[tuple[int, Header | Footer | Item]]:
    """The lines, decoded, with their numbers."""
    schema, ended = SCHEMA, False
    for number, line, is_whole in raw_lines(file):
        try:
            item = as_result(Source(file, number, line, schema))
            schema, ended = item.schema if isinstance(item, Header) else schema, isinstance(item, Footer)
            yield number, item
        except RecursionError:
            raise Unreadable(f"{file}:{number}: nested too deeply") from None
        except ValueError as error:
            if number > 1 and not is_whole and not ended:
                return  # the run was killed while it wrote this line
            raise Unreadable(f"{file}:{number}: {error}") from None


def whole(line: Source) -> Header | Footer | Record:
    """A line with every field of it; ValueError says what is wrong with it."""
    item = outline(line)
    if isinstance(item, Record):
        checked(item)
    return item


def outline(line: Source) -> Header | Footer | Record:
    """A line whose steps nothing has looked at."""
    return upgrade.read(line.text, line.schema)


def checked(record: Record) -> tuple[PlayedStep, ...]:
    """The steps; ValueError: one is none, or holds what its fields allow each for itself, and not together."""
    for step in (steps := record.steps):
        if "ret" not in step.observed:
            raise ValueError("`observed` has no `ret`")
    for planned in (*steps, *record.missed) if record.missed else steps:
        if planned.clause:
            if planned.expect is None and not planned.observe:
                raise ValueError("`clause` without `expect`")
        elif planned.expect:
            msgspec.convert(planned.expect, dict[str, Outcomes])  # by clause
    return steps


def raw_lines(file: Path) -> Iterator[tuple[int, memoryview, bool]]:
    """The lines with their numbers, and whether they have an end: views of a mapping.

    A record keeps the view of its steps, and no copy of them; what has been read is given back to the kernel.
    """
    try:
        with file.open("rb") as opened:
            is_file = file.is_file() and file.stat().st_size
            content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) if is_file else opened.read()
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from None
    if isinstance(content, mmap.mmap):
        MAPPED.add(content)
    view, at, number = memoryview(content), 0, 0
    while at < len(view):
        end, number = content.find(b"\n", at) + 1, number + 1
        yield number, view[at:end or len(view)], bool(end)
        at = end or len(view)
        if number % 1000 == 0:
            give_back()


def give_back() -> None:
    """Give what has been read of result files back to the kernel: it counts as memory, and is read again if need be.

    Whatever goes through the steps of many records does this on its way.
    """
    for content in MAPPED if hasattr(mmap, "MADV_DONTNEED") else ():
        content.madvise(mmap.MADV_DONTNEED)


def missing(footer: Footer | None, records: Collection[Result]) -> str:
    """What is missing from a run; empty if it is complete."""
    if footer is None or not footer.complete:
        return f"ends after {plural(len({record.id for record in records}), 'case')}"
    counted = sum(number for verdicts in footer.counts.values() for number in verdicts.values())
    if counted != len(records):
        return f"holds {plural(len(records), 'result')}, but its footer counts {counted}"
    return ""


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def first_n(items: Sequence[str], limit: int) -> str:
    """The first of them, and the number of the others: `a, b, 3 more`."""
    more = [f"{len(items) - limit} more"] if len(items) > limit else []
    return ", ".join([*items[:limit], *more])


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """The parts of a case id: `suites/errors/EISCONN.yaml::twice[inet6]` has the topic `errors/EISCONN`."""

    topic: str
    scenario: str
    variant: str

    @classmethod
    @cache
    def of(cls, case: str) -> Name:
        path, _, rest = case.partition("::")
        scenario, _, variant = rest.partition("[")
        return cls(path.removeprefix("suites/").rsplit(".", 1)[0], scenario, variant.removesuffix("]"))


# --- Several files ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """One target in one release. label: its name; where runs have several of that name, `name@6.1`, `name@freebsd`."""

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
        """What a reader must know before any figure, one line each; every report begins with them."""
        absent = [f"not run: {name} ({run.file}): {target.unavailable}"
                  for run in self.runs for name, target in run.header.targets.items() if target.unavailable]
        apart = [case for case, of in self.cases.items() if len({one.revision for one in of.values()}) > 1]
        edited = [f"{plural(len(apart), 'case')} edited between the runs: {first_n(apart, 3)}"] if apart else []
        judged = [f"judged again by {run.header.judged}: {run.file}" for run in self.runs if run.header.judged]
        return (*self.partial, *absent, *edited, *judged)

    @property
    def partial(self) -> tuple[str, ...]:
        """Which runs are without some of the suite's cases, one line each."""
        torn = [f"torn run: {run.file} {run.torn}" for run in self.runs if run.torn]
        chosen = [f"partial run: {run.file} has the cases of {run.header.chosen}" for run in self.runs
                  if run.header.chosen]
        return (*torn, *chosen)


class ColumnKey(NamedTuple):
    """Results with the same key are in one column."""

    name: str
    platform: str
    machine: str
    release: str

    @classmethod
    def of(cls, name: str, target: Target) -> ColumnKey:
        return cls(name, target.platform, target.machine, target.release)


def gather(files: Iterable[Path], merged: bool = False, check: bool = True) -> Results:
    """Several files, or folders of them, as one table. merged: a target of one machine may be in several of them."""
    runs = tuple(read(file, check) for path in files for file in expanded(path))
    if not merged:
        refuse_overlap(runs)
    return merge(runs)


def refuse_overlap(runs: Iterable[Run]) -> None:
    """Unreadable: two files have results of one target on one machine, and it is not said which of them count."""
    first: dict[ColumnKey, Path] = {}
    for run in runs:
        for name in dict.fromkeys(record.target for record in run.records):
            key = ColumnKey.of(name, run.header.targets[name])
            if key in first:
                raise Unreadable(f"{first[key]} and {run.file} both have {name} of {run.header.targets[name].version}; "
                                 "name one, or let the later one's results count by --merge")
            first[key] = run.file


def expanded(path: Path) -> list[Path]:
    """The result files in a folder, without those of partial and of previous runs; the path itself if it is none."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.glob("*.jsonl") if not file.stem.endswith(("-partial", "-previous")))
    if not found:
        raise Unreadable(f"{path}: the folder has no result file *.jsonl")
    return found


def merge(runs: tuple[Run, ...]) -> Results:
    """Several runs as one table. Of two results of a case in one column, the later counts."""
    targets: dict[ColumnKey, Target] = {}
    cases: dict[str, dict[ColumnKey, Record]] = {}
    for run in runs:
        keys = {name: ColumnKey.of(name, target) for name, target in run.header.targets.items()}
        for record in run.records:
            cases.setdefault(record.id, {})[keys[record.target]] = record
        played = {record.target for record in run.records}
        targets |= {keys[name]: target for name, target in run.header.targets.items()
                if name in played or not target.unavailable}
    label = labels(list(targets))
    columns = tuple(Column(label[key], key.name, target) for key, target in targets.items())
    return Results(runs, columns, {case: {label[key]: record for key, record in cases[case].items()}
                                   for case in sorted(cases, key=Name.of)})


def labels(keys: Sequence[ColumnKey]) -> dict[ColumnKey, str]:
    """The labels of columns: the target's name, and after @ as much of platform, machine and release as is needed."""
    found: dict[ColumnKey, str] = {}
    for key in keys:
        alike = [one for one in keys if one.name == key.name]
        apart: list[str] = []
        if any(one.platform != key.platform for one in alike):
            apart.append(key.platform)
            alike = [one for one in alike if one.platform == key.platform]
        if any(one.machine != key.machine for one in alike):
            apart.append(key.machine)
            alike = [one for one in alike if one.machine == key.machine]
        if len(alike) > 1:
            apart.append(shortened([one.release for one in alike])[alike.index(key)])
        found[key] = f"{key.name}@{'-'.join(apart)}" if apart else key.name
    return found


def shortened(releases: Sequence[str]) -> Sequence[str]:
    """The releases, each cut to the fewest parts, two at least, that leave them distinct."""
    parts = [re.split(r"([.-])", release) for release in releases]
    for end in range(3, max(map(len, parts)), 2):
        short = ["".join(part[:end]) for part in parts]
        if len(set(short)) == len(short):
            return short
    return releases
