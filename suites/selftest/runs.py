"""Runs of pytest as a user starts them, and a small suite in which the whole of it takes a second."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120.0  # for a run that takes seconds


class Run(NamedTuple):
    """One run of pytest: exit code, what it printed, and the records of its result file."""

    code: int
    text: str
    records: list[dict[str, Any]]

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


Pytest = Callable[..., Run]


def command(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "pytest", *arguments]


def started(*arguments: str | Path, cwd: Path = ROOT) -> Run:
    """Run pytest as a user does; without the records."""
    reported = subprocess.run(command(*arguments), cwd=cwd, capture_output=True, text=True, check=False,
                              timeout=TIMEOUT_S, env={**os.environ, "COLUMNS": "240"})
    return Run(reported.returncode, reported.stdout + reported.stderr, [])


def run(folder: Path, *arguments: str | Path, cwd: Path = ROOT) -> Run:
    """Run pytest as a user does; the result file is in `folder`."""
    file = folder / "results.jsonl"
    return started(*arguments, f"--results={file}", cwd=cwd)._replace(records=records_of(file))


def records_of(file: Path) -> list[dict[str, Any]]:
    """The lines of a result file; none where there is no file."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def copied(to: Path) -> Path:
    """A copy of the suite, to be broken."""
    for package in ("specs", "fixtures", "suites", "reports"):
        shutil.copytree(ROOT / package, to / package, ignore=shutil.ignore_patterns("selftest", "__pycache__", "out"))
    for file in ("conftest.py", "tox.ini"):
        shutil.copy(ROOT / file, to)
    return to
