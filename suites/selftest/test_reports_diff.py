"""Two runs side by side, and many in a row."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from reports import history
from reports.common import results
from reports.common.comparison import KINDS
from suites.selftest.written import Json, Report, Write, header, result

pytestmark = pytest.mark.usefixtures("four_clauses")

PROBE = {"text": "probe(client)", "step": 2, "line": 9, "verb": "probe", "subject": "client"}


def probed(case: str, **seen: str) -> Json:
    """A case that conforms and records a state."""
    made = result(case, names={"peer": "inet:127.0.0.1:4711"})
    made["steps"].append(PROBE | {"observed": {"ret": "ok", **seen}})
    return made


OLD = [result("stays"), result("drifts"), result("mends", "fails", "ok"), result("shifts[inet]", "deviates", "EINVAL"),
       result("shifts[inet6]", "deviates", "EINVAL"), result("lost"),
       result("found", "unsupported", reason="no AF_UNIX"), result("accepted", "fails", "EINVAL"),
       probed("probed", sockname="inet:127.0.0.1:1", poll=""), result("edited"), result("goes")]
NEW = [result("stays"), result("drifts", "fails", "EINVAL"), result("mends", "stale"),
       result("shifts[inet]", "deviates", "EBADF"), result("shifts[inet6]", "deviates", "EBADF"),
       result("lost", "unsupported", reason="no AF_UNIX"), result("found"), result("accepted", "deviates", "EINVAL"),
       probed("probed", sockname="inet:127.0.0.1:2", poll="POLLOUT"),
       result("edited", "fails", "ok", revision="b" * 12), result("comes")]


def kinds(out: str) -> dict[str, str]:
    """Of the JSON form: case -> kind."""
    (compared,) = json.loads(out)["compared"]
    return {one["case"].partition("::")[2]: one["kind"] for one in compared["differences"]}


def test_every_kind_of_difference(write: Write, report: Report) -> None:
    out = report("diff", write(*OLD, name="old"), write(*NEW, name="new"), "--format", "json")
    assert kinds(out) == {
        "drifts": "regressed", "mends": "improved", "shifts[inet]": "changed", "shifts[inet6]": "changed",
        "lost": "untested", "found": "tested", "accepted": "judged", "probed": "probe", "edited": "scenario",
        "goes": "gone", "comes": "added"}
    assert json.loads(out)["compared"][0]["same"] == 1
    assert set(kinds(out).values()) == set(KINDS)


def test_text_has_counts_and_changes_by_kind(write: Write, report: Report) -> None:
    out = report("diff", write(*OLD, name="old"), write(*NEW, name="new"))
    assert ("native: 1 regressed, 1 untested, 2 changed, 1 improved, 1 tested, 1 judged, 1 probe, 1 scenario, 1 added, "
            "1 gone; 1 case the same") in out
    assert """
changed: still departs, but differently
  errors/EISCONN::shifts[inet, inet6]  (2 cases)
      illumos.EISCONN: ≠ deviates EINVAL -> ≠ deviates EBADF

improved: the reverse of regressed
  errors/EISCONN::mends  (1 case)
      illumos.EISCONN: ✗ fails ok -> ! stale
