"""A line of a result file: what a run writes of a case, and what is read back to be judged again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reports.common.results import lines, whole
from specs.judge import Judgement, judge
from specs.model import Bug, Case, Check, Citation, Clause, Deviation, Entry, Place, Profile, Step, Transcript
from specs.record import (
    Declared,
    Footer,
    Header,
    PlannedStep,
    PlayedStep,
    Record,
    Suite,
    Target,
    Unreadable,
    decode,
    encode,
    stored,
)

A, B, FREE = "illumos.EISCONN", "illumos.EALREADY", "survey.state"
CLAUSES = {id_: Clause(id_, "It says so.", (Citation(document, "somewhere", force),), "clauses.yaml", 1)
           for id_, document, force in ((A, "illumos", "shall"), (B, "illumos", "shall"), (FREE, "survey", "survey"))}
STEPS = (
    Step("socket", "client", {}, (), 7),
    Step("connect", "client", {"to": "peer"}, (Check(A, ("EISCONN",)),), 8),
    Step("send", "client", {"data": "x"}, (Check(A, ("EPIPE", {"value": "ok"})),), 9, ("ok", "EISCONN")),
    Step("recv", "client", {}, (Check(A, ("ok",)), Check(B, ("EAGAIN", "EINTR"))), 10),
    Step("connect", "client", {"to": "other"}, (Check(FREE, ()),), 11, (), True),
    Step("getpeername", "client", {}, (), 12, (), True),
    Step("probe", "client", {}, (), 13),
    Step("close", "client", {}, (), 14),
)
CASE = Case("suites/errors/EISCONN.yaml", "twice", "It fails.", {"domain": "AF_INET"}, "inet", (), STEPS, 3)
OUTCOMES = ("ok", "EISCONN", "EPIPE", "EAGAIN", "EINVAL", "ok", "ok")
DEVIATION = Deviation(Bug("odd", "bug", "it is odd", "a page", "specs/platforms/p.yaml", 3,
                          reported="https://example.org/1"), A, ("conforms", {"value": "ok"}), Place(), 5)


def transcript() -> Transcript:
    """The steps but the last, after a call of a fixture."""
    entries = [Entry("listen peer 1", "listen", "peer", "listen peer 1", {"ret": "ok"}, None, "peer")]
    entries += [Entry(step.text, step.verb, step.name, f"{step.verb} client", {"ret": ret, "seen": "it"}, index,
                      seconds=0.25) for index, (step, ret) in enumerate(zip(STEPS, OUTCOMES, strict=False))]
    return Transcript(entries, {"peer": "inet:127.0.0.1:1"}, ("unresolved", "it is lost"), 1.23456789)


def record() -> Record:
    steps = {1: {A: "conforms"}, 2: {A: "deviates"}, 3: {A: "fails", B: "conforms"}, 4: {FREE: "recorded"}}
    judgement = Judgement("fails", {A: "fails", B: "conforms", FREE: "recorded"}, steps, "a reason", (DEVIATION,))
    return Record.of(CASE, transcript(), judgement, "native", "linux")


def line() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode(record()))
    return found


def test_line_of_a_case_has_all_that_judging_it_again_takes() -> None:
    found = line()
    steps, missed = found.pop("steps"), found.pop("missed")
    assert found == {
        "kind": "result", "case": "suites/errors/EISCONN.yaml::twice[inet]", "target": "native", "platform": "linux",
        "verdict": "fails", "clauses": {A: "fails", B: "conforms", FREE: "recorded"}, "summary": "It fails.",
        "reason": "a reason", "seconds": 1.234568, "revision": CASE.revision, "line": 3,
        "deviations": [{
            "clause": A, "observed": ["conforms", {"value": "ok"}], "status": "bug", "because": "it is odd",
            "source": "a page", "bug": "odd", "reported": "https://example.org/1", "place": "specs/platforms/p.yaml:5",
        }],
        "names": {"peer": "inet:127.0.0.1:1"}, "ended": ["unresolved", "it is lost"], "axes": {"domain": "AF_INET"}}
    assert steps[0] == {"text": "listen peer 1", "verb": "listen", "subject": "peer", "request": "listen peer 1",
                        "given": "peer", "observed": {"ret": "ok"}, "seconds": 0.0}
    assert steps[2] == {
        "text": "connect(client, peer)", "verb": "connect", "subject": "client", "operands": {"to": "peer"}, "step": 1,
        "line": 8, "expect": "EISCONN", "clause": A, "observed": {"ret": "EISCONN", "seen": "it"},
        "request": "connect client", "seconds": 0.25, "verdict": "conforms"}
    assert missed == [{"text": "close(client)", "verb": "close", "subject": "client", "step": 7, "line": 14}]


@pytest.mark.parametrize(("index", "expected"), [
    (1, {}), (2, {"expect": "EISCONN", "clause": A, "verdict": "conforms"}),
    (3, {"expect": ["EPIPE", {"value": "ok"}], "clause": A, "after": ["ok", "EISCONN"], "verdict": "deviates"}),
    (4, {"expect": {A: "ok", B: ["EAGAIN", "EINTR"]}, "verdicts": {A: "fails", B: "conforms"}}),
    (5, {"clause": FREE, "observe": True, "verdict": "recorded"}), (6, {"observe": True}), (7, {}),
])
def test_step_has_what_is_expected_of_it(index: int, expected: dict[str, Any]) -> None:
    step = line()["steps"][index]
    keys = ("expect", "clause", "after", "observe", "verdict", "verdicts")
    assert {key: step[key] for key in keys if key in step} == expected


def test_step_says_which_call_it_follows() -> None:
    follows = replace(CASE.steps[2], follows="getpeername")
    case = replace(CASE, steps=(*CASE.steps[:2], follows, *CASE.steps[3:]))
    judgement = judge(case, transcript(), CLAUSES, Profile("linux", ("linux",), ()))
    made = Record.of(case, transcript(), judgement, "native", "linux")
    assert [step.follows for step in made.steps if step.step in (1, 2)] == ["connect", "getpeername"]
    read = decode(encode(made))
    assert isinstance(read, Record)
    assert read.case() == case


def test_what_is_read_is_the_case_and_what_was_seen() -> None:
    read = decode(encode(record()))
    assert isinstance(read, Record)
    assert read == record()
    assert read.case() == CASE
    assert read.transcript() == replace(transcript(), seconds=1.234568)
    assert judge(read.case(), read.transcript(), CLAUSES, Profile("linux", ("linux",), ())) == judge(
        CASE, transcript(), CLAUSES, Profile("linux", ("linux",), ()))
    assert [one.is_precondition for one in read.steps] == [False, True, False, False, False, False, False, False]
    assert [one.ret for one in read.steps] == ["ok", *OUTCOMES]
    assert [dict(one.judged) for one in read.steps] == [
        {}, {}, {A: "conforms"}, {A: "deviates"}, {A: "fails", B: "conforms"}, {FREE: "recorded"}, {}, {}]


def test_steps_are_judged_again_by_clause() -> None:
    steps = record().steps
    assert steps[2].judge({A: "fails", B: "conforms"}).judged == {A: "fails"}
    assert steps[2].judge({}).judged == {}
    assert steps[4].judge({B: "fails"}).judged == {B: "fails"}


def test_variant_is_no_part_of_a_scenario_without_one() -> None:
    line_ = line() | {"case": "suites/errors/EISCONN.yaml::twice"}
    read = decode(json.dumps(line_))
    assert isinstance(read, Record)
    assert (read.case().scenario, read.case().variant, read.case().id) == ("twice", "", line_["case"])


@pytest.mark.parametrize("step", [{"step": 9}, {"subject": ""}])
def test_result_of_an_older_suite_is_not_judged_again(step: dict[str, Any]) -> None:
    line_ = line()
    line_["steps"][1] |= step
    read = decode(json.dumps(line_))
    assert isinstance(read, Record)
    with pytest.raises(Unreadable, match=r"::twice\[inet\]: an older suite wrote this result"):
        read.case()


STEP = {"text": "connect(client)", "verb": "connect", "observed": {"ret": "ok"}}


@pytest.mark.parametrize(("change", "problem"), [
    ({"observed": {}}, "`observed` has no `ret`"), ({"clause": A}, "`clause` without `expect`"),
    ({"expect": "EISCONN"}, "Expected `object`, got `str`"), ({"expect": {A: 1}}, "Expected `"),
    ({"verdict": "fine"}, "enum"), ({"verdict": "conformsX"}, "enum"), ({"verdict": "Xconforms"}, "enum"),
])
def test_step_that_no_run_writes_is_refused(change: dict[str, Any], problem: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=f"results:1: .*{problem}"):
        list(lines(written(tmp_path, line() | {"steps": [STEP | change]}), whole))


@pytest.mark.parametrize("change", [{"clauses": {}}, {"verdict": "fine"}, {"steps": None}, {"kind": "other"}])
def test_line_that_no_run_writes_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="results:1: "):
        list(lines(written(tmp_path, line() | change), whole))


def written(folder: Path, content: dict[str, Any]) -> Path:
    """A file of one line; what is wrong with its steps is found when the file is read."""
    (folder / "results").write_text(json.dumps(content) + "\n", encoding="utf-8")
    return folder / "results"


def test_older_errnos_are_read_as_posix_spells_them() -> None:
    step = PlannedStep(text="", verb="recv", expect={A: "EWOULDBLOCK", B: ["EWOULDBLOCK", {"errno": "EPIPE"}]})
    assert step.allowed(A) == ("EAGAIN",)
    assert step.allowed(B) == ("EAGAIN", {"errno": "EPIPE"})


def test_what_a_step_lacks_is_left_out_and_defaults() -> None:
    assert json.loads(encode(Footer(complete=True, counts={"native": {"conforms": 1}}))) == {
        "kind": "footer", "complete": True, "counts": {"native": {"conforms": 1}}, "seconds": 0.0}
    head = Header(4, Suite("0123"), "today", {"native": Target("linux")})
    assert json.loads(encode(head)) == {
        "kind": "header", "schema": 4, "suite": {"revision": "0123"}, "started": "today",
        "targets": {"native": {"platform": "linux"}}}
    assert decode(encode(head)) == head
    assert (head.judged, head.chosen, head.environment) == ("", "", {})
    step = PlayedStep(text="", verb="connect", observed={"ret": "ok"})
    assert (step.subject, step.request, step.given, step.seconds, step.line) == ("", "", "", 0.0, 0)
    declared = Declared(A, "ok", "bug", "because", "source")
    assert (declared.bug, declared.reported, declared.place) == ("", "", "")
    assert (Target("linux").unavailable, Target("linux").file) == ("", "")
    bare = Record("a.yaml::b", "native", "linux", "fails", {A: "fails"}, "It fails.", stored(()))
    assert (bare.reason, bare.revision, bare.line, bare.seconds) == ("", "", 0, 0.0)


@pytest.mark.parametrize(("hello", "unavailable", "version", "release", "machine"), [
    ({"system": "Linux", "release": "6.18.44", "machine": "x86_64", "implementation": "glibc-2.36"}, "",
     "Linux 6.18.44 x86_64, glibc-2.36", "6.18.44", "x86_64"),
    ({"system": "Linux", "release": "6.18.44"}, "", "Linux 6.18.44", "6.18.44", "unknown"),
    ({"implementation": "lwIP"}, "", "lwIP", "unknown", "unknown"),
    ({}, "", "unknown", "unknown", "unknown"), ({}, "not installed", "unavailable", "unavailable", "unknown"),
])
def test_target_is_named_as_far_as_its_hello_goes(hello: dict[str, str], unavailable: str, version: str, release: str,
                                                  machine: str) -> None:
    target = Target("linux", hello, unavailable)
    assert (target.version, target.release, target.machine, target.file) == (version, release, machine, "")


def test_what_a_record_does_not_have_is_not_written() -> None:
    """A file has thousands of them."""
    made = Record("a", "native", "linux", "conforms", {A: "conforms"}, "It is.", msgspec.Raw(b"[]"))
    assert json.loads(encode(made)).keys() == {
        "kind", "case", "target", "platform", "verdict", "clauses", "summary", "steps"}
