"""Judging recorded transcripts again, and writing departures to a platform's page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from reports import __main__, accept, judge
from reports.common import profile_writer, results
from specs import baseline, grammar, strict
from specs.judge import judge as judged
from specs.model import Case, Check, Entry, Place, Profile, Step, Transcript
from specs.pages import place, unmatched
from specs.pages import profile as profile_of
from specs.record import Record, decode, encode
from suites.selftest import house
from suites.selftest.written import CLAUSES, Json, Report, Write, header, result
from suites.selftest.written import write as write_file

# --- drawn transcripts --------------------------------------------------------------------------------------

OUTCOMES = st.sampled_from(["ok", "EINVAL", "EAGAIN", "ECONNREFUSED", "EXDEV", "blocks", "crashed", "returned=1",
                            "unsupported"])
NAMES = st.sampled_from(["", "unnamed", "inet:127.0.0.1:4711", "inet6:::1:0", "unix:peer", "abstract:00001"])
FIELDS = st.fixed_dictionaries({}, optional={
    "name": NAMES, "value": st.sampled_from(["ok", "EINVAL", "1"]), "data": st.sampled_from(["", "hello", "a%20b"]),
    "revents": st.sampled_from(["", "POLLIN", "POLLIN,POLLHUP"]), "ready": st.sampled_from(["", "input"]),
    "flags": st.sampled_from(["", "O_NONBLOCK"]), "accepted": st.sampled_from(["0", "1"]),
    "reason": st.just("signal 6")})
ENDS = st.none() | st.tuples(st.sampled_from(["unsupported", "unresolved", "crashed"]), st.just("for a reason"))


@st.composite
def observations(draw: st.DrawFn, step: Step) -> dict[str, str]:
    """The outcome of a call: half of the time one that the scenario expects."""
    allowed = [one for check in step.checks for one in check.allowed if isinstance(one, str)]
    ret = draw(st.sampled_from([*allowed, "ok"]) | OUTCOMES)
    return {"ret": ret, **(draw(FIELDS) if ret == "ok" else {})}


@st.composite
def transcripts(draw: st.DrawFn, case: Case) -> Transcript:
    name = {"ret": "ok", "name": "inet:127.0.0.1:4711"}
    entries = [Entry("getsockname peer", "getsockname", "peer", "getsockname peer", name, given="peer")]
    for index, step in enumerate(case.steps[:draw(st.integers(0, len(case.steps)))]):
        entries.append(Entry(step.text, step.verb, step.name, "typed so", draw(observations(step)), index))
        if entries[-1].observed["ret"] in ("blocks", "crashed", "unsupported"):
            break
    return Transcript(entries, {"peer": "inet:127.0.0.1:4711"}, draw(ENDS), 0.25)


@st.composite
def played(draw: st.DrawFn) -> tuple[Case, Transcript]:
    case = draw(st.sampled_from(house.cases()))
    return case, draw(transcripts(case))


def recorded(case: Case, transcript: Transcript, profile: Profile) -> Json:
    judgement = judged(case, transcript, house.clauses(), profile)
    return json.loads(encode(Record.of(case, transcript, judgement, "native", profile.platform)))  # type: ignore[no-any-return]


def read(made: Json) -> Record:
    record = decode(msgspec.json.encode(made))
    assert isinstance(record, Record)
    return record


# --- judge --------------------------------------------------------------------------------------------------


@hypothesis.given(played=played(), platform=st.sampled_from(house.PLATFORMS))
def test_judging_again_by_the_same_profile_changes_nothing(played: tuple[Case, Transcript], platform: str) -> None:
    profile = profile_of(platform, house.clauses())
    record = read(recorded(*played, profile))
    again = judge.rejudge_record(record, judge.by_platform(platform, house.clauses()), house.clauses())
    assert again == record


@hypothesis.given(played=played())
def test_result_has_all_that_the_judge_needs(played: tuple[Case, Transcript]) -> None:
    case, transcript = played
    record = read(recorded(case, transcript, Profile("none", (), ())))
    back, seen = record.case(), record.transcript()
    assert (back.id, back.clauses, [step.text for step in back.steps]) == (
        case.id, case.clauses, [step.text for step in case.steps])
    assert [(step.verb, step.name, step.checks, step.line) for step in back.steps] == [
        (step.verb, step.name, plain_checks(step), step.line) for step in case.steps]
    assert (seen.entries, seen.names, seen.ended) == (transcript.entries, transcript.names, transcript.ended)


def plain_checks(step: Step) -> Any:
    """Checks as JSON keeps them: mappings are dictionaries, tuples in them lists."""
    return tuple(type(check)(check.clause, tuple(
        {key: list(item) if isinstance(item, list | tuple) else item for key, item in one.items()}
        if not isinstance(one, str) else one for one in check.allowed)) for check in step.checks)


@hypothesis.given(played=played(), document=st.sampled_from(["illumos", "posix-2017", "linux", "survey"]))
def test_document_alone_declares_nothing_and_leaves_others_out(played: tuple[Case, Transcript], document: str) -> None:
    record = read(recorded(*played, profile_of("linux", house.clauses())))
    again = judge.rejudge_record(record, judge.by_document(document, house.clauses()), house.clauses())
    stated = {name for name in record.clauses if document in [one.document for one in house.clauses()[name].cited]}
    if again is None:
        assert not stated
        return
    assert set(again.clauses) == stated
    assert not {"deviates", "stale"} & {again.verdict, *again.clauses.values()}
    assert {clause for step in again.steps for clause in step.judged} <= stated


@pytest.mark.usefixtures("four_clauses")
def test_summary_of_another_judgement(write: Write, report: Report, tmp_path: Path) -> None:
    file = write(result("a", "fails", "EINVAL"), result("b"), result("c", clause="illumos.EACCES", ret="EACCES"))
    out = report("judge", file, "--document", "posix-2017")
    assert f"judged again by document posix-2017: {file}" in out.replace("\n", " ")
    assert re.search(r"^native +2 +1 +1$", out, re.MULTILINE)
    assert "illumos  " not in out
    assert re.search(r"^illumos.EISCONN +native +1 of 2 +EINVAL *$", out, re.MULTILINE)
    assert "EACCES" not in out
    assert report("judge", file, "--document", "illumos", "-o", tmp_path / "again") == ""
    again = results.read(tmp_path / "again")
    assert [record.verdict for record in again.records] == ["fails", "conforms", "conforms"]
    assert (again.torn, again.header.judged) == ("", "document illumos")


@pytest.mark.usefixtures("four_clauses")
def test_results_that_cannot_be_judged_again_are_refused(write: Write, refuse: Report) -> None:
    old = result("a")
    for step in old["steps"]:
        del step["subject"]
    assert "an older suite wrote this result" in refuse("judge", write(old), "--document", "illumos")
    gone = write(result("a", clause="illumos.EGONE"))
    assert "no clause 'illumos.EGONE' any more; play it again" in refuse("judge", gone, "--document", "illumos")
    assert "no clause cites 'minix'; cited are illumos, posix-2017" in refuse("judge", gone, "--document", "minix")
    outside = "'../x' is no name of a platform, of letters, digits, '.', '_' and '-'"
    assert outside in refuse("accept", gone, "--platform", "../x")
    assert "no page for platform 'minix'" in refuse("judge", gone, "--platform", "minix")
    assert "one of the arguments --platform --document is required" in refuse("judge", gone)


def test_torn_run_judged_again_is_torn(write: Write, tmp_path: Path) -> None:
    run = results.read(write(result("a"), torn=True))
    with (tmp_path / "again").open("wb") as out:
        results.write(run, out)
    assert results.read(tmp_path / "again").torn == "ends after 1 case"


# --- accept -------------------------------------------------------------------------------------------------


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pages: linux has two bugs, of which other platforms may show one."""
    folder = tmp_path / "platforms"
    folder.mkdir()
    (folder / "linux.yaml").write_text(LINUX)
    monkeypatch.setattr(accept, "FOLDER", folder)
    return folder


