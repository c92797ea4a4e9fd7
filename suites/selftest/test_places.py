"""Which file a run's results are in, whatever becomes of the run; and what a run is asked for by name."""

from __future__ import annotations

import fcntl
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fixtures import local
from reports.common import results
from specs.record import Header, Record, Suite, Target, stored
from suites import recording
from suites.selftest import faulty
from suites.selftest.runs import ROOT, Run, copied, records_of, started

ERRORS = "suites/errors"
FILES = (f"{ERRORS}/EPROTOTYPE.yaml", f"{ERRORS}/ENOSR.yaml")
CASE = f"{FILES[0]}::to-a-stream-socket[dgram"
OUT = "reports/out"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A copy of the suite with two files of scenarios, for two targets whose page is empty: one answers wrongly."""
    copy = copied(tmp_path / "suite")
    for file in (copy / "suites").rglob("*.yaml"):
        if str(file.relative_to(copy)) not in FILES:
            file.unlink()
    (copy / "suites/walks/test_arguments.py").unlink()
    (copy / "specs/platforms/toy.yaml").write_text("platform: toy\n")
    entries = "native: {about: this machine, start: ['{python}', '{agent}'], platform: toy, lab: false}\n"
    entries += faulty.target("faulty", "other-errno").replace("'{host}'", "toy\n  lab: false")
    (copy / "fixtures/targets.yaml").write_text(entries)
    return copy


def play(suite: Path, *arguments: str) -> Run:
    """Run pytest there without naming a place for the results."""
    return started("-q", "-p", "no:randomly", *arguments, cwd=suite)


def files(suite: Path) -> dict[str, str]:
    """The files in the usual place: name -> target that is in it, with * where it has no footer."""
    found = {}
    for file in sorted((suite / OUT).glob("results*")):
        lines = records_of(file) if file.suffix == ".jsonl" else []
        targets = {line["target"] for line in lines if line["kind"] == "result"}
        found[file.name] = ",".join(targets) + ("*" if lines and lines[-1]["kind"] != "footer" else "")
    return found


# --- places -------------------------------------------------------------------------------------------------


def test_run_of_some_cases_leaves_the_whole_results_alone(suite: Path) -> None:
    whole = play(suite)
    assert (whole.code, files(suite)) == (0, {"results.jsonl": "native"}), whole.text
    before = (suite / OUT / "results.jsonl").read_bytes()
    some = play(suite, "-k", "to-a-stream")
    assert some.code == 0
    assert files(suite) == {"results.jsonl": "native", "results-partial.jsonl": "native"}
    assert (suite / OUT / "results.jsonl").read_bytes() == before
    assert f"results: {OUT}/results-partial.jsonl" in some.text
    assert f"partial run: {OUT}/results-partial.jsonl has the cases of -k to-a-stream" in some.lines
    assert "partial run" not in whole.text


def test_run_that_stops_is_partial_and_the_earlier_results_are_kept_aside(suite: Path) -> None:
    play(suite)
    stopped = play(suite, "--target", "faulty", "-x")
    assert stopped.code == 1
    assert files(suite) == {"results-partial.jsonl": "faulty*", "results-previous.jsonl": "native"}
    assert re.search(rf"^torn run: {OUT}/results-partial\.jsonl ends after \d cases?$", stopped.text, re.MULTILINE)
    assert play(suite).code == 0
    assert files(suite)["results.jsonl"] == "native"


@pytest.mark.parametrize(("arguments", "code"), [(["--target", "nope"], 4), (["--targets=nope.yaml"], 4),
                                                  ([f"{ERRORS}/EPROTOTYPE.yaml::nope"], 4)])
def test_refused_run_leaves_nothing_that_looks_like_its_results(suite: Path, arguments: Sequence[str],
                                                                code: int) -> None:
    play(suite, "--results=mine.jsonl")
    for _ in range(2):
        assert play(suite, "--results=mine.jsonl", *arguments).code == code
        assert not (suite / "mine.jsonl").exists()
        assert records_of(suite / "mine-previous.jsonl")[-1]["kind"] == "footer"


def test_naming_cases_leaves_results_alone(suite: Path) -> None:
    play(suite)
    assert play(suite, "--collect-only").code == 0
    assert files(suite) == {"results.jsonl": "native"}


def test_second_run_in_one_place_is_refused_in_one_line(suite: Path) -> None:
    place = suite / OUT / "results.jsonl"
    file, part = local.opened(place)
    with file:
        file.write("of the first run")
        file.flush()
        second = play(suite)
        assert part.read_text() == "of the first run"
    assert second.code == 4
    assert (f"ERROR: {OUT}/results.jsonl is being written by another run; --results=FILE names another place"
            in second.lines)
    assert "Traceback" not in second.text
    assert play(suite).code == 0
    assert files(suite) == {"results.jsonl": "native"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_full_disk_ends_the_run_in_one_line() -> None:
    full = started("-q", "--results=/dev/full", FILES[0])
    assert full.code == 4
    assert "/dev/full cannot be written: No space left on device" in full.text
    assert "Traceback" not in full.text
    assert "INTERNALERROR" not in full.text


def test_run_in_which_nothing_was_tested_is_not_green(suite: Path) -> None:
    """Of the whole suite, or because no target can be started."""
    gone = "gone: {about: a thing, start: [/no/such], platform: toy, lab: false}\n"
    bare = "{fixtures}/agent.py | sed -u '1s/domains=[^ ]*/domains=/'"
    mute = f"mute: {{about: a thing, start: [sh, -c, \"{{python}} {bare}\"], platform: toy, lab: false}}\n"
    with (suite / "fixtures/targets.yaml").open("a") as file:
        file.write(gone + mute)
    assert [play(suite, "--target", name).code for name in ("gone", "mute", "gone,native")] == [5, 5, 0]
    assert [play(suite, "--target", name, FILES[0]).code for name in ("gone", "mute")] == [5, 0]


def test_file_that_got_its_name_meanwhile_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other run ends between opening the file and locking it."""
    place = tmp_path / "results.jsonl"
    local.opened(place)[0].close()
    lock = fcntl.flock

    def end_first(*arguments: Any) -> None:
        if not place.exists():
            place.with_name("results.jsonl.part").write_text("whole")
            place.with_name("results.jsonl.part").replace(place)
        lock(*arguments)

    monkeypatch.setattr(fcntl, "flock", end_first)
    file, part = local.opened(place)
    with file:
        assert (place.read_text(), part.read_text()) == ("whole", "")


