"""The seam to pytest from end to end: what a person types, what they read, and what is left behind."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import platform
import re
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures import targets
from reports.common import results
from specs import load
from specs.model import VERDICTS, Case
from specs.record import SCHEMA
from suites import recording, schedule
from suites.outcome import RECORDS
from suites.selftest import faulty
from suites.selftest import house as house_  # `house` is a fixture here
from suites.selftest.runs import ROOT, TIMEOUT_S, Run, command, copied, run

FILES = ("suites/errors/EISCONN.yaml", "suites/errors/EPROTOTYPE.yaml", "suites/errors/ENOSR.yaml")
END_S = 20.0  # for what a killed run has started to end; it takes 2


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a few files on this machine."""
    return run(tmp_path_factory.mktemp("usual"), "-v", *FILES)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same on a target that answers another errno, until the first failure."""
    folder = tmp_path_factory.mktemp("failed")
    (folder / "targets.yaml").write_text(faulty.target("faulty", "other-errno"))
    return run(folder, "-x", "--targets", folder / "targets.yaml", "--target", "faulty", *FILES)


@pytest.fixture
def tripwire(tmp_path: Path) -> tuple[list[str | Path], Path]:
    """Arguments that choose a target, and the file that is there once it has been started."""
    entry = f"wire: {{about: a wire, start: [touch, {tmp_path}/started], platform: linux, lab: false}}\n"
    (tmp_path / "targets.yaml").write_text(entry)
    return ["--targets", tmp_path / "targets.yaml", "--target", "wire"], tmp_path / "started"


# --- what is run --------------------------------------------------------------------------------------------


def test_node_id_is_the_case_id_and_the_target(usual: Run) -> None:
    ids = re.findall(r"^(suites/\S+::\S+) [A-Z]+", usual.text, re.MULTILINE)
    assert ids == [node_of(record["case"]) for record in usual.records[1:-1]]


def node_of(case: str) -> str:
    return case.removesuffix("]") + ("-native]" if case.endswith("]") else "[native]")


def test_verdicts_are_pytest_outcomes(usual: Run) -> None:
    outcomes = dict(re.findall(r"^suites/\S+::(\S+) ([A-Z]+)", usual.text, re.MULTILINE))
    words = {"conforms": "PASSED", "deviates": "XFAIL", "recorded": "PASSED", "unsupported": "SKIPPED"}
    for record in usual.records[1:-1]:
        assert outcomes[node_of(record["case"]).partition("::")[2]] == words.get(record["verdict"], "FAILED")


def test_a_run_without_failures_ends_with_0(usual: Run) -> None:
    assert usual.code == 0, usual.text


def test_naming_cases_starts_nothing(tmp_path: Path, tripwire: tuple[list[str | Path], Path]) -> None:
    arguments, started = tripwire
    reported = run(tmp_path, "--collect-only", "-q", *arguments, FILES[0])
    assert (reported.code, reported.records, started.exists()) == (0, [], False)
    assert all(re.fullmatch(rf"{FILES[0]}::[a-z-]+\[(\S+-)?wire\]", line) for line in reported.lines[:-2])
    assert len(reported.lines) > 5


@pytest.mark.parametrize(("option", "is_chosen"), [
    (["-k", "EISCONN and inet6"], lambda id_: "EISCONN" in id_ and "inet6" in id_),
    (["-m", "errors and not (EISCONN or waits)"], lambda id_: "EISCONN" not in id_),
])
def test_cases_are_chosen_by_word_topic_and_errno(
    tmp_path: Path, option: list[str], is_chosen: Callable[[str], bool], usual: Run
) -> None:
    reported = run(tmp_path, "--collect-only", "-q", "--strict-markers", *option, *FILES)
    assert [line for line in reported.lines if "::" in line] == [
        node_of(record["case"]) for record in usual.records[1:-1] if is_chosen(record["case"])] != []


def test_own_tests_are_run_only_when_named(tmp_path: Path) -> None:
    reported = run(tmp_path, "--collect-only", "-q", "suites")
    assert (reported.code, "selftest" in reported.text) == (0, False)


def test_two_processes_write_one_file_with_the_same_verdicts(tmp_path: Path, usual: Run) -> None:
    reported = run(tmp_path, "-n", "2", "-q", *FILES)
    assert reported.code == 0
    assert [record["kind"] for record in reported.records] == [record["kind"] for record in usual.records]
    assert verdicts(reported) == verdicts(usual)
    assert reported.records[-1]["counts"] == usual.records[-1]["counts"]


COUNTED = """
import os
from suites.schedule import Schedule

