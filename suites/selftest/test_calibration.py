"""Calibration: faults of a socket layer are found by the clauses that they break, and recordings keep their verdicts.

`tox -e calibrate` lays every fault under the agent; here are a few, each of another kind.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import pytest

from fixtures import programs, world
from fixtures.lab import Lab
from reports.common.results import read, write
from specs.machine import rules
from specs.model import Case
from specs.record import stored
from suites.selftest.calibration import __main__ as calibration
from suites.selftest.calibration import faults, play, replay, walks
from suites.selftest.calibration.faults import VARIABLE, Fault, Layer
from suites.selftest.calibration.play import Bench, Found, functions_of
from suites.selftest.house import cases, clauses
from suites.selftest.runs import run
from suites.timeouts import has_timer

FAULTS = faults.read()
NAMED = {fault.name: fault for fault in FAULTS}
# Calls of scenarios that no fault is about, with the reason.
WITHOUT = {"unlink": "it is about a path", "dlsym": "it is about a library", "declare": "it is about a header",
           "pthread_join": "what it gives is another call's",
           **dict.fromkeys(("fork", "waitpid"), "what a child leaves is shown by close()"),
           **dict.fromkeys(("io_uring", "io_uring-multishot"), "it is no call of libc, which a library could replace"),
           **dict.fromkeys(("kqueue", "kevent", "devpoll", "ports"), "Linux does not have it")}
# One of each kind: an errno, a value, an effect, waiting, an address, a name, SO_ERROR, readiness, data, a descriptor.
SAMPLE = ("refused-as-reset[inet]", "failure-is-positive[unix]", "datagram-connects-once[inet6]",
          "second-call-hangs[inet]", "long-length-ignored[inet]", "bind-is-lost[inet]", "SO_ERROR-sticks[inet]",
          "writable-while-pending[select-inet]", "send-after-shutdown[inet]", "close-disconnects[inet]")
FILES = ("suites/errors/E[A-DI-Z]", "suites/description/")  # whose cases the sample is tried on


# --- the table ----------------------------------------------------------------------------------------------


def test_there_are_150_faults_each_with_a_name_of_its_own() -> None:
    assert len(NAMED) == len(FAULTS) >= 150


def test_fault_is_chosen_by_its_name_that_of_its_entry_or_a_pattern() -> None:
    names = [[one.name for one in faults.chosen(FAULTS, [pattern])]
             for pattern in ("refused-as-reset[inet]", "refused-as-reset", "refused-as-r*set*")]
    assert names[0] == ["refused-as-reset[inet]"]
    assert set(names[0]) < set(names[1]) == set(names[2])


def test_unknown_fault_is_refused_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert calibration.main(["refused-as-reset", "refused-as-rest"]) == 2
    assert capsys.readouterr().err == "calibration: faults.toml has no fault refused-as-rest\n"


def test_every_call_of_scenarios_has_a_fault() -> None:
    called = {function for case in cases() for step in case.steps
              for function in functions_of(step.verb, case.axes.get("facility", "poll"))}
    assert called - set().union(*(fault.calls for fault in FAULTS)) == WITHOUT.keys()


def test_every_fault_names_clauses_that_there_are_or_why_none_fails() -> None:
    for fault in FAULTS:
        assert bool(fault.breaks) != bool(fault.unseen), fault.name
        for pattern in (*fault.breaks, *fault.spoils):
            assert any(fnmatchcase(clause, pattern) for clause in clauses()), f"{fault.name}: {pattern}"


def test_every_condition_and_action_is_of_a_fault() -> None:
    words = re.findall(r'\{"([a-z-]+)", \w+, \w+\}', (faults.HERE / "faults.c").read_text(encoding="utf-8"))
    assert len(words) > 50
    assert set(words) - {word for fault in FAULTS for word in fault.text.split()} == set()


@pytest.mark.parametrize(("failed", "unseen", "verdict", "is_wrong"), [
    (["illumos.EISCONN"], "", "caught", False),
    (["illumos.EISCONN", "illumos.EINTR"], "", "caught", False),
    (["illumos.EISCONN", "illumos.EBADF"], "", "caught", True),
    (["illumos.EINTR"], "", "caught by others alone", True),
    ([], "", "missed", True),
    ([], "no program sees it", "not seen, as is said", False),
    (["illumos.EBADF"], "no program sees it", "seen, though it is said that nothing sees it", True)])
def test_fault_is_as_it_is_said_to_be(failed: list[str], unseen: str, verdict: str, is_wrong: bool) -> None:
    breaks, spoils = ((), ()) if unseen else (("*.EISCONN",), ("*.EINTR",))
    found = Found(Fault("some", "It is wrong.", "connect : skips ok", breaks, spoils, unseen), 1)
    found.failed.update({clause: ["suites/errors/EISCONN.yaml::twice"] for clause in failed})
    assert (found.verdict, found.is_wrong) == (verdict, is_wrong)
    assert any(line.startswith(f"some: {verdict}") for line in calibration.summary([found])) == is_wrong


# --- laid under an agent ------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def few_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "PORT_ATTEMPTS", play.PORT_ATTEMPTS)


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Layer:
    if not programs.find_compiler():
        pytest.skip("there is no C compiler")
    return Layer(tmp_path_factory.mktemp("layer"))


def is_quick(case: Case) -> bool:
    return any(fnmatchcase(case.file, f"{pattern}*") for pattern in FILES) and not has_timer(case)


def test_library_knows_the_words_of_every_fault(layer: Layer) -> None:
    for fault in (*FAULTS, Fault("wrong", "", "connect AF_INET sideways : skips ok")):
        preloaded = {**os.environ, "LD_PRELOAD": str(layer.shared_object), VARIABLE: fault.text}
        ended = subprocess.run(["true"], env=preloaded, capture_output=True, text=True, check=False)
        said = "faults: no such word as sideways\n" if fault.name == "wrong" else ""
        assert ended.stderr == said, fault.name


def test_sample_is_caught_by_the_clauses_that_it_breaks(layer: Layer, lab: Lab) -> None:
    bench = Bench(layer, lab, [case for case in cases() if is_quick(case)])
    assert bench.measure() == []
    for name in SAMPLE:
        found = bench.try_(NAMED[name])
        assert (found.verdict, found.collateral) == ("caught", []), calibration.lines_of(found, scenarios=True)


def test_fault_is_laid_under_the_agent_in_python_too(tmp_path: Path, layer: Layer, lab: Lab) -> None:
    some = [case for case in cases() if case.topic.startswith("errors/EISCONN") and case.axes["domain"] == "AF_INET"]
    bench = Bench(Layer(tmp_path, python=True), lab, some)
    assert bench.measure() == []
    assert bench.try_(NAMED["connected-as-invalid[inet]"]).named == ["illumos.EISCONN"]


# --- by random walks ----------------------------------------------------------------------------------------

# With as many of the walks of a seed, which meet each of them.
WALKED = ("refused-as-reset[inet]", "connected-as-success[inet]", "SO_ERROR-is-zero[inet6]", "recv-alters[inet6]",
          "fcntl-ignored[inet]", "listen-connected[inet]", "is-made-twice[unix]", "dissolve-refused[inet]",
          "shutdown-other-way[inet6]", "data-not-shown[poll-inet6]")
SEED, NUMBER = "1", 100


def test_walks_find_faults_and_wrong_rules(layer: Layer, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m suites.selftest.calibration.walks` tries all."""
    walked = walks.Walks(layer, lab, NUMBER, SEED)
    assert walked.departures() == []
    unmet = NAMED["sendto-ignores-address[inet]"]
    assert walks.report(walked, [*(NAMED[name] for name in WALKED), unmet]) == 0
    shown = capsys.readouterr().out
    assert shown.count(": walk ") == len(WALKED) + len(list(walks.wrong_rules(rules.MOVES)))
    assert shown.endswith(f"within {NUMBER} walks; 1 left out\n")


def test_names_of_what_walks_cannot_show_are_of_faults() -> None:
    assert walks.UNSHOWN.keys() <= {*NAMED, *(name.partition("[")[0] for name in NAMED)}


# --- recordings ---------------------------------------------------------------------------------------------


def test_recording_gives_its_verdicts_again(tmp_path: Path) -> None:
    """A run of this machine; then with an outcome that was another, and without a call."""
    run(tmp_path, "-q", "-m", "not waits", "suites/errors/EISCONN.yaml", "suites/errors/EACCES.yaml")
    file, counts = tmp_path / "results.jsonl", Counter[str]()
    assert list(replay.differences(file, counts)) == []
    assert counts["replayed"] > 20
    recorded = read(file)
    record = recorded.records[0]
    another, fewer = ({"verdict": "fails"}, {"calls": stored(record.steps[1:])})
    for altered in (msgspec.structs.replace(record, **change) for change in (another, fewer)):
        with (tmp_path / "altered").open("wb") as out:
            write(replace(recorded, records=(altered,)), out)
        assert len(list(replay.differences(tmp_path / "altered", counts))) == 1
