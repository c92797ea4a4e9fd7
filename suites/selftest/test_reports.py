"""The reports, on small result files made by hand."""

from __future__ import annotations

import base64
import json
import re
import tempfile
import weakref
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.common import aggregate, results, terminal, wording
from specs.model import VERDICTS
from specs.record import Record, Unreadable, decode
from suites.selftest.written import Json, Report, Write, header, result

SMAPS = Path("/proc/self/smaps")

HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m|[red]`\u202e\u2028"

pytestmark = pytest.mark.usefixtures("four_clauses")


def three_targets(write: Write) -> Path:
    """A case in two variants on targets that conform, deviate and fail, and one that a target cannot run."""
    declared = {"clause": "illumos.EISCONN", "observed": "EINVAL", "status": "bug",
                "because": "it always did", "source": "a page"}
    deviates = [result(f"twice[{variant}]", "deviates", "EINVAL", "gvisor", deviations=[declared])
                for variant in ("inet", "inet6")]
    return write(
        result("twice[inet]"), deviates[0], result("twice[inet]", target="lwip"),
        result("twice[inet6]"), deviates[1], result("twice[inet6]", "fails", "EBADF", "lwip"),
        result("links", "conforms", "EACCES", "native", "illumos.EACCES"),
        result("links", "unsupported", "ok", "lwip", "illumos.EACCES", steps=[], reason="no AF_UNIX"),
        head=header(native="6.18.44", gvisor="4.4.0", lwip="2.1.3"))


def hostile(write: Write) -> Path:
    """A result file in which every text is hostile."""
    made = result(HOSTILE, "fails", HOSTILE, HOSTILE, f"illumos.{HOSTILE}", reason=HOSTILE, summary=HOSTILE,
                  deviations=[dict.fromkeys(("clause", "observed", "status", "because", "source"), HOSTILE)])
    for step in made["steps"]:
        step |= {"text": HOSTILE, "verb": HOSTILE, "request": HOSTILE}
        step["observed"] = {"ret": HOSTILE, HOSTILE: HOSTILE}
    made["steps"][0]["given"] = HOSTILE
    lost = result("b", "unsupported", target=HOSTILE, reason=HOSTILE)
    head = header(**{HOSTILE: HOSTILE, "absent": "!" + HOSTILE}) | {"started": HOSTILE}
    return write(made, lost, name="hostile.jsonl", head=head)


def squeezed(text: str) -> list[str]:
    """The lines, each run of blanks one blank."""
    return [" ".join(line.split()) for line in text.splitlines()]


# --- reading ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "expected"), [
    ("{", "truncated"),
    ("[]", "object"),
    ('{"kind":"result","x":' + "[" * 200_000, "nested too deeply"),
    ('{"kind":"verdict"}', "'verdict'"),
    ('{"kind":"result"}', "`case`"),
    (json.dumps(result("a", verdict="passes")), r"\$\.verdict"),
    (json.dumps(result("a", steps=[{"text": "x", "verb": "x", "observed": {}}])), "no `ret`"),
    (json.dumps(result("a", steps=[{"text": "x", "verb": "x", "observed": {"ret": "ok"}, "clause": "y"}])),
     "`clause` without `expect`"),
    (json.dumps(result("a", target="other")), "no target 'other' in the header; it has native"),
    (json.dumps(header(native="1")), "a header comes first"),
])
def test_malformed_line_is_named(write: Write, refuse: Report, line: str, expected: str) -> None:
    file = write(torn=True, tail=line + "\n")
    assert re.match(rf"{re.escape(str(file))}:2: .*{expected}", refuse("matrix", file))


def test_of_two_results_of_a_case_the_last_counts(write: Write) -> None:
    """A case that was played again; the footer counts each case once."""
    file = write(result("a", "fails", "ok"), result("b"), result("a"))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[-1]["counts"] = {"native": {"conforms": 2}}
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = results.read(file)
    assert {one.id[-1]: one.verdict for one in run.records} == {"a": "conforms", "b": "conforms"}
    assert run.torn == ""


@pytest.mark.parametrize("tail", ["x", '{"kind":"result","ca', "\0", "\n"])
def test_what_follows_the_footer_is_refused(write: Write, refuse: Report, tail: str) -> None:
    assert f"{write(result('a'), tail=tail)}:4: " in refuse("summary", write(result("a"), tail=tail))


def test_other_schema_is_refused(write: Write, refuse: Report) -> None:
    file = write(head=header(native="1") | {"schema": 5})
    assert refuse("matrix", file) == f"{file}:1: schema 5; these reports read schema 1 to 4\n"


def test_result_of_the_first_schema_is_read_as_of_this_one(write: Write) -> None:
    """There, the outcome of a survey is expected as `any`, its clause is `unspecified`, and its verdict is `open`."""
    def old(case: str, expect: Any, **more: Any) -> Json:
        made = result(case, "open", "EIO", clause="unspecified.state")
        made["steps"][-1] = {**made["steps"][-1], "expect": expect, **more}
        return made

    both = {"unspecified.state": "any", "illumos.EISCONN": "EISCONN"}
    two = old("b", both, verdicts={"unspecified.state": "open", "illumos.EISCONN": "fails"})
    del two["steps"][-1]["clause"], two["steps"][-1]["verdict"]
    two |= {"verdict": "fails", "clauses": {"unspecified.state": "open", "illumos.EISCONN": "fails"}}
    run = results.read(write(old("a", "any"), two, result("c"), head=header(native="6.1") | {"schema": 1}))
    first, second, third = run.records
    assert (first.verdict, first.clauses, run.torn) == ("recorded", {"survey.state": "recorded"}, "")
    assert [(one.observe, one.clause, one.allowed(one.clause), one.judged) for one in first.steps[-1:]] == [
        (True, "survey.state", (), {"survey.state": "recorded"})]
    assert first.case().steps[-1].checks[0].allowed == ()
    assert second.clauses == {"survey.state": "recorded", "illumos.EISCONN": "fails"}
    assert second.steps[-1].expected == {"illumos.EISCONN": "EISCONN"}
    assert second.steps[-1].judged == {"illumos.EISCONN": "fails"}
    assert wording.observed_instead(second, "survey.state") == ""
    assert third.verdict == "conforms"


def test_unreadable_files_and_wrong_usage_are_one_line(tmp_path: Path, refuse: Report) -> None:
    (tmp_path / "empty").touch()
    assert "empty:1: empty" in refuse("matrix", tmp_path / "empty")
    assert "No such file" in refuse("summary", tmp_path / "none")
    assert "invalid choice" in refuse("matrix", "x", "--format", "pdf")


LINES = [*(json.dumps(one) for one in (header(native="1"), result("a"), result("b", "fails"))), "{}", "[[", "null",
         '{"kind":"footer","counts":{}}', '{"kind":', "1" * 5000, "\0", "\udcff"]


@given(st.lists(st.sampled_from(LINES)), st.booleans())
def test_any_lines_are_read_or_refused_in_one_line(parts: list[str], ends: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "r.jsonl")
        file.write_bytes("\n".join([*parts, ""] if ends else parts).encode(errors="surrogateescape"))
        problem = ""
        try:
            results.read(file)
        except Unreadable as refusal:
            problem = str(refusal)
        assert "\n" not in problem


def test_what_is_read_of_a_file_is_given_back_and_read_again(write: Write) -> None:
    """Its pages are no longer this process's; the mapping lives as long as a record of it."""
    if not SMAPS.exists():
        pytest.skip("memory is looked at by /proc/self/smaps, which this system lacks")
    before = set(results.MAPPED)
    run = results.read(file := write(result("a"), result("b")))
    (mapped,) = (weakref.ref(one) for one in results.MAPPED - before)
    steps = [record.steps for record in run.records]
    seen = [resident(file)]
    results.give_back()
    seen.append(resident(file))
    assert [record.steps for record in run.records] == steps
    assert seen[0] > seen[1] == 0
    del run
    assert mapped() is None


def resident(file: Path) -> int:
    """How much of a mapped file counts as this process's memory, in kB."""
    _, _, found = SMAPS.read_text(encoding="utf-8").partition(f"{file}\n")
    return int(re.search(r"^Rss: +(\d+) kB", found, re.MULTILINE)[1])  # type: ignore[index]


@pytest.mark.parametrize("arguments", [["matrix"], ["matrix", "--format", "markdown"],
                                       ["matrix", "--format", "html"], ["summary"], ["explain", "::a"]])
def test_torn_run_is_reported_first(write: Write, report: Report, arguments: list[str]) -> None:
    file = write(result("a"), result("b"), torn=True, tail='{"kind":"result","ca')
    out = report(arguments[0], file, *arguments[1:]).replace("&#95;", "_")
    assert f"torn run: {file} ends after 2 cases" in out
    assert out.index("torn run") < out.index("illumos")


def test_footer_that_counts_more_than_there_is_makes_a_run_torn(write: Write) -> None:
    file = write(result("a"), result("b"))
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:1] + lines[2:]))
    assert results.read(file).torn == "holds 1 result, but its footer counts 2"


def test_run_without_cases_is_rendered(write: Write, report: Report) -> None:
    for format_ in ("text", "markdown", "html"):
        assert "native" in report("matrix", write(), "--format", format_)


# --- several files ------------------------------------------------------------------------------------------


def test_later_file_counts_where_releases_are_equal_and_it_is_asked_for(write: Write, refuse: Report) -> None:
    old, new = write(result("a", "fails", "ok"), result("b"), name="old"), write(result("a"), name="new")
    assert refuse("matrix", old, new) == (
        f"{old} and {new} both have native of Linux 6.18.44 x86_64, glibc-2.36; name one, or let the later one's "
        "results count by --merge\n")
    gathered = results.gather([old, new], merged=True)
    assert [column.label for column in gathered.columns] == ["native"]
    assert [records["native"].verdict for records in gathered.cases.values()] == ["conforms", "conforms"]


def test_releases_of_one_target_are_side_by_side(write: Write) -> None:
    old = header(native="6.1.0-13-amd64", musl="6.1.0-13-amd64")
    gathered = results.gather([write(result("a", "fails", "ok"), name="old", head=old),
                               write(result("a"), name="new")])
    assert [column.label for column in gathered.columns] == ["native@6.1", "musl", "native@6.18"]
    [records] = gathered.cases.values()
    assert [record.verdict for record in records.values()] == ["fails", "conforms"]


@pytest.mark.parametrize(("releases", "short"), [
    (["6.1.0", "6.18.44"], ["6.1", "6.18"]),
    (["6.18.44", "6.18.45"], ["6.18.44", "6.18.45"]),
    (["6", "7"], ["6", "7"]),
    (["6.1.0-13-amd64", "6.1.0-20-amd64"], ["6.1.0-13", "6.1.0-20"]),
])
def test_releases_are_cut_but_remain_distinct(releases: list[str], short: list[str]) -> None:
    assert results.shortened(releases) == short


def test_notes_report_targets_that_did_not_run_and_edited_cases(write: Write) -> None:
    old = write(result("a"), name="old", head=header(native="6.1", wine="!no wineserver"))
    gathered = results.gather([old, write(result("a", revision="bbbbbbbbbbbb"), name="new")])
    assert gathered.notes == (f"not run: wine ({old}): no wineserver",
                              "1 case edited between the runs: suites/errors/EISCONN.yaml::a")
    assert [column.label for column in gathered.columns] == ["native@6.1", "native@6.18"]


# --- cells --------------------------------------------------------------------------------------------------


def cell_text(made: Json, clause: str = "illumos.EISCONN") -> str:
    record = decode(json.dumps(made))
    assert isinstance(record, Record)
    return wording.observed_instead(record, clause)


@pytest.mark.parametrize(("observed", "expect", "verdict", "expected"), [
    ({"ret": "EISCONN"}, "EISCONN", "conforms", ""),
    ({"ret": "EAGAIN"}, "EWOULDBLOCK", "conforms", ""),
    ({"ret": "EAGAIN"}, ["EINPROGRESS", "EAGAIN"], "conforms", ""),
    ({"ret": "ok"}, "ELOOP", "conforms", "ok"),
    ({"ret": "EINVAL"}, "EISCONN", "deviates", "EINVAL"),
    ({"ret": "crashed"}, "EISCONN", "crashed", ""),
    ({"ret": "ok", "value": "ECONNREFUSED"}, {"value": "ok"}, "fails", "value=ECONNREFUSED"),
    ({"ret": "ok", "value": "ok"}, {"value": "ok"}, "conforms", ""),
    ({"ret": "ok", "name": "inet:127.0.0.1:9"}, {"port": "unchanged"}, "fails", "name=inet:127.0.0.1:*"),
    ({"ret": "ECONNRESET"}, {"data": "hello"}, "fails", "ECONNRESET"),
    ({"ret": "EAGAIN"}, {"errno": "EAGAIN", "within": "3s"}, "conforms", ""),
    ({"ret": "ok"}, {"within": "3s"}, "conforms", ""),
    ({"ret": "EAGAIN"}, {"errno": "EAGAIN", "within": "2s"}, "fails", "EAGAIN too late"),
    ({"ret": "EAGAIN"}, [{"errno": "EAGAIN", "not-before": "3s"}, "ok"], "deviates", "EAGAIN too early"),
    ({"ret": "EINVAL"}, {"errno": "EAGAIN", "within": "2s"}, "fails", "EINVAL"),
    ({"ret": "ok", "value": "1"}, {"value": "1", "within": "2s"}, "fails", "value=1 too late"),
])
def test_cell_shows_what_was_observed_unless_the_clause_names_it(
        observed: Mapping[str, str], expect: Any, verdict: str, expected: str) -> None:
    made = result("a", verdict)
    made["steps"][2] |= {"observed": observed, "expect": expect, "seconds": 2.5}
    assert cell_text(made) == expected


@pytest.mark.parametrize("verdict", ["recorded", "drifted"])
def test_cell_of_a_survey_shows_what_was_observed(verdict: str) -> None:
    made = result("a", verdict, "ENOTCONN", clause="survey.state")
    del made["steps"][2]["expect"]
    made["steps"][2]["observe"] = True
    assert cell_text(made, "survey.state") == "ENOTCONN"


def test_stale_clause_shows_nothing() -> None:
    made = result("a", "stale")
    made["steps"][2]["verdict"] = "conforms"
    assert cell_text(made) == ""


def test_unresolved_clause_shows_the_failed_precondition() -> None:
    made = result("a", "unresolved")
    made["steps"][0]["observed"]["ret"] = "EINPROGRESS"  # outcomes of a fixture's calls do not count
    made["steps"][1]["observed"]["ret"] = "EMFILE"
    del made["steps"][2]["verdict"]
    assert cell_text(made) == "EMFILE"


def test_clauses_of_one_check_have_cells_of_their_own() -> None:
    made = result("a", clauses={"illumos.EISCONN": "conforms", "posix.ELOOP": "fails"})
    del made["steps"][2]["clause"], made["steps"][2]["verdict"]
    made["steps"][2] |= {"expect": {"illumos.EISCONN": "EISCONN", "posix.ELOOP": ["ELOOP", "ok"]},
                         "verdicts": {"illumos.EISCONN": "conforms", "posix.ELOOP": "fails"}}
    assert (cell_text(made), cell_text(made, "posix.ELOOP")) == ("", "EISCONN")


@pytest.mark.parametrize(("number", "total", "expected"), [
    (0, 0, "0%"), (0, 9, "0%"), (1, 900, "1%"), (899, 900, "99%"), (9, 9, "100%")])
def test_percent_is_0_or_100_only_for_none_or_all(number: int, total: int, expected: str) -> None:
    assert aggregate.percent(number, total) == expected


def test_every_verdict_has_a_glyph_a_style_and_a_group() -> None:
    assert set(VERDICTS) == set(wording.GLYPHS)
    assert set(VERDICTS) <= set(terminal.STYLES) & set(aggregate.GROUPS)
    assert len(set(wording.GLYPHS.values())) == len(VERDICTS)


# --- matrix -------------------------------------------------------------------------------------------------


def test_text_matrix_has_a_row_for_each_clause(write: Write, report: Report) -> None:
    out = report("matrix", three_targets(write))
    for line in ("gvisor (linux): Linux 4.4.0 x86_64, glibc-2.36",
                 "illumos cases native gvisor lwip",
                 "illumos.EISCONN 2 ✓ conforms ≠ deviates EINVAL ✗ fails 1/2 EBADF",
                 "illumos.EACCES 1 ✓ conforms · unsupported",
                 "native 3 3 · · ·",
                 "lwip 3 1 · 1 1",
                 "no AF_UNIX lwip 1"):
        assert line in squeezed(out)
    assert "twice" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_text_matrix_with_all_has_scenarios_and_variants(write: Write, report: Report) -> None:
    out = report("matrix", three_targets(write), "--all")
    assert re.search(r"^  errors/EISCONN::twice +2 .*✗ fails 1/2 EBADF", out, re.MULTILINE)
    assert re.search(r"^    inet6 +1 +✓ conforms +≠ deviates EINVAL +✗ fails EBADF", out, re.MULTILINE)
    assert re.search(r"^  errors/EISCONN::links +1", out, re.MULTILINE)


def test_many_targets_are_in_several_tables(write: Write, report: Report) -> None:
    names = [f"t{number}" for number in range(9)]
    file = write(*(result("a", target=name) for name in names), head=header(**dict.fromkeys(names, "1")))
    out = report("matrix", file)
    assert [line for line in squeezed(out) if line.startswith("illumos cases")] == [
        "illumos cases t0 t1 t2 t3", "illumos cases t4 t5 t6 t7", "illumos cases t8"]
    assert max(len(line) for line in out.splitlines() if "✓" in line) <= 100


def test_markdown_matrix_is_tables(write: Write, report: Report) -> None:
    out = report("matrix", three_targets(write), "--format", "markdown")
    assert "| illumos | cases | native | gvisor | lwip |\n| :--- | ---: | :--- | :--- | :--- |\n" in out
    assert "| illumos.EISCONN | 2 | ✓ conforms | ≠ deviates EINVAL | ✗ fails 1/2 EBADF |\n" in out
    assert "| no AF&#95;UNIX | lwip 1 |" in out


def page_pack(page: str, name: str) -> Any:
    """A pack of a page, as its script inflates it."""
    found = re.search(rf'<script type="application/octet-stream" data-pack="{name}">([A-Za-z0-9+/=]*)</script>', page)
    assert found
    return json.loads(zlib.decompress(base64.b64decode(found[1])))


def page_calls(page: str, case: int) -> Any:
    """What the page inflates when a case is opened, its numbers replaced by their texts."""
    index = page_pack(page, "index")
    held = page_pack(page, index["scenarios"][index["cases"][case][0]]["chunk"])

    def spelled(item: Any) -> Any:
        return [spelled(one) for one in item] if isinstance(item, list) else held["texts"][item]

    found = held["cases"][str(case)]
    return {"steps": [spelled(step[:2]) for step in found["steps"]],
            "groups": [[group[0], *spelled(group[1:5]), [seen and spelled(seen) for seen in group[5]]]
                       for group in found["groups"]]}


def test_html_matrix_is_one_file_that_holds_the_cases(write: Write, report: Report, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert report("matrix", three_targets(write), "--format", "html", "-o", out) == ""
    page = out.read_text()
    assert not re.search(r"(src|href)=|url\(|@import", page)
    data = page_pack(page, "index")
    (pattern,) = [pattern for _, case, pattern in data["leaves"] if case == 2]
    assert [data["outcomes"][number] for number in data["patterns"][pattern]] == [
        ["conforms", ""], ["deviates", "EINVAL"], ["fails", "EBADF"]]
    native, gvisor, lwip = page_calls(page, 2)["groups"]
    assert [group[0] for group in (native, gvisor, lwip)] == [[0], [1], [2]]
    assert gvisor[4] == [["", "illumos.EISCONN: EINVAL (bug), because it always did; a page"]]
    assert lwip[5][2] == ["-1 EBADF", "fails"]
    (clause,) = [clause for clause in data["clauses"] if clause["id"] == "illumos.EISCONN"]
    assert (clause["says"], clause["row"]) == ("A connected stream socket fails with EISCONN.", "illumos.EISCONN")
    assert clause["cited"][0] == ["illumos, connect(3SOCKET) ERRORS", "shall", "https://illumos.org/man/3SOCKET/connect"]


def test_calls_of_several_targets_are_aligned(write: Write, report: Report) -> None:
    short, long = result("a", "crashed"), result("a", target="gvisor")
    short["steps"].pop()
    filler = long["steps"][0] | {"text": "connect(filler, peer)", "observed": {"ret": "EINPROGRESS"}}
    long["steps"][1:1] = [filler, filler]
    file = write(short, long, head=header(native="1", gvisor="2"))
    case = page_calls(report("matrix", file, "--format", "html"), 0)
    assert [text for text, _ in case["steps"]] == [
        "listen(peer, 1)", "connect(filler, peer)", "connect(filler, peer)", "socket(client)",
        "connect(client, peer)"]
    native, gvisor = case["groups"]
    assert [bool(one) for one in native[5]] == [True, False, False, True, False]
    assert all(gvisor[5])


def test_targets_that_did_the_same_are_one_column(write: Write, report: Report) -> None:
    """Though ports, paths, abstract names and short times differ; a long time that does not is another outcome."""
    def played(target: str, number: int, seconds: float = 0.0) -> Json:
        made = result("a", target=target, names={"peer": f"inet:127.0.0.1:{number}"})
        made["steps"][0] |= {"text": f"connect filler inet:127.0.0.1:{number} abstract:name-{number} socket{number}"}
        made["steps"][1] |= {"observed": {"ret": "ok", "name": f"inet:127.0.0.1:{number}"}, "seconds": number / 1e6}
        made["steps"][2] |= {"seconds": seconds}
        return made

    names = ("native", "gvisor", "lwip", "wine")
    file = write(played("native", 4711), played("gvisor", 4712), played("lwip", 4713, 3.2), played("wine", 4714, 2.9),
                 head=header(**dict.fromkeys(names, "1")))
    case = page_calls(report("matrix", file, "--format", "html"), 0)
    assert case["steps"][0][0] == "connect filler inet:127.0.0.1:* abstract:* socket"
    assert [group[0] for group in case["groups"]] == [[0, 1], [2, 3]]
    assert case["groups"][0][5][1:] == [["0 {name: peer}"], ["-1 EISCONN", "conforms"]]
    assert case["groups"][1][5][2] == ["-1 EISCONN after 3 s", "conforms"]


def test_hostile_text_is_no_markup_in_html(write: Write, report: Report) -> None:
    page = report("matrix", hostile(write), "--format", "html")
    assert not re.search("<img|\x1b|\u202e", page)
    packs = re.findall(r'data-pack="(\w+)"', page)
    assert packs == ["index", "0", "programs"]
    assert page.count("</script>") == page.count("<script") == 1 + len(packs)
    data = page_pack(page, "index")
    assert data["scenarios"][0]["summary"] == wording.visible(HOSTILE)
    for name in packs:
        assert not re.search("\\\\u001b|\x1b|\u202e", json.dumps(page_pack(page, name), ensure_ascii=False))


def test_hostile_text_is_no_markup_in_markdown(write: Write, report: Report) -> None:
    out = report("matrix", hostile(write), "--format", "markdown", "--all")
    assert not re.search(r"<|\x1b|`|\[", out)
    for table in re.findall(r"(?:^\|.*\n)+", out, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


@pytest.mark.parametrize("arguments", [["matrix", "--all"], ["summary"], ["explain", "img"]])
def test_hostile_text_does_not_act_on_terminals(write: Write, report: Report, arguments: list[str]) -> None:
    out = report(arguments[0], hostile(write), *arguments[1:])
    assert not re.search("\x1b|\u202e", out)
    assert "[red]" in "".join(out.split())


# --- explain ------------------------------------------------------------------------------------------------


def test_explain_prints_all_of_a_case(write: Write, report: Report) -> None:
    assert report("explain", three_targets(write), "twice[inet6]", "--target", "gvisor") == """\
suites/errors/EISCONN.yaml::twice[inet6]
A second connect fails.

illumos.EISCONN: A connected stream socket fails with EISCONN.
  illumos ERRORS (shall); posix-2017 connect() ERRORS (shall)

gvisor (linux): Linux 4.4.0 x86_64, glibc-2.36
  given peer
   1  listen(peer, 1) = 0
   2  socket(client) = 0  (line 7)
   3  connect(client, peer) = -1 EINVAL  (line 8)
      expected EISCONN: ≠ deviates illumos.EISCONN
≠ deviates illumos.EISCONN
reason: deviates for a reason
declared: illumos.EISCONN: EINVAL (bug), because it always did; a page
again: pytest 'suites/errors/EISCONN.yaml::twice[inet6-gvisor]' --target gvisor
"""


def test_explain_prints_a_time_that_is_long_or_checked_and_what_is_not_judged(write: Write, report: Report) -> None:
    made = result("a")
    made["steps"][1] |= {"seconds": 7.26, "observe": True}
    made["steps"][2] |= {"expect": {"errno": "EISCONN", "within": "1s"}, "seconds": 0.25, "after": ["EINPROGRESS"]}
    del made["steps"][2]["verdict"]
    assert """\
   2  socket(client) = 0 after 7.3 s  (line 7)
   3  connect(client, peer) = -1 EISCONN after 250 ms  (line 8)
      expected EISCONN within 1 s, after EINPROGRESS: not judged illumos.EISCONN
""" in report("explain", write(made), "EISCONN")


def test_explain_shows_every_target_unless_one_is_named(write: Write, report: Report) -> None:
    out = report("explain", three_targets(write), "links")
    assert re.findall(r"^(\w+) \(linux\)", out, re.MULTILINE) == ["native", "lwip"]


@pytest.mark.parametrize("wanted", ["twice[inet]", "suites/errors/EISCONN.yaml::twice[inet]",
                                    "suites/errors/EISCONN.yaml::twice[inet-lwip]", "links"])
def test_case_is_found_by_id_node_id_or_part(write: Write, report: Report, wanted: str) -> None:
    assert report("explain", three_targets(write), wanted)


def test_unclear_case_is_refused_with_candidates(write: Write, refuse: Report) -> None:
    file = three_targets(write)
    assert refuse("explain", file, "twice") == (
        "'twice' is part of suites/errors/EISCONN.yaml::twice[inet], "
        "suites/errors/EISCONN.yaml::twice[inet6]; name one\n")
    assert refuse("explain", file, "thrice") == "no case has 'thrice' in its id\n"
    assert "links was not played on 'gvisor'; it was on native, lwip" in refuse(
        "explain", file, "links", "--target", "gvisor")


# --- summary ------------------------------------------------------------------------------------------------


def test_summary_counts_clauses_of_each_document(write: Write, report: Report) -> None:
    lines = squeezed(report("summary", three_targets(write)))
    for line in ("document target platform clauses conforms deviates fails recorded not tested",
                 "illumos native linux 2 2 100% · · · ·",
                 "illumos gvisor linux 2 · 1 50% · · 1 50%",
                 "illumos lwip linux 2 · · 1 50% · 1 50%",
                 "posix-2017 native linux 2 1 50% · · · 1 50%",
                 "survey lwip linux 1 · · · · 1 100%",
                 "lwip: fails = 1 fails; not tested = 1 unsupported + 2 without a case."):
        assert line in lines


def test_clause_that_specs_no_longer_hold_is_kept(write: Write, report: Report) -> None:
    file = write(result("a", clause="windows.EGONE", ret="EGONE"))
    assert "windows native linux 1 1 100% · · · ·" in squeezed(report("summary", file))
    assert "windows.EGONE: not in specs" in report("explain", file, "::a")
