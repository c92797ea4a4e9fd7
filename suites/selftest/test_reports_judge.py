"""Judging again what was recorded, and writing what differs into a platform's page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from reports import __main__, accept, judge, page, results
from specs import load
from specs.judge import judge as judged
from specs.model import Case, Check, Entry, Profile, Step, Transcript, pattern_of
from specs.record import Record, decode, encode
from suites.selftest import house
from suites.selftest.written import CLAUSES, Json, Report, Write, header, result
from suites.selftest.written import write as write_file

# --- transcripts that no system gave ------------------------------------------------------------------------

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
    """What a call gave: half of the time what the scenario hopes for."""
    allowed = [one for check in step.checks for one in check.allowed if isinstance(one, str) and one != "any"]
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
    record = decode(json.dumps(made))
    assert isinstance(record, Record)
    return record


# --- judge --------------------------------------------------------------------------------------------------


@hypothesis.given(played=played(), platform=st.sampled_from(house.PLATFORMS))
def test_judging_again_by_the_same_profile_changes_nothing(played: tuple[Case, Transcript], platform: str) -> None:
    profile = load.profile(platform, house.clauses())
    record = read(recorded(*played, profile))
    again = judge.judge_record(record, judge.by_platform(platform, house.clauses()), house.clauses())
    assert again == record


@hypothesis.given(played=played())
def test_result_holds_all_that_the_judge_takes(played: tuple[Case, Transcript]) -> None:
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


@hypothesis.given(played=played(), document=st.sampled_from(["illumos", "posix-2017", "linux", "unspecified"]))
def test_document_alone_declares_nothing_and_leaves_others_out(played: tuple[Case, Transcript], document: str) -> None:
    record = read(recorded(*played, load.profile("linux", house.clauses())))
    again = judge.judge_record(record, judge.by_document(document, house.clauses()), house.clauses())
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
    assert report("judge", file, "--document", "illumos", "-o", tmp_path / "again") == ""
    again = results.read(tmp_path / "again")
    assert [record.verdict for record in again.records] == ["fails", "conforms", "conforms"]
    assert (again.torn, again.header.judged) == ("", "document illumos")


@pytest.mark.usefixtures("four_clauses")
def test_what_cannot_be_judged_again_is_refused(write: Write, refuse: Report) -> None:
    old = result("a")
    for step in old["steps"]:
        del step["subject"]
    assert "an older suite wrote this result" in refuse("judge", write(old), "--document", "illumos")
    gone = write(result("a", clause="illumos.EGONE"))
    assert "no clause 'illumos.EGONE' any more; play it again" in refuse("judge", gone, "--document", "illumos")
    assert "no clause cites 'minix'; cited are illumos, posix-2017" in refuse("judge", gone, "--document", "minix")
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
    """A folder of pages: linux declares two deviations, of which others may show one."""
    folder = tmp_path / "platforms"
    folder.mkdir()
    (folder / "linux.yaml").write_text(LINUX)
    monkeypatch.setattr(accept, "FOLDER", folder)
    return folder


def deviation(scenario: str, observed: str) -> str:
    return (f'  - clause: illumos.EISCONN\n    cases: ["stream/EISCONN.yaml::{scenario}"]\n    observed: {observed}\n'
            "    status: bug\n    because: it always did\n    source: a page\n")


LINUX = "platform: linux\ndeviations:\n" + deviation("a[*", "EINVAL") + deviation("b", "EBADF")

MINE = """\
# yaml-language-server: $schema=../schema/platforms.json
platform: mine
inherits: linux
conforms:
  - clause: illumos.EISCONN
    cases:
      - "stream/EISCONN.yaml::b"
deviations:
  # 2 cases: connect(client, peer) = 0, expected EISCONN (suites/stream/EISCONN.yaml:8)
  - clause: illumos.EISCONN
    cases: ["stream/EISCONN.yaml::c[*"]
    observed: ok
    status: bug
    because: ""
    source: ""
  # 1 case: connect(client, peer) = crashed, expected EISCONN (suites/stream/EISCONN.yaml:8)
  - clause: illumos.EISCONN
    cases: ["stream/EISCONN.yaml::d"]
    observed: crashed
    status: bug
    because: ""
    source: ""
