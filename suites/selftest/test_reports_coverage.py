"""What other suites check, beside what is checked here."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import coverage
from reports.__main__ import main
from reports.common.tables import Table
from specs import peers
from specs.model import SpecError

SCENARIOS = ("suites/stream/EISCONN.yaml::second-connect", "suites/stream/EISCONN.yaml::other-address",
             "suites/unix/ELOOP.yaml::link-to-itself")
TESTS = """
Suite:
  about: another suite
  repository: owner/name
  tests:
    test/connect.c:
      again: {checks: a second connect(), scenarios: [stream/EISCONN.yaml::*]}
      forty: {checks: forty-two connects, why: nobody counts}
"""


@pytest.fixture
def others(tmp_path: Path) -> list[peers.Peer]:
    return written(tmp_path, TESTS)


def written(folder: Path, text: str) -> list[peers.Peer]:
    file = folder / "peers.yaml"
    file.write_text(text, encoding="utf-8")
    return peers.peers(file)


def texts(sheet: Table) -> list[list[str]]:
    return [[entry.text for entry in row] for row in sheet.rows]


def test_suites_are_counted(others: list[peers.Peer]) -> None:
    assert texts(coverage.suites(others)) == [["Suite", "2", "1", "1"], ["all", "2", "1", "1"]]


def test_a_test_stands_beside_its_scenarios_or_the_reason(others: list[peers.Peer]) -> None:
    assert texts(coverage.tests(others[0], SCENARIOS)) == [
        ["test/connect.c", "", ""],
        ["again", "a second connect()", "stream/EISCONN.yaml::second-connect, stream/EISCONN.yaml::other-address"],
        ["forty", "forty-two connects", "— nobody counts"]]


def test_what_no_other_suite_has(others: list[peers.Peer]) -> None:
    assert texts(coverage.alone(others, SCENARIOS)) == [["unix/ELOOP.yaml", "1", "1", "link-to-itself"]]
    assert coverage.only_here(others, SCENARIOS).startswith("Only here: 1 of 3 scenarios")


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_report_names_every_suite_and_every_scenario(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "--format", form]) == 0
    out = capsys.readouterr().out
    assert all(peer.repository.partition("/")[0] in out for peer in peers.peers())
    assert "Only here: " in out


@pytest.mark.parametrize(("changed", "into", "told"), [
    ("scenarios: [stream/EISCONN.yaml::*]", "x: y", "takes no 'x'; it takes checks, scenarios"),
    (", why: nobody counts", "", "lacks 'scenarios'"),
    ("why: nobody counts", "why: nobody counts, scenarios: [a]", "takes no 'scenarios'; it takes checks, why"),
    ("owner/name", "name", "'name' is not a repository on GitHub, OWNER/NAME"),
    ("forty:", "again:", "'again' stands twice"),
])
def test_what_is_wrong_is_one_line(tmp_path: Path, changed: str, into: str, told: str) -> None:
    with pytest.raises(SpecError) as problem:
        written(tmp_path, TESTS.replace(changed, into))
    assert told in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_scenario_that_is_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    written(tmp_path, TESTS.replace("EISCONN.yaml::*", "EISCONN.yaml::gone"))
    (line,) = peers.unmatched(tmp_path / "peers.yaml")
    assert line.endswith("peers.yaml:7: again: no scenario is called stream/EISCONN.yaml::gone")