""" in out
    assert "probe(client) poll: none -> POLLOUT\n" in out
    assert out.index("regressed:") < out.index("changed:") < out.index("improved:") < out.index("gone:")


def test_markdown_has_a_table_for_each_kind(write: Write, report: Report) -> None:
    out = report("diff", write(*OLD, name="old"), write(*NEW, name="new"), "--format", "markdown")
    assert "| regressed | cases | of | before | after |\n| :--- | ---: | :--- | :--- | :--- |\n" in out
    assert "| errors/EISCONN::drifts | 1 | illumos.EISCONN | ✓ conforms | ✗ fails EINVAL |\n" in out
    assert len(re.findall(r"^\| :---", out, re.MULTILINE)) == len(KINDS)


@pytest.mark.parametrize(("kinds_", "code"), [
    ("regressed", 1), ("improved,gone", 1), ("changed,regressed", 1), (None, 0)])
def test_exit_status_is_asked_for(write: Write, report: Report, kinds_: str | None, code: int) -> None:
    asked = ["--fail-on", kinds_] if kinds_ else []
    report("diff", write(*OLD, name="old"), write(*NEW, name="new"), *asked, code=code)


def test_kinds_that_do_not_occur_fail_nothing(write: Write, report: Report) -> None:
    report("diff", write(*OLD[:1], name="old"), write(*NEW[:1], name="new"), "--fail-on", ",".join(KINDS))


def test_unknown_kind_is_refused(write: Write, refuse: Report) -> None:
    file = write(result("a"))
    assert "no kind 'worse'; it is one of regressed, untested" in refuse("diff", file, file, "--fail-on", "worse")


def volatile(port: int, path: str, **more: Any) -> Json:
    """A case whose ports, paths and times are those of one run."""
    made = probed("a", sockname=f"inet:127.0.0.1:{port}", peername=f"inet:127.0.0.1:{port + 1}", poll="POLLOUT")
    made["names"] = {"peer": f"inet:127.0.0.1:{port + 1}", "file": f"unix:{path}"}
    made["steps"][2] |= {"observed": {"ret": "ok", "name": f"unix:{path}x"}, "expect": {"port": "none"},
                         "verdict": "fails"}
    return made | {"verdict": "fails", "clauses": {"illumos.EISCONN": "fails"}, "seconds": port / 1000,
                   "reason": f"getsockname(client) = 0 {{name: unix:{path}x}}", **more}


def test_ports_paths_and_times_are_no_difference(write: Write, report: Report) -> None:
    old, new = write(volatile(4711, "/tmp/a"), name="old"), write(volatile(5811, "/tmp/b"), name="new")
    assert "native: no difference; 1 case the same" in report("diff", old, new, "--fail-on", ",".join(KINDS))


@pytest.mark.parametrize(("seconds", "kind"), [(70.0, ""), (3.0, "improved"), (127.9, "")])
def test_time_is_a_difference_where_it_is_within_its_bounds_or_not(
        write: Write, report: Report, seconds: float, kind: str) -> None:
    """How long a call took is another in every run; whether it came in time is the system's doing."""
    def timed(took: float) -> Json:
        made = result("a", "conforms" if took < 30 else "fails")
        made["steps"][1]["seconds"] = took
        made["steps"][2] |= {"expect": {"errno": "EISCONN", "within": "30s"}, "seconds": took}
        return made
    out = report("diff", write(timed(127.0), name="old"), write(timed(seconds), name="new"), "--format", "json")
    assert kinds(out) == ({"a": kind} if kind else {})


def test_observation_that_changes_is_reported_like_a_probe(write: Write, report: Report) -> None:
    made = [result("a"), result("a")]
    for one, ret in zip(made, ("ok", "EADDRNOTAVAIL"), strict=True):
        one["steps"][1] |= {"observe": True, "observed": {"ret": ret}}
    out = report("diff", write(made[0], name="old"), write(made[1], name="new"))
    assert "socket(client): 0 -> -1 EADDRNOTAVAIL\n" in out
    assert "native: 1 probe; " in out


def test_reason_of_a_crash_is_no_difference(write: Write, report: Report) -> None:
    crashes = [result("a", "crashed", "crashed", reason=f"signal {number}") for number in (6, 11)]
    for one, number in zip(crashes, (6, 11), strict=True):
        one["steps"][2]["observed"]["reason"] = f"signal {number}"
    assert "no difference" in report("diff", write(crashes[0], name="old"), write(crashes[1], name="new"))


def test_how_far_a_pending_attempt_has_come_is_no_difference(write: Write, report: Report) -> None:
    def pending(poll: str, waited: bool) -> Json:
        made = probed("a", poll=poll)
        made["steps"][2] |= {"observed": {"ret": "EINPROGRESS"}, "expect": "EINPROGRESS"}
        poll_step = {"text": "poll(client, POLLOUT)", "step": 2, "line": 9, "verb": "poll", "subject": "client",
                     "observed": {"ret": "ok", "revents": "POLLOUT"}}
        made["steps"][3:3] = [poll_step] if waited else []
        return made
    for waited, expected in ((False, "no difference"), (True, "1 probe")):
        old, new = (write(pending(poll, waited), name=name) for poll, name in (("", "old"), ("POLLERR", "new")))
        assert f"native: {expected}; " in report("diff", old, new)


def test_later_call_that_departs_differently_is_reported(write: Write, report: Report) -> None:
    old, new = result("a", "recorded", "EBADF"), result("a", "recorded", "EBADF")
    for one, value in ((old, "0"), (new, "1")):
        one["steps"].append({**one["steps"][2], "text": "getsockopt(client, SO_TYPE)", "step": 2,
                             "expect": {"value": "2"}, "observed": {"ret": "ok", "value": value}})
    out = report("diff", write(old, name="old"), write(new, name="new"))
    assert "illumos.EISCONN getsockopt(client, SO_TYPE): value=0 -> value=1\n" in out


