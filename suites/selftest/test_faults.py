"""A verdict that cannot fail is found out: where a target answers wrongly, the clauses of ERRORS fail.

Every case of an ERRORS clause that this machine can play is played once; then what was seen at each step that the
clause judges is falsified, and judged again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import targets
from specs import load, pages
from specs.foresee import foresee
from specs.judge import judge
from specs.model import FAILING, Case, Check, Citation, Entry, Profile, Transcript
from specs.outcomes import is_errno, matches
from specs.reached import reached
from suites import engine
from suites.selftest import faulty
from suites.selftest.house import ROOT, cases, clauses
from suites.timeouts import is_slow

CLAUSES = clauses()
ERRORS = [id_ for id_, clause in CLAUSES.items() if clause.cited[0] == Citation("illumos", "ERRORS", "shall")]

# Clauses whose cases this machine cannot play, with the reason.
NOT_PLAYABLE = {"illumos.ENOSR": "only illumos and Solaris have STREAMS resources to run out of"}


class Native:
    """This machine, and what it did in the cases that were played so far; those that wait are started at once."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        (target,) = targets.choose(load.targets(targets.FILE), ["native"]).values()
        self.session = targets.Session(target)
        self.session.open()
        self.profile: Profile = pages.profile(target.platform, CLAUSES)
        self.played: dict[str, Transcript] = {}
        self.waiting = {case.id: pool.submit(engine.play, case, self.session, True, foresee(case, self.profile))
                        for case in cases() if not set(ERRORS).isdisjoint(case.clauses)
                        if is_slow(case, foresee(case, self.profile))}

    def absent(self) -> set[str]:
        """Why the laboratory here lacks something that another machine's has."""
        lab = self.session.lab
        return {lab.reason, *lab.absent.values()} if lab else set()

    def play(self, case: Case) -> Transcript:
        if case.id in self.waiting:
            return self.waiting[case.id].result()
        if case.id not in self.played:
            self.played[case.id] = engine.play(case, self.session, False, foresee(case, self.profile))
        return self.played[case.id]


@pytest.fixture(scope="module")
def native() -> Iterator[Native]:
    with ThreadPoolExecutor(24) as pool:
        made = Native(pool)
        yield made
        pool.shutdown(cancel_futures=True)  # another worker of pytest-xdist looks at what was not asked for here
        made.session.close()


def faults(check: Check, entry: Entry, force: str) -> Iterator[Mapping[str, str]]:
    """Outcomes that a clause does not allow, where this one was seen."""
    yield {"ret": faulty.OTHER}
    errors = all(is_errno(one) for one in check.allowed)
    if errors and force != "may":
        yield {"ret": "ok"}
    for field in {field for one in check.allowed if not isinstance(one, str) for field in one}:
        yield {**entry.observed, "ret": "ok", field: faulty.OTHER}
        if field == "value" and entry.observed.get("value") != "ok":
            yield {**entry.observed, "ret": "ok", "value": "ok"}


def falsified(transcript: Transcript, index: int, observed: Mapping[str, str]) -> Transcript:
    return replace(transcript, entries=[entry._replace(observed=observed) if entry.step == index else entry
                                        for entry in transcript.entries])


@pytest.mark.parametrize("clause", ERRORS)
def test_every_fault_fails(native: Native, clause: str) -> None:
    force = CLAUSES[clause].force(native.profile.manuals)
    tried, absent = 0, native.absent()
    reasons = set()
    for case in (case for case in cases() if clause in case.clauses):
        transcript = native.play(case)
        reasons.add(transcript.ended[1] if transcript.ended else "")
        declared = [one for one in native.profile.of(case) if one.clause == clause]
        made = [one for one in reached(case, transcript)[0] if one.check.clause == clause]
        for position, (index, check, entry) in enumerate(made):
            for observed in faults(check, entry, force):
                wrong = entry._replace(observed=observed)
                if any(matches(one.at(position), wrong, transcript) for one in declared):
                    continue  # that is how this system is known to be wrong
                found = judge(case, falsified(transcript, index, observed), CLAUSES, native.profile)
                reported = f"{case.id}, step {index + 1}: {observed} is {found.steps.get(index)}"
                assert (found.steps[index][clause], found.clauses[clause]) == ("fails", "fails"), reported
                assert found.verdict in ("fails", "crashed"), reported
                tried += 1
    if not tried and reasons & absent:
        pytest.skip(f"the laboratory lacks what the cases need: {', '.join(reasons & absent)}")
    assert bool(tried) != (clause in NOT_PLAYABLE), f"{tried} faults were laid under {clause}"


def test_there_are_25_errors() -> None:
    assert len({clause for clause in ERRORS if clause != "illumos.EINTR.goes-on"}) == 25


# --- what a baseline has, at another step --------------------------------------------------------------------

