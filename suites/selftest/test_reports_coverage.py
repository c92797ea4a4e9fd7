"""The report on tests of other suites."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import coverage
from reports.__main__ import main
from reports.common import peers
from reports.common.tables import Table
from specs.model import SpecError

SCENARIOS = ("errors/EISCONN::second-connect", "errors/EISCONN::other-address",
             "errors/ELOOP::link-to-itself")
TESTS = """
Suite:
  about: another suite
  repository: owner/name
  tests:
    test/connect.c:
      again: {checks: a second connect(), scenarios: [errors/EISCONN::*]}
      forty: {checks: forty-two connects, why: too many sockets}
"""


@pytest.fixture
def others(tmp_path: Path) -> list[peers.Peer]:
    return written(tmp_path, TESTS)


def written(folder: Path, text: str) -> list[peers.Peer]:
    file = folder / "peers.yaml"
    file.write_text(text, encoding="utf-8")
    return peers.peers(file)


def texts(table: Table) -> list[list[str]]:
    return [[field.text for field in row] for row in table.rows]


def test_suites_are_counted(others: list[peers.Peer]) -> None:
    assert texts(coverage.suites(others)) == [["Suite", "2", "1", "1"], ["all", "2", "1", "1"]]


def test_a_test_is_beside_its_scenarios_or_the_reason(others: list[peers.Peer]) -> None:
    assert texts(coverage.tests(others[0], SCENARIOS)) == [
        ["test/connect.c", "", ""],
        ["again", "a second connect()", "errors/EISCONN::second-connect, errors/EISCONN::other-address"],
        ["forty", "forty-two connects", "— too many sockets"]]


def test_scenarios_that_no_other_suite_has(others: list[peers.Peer]) -> None:
    *_, (title, table) = coverage.content(others, SCENARIOS)
    assert texts(table) == [["errors/ELOOP", "1", "1", "link-to-itself"]]
    assert title.startswith("Only here: 1 of 3 scenarios")


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_report_names_every_suite_and_every_scenario(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "--format", form]) == 0
    out = capsys.readouterr().out
    assert all(peer.repository.partition("/")[0] in out for peer in peers.peers())
    assert "Only here: " in out


@pytest.mark.parametrize(("changed", "into", "message"), [
    ("scenarios: [errors/EISCONN::*]", "x: y", "takes no 'x'; it takes checks, scenarios"),
    (", why: too many sockets", "", "lacks 'scenarios'"),
    ("why: too many sockets", "why: too many sockets, scenarios: [a]", "takes no 'scenarios'; it takes checks, why"),
    ("owner/name", "name", "'name' is not a repository on GitHub, OWNER/NAME"),
    ("forty:", "again:", "duplicate key 'again'"),
])
def test_error_is_one_line(tmp_path: Path, changed: str, into: str, message: str) -> None:
    with pytest.raises(SpecError) as problem:
        written(tmp_path, TESTS.replace(changed, into))
    assert message in str(problem.value)
    assert "\n" not in str(problem.value)


def test_unknown_scenario_is_reported_with_its_line(tmp_path: Path) -> None:
    written(tmp_path, TESTS.replace("EISCONN::*", "EISCONN::gone"))
    (line,) = peers.unmatched(tmp_path / "peers.yaml")
    assert line.endswith("peers.yaml:7: again: no scenario is called errors/EISCONN::gone")