def drawn(variant: str, verdict: str = "conforms", ret: str = "EISCONN") -> Json:
    return result("a", verdict, ret) | {"case": f"suites/walks/test_a.py::any[{variant}]", "revision": variant}


@pytest.mark.parametrize(("old", "new", "expected"), [
    ([drawn("1"), drawn("2")], [drawn("3"), drawn("1")], "no difference"),
    ([drawn("1"), drawn("2", "deviates", "ok")], [drawn("3", "deviates", "ok")], "no difference"),
    ([drawn("1"), drawn("2")], [drawn("3", "fails", "ok")], "1 regressed"),
    ([drawn("1", "fails", "ok")], [drawn("2"), drawn("3")], "1 improved"),
    ([result("a")], [result("a"), drawn("1")], "1 added"),
])
def test_cases_drawn_anew_count_only_if_the_worst_differs(write: Write, report: Report, old: list[Json],
                                                          new: list[Json], expected: str) -> None:
    assert f"native: {expected}; " in report("diff", write(*old, name="old"), write(*new, name="new"))


def test_case_that_a_torn_run_lacks_is_not_gone(write: Write, report: Report) -> None:
    complete, torn = write(result("a"), result("b"), name="complete"), write(result("a"), name="torn", torn=True)
    assert "native: no difference; 1 case the same" in report("diff", complete, torn)
    assert "new: torn run" in report("diff", complete, torn)
    assert "native: no difference; 1 case the same" in report("diff", torn, complete)


def test_environment_that_differs_is_reported(write: Write, report: Report) -> None:
    old, new = header(native="6.1"), header(native="6.18")
    new["environment"] = {"uid": 0, "sysctls": {"net.core.somaxconn": "128"}}
    out = report("diff", write(result("a"), name="old", head=old), write(result("a"), name="new", head=new))
    assert "uid: 1000 before, 0 after" in out
    assert "net.core.somaxconn: unknown before, 128 after" in out


# --- what is compared ---------------------------------------------------------------------------------------


def two_targets(write: Write, name: str = "both") -> Any:
    return write(result("a"), result("a", "fails", "EINVAL", "gvisor"), name=name,
                 head=header(native="6.18.44", gvisor="4.4.0"))


def test_two_targets_of_one_file(write: Write, report: Report) -> None:
    both = two_targets(write)
    out = report("diff", f"{both}@native", f"{both}@gvisor", "--fail-on", "regressed", code=1)
    assert "native -> gvisor: 1 regressed; 0 cases the same" in out


def test_targets_of_one_name_are_compared(write: Write, report: Report) -> None:
    out = report("diff", two_targets(write), write(result("a"), name="new"))
    assert "gvisor: untested, it is not in the new run; 1 case\n" in out
    assert "native: no difference; 1 case the same" in out


def test_target_that_is_lost_is_untested(write: Write, report: Report) -> None:
    both, one = two_targets(write), write(result("a"), name="new")
    for kinds, code in (("untested", 1), ("regressed,untested", 1), ("regressed", 0)):
        report("diff", both, one, "--fail-on", kinds, code=code)
    report("diff", one, both, "--fail-on", "untested")
    found = json.loads(report("diff", both, one, "--format", "json"))
    assert found["lost"] == ["gvisor: untested, it is not in the new run; 1 case"]
    markdown = report("diff", both, one, "--format", "markdown")
    assert "\n**gvisor: untested, it is not in the new run; 1 case**\n" in markdown


def test_folders_are_compared_target_by_target(write: Write, report: Report, tmp_path: Any) -> None:
    bsd = header(native="15.0")
    bsd["targets"]["native"] |= {"platform": "freebsd"}
    bsd["targets"]["native"]["hello"] |= {"system": "FreeBSD"}
    later = json.loads(json.dumps(bsd))
    later["targets"]["native"]["hello"]["release"] = "15.1"
    for folder, head, made in (("old", bsd, result("a")), ("new", later, result("a", "fails", "EINVAL"))):
        (tmp_path / folder).mkdir()
        write(result("a"), name=f"{folder}/linux.jsonl")
        write(made, name=f"{folder}/bsd.jsonl", head=head)
    out = report("diff", tmp_path / "old", tmp_path / "new")
    assert "native@freebsd: 1 regressed; 0 cases the same" in out
    assert "native@linux: no difference; 1 case the same" in out


