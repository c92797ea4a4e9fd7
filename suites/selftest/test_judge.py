"""The judge as a pure function: what a transcript says about the clauses of its case."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.baseline import observations
from specs.foresee import Foreseen, foresee
from specs.judge import Judgement, judge
from specs.model import (
    VERDICTS,
    Allowed,
    Bug,
    Case,
    Check,
    Citation,
    Clause,
    Deviation,
    Entry,
    Observations,
    Place,
    Profile,
    Span,
    Step,
    Transcript,
    Withdrawal,
    worst,
)
from specs.outcomes import matches
from specs.words import spell_allowed, spell_observed, spell_timed

A, B = "illumos.EISCONN", "illumos.EALREADY"
MAY, FREE, FOREIGN = "posix.may", "survey.state", "windows.WSAEINVAL"
CLAUSES = {
    id_: Clause(id_, "It says so.", tuple(Citation(*one) for one in cited), "clauses.yaml", 1)
    for id_, *cited in (
        (A, ("illumos", "ERRORS", "shall"), ("posix-2017", "ERRORS", "may")),
        (B, ("illumos", "ERRORS", "shall")),
        (MAY, ("posix-2017", "ERRORS", "may"), ("linux", "ERRORS", "shall")),
        (FREE, ("survey", "no document", "survey")),
        (FOREIGN, ("windows", "connect()", "shall")),
    )
}


def step(*checks: tuple[str, Any], verb: str = "connect") -> Step:
    """A step that expects of each clause what follows it: one outcome, or a list of them."""
    made = [Check(clause, tuple(any_of) if isinstance(any_of, list) else (any_of,)) for clause, any_of in checks]
    return Step(verb, "client", {"to": "peer"}, tuple(made), 7)


def survey(verb: str = "connect") -> Step:
    """A step that is observed for a clause that requires nothing."""
    return replace(step((FREE, []), verb=verb), observe=True)


AXES = {"domain": "AF_INET", "namelen": "15"}


def case(*steps: Step) -> Case:
    return Case("suites/errors/a.yaml", "twice", "It fails.", AXES, "inet-namelen15", (), steps, 3)


def seen(steps: Sequence[Step], *outcomes: str | Mapping[str, str], ended: tuple[str, str] | None = None) -> Transcript:
    """What came back from the steps, in order; fewer than there are when it ended early."""
    entries = []
    for index, (one, outcome) in enumerate(zip(steps, outcomes, strict=False)):
        observed = {"ret": outcome} if isinstance(outcome, str) else outcome
        entries.append(Entry(one.text, one.verb, one.name, "", observed, index))
    return Transcript(entries, {}, ended)


def declared(clause: str, observed: Allowed | tuple[Allowed, ...], place: Place = Place(),  # noqa: B008 - frozen
             page: str = "linux", bug: str = "always") -> Deviation:
    cause = Bug(bug, "bug", "it always did", "a page", f"specs/platforms/{page}.yaml", 3)
    return Deviation(cause, clause, observed, place, 5)


def profile(*deviations: Deviation, manuals: Sequence[str] = ("linux",), withdrawn: Sequence[Withdrawal] = (),
            recorded: Sequence[Observations] = ()) -> Profile:
    """A platform's profile. recorded: what its baseline has of the one case."""
    baseline = {case().id: tuple(recorded)} if recorded else {}
    return Profile(manuals[0], tuple(manuals), deviations, tuple(withdrawn), baseline)


def judged(steps: Sequence[Step], *outcomes: str | Mapping[str, str], ended: tuple[str, str] | None = None,
           on: Profile | None = None) -> Judgement:
    return judge(case(*steps), seen(steps, *outcomes, ended=ended), CLAUSES, on or profile())


READY = step()  # a precondition
CHECK = step((A, "EISCONN"))
DEAD = ("crashed", "connect(client, peer): the agent died")
LOST = ("unresolved", "peer is lost")


# --- the verdicts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verdict", "reason", "observed", "entry"), [
    ("conforms", "", "EISCONN", None),
    ("fails", "connect(client, peer) = 0, expected EISCONN", "ok", None),
    ("fails", "connect(client, peer) = -1 EINVAL, expected EISCONN", "EINVAL", None),
    ("fails", "connect(client, peer) = blocks, expected EISCONN", "blocks", None),
    ("fails", "connect(client, peer) = returned 1, expected EISCONN", "returned=1", None),
    ("deviates", "connect(client, peer) = 0, expected EISCONN", "ok", "ok"),
    ("fails", "connect(client, peer) = -1 EINVAL, expected EISCONN", "EINVAL", "ok"),
    ("stale", "specs/platforms/linux.yaml:5 declares 0", "EISCONN", "ok"),
    ("crashed", "connect(client, peer) = crashed, expected EISCONN", "crashed", None),
    ("crashed", "connect(client, peer) = crashed, expected EISCONN", "crashed", "ok"),
    ("deviates", "connect(client, peer) = crashed, expected EISCONN", "crashed", "crashed"),
])
def test_one_check(verdict: str, reason: str, observed: str, entry: str | None) -> None:
    on = profile(declared(A, entry)) if entry else profile()
    found = judged([READY, CHECK], "ok", observed, on=on)
    assert (found.verdict, found.clauses, found.steps, found.reason) == (
        verdict, {A: verdict}, {1: {A: verdict}}, reason)


def test_precondition_that_fails_leaves_the_case_unresolved() -> None:
    found = judged([READY, CHECK], "EINVAL")
    assert (found.verdict, found.clauses, found.reason) == (
        "unresolved", {A: "unresolved"}, "step 1, a precondition: connect(client, peer) = -1 EINVAL")


def test_reason_of_the_play_is_reported() -> None:
    found = judged([READY, CHECK], ended=("unresolved", "peer: listen peer 16 = EINVAL"))
    assert (found.verdict, found.reason) == ("unresolved", "peer: listen peer 16 = EINVAL")


def test_unsupported_has_its_reason() -> None:
    found = judged([READY, CHECK], ended=("unsupported", "the target has no verb poll"))
    assert (found.verdict, found.clauses, found.reason) == (
        "unsupported", {A: "unsupported"}, "the target has no verb poll")


def test_check_that_the_target_cannot_make_is_unsupported() -> None:
    found = judged([CHECK], "unsupported", ended=("unsupported", "no AF_LINK on this platform"))
    assert (found.verdict, found.steps, found.reason) == ("unsupported", {}, "no AF_LINK on this platform")


@pytest.mark.parametrize("outcomes", [(), ("ok",)])
def test_transcript_that_breaks_off_is_unresolved(outcomes: Sequence[str]) -> None:
    assert judged([READY, READY, CHECK], *outcomes).verdict == "unresolved"