def linux_bug(name: str, *shows: str) -> str:
    return (f"  {name}:\n    because: it always did\n    status: bug\n    source: a page\n    shows:\n"
            + "".join(f"      - {{{one}}}\n" for one in shows))


LINUX = "platform: linux\nbugs:\n" + linux_bug(
    "first", "in: errors/EISCONN::a, illumos.EISCONN: EINVAL") + linux_bug(
    "second", "in: errors/EISCONN::b, illumos.EISCONN: EBADF")

MINE = """\
# yaml-language-server: $schema=../schema/platforms.json
platform: mine
inherits: linux
without:
  - {bug: second}
bugs:
  # 2 cases: connect(client, peer) = 0, expected EISCONN (suites/errors/EISCONN.yaml:8)
  illumos-eisconn-gives-ok:
    because: ""
    status: bug
    source: ""
    shows:
      - {in: 'errors/EISCONN::c', illumos.EISCONN: ok}
  # 1 case: connect(client, peer) = crashed, expected EISCONN (suites/errors/EISCONN.yaml:8)
  illumos-eisconn-gives-crashed:
    because: ""
    status: bug
    source: ""
    shows:
      - {in: 'errors/EISCONN::d', illumos.EISCONN: crashed}
"""


def first_run(write: Write, target: str = "native") -> Path:
    return write(result("a[inet]", ret="EINVAL", target=target), result("a[inet6]", ret="EINVAL", target=target),
                 result("b", target=target), result("c[inet]", ret="ok", target=target),
                 result("c[inet6]", ret="ok", target=target), result("d", ret="crashed", target=target),
                 result("e", target=target), head=header(**{target: "1"}))