def test_what_cannot_be_compared_is_refused(write: Write, refuse: Report, tmp_path: Any) -> None:
    both = two_targets(write)
    other = write(result("a", target="wine"), result("a", target="lwip"), name="other",
                  head=header(wine="8", lwip="2"))
    assert refuse("diff", both, other) == (
        "no target is in both: native, gvisor against wine, lwip; FILE@TARGET names one\n")
    assert refuse("diff", f"{both}@minix", other) == f"{both}: no target 'minix'; it has native, gvisor\n"
    (tmp_path / "folder").mkdir()
    assert "the folder has no result file *.jsonl" in refuse("diff", tmp_path / "folder", other)
    write(result("a"), name="folder/a.jsonl")
    write(result("a"), name="folder/b.jsonl", head=header(native="6.1.2"))
    assert refuse("diff", tmp_path / "folder", both) == (
        "native@6.18 and native@6.1 are on the same side; name a file of one of them\n")


def test_target_whose_name_holds_an_at_sign(write: Write) -> None:
    file = write(result("a", target="ssh:root@host"), head=header(**{"ssh:root@host": "15.0", "native": "6"}))
    run = results.read(file.with_name(f"{file.name}@ssh:root@host"))
    assert list(run.header.targets) == ["ssh:root@host"]
    assert (len(run.records), run.torn) == (1, "")


def test_columns_of_many_machines_have_distinct_labels() -> None:
    keys = [results.ColumnKey(*one) for one in (
        ("native", "linux", "x86_64", "6.8.0"), ("native", "linux", "aarch64", "6.8.0"),
        ("native", "freebsd", "amd64", "15.0"), ("native", "freebsd", "amd64", "15.1"),
        ("native", "macos", "arm64", "24.1"), ("wine", "wine", "x86_64", "8"))]
    assert list(results.labels(keys).values()) == [
        "native@linux-x86_64", "native@linux-aarch64", "native@freebsd-15.0", "native@freebsd-15.1", "native@macos",
        "wine"]


# --- history ------------------------------------------------------------------------------------------------


def at(day: int, release: str, **more: str) -> Json:
    return header(native=release, **more) | {"started": f"2026-11-{day:02}T10:00:00+00:00"}


def test_history_reports_when_a_case_changed(write: Write, report: Report, tmp_path: Any) -> None:
    (tmp_path / "runs").mkdir()
    write(result("a[inet]", "fails", "EINVAL"), result("a[inet6]", "fails", "EINVAL"), result("b"), name="runs/z.jsonl",
          head=at(1, "6.1"))
    write(result("a[inet]"), result("a[inet6]"), result("b"), name="runs/y.jsonl", head=at(2, "6.12"))
    write(result("a[inet]"), result("a[inet6]"), result("b"), name="runs/x.jsonl", head=at(3, "6.18"))
    assert report("history", tmp_path / "runs") == """\
native: 2 cases of 3 changed in 3 runs
  errors/EISCONN::a[inet, inet6]  (2 cases)
      native 6.1, 2026-11-01 10:00: ✗ fails EINVAL
      native 6.12, 2026-11-02 10:00: ✓ conforms
"""
    assert "errors/EISCONN::b  (1 case)\n      native 6.1, 2026-11-01 10:00: ✓ conforms\n" in report(
        "history", tmp_path / "runs", "--all")


def test_history_of_targets_that_are_versions_of_one_implementation(write: Write, report: Report) -> None:
    file = write(result("a", target="gvisor"), result("a", "fails", "EBADF", "gvisor-2022"),
                 head=header(gvisor="4.4.0", **{"gvisor-2022": "4.4.0"}))
    out = report("history", file, "--targets", "gvisor-2022,gvisor")
    assert out.splitlines()[0] == "gvisor-2022 -> gvisor: 1 case of 1 changed in 2 runs"
    assert out.index("✗ fails EBADF") < out.index("✓ conforms")


def test_history_marks_what_the_suite_caused(write: Write, report: Report) -> None:
    files = [write(result("a", "fails", "EINVAL"), name="1", head=at(1, "6.1")),
             write(result("a", "deviates", "EINVAL"), name="2", head=at(2, "6.1")),
             write(result("a", revision="b" * 12), name="3", head=at(3, "6.1"))]
    out = report("history", *files)
    assert "≠ deviates EINVAL (judged otherwise)" in out
    assert "✓ conforms (the scenario was edited)" in out


