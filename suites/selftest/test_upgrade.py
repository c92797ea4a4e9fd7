"""Results of older suites: their names lead to the present ones, and nothing else of them changes."""

from __future__ import annotations

import json

import pytest

from reports.common import upgrade
from specs.record import Header, Record
from suites.selftest.house import cases, clauses

RESULT = {"kind": "result", "case": "suites/stream/EISCONN.yaml::second-connect[inet]", "revision": "0123456789ab",
          "clauses": {"illumos.EISCONN": "conforms"}}


@pytest.mark.parametrize(("old", "new"), [
    ("suites/stream/EISCONN.yaml::second-connect[inet]", "suites/errors/EISCONN.yaml::second-connect[inet]"),
    ("suites/stream/ECONNREFUSED.yaml::nobody-listens", "suites/errors/ECONNREFUSED.yaml::no-listener"),
    ("suites/drawn/test_arguments.py::namelen-too-short[inet6-namelen7]",
     "suites/walks/test_arguments.py::namelen-too-short[inet6-namelen7]"),
    ("suites/states/poll.yaml::neither[inet-refused-untold]",
     "suites/survey/state.yaml::poll-not-connected[inet-refused-error-pending]"),
    ("suites/errors/EISCONN.yaml::second-connect[inet]", "suites/errors/EISCONN.yaml::second-connect[inet]"),
    ("suites/stream/EISCONN.yaml::never-was", "suites/stream/EISCONN.yaml::never-was"),
])
def test_a_case_has_its_present_id(old: str, new: str) -> None:
    assert upgrade.case_id(old) == new


def test_the_revision_of_an_older_result_is_unknown() -> None:
    assert upgrade.upgraded(RESULT, 2) == RESULT | {
        "case": "suites/errors/EISCONN.yaml::second-connect[inet]", "revision": ""}


def test_a_renamed_clause_is_renamed_everywhere() -> None:
    old, new = "platform.EFAULT", "linux.EFAULT"
    line = RESULT | {
        "clauses": {old: "fails"}, "deviations": [{"clause": old, "observed": "ok"}],
        "steps": [{"text": "a", "clause": old, "expect": "EFAULT", "verdict": "fails"},
                  {"text": "b", "expect": {old: "EFAULT"}, "verdicts": {old: "fails"}}]}
    found = upgrade.upgraded(line, 2)
    assert old not in str(found)
    assert found["clauses"] == {new: "fails"}
    assert found["steps"][0]["clause"] == new
    assert found["steps"][1] == {"text": "b", "expect": {new: "EFAULT"}, "verdicts": {new: "fails"}}


def test_renamed_values_are_renamed_in_axes_and_fields() -> None:
    line = RESULT | {"axes": {"state": "refused-told"}, "steps": [{"expect": {"data": "whole"}, "text": "whole"}]}
    found = upgrade.upgraded(line, 2)
    assert found["axes"] == {"state": "refused-error-consumed"}
    assert found["steps"] == [{"expect": {"data": "intact"}, "text": "whole"}]


def test_names_of_a_scenario_are_its_present_ones_wherever_its_steps_have_them() -> None:
    """As those of no other scenario: `nobody` is another name in each."""
    case = "suites/survey/datagram.yaml::unconnected[inet]"
    steps = [{"text": "sendto(client, nobody)", "operands": {"to": "nobody"}, "observed": {"ret": "ok"}},
             {"text": "recvfrom(somebody)", "subject": "somebody", "observed": {"ret": "ok", "name": "nobodys"}}]
    line = RESULT | {"case": case, "steps": steps, "names": {"nobody": "inet:127.0.0.1:1"}, "summary": "nobody"}
    found = upgrade.upgraded(line, 3)
    assert found["steps"] == [
        {"text": "sendto(client, closed)", "operands": {"to": "closed"}, "observed": {"ret": "ok"}},
        {"text": "recvfrom(other)", "subject": "other", "observed": {"ret": "ok", "name": "nobodys"}}]
    assert (found["names"], found["summary"], found["revision"]) == ({"closed": "inet:127.0.0.1:1"}, "nobody", "")


def test_what_kept_its_names_keeps_its_revision() -> None:
    line = RESULT | {"case": "suites/errors/EISCONN.yaml::second-connect[inet]"}
    assert upgrade.upgraded(line, 3) == line


@pytest.mark.parametrize(("case", "clause"), [
    ("suites/survey/FIONBIO.yaml::shown-by-f-getfl[inet]", "survey.FIONBIO"),
    ("suites/manuals/netbsd/FIONBIO.yaml::shows-in-f-getfl[inet]", "survey.FIONBIO")])
def test_a_name_is_followed_in_results_of_the_present_schema_too(case: str, clause: str) -> None:
    line = {"kind": "result", "case": case, "target": "native", "platform": "linux", "verdict": "recorded",
            "clauses": {clause: "recorded"}, "summary": "", "steps": [], "revision": "0123456789ab"}
    found = upgrade.read(json.dumps(line))
    assert isinstance(found, Record)
    assert (found.id, found.clauses, found.revision) == (
        "suites/manuals/netbsd/FIONBIO.yaml::shows-in-f-getfl[inet]", {"netbsd.FIONBIO": "recorded"}, "")


def test_no_old_name_is_a_present_one() -> None:
    """Else results of what has it now would be read as those of another."""
    assert not upgrade.renames()["scenarios"].keys() & {case.topic for case in cases()}
    assert not upgrade.renames()["clauses"].keys() & clauses().keys()


def test_a_header_is_read_by_the_schema_that_it_names() -> None:
    old = (b'{"kind":"header","schema":%d,"suite":{"revision":""},"started":"",'
           b'"targets":{"native":{"platform":"linux","greeting":{"release":"6.1"}}}}')
    for schema in (1, 2, 3):
        head = upgrade.read(old % schema)
        assert isinstance(head, Header)
        assert (head.schema, head.targets["native"].release) == (schema, "6.1")


@pytest.mark.parametrize("line", [{"kind": "header", "schema": 2}, {"kind": "footer", "counts": {}}, [], 7])
def test_what_has_no_names_is_as_it_was(line: object) -> None:
    assert upgrade.upgraded(line, 2) == line