# Case -> what each of its last connect() and send() gives: outcomes that the baseline of Linux has at other steps. A
# socket that is aborted for ever is gVisor's #3828; the refusal that comes twice, and EPIPE before it, lose nothing
# that a list of allowed errnos would miss.
ABORTED, TWICE = ("ECONNABORTED", "ECONNABORTED"), ("ECONNREFUSED", "ECONNREFUSED")
ELSEWHERE = [
    ("suites/survey/state-after-failure.yaml::refused-error-read[inet-peer]", ABORTED),
    ("suites/survey/state-after-failure.yaml::refused-error-read[inet-other]", ABORTED),
    ("suites/survey/state-after-failure.yaml::refused-error-not-read[inet-peer]", TWICE),
    ("suites/survey/state-after-failure.yaml::refused-error-not-read[inet-other]", TWICE),
    ("suites/survey/state-after-failure.yaml::refused-then-blocking[inet]", ABORTED),
    ("suites/survey/state-after-failure.yaml::connect-after-failure[inet-refused-error-consumed]", ABORTED),
    ("suites/survey/error-order.yaml::three-calls-after-refusal[inet-soerror-connect-connect]", ABORTED),
    ("suites/survey/error-order.yaml::two-calls-after-refusal[inet-send-send]", ("EPIPE", "ECONNREFUSED")),
    ("suites/survey/error-order.yaml::two-calls-after-refusal[inet-send-send]", TWICE),
    ("suites/survey/error-order.yaml::two-calls-after-refusal[inet-send-send]", ("EPIPE", "EPIPE")),
]


@pytest.mark.parametrize(("case_id", "outcomes"), ELSEWHERE)
def test_recorded_outcome_at_another_step_drifts(native: Native, case_id: str, outcomes: tuple[str, ...]) -> None:
    case = next(one for one in cases() if one.id == case_id)
    transcript = native.play(case)
    before = judge(case, transcript, CLAUSES, native.profile)
    assert before.verdict in ("conforms", "recorded"), before.reason
    places = [index for index, step in enumerate(case.steps)
              if (step.checks or step.observe) and step.verb in ("connect", "send")]
    for index, outcome in zip(places[-len(outcomes):], outcomes, strict=True):
        transcript = falsified(transcript, index, {"ret": outcome})
    after = judge(case, transcript, CLAUSES, native.profile)
    assert (after.verdict, after.steps) != (before.verdict, before.steps)
    assert after.verdict == "drifted", after.clauses


# --- from end to end ----------------------------------------------------------------------------------------

FILES = (
    "suites/errors/EISCONN.yaml",
    "suites/errors/ECONNREFUSED.yaml",
    "suites/errors/EPROTOTYPE.yaml",
    "suites/errors/ELOOP.yaml",
)


def test_faulty_target_fails_from_end_to_end(tmp_path: Path) -> None:
    """Where connect() or SO_ERROR is to report an errno, targets that report another one, or success, fail."""
    names = {fault: f"faulty-{fault}" for fault in faulty.FAULTS}
    (tmp_path / "targets.yaml").write_text("".join(faulty.target(name, fault) for fault, name in names.items()))
    options = ["--targets", f"{tmp_path}/targets.yaml", "--target", ",".join(names.values()), "--results",
               f"{tmp_path}/results"]
    reported = subprocess.run([sys.executable, "-m", "pytest", "-q", *options, *FILES], cwd=ROOT, capture_output=True,
                              text=True, check=False, timeout=120)
    assert reported.returncode == 1, reported.stdout + reported.stderr
    results = [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()]
    assert set(results[0]["targets"]) == set(results[-1]["counts"]) == set(names.values())
    assert len({result["case"] for result in results[1:-1]}) * 2 == len(results) - 2
    for file in FILES:
        errno = Path(file).stem
        for name in names.values():
            verdicts = {
                result["case"]: result["clauses"][f"illumos.{errno}"]
                for result in results[1:-1]
                if result["target"] == name
                and result["case"].startswith(file)
                and f"illumos.{errno}" in result["clauses"]
                and "sctp" not in result["case"]  # which a kernel may lack
            }
            assert verdicts
            assert {case: verdict for case, verdict in verdicts.items() if verdict != "fails"} == {}


# Of each fault of a layer, the scenarios that show it among those that are played.
LAYERS = {
    "no-padding": {"of-the-whole-structure", "bound-with-the-whole-structure", "sent-to-the-whole-structure",
                    "of-the-returned-length", "sent-to-the-returned-length"},
    "no-fionbio": {"full-queue"},
    "close-disconnects": {"pending-attempt", "duplicate-closed", "waiting-connect", "connection", "datagram-peer",
                          "closed-while-connect-waits"},
    "child-disconnects": {"child-ends", "connects-for-its-parent", "names-the-peer-for-its-parent",
                          "attempt-outlives-the-child", "closed-while-the-child-waits"},
    "reads-beyond": {"address-in-memory"},
    "forgets-what-is-sent": {"pending-attempt", "connection", "datagram-peer", "message-never-received"},
}
PLAYED = ("suites/description/name.yaml", "suites/description/dup.yaml", "suites/errors/EINPROGRESS.yaml",
          "suites/description/fork.yaml", "suites/manuals/linux/SCM_RIGHTS.yaml",
          "suites/description/stream.yaml::address-in-memory")


def test_fault_of_a_layer_fails_where_a_program_meets_it(tmp_path: Path) -> None:
    """What a layer takes, ignores or ends is seen by the scenarios about that, and by no other."""
    (tmp_path / "targets.yaml").write_text("".join(faulty.target(fault, fault) for fault in LAYERS))
    reported = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--targets", f"{tmp_path}/targets.yaml", "--target", ",".join(LAYERS),
         "--results", f"{tmp_path}/results", "-k", "not EINPROGRESS.yaml or inet-fionbio or inet-fsetfl", *PLAYED],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert reported.returncode == 1, reported.stdout + reported.stderr
    results = [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()[1:-1]]
    assert {result["target"] for result in results} == set(LAYERS)
    for fault, scenarios in LAYERS.items():
        failed = {result["case"].partition("::")[2].partition("[")[0] for result in results
                  if result["target"] == fault and result["verdict"] in FAILING}
        assert failed == scenarios, fault