def test_case_that_is_played_again_is_counted_once(tmp_path: Path) -> None:
    recorder = recording.Recorder(tmp_path / "results.jsonl")
    recorder.begin(Header(3, Suite("0"), "2026-11-22T10:00:00+00:00", {"toy": Target("toy")}))
    for verdict in ("fails", "conforms"):
        recorder.result(Record("a", "toy", "toy", verdict, {"illumos.EISCONN": verdict}, "A.", stored(())))
    recorder.footer()
    recorder.file.close()
    found = results.read(recorder.part)
    assert ([one.verdict for one in found.records], found.torn) == (["conforms"], "")


# --- the matrix ---------------------------------------------------------------------------------------------


def test_matrix_is_of_this_run_or_there_is_none(suite: Path) -> None:
    """As tox runs it."""
    assert f"page: {OUT}/matrix.html" in play(suite, "--matrix").lines
    whole = (suite / OUT / "matrix.html").read_bytes()
    some = play(suite, "--matrix", "--target", "faulty", "-k", "to-a-stream")
    assert re.search(r"^illumos\.EPROTOTYPE .* fails", some.text, re.MULTILINE)
    assert f"page: {OUT}/matrix-partial.html" in some.lines
    other = play(suite, "--matrix", "--results=other.jsonl")
    assert re.search(r"^illumos\.EPROTOTYPE .* conforms", other.text, re.MULTILINE)
    assert "page: other.html" in other.lines
    assert (suite / OUT / "matrix.html").read_bytes() == whole
    for arguments in (["--collect-only"], ["--target", "nope"], ["-k", "nothing-is-called-so"]):
        assert "illumos.EPROTOTYPE " not in play(suite, "--matrix", *arguments).text


# --- the cases that failed ----------------------------------------------------------------------------------


def test_page_is_of_whole_runs(suite: Path) -> None:
    assert f"page: {OUT}/matrix.html" in play(suite).lines
    some = play(suite, "-k", "to-a-stream")
    assert f"page: python -m reports matrix {OUT}/results-partial.jsonl --format html -o matrix.html" in some.lines


def test_last_failed_are_those_of_the_results(suite: Path) -> None:
    whole = play(suite, "--target", "native,faulty")
    failed = {(one["case"], one["target"]) for one in records_of(suite / OUT / "results.jsonl")
              if one.get("verdict") == "fails"}
    assert (whole.code, {target for _, target in failed}) == (1, {"faulty"})
    assert play(suite, "--target", "native,faulty", "--lf").code == 1
    again = {(one["case"], one["target"]) for one in records_of(suite / OUT / "results-partial.jsonl")[1:-1]}
    assert again == failed
    assert play(suite, "--lf").code == 5  # none failed on native
    stepwise = play(suite, "--sw")
    assert stepwise.code == 4
    assert "ERROR: --sw keeps its place in pytest's cache, which is off: use -x, then --lf -x" in stepwise.lines