# --- forces -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("clause", "manuals", "observed", "verdict"), [
    (A, ["linux"], "ok", "fails"), (MAY, ["linux"], "ok", "conforms"), (MAY, ["linux"], "EINVAL", "fails"),
    (FOREIGN, ["linux"], "ok", "recorded"), (FOREIGN, ["wine", "windows"], "ok", "fails"),
    (FOREIGN, ["linux"], "EISCONN", "recorded"),
])
def test_force_of_the_first_document_that_binds(clause: str, manuals: list[str], observed: str, verdict: str) -> None:
    assert judged([step((clause, "EISCONN"))], observed, on=profile(manuals=manuals)).verdict == verdict


@pytest.mark.parametrize(("allowed", "observed", "verdict"), [
    (["EISCONN", "EINVAL"], "ok", "conforms"), ({"value": "ECONNREFUSED"}, {"ret": "ok", "value": "ok"}, "fails"),
    ("blocks", "ok", "fails"), (["EISCONN", {"value": "ok"}], {"ret": "ok", "value": "EINVAL"}, "fails"),
])
def test_what_may_fail_may_succeed_only_where_errors_are_expected(allowed: Any, observed: Any, verdict: str) -> None:
    assert judged([step((MAY, allowed))], observed).verdict == verdict


# --- several checks -----------------------------------------------------------------------------------------


def test_clauses_have_verdicts_of_their_own() -> None:
    found = judged([step((A, "EISCONN"), (B, "ok"), (FOREIGN, "EINVAL"))], "ok")
    assert found.clauses == {A: "fails", B: "conforms", FOREIGN: "recorded"}
    assert (found.verdict, found.steps) == ("fails", {0: {A: "fails", B: "conforms", FOREIGN: "recorded"}})


def test_clause_has_the_worst_of_its_checks() -> None:
    found = judged([CHECK, step((B, "ok")), CHECK], "EISCONN", "ok", "EINVAL")
    assert found.clauses == {A: "fails", B: "conforms"}


def test_reason_is_about_the_verdict() -> None:
    """What was recorded before is not what made the case fail."""
    found = judged([survey(), CHECK], "EINVAL", "ok")
    assert (found.verdict, found.reason) == ("fails", "connect(client, peer) = 0, expected EISCONN")


@pytest.mark.parametrize(
    ("first", "verdict"),
    [
        ("fails", {A: "fails", B: "unsupported"}),
        ("deviates", {A: "deviates", B: "unsupported"}),
        ("recorded", {FREE: "recorded", B: "unsupported"}),
    ],
)
def test_departure_leaves_later_clauses_untested(first: str, verdict: Mapping[str, str]) -> None:
    """What follows a departure was led to by it: that a precondition then fails says nothing about later clauses.

    What a survey gives is no pass either: of such a case nothing was tested.
    """
    on = profile(declared(A, "ok")) if first == "deviates" else profile()
    steps = [survey() if first == "recorded" else CHECK, READY, step((B, "EALREADY"))]
    found = judged(steps, "ok", "EINVAL", on=on)
    assert (found.clauses, found.verdict) == (verdict, "unsupported" if first == "recorded" else first)


def test_what_was_recorded_before_leads_to_nothing_that_the_baseline_does_not_have() -> None:
    steps, on = [survey(), READY, step((B, "EALREADY"))], profile(recorded=[{"1": "0"}])
    assert judged(steps, "ok", "EINVAL", on=on).verdict == "unresolved"
    assert judged(steps, "ok", ended=("unresolved", "it is lost"), on=on).verdict == "unresolved"


def test_departure_does_not_hide_later_checks_that_were_made() -> None:
    found = judged([CHECK, step((B, "EALREADY"))], "ok", "ok")
    assert found.clauses == {A: "fails", B: "fails"}


def test_clause_of_which_a_check_was_not_made_has_not_passed() -> None:
    found = judged([step((B, "EALREADY")), CHECK, READY, step((B, "EALREADY"))], "EALREADY", "ok", "EINVAL")
    assert found.clauses == {A: "fails", B: "unsupported"}


def test_deviation_whose_check_was_not_made_is_not_stale() -> None:
    steps = [step((B, "EALREADY")), CHECK, READY, step((B, "EALREADY"))]
    found = judged(steps, "EALREADY", "ok", "EINVAL", on=profile(declared(B, ("conforms", "ok")), declared(A, "ok")))
    assert (found.clauses, found.verdict) == ({A: "deviates", B: "unsupported"}, "deviates")


def test_departure_before_the_target_lacks_something_counts() -> None:
    found = judged([CHECK, READY, step((B, "ok"))], "ok", "unsupported", ended=("unsupported", "no SO_NONE"))
    assert (found.verdict, found.clauses) == ("fails", {A: "fails", B: "unsupported"})


def test_probe_is_never_judged() -> None:
    found = judged([step(verb="probe"), CHECK], {"ret": "ok", "SO_ERROR": "EINVAL"}, "EISCONN")
    assert found.verdict == "conforms"


# --- observations, and what depends on the attempt before ----------------------------------------------------

OBSERVED = replace(step(), observe=True)
ATTEMPT = replace(step((A, ["EINPROGRESS", "ECONNREFUSED"])), name="client")
LATER = replace(step((B, "EALREADY"), verb="send"), after=("EINPROGRESS",))


@pytest.mark.parametrize("outcome", ["EINVAL", "unsupported", "ok"])
def test_observation_is_never_judged_and_ends_nothing(outcome: str) -> None:
    found = judged([OBSERVED, CHECK], outcome, "EISCONN")
    assert (found.verdict, found.clauses, found.steps) == ("conforms", {A: "conforms"}, {1: {A: "conforms"}})


def test_crash_at_an_observation_is_a_crash() -> None:
    found = judged([OBSERVED, CHECK], "crashed", ended=DEAD)
    assert (found.verdict, found.clauses, found.reason) == ("crashed", {A: "crashed"}, DEAD[1])


@pytest.mark.parametrize(("outcomes", "clauses"), [
    (("EINPROGRESS", "EALREADY"), {A: "conforms", B: "conforms"}),
    (("EINPROGRESS", "ok"), {A: "conforms", B: "fails"}),
    (("EINPROGRESS",), {A: "conforms", B: "unresolved"}),
    (("ECONNREFUSED", "EPIPE"), {A: "conforms"}),
    (("ECONNREFUSED", "unsupported"), {A: "conforms"}),
    (("EINVAL", "ok"), {A: "fails"}),
    ((), {A: "unresolved", B: "unresolved"}),
])
def test_check_counts_after_the_attempt_that_it_names(outcomes: Sequence[str], clauses: Mapping[str, str]) -> None:
    assert judged([ATTEMPT, LATER], *outcomes).clauses == clauses


AGREES = (replace(OBSERVED, verb="getpeername", name="client"),
          replace(step((A, "ok"), verb="send"), name="client", after=("ok",), follows="getpeername"),
          replace(step((B, "ENOTCONN"), verb="send"), name="client", after=("ENOTCONN",), follows="getpeername"))


@pytest.mark.parametrize(("outcomes", "clauses"), [
    (("ok", "ok", "ok"), {A: "conforms"}), (("ok", "ENOTCONN", "ok"), {A: "fails"}),
    (("ENOTCONN", "ok", "ENOTCONN"), {B: "conforms"}), (("ENOTCONN", "ENOTCONN", "ok"), {B: "fails"}),
    (("EINVAL", "ok", "ok"), {})])