play = Schedule.play


def counted(schedule, case, target, own=False):
    with open(os.environ["CONNECT_PLAYED"], "a") as file:
        file.write(f"{case.id} {os.environ['PYTEST_XDIST_WORKER']}\\n")
    return play(schedule, case, target, own)


Schedule.play = counted
"""
WAITING = "suites/errors/ETIMEDOUT.yaml"


@pytest.mark.parametrize(("options", "times"), [(["-n", "3"], 1), (["--dist=each", "--tx", "3*popen"], 3)])
def test_workers_play_each_case_once_unless_each_plays_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], times: int
) -> None:
    (tmp_path / "counted.py").write_text(COUNTED)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{tmp_path}")
    monkeypatch.setenv("CONNECT_PLAYED", str(tmp_path / "played"))
    reported = run(tmp_path, "-p", "counted", "-q", *options, FILES[0], WAITING)
    assert reported.code == 0, reported.text
    played = [line.rpartition(" ") for line in (tmp_path / "played").read_text().splitlines()]
    assert set(Counter(case for case, _, _ in played).values()) == {times}
    assert len({worker for case, _, worker in played if case.startswith(WAITING)}) == 3


def test_each_worker_writes_a_file_of_its_own(tmp_path: Path, usual: Run) -> None:
    """As on several systems: a worker of pytest-xdist on each, and all play all cases."""
    reported = run(tmp_path, "--dist=each", "--tx", f"popen//id=one//python={sys.executable}", "--tx", "popen//id=two",
                   "-q", *FILES)
    assert (reported.code, reported.records) == (0, [])
    for name in ("one", "two"):
        file = tmp_path / f"results-{name}.jsonl"
        records = [json.loads(line) for line in file.read_text().splitlines()]
        assert verdicts(Run(0, "", records)) == verdicts(usual)
        assert records[0]["targets"] == usual.records[0]["targets"]
        assert records[-1]["counts"] == usual.records[-1]["counts"]


def test_a_worker_of_another_python_has_the_search_path_of_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both import a module of one name; which of the two it was shows whose path a worker has."""
    for name, text in (("here", ""), ("there", f"open({str(tmp_path / 'seen')!r}, 'w').close()\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "whose.py").write_text(text)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path}/there exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}/here")
    reported = run(tmp_path, "--dist=each", "--tx", f"popen//python={python}", "-p", "whose", "-q", FILES[0])
    assert (reported.code, (tmp_path / "seen").exists()) == (0, True)


PHASES = """
def pytest_runtest_logreport(report):
    with open("{file}", "a") as out:
        print(report.nodeid, report.when, file=out)
"""
PLUGIN = PHASES + "\ndef pytest_runtest_setup(item):\n    pass\n"  # as one for timeouts or for reruns has


def phases_of(folder: Path, plugin: str, *options: str) -> tuple[Run, Counter[str]]:
    """A run of some cases with a plugin, and how often each phase was reported."""
    (folder / "phases.py").write_text(plugin.format(file=folder / "phases"))
    reported = run(folder, "-q", "-p", "phases", *options, FILES[0])
    return reported, Counter(line.split()[-1] for line in (folder / "phases").read_text().splitlines())


@pytest.mark.parametrize("options", [[], ["-n", "2"], ["--junitxml=out.xml"]])
def test_case_is_one_phase_unless_an_option_looks_at_the_others(options: list[str], tmp_path: Path, usual: Run,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """The last is pytest's, which ends fixtures behind it; of several workers the last of each."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    options = [one.replace("out.xml", str(tmp_path / "out.xml")) for one in options]
    reported, seen = phases_of(tmp_path, PHASES, *options)
    cases, workers = len(reported.records) - 2, 2 if "-n" in options else 0
    reports = 2 if workers else 1  # of a worker, and of the process that it reports to
    assert seen["call"] == reports * cases
    assert seen["setup"] == seen["teardown"] == reports * (cases if options and not workers else workers or 1)
    assert verdicts(reported).items() <= verdicts(usual).items()


def test_case_has_its_phases_where_a_plugin_takes_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    reported, seen = phases_of(tmp_path, PLUGIN)
    assert seen["setup"] == seen["call"] == seen["teardown"] == len(reported.records) - 2


def test_targets_go_on_beside_each_other(tmp_path: Path, usual: Run) -> None:
    """One file, target by target, with the verdicts that each has alone."""
    entry = load.targets(targets.FILE)["native"]
    (tmp_path / "targets.yaml").write_text(json.dumps({"one": entry, "two": entry}))
    reported = run(tmp_path, "-q", "--targets", tmp_path / "targets.yaml", "--target", "all", *FILES)
    assert reported.code == 0
    assert [(record["case"], record["target"]) for record in reported.records[1:-1]] == [
        (record["case"], name) for name in ("one", "two") for record in usual.records[1:-1]]
    for name in ("one", "two"):
        own = [record for record in reported.records[1:-1] if record["target"] == name]
        assert verdicts(Run(0, "", [{}, *own, {}])) == verdicts(usual)


def test_rest_of_a_scenario_in_which_a_call_waits_is_played_side_by_side() -> None:
    """Each of the rest returns only when all have started; a scenario that does not wait is played case by case."""
    target = targets.choose(load.targets(targets.FILE), ["native"])
    played = schedule.Schedule(target)
    turns = [schedule.Turn(case, "native", slow=False) for case in house_.cases_of(ROOT / FILES[0])]
    slow = [turn.case.id for turn in turns if turn.case.scenario == turns[0].case.scenario]
    barrier = threading.Barrier(len(slow) - 1)
    aside: list[str] = []

    def play(case: Case, target: str, own: bool = False) -> Any:
        if own:
            aside.append(case.id)
            barrier.wait(TIMEOUT_S)
        seconds = 1.0 if case.id in slow else 0.1
        return SimpleNamespace(id=case.id, seconds=seconds, steps=[SimpleNamespace(seconds=seconds)])

    played.play = play  # type: ignore[method-assign]
    try:
        played.submit(turns)
        found = [played.result(turn.case, "native").id for turn in turns]
    finally:
        played.close()
    assert found == [turn.case.id for turn in turns]
    assert sorted(aside) == sorted(slow[1:]) != []


def verdicts(one: Run) -> dict[str, tuple[str, dict[str, str], str]]:
    return {record["case"]: (record["verdict"], record["clauses"], record["revision"]) for record in one.records[1:-1]}


def test_target_that_cannot_start_is_skipped_with_what_to_do(tmp_path: Path) -> None:
    entry = "none: {about: none, start: [no-such-program], platform: linux, install: apt-get install it}\n"
    (tmp_path / "targets.yaml").write_text(entry)
    reported = run(tmp_path, "-q", "--targets", tmp_path / "targets.yaml", "--target", "none", FILES[1])
    reason = "none: no-such-program is no program that can be run; apt-get install it"
    assert reported.code == 5
    assert reported.records[0]["targets"]["none"] == {"platform": "linux", "unavailable": reason,
                                                      "file": str(tmp_path / "targets.yaml")}
    assert reported.lines[-6:-4] == ["none: nothing was tested",
                                     f"  not tested: {len(reported.records) - 2} cases; {reason}"]
    assert {(record["verdict"], record["reason"]) for record in reported.records[1:-1]} == {("unsupported", reason)}


# --- what is written ----------------------------------------------------------------------------------------


def test_header_says_what_was_run(usual: Run) -> None:
    head = usual.records[0]
    assert head.keys() == {"kind", "schema", "suite", "started", "targets", "environment", "chosen"}
    assert head["chosen"] == " ".join(FILES)
    assert (head["kind"], head["schema"]) == ("header", SCHEMA)
    assert re.fullmatch(r"[0-9a-f]{12}\+?|unknown", head["suite"]["revision"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", head["started"])
    hello = head["targets"]["native"]["hello"]
    assert {"system", "release", "machine", "implementation"} <= hello.keys()
    assert all(isinstance(hello[key], list) for key in ("verbs", "domains", "facilities", "networks"))
    assert {"uid", "kernel", "libc", "lsm", "python", "sysctls"} <= head["environment"].keys()


def test_every_record_has_what_reports_need(usual: Run) -> None:
    keys = {"kind", "case", "target", "platform", "verdict", "clauses", "summary", "steps", "seconds", "revision"}
    for record in usual.records[1:-1]:
        assert keys <= record.keys()
        assert record["verdict"] in VERDICTS
        assert set(record["clauses"].values()) <= set(VERDICTS)
        assert ("reason" in record) == (record["verdict"] not in ("conforms", "recorded"))
        assert re.fullmatch("[0-9a-f]{12}", record["revision"])
        for step in record["steps"]:
            assert {"text", "verb", "request", "observed"} <= step.keys()
            assert "ret" in step["observed"]
            assert not ("given" in step and "line" in step)
            assert ("line" in step) == ("step" in step)
            assert ("verdict" in step or "verdicts" in step) == ("expect" in step or "clause" in step)
            assert not ("expect" in step and "observe" in step)


def test_reports_read_what_is_written(usual: Run, failed: Run, tmp_path: Path) -> None:
    for number, (one, torn) in enumerate(((usual, False), (failed, True))):
        file = tmp_path / f"{number}.jsonl"
        file.write_text("".join(json.dumps(record) + "\n" for record in one.records))
        assert bool(results.read(file).torn) is torn


def test_footer_counts_what_was_seen(usual: Run) -> None:
    foot = usual.records[-1]
    assert foot.keys() == {"kind", "complete", "counts", "seconds"}
    assert foot["counts"] == {"native": dict(Counter(record["verdict"] for record in usual.records[1:-1]))}


def test_last_lines_count_what_was_seen_and_what_was_not_tested(usual: Run) -> None:
    counts = usual.records[-1]["counts"]["native"]
    reasons = Counter(record["reason"] for record in usual.records if record.get("verdict") == "unsupported")
    (reason, most), *_ = reasons.most_common()
    title, untested, details, _, place, partial = usual.lines[-6:]
    judged = counts["conforms"] + counts["deviates"]
    assert title.startswith("native: conforms but for 1 deviation that its page declares: 1 bug (")
    assert title.endswith(f"({counts['deviates']} of {judged} cases)")
    assert untested == f"  not tested: {counts['unsupported']} cases; {most} of them: {reason}"
    file = details.removeprefix("details: python -m reports summary ")
    assert place == f"results: {file}: {sum(counts.values())} cases"
    assert partial == f"partial run: {file} has the cases of {' '.join(FILES)}"


def test_items_and_cases_are_counted_apart(tmp_path: Path) -> None:
    """A drawn test is one item of several cases."""
    reported = run(tmp_path, "-q", "suites/walks/test_arguments.py", "-k", "before_scope")
    (place,) = [line for line in reported.lines if line.startswith("results: ")]
    cases = len(reported.records) - 2
    assert cases > 1
    assert place.endswith(f": {cases} cases of 1 item of pytest, where a drawn test is one item")


# --- what a failure says ------------------------------------------------------------------------------------


def block(text: str) -> list[str]:
    """The lines of the first failure."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if re.fullmatch(r"_+ .+ _+", line)) + 1
    end = next(number for number, line in enumerate(lines[start:], start) if re.match(r"[=_!]{5}|\d+ failed", line))
    return [line for line in lines[start:end] if line]


def test_failure_is_read_in_one_glance(failed: Run) -> None:
    assert failed.code == 1
    lines = block(failed.text)
    assert len(lines) <= 15
    record = next(record for record in failed.records if record.get("verdict") == "fails")
    wrong = next(clause for clause, verdict in record["clauses"].items() if verdict == "fails")
    assert re.fullmatch(r"(connect|pthread_join)\(.+\) = -1 EXDEV, expected E[A-Z]+", lines[0])
    assert re.fullmatch(rf"clause   {re.escape(wrong)}: .+\. \(illumos, .+; shall\)", lines[1])
    place = f"{record['case'].partition('::')[0]}:{record['line']}"
    assert any(re.fullmatch(rf"target   faulty \(.+\), scenario at {re.escape(place)}", line) for line in lines)
    steps = [re.fullmatch(r" +(\d+)  (\w+\(.*\)) = (.+)", line) for line in lines]
    assert [int(step[1]) for step in steps if step] == list(range(1, sum(map(bool, steps)) + 1))
    assert any(step and step[3].endswith("<- fails") for step in steps)
    assert lines[-2] == "verdict  fails"


def test_failure_says_how_to_run_it_again(failed: Run, tmp_path: Path) -> None:
    first, *arguments = shlex.split(block(failed.text)[-1].removeprefix("again "))
    assert first == "pytest"
    reported = run(tmp_path, *arguments)
    assert (reported.code, [record["verdict"] for record in reported.records[1:-1]]) == (1, ["fails"])


def test_a_run_that_stops_at_a_failure_is_torn(failed: Run) -> None:
    assert [record.get("verdict") for record in failed.records].count("fails") == 1
    assert failed.records[-1]["kind"] == "result"


# --- what is refused ----------------------------------------------------------------------------------------


UNMATCHED = "{status: bug, because: so, source: me, shows: [{in: errors/none::twice, illumos.EISCONN: ok}]}"


def test_a_run_in_which_the_suite_itself_fails_is_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("from suites import schedule\nschedule.play = lambda *_: 1 / 0\n")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{tmp_path}")
    reported = run(tmp_path, "-q", "-p", "broken", FILES[1])
    assert (reported.code, [record["kind"] for record in reported.records]) == (1, ["header"])
    assert "ZeroDivisionError" in reported.text


@pytest.mark.parametrize("hook", ["makereport(item)", "logreport(report)", "logstart(nodeid)"])
def test_an_interrupt_while_a_case_is_reported_is_one(
    hook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plugins have a part in the hooks; of some of them pluggy warns when an interrupt passes them."""
    (tmp_path / "interrupted.py").write_text(f"def pytest_runtest_{hook}:\n    raise KeyboardInterrupt\n")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{tmp_path}")
    reported = run(tmp_path, "-q", "-p", "interrupted", FILES[1])
    assert (reported.code, reported.records[-1]["kind"] == "footer") == (2, False)
    assert "INTERNALERROR" not in reported.text


LATE = """
import threading
from suites.schedule import Schedule

asked = threading.Event()
result, play_all = Schedule.result, Schedule.play_all


def ask(schedule, case, target):
    asked.set()
    return result(schedule, case, target)


def play_late(schedule, turns):
    asked.wait()
    play_all(schedule, turns)


Schedule.result, Schedule.play_all = ask, play_late
"""


def test_what_is_collected_before_its_target_comes_to_it_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of two targets plays nothing until pytest waits for its first result."""
    (tmp_path / "late.py").write_text(LATE)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{tmp_path}")
    entry = {"about": "this machine", "start": ["{python}", "{agent}"], "platform": "{host}", "lab": False}
    (tmp_path / "targets.yaml").write_text(json.dumps({"one": entry, "two": entry}))
    reported = run(tmp_path, "-q", "-p", "late", "--targets", tmp_path / "targets.yaml", "--target", "all", FILES[0])
    assert (reported.code, reported.records[-1]["kind"]) == (0, "footer")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the suite, to be broken."""
    return copied(tmp_path / "house")


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "reported"),
    [
        (
            "suites/errors/EISCONN.yaml",
            "summary:",
            "sumary:",
            2,
            r"suites/errors/EISCONN.yaml:\d+: .+ takes no 'sumary'; it takes clause, .+",
        ),
        ("suites/errors/EISCONN.yaml", "scenarios:", "scenarios: [", 2, r"suites/errors/EISCONN.yaml:\d+: no YAML: .+"),
        (
            "specs/clauses/linux.yaml",
            "says:",
            "say:",
            4,
            r"ERROR: specs/clauses/linux.yaml:\d+: .+ takes no 'say'; it takes cited, says",
        ),
        (
            "specs/platforms/linux.yaml",
            "bugs:",
            f"bugs:\n  strange: {UNMATCHED}",
            4,
            r"ERROR: specs/platforms/linux.yaml:\d+: strange: no case of illumos.EISCONN in errors/none::twice is such",
        ),
    ],
)
def test_wrong_file_is_refused_before_anything_is_played(
    house: Path, tripwire: tuple[list[str | Path], Path], file: str, old: str, new: str, code: int, reported: str
) -> None:
    text = (house / file).read_text()
    assert old in text
    (house / file).write_text(text.replace(old, new, 1))
    arguments, started = tripwire
    found = run(house, "-q", *arguments, "suites" if "none" in new else "suites/errors/EISCONN.yaml", cwd=house)
    assert found.code == code, found.text
    assert any(re.fullmatch(reported, line) for line in found.lines), found.text
    assert (found.records, started.exists()) == ([], False)
    assert "Traceback" not in found.text


# --- what differs from the baseline ---------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="the baseline that is edited is that of Linux")
@pytest.mark.parametrize(("release", "options", "code", "reported"), [
    (platform.release(), [], 1, r"connect\(.*\) = -1 EFAULT, recorded: -1 EIO"),
    (platform.release(), ["--allow-drift"], 0, r"^  [1-9]\d* cases drifted, which is allowed"),
    ("1.0", [], 0, r"^  [1-9]\d* cases drifted, which does not fail: .* is judged by the baseline of Linux 1\.0; "),
])
def test_drift_fails_where_the_baseline_was_seen(house: Path, tmp_path: Path, release: str, options: list[str],
                                                 code: int, reported: str) -> None:
    """Not on a release that is another, nor where it is allowed; the result file has it all the same."""
    file = house / "specs/baselines/linux.jsonl"
    head, *lines = file.read_text().splitlines()
    seen = json.loads(head) | {"seen": [f"Linux {release} x86_64"]}
    file.write_text("\n".join([json.dumps(seen), *lines]).replace("-1 EFAULT", "-1 EIO"))
    found = run(tmp_path, "-q", *options, "suites/survey/check-order.yaml", cwd=house)
    assert found.code == code, found.text
    assert any(re.search(reported, line) for line in found.lines), found.text
    assert "drifted" in {record.get("verdict") for record in found.records}


@pytest.mark.parametrize(("arguments", "reported"), [
    (["--target", "none"], r"ERROR: --target: no target 'none'; .*native.*"),
    (["--targets", "none.yaml"], r"ERROR: none\.yaml:1: cannot be read: .+"),
    (["--results", "/dev/null/results.jsonl"], r"ERROR: --results: /dev/null/results\.jsonl cannot be written: .+"),
])
def test_wrong_options_are_refused_in_one_line(arguments: Sequence[str], reported: str) -> None:
    found = subprocess.run(command("-q", FILES[1], *arguments), cwd=ROOT, capture_output=True, text=True, check=False,
                           timeout=TIMEOUT_S)
    assert found.returncode == 4
    assert any(re.fullmatch(reported, line) for line in found.stderr.splitlines()), found.stderr
    assert "Traceback" not in found.stderr + found.stdout


# --- what is left behind ------------------------------------------------------------------------------------


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Start processes that SIGINT interrupts.

    A shell without job control has it ignored in what it starts with `&`; that is inherited, and Python then installs
    no handler of its own. A signal that is caught is reset by exec.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Mid:
    """A run in the middle: it has written its first results to a pipe and cannot go on until they are read."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.mark = f"CONNECT_SELFTEST={uuid.uuid4()}"
        pipe = folder / "results.jsonl"
        os.mkfifo(pipe)
        self.reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self.reader, fcntl.F_SETPIPE_SZ, 4096)  # type: ignore[attr-defined,unused-ignore]
        key, _, value = self.mark.partition("=")
        files = (*FILES, WAITING)  # the last one's cases wait
        with interruptible():
            self.process = subprocess.Popen(command("-q", *files, "--results", pipe), cwd=ROOT,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                            env={**os.environ, key: value, "TMPDIR": str(self.temporary)})
        self.written = b""
        while self.written.count(b"\n") < 2:
            assert self.read(TIMEOUT_S), "no result was written"

    def read(self, timeout: float) -> bytes:
        """More of what is written; nothing at the end, or when nothing comes in time."""
        select.select([self.reader], [], [], timeout)
        with contextlib.suppress(BlockingIOError):
            more = os.read(self.reader, 4096)
            self.written += more
            return more
        return b""

    def processes(self) -> list[int]:
        """Those that were started by the run, and it itself."""
        found = []
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in environment.read_bytes():
                    found.append(int(environment.parts[2]))
        return found

    def wait_for_the_end(self) -> list[int]:
        """The processes that are still there after a while."""
        deadline = time.monotonic() + END_S
        while (left := self.processes()) and time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(left[0])  # type: ignore[attr-defined,unused-ignore]
                select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
                os.close(handle)
        return left

    def close(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.reader)


@pytest.fixture
def mid(tmp_path: Path) -> Iterator[Mid]:
    if not hasattr(os, "pidfd_open") or not Path("/proc/self/environ").exists():
        pytest.skip("processes are found and waited for as on Linux")
    made = Mid(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_run_that_is_ended_in_the_middle_leaves_nothing(mid: Mid, number: signal.Signals, tmp_path: Path) -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    assert len(mid.processes()) > 2
    mid.process.send_signal(number)
    while mid.read(TIMEOUT_S):  # an interrupted run writes what it has
        pass
    code = mid.process.wait(TIMEOUT_S)
    assert code == (2 if number == signal.SIGINT else -number)
    assert mid.wait_for_the_end() == []
    assert list(mid.temporary.iterdir()) == []
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    assert len(Path("/proc/self/mountinfo").read_text().splitlines()) <= len(mounts.splitlines())
    file = tmp_path / "torn.jsonl"
    file.write_bytes(mid.written)
    assert results.read(file).torn


def test_garbage_is_looked_for_again_when_all_items_are_made() -> None:
    assert (gc.isenabled(), gc.get_freeze_count() > 0) == (True, True)


def test_result_is_not_kept_when_it_has_been_reported() -> None:
    record = object()
    item = SimpleNamespace(stash={RECORDS: [record]}, config=SimpleNamespace())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recording, "encode", lambda line: "line" if line is record else "")
        assert recording.lines_of(item) == ["line"]  # type: ignore[arg-type]
    assert item.stash[RECORDS] == []