@pytest.mark.usefixtures("four_clauses")
def test_new_page_has_what_differs_from_the_inherited(write: Write, report: Report, pages: Path) -> None:
    out = report("accept", first_run(write), "--platform", "mine", "--inherits", "linux")
    assert (pages / "mine.yaml").read_text() == MINE
    assert "mine.yaml: 2 bugs in 3 cases; fill in because and source" in out
    assert "mine.yaml: 1 withdrawal of inherited entries that no case shows" in out


@pytest.mark.usefixtures("four_clauses")
def test_incomplete_page_counts_and_is_reported(write: Write, report: Report, pages: Path) -> None:
    file = first_run(write)
    report("accept", file, "--platform", "mine", "--inherits", "linux")
    mine = pages / "mine.yaml"
    lacking = profile_of("mine", CLAUSES, pages).unexplained()
    assert [(one.name, one.file, one.line) for one in lacking] == [
        ("illumos-eisconn-gives-ok", str(mine), 8), ("illumos-eisconn-gives-crashed", str(mine), 15)]
    assert again(file, "mine", pages, fill_in=True) == [
        "deviates", "deviates", "conforms", "deviates", "deviates", "deviates", "conforms"]
    before = mine.read_text()
    assert report("accept", file, "--platform", "mine").startswith(f"{mine}: nothing to add\n")
    assert mine.read_text() == before


def again(file: Path, platform: str, pages: Path, fill_in: bool = False) -> list[str]:
    """The verdicts of a run, judged by a page. fill_in: give the page's bugs reasons and sources first."""
    page_ = pages / f"{platform}.yaml"
    if fill_in:
        page_.write_text(page_.read_text().replace('""', "said so"))
    standard = judge.Standard(platform, CLAUSES, profile_of(platform, CLAUSES, pages), platform)
    return [record.verdict for record in judge.rejudge(results.read(file), standard).records]


def many(name: str, ret: str, *domains: str) -> list[Json]:
    """Cases of one scenario, with their axes."""
    return [result(f"{name}[{domain}-{mode}]", ret=ret, axes={"domain": domain, "mode": mode})
            for domain in domains for mode in ("poll", "select", "epoll")]