def test_two_calls_agree_where_each_outcome_of_the_first_has_a_check(outcomes: Sequence[str],
                                                                     clauses: dict[str, str]) -> None:
    """Whatever connect() gave before, and whatever another socket's getpeername() gives."""
    other = replace(OBSERVED, verb="getpeername", name="other")
    assert judged([ATTEMPT, AGREES[0], other, *AGREES[1:]],
                  "ECONNREFUSED", outcomes[0], "EBADF", *outcomes[1:]).clauses == {A: "conforms"} | clauses


def test_call_that_is_lost_where_its_check_does_not_count_is_no_failure_of_its_clause() -> None:
    blocked = judged([ATTEMPT, LATER], "ECONNREFUSED", "blocks", ended=("unresolved", "send blocks"))
    assert (blocked.verdict, blocked.clauses) == ("conforms", {A: "conforms"})
    assert judged([ATTEMPT, LATER], "ECONNREFUSED", "crashed", ended=DEAD).verdict == "crashed"


def test_case_without_a_check_that_counts_is_unsupported() -> None:
    found = judged([replace(ATTEMPT, checks=(), observe=True), LATER], "ECONNREFUSED", "ok")
    assert (found.verdict, found.clauses, found.reason) == (
        "unsupported", {B: "unsupported"}, "no check is about an attempt that ends so")
    lost = judged([replace(ATTEMPT, checks=(), observe=True), LATER], "ECONNREFUSED", ended=LOST)
    assert lost.reason == "peer is lost"


def test_attempt_is_the_last_one_of_the_socket() -> None:
    other = replace(READY, name="other")
    steps = [ATTEMPT, replace(READY, observe=True), other, LATER]
    assert judged(steps, "EINPROGRESS", "EINVAL", "ok", "ok").clauses == {A: "conforms"}
    assert judged(steps, "ECONNREFUSED", "EINPROGRESS", "ok", "ok").clauses == {A: "conforms", B: "fails"}


def test_attempt_on_a_thread_ends_when_that_is_joined() -> None:
    start = Step("connect", "client", {"to": "peer", "thread": "caller"}, (), 7)
    join = replace(ATTEMPT, verb="pthread_join", name="caller")
    assert judged([start, join, LATER], "ok", "ECONNREFUSED", "ok").clauses == {A: "conforms"}
    assert judged([start, join, LATER], "ok", "EINPROGRESS", "ok").clauses == {A: "conforms", B: "fails"}


# --- surveys, and the platform's baseline --------------------------------------------------------------------

NAME = {"ret": "ok", "name": "inet:127.0.0.1:40000"}
BOTH = [survey(), CHECK]  # a case with an observation and a check
SEEN = {"1": "-1 EINVAL"}


@pytest.mark.parametrize(("recorded", "outcome", "verdict", "reason"), [
    ([], "EINVAL", "recorded", ""), ([SEEN], "EINVAL", "recorded", ""),
    ([SEEN], "ok", "drifted", "connect(client, peer) = 0, recorded: -1 EINVAL"),
    ([SEEN, {"1": "0"}], "ok", "recorded", ""), ([SEEN, {"1": "0"}], "EINVAL", "recorded", ""),
    ([SEEN, {"1": "0"}], "EIO", "drifted", "connect(client, peer) = -1 EIO, recorded: -1 EINVAL"),
])
def test_survey_is_recorded_until_it_differs_from_the_baseline(
    recorded: Sequence[Observations], outcome: str, verdict: str, reason: str
) -> None:
    found = judged([survey()], outcome, on=profile(recorded=recorded))
    assert (found.verdict, found.clauses, found.steps, found.reason) == (
        verdict, {FREE: verdict}, {0: {FREE: verdict}}, reason)


@pytest.mark.parametrize(("outcomes", "verdict", "clauses"), [
    ("EINVAL EISCONN", "conforms", {FREE: "recorded", A: "conforms"}),
    ("EINVAL ok", "fails", {FREE: "recorded", A: "fails"}),
    ("ok EISCONN", "drifted", {FREE: "drifted", A: "conforms"}),
    ("ok EINVAL", "fails", {FREE: "drifted", A: "fails"}),
])
def test_case_with_checks_is_judged_by_them_unless_it_drifts(outcomes: str, verdict: str,
                                                             clauses: Mapping[str, str]) -> None:
    found = judged(BOTH, *outcomes.split(), on=profile(recorded=[SEEN]))
    assert (found.verdict, found.clauses) == (verdict, clauses)
    alone = judged(BOTH, *outcomes.split())
    assert (alone.verdict, alone.clauses[FREE]) == ({"drifted": "conforms"}.get(verdict, verdict), "recorded")


@pytest.mark.parametrize("first", [
    replace(step(), observe=True), step((FOREIGN, "EINVAL")),
])
def test_whatever_obliges_to_nothing_is_compared(first: Step) -> None:
    """An observation, a check by a document of other platforms; no probe, which shows how far the kernel has come."""
    on = profile(recorded=[SEEN])
    assert judged([step(verb="probe"), CHECK], {"ret": "ok", "poll": ""}, "EISCONN", on=on).verdict == "conforms"
    assert judged([first, CHECK], "EINVAL", "EISCONN", on=on).verdict == "conforms"
    assert judged([first, CHECK], "EIO", "EISCONN", on=on).verdict == "drifted"


def test_check_after_another_attempt_is_compared() -> None:
    steps, on = [ATTEMPT, LATER], profile(recorded=[{"2": "-1 EPIPE"}])
    assert judged(steps, "ECONNREFUSED", "EPIPE", on=on).verdict == "conforms"
    assert judged(steps, "ECONNREFUSED", "ok", on=on).verdict == "drifted"
    assert judged(steps, "EINPROGRESS", "EALREADY", on=on).verdict == "conforms"


def test_drift_is_reported_at_the_first_step_that_differs_from_the_nearest_of_several() -> None:
    on = profile(recorded=[{"1": "0", "2": "0", "3": "0"}, {"1": "0", "2": "-1 EIO", "3": "0"}])
    found = judged([survey()] * 3, "ok", "EIO", "EINVAL", on=on)
    assert (found.verdict, found.reason) == ("drifted", "connect(client, peer) = -1 EINVAL, recorded: 0")
    assert [one[FREE] for _, one in sorted(found.steps.items())] == ["recorded", "recorded", "drifted"]


def test_step_that_the_baseline_does_not_have_drifts() -> None:
    found = judged([survey()] * 2, "EINVAL", "ok", on=profile(recorded=[SEEN]))
    assert (found.verdict, found.reason) == ("drifted", "connect(client, peer) = 0, recorded: nothing")


def test_ports_that_were_chosen_are_no_drift() -> None:
    on = profile(recorded=[{"1": "0 {name: inet:127.0.0.1:*}"}])
    assert judged([survey("getsockname")], NAME, on=on).verdict == "recorded"
    assert judged([survey("getsockname")], NAME | {"name": "inet:127.0.0.2:1"}, on=on).verdict == "drifted"


