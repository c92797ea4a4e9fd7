"""The last lines of a run, and a failure: what they say of a socket layer with bugs, and of one without."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reports.common import failure, faults, headline, results
from specs.record import Record, decode
from suites.selftest.runs import Run, copied, started
from suites.selftest.written import CLAUSES, Json, Report, Write, header, result

LAYER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int connect(int fd, const struct sockaddr *to, socklen_t length)
{
    int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
    int returned = real(fd, to, length);
    if (returned == -1 && errno == EISCONN)
        return 0;
    if (returned == -1 && errno == EALREADY)
        errno = EINPROGRESS;
    if (returned == -1 && errno == ECONNREFUSED)
        errno = EHOSTUNREACH;
    return returned;
}
"""
FILES = ("suites/errors/EISCONN.yaml::second-connect", "suites/errors/EALREADY.yaml::second-connect-while-pending",
         "suites/errors/ECONNREFUSED.yaml::no-listener")
BUGS = [("illumos.EISCONN", "returns 0 instead of EISCONN"),
        ("illumos.EALREADY", "returns EINPROGRESS instead of EALREADY"),
        ("illumos.ECONNREFUSED", "returns EHOSTUNREACH instead of ECONNREFUSED")]
ROW = re.compile(r"  (\S+) +(\S.*?) +(\d+) cases?   (pytest .+)")


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A copy of the suite, and its run on a preloaded library with three bugs of a line each."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler or platform.system() != "Linux":
        pytest.skip("a library is preloaded as on Linux, and there has to be a C compiler")
    folder = tmp_path_factory.mktemp("layered")
    (folder / "layer.c").write_text(LAYER)
    library = folder / "layer.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, folder / "layer.c", "-ldl"], check=True)
    entry = {"about": "three bugs", "start": ["{python}", "-I", "-S", "{agent}"], "platform": "linux",
             "environment": {"LD_PRELOAD": str(library)}}
    copy = copied(folder / "suite")
    (copy / "mine.yaml").write_text(json.dumps({"my-layer": entry}))
    return copy, started("-q", "--targets=mine.yaml", "--target", "my-layer", *FILES, cwd=copy)


def rows(run: Run) -> list[tuple[str, str, int, str]]:
    found = map(ROW.fullmatch, run.lines)
    return [(match[1], match[2], int(match[3]), match[4]) for match in found if match]


def test_three_bugs_are_three_lines_at_the_end(layered: tuple[Path, Run]) -> None:
    _, run = layered
    assert run.code == 1, run.text
    found = rows(run)
    assert sorted((name, what) for name, what, _, _ in found) == sorted(BUGS), run.text
    title = f"my-layer: 3 bugs that its page does not declare ({sum(cases for _, _, cases, _ in found)} cases)"
    last = run.lines[run.lines.index(title):]
    assert [line for line in last if ROW.fullmatch(line)] == last[1:4]
    assert "details: python -m reports findings reports/out/results-partial.jsonl" in last
    assert any(line.startswith("page: ") for line in last)
    assert [cases for _, _, cases, _ in found] == sorted((cases for _, _, cases, _ in found), reverse=True)


def test_a_failure_is_shown_once_a_bug(layered: tuple[Path, Run]) -> None:
    _, run = layered
    blocks = [line for line in run.lines if re.fullmatch("_+ .+ _+", line)]
    assert len(blocks) == 3
    assert not any(line.startswith("FAILED") for line in run.lines)
    assert re.search(r"^\d+ failed", run.text, re.MULTILINE)
    for _, _, _, command in rows(run):
        assert f"again    {command}" in run.lines


def test_v_lists_every_failure(layered: tuple[Path, Run]) -> None:
    copy, run = layered
    verbose = started("-v", "--targets=mine.yaml", "--target", "my-layer", *FILES, cwd=copy)
    failed = [line for line in verbose.lines if line.startswith("FAILED ")]
    assert len(failed) == sum(cases for _, _, cases, _ in rows(run)) > 3


def test_bugs_are_those_that_accept_writes(layered: tuple[Path, Run]) -> None:
    copy, run = layered
    accepted = subprocess.run(
        [sys.executable, "-m", "reports", "accept", "reports/out/results-partial.jsonl", "--platform", "my-layer",
         "--inherits", "linux"], cwd=copy, capture_output=True, text=True, check=True)
    cases = sum(cases for _, _, cases, _ in rows(run))
    assert f"my-layer.yaml: 3 bugs in {cases} cases; fill in because and source" in accepted.stdout


