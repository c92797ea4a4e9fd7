"""Result files: JSON lines, written while the run goes on, so that a killed run leaves all that it finished."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from specs.model import VERDICTS

SCHEMA = 1
ROOT = Path(__file__).parent.parent
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
        self.begun = False
        self.counts: dict[str, Counter[str]] = {}
        self.unsupported: Counter[tuple[str, str]] = Counter()

    def write(self, record: Mapping[str, Any]) -> None:
        self.file.write(json.dumps(record, separators=(",", ":")) + "\n")
        self.file.flush()

    def begin(self, head: Mapping[str, Any]) -> None:
        """Write the first line, once; head: what the process that plays the cases has made of it."""
        if not self.begun:
            self.begun = True
            self.counts = {name: Counter() for name in head["targets"]}
            self.write(head)

    def result(self, record: Mapping[str, Any]) -> None:
        self.counts.setdefault(record["target"], Counter())[record["verdict"]] += 1
        if record["verdict"] == "unsupported":
            self.unsupported[record["target"], record["reason"]] += 1
        self.write(record)

    def footer(self) -> None:
        """The mark of a whole run."""
        seconds = (dt.datetime.now(dt.UTC) - self.started).total_seconds()
        self.write({"kind": "footer", "complete": True, "counts": {name: dict(c) for name, c in self.counts.items()},
                    "seconds": round(seconds, 3)})

    def close(self) -> None:
        self.file.close()

    def summary(self) -> Iterator[str]:
        """Counts per target, why cases were unsupported, and where the results are."""
        for target, counts in self.counts.items():
            told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS[::-1] if counts[verdict])
            yield f"{target}: {told or 'nothing was played'}"
        for (target, reason), count in sorted(self.unsupported.items()):
            yield f"unsupported on {target}, {count} case{'s' if count > 1 else ''}: {reason}"
        yield f"results: {self.path}"


def header(targets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What is about to be run, where, on what. targets: name -> platform, and greeting or why it is unavailable."""
    return {"kind": "header", "schema": SCHEMA, "suite": {"revision": revision()},
            "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), "targets": targets,
            "environment": environment()}


def revision() -> str:
    """The commit of the suite, with '+' when files differ from it."""
    try:
        told = subprocess.run(["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"], cwd=ROOT,
                              capture_output=True, text=True, check=True, timeout=10)
        return told.stdout.strip()
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