@pytest.mark.parametrize(("outcomes", "ended", "verdict"), [
    (["EINVAL"], ("unresolved", "peer is lost"), "unresolved"),
    (["EINVAL", "unsupported"], ("unsupported", "no SO_NONE"), "unsupported"),
    (["EIO", "unsupported"], ("unsupported", "no SO_NONE"), "unsupported"),
    ([], ("unsupported", "no verb poll"), "unsupported"), ([], ("unresolved", "peer is lost"), "unresolved"),
])
def test_run_that_ends_early_does_not_drift_by_what_it_lacks(outcomes: Sequence[str], ended: tuple[str, str],
                                                             verdict: str) -> None:
    on = profile(recorded=[{"1": "-1 EINVAL", "3": "0"}])
    assert judged([survey(), CHECK, survey()], *outcomes, ended=ended, on=on).verdict == verdict


def test_partial_run_that_differs_drifts_and_its_checks_are_untested() -> None:
    found = judged(BOTH, "EIO", ended=("unresolved", "it is lost"), on=profile(recorded=[SEEN]))
    assert found.verdict == "drifted"
    assert found.clauses == {FREE: "drifted", A: "unsupported"}


def test_survey_whose_state_no_run_has_reached_is_unsupported() -> None:
    """One that a run has reached, and this one has not, is unresolved; one that a page gives up is not."""
    reached = profile(recorded=[{"2": "0"}])
    assert judged([READY, survey()], "ok", ended=LOST).clauses == {FREE: "unsupported"}
    assert judged([READY, survey()], "ok", ended=LOST, on=reached).clauses == {FREE: "unresolved"}
    given_up = profile(declared(A, "unresolved"), recorded=[{"2": "0"}])
    assert judged([READY, survey(), CHECK], "ok", ended=LOST, on=given_up).clauses[FREE] == "unsupported"
    assert judged([READY, survey()], "crashed", ended=DEAD).clauses == {FREE: "crashed"}


def test_case_that_ends_unsupported_has_tested_nothing() -> None:
    found = judged([CHECK, step((B, "ok"))], "EISCONN", ended=("unsupported", "no SO_NONE"))
    assert (found.verdict, found.reason, found.clauses) == (
        "unsupported", "no SO_NONE", {A: "unsupported", B: "unsupported"})


def test_state_that_is_reached_though_a_page_says_never_is_stale_as_a_clause() -> None:
    found = judged([CHECK], "EISCONN", on=profile(declared(A, "unresolved")))
    assert (found.steps, found.clauses) == ({0: {A: "conforms"}}, {A: "stale"})


def test_list_of_which_no_check_shows_the_departure_is_stale() -> None:
    found = judged([CHECK], "EISCONN", on=profile(declared(A, ("conforms", "ok"))))
    assert (found.verdict, found.clauses) == ("stale", {A: "stale"})


def test_state_that_the_baseline_has_as_never_reached_is_unsupported_after_an_observation() -> None:
    lost = ("unresolved", "peer is lost")
    found = judged([READY, survey()], ended=lost, on=profile(recorded=[{"unresolved": ""}]))
    assert (found.verdict, found.clauses, found.reason) == ("unsupported", {FREE: "unsupported"}, "peer is lost")
    partly = profile(recorded=[{"1": "-1 EINVAL", "unresolved": ""}])
    assert judged([survey(), survey()], "EINVAL", ended=lost, on=partly).verdict == "recorded"
    assert judged(BOTH, "EINVAL", ended=lost, on=partly).clauses == {FREE: "recorded", A: "unsupported"}
    on = profile(recorded=[{"unresolved": ""}])  # no baseline excuses what obliges, where no observation led to it
    assert judged([READY, CHECK], ended=lost, on=on).verdict == "unresolved"
    assert judged([CHECK], ended=lost, on=on).verdict == "unresolved"


@pytest.mark.parametrize(("steps", "outcomes", "recorded"), [
    (BOTH, ["EINVAL", "EISCONN"], SEEN), ([CHECK], ["EISCONN"], {}),
])
def test_state_that_is_reached_after_all_is_no_drift(steps: Sequence[Step], outcomes: Sequence[str],
                                                     recorded: Observations) -> None:
    found = judged(steps, *outcomes, on=profile(recorded=[{**recorded, "unresolved": ""}]))
    assert (found.verdict, found.clauses[A]) == ("conforms", "conforms")


@pytest.mark.parametrize("recorded", [[], [{"1": "crashed"}], [{"1": "0"}]])
def test_crash_in_a_survey_is_a_crash_whatever_the_baseline_has(recorded: Sequence[Observations]) -> None:
    found = judged([survey()], "crashed", ended=DEAD, on=profile(recorded=recorded))
    assert (found.verdict, found.clauses) == ("crashed", {FREE: "crashed"})
    on = profile(declared(FREE, "crashed"), recorded=recorded)
    assert judged([survey()], "crashed", ended=DEAD, on=on).verdict == "deviates"


def test_observations_are_those_steps_alone_that_oblige_to_nothing() -> None:
    steps = [step(verb="probe"), READY, CHECK, survey(), step((FOREIGN, "ok"), (A, "ok")), step((FOREIGN, "ok"))]
    transcript = seen(steps, "ok", "ok", "EISCONN", "EINVAL", "ok", NAME)
    found = observations(case(*steps), transcript, CLAUSES, ["linux"])
    assert found == {"4": "-1 EINVAL", "6": "0 {name: inet:127.0.0.1:*}"}
    assert "6" not in observations(case(*steps), transcript, CLAUSES, ["wine", "windows"])


# --- time ---------------------------------------------------------------------------------------------------

TIMED = step((A, {"errno": "ETIMEDOUT", "not-before": "300ms", "within": "30s"}))


def after(seconds: float, outcome: str = "ETIMEDOUT", on: Profile | None = None) -> Judgement:
    transcript = seen([TIMED], outcome)
    transcript.entries = [entry._replace(seconds=seconds) for entry in transcript.entries]
    return judge(case(TIMED), transcript, CLAUSES, on or profile())


@pytest.mark.parametrize(("seconds", "outcome", "verdict"), [
    (0.3, "ETIMEDOUT", "conforms"), (30.0, "ETIMEDOUT", "conforms"), (127.0, "ETIMEDOUT", "fails"),
    (0.299, "ETIMEDOUT", "fails"), (3.0, "ECONNREFUSED", "fails"), (3.0, "ok", "fails"),
])
def test_time_is_part_of_an_outcome(seconds: float, outcome: str, verdict: str) -> None:
    assert after(seconds, outcome).verdict == verdict


def test_time_is_reported_where_it_is_what_is_wrong() -> None:
    assert after(127.04).reason == ("connect(client, peer) = -1 ETIMEDOUT after 127 s, "
                                    "expected ETIMEDOUT not before 300 ms and within 30 s")