@pytest.mark.usefixtures("four_clauses")
def test_fault_with_many_cases_is_one_bug(write: Write, report: Report, pages: Path) -> None:
    """Of one clause with one outcome, in whatever scenarios it shows, and by the axes that it depends on."""
    names = [f"s{number}" for number in range(6)]
    file = write(*(one for name in names for one in many(name, "EINVAL", "AF_INET", "AF_INET6")),
                 *many("some", "EINVAL", "AF_INET"), *many("some", "EISCONN", "AF_INET6"), result("fine"))
    out = report("accept", file, "--platform", "mine")
    assert "mine.yaml: 1 bug in 39 cases; fill in because and source" in out
    (bug,) = strict.read(pages / "mine.yaml")["bugs"].values()
    assert bug["shows"] == [
        {"in": [f"errors/EISCONN::{name}" for name in names], "illumos.EISCONN": "EINVAL"},
        {"in": "errors/EISCONN::some", "where": {"domain": "AF_INET"}, "illumos.EISCONN": "EINVAL"}]
    assert set(again(file, "mine", pages, fill_in=True)) == {"deviates", "conforms"}


@pytest.mark.usefixtures("four_clauses")
def test_faults_of_other_clauses_and_outcomes_are_bugs_of_their_own(write: Write, report: Report, pages: Path) -> None:
    first = write(result("a", ret="EINVAL"), result("b", ret="EBADF"),
                  result("c", ret="EPERM", clause="illumos.EACCES"), name="first")
    report("accept", first, "--platform", "mine")
    report("accept", write(result("a", ret="EINVAL"), result("f", ret="EINVAL"), name="second"), "--platform", "mine")
    assert list(strict.read(pages / "mine.yaml")["bugs"]) == [
        "illumos-eisconn-gives-einval", "illumos-eisconn-gives-ebadf", "illumos-eacces-gives-eperm",
        "illumos-eisconn-gives-einval-2"]


# withdrawals


SHOWS_TWICE = "platform: linux\nbugs:\n" + linux_bug(
    "first", "in: errors/EISCONN::a, illumos.EISCONN: EINVAL", "in: errors/EISCONN::b, illumos.EISCONN: EBADF",
    "where: {domain: AF_INET6, mode: [poll, epoll]}, illumos.EACCES: ok")


@pytest.mark.usefixtures("four_clauses")
@pytest.mark.parametrize(("made", "without"), [
    ([result("a"), result("b", ret="EBADF")], [{"bug": "first", "in": "errors/EISCONN::a"}]),
    ([result("a", ret="EINVAL")], None),  # not withdrawn, because not tested
    ([result("c", ret="EACCES", clause="illumos.EACCES", axes={"domain": "AF_INET6", "mode": "poll"})],
     [{"bug": "first", "where": {"domain": "AF_INET6", "mode": ["poll", "epoll"]}}]),
    ([result("a"), result("b"), result("c", ret="EACCES", clause="illumos.EACCES",
                                       axes={"domain": "AF_INET6", "mode": "poll"})], [{"bug": "first"}]),
])
def test_inherited_bug_that_no_case_shows_is_withdrawn(made: list[Json], without: Any, write: Write, report: Report,
                                                     pages: Path) -> None:
    (pages / "linux.yaml").write_text(SHOWS_TWICE)
    file = write(*made)
    report("accept", file, "--platform", "mine", "--inherits", "linux")
    assert strict.read(pages / "mine.yaml").get("without") == without
    assert set(again(file, "mine", pages)) <= {"deviates", "conforms"}


@pytest.mark.usefixtures("four_clauses")
def test_withdrawn_bug_is_not_withdrawn_again(write: Write, report: Report, pages: Path) -> None:
    file = write(result("a"), result("b", ret="EBADF"))
    report("accept", file, "--platform", "mine", "--inherits", "linux")
    before = (pages / "mine.yaml").read_text()
    assert before.count("bug: first") == 1
    report("accept", file, "--platform", "mine")
    assert (pages / "mine.yaml").read_text() == before


# what surveys give


def surveyed(case: str, ret: str, target: str = "native", **more: Any) -> Json:
    """A case of one observation."""
    made = result(case, "recorded", ret, target, "survey.state", **more)
    del made["steps"][-1]["expect"]
    made["steps"][-1]["observe"] = True
    return made


def baseline_of(pages: Path, platform: str = "linux") -> dict[str, Any]:
    return dict(baseline.load([platform], pages.parent / "baselines"))


