"""Scenario files as pytest items: one item is one case on one target."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fixtures.targets import FILE, Session, Target
from specs import load
from specs.judge import spell_allowed, spell_timed
from specs.model import FAILING, Case, Clause, Profile, SpecError, worst
from specs.record import PlayedStep, Record
from specs.record import Target as TargetRecord
from suites import drawing, engine

HERE = Path(__file__).parent
MAX_LINES = 15  # of a failure's text
SLOW_S = 0.9  # a call that takes as long has waited for something: a SYN is sent again after a second

Begun = dict[tuple[str, str], Future[Record]]  # by case and target
UNTOLD = Profile("", (), ())  # of a target on another machine, until its greeting tells what that is


class Conformance:
    """What a run needs in one place: targets with their sessions and profiles, clauses, the cases that are begun."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self.targets = targets
        self.clauses: Mapping[str, Clause] = load.clauses()
        self.words = engine.vocabulary()
        self.profiles = {name: load.profile(target.platform, self.clauses) if target.platform else UNTOLD
                         for name, target in targets.items()}
        self.sessions = {name: Session(target) for name, target in targets.items()}
        self.pools = {name: ThreadPoolExecutor(target.agents, f"{name}-waits") for name, target in targets.items()}
        self.players = ThreadPoolExecutor(os.cpu_count(), "plays")
        self.closed = False
        self.waiting: Begun = {}
        self.ahead: Begun = {}
        # Not begun yet: by file, scenario and target; then by case. Other rooms have space for one case at a time.
        self.later: dict[tuple[str, str, str], dict[str, CaseItem]] = {}

    def marks(self) -> Iterator[str]:
        """The marks that cases bear, as pytest registers them."""
        yield "waits: cases that wait for a timer of the kernel or for patience to run out"
        for topic in sorted(path.name for path in HERE.iterdir() if path.is_dir() and path.name.isalpha()):
            yield f"{topic}: cases of suites/{topic}"
        for errno in sorted({part for clause in self.clauses for part in clause.split(".") if is_errno(part)}):
            yield f"{errno}: cases of a clause about {errno}"

    def open(self) -> dict[str, TargetRecord]:
        """Start every target, all at once; what each says of itself."""
        for opened in [self.pools[name].submit(engine.make_ready, session) for name, session in self.sessions.items()]:
            opened.result()
        for name, session in self.sessions.items():
            if self.profiles[name] is UNTOLD and session.greeting:
                try:
                    self.profiles[name] = load.profile(session.platform, self.clauses)
                except SpecError as problem:
                    session.unavailable = str(problem)
        return {name: TargetRecord(s.platform, {} if s.unavailable else s.greeting, s.unavailable)
                for name, s in self.sessions.items()}

    def refuse_unmatched(self, items: Sequence[pytest.Item]) -> None:
        """Stop when a profile's entry has nothing to do with any case; items: those of the whole suite."""
        every = list({item.case.id: item.case for item in items if isinstance(item, CaseItem)}.values())
        drawn = {drawing.scenario_of(item) for item in items if drawing.is_drawn(item)}
        for profile in self.profiles.values():
            for line in load.unmatched(profile, every, drawn):
                raise pytest.UsageError(line)

    def unexplained(self) -> Iterator[str]:
        """One line for each page with entries that lack a reason: until it has one, an entry is only a claim."""
        for profile in {id(one): one for one in self.profiles.values()}.values():
            if lacking := profile.unexplained():
                first = lacking[0]
                yield (f"{first.file}:{first.line}: no because or source; so it is with {len(lacking)} entries of what "
                       f"{profile.platform} declares: fill in why, or delete what cannot be explained")

    def start_waiting(self, items: list[CaseItem]) -> None:
        """Begin the cases that wait, each on an agent of its own; they are collected when their turn comes.

        Those that wait for a timer first: that can take minutes, where patience takes seconds.
        """
        self.begin(sorted((one for one in items if one.waits), key=lambda one: not engine.has_timer(one.case)))
        for item in items:
            if not item.waits and engine.room_of(item.case) == engine.MAIN:
                self.later.setdefault((item.case.file, item.case.scenario, item.target), {})[item.case.id] = item

    def begin(self, items: Iterable[CaseItem]) -> None:
        for item in items:
            begun = self.pools[item.target].submit(self.play, item.case, item.target, True)
            self.waiting[item.case.id, item.target] = begun

    def play_ahead(self, items: list[CaseItem]) -> None:
        """Let as many targets at once as there are processors play their cases; a slow one holds up no other."""
        for name in self.targets:
            own = [item for item in items if item.target == name]
            ahead: Begun = {(item.case.id, name): Future() for item in own}
            self.ahead |= ahead
            self.players.submit(self.play_target, own, ahead)

    def play_target(self, items: list[CaseItem], ahead: Begun) -> None:
        """Play the cases of one target as a run of it alone does."""
        self.start_waiting(items)
        for item in sorted(items, key=lambda item: item.waits):
            key = item.case.id, item.target
            told = ahead[key]
            try:
                told.set_result(self.turn(item.case, item.target))
            except BaseException as problem:  # noqa: BLE001 - whatever it is, the one who collects it is to see it
                told.set_exception(problem)
            if self.closed:
                break

    def run(self, case: Case, target: str) -> Record:
        begun = self.ahead.pop((case.id, target), None)
        return begun.result() if begun else self.turn(case, target)

    def turn(self, case: Case, target: str) -> Record:
        """Play a case, unless it has been begun.

        If one of its calls waits, unforeseen, so may those of the other cases of its scenario: they are begun all at
        once, each with the time that it has alone, so that no verdict depends on it.
        """
        begun = self.waiting.pop((case.id, target), None)
        if begun:
            return begun.result()
        left = self.later.get((case.file, case.scenario, target), {})
        left.pop(case.id, None)
        record = self.play(case, target)
        if any(step.seconds >= SLOW_S for step in record.steps):
            self.begin(left.values())
            left.clear()
        return record

    def play(self, case: Case, target: str, own: bool = False) -> Record:
        return engine.run(case, self.sessions[target], self.clauses, self.profiles[target], own)

    def close(self) -> None:
        self.closed = True
        pools = [self.players, *self.pools.values()]
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
        for session in self.sessions.values():
            session.close()
        for pool in pools:
            pool.shutdown()