def test_time_can_be_declared() -> None:
    on = profile(declared(A, {"errno": "ETIMEDOUT", "not-before": "60s"}))
    assert [after(seconds, on=on).verdict for seconds in (127.0, 45.0, 3.0)] == ["deviates", "fails", "stale"]


@pytest.mark.parametrize(("observed", "seconds", "verdict"), [
    ({"ret": "ok", "ready": "output"}, 1.0, "conforms"), ({"ret": "ok", "ready": "output"}, 3.5, "fails"),
    ({"ret": "ok", "ready": "input"}, 1.0, "fails"),
])
def test_fields_have_bounds_too(observed: Mapping[str, str], seconds: float, verdict: str) -> None:
    one = step((A, {"ready": ["output"], "within": "3s"}), verb="wait")
    transcript = seen([one], observed)
    transcript.entries = [entry._replace(seconds=seconds) for entry in transcript.entries]
    assert judge(case(one), transcript, CLAUSES, profile()).verdict == verdict


def test_what_may_fail_in_time_may_succeed() -> None:
    one = step((MAY, {"errno": "ETIMEDOUT", "within": "30s"}))
    assert judged([one], "ok").verdict == "conforms"


# --- crashes ------------------------------------------------------------------------------------------------


def test_crash_at_a_precondition_is_a_crash_of_what_was_not_reached() -> None:
    found = judged([step((B, "ok")), READY, CHECK], "ok", "crashed", ended=DEAD)
    assert (found.verdict, found.clauses, found.reason) == (
        "crashed", {B: "conforms", A: "crashed"}, DEAD[1])


def test_crash_at_a_check_is_a_crash_of_that_clause() -> None:
    found = judged([CHECK, step((B, "ok"))], "crashed", ended=DEAD)
    assert (found.verdict, found.clauses, found.reason) == (
        "crashed", {A: "crashed", B: "unsupported"}, DEAD[1])


@pytest.mark.parametrize(("outcome", "verdict", "reason"), [
    ("ENOENT", "unsupported", "it always did"), ("ok", "fails", "connect(client, peer) = 0, expected EISCONN"),
])
def test_state_that_a_page_says_is_never_reached_is_unsupported(outcome: str, verdict: str, reason: str) -> None:
    found = judged([READY, CHECK], outcome, "ok", on=profile(declared(A, "unresolved")))
    assert (found.verdict, found.reason) == (verdict, reason)


def test_declared_crash_deviates() -> None:
    found = judged([CHECK], "crashed", ended=("crashed", "the agent died"), on=profile(declared(A, "crashed")))
    assert (found.verdict, found.clauses) == ("deviates", {A: "deviates"})


def test_crash_after_the_last_check_is_not_overlooked() -> None:
    transcript = seen([CHECK], "EISCONN", ended=("crashed", "reset: the agent died"))
    transcript.entries.append(Entry("reset", "reset", "", "reset", {"ret": "crashed"}))
    found = judge(case(CHECK), transcript, CLAUSES, profile())
    assert (found.verdict, found.clauses, found.reason) == ("crashed", {A: "conforms"}, "reset: the agent died")


# --- deviations ---------------------------------------------------------------------------------------------


def where(**axes: Sequence[str | Span]) -> Place:
    return Place((), tuple((axis, tuple(values)) for axis, values in axes.items()))


@pytest.mark.parametrize(("place", "verdict"), [
    (Place(), "deviates"), (Place(("errors/a::twice",)), "deviates"), (Place(("errors/a::*",)), "deviates"),
    (Place(("unix/*", "*::twice")), "deviates"), (Place(("errors/a::twic",)), "fails"),
    (Place(("errors/a::twice[inet]",)), "fails"), (Place(("unix/*",)), "fails"),
    (where(domain=["AF_INET"]), "deviates"), (where(domain=["AF_INET6", "AF_INET"]), "deviates"),
    (where(domain=["AF_INET6"]), "fails"), (where(domain=["AF_INET"], namelen=["16"]), "fails"),
    (where(domain=["AF_INET"], namelen=[Span(0, 15)]), "deviates"), (where(type=["SOCK_STREAM"]), "fails"),
    (Place(("errors/a::twice",), (("domain", ("AF_INET6",)),)), "fails"),
])
def test_deviation_holds_in_its_place_alone(place: Place, verdict: str) -> None:
    assert judged([CHECK], "ok", on=profile(declared(A, "ok", place))).verdict == verdict


@pytest.mark.parametrize(("span", "text", "inside", "outside"), [
    (Span(0, 15), "0..15", ["0", "7", "15"], ["-1", "16", "", "AF_INET", "--1", "1.5"]),
    (Span(None, -1), "..-1", ["-1", "-2147483648"], ["0", "1"]),
    (Span(256, None), "256..", ["256", "65535"], ["255", "-256"]),
])
def test_range_holds_its_ends_and_numbers_alone(span: Span, text: str, inside: Sequence[str],
                                                outside: Sequence[str]) -> None:
    assert str(span) == text
    assert all(map(span.holds, inside))
    assert not any(map(span.holds, outside))


@pytest.mark.parametrize(("axis", "value", "has"), [
    ("domain", "AF_INET", True), ("domain", "inet", False), ("namelen", "15", True), ("namelen", Span(16, None), False),
    ("type", "", True), ("type", Span(None, 5), False),
])
def test_case_has_the_values_of_its_axes(axis: str, value: str | Span, has: bool) -> None:
    assert case().has(axis, value) is has


@pytest.mark.parametrize(("axis", "value", "has"), [
    ("domain", "AF_INET", True), ("domain", "AF_INET6", False), ("namelen", "15", True), ("namelen", "1", False),
    ("namelen", Span(0, 15), True), ("namelen", Span(16, None), False), ("backlog", Span(0, 15), False),
])
def test_case_of_an_older_result_has_the_labels_of_its_values(axis: str, value: str | Span, has: bool) -> None:
    assert replace(case(), axes={}).has(axis, value) is has


# A bug of Linux in two places, and pages that inherit it: late from heir, heir from linux.
INET, INET6 = where(domain=["AF_INET"]), where(domain=["AF_INET6"])


def withdrawal(page: str, bug: str = "always", place: Place = Place()) -> Withdrawal:  # noqa: B008 - frozen
    return Withdrawal(bug, place, f"specs/platforms/{page}.yaml", 4)


@pytest.mark.parametrize(("withdrawn", "verdict"), [
    ([], "deviates"), ([withdrawal("heir")], "fails"), ([withdrawal("late")], "fails"),
    ([withdrawal("heir", "other")], "deviates"), ([withdrawal("heir", place=INET)], "fails"),
    ([withdrawal("heir", place=INET6)], "deviates"), ([withdrawal("heir", place=Place(("unix/*",)))], "deviates"),
    ([withdrawal("late", place=INET6), withdrawal("heir", place=INET)], "fails"),
])
def test_inherited_bug_is_withdrawn_where_it_is_said(withdrawn: Sequence[Withdrawal], verdict: str) -> None:
    on = profile(declared(A, "ok"), manuals=("late", "heir", "linux"), withdrawn=withdrawn)
    assert judged([CHECK], "ok", on=on).verdict == verdict


