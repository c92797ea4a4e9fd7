"""Result files: JSON lines, written while the run goes on, so that a killed run leaves all that it finished."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import pytest

from specs import baseline
from specs.model import VERDICTS
from specs.record import SCHEMA, Footer, Header, Line, Record, Suite, Target, decode, encode
from suites.outcome import RECORDS
from suites.shares import is_worker

ROOT = Path(__file__).parent.parent
HEADER = pytest.StashKey[Header]()  # of the result file, as the process that plays makes it
SYSCTLS = ("net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_linear_timeouts", "net.ipv4.ip_local_port_range",
           "net.ipv4.tcp_abort_on_overflow", "net.ipv4.tcp_syncookies", "net.core.somaxconn")


class Recorder:
    """Writes one result file: a header, a line for each case and target, a footer."""

    def __init__(self, path: Path) -> None:
        """OSError when the file cannot be written."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.file: TextIO = path.open("w", encoding="utf-8")
        self.started = dt.datetime.now(dt.UTC)
        self.has_header = False
        self.counts: dict[str, Counter[str]] = {}
        self.targets: Mapping[str, Target] = {}
        self.unsupported: Counter[tuple[str, str]] = Counter()

    def write(self, line: Line) -> None:
        self.file.write(encode(line) + "\n")
        self.file.flush()

    def begin(self, head: Header) -> None:
        """Write the first line, once; head: what the process that plays the cases has made of it."""
        if not self.has_header:
            self.has_header = True
            self.counts = {name: Counter() for name in head.targets}
            self.targets = head.targets
            self.write(head)

    def result(self, record: Record) -> None:
        self.counts.setdefault(record.target, Counter())[record.verdict] += 1
        if record.verdict == "unsupported":
            self.unsupported[record.target, record.reason] += 1
        self.write(record)

    def footer(self) -> None:
        """The mark of a complete run."""
        seconds = (dt.datetime.now(dt.UTC) - self.started).total_seconds()
        self.write(Footer(True, {name: dict(counts) for name, counts in self.counts.items()}, round(seconds, 3)))

    def close(self) -> None:
        self.file.close()

    def summary(self) -> Iterator[str]:
        """Counts per target, why cases were unsupported, and where the results are."""
        for target, counts in self.counts.items():
            shown = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS[::-1] if counts[verdict])
            yield f"{target}: {shown or 'nothing was played'}"
            yield from self.drift(target, counts["drifted"])
        for (target, reason), count in sorted(self.unsupported.items()):
            yield f"unsupported on {target}, {count} case{'s' if count > 1 else ''}: {reason}"
        yield f"results: {self.path}"

    def drift(self, name: str, count: int) -> Iterator[str]:
        """What differs on a release that the platform's baseline was not seen on: it is shown, and does not fail."""
        target = self.targets.get(name)
        if target and count and (known := baseline.other_releases(target.platform, target.version)):
            yield (f"{name}: {baseline.release_of(target.version)} is judged by the baseline of {', '.join(known)}: "
                   f"{count} case{'s' if count > 1 else ''} drifted, which does not fail; accept them with "
                   f"python -m reports accept {self.path} --platform {target.platform} --add")


class Recording:
    """Writes the results of a run, in the process that the user started.

    One file; with --dist=each one for every worker, which runs all cases and may be on another system: NAME-gw0.jsonl.
    """

    def __init__(self, path: Path, each: bool) -> None:
        """OSError when the file cannot be written."""
        self.path, self.each = path, each
        self.complete = True
        self.recorders = {} if each else {"": Recorder(path)}

    @classmethod
    def of(cls, config: pytest.Config) -> Recording:
        path = Path(config.getoption("--results"))
        try:
            recording = cls(path, config.getoption("dist", "no") == "each")
        except OSError as problem:
            raise pytest.UsageError(f"--results: {path} cannot be written: {problem.strerror}") from None
        config.pluginmanager.register(recording)
        return recording

    def recorder(self, worker: str) -> Recorder:
        name = worker if self.each else ""
        if name not in self.recorders:
            self.recorders[name] = Recorder(self.path.with_stem(f"{self.path.stem}-{name}"))
        return self.recorders[name]

    def begin(self, head: Header) -> None:
        self.recorder("").begin(head)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        lines = [decode(line) for line in getattr(report, "connect_lines", ())]
        if report.failed and not lines:
            self.complete = False  # the suite itself is wrong, and a case is without a result
        recorder = self.recorder(getattr(report, "worker_id", "")) if lines else None
        for line in lines:
            if recorder and isinstance(line, Header):
                recorder.begin(line)
            elif recorder and isinstance(line, Record):
                recorder.result(line)

    def footer(self) -> None:
        """Mark the files of a complete run; one in which nothing was played has no header, and gets no footer."""
        for recorder in self.recorders.values():
            if self.complete and recorder.has_header:
                recorder.footer()

    def close(self) -> None:
        for recorder in self.recorders.values():
            recorder.close()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("connect() conformance")
        for recorder in self.recorders.values():
            for line in recorder.summary():
                terminalreporter.write_line(line)


def lines_of(item: pytest.Item) -> list[str]:
    """What an item gives the result file; of a worker the first that does gives it the header too."""
    lines: list[Line] = [*item.stash.get(RECORDS, [])]
    if lines and is_worker(item.config) and HEADER in item.config.stash:
        lines.insert(0, item.config.stash[HEADER])
        del item.config.stash[HEADER]
    return [encode(line) for line in lines]


def header(targets: Mapping[str, Target]) -> Header:
    """What is about to be run, where, on what; targets by name."""
    started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return Header(SCHEMA, Suite(revision()), started, dict(targets), environment())


def revision() -> str:
    """The commit of the suite, with '+' when files differ from it."""
    try:
        described = subprocess.run(["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
                                   cwd=ROOT, capture_output=True, text=True, check=True, timeout=10)
        return described.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def environment() -> dict[str, Any]:
    """What a result depends on beside the target."""
    return {"uid": os.getuid(), "kernel": platform.release(), "machine": platform.machine(),
            "libc": "-".join(filter(None, platform.libc_ver())) or "unknown", "python": platform.python_version(),
            "lsm": text_of("/sys/kernel/security/lsm"),
            "sysctls": {name: text_of("/proc/sys/" + name.replace(".", "/")) for name in SYSCTLS}}


def text_of(path: str) -> str:
    try:
        return " ".join(Path(path).read_text(encoding="utf-8").split())
    except OSError:
        return "unknown"