@pytest.mark.usefixtures("four_clauses")
def test_accept_writes_no_baseline_of_nothing(write: Write, report: Report, pages: Path) -> None:
    assert "no observation is new" in report("accept", write(result("e")), "--platform", "linux")
    assert not (pages.parent / "baselines/linux.jsonl").exists()


@pytest.mark.usefixtures("four_clauses")
def test_accept_writes_observations(write: Write, report: Report, pages: Path) -> None:
    file = write(surveyed("x[inet]", "ok"), surveyed("x[inet6]", "EIO"), result("e"))
    out = report("accept", file, "--platform", "linux")
    assert "linux.jsonl: 2 cases recorded" in out
    case = "suites/errors/EISCONN.yaml::x"
    assert baseline_of(pages) == {f"{case}[inet]": ({"2": "0"},), f"{case}[inet6]": ({"2": "-1 EIO"},)}
    assert baseline.seen(pages.parent / "baselines/linux.jsonl") == ["Linux 6.18.44 x86_64, glibc-2.36"]
    assert again(file, "linux", pages) == ["recorded", "recorded", "conforms"]
    before = (pages.parent / "baselines/linux.jsonl").read_bytes()
    assert "no observation is new" in report("accept", file, "--platform", "linux")
    assert (pages.parent / "baselines/linux.jsonl").read_bytes() == before


@pytest.mark.usefixtures("four_clauses")
@pytest.mark.parametrize(("options", "verdicts"), [([], ["drifted", "recorded"]), (["--add"], ["recorded"] * 2)])
def test_add_keeps_both_outcomes(options: list[str], verdicts: list[str], write: Write, report: Report,
                                            pages: Path) -> None:
    first = write(surveyed("x", "ok"), surveyed("y", "ok"), name="first", head=header(native="6.18.1"))
    second = write(surveyed("x", "EIO"), name="second", head=header(native="7.3.0"))
    report("accept", first, "--platform", "linux")
    assert again(second, "linux", pages) == ["drifted"]
    report("accept", second, "--platform", "linux", *options)
    assert [*again(first, "linux", pages)[:1], *again(second, "linux", pages)] == verdicts
    assert again(first, "linux", pages)[1] == "recorded"  # what the second run did not play is kept
    assert [baseline.release_of(one) for one in baseline.seen(pages.parent / "baselines/linux.jsonl")] == [
        "Linux 6.18", "Linux 7.3"]


@pytest.mark.usefixtures("four_clauses")
def test_baseline_has_only_what_it_does_not_inherit(write: Write, report: Report, pages: Path) -> None:
    report("accept", write(surveyed("x", "ok"), surveyed("y", "ok"), name="first"), "--platform", "linux")
    file = write(surveyed("x", "EIO"), surveyed("y", "ok"), name="second")
    report("accept", file, "--platform", "mine", "--inherits", "linux")
    own = dict(baseline.cases(pages.parent / "baselines/mine.jsonl"))
    assert own == {"suites/errors/EISCONN.yaml::x": ({"2": "-1 EIO"},)}
    assert again(file, "mine", pages) == ["recorded", "recorded"]


@pytest.mark.usefixtures("four_clauses")
def test_crash_in_a_survey_is_a_bug_and_calls_before_it_are_not(write: Write, report: Report, pages: Path) -> None:
    made = surveyed("x", "EIO")
    crash = made["steps"][-1] | {"step": 2, "observed": {"ret": "crashed"}, "verdict": "crashed"}
    made |= {"verdict": "crashed", "clauses": {"survey.state": "crashed"}, "steps": [*made["steps"], crash]}
    file = write(made)
    report("accept", file, "--platform", "mine")
    (bug,) = strict.read(pages / "mine.yaml")["bugs"].values()
    assert bug["shows"] == [{"in": "errors/EISCONN::x", "survey.state": ["conforms", "crashed"]}]
    assert again(file, "mine", pages, fill_in=True) == ["deviates"]


@pytest.mark.usefixtures("four_clauses")
def test_crashed_and_unsupported_cases_are_not_recorded(write: Write, report: Report, pages: Path) -> None:
    file = write(surveyed("x", "crashed", ended=["crashed", "it died"]),
                 surveyed("y", "unsupported", ended=["unsupported", "no such call"]))
    assert "no observation is new" in report("accept", file, "--platform", "linux")
    assert baseline_of(pages) == {}


