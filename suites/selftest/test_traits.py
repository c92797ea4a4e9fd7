"""The report on walks: what targets answer in each state, and the record of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports import traits as report
from reports.__main__ import main
from specs.machine import traits
from specs.machine.state import KINDS
from suites.selftest.runs import run

WALKS = "suites/walks/test_walks.py"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which no cell is folded."""
    monkeypatch.setenv("COLUMNS", "240")


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result file of a few walks."""
    folder = tmp_path_factory.mktemp("walked")
    assert run(folder, WALKS, "--walks", "40").code == 0
    return folder / "results.jsonl"


def test_without_walks_none_are_played(tmp_path: Path) -> None:
    played = run(tmp_path, WALKS)
    assert (played.code, "1 skipped" in played.text, played.records[1:-1]) == (0, True, [])


def test_every_rule_is_a_row_with_what_is_required(walked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["traits", str(walked), "--all"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    cells = [[row[0], *row[2:]] for row in rows if len(row) > 2]
    assert ["bind/unconnected/unbound", "ok"] in cells
    assert ["shutdown/unconnected", "posix.shutdown.ENOTCONN:", "ENOTCONN", "ok"] in cells


def test_without_all_only_what_differs_or_breaks_a_clause_is_shown(
        walked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["traits", str(walked)]) == 0
    shown = capsys.readouterr().out
    assert "shutdown/unconnected" in shown
    assert "bind/unconnected/unbound" not in shown


def test_coverage_counts_what_walks_use_and_lists_what_they_do_not(
        walked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["traits", str(walked), "--coverage"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    figures = {row[0]: [int(row[1]), int(row[2])] for row in rows if len(row) == 4 and row[1].isdecimal()}
    every, used = figures.pop("all")
    assert [every, used] == [sum(column) for column in zip(*figures.values(), strict=True)]
    unused = [row for row in rows if row[1:2] and row[1] in KINDS.values()]
    assert 0 < used < every == used + len(unused)


def test_what_is_recorded_is_what_a_page_does_not_inherit(walked: Path, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (traits, report):
        monkeypatch.setattr(module, "ANSWERS", tmp_path)
    traits.recorded.cache_clear()
    try:
        assert main(["traits", str(walked), "--record", "linux"]) == 0
        traits.recorded.cache_clear()
        assert main(["traits", str(walked), "--record", "mptcp"]) == 0
    finally:
        traits.recorded.cache_clear()
    own, inheriting = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("linux", "mptcp"))
    assert set(map(tuple, own["bind/unconnected/unbound"].values())) == {("ok",)}
    assert inheriting == {}, "the walks are the same, so that nothing differs"


def test_results_without_walks_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "suites/errors/EISCONN.yaml", "-k", "second-connect")
    assert main(["traits", str(tmp_path / "results.jsonl")]) == 2
    assert capsys.readouterr().err == "no walks: they are played by pytest suites/walks --walks N\n"
