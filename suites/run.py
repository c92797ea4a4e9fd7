"""A run: its targets are started, its cases submitted, its results written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from fixtures import processors
from specs.record import Target
from suites.collection import is_selftest
from suites.items import SCHEDULE, CaseItem
from suites.progress import Progress
from suites.recording import HEADER, Recording, header
from suites.schedule import Schedule
from suites.shares import SHARES, Shares, is_distributed, is_worker, number_of


def begin(config: pytest.Config) -> None:
    """Let laboratories start while the cases are collected, in a process that is to play some."""
    if plays(config) and not is_distributed(config):
        config.stash[SCHEDULE].begin()
        config.add_cleanup(config.stash[SCHEDULE].close)


def plays(config: pytest.Config) -> bool:
    """Whether cases are to be played: items are not only shown, and are not the suite's own tests."""
    return not (config.getoption("collectonly") or is_selftest(config))


@contextlib.contextmanager
def running(session: pytest.Session) -> Iterator[None]:
    """Around the items of a session: what this process has to do of it, to play, to record or both."""
    if not (session.items or is_distributed(session.config)):
        yield  # nothing is to be played, and nothing to be written
        return
    recording = None if is_worker(session.config) else Recording.of(session.config)
    try:
        with contextlib.nullcontext() if is_distributed(session.config) else playing(session, recording):
            yield
        if recording and not session.shouldstop and not session.shouldfail:
            recording.footer()
    finally:
        if recording:
            recording.close()


def opened(schedule: Schedule) -> dict[str, Target]:
    """What the targets of a run say of themselves."""
    try:
        return schedule.open()
    except RuntimeError as problem:
        raise pytest.UsageError(f"{problem}; raise the limit of processes (ulimit -u)") from None


@contextlib.contextmanager
def playing(session: pytest.Session, recording: Recording | None) -> Iterator[None]:
    """Start the targets, show what they are, submit the cases; close all at the end.

    recording: of this process; a worker has none.
    """
    config, schedule = session.config, session.config.stash[SCHEDULE]
    with processors_of(config), contextlib.closing(schedule):
        targets = opened(schedule)
        config.stash[HEADER] = header(config, targets)
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        if terminal and terminal.isatty:
            progress = Progress(terminal, schedule)
            progress.targets(targets)
            config.pluginmanager.register(progress)
        cases = [item for item in session.items if isinstance(item, CaseItem)]
        if recording:
            recording.begin(config.stash[HEADER])
            schedule.submit([case.turn for case in cases])
        else:
            shares = config.workerinput[SHARES]  # type: ignore[attr-defined]
            config.pluginmanager.register(Shares(schedule, cases, shares))
        yield


def processors_of(config: pytest.Config) -> contextlib.AbstractContextManager[None]:
    """One for a run of one target, which waits for it at every call; a run of several keeps all of them busy."""
    alone = len(config.stash[SCHEDULE].targets) == 1
    return processors.one(number_of(config)) if alone else contextlib.nullcontext()