GIVEN = [  # what a call returned that is to fail, and how a page declares it
    ({"verb": "recv", "data": "hello%20you"}, "{data: hello you}"),
    ({"verb": "getsockopt", "value": "0"}, "{value: '0'}"),
    ({"verb": "poll", "revents": "POLLIN,POLLOUT"}, "{revents: [POLLIN, POLLOUT]}"),
    ({"verb": "accept-all", "accepted": "2"}, "{accepted: 2}"),
    ({"verb": "getpeername", "name": "inet:127.0.0.1:4711"}, "{host: 127.0.0.1, port: chosen}"),
    ({"verb": "getsockname", "name": "inet:0.0.0.0:0"}, "{name: 'inet:0.0.0.0:0'}"),
    ({"verb": "getpeername", "name": "unnamed"}, "{name: unnamed}"),
    ({"verb": "connect"}, "ok"),
]


@pytest.mark.usefixtures("four_clauses")
@pytest.mark.parametrize(("call", "declared"), GIVEN)
def test_success_is_declared_with_what_it_returned(call: dict[str, str], declared: str, write: Write, report: Report,
                                               pages: Path) -> None:
    made = result("a", "fails", "ok")
    verb, observed = call["verb"], {key: value for key, value in call.items() if key != "verb"}
    made["steps"][-1] |= {"text": f"{verb}(client)", "verb": verb, "request": f"{verb} client", "operands": {},
                          "observed": {"ret": "ok", **observed}}
    file = write(made)
    report("accept", file, "--platform", "new")
    text = (pages / "new.yaml").read_text()
    assert f"illumos.EISCONN: {declared}}}\n" in text
    assert again(file, "new", pages, fill_in=True) == ["deviates"]


@pytest.mark.usefixtures("four_clauses")
def test_work_left_for_a_person_is_reported(write: Write, report: Report, pages: Path) -> None:
    lost = [result(name, steps=result("f")["steps"][:1], ended=["unresolved", f"peer: mkfifo fifo{number} = EEXIST"],
                   missed=[{key: item for key, item in step.items() if key not in ("observed", "verdict", "request")}
                           for step in result("f")["steps"][1:]])
            for number, name in enumerate("fh")]
    file = write(result("a[inet]"), result("a[inet6]", ret="EINVAL"), result("b", ret="EBADF"), *lost,
                 result("g", ret="ENOTINANYLIST"))
    out = report("accept", file, "--platform", "linux")
    assert "nothing to add" in out
    assert "left: 1 case stale, " in out
    assert "left: 2 cases unresolved, peer: mkfifo fifo* = EEXIST: suites/errors/EISCONN.yaml::f, " in out
    assert "left: illumos.EISCONN: no bug can declare connect(client, peer) = -1 ENOTINANYLIST" in out
    assert (pages / "linux.yaml").read_text() == LINUX


SHORT = "one: {because: x, status: bug, source: x, shows: [{in: errors/EISCONN::a, illumos.EISCONN: EINVAL}]}"


@pytest.mark.usefixtures("four_clauses")
def test_what_accept_refuses(write: Write, refuse: Report, pages: Path) -> None:
    file = first_run(write)
    assert "linux.yaml: the page exists; --inherits is for new pages" in refuse(
        "accept", file, "--platform", "linux", "--inherits", "linux")
    both = write(result("a"), result("a", target="wine"), name="both", head=header(native="6", wine="8"))
    assert refuse("accept", both, "--platform", "linux") == f"{both} has native, wine; FILE@TARGET names one\n"
    (pages / "short.yaml").write_text("platform: short\nbugs: {" + " ".join(SHORT.split()) + "}\n")
    assert "short.yaml:2: bugs is not a block of entries" in refuse("accept", file, "--platform", "short")


