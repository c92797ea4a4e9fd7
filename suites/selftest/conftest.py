"""Fixtures of the self-tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.lab import Lab
from reports import __main__
from specs import load
from suites.selftest import written
from suites.selftest.written import CLAUSES, Json, Report, Write


def pytest_configure(config: pytest.Config) -> None:
    """Tests have their folders in one of this run's own: that of all runs of a user is closed when another begins."""
    if config.option.basetemp is None:
        folder = tempfile.TemporaryDirectory(prefix="connect-selftest-")
        config.option.basetemp = f"{folder.name}/tests"
        config.add_cleanup(folder.cleanup)


@pytest.fixture(scope="session", autouse=True)
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs that are started by tests compile what they import once for all, outside the tree."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        environment.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        yield


@pytest.fixture(scope="session", autouse=True)
def base(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What tests make is there for a laboratory that root has started, too, whose agents are another user."""
    made = tmp_path_factory.getbasetemp()
    for directory in (made, *made.parents):
        if directory.stat().st_uid == os.geteuid() and directory.is_relative_to(tempfile.gettempdir()):
            directory.chmod(directory.stat().st_mode | 0o055)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """Likewise."""
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A laboratory, or no tests in it where none can be had."""
    with Lab() as lab:
        if lab.reason:
            pytest.skip(lab.reason)
        yield lab


@pytest.fixture
def four_clauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four clauses instead of the suite's, and 100 columns."""
    monkeypatch.setattr(load, "clauses", lambda: CLAUSES)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a result file."""
    def write_(*made: Json, name: str = "results.jsonl", torn: bool = False, head: Json | None = None,
               tail: str = "") -> Path:
        return written.write(tmp_path / name, *made, torn=torn, head=head, tail=tail)
    return write_


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """Runs a verb that succeeds and returns what it prints."""
    def report_(*arguments: str | Path, code: int = 0) -> str:
        status = __main__.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert (status, err) == (code, "")
        return out
    return report_


@pytest.fixture
def refuse(capsys: pytest.CaptureFixture[str]) -> Report:
    """Runs a verb that is refused and returns its one line."""
    def refuse_(*arguments: str | Path) -> str:
        with pytest.raises(SystemExit) as caught:
            raise SystemExit(__main__.main([str(argument) for argument in arguments]))
        out, err = capsys.readouterr()
        assert (caught.value.code, out, err.count("\n")) == (2, "", 1)
        return err
    return refuse_