"""


def first_run(write: Write, target: str = "native") -> Path:
    return write(result("a[inet]", ret="EINVAL", target=target), result("a[inet6]", ret="EINVAL", target=target),
                 result("b", target=target), result("c[inet]", ret="ok", target=target),
                 result("c[inet6]", ret="ok", target=target), result("d", ret="crashed", target=target),
                 result("e", target=target), head=header(**{target: "1"}))


@pytest.mark.usefixtures("four_clauses")
def test_new_page_holds_what_differs_from_the_inherited(write: Write, report: Report, pages: Path) -> None:
    out = report("accept", first_run(write), "--platform", "mine", "--inherits", "linux")
    assert (pages / "mine.yaml").read_text() == MINE.replace('    cases:\n      - "stream/EISCONN.yaml::b"\n',
                                                              '    cases: ["stream/EISCONN.yaml::b"]\n')
    assert "mine.yaml: 2 deviations in 3 cases; fill in because and source" in out
    assert "mine.yaml: 1 withdrawal of what is inherited and not seen here" in out


@pytest.mark.usefixtures("four_clauses")
def test_page_that_is_not_filled_in_counts_and_says_so(write: Write, report: Report, pages: Path) -> None:
    file = first_run(write)
    report("accept", file, "--platform", "mine", "--inherits", "linux")
    mine = pages / "mine.yaml"
    lacking = load.profile("mine", CLAUSES, pages).unexplained()
    assert next((one.file, one.line) for one in lacking) == (str(mine), 9)
    mine.write_text(mine.read_text().replace('because: ""', "because: it does").replace('source: ""', "source: me"))
    standard = judge.Standard("mine", CLAUSES, load.profile("mine", CLAUSES, pages), "mine")
    again = judge.judge(results.read(file), standard)
    assert [record.verdict for record in again.records] == [
        "deviates", "deviates", "conforms", "deviates", "deviates", "deviates", "conforms"]
    before = mine.read_text()
    assert report("accept", file, "--platform", "mine") == f"{mine}: nothing to add\n"
    assert mine.read_text() == before


GIVEN = [  # what a call gave that a clause has fail, and how a page declares it
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
def test_success_is_declared_with_what_it_gave(call: dict[str, str], declared: str, write: Write, report: Report,
                                               pages: Path) -> None:
    made = result("a", "fails", "ok")
    verb, observed = call["verb"], {key: value for key, value in call.items() if key != "verb"}
    made["steps"][-1] |= {"text": f"{verb}(client)", "verb": verb, "request": f"{verb} client", "operands": {},
                          "observed": {"ret": "ok", **observed}}
    file = write(made)
    report("accept", file, "--platform", "new")
    text = (pages / "new.yaml").read_text()
    assert f"    observed: {declared}\n" in text
    (pages / "new.yaml").write_text(text.replace('""', "said so"))
    standard = judge.Standard("new", CLAUSES, load.profile("new", CLAUSES, pages), "new")
    assert [record.verdict for record in judge.judge(results.read(file), standard).records] == ["deviates"]


@pytest.mark.usefixtures("four_clauses")
def test_what_only_a_person_can_do_is_told(write: Write, report: Report, pages: Path) -> None:
    lost = [result(name, steps=result("f")["steps"][:1], ended=["unresolved", f"peer: mkfifo fifo{number} = EEXIST"],
                   missed=[{key: item for key, item in step.items() if key not in ("observed", "verdict", "request")}
                           for step in result("f")["steps"][1:]])
            for number, name in enumerate("fh")]
    file = write(result("a[inet]"), result("a[inet6]", ret="EINVAL"), result("b", ret="EBADF"), *lost,
                 result("g", ret="ENOTINANYLIST"))
    out = report("accept", file, "--platform", "linux")
    assert "nothing to add" in out
    assert "left: 1 case stale, " in out
    assert "left: 2 cases unresolved, peer: mkfifo fifo* = EEXIST: suites/stream/EISCONN.yaml::f, " in out
    assert "left: illumos.EISCONN: no entry declares connect(client, peer) = -1 ENOTINANYLIST" in out
    assert (pages / "linux.yaml").read_text() == LINUX


@pytest.mark.usefixtures("four_clauses")
def test_what_accept_does_not_take(write: Write, refuse: Report, pages: Path) -> None:
    file = first_run(write)
    assert "linux.yaml: there already; what it inherits is written there" in refuse(
        "accept", file, "--platform", "linux", "--inherits", "linux")
    both = write(result("a"), result("a", target="wine"), name="both", head=header(native="6", wine="8"))
    assert refuse("accept", both, "--platform", "linux") == f"{both} holds native, wine; FILE@TARGET names one\n"
    (pages / "short.yaml").write_text("platform: short\nconforms: []\ndeviations: []\n")
    assert "short.yaml:3: deviations is no block of entries" in refuse("accept", file, "--platform", "short")


@hypothesis.given(many=st.lists(played(), min_size=1, max_size=4, unique_by=lambda one: one[0].id))
def test_accepted_and_filled_in_nothing_fails(many: list[tuple[Case, Transcript]], capsys: pytest.CaptureFixture[str],
                                              tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("pages")
    empty = Profile("none", ("none",), ())
    file = write_file(folder / "results.jsonl", *(recorded(case, transcript, empty) for case, transcript in many))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accept, "FOLDER", folder)
        assert __main__.main(["accept", str(file), "--platform", "mine"]) == 0
    left = capsys.readouterr().out
    mine = folder / "mine.yaml"
    assert bool(load.profile("mine", house.clauses(), folder).unexplained()) == ('""' in mine.read_text())
    mine.write_text(mine.read_text().replace('""', "said so"))
    profile = load.profile("mine", house.clauses(), folder)
    assert list(load.unmatched(profile, [case for case, _ in many])) == []
    for record in judge.judge(results.read(file), judge.Standard("", house.clauses(), profile, "mine")).records:
        assert record.verdict not in ("fails", "stale") or "no entry declares" in left


# --- patterns and pages -------------------------------------------------------------------------------------

INETS = [f"suites/stream/a.yaml::twice[{domain}-{mode}]" for domain in ("inet", "inet6") for mode in ("poll", "select")]


@pytest.mark.parametrize(("cases", "others", "told"), [
    (INETS, [], ["stream/a.yaml::*"]),
    (INETS, ["suites/stream/a.yaml::once"], ["stream/a.yaml::twice[*"]),
    (INETS[:2], INETS[2:], ["stream/a.yaml::twice[inet-*]"]),
    (INETS[::2], INETS[1::2], ["stream/a.yaml::twice[*-poll]"]),
    (INETS[:1], INETS[1:], ["stream/a.yaml::twice[inet-poll]"]),
    ([INETS[0], INETS[3]], INETS[1:3], ["stream/a.yaml::twice[inet-poll]", "stream/a.yaml::twice[inet6-select]"]),
    (["suites/drawn/test_a.py::twice[inet-3]"], [], ["drawn/test_a.py::twice[*"]),
    (["suites/drawn/test_a.py::once"], [], ["drawn/test_a.py::once"]),
])
def test_patterns_are_few_and_exact(cases: list[str], others: list[str], told: list[str]) -> None:
    assert page.patterns(cases, others) == told


WORD = st.sampled_from(["inet", "inet6", "poll", "namelen-1", "a*b", "x"])
IDS = st.builds(lambda file, name, words: f"suites/{file}::{name}" + (f"[{'-'.join(words)}]" if words else ""),
                st.sampled_from(["a/b.yaml", "a/c.yaml", "drawn/test_d.py"]), st.sampled_from(["twice", "twice-more"]),
                st.lists(WORD, max_size=4))


@hypothesis.given(ids=st.sets(IDS), data=st.data())
def test_patterns_match_all_these_and_none_of_the_others(ids: set[str], data: st.DataObject) -> None:
    cases = sorted(data.draw(st.sets(st.sampled_from(sorted(ids))))) if ids else []
    # A case that is a pattern itself matches others; no scenario has a name like that.
    themselves = [pattern_of(case.removeprefix("suites/")) for case in cases]
    others = sorted(case for case in ids - set(cases) if not any(one.fullmatch(case) for one in themselves))
    found = page.patterns(cases, others)
    assert all(any(pattern_of(text).fullmatch(case) for text in found) for case in cases)
    assert not any(pattern_of(text).fullmatch(case) for text in found for case in others)
    assert len(found) <= len(cases)


ENTRY = ["- clause: x", '  because: ""']
OLD_PAGES = [
    "platform: p\n", "platform: p", "# first\nplatform: p  # why\n\n# last\n",
    "platform: p\ndeviations:\n  - clause: a\n    because: |\n      long\n      words\n\n# so\nverified: false\n",
    "platform: p\ndeviations:\n- clause: a\n  cases: [x,\n          y]\n# a comment\n\nconforms:\n- clause: b\n",
    "deviations:\n    - clause: a\n      observed: {revents: [POLLIN]}  # so\n    # nothing below\nplatform: p\n",
]


@pytest.mark.parametrize("key", ["deviations", "conforms"])
@pytest.mark.parametrize("old", OLD_PAGES)
def test_page_keeps_every_line_it_has(old: str, key: str) -> None:
    new = page.add(Path("p.yaml"), old, key, [ENTRY, ENTRY])
    rest = iter(new.splitlines())
    assert all(line in rest for line in old.splitlines())
    before, after = load.parse(old, "old"), load.parse(new, "new")
    added = {"clause": "x", "because": ""}
    assert after == {**before, key: [*before.get(key, ()), added, added]}
    assert new.endswith("\n")
    assert page.add(Path("p.yaml"), old, key, []) == old


@pytest.mark.parametrize("comment", ["plain", "two\nlines", "x" * 300, "\x1b[31m \u2028 #"])
def test_entry_is_yaml_whatever_was_seen(comment: str) -> None:
    lines = page.entry("illumos.EISCONN", ["a/b.yaml::*"], {"data": "a: #b\n", "revents": []}, comment)
    made = load.parse("deviations:\n" + "".join(f"  {line}\n" for line in lines), "made")["deviations"][0]
    assert made["observed"] == {"data": "a: #b\n", "revents": []}
    assert max(map(len, lines)) <= page.WIDTH


def test_a_port_that_was_chosen_for_one_run_is_not_declared() -> None:
    check = Check("illumos.datagram.peer", ({"name": "first"},))
    seen = Entry("recvfrom(c)", "recvfrom", "c", "recvfrom c", {"ret": "ok", "name": "inet:127.0.0.1:33152"})
    made = Transcript([seen])
    assert accept.declarable(check, seen, made) == {"host": "127.0.0.1", "port": "chosen"}