# --- the sentence -------------------------------------------------------------------------------------------


def lines(*files: Path, **options: Any) -> list[str]:
    return list(headline.text(headline.headlines(results.gather(files), **options)))


def declared(bug: str, status: str) -> Json:
    return {"clause": "illumos.EISCONN", "observed": "EINVAL", "status": status, "because": "so", "source": "me",
            "bug": bug, "place": "specs/platforms/some.yaml:7"}


def test_green_run_is_a_sentence(write: Write) -> None:
    file = write(result("a"), result("b", "deviates", "EINVAL", deviations=[declared("one", "bug")]),
                 result("c", "deviates", "EINVAL", deviations=[declared("one", "bug")]),
                 result("d", "deviates", "EINVAL", deviations=[declared("two", "documented")]),
                 result("e", "recorded", "EIO", clause="survey.state"),
                 result("f", "unsupported", "ok", steps=[], reason="no AF_UNIX"),
                 result("g", "unsupported", "ok", steps=[], reason="no netns; sysctl it"),
                 result("h", "unsupported", "ok", steps=[], reason="no netns; sysctl it"))
    assert lines(file) == [
        ("native: conforms but for 2 deviations that its page declares: 1 bug, 1 documented (3 of 4 cases); "
         "recorded in 1 case where nothing is required"),
        "  not tested: 3 cases; 2 of them: no netns; sysctl it"]


@pytest.mark.parametrize(("made", "expected"), [
    ([result("a")], ["native: conforms (1 case)"]),
    ([result("a", "recorded", "EIO", clause="survey.state")],
     ["native: nothing was tested; recorded in 1 case where nothing is required"]),
    ([result("a", "unsupported", "ok", steps=[], reason="no such program")],
     ["native: nothing was tested", "  not tested: 1 case; no such program"]),
])
def test_nothing_that_was_not_tested_conforms(write: Write, made: Sequence[Json], expected: Sequence[str]) -> None:
    assert lines(write(*made)) == expected


def failing(case: str, verdict: str, **more: Any) -> Json:
    return result(case, verdict, **more)


def test_each_kind_of_failure_has_its_rows(write: Write) -> None:
    stale = result("s", "stale", reason="x", deviations=[declared("old", "bug")])
    stale["steps"][2]["verdict"] = "conforms"
    lost = result("u", "unresolved", reason="step 1, a precondition: socket(client) = -1 EMFILE")
    lost["steps"][1]["observed"]["ret"] = "EMFILE"
    del lost["steps"][2]["verdict"]
    drifted = [result(case, "drifted", "EIO", clause="survey.state", reason=f"connect(client, {case}) = -1 EIO, "
                      "recorded: -1 EACCES") for case in ("x", "y")]
    found = lines(write(result("a", "fails", "ok"), result("b", "fails", "ok"), result("c", "fails", "EBADF"),
                        stale, lost, *drifted, head=header(native="6.18.44") | {}), drift_allowed=False)
    assert found[0].startswith("native: 2 bugs that its page does not declare (3 cases), 1 declared bug that is stale "
                               "(1 case), 1 state that was not reached (1 case)")
    assert [ROW.fullmatch(line) and ROW.fullmatch(line)[2] for line in found[1:5]] == [  # type: ignore[index]
        "returns 0 instead of EISCONN", "returns EBADF instead of EISCONN",
        "illumos.EISCONN conforms, declared: EINVAL", "step 1, a precondition: socket(client) = -1 EMFILE"]


def test_only_the_most_frequent_are_shown_unless_all_are_asked_for(write: Write) -> None:
    many = [result(f"c{number}", "fails", f"E{number}") for number in range(headline.MOST + 2)]
    shown = lines(write(*many))
    assert len(shown) == 1 + headline.MOST + 1
    assert shown[-1] == "  and 2 more, in 2 cases"
    assert len(lines(write(*many), most=None)) == 1 + len(many)


def test_example_is_the_case_of_the_fewest_calls(write: Write) -> None:
    long = result("a", "fails", "ok")
    long["steps"].insert(2, long["steps"][1])
    row = lines(write(long, result("b-with-a-name", "fails", "ok")))[1]
    assert row.endswith("b-with-a-name[native]' --target native")


