"""The seam to pytest: options, collection, the order of the run, and the result file. Hooks only."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from fixtures import host, targets
from specs import load
from specs.model import SpecError
from suites import collection, drawing, recording, shares
from suites.items import SCHEDULE, ScenarioFile, marks
from suites.run import running
from suites.schedule import Schedule


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("connect", "connect() conformance")
    group.addoption("--target", default="native", metavar="NAME[,NAME…]",
                    help="implementations under test; all: every one")
    group.addoption("--targets", default=str(targets.FILE), metavar="FILE",
                    help="the targets file; default fixtures/targets.yaml")
    group.addoption("--allow-drift", action="store_true",
                    help="observations that differ from the platform's baseline do not fail")
    group.addoption("--results", default="reports/out/results.jsonl", metavar="FILE", help="where results are written")


def pytest_configure(config: pytest.Config) -> None:
    if not __debug__:
        raise pytest.UsageError("python -O removes the assertions of drawn tests; run it without -O")
    if reason := host.raise_descriptor_limit():
        raise pytest.UsageError(reason)
    drawn_anew = config.getoption("hypothesis_seed", None) is not None
    hypothesis.settings.load_profile("drawn-anew" if drawn_anew else "drawn")
    try:
        known = load.targets(Path(config.getoption("--targets")))
        chosen = targets.choose(known, config.getoption("--target").split(","))
        config.stash[SCHEDULE] = schedule = Schedule(chosen, config.getoption("--allow-drift"))
    except SpecError as error:
        raise pytest.UsageError(str(error)) from None
    except ValueError as problem:
        raise pytest.UsageError(f"--target: {problem}") from None
    for mark in marks(schedule.clauses):
        config.addinivalue_line("markers", mark)


# --- collection ---------------------------------------------------------------------------------------------


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path == collection.SELFTEST and not collection.is_selftest(config) else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == ".yaml" and file_path.is_relative_to(collection.SUITES):
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
    collection.refuse_unmatched(config, items)
    collection.sort(config, items)


# --- the run ------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Play the cases: here, or in the workers of pytest-xdist, from whose reports their results are written."""
    if session.config.getoption("collectonly") or collection.is_selftest(session.config) or session.testsfailed:
        return (yield)
    with running(session):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Records travel with the report as text, which xdist carries to the one process that writes."""
    report = yield
    if call.when == "call":
        report.connect_lines = recording.lines_of(item)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[SCHEDULE].unexplained():
        terminalreporter.write_line(line, yellow=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    shares.configure(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    return shares.ByShare(config, log) if shares.is_shared(config) else None