@pytest.mark.parametrize(("page", "verdict"), [("late", "deviates"), ("heir", "deviates"), ("linux", "fails")])
def test_page_withdraws_what_it_inherits_alone(page: str, verdict: str) -> None:
    """Not what it, or a page that inherits from it, declares under the same name."""
    on = profile(declared(A, "ok", page=page), manuals=("late", "heir", "linux"), withdrawn=[withdrawal("heir")])
    assert judged([CHECK], "ok", on=on).verdict == verdict


@pytest.mark.parametrize(("place", "outcome", "verdict"), [
    (Place(), "EINVAL", "deviates"), (Place(), "ok", "fails"), (INET6, "ok", "deviates"), (INET6, "EINVAL", "fails"),
])
def test_nearest_page_that_declares_of_a_case_counts(place: Place, outcome: str, verdict: str) -> None:
    entries = declared(A, "EINVAL", place, "heir"), declared(A, "ok")
    assert judged([CHECK], outcome, on=profile(*entries, manuals=("heir", "linux"))).verdict == verdict


def test_bugs_without_a_reason_or_a_source_are_named_once() -> None:
    lacking = replace(declared(A, "ok").bug, because=" "), replace(declared(A, "ok").bug, source="")
    entries = [replace(declared(A, "ok"), bug=bug) for bug in (*lacking, lacking[0], declared(A, "ok").bug)]
    assert profile(*entries).unexplained() == lacking


def test_deviation_holds_for_its_clause_alone() -> None:
    assert judged([CHECK], "ok", on=profile(declared(B, "ok"))).verdict == "fails"


@pytest.mark.parametrize(
    ("observed", "verdict"),
    [
        ({"ret": "ok", "value": "EINVAL"}, "deviates"),
        ({"ret": "ok", "value": "EIO"}, "fails"),
        ({"ret": "ok", "value": "ok"}, "stale"),
        ({"ret": "EINVAL"}, "fails"),
    ],
)
def test_deviation_in_a_field_is_exact(observed: Mapping[str, str], verdict: str) -> None:
    on = profile(declared(A, {"value": "EINVAL"}))
    assert judged([step((A, {"value": "ok"}))], observed, on=on).verdict == verdict


@pytest.mark.parametrize(("outcome", "verdict"), [("EISCONN", "conforms"), ("ok", "deviates"), ("EBADF", "fails")])
def test_what_shows_sometimes_is_not_stale_where_it_does_not(outcome: str, verdict: str) -> None:
    always = declared(A, "ok")
    at_times = replace(always, bug=replace(always.bug, sometimes=True))
    assert judged([CHECK], outcome, on=profile(at_times)).verdict == verdict


@pytest.mark.parametrize(("entries", "outcomes", "verdicts"), [
    # one outcome is that of every check
    (["ok"], "ok ok", "deviates deviates"), (["ok"], "EISCONN ok", "stale deviates"),
    (["ok"], "EINVAL ok", "fails deviates"), (["ok"], "EISCONN EISCONN", "stale stale"),
    # a list has one for each, in order; behind the last they conform
    ([("ok", "conforms")], "ok EISCONN", "deviates conforms"), ([("ok", "conforms")], "EISCONN ok", "stale fails"),
    ([("ok", "conforms")], "ok ok", "deviates fails"), ([("ok", "conforms")], "EISCONN EISCONN", "stale conforms"),
    ([("ECONNREFUSED", "EPIPE")], "EPIPE ECONNREFUSED", "fails fails"),
    ([("ECONNREFUSED", "EPIPE")], "ECONNREFUSED ECONNREFUSED", "deviates fails"),
    ([("ECONNREFUSED", "EPIPE")], "EPIPE EPIPE", "fails deviates"),
    ([("conforms", "ok")], "EISCONN ok EISCONN", "conforms deviates conforms"),
    ([("conforms", "ok")], "EISCONN ok ok", "conforms deviates fails"),
    # several entries: the one that is followed furthest
    ([("ok", "EBADF"), ("EBADF", "ok")], "EBADF ok", "deviates deviates"),
    ([("ok", "EBADF"), ("EBADF", "ok")], "EBADF EBADF", "deviates fails"),
    ([("ok", "conforms"), "ok"], "ok ok", "deviates deviates"),
    (["EBADF", "ok"], "ok EBADF", "deviates fails"),
])
def test_entry_is_followed_check_by_check(entries: Sequence[Any], outcomes: str, verdicts: str) -> None:
    on = profile(*(declared(A, one) for one in entries))
    found = judged([CHECK] * len(outcomes.split()), *outcomes.split(), on=on)
    assert " ".join(one[A] for one in found.steps.values()) == verdicts
    assert found.verdict == worst(verdicts.split())


def test_list_that_goes_on_behind_the_end_is_followed_as_far_as_the_case_goes() -> None:
    entry = declared(A, ("ok", "blocks", "EBADF"))
    found = judged([CHECK] * 3, "ok", "blocks", ended=("unresolved", "it blocks"), on=profile(entry))
    assert (found.verdict, found.clauses) == ("deviates", {A: "deviates"})


def test_list_is_about_the_checks_that_count() -> None:
    steps = [ATTEMPT, replace(step((B, "EALREADY"), verb="send"), after=("ECONNREFUSED",)), LATER]
    on = profile(declared(B, ("ok", "conforms")))
    assert judged(steps, "EINPROGRESS", "ok", "ok", on=on).clauses == {A: "conforms", B: "deviates"}
    assert judged(steps, "EINPROGRESS", "ok", "EINVAL", on=on).clauses == {A: "conforms", B: "fails"}


def test_stale_check_leads_to_nothing() -> None:
    found = judged([CHECK, READY, step((B, "ok"))], "EISCONN", "EINVAL", on=profile(declared(A, "ok")))
    assert (found.verdict, found.clauses) == ("stale", {A: "stale", B: "unresolved"})


def test_judgement_names_the_deviations_that_apply() -> None:
    entries = declared(A, "ok"), declared(B, "ok"), declared(A, "ok", Place(("unix/*",)))
    assert judged([CHECK], "ok", on=profile(*entries)).deviations == entries[:1]


# --- words --------------------------------------------------------------------------------------------------


def named(name: str, before: str = "inet:127.0.0.1:40000") -> tuple[Entry, Transcript]:
    """getsockname() that gives this name, after one that gave another; the scenario knows two names."""
    entries = [Entry("", "getsockname", "other", "", {"ret": "ok", "name": "inet:1.2.3.4:5"}, 0),
               Entry("", "getsockname", "client", "", {"ret": "ok", "name": before}, 1),
               Entry("", "getsockname", "client", "", {"ret": "EBADF"}, 2),
               Entry("", "getpeername", "client", "", {"ret": "ok", "name": "inet:5.6.7.8:9"}, 3),
               Entry("", "getsockname", "client", "", {"ret": "ok", "name": name}, 4)]
    return entries[-1], Transcript(entries, {"peer": "inet:127.0.0.1:80", "path": "unix:socket1"})