def test_last_failed_counts_what_was_played_since(suite: Path) -> None:
    play(suite, "--target", "faulty")
    mended = suite / "mended.py"
    mended.write_text("from fixtures import agent\nagent.main()\n")
    entries = suite / "fixtures/targets.yaml"
    entries.write_text(entries.read_text().replace(faulty.__file__, str(mended)))
    assert play(suite, "--target", "faulty", "--lf").code == 0
    assert play(suite, "--target", "faulty", "--lf").code == 5


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "ids"), [
    ([f"{CASE}-native]"], [f"{CASE}-native]"]),
    ([f"{CASE}-musl]"], [f"{CASE}-musl]"]),
    ([f"{CASE}]"], [f"{CASE}-native]"]),
    ([f"{CASE}]", "--target", " musl , native"], [f"{CASE}-musl]", f"{CASE}-native]"]),
    ([f"{CASE}-linux-6.1-selinux]"], [f"{CASE}-linux-6.1-selinux]"]),
    ([f"{CASE}-ssh:me@host:22]"], [f"{CASE}-ssh:me@host:22]"]),
])
def test_case_is_named_with_or_without_its_target(arguments: Sequence[str], ids: Sequence[str]) -> None:
    named = started("--collect-only", "-q", *arguments)
    assert (named.code, [line for line in named.lines if "::" in line]) == (0, ids), named.text


def test_scenario_without_variant_is_all_of_its_cases() -> None:
    named = started("--collect-only", "-q", CASE.partition("[")[0])
    ids = [line for line in named.lines if "::" in line]
    assert named.code == 0
    assert len(ids) > 1
    assert all(line.startswith(CASE.partition("[")[0]) for line in ids)


@pytest.mark.parametrize(("arguments", "reported"), [
    ([f"{FILES[0]}::to-a-steam-socket"], f"{FILES[0]}: no scenario 'to-a-steam-socket'; perhaps to-a-stream-socket"),
    ([f"{FILES[0]}::zz"], f"{FILES[0]}: no scenario 'zz'; it has "),
    (["--target", "gvisr"], "--target: no target 'gvisr'; perhaps gvisor"),
])
def test_misspelt_name_is_refused_with_what_was_perhaps_meant(arguments: Sequence[str], reported: str) -> None:
    refused = started("-q", "--collect-only", *arguments)
    assert refused.code == 4
    assert any(line.startswith(f"ERROR: {reported}") for line in refused.lines), refused.text


def test_platform_without_a_page_is_refused_where_it_is_named(tmp_path: Path) -> None:
    entries = tmp_path / "mine.yaml"
    entries.write_text("mine:\n  about: mine\n  start: [mine]\n  platform: plan9\n")
    refused = started("-q", "--collect-only", f"--targets={entries}", "--target", "mine")
    assert refused.code == 4
    assert any(line.startswith(f"ERROR: {entries}:4: no page for platform 'plan9'; there are ")
               for line in refused.lines), refused.text


def test_readme_has_every_exit_status() -> None:
    status = (ROOT / "README.md").read_text().partition("Exit status: ")[2].partition("\n\n")[0]
    assert re.findall(r"(?:^|; |\n)(\d) ", status) == [str(code) for code in range(6)]


def test_what_tox_shows_is_of_its_run() -> None:
    """Its commands end with the run: what would come after one that was refused would be about another."""
    commands = [line.strip() for line in (ROOT / "tox.ini").read_text().splitlines() if line.startswith("    ")]
    assert [line for line in commands if "reports matrix" in line] == []
    assert len([line for line in commands if "pytest -q --matrix" in line]) == 3


def test_results_of_a_command_that_is_pasted(suite: Path, tmp_path: Path) -> None:
    """What a failure prints to run it again works as it is, with a targets file that is elsewhere, too."""
    elsewhere = tmp_path / "of mine.yaml"
    elsewhere.write_text((suite / "fixtures/targets.yaml").read_text())
    failed = play(suite, f"--targets={elsewhere}", "--target", "faulty")
    commands = [line.removeprefix("again").strip() for line in failed.lines if line.startswith("again ")]
    commands += [line.rpartition("   ")[2] for line in failed.lines if "   pytest " in line]
    for printed in commands:
        pasted = subprocess.run(f"{sys.executable} -m {printed}", shell=True, cwd=suite, capture_output=True, text=True,
                                check=False)
        assert pasted.returncode == 1, pasted.stdout + pasted.stderr
        assert "1 failed" in pasted.stdout
    assert len(commands) > 1
    explained = subprocess.run([sys.executable, "-m", "reports", "explain", f"{OUT}/results.jsonl", f"{CASE}]"],
                               cwd=suite, capture_output=True, text=True, check=False)
    assert f"'--targets={elsewhere}'" in explained.stdout
