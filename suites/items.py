"""Scenario files as pytest items: one item is one case on one target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fixtures import world
from fixtures.pairs import peers_of
from fixtures.targets import is_errno
from specs import grammar, scenarios
from specs.model import Case, Clause, SpecError, Vocabulary, label
from suites.kept import kept
from suites.outcome import UnexpectedVerdict, attach, raise_outcome
from suites.schedule import Schedule

HERE = Path(__file__).parent
SCHEDULE = pytest.StashKey[Schedule]()
KINDS = ("domain", "type")  # axes whose values are marks
PHASES = ("pytest_runtest_protocol", "pytest_runtest_setup", "pytest_runtest_call", "pytest_runtest_teardown")
mark_called = cache(lambda name: getattr(pytest.mark, name).mark)
KNOWN = ("_pytest.", "_hypothesis_", "xdist.", "suites.", "conftest")  # modules whose hooks do nothing to a case


@cache
def vocabulary() -> Vocabulary:
    """The words that scenarios may use because a fixture defines them."""
    return Vocabulary({word: world.operands_of(word) for word in world.FIXTURES}, world.ADDRESSES)


class Found(NamedTuple):
    """A case, and what is kept with it since it follows from the case alone. has_peers: two targets can play it."""

    case: Case
    marks: frozenset[str]
    has_peers: bool

    @classmethod
    def of(cls, case: Case) -> Found:
        assert case.revision
        assert all(step.text for step in case.steps)  # they are kept in the case, once they are known
        return cls(case, marks_of(case), bool(peers_of(case.given, case.steps)))


class ScenarioFile(pytest.File):
    """One YAML file of scenarios."""

    def collect(self) -> Iterator[CaseItem]:
        schedule = self.config.stash[SCHEDULE]
        try:
            found = kept(self.path, lambda: [Found.of(case) for case in
                                             scenarios.cases(self.path, schedule.clauses, vocabulary())])
        except SpecError as error:
            raise self.CollectError(str(error)) from None
        for case, names, has_peers in found:
            for target in (name for name, one in schedule.targets.items() if not one.peer or has_peers):
                yield CaseItem.from_parent(self, case=case, target=target, marks=names)


class CaseItem(pytest.Item):
    """One case on one target."""

    def __init__(self, *, case: Case, target: str, marks: frozenset[str], **kwargs: Any) -> None:
        variant = f"{case.variant}-{target}" if case.variant else target
        super().__init__(name=f"{case.scenario}[{variant}]", **kwargs)
        self.case, self.target = case, target
        self.turn = self.config.stash[SCHEDULE].turn(case, target)
        self.is_slow = self.turn.slow
        self.own_markers += [mark_called(name) for name in (marks | {"waits"} if self.is_slow else marks)]
        self.keywords.update((mark.name, mark) for mark in self.own_markers)

    def runtest(self) -> None:
        schedule = self.config.stash[SCHEDULE]
        record = schedule.result(self.case, self.target)
        attach(self, [record])
        raise_outcome(record, schedule.drifts(self.target))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, UnexpectedVerdict | pytest.xfail.Exception):
            return str(excinfo.value)  # a traceback is not shown, and takes longer to make than the case to play
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.case.line - 1, self.name


@cache
def has_phases(config: pytest.Config) -> bool:
    """Whether an option shows the phases of an item, or an installed plugin (timeouts, reruns) has part in them."""
    hooks = [hook for name in PHASES for hook in getattr(config.hook, name).get_hookimpls()]
    return (any(config.getoption(option) for option in ("xmlpath", "usepdb", "setupshow"))
            or not all(hook.function.__module__.startswith(KNOWN) for hook in hooks))


def run_case(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a case in one phase: it has no fixture of pytest's to set up or tear down, and prints nothing to capture.

    Left to pytest (None): whatever else is an item, the last before one, and all where anything looks at the phases.
    """
    if has_phases(item.config) or not (isinstance(item, CaseItem) and isinstance(nextitem, CaseItem)):
        return None
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    call = pytest.CallInfo.from_call(item.runtest, "call", reraise=(pytest.exit.Exception, KeyboardInterrupt))
    report = hook.pytest_runtest_makereport(item=item, call=call)
    hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def marks_of(case: Case) -> frozenset[str]:
    """What `-m` selects cases by: folders, errnos, domain and type."""
    errnos = {part for clause in case.clauses for part in clause.split(".") if is_errno(part)}
    kinds = {label(axis, case.axes[axis]) for axis in KINDS if axis in case.axes}
    return frozenset(errnos | kinds | set(case.file.split("/")[1:-1]))


def marks(clauses: Mapping[str, Clause]) -> Iterator[str]:
    """The marks that cases bear, as pytest registers them."""
    yield "waits: cases that wait for a timer of the kernel or for the call timeout"
    for folder in sorted({part for path in HERE.rglob("*.yaml") for part in path.parent.relative_to(HERE).parts}):
        yield f"{folder}: cases of a folder suites/…/{folder}"
    for axis in KINDS:
        for value in grammar.schema("scenarios")["$defs"][axis]["anyOf"][0]["enum"]:
            yield f"{label(axis, value)}: cases of {axis} {value}"
    for errno in sorted({part for clause in clauses for part in clause.split(".") if is_errno(part)}):
        yield f"{errno}: cases of a clause about {errno}"