@pytest.mark.parametrize(
    ("wanted", "name", "is_match"),
    [
        ({"name": "peer"}, "inet:127.0.0.1:80", True),
        ({"name": "peer"}, "inet:127.0.0.1:81", False),
        ({"name": "path"}, "unix:socket1", True),
        ({"name": "inet:127.0.0.1:80"}, "inet:127.0.0.1:80", True),
        ({"name": "unnamed"}, "unnamed", True),
        ({"name": "unnamed"}, "unix:socket1", False),
        ({"name": "unchanged"}, "inet:127.0.0.1:40000", True),
        ({"name": "unchanged"}, "inet:127.0.0.1:40001", False),
        ({"host": "unchanged"}, "inet:127.0.0.1:1", True),
        ({"host": "unchanged"}, "inet:127.0.0.2:40000", False),
        ({"port": "unchanged"}, "inet:9.9.9.9:40000", True),
        ({"port": "unchanged"}, "inet:127.0.0.1:1", False),
        ({"port": "chosen"}, "inet:0.0.0.0:1", True),
        ({"port": "chosen"}, "inet:0.0.0.0:0", False),
        ({"port": "chosen"}, "unix:socket1", False),
        ({"port": "chosen"}, "unnamed", False),
        ({"port": "none"}, "inet:0.0.0.0:0", True),
        ({"port": "none"}, "inet6::::0", True),
        ({"port": "none"}, "unnamed", False),
        ({"host": "loopback"}, "inet:127.0.0.1:1", True),
        ({"host": "loopback"}, "inet6:::1:1", True),
        ({"host": "loopback"}, "inet6:::ffff:127.0.0.1:1", True),
        ({"host": "loopback"}, "inet:127.0.0.2:1", False),
        ({"host": "wildcard"}, "inet:0.0.0.0:1", True),
        ({"host": "wildcard"}, "inet6::::0", True),
        ({"host": "wildcard"}, "inet6:::ffff:0.0.0.0:1", True),
        ({"host": "wildcard"}, "inet:127.0.0.1:1", False),
        ({"host": "127.0.0.10"}, "inet:127.0.0.10:1", True),
        ({"host": "127.0.0.10"}, "inet:127.0.0.1:1", False),
        ({"host": "2001:db8::1"}, "inet6:2001:db8::1:1", True),
        ({"host": "loopback", "port": "chosen"}, "inet:127.0.0.1:0", False),
    ],
)
def test_words_about_names(wanted: Mapping[str, Any], name: str, is_match: bool) -> None:
    assert matches(wanted, *named(name)) is is_match


def test_unchanged_needs_something_before() -> None:
    entry = Entry("", "getsockname", "client", "", {"ret": "ok", "name": "inet:127.0.0.1:1"}, 0)
    assert not matches({"name": "unchanged"}, entry, Transcript([entry]))


@pytest.mark.parametrize(
    ("wanted", "observed", "is_match"),
    [
        ("ok", {}, True),
        ("ok", {"revents": "POLLIN"}, True),
        ("EINVAL", {"ret": "EINVAL"}, True),
        ({"revents": []}, {"revents": ""}, True),
        ({"revents": []}, {"revents": "POLLIN"}, False),
        ({"revents": []}, {"ret": "EBADF"}, False),
        ({"revents": ["POLLOUT", "POLLIN"]}, {"revents": "POLLIN,POLLOUT"}, True),
        ({"revents": ["POLLIN"]}, {"revents": "POLLIN,POLLHUP"}, False),
        ({"data": "a b%\n"}, {"data": "a%20b%25%0A"}, True),
        ({"data": "a"}, {"data": "ab"}, False),
        ({"data": ""}, {"data": ""}, True),
        ({"value": 5}, {"value": "5"}, True),
        ({"value": "ok"}, {"value": "ok"}, True),
        ({"value": "ok"}, {}, False),
        ({"connected": 64}, {"connected": "63"}, False),
    ],
)
def test_fields(wanted: Allowed, observed: Mapping[str, str], is_match: bool) -> None:
    entry = Entry("", "poll", "client", "", {"ret": "ok", **observed})
    assert matches(wanted, entry, Transcript([entry])) is is_match


@pytest.mark.parametrize(
    ("observed", "text"),
    [
        ({"ret": "ok"}, "0"),
        ({"ret": "ok", "revents": ""}, "0 {revents: none}"),
        ({"ret": "EBADF"}, "-1 EBADF"),
        ({"ret": "returned=3"}, "returned 3"),
        ({"ret": "blocks"}, "blocks"),
        ({"ret": "crashed", "reason": "signal 11"}, "crashed"),
    ],
)
def test_outcomes_as_people_read_them(observed: Mapping[str, str], text: str) -> None:
    assert spell_observed(observed) == text


@pytest.mark.parametrize(("seconds", "allowed", "text"), [
    (0.35, [], "-1 EINTR"), (2.51, [], "-1 EINTR after 2.5 s"), (127.02, ["EINTR"], "-1 EINTR after 127 s"),
    (0.35, [{"errno": "EINTR", "within": "1s"}], "-1 EINTR after 350 ms"),
])
def test_time_as_people_read_it(seconds: float, allowed: Sequence[Allowed], text: str) -> None:
    assert spell_timed({"ret": "EINTR"}, seconds, allowed) == text


@pytest.mark.parametrize(
    ("allowed", "text"),
    [
        (["ok"], "0"),
        (["EINVAL", "ok"], "EINVAL or 0"),
        ([{"revents": []}], "{revents: none}"),
        ([], ""),
        ([{"revents": ["POLLIN", "POLLOUT"], "value": 1}], "{revents: POLLIN|POLLOUT, value: 1}"),
        (["blocks"], "blocks"),
        ([{"errno": "ETIMEDOUT", "within": "30s"}, {"within": "300ms"}], "ETIMEDOUT within 30 s or 0 within 300 ms"),
        ([{"ready": ["output"], "not-before": "1s"}], "{ready: output} not before 1 s"),
    ],
)
def test_expectations_as_people_read_them(allowed: Sequence[Allowed], text: str) -> None:
    assert spell_allowed(allowed) == text


# --- what is known of a case before it is played ------------------------------------------------------------


@pytest.mark.parametrize(("on", "foreseen"), [
    (profile(), Foreseen()),
    (profile(declared(A, "blocks")), Foreseen(frozenset({1}))),
    (profile(declared(A, "blocks", Place(("unix/*",)))), Foreseen()),
    (profile(declared(A, ("conforms", "EINVAL"))), Foreseen(fails=True)),
    (profile(declared(A, "unresolved")), Foreseen(unreached=True)),
    (profile(recorded=[{"1": "0"}, {"1": "blocks"}]), Foreseen(frozenset({0}))),
    (profile(recorded=[{"1": "0"}, {"1": "0", "unresolved": ""}]), Foreseen(unreached=True)),
    (profile(recorded=[{"1": "-1 EIO"}]), Foreseen()),
])
def test_page_and_baseline_say_what_may_block(on: Profile, foreseen: Foreseen) -> None:
    assert foresee(case(*BOTH), on) == foreseen


