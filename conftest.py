"""The seam to pytest: options, collection, the order of the run, and the result file. Hooks only."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from fixtures import targets as targets_
from specs import load
from specs.model import SpecError
from specs.record import Header, Line, encode
from suites import drawing
from suites.items import SCHEDULE, CaseItem, ScenarioFile, marks
from suites.outcome import RECORDS
from suites.progress import Progress
from suites.recording import Recording, header
from suites.schedule import Schedule
from suites.shares import SHARES, ByShare, Shares

ROOT = Path(__file__).parent
SELFTEST = ROOT / "suites" / "selftest"
HEADER = pytest.StashKey[Header]()  # of the result file, as the process that plays makes it


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("connect", "connect() conformance")
    group.addoption("--target", default="native", metavar="NAME[,NAME…]",
                    help="implementations under test; all: every one")
    group.addoption("--targets", default=str(targets_.FILE), metavar="FILE",
                    help="what they are; default fixtures/targets.yaml")
    group.addoption("--allow-drift", action="store_true",
                    help="observations that differ from the platform's baseline do not fail")
    group.addoption("--results", default="reports/out/results.jsonl", metavar="FILE", help="where results are written")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("hypothesis_seed", None) is None:
        hypothesis.settings.load_profile("drawn")
    else:
        hypothesis.settings.load_profile("drawn-anew")
    try:
        config.stash[SCHEDULE] = schedule = Schedule(chosen(config), config.getoption("--allow-drift"))
    except SpecError as error:
        raise pytest.UsageError(str(error)) from None
    for mark in marks(schedule.clauses):
        config.addinivalue_line("markers", mark)


def chosen(config: pytest.Config) -> dict[str, targets_.Target]:
    """The targets named on the command line."""
    known = load.targets(Path(config.getoption("--targets")))
    try:
        return targets_.choose(known, config.getoption("--target").split(","))
    except KeyError as unknown:
        raise pytest.UsageError(f"--target: no target {unknown}; it is one of {', '.join(known)}") from None
    except ValueError as problem:
        raise pytest.UsageError(f"--target: {problem}") from None


# --- collection ---------------------------------------------------------------------------------------------


def selftest_only(config: pytest.Config) -> bool:
    """Whether all that is named belongs to the suite's own tests, which run only when named and record nothing."""
    named = [Path(arg.partition("::")[0]).resolve() for arg in config.args]
    return bool(named) and all(path.is_relative_to(SELFTEST) for path in named)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path == SELFTEST and not selftest_only(config) else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == ".yaml" and file_path.is_relative_to(ROOT / "suites"):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A drawn test runs once on each target."""
    if "drawn" in metafunc.fixturenames:
        metafunc.parametrize("drawn", list(metafunc.config.stash[SCHEDULE].targets), indirect=True)


@pytest.fixture
def drawn(request: pytest.FixtureRequest) -> drawing.Drawn:
    """Plays, judges and records what a drawn test draws, on one target."""
    return drawing.Drawn(request.node, request.param)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Target by target; cases that wait come last: they are begun first, and have waited meanwhile."""
    if ROOT / "suites" in {Path(arg).resolve() for arg in config.args}:
        refuse_unmatched(config.stash[SCHEDULE], items)
    order = list(config.stash[SCHEDULE].targets)
    items.sort(key=lambda item: (order.index(target) if (target := target_of(item)) else -1,
                                 isinstance(item, CaseItem) and item.waits))


def refuse_unmatched(schedule: Schedule, items: list[pytest.Item]) -> None:
    """Stop when an entry of a page has nothing to do with any case; items: those of the whole suite."""
    cases = {item.case.id: item.case for item in items if isinstance(item, CaseItem)}.values()
    drawn = {drawing.scenario_of(item) for item in items if drawing.is_drawn(item)}
    for line in schedule.unmatched(cases, drawn):
        raise pytest.UsageError(line)


def target_of(item: pytest.Item) -> str:
    """The target that an item is played on; none of those that are not scenarios."""
    if isinstance(item, CaseItem):
        return item.target
    if isinstance(item, pytest.Function) and drawing.is_drawn(item):
        return str(item.callspec.params["drawn"])
    return ""


# --- the run ------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Play the cases: here, or in the workers of pytest-xdist, from whose reports their results are written."""
    config = session.config
    if config.getoption("collectonly") or selftest_only(config) or session.testsfailed:
        return (yield)
    recording = None if is_worker(config) else Recording.of(config)
    try:
        with contextlib.nullcontext() if is_distributed(config) else played(session, recording):
            result = yield
        if recording and not session.shouldstop and not session.shouldfail:
            recording.footer()
        return result
    finally:
        if recording:
            recording.close()


@contextlib.contextmanager
def played(session: pytest.Session, recording: Recording | None) -> Iterator[None]:
    """Start the targets, tell what they say of themselves, begin the cases that wait; close all at the end.

    recording: of this process; a worker has none.
    """
    config, schedule = session.config, session.config.stash[SCHEDULE]
    try:
        greetings = schedule.open()
        config.stash[HEADER] = header(greetings)
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        if terminal and terminal.isatty:
            progress = Progress(terminal, schedule)
            progress.targets(greetings)
            config.pluginmanager.register(progress)
        cases = [item for item in session.items if isinstance(item, CaseItem)]
        if recording:
            recording.begin(config.stash[HEADER])
        if is_worker(config):
            shares = config.workerinput[SHARES]  # type: ignore[attr-defined]
            config.pluginmanager.register(Shares(schedule, cases, shares))
        else:
            schedule.submit([case.turn for case in cases])
        yield
    finally:
        schedule.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[SCHEDULE].unexplained():
        terminalreporter.write_line(line, yellow=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of pytest-xdist with a Python of its own keeps the search path of that.

    xdist gives a local worker the path of this Python, and leaves one alone that is not local.
    """
    if node.gateway.spec.python:
        node.gateway.spec.popen = None
    node.workerinput[SHARES] = node.workerinput["workercount"] if is_shared(node.config) else 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    return ByShare(config, log) if is_shared(config) else None


def is_shared(config: pytest.Config) -> bool:
    """Whether workers of pytest-xdist play scenarios as it gives them out by default, one share each."""
    return config.getoption("dist") == "load" and not selftest_only(config)


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def is_distributed(config: pytest.Config) -> bool:
    """Whether this process only gives work to others."""
    return config.getoption("dist", "no") != "no" and not is_worker(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Records travel with the report as text, which xdist carries to the one process that writes."""
    report = yield
    if call.when == "call":
        lines: list[Line] = [*item.stash.get(RECORDS, [])]
        if is_worker(item.config) and lines and HEADER in item.config.stash:  # with the first that it sends
            lines.insert(0, item.config.stash[HEADER])
            del item.config.stash[HEADER]
        report.connect_lines = [encode(line) for line in lines]
    return report