def test_summary_begins_with_the_same_lines(write: Write, report: Report, four_clauses: None) -> None:
    file = write(result("a", "fails", "ok"), result("b[x|y]", "fails", "EBADF"))
    text = report("summary", file)
    assert all(line in text.splitlines() for line in lines(file))
    markdown = report("summary", file, "--format", "markdown")
    assert "**native: 2 bugs that its page does not declare (2 cases)**" in markdown
    assert ("| illumos.EISCONN | returns 0 instead of EISCONN | 1 case | "
            "`pytest 'suites/errors/EISCONN.yaml::a[native]' --target native` |") in markdown
    assert "a[native]'" in markdown
    assert "[x\\|y-native]" in markdown


# --- a failure ----------------------------------------------------------------------------------------------


def text_of(made: Json, **more: Any) -> list[str]:
    record = decode(json.dumps(made))
    assert isinstance(record, Record)
    return failure.text(record, CLAUSES, **more).splitlines()


def long_case(at: int, steps: int = 30) -> Json:
    """A case of many calls, of which one fails."""
    made = result("a", "fails", "ok", reason="connect(client, peer) = 0, expected EISCONN")
    fixture, call, check = made["steps"]
    before = [call | {"step": number, "line": 10 + number} for number in range(at)]
    after = [call | {"step": number, "line": 10 + number} for number in range(at + 1, steps)]
    return made | {"steps": [fixture, *before, check | {"step": at, "line": 10 + at}, *after], "line": 4}


@pytest.mark.parametrize("at", [0, 1, *range(4, 10), 14, *range(19, 30)])
def test_failure_shows_the_calls_around_the_one_that_fails(at: int) -> None:
    shown = text_of(long_case(at))
    assert len(shown) <= failure.MAX_LINES
    (wrong,) = [number for number, line in enumerate(shown) if line.endswith("= 0, expected EISCONN   <- fails")]
    numbers = [int(match[1]) for line in shown if (match := re.match(r" +(\d+)  ", line))]
    assert at + 1 in numbers
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    if at < 29:
        assert f" {at + 2}  socket" in shown[wrong + 1]
    cut = {side: int(match[1]) for line in shown if (match := re.fullmatch(r" +… (\d+) steps? (\w+)", line))
           for side in [match[2]]}
    assert cut.get("before", 0) == numbers[0] - 1
    assert cut.get("after", 0) == 30 - numbers[-1]
    assert 1 not in cut.values()


def test_failure_says_what_the_page_declares_and_where() -> None:
    made = result("a", "fails", "EBADF", reason="x", deviations=[declared("one", "bug")], line=4)
    assert "declared specs/platforms/some.yaml:7: illumos.EISCONN: EINVAL, by one" in text_of(made)


def test_stale_call_is_as_the_clause_says() -> None:
    made = result("a", "stale", deviations=[declared("one", "bug")], reason="x", line=4)
    (row,) = [line for line in text_of(made) if "connect(" in line and "<-" in line]
    assert row.endswith("= -1 EISCONN   <- as the clause says, not as the page declares (stale)")


def test_failure_of_a_target_of_ones_own_names_its_file() -> None:
    shown = text_of(result("a", "fails", "ok", reason="x", line=4), file="my targets.yaml")
    command = "pytest 'suites/errors/EISCONN.yaml::a[native]' --target native '--targets=my targets.yaml'"
    assert shown[-1] == f"again    {command}"


def test_what_comes_from_a_target_has_no_effect_on_a_terminal(write: Write) -> None:
    made = result("a", "fails", "\x1b[31m", "\x1b[31m", reason="\x1b[31m", line=4)
    assert "\x1b" not in "".join(text_of(made))
    assert "\x1b" not in "".join(lines(write(made, head=header(**{"\x1b[31m": "1"}))))


@pytest.mark.parametrize(("verdicts", "place"), [
    (["conforms", "fails"], 1), (["deviates", "crashed"], 1), (["conforms", "deviates"], None), (["stale"], None),
    (["stale", "deviates"], 0), (["deviates", "stale", "fails"], 1), (["recorded", "drifted"], None), ([], None)])
def test_bug_is_named_by_the_first_check_that_is_wrong(verdicts: Sequence[str], place: int | None) -> None:
    assert faults.first_wrong(verdicts) == place