def test_history_reads_all_of_a_result_only_where_its_state_may_be_another(
        write: Write, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither times nor addresses are states, and of two hundred runs nothing else changes in most cases."""
    files, read = [], []

    def whole(line: results.Source) -> Any:
        read.append(line.file.name)
        return results.whole(line)

    monkeypatch.setattr(history, "whole", whole)
    for day in (1, 2, 3):
        made = result("a", "fails", "EINVAL" if day < 3 else "EBADF", names={"peer": f"inet:127.0.0.1:{day}"},
                      seconds=day)
        made["steps"][0] |= {"text": f"listen(peer{day}, 1)", "seconds": day}
        files.append(write(made, name=str(day), head=at(day, "6.1")))
    assert report("history", *files).count("fails") == 2
    assert read == ["1", "3", "2"]


@pytest.mark.parametrize(("expect", "change", "is_read"), [
    ("EISCONN", {"seconds": 2.0}, False), ({"errno": "EISCONN", "within": "1s"}, {"seconds": 2.0}, True),
    ("EISCONN", {"observed": {"ret": "EISCONN", "name": "inet:127.0.0.1:2"}}, False),
    ("EISCONN", {"observed": {"ret": "ok", "name": "inet:127.0.0.1:2"}}, True),
    ("EISCONN", {"observed": {"ret": "EISCONN"}}, True),
    ("EISCONN", {"verdict": "stale"}, True), (["EISCONN", "ok"], {"expect": "EISCONN"}, True),
])
def test_history_reads_all_of_a_result_whose_check_may_give_another_state(
        write: Write, report: Report, monkeypatch: pytest.MonkeyPatch, expect: Any, change: Json,
        is_read: bool) -> None:
    files, read = [], []

    def whole(line: results.Source) -> Any:
        read.append(line.file.name)
        return results.whole(line)

    monkeypatch.setattr(history, "whole", whole)
    for day in (1, 2):
        made = result("a")
        made["steps"][-1] |= {"expect": expect, "observed": {"ret": "EISCONN", "name": ""}}
        made["steps"][-1] |= change if day == 2 else {}
        files.append(write(made, name=str(day), head=at(day, "6.1")))
    report("history", *files)
    assert ("2" in read) == is_read


def test_history_of_addresses_is_that_of_what_has_them(write: Write, report: Report) -> None:
    files = []
    for day, (name, peer) in enumerate([("1", "1"), ("2", "2"), ("2", "3")], 1):
        made = result("a", "fails", "ok", names={"peer": f"inet:127.0.0.1:{peer}"})
        made["steps"][2] |= {"observed": {"ret": "ok", "name": f"inet:127.0.0.1:{name}"}, "expect": {"name": "x"}}
        files.append(write(made, name=str(day), head=at(day, "6.1")))
    out = report("history", *files)
    assert [line.split(": ", 1)[1] for line in out.splitlines() if "fails" in line] == [
        "✗ fails name=peer", "✗ fails name=inet:127.0.0.1:*"]


def test_history_over_files_of_older_names(write: Write, report: Report) -> None:
    old, new = (result("a", clause=clause) for clause in ("unspecified.state", "survey.state"))
    files = [write(old, name="1", head=at(1, "6.1") | {"schema": 1}), write(new, name="2", head=at(2, "6.1"))]
    assert report("history", *files) == "native: 0 cases of 1 changed in 2 runs\n"


def test_history_of_what_is_no_result_is_refused(write: Write, refuse: Report) -> None:
    made = result("a")
    del made["steps"][0]["observed"]["ret"]
    assert ":2: `observed` has no `ret`" in refuse("history", write(made))


@pytest.mark.parametrize(("verdict", "arguments"), [
    ("conforms", ["diff", "{bad}", "{good}"]), ("conforms", ["diff", "{good}", "{bad}"]),
    ("unsupported", ["diff", "{bad}", "{good}"]),
    ("conforms", ["matrix", "{good}", "--format", "html", "--since", "{bad}", "-o", "{bad}.html"]),
])
def test_line_of_a_step_that_is_none_is_named_where_it_is_compared(write: Write, refuse: Report, verdict: str,
                                                                   arguments: list[str]) -> None:
    bad, good = write(result("a", "fails"), name="bad"), write(result("a", verdict), name="good")
    bad.write_text(bad.read_text().replace('{"ret": ', '{"other": ', 1))
    assert refuse(*(one.format(bad=bad, good=good) for one in arguments)) == f"{bad}:2: `observed` has no `ret`\n"


def test_history_of_a_target_without_a_run_is_refused(write: Write, refuse: Report) -> None:
    assert refuse("history", write(result("a")), "--targets", "wine") == "no run played 'wine'; they played native\n"