@hypothesis.given(many=st.lists(played(), min_size=1, max_size=4, unique_by=lambda one: one[0].id))
def test_accepted_and_filled_in_nothing_fails(many: list[tuple[Case, Transcript]], capsys: pytest.CaptureFixture[str],
                                              tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("specs") / "platforms"
    folder.mkdir()
    empty = Profile("none", ("none",), ())
    file = write_file(folder / "results.jsonl", *(recorded(case, transcript, empty) for case, transcript in many))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accept, "FOLDER", folder)
        assert __main__.main(["accept", str(file), "--platform", "mine"]) == 0
    left = capsys.readouterr().out
    mine = folder / "mine.yaml"
    assert bool(profile_of("mine", house.clauses(), folder).unexplained()) == ('""' in mine.read_text())
    mine.write_text(mine.read_text().replace('""', "said so"))
    profile = profile_of("mine", house.clauses(), folder)
    assert list(unmatched(profile, [case for case, _ in many])) == []
    for record in judge.rejudge(results.read(file), judge.Standard("", house.clauses(), profile, "mine")).records:
        assert record.verdict not in ("fails", "stale", "drifted") or "no bug can declare" in left


# --- places and pages ---------------------------------------------------------------------------------------


def case_of(topic: str, **axes: str) -> Case:
    folder, _, scenario = topic.partition("::")
    return Case(f"suites/{folder}.yaml", scenario, "It fails.", axes, "-".join(axes.values()), (), (), 3)


TWICE = [case_of("errors/a::twice", domain=domain, mode=mode)
         for domain in ("inet", "inet6") for mode in ("poll", "epoll")]
LENGTHS = [case_of("errors/a::long", namelen=str(number)) for number in (-1, 0, 15)]
ONCE = case_of("errors/a::once")


@pytest.mark.parametrize(("cases", "others", "expected"), [
    (TWICE, [], [{"in": "errors/a::twice"}]), (TWICE, [ONCE], [{"in": "errors/a::twice"}]),
    (TWICE[:2], TWICE[2:], [{"in": "errors/a::twice", "where": {"domain": "inet"}}]),
    (TWICE[::2], TWICE[1::2], [{"in": "errors/a::twice", "where": {"mode": "poll"}}]),
    (TWICE[:1], TWICE[1:], [{"in": "errors/a::twice", "where": {"domain": "inet", "mode": "poll"}}]),
    ([TWICE[0], TWICE[3]], TWICE[1:3], [{"in": "errors/a::twice", "where": {"domain": "inet", "mode": "poll"}},
                                       {"in": "errors/a::twice", "where": {"domain": "inet6", "mode": "epoll"}}]),
    (TWICE[:3], TWICE[3:], [{"in": "errors/a::twice", "where": {"mode": "poll"}},
                            {"in": "errors/a::twice", "where": {"domain": "inet"}}]),
    (LENGTHS[:2], LENGTHS[2:], [{"in": "errors/a::long", "where": {"namelen": [-1, 0]}}]),
    (LENGTHS[2:], LENGTHS[:2], [{"in": "errors/a::long", "where": {"namelen": 15}}]),
    ([*TWICE, ONCE, *LENGTHS], [], [{"in": ["errors/a::twice", "errors/a::once", "errors/a::long"]}]),
    ([ONCE], [case_of("errors/a::one")], [{"in": "errors/a::once"}]),
])
def test_places_are_few_and_exact(cases: list[Case], others: list[Case], expected: list[dict[str, Any]]) -> None:
    def key(one: dict[str, Any]) -> str:
        return json.dumps(one, sort_keys=True)
    assert sorted(profile_writer.places(cases, others), key=key) == sorted(expected, key=key)


VALUES = {"domain": ["AF_INET", "AF_INET6", "v4-mapped"], "namelen": ["-1", "0", "15"], "to": ["peer", "127.0.0.1"]}
TOPICS = {"a/b::one": (), "a/b::two": ("domain",), "a/c::two": ("domain", "namelen"), "d/e::six": tuple(VALUES)}
SOME_CASES = st.sampled_from(sorted(TOPICS)).flatmap(lambda topic: st.tuples(
    *(st.sampled_from(VALUES[axis]) for axis in TOPICS[topic])).map(
        lambda values: case_of(topic, **dict(zip(TOPICS[topic], values, strict=True)))))


