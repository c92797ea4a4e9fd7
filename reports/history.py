"""Each case over many runs: when it changed, and in which version of the target."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, KeysView, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console

from reports.common import terminal, upgrade
from reports.common.aggregate import alike
from reports.common.comparison import compare
from reports.common.results import Name, Source, contents, expanded, header_of, lines, named, plural, whole
from reports.common.wording import GLYPHS, observed_instead
from specs.model import BOUNDS
from specs.record import SCHEMA, Footer, Header, Record, Unreadable, encode


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="DIR", help="folders of result files, or result files")
    parser.add_argument("--targets", metavar="A,B,…", help="versions of one implementation, the oldest first")
    parser.add_argument("--all", action="store_true", help="cases that did not change, too")


def run(options: Namespace) -> None:
    files = [named(path) for folder in options.files for path in expanded(folder)]
    torn, found = histories(sorted(files, key=lambda one: header(one[0]).started),
                            options.targets.split(",") if options.targets else [])
    to = terminal.console()
    for line in torn:
        terminal.say(to, line, "bold yellow")
    for one in found:
        show(to, one, options.all)


# --- What a history reads of a result -----------------------------------------------------------------------


NONE = msgspec.Raw(b"")
SEEN = msgspec.json.Decoder(dict[str, str])
TIMED = tuple(f'"{bound}"'.encode() for bound in BOUNDS)  # in what a check expects


class Check(msgspec.Struct, frozen=True, gc=False):
    """What a step observed, and what judges it, as the file has it; a step without a verdict is no check."""

    observed: msgspec.Raw
    expect: msgspec.Raw = NONE
    clause: str = ""
    verdict: str = ""
    verdicts: msgspec.Raw = NONE
    seconds: float = 0.0

    def is_like(self, other: Check) -> bool:
        """Whether the two give the same state: time counts where it is bounded, fields where they are not as wanted."""
        return (self.verdict == other.verdict and self.clause == other.clause and self.expect == other.expect
                and self.verdicts == other.verdicts
                and (self.seconds == other.seconds or not any(bound in bytes(self.expect) for bound in TIMED))
                and (self.observed == other.observed
                     or (self.verdict == "conforms" and self.seen == other.seen is not None)))

    @property
    def seen(self) -> tuple[str, KeysView[str]] | None:
        """What the call returned, with the names of fields; None if it is no call: all of the result says why."""
        with suppress(ValueError, KeyError):
            seen = SEEN.decode(self.observed)
            return seen["ret"], seen.keys()
        return None


class Glance(msgspec.Struct, gc=False, tag_field="kind", tag="result",
             rename={"id": "case", "calls": "steps", "line": "", "known": " "}):
    """As much of a result as its state depends on, read as far as it is asked for: the calls of most are the same.

    line: where all of it is; known: its checks, once they are read. Neither is a field of it.
    """

    id: str
    target: str
    verdict: str
    clauses: dict[str, str]
    calls: msgspec.Raw
    line: Source | None = None
    known: list[Check] | None = None

    @property
    def checks(self) -> list[Check]:
        """The steps with a verdict. Unreadable: the steps are none."""
        if self.known is None:
            try:
                steps = CHECKS.decode(self.calls)
            except ValueError as error:
                raise self.unreadable(error) from None
            self.known = [one for one in steps if one.verdict or one.verdicts != NONE]
        return self.known

    def is_like(self, other: Glance) -> bool:
        """Whether the two have the same state, but for addresses in it."""
        return (self.clauses == other.clauses
                and self.verdict == other.verdict != "unresolved"  # where a precondition says why
                and (self.calls == other.calls or self.has_checks_like(other)))

    def has_checks_like(self, other: Glance) -> bool:
        return len(self.checks) == len(other.checks) and all(
            one == another or one.is_like(another) for one, another in zip(self.checks, other.checks, strict=True))

    def record(self) -> Record:
        """All of it. Unreadable: what has not been read so far is none."""
        assert self.line
        try:
            read = whole(self.line)
        except ValueError as error:
            raise self.unreadable(error) from None
        assert isinstance(read, Record)
        return read

    def unreadable(self, error: ValueError) -> Unreadable:
        assert self.line
        return Unreadable(f"{self.line.file}:{self.line.number}: {error}")


CHECKS = msgspec.json.Decoder(list[Check])
DECODER = msgspec.json.Decoder(Header | Glance | Footer)


def glance(line: Source) -> Header | Glance | Footer:
    item: Header | Glance | Footer = DECODER.decode(line.text if line.schema == SCHEMA else upgraded(line))
    if isinstance(item, Header) or (isinstance(item, Glance) and upgrade.is_renamed(item.id, item.clauses)):
        item = DECODER.decode(upgraded(line))
    if isinstance(item, Glance):
        item.line = line
    return item


def upgraded(line: Source) -> str:
    """A line as the present schema has it."""
    return encode(upgrade.read(line.text, line.schema))


def header(file: Path) -> Header:
    """The first line alone."""
    _, item = next(lines(file, glance), (0, None))
    return item if isinstance(item, Header) else contents(file, glance)[0]


# --- States -------------------------------------------------------------------------------------------------


class State(NamedTuple):
    """What was observed in a case. since: the first point with it; note: how the suite, not the system, caused it."""

    since: str
    verdict: str
    text: str
    note: str


NOTES = {"scenario": "(the scenario was edited)", "judged": "(judged otherwise)"}  # by the kinds of differences


@dataclass
class Trail:
    """One case. last: its result in the last run that played it."""

    states: list[State] = field(default_factory=list)
    last: Glance | None = None

    def add(self, label: str, new: Glance) -> None:
        """Add the state of one more run, if it is another than in the run before."""
        if not (self.last and self.last.is_like(new)) or "name=" in self.states[-1].text:  # an address
            record = new.record()
            seen = dict.fromkeys(observed_instead(record, clause) for clause, verdict in record.clauses.items()
                                 if verdict == record.verdict)
            state = record.verdict, ", ".join(filter(None, seen))
            if not self.states or state != self.states[-1][1:3]:
                note = NOTES.get(compare(self.last.record() if self.last else None, record), "")
                self.states.append(State(label, *state, note))
        self.last = new


@dataclass
class History:
    """One target, or several versions of it, over the runs. points: the number of runs that played it."""

    names: Sequence[str]
    points: int = 0
    trails: dict[str, Trail] = field(default_factory=dict)

    def add(self, name: str, head: Header, results: Iterable[Glance]) -> None:
        """Add the results of one target in a run."""
        label = f"{name} {head.targets[name].release}, {head.started[:16].replace('T', ' ')}"
        self.points += 1
        for one in results:
            self.trails.setdefault(one.id, Trail()).add(label, one)


def histories(files: Sequence[tuple[Path, str]], versions: Sequence[str]) -> tuple[list[str], Iterable[History]]:
    """Which runs are torn; a history of each target, or one of these versions, the runs of each by time.

    files: the oldest first, each with the only target to take of it, if one is named. They are read one after another,
    for each version anew, and the last result of each case is all that is held of them.
    """
    torn: list[str] = []
    each: dict[str, History] = {}
    together = History(versions)
    for version in versions or [""]:
        before = together.points
        for file, only in files:
            head, results, missing = contents(file, glance)
            head = header_of(file, head, only) if only else head
            if missing and version in ("", *versions[:1]):
                torn.append(f"torn run: {file} {missing}")
            for name, held in by_target(results, head).items():
                history = each.setdefault(name, History([name]))
                if version in ("", name):
                    (together if version else history).add(name, head, held)
        if version and together.points == before:
            raise Unreadable(f"no run played {version!r}; they played {', '.join(each)}")
    return torn, [together] if versions else each.values()


def by_target(results: Iterable[Glance], head: Header) -> dict[str, list[Glance]]:
    found: dict[str, list[Glance]] = {}
    for one in results:
        if one.target in head.targets:
            found.setdefault(one.target, []).append(one)
    return found


def show(to: Console, history: History, every: bool) -> None:
    """Print the states of the cases, scenario by scenario; cases with the same states together."""
    states = {case: tuple(history.trails[case].states) for case in sorted(history.trails, key=Name.of)}
    printed = [case for case in states if every or len(states[case]) > 1]
    changed = plural(sum(len(found) > 1 for found in states.values()), "case")
    terminal.say(to, f"{' -> '.join(history.names)}: {changed} of {len(states)} changed in "
                     f"{plural(history.points, 'run')}", "bold")
    for name, number, found in alike(printed, states.__getitem__):
        terminal.say(to, f"  {name}  ({plural(number, 'case')})")
        for state in found:
            seen = " ".join(filter(None, (GLYPHS[state.verdict], *state[1:])))
            terminal.say(to, f"      {state.since}: {seen}", terminal.STYLES[state.verdict])
