"""The seam to pytest: options, collection, the order of the run, and the result file. Hooks only."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from fixtures import local
from reports.common import ending, failure, results
from specs.model import SpecError
from suites import collection, drawing, options, recording, run, shares
from suites.items import SCHEDULE, ScenarioFile, marks, run_case
from suites.outcome import UnexpectedVerdict
from suites.schedule import Schedule

pytest_addoption = options.add


def pytest_configure(config: pytest.Config) -> None:
    drawing.load_profile(config)
    try:
        chosen = options.chosen_targets(config)
        config.stash[SCHEDULE] = schedule = Schedule(chosen, config.getoption("--allow-drift"))
    except (SpecError, ValueError) as problem:
        options.set_aside(config)
        raise pytest.UsageError(str(problem)) from None
    for mark in marks(schedule.clauses):
        config.addinivalue_line("markers", mark)
    collection.begin()


def pytest_sessionstart(session: pytest.Session) -> None:
    options.set_aside(session.config)
    run.begin(session.config)


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
    collection.keep_failed(config, items, lambda: results.failed(local.earlier(options.place_of(config))))
    collection.sort(config, items)


# --- the run ------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Play the cases: here, or in the workers of pytest-xdist, from whose reports their results are written."""
    collection.end()
    if session.testsfailed or not run.plays(session.config):
        return (yield)
    with run.running(session):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Records travel with the report as text, which xdist carries to the one process that writes."""
    report = yield
    if call.when == "call":
        report.connect_lines = recording.lines_of(item)
        if call.excinfo and isinstance(unexpected := call.excinfo.value, UnexpectedVerdict):
            clauses, file = item.config.stash[SCHEDULE].clauses, options.targets_file(item.config)
            report.longrepr = failure.text(unexpected.record, clauses, file, unexpected.scenario)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> Generator[None]:
    with ending.folded(terminalreporter, config.get_verbosity() > 0):
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """End with whether each target conforms, behind the line with pytest's counts."""
    yield
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal and (recorded := session.config.stash.get(recording.RECORDING, None)):
        ending.show(terminal, recorded.files, recorded.items, **options.of_ending(session.config))


pytest_runtest_protocol = pytest.hookimpl(tryfirst=True)(run_case)
pytest_configure_node = pytest.hookimpl(optionalhook=True)(shares.configure)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    return shares.ByShare(config, log) if shares.is_shared(config) else None