@hypothesis.given(every=st.lists(SOME_CASES, unique_by=lambda case: case.id, max_size=24), data=st.data())
def test_places_contain_all_these_cases_and_none_of_the_others(every: list[Case], data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.sampled_from([case.id for case in every]))) if every else set()
    cases, others = ([case for case in every if (case.id in chosen) is wanted] for wanted in (True, False))
    found = profile_writer.places(cases, others)
    assert len(found) <= len(cases)
    held = [place_of(one) for one in found]
    assert all(any(place.holds(case) for place in held) for case in cases)
    assert not any(place.holds(case) for place in held for case in others)
    assert all(any(place.holds(case) for case in cases) for place in held)


def place_of(row: dict[str, Any]) -> Place:
    """A place as it is read back from a page."""
    text = "\n".join(profile_writer.item({**row, "x.y": "ok"}, "  "))
    entry = strict.parse(f"shows:\n{text}\n", "made")["shows"][0]
    assert grammar.validator("platforms", "in").is_valid(entry["in"])
    return place("made", entry)


ENTRY = ["name:", '  because: ""']
ITEM = ["- {bug: name}"]
ADDED: dict[str, tuple[list[str], Any]] = {
    "bugs": (ENTRY, {"name": {"because": ""}}), "without": (ITEM, [{"bug": "name"}])}
OLD_PAGES = [
    "platform: p\n", "platform: p", "# first\nplatform: p  # why\n\n# last\n",
    "platform: p\nbugs:\n  a:\n    because: |\n      long\n      words\n\n# so\nverified: false\n",
    "platform: p\nwithout:\n- bug: a\n  in: [x,\n          y]\n# a comment\n\nbugs:\n b:\n  shows: x\n",
    "bugs:\n    a:\n      shows: [{revents: [POLLIN]}]  # so\n    # nothing below\nplatform: p\n",
]


@pytest.mark.parametrize("key", ["bugs", "without"])
@pytest.mark.parametrize("old", OLD_PAGES)
def test_page_keeps_every_line(old: str, key: str) -> None:
    lines, added = ADDED[key]
    new = profile_writer.add(Path("p.yaml"), old, key, [lines])
    rest = iter(new.splitlines())
    assert all(line in rest for line in old.splitlines())
    before, after = strict.parse(old, "old"), strict.parse(new, "new")
    had = before.get(key, type(added)())
    assert after == {**before, key: {**had, **added} if isinstance(added, dict) else [*had, *added]}
    assert new.endswith("\n")
    assert profile_writer.add(Path("p.yaml"), old, key, []) == old


@pytest.mark.parametrize("comment", ["plain", "two\nlines", "x" * 300, "\x1b[31m \u2028 #"])
@pytest.mark.parametrize("observed", [
    {"data": "a: #b\n", "revents": []}, "ok", ["conforms", {"value": "0"}], {"data": "- x, {y}: 'z' " * 9},
])
def test_bug_is_yaml_for_any_outcome(comment: str, observed: Any) -> None:
    rows = [{"in": "a/b::c", "where": {"namelen": [-1, 0], "to": "127.0.0.1"}, "illumos.EISCONN": observed},
            {"in": [f"a/b::{'x' * 30}{number}" for number in range(4)], "illumos.EISCONN": observed}]
    lines = profile_writer.bug("some-bug", comment, rows)
    made = strict.parse("bugs:\n" + "".join(f"  {line}\n" for line in lines), "made")["bugs"]
    assert made == {"some-bug": {"because": "", "status": "bug", "source": "", "shows": rows}}
    assert all(len(line) <= profile_writer.WIDTH for line in lines if line.startswith("#"))


def test_ephemeral_port_is_not_declared() -> None:
    check = Check("illumos.datagram.peer", ({"name": "first"},))
    seen = Entry("recvfrom(c)", "recvfrom", "c", "recvfrom c", {"ret": "ok", "name": "inet:127.0.0.1:33152"})
    made = Transcript([seen])
    assert accept.declarable(check, seen, made) == {"host": "127.0.0.1", "port": "chosen"}