def test_what_may_block_by_the_scenario_is_foreseen() -> None:
    assert foresee(case(READY, step((A, ["EINTR", "blocks"]))), profile()) == Foreseen(frozenset({1}))


# --- what holds of every transcript -------------------------------------------------------------------------

OUTCOMES = st.sampled_from(["ok", "EISCONN", "EALREADY", "EINVAL"])
CHECKS = st.dictionaries(
    st.sampled_from([A, B, MAY, FOREIGN]), st.lists(OUTCOMES, min_size=1, max_size=2, unique=True), max_size=2
)
STEPS = st.lists(CHECKS.map(lambda checks: step(*checks.items())) | st.just(survey()), min_size=1, max_size=5)
BINDING = [clause for clause in CLAUSES if CLAUSES[clause].force(["linux"]) != "survey"]  # a page declares no other
DEVIATIONS = st.lists(st.builds(declared, st.sampled_from(BINDING), OUTCOMES), max_size=2)
ENDS = st.none() | st.tuples(st.sampled_from(["unresolved", "unsupported", "crashed"]), st.just("why"))


@st.composite
def plays(draw: st.DrawFn, complete: bool = False) -> tuple[list[Step], Transcript]:
    """Steps and what they gave. complete: every step was made, and every precondition succeeded."""
    steps = draw(STEPS)
    outcomes = [draw(OUTCOMES) if one.checks or not complete else "ok" for one in steps]
    if complete:
        return steps, seen(steps, *outcomes)
    return steps, seen(steps, *outcomes[:draw(st.integers(0, len(outcomes)))], ended=draw(ENDS))


@given(plays(), DEVIATIONS)
def test_judging_again_says_the_same_and_changes_nothing(
    play: tuple[list[Step], Transcript], entries: list[Deviation]
) -> None:
    steps, transcript = play
    before = copy.deepcopy(transcript)
    assert (judge(case(*steps), transcript, CLAUSES, profile(*entries))
            == judge(case(*steps), transcript, CLAUSES, profile(*entries)))
    assert transcript == before


@given(plays(), DEVIATIONS)
def test_every_clause_has_a_verdict_and_the_case_has_the_worst(
    play: tuple[list[Step], Transcript], entries: list[Deviation]
) -> None:
    steps, transcript = play
    found = judge(case(*steps), transcript, CLAUSES, profile(*entries))
    assert found.clauses.keys() == set(case(*steps).clauses)
    assert found.verdict in VERDICTS
    counted = [verdict for verdict in found.clauses.values() if verdict != "recorded"]
    expected = worst(counted or ["recorded"])
    assert VERDICTS.index(found.verdict) <= VERDICTS.index(expected)
    if not transcript.ended or transcript.ended[0] != "crashed":
        assert found.verdict == expected


@given(plays(), DEVIATIONS)
def test_only_what_passes_has_no_reason(play: tuple[list[Step], Transcript], entries: list[Deviation]) -> None:
    steps, transcript = play
    found = judge(case(*steps), transcript, CLAUSES, profile(*entries))
    if transcript.ended and case(*steps).clauses:
        assert (found.reason == "") == (found.verdict in ("conforms", "recorded"))


@given(plays(complete=True), st.data())
def test_allowing_more_never_makes_it_worse(play: tuple[list[Step], Transcript], data: st.DataObject) -> None:
    steps, transcript = play
    index = data.draw(st.integers(0, len(steps) - 1))
    wider = list(steps)
    wider[index] = replace(steps[index], checks=tuple(replace(one, allowed=(*one.allowed, data.draw(OUTCOMES)))
                                                      for one in steps[index].checks))
    before, after = (judge(case(*some), transcript, CLAUSES, profile()).verdict for some in (steps, wider))
    assert VERDICTS.index(after) >= VERDICTS.index(before) or "unsupported" in (before, after)


@given(plays(complete=True))
def test_declaring_what_was_seen_leaves_nothing_failing(play: tuple[list[Step], Transcript]) -> None:
    steps, transcript = play
    plain = judge(case(*steps), transcript, CLAUSES, profile())
    entries = [declared(clause, tuple(
        transcript.entries[index].observed["ret"] if checks[clause] == "fails" else "conforms"
        for index, checks in plain.steps.items() if clause in checks))
        for clause, verdict in plain.clauses.items() if verdict == "fails"]
    found = judge(case(*steps), transcript, CLAUSES, profile(*entries))
    assert found.clauses == {clause: "deviates" if verdict == "fails" else verdict
                             for clause, verdict in plain.clauses.items()}


def observed_in(steps: Sequence[Step], transcript: Transcript) -> Observations:
    return observations(case(*steps), transcript, CLAUSES, ["linux"])


@given(plays(complete=True), plays(complete=True), DEVIATIONS)
def test_what_was_recorded_does_not_drift_and_changes_no_verdict(
    play: tuple[list[Step], Transcript], other: tuple[list[Step], Transcript], entries: list[Deviation]
) -> None:
    steps, transcript = play
    before = judge(case(*steps), transcript, CLAUSES, profile(*entries))
    gave = [one for one in (observed_in(*other), observed_in(*play)) if one]
    after = judge(case(*steps), transcript, CLAUSES, profile(*entries, recorded=gave if observed_in(*play) else ()))
    assert after == before


@given(plays(complete=True), st.data())
def test_any_observation_that_differs_drifts_and_no_check_does(
    play: tuple[list[Step], Transcript], data: st.DataObject
) -> None:
    steps, transcript = play
    on = profile(recorded=[observed_in(*play)] if observed_in(*play) else ())
    index = data.draw(st.integers(0, len(steps) - 1))
    if not steps[index].checks:
        return
    other = "EXDEV"  # which is among no outcomes
    entries = [one._replace(observed={"ret": other}) if one.step == index else one for one in transcript.entries]
    found = judge(case(*steps), replace(transcript, entries=entries), CLAUSES, on)
    drifted = str(index + 1) in observed_in(*play)
    assert ("drifted" in found.steps[index].values()) == drifted
    assert found.verdict in (("drifted", "fails") if drifted else ("fails",))


@given(plays(complete=True), DEVIATIONS)
def test_conforming_means_that_every_check_matched(
    play: tuple[list[Step], Transcript], entries: list[Deviation]
) -> None:
    steps, transcript = play
    found = judge(case(*steps), transcript, CLAUSES, profile(*entries))
    if found.verdict == "conforms":
        assert {verdict for checks in found.steps.values() for verdict in checks.values()} <= {"conforms", "recorded"}
        assert all(any(matches(one, transcript.entries[index], transcript) for one in check.allowed)
                   or CLAUSES[check.clause].force(["linux"]) in ("may", "survey")
                   for index, made in enumerate(steps) for check in made.checks)
