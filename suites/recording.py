"""Result files: JSON lines, written while the run goes on, so that a killed run leaves all that it finished."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from fixtures.local import beside, environment, opened, revision
from specs.record import SCHEMA, Footer, Header, Line, Record, Suite, Target, decode, encode
from suites.options import chosen, destination, place_of, targets_file
from suites.outcome import RECORDS
from suites.shares import is_worker

HEADER = pytest.StashKey[Header]()  # of the result file, as the process that plays makes it
RECORDING = pytest.StashKey["Recording"]()  # of a run that writes results


class Recorder:
    """Writes one result file: a header, a line for each case and target, a footer.

    verdicts: of each case and target; of a case that is played again, the last.
    """

    def __init__(self, place: Path) -> None:
        """OSError when the file cannot be written."""
        self.place = place
        self.file, self.part = opened(place)
        self.started = dt.datetime.now(dt.UTC)
        self.targets: tuple[str, ...] = ()
        self.verdicts: dict[tuple[str, str], str] = {}
        self.whole = False
        self.unavailable = False  # every target

    def write(self, line: Line) -> None:
        try:
            self.file.write(encode(line) + "\n")
            self.file.flush()
        except OSError as problem:
            pytest.exit(f"{self.part} cannot be written: {problem.strerror}", pytest.ExitCode.USAGE_ERROR)

    def begin(self, head: Header) -> None:
        """Write the first line, once; head: what the process that plays the cases has made of it."""
        if not self.targets:
            self.targets = tuple(head.targets)
            self.unavailable = all(target.unavailable for target in head.targets.values())
            self.write(head)

    def result(self, record: Record) -> None:
        self.verdicts[record.id, record.target] = record.verdict
        self.write(record)

    def footer(self) -> None:
        """Write the last line, which says that every case was played; without a header there is none."""
        if self.targets:
            counts = {name: Counter(verdict for (_, target), verdict in self.verdicts.items() if target == name)
                      for name in self.targets}
            seconds = (dt.datetime.now(dt.UTC) - self.started).total_seconds()
            self.write(Footer(True, {name: dict(count) for name, count in counts.items()}, round(seconds, 3)))
            self.whole = True

    def close(self, config: pytest.Config) -> Path | None:
        """Give the file its name, while it is locked, and return it; a file without a header is removed."""
        with contextlib.suppress(OSError), self.file:  # of a full disk write() has reported
            if self.part == self.place:
                return None
            if self.targets:
                return self.part.replace(destination(config, self.place, self.whole))
            self.part.unlink()
        return None


class Recording:
    """Writes the results of a run, in the process that the user started.

    One file; with --dist=each one for every worker, which runs all cases and may be on another system: NAME-gw0.jsonl.
    """

    def __init__(self, config: pytest.Config) -> None:
        """OSError when the file cannot be written."""
        self.config, self.path = config, place_of(config)
        self.each = config.getoption("dist", "no") == "each"
        self.complete = True
        self.items = 0
        self.files: list[Path] = []
        self.recorders = {} if self.each else {"": Recorder(self.path)}

    @classmethod
    def of(cls, config: pytest.Config) -> Recording:
        try:
            recording = config.stash[RECORDING] = cls(config)
        except BlockingIOError:
            what = f"{place_of(config)} is being written by another run; --results=FILE names another place"
            raise pytest.UsageError(what) from None
        except OSError as problem:
            raise pytest.UsageError(f"--results: {place_of(config)} cannot be written: {problem.strerror}") from None
        config.pluginmanager.register(recording)
        return recording

    def recorder(self, worker: str) -> Recorder:
        name = worker if self.each else ""
        if name not in self.recorders:
            self.recorders[name] = Recorder(beside(self.path, name))
        return self.recorders[name]

    def begin(self, head: Header) -> None:
        self.recorder("").begin(head)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        lines = [decode(line) for line in getattr(report, "connect_lines", ())]
        if lines and not report.failed:
            del report.connect_lines  # the terminal keeps every report; the end of the run looks at those that failed
        if report.failed and not lines:
            self.complete = False  # the suite itself is wrong, and a case is without a result
        recorder = self.recorder(getattr(report, "worker_id", "")) if lines else None
        self.items += bool(lines)
        for line in lines:
            if recorder and isinstance(line, Header):
                recorder.begin(line)
            elif recorder and isinstance(line, Record):
                recorder.result(line)

    def footer(self) -> None:
        """Mark the files of a run in which every case got its result."""
        for recorder in self.recorders.values() if self.complete else ():
            recorder.footer()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Let a run in which nothing was tested not end as if all were well.

        A part of the suite can be one that a system cannot play; the whole is not.
        """
        nothing = all(set(one.verdicts.values()) <= {"unsupported"} for one in self.recorders.values())
        of_all = all(one.unavailable for one in self.recorders.values()) or not chosen(self.config)
        if nothing and of_all and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    def close(self) -> None:
        self.files = [file for recorder in self.recorders.values() if (file := recorder.close(self.config))]


def lines_of(item: pytest.Item) -> list[str]:
    """What an item gives the result file; of a worker the first that does gives it the header too."""
    lines: list[Line] = [*item.stash.get(RECORDS, [])]
    item.stash[RECORDS] = []  # it has been reported, and is not kept to the end of the run
    if lines and is_worker(item.config) and HEADER in item.config.stash:
        lines.insert(0, item.config.stash[HEADER])
        del item.config.stash[HEADER]
    return [encode(line) for line in lines]


def header(config: pytest.Config, targets: Mapping[str, Target]) -> Header:
    """What is about to be run, where, on what; targets by name."""
    started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    targets = {name: msgspec.structs.replace(one, file=targets_file(config)) for name, one in targets.items()}
    return Header(SCHEMA, Suite(revision()), started, targets, environment(), chosen=chosen(config))