class Departure(Exception):
    """A verdict that fails a test; the record has the rest."""


class ScenarioFile(pytest.File):
    """One YAML file of scenarios."""

    def collect(self) -> Iterator[CaseItem]:
        conformance: Conformance = self.config.stash[CONFORMANCE]
        try:
            cases = load.cases(self.path, conformance.clauses, conformance.words)
        except SpecError as error:
            raise self.CollectError(str(error)) from None
        for case in cases:
            for target in conformance.targets:
                yield CaseItem.from_parent(self, case=case, target=target)


class CaseItem(pytest.Item):
    """One case on one target."""

    def __init__(self, *, case: Case, target: str, **kwargs: Any) -> None:
        variant = f"{case.variant}-{target}" if case.variant else target
        super().__init__(name=f"{case.scenario}[{variant}]", **kwargs)
        self.case, self.target = case, target
        self.waits = engine.waits(case, self.config.stash[CONFORMANCE].profiles[target].of(case))
        self.record: Record | None = None
        for mark in marks_of(case) | ({"waits"} if self.waits else set()):
            self.add_marker(mark)

    def runtest(self) -> None:
        self.record = self.config.stash[CONFORMANCE].run(self.case, self.target)
        keep(self, [self.record])
        conclude(self.record)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Departure) and self.record:
            return failure_text(self.record, self.config, self.nodeid)
        if isinstance(excinfo.value, pytest.xfail.Exception):
            return str(excinfo.value)  # its traceback takes longer to make than the case to play, and nobody sees it
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.case.line - 1, self.name


def is_errno(word: str) -> bool:
    return word.startswith("E") and word.isupper()


def marks_of(case: Case) -> set[str]:
    """What `-m` selects cases by: topic and errno."""
    errnos = {part for clause in case.clauses for part in clause.split(".") if is_errno(part)}
    return errnos | {Path(case.file).parent.name}


CONFORMANCE = pytest.StashKey[Conformance]()
RECORDS = pytest.StashKey[list[Record]]()  # of an item, for its report


def keep(item: pytest.Item, records: list[Record]) -> None:
    """Leave an item's records to its report, and to `--junitxml` the verdicts: the worst, and that of each clause."""
    item.stash[RECORDS] = records
    clauses: dict[str, list[str]] = {}
    for record in records:
        for clause, verdict in record.clauses.items():
            clauses.setdefault(clause, []).append(verdict)
    item.user_properties[:] = [("verdict", worst([record.verdict for record in records])),
                               *((clause, worst(verdicts)) for clause, verdicts in clauses.items())]


def conclude(record: Record) -> None:
    """A verdict as pytest's outcome."""
    verdict, reason = record.verdict, record.reason
    if verdict == "unsupported":
        pytest.skip(reason)
    if verdict in ("deviates", "open"):
        pytest.xfail(f"{verdict}: {reason}")
    if verdict in FAILING:
        raise Departure(f"{verdict}: {reason}")


def failure_text(record: Record, config: pytest.Config, nodeid: str) -> str:
    """At most 15 lines: headline, clause and where it stands, target, steps, verdict, how to run it again."""
    clauses, targets = config.stash[CONFORMANCE].clauses, Path(config.getoption("--targets"))
    again = ["pytest", nodeid, "--target", record.target, *([] if targets == FILE else ["--targets", str(targets)])]
    wrong = [id_ for id_, verdict in record.clauses.items() if verdict in FAILING]
    head = [record.reason]
    for id_ in wrong[:2]:
        first = clauses[id_].cited[0]
        head.append(f"clause   {id_}: {clauses[id_].says} ({first.document}, {first.where}; {first.force})")
    place = f"{nodeid.partition('::')[0]}:{record.line}"
    head.append(f"target   {record.target} ({record.platform}), scenario at {place}")
    tail = [f"verdict  {record.verdict}", f"again    {shlex.join(again)}"]
    made = [step for step in record.steps if step.step is not None or step.ret != "ok"]
    rows = [step_row(number, step) for number, step in enumerate(made, 1)]
    room = MAX_LINES - len(head) - len(tail)
    if len(rows) > room:
        rows = [f"         … {len(rows) - room + 1} steps before", *rows[len(rows) - room + 1:]]
    return "\n".join([*head, *rows, *tail])


def step_row(number: int, step: PlayedStep) -> str:
    """One step as a line: `3  connect(client, peer) = -1 EISCONN, expected 0   <- fails`."""
    given = f"given {step.given}" if step.given else ""
    allowed = {clause: step.allowed(clause) for clause in step.expected}
    seen = spell_timed(step.observed, step.seconds, [one for ones in allowed.values() for one in ones])
    row = f"{given:9}{number:2}  {step.text} = {seen}"
    departures = set(step.judged.values()) - {"conforms"}
    if departures:
        row += ", expected " + " and ".join(("" if step.clause else f"{clause}: ") + spell_allowed(ones)
                                            for clause, ones in allowed.items())
        row += "   <- " + ", ".join(sorted(departures))
    return row
