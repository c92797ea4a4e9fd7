"""The judge: what a transcript says about the clauses of its case.

A pure function, so that what was recorded can be judged again later, under another document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from specs.baseline import compare
from specs.checks import of_checks
from specs.model import Case, Clause, Deviation, Profile, Transcript, worst
from specs.reached import Made, ends_at_check, only_observed, reached
from specs.words import spell, spell_departure, spell_stale


@dataclass
class Judgement:
    """verdict: of the case. clauses: of each clause. steps: of each check, by step index and clause."""

    verdict: str
    clauses: dict[str, str]
    steps: dict[int, dict[str, str]]
    reason: str
    deviations: tuple[Deviation, ...] = ()


def judge(case: Case, transcript: Transcript, clauses: Mapping[str, Clause], profile: Profile) -> Judgement:
    """The verdicts of one case; see the table of verdicts in README.

    Each check that was made has its own verdict; those that were not made share one, which says why. A clause has the
    worst of its checks, the case the worst of its clauses.
    """
    declared, forces = profile.of(case), {one: clauses[one].force(profile.manuals) for one in case.clauses}
    made, unmet = reached(case, transcript)
    steps = of_steps(made, transcript, forces, declared)
    drift, ends_alike = compare(case, transcript, clauses, profile)
    if drift:
        at = steps.setdefault(drift.step, {})
        at |= {clause: "drifted" for clause, verdict in at.items() if verdict == "recorded"}
    departures = [(verdict, one) for one in made
                  if (verdict := steps[one.step][one.check.clause]) not in ("conforms", "stale")]
    ended, why = transcript.ended or ("unresolved", unmet)
    if ended == "unsupported" and not departures:
        return Judgement("unsupported", dict.fromkeys(forces, "unsupported"), steps, why, declared)

    died = ended == "crashed" and not ends_at_check(case, transcript)
    # What a departure led to was not tested; where the baseline has the case, an observation led to no other state.
    led = ends_alike or any(verdict != "recorded" or case.id not in profile.baseline for verdict, _ in departures)
    missed = "crashed" if died else "unsupported" if led else ended
    verdicts = of_clauses(case, transcript, steps, forces, missed, declared, profile)
    if not verdicts:
        verdicts, why = dict.fromkeys(forces, "unsupported"), why or "no check is about an attempt that ends so"
    counted = [one for one in verdicts.values() if one != "recorded"] or ["recorded"]
    verdict = worst([*counted, *(["crashed"] if died else []), *(["drifted"] if drift else [])])
    drifted = f"{spell(drift.entry)}, recorded: {drift.recorded}" if drift else ""
    reasons = {"unresolved": why, "crashed": why, "drifted": drifted,
               "unsupported": next((one.bug.because for one in declared if one.observed == "unresolved"), why),
               "stale": spell_stale([one for one in declared if verdicts.get(one.clause) == "stale"])}
    departed = next((spell_departure(one.entry, one.check.allowed)
                     for its, one in departures if its == verdict != "recorded"), "")
    return Judgement(verdict, verdicts, steps, reasons.get(verdict) or departed, declared)


def of_steps(made: Sequence[Made], transcript: Transcript, forces: Mapping[str, str],
             declared: Sequence[Deviation]) -> dict[int, dict[str, str]]:
    """The verdict of each check that was made, by step index and clause."""
    steps: dict[int, dict[str, str]] = {}
    for clause, force in forces.items():
        checks = [one for one in made if one.check.clause == clause]
        entries = [one for one in declared if one.clause == clause and one.observed != "unresolved"]
        for one, verdict in zip(checks, of_checks(checks, transcript, force, entries), strict=True):
            steps.setdefault(one.step, {})[clause] = verdict
    return steps


def of_clauses(case: Case, transcript: Transcript, steps: Mapping[int, Mapping[str, str]], forces: Mapping[str, str],
               missed: str, declared: Sequence[Deviation], profile: Profile) -> dict[str, str]:
    """The verdict of each clause that has a check that counts. missed: of a check that was not made."""
    unresolved = {one.clause for one in declared if one.observed == "unresolved"}
    # Where nothing is required, a state that no run is known to reach is none that this one had to.
    elusive = missed == "unresolved" and (case.id not in profile.baseline or bool(unresolved))
    counting = [(index, step) for index, step in enumerate(case.steps) if not only_observed(case, index, transcript)]
    found: dict[str, str] = {}
    for clause, force in forces.items():
        other = "unsupported" if elusive and force == "survey" else missed
        verdicts = [steps.get(index, {}).get(clause, other) for index, step in counting
                    if any(check.clause == clause for check in step.checks)]
        verdict = worst(verdicts)
        if (verdict == "conforms" and "unsupported" in verdicts) or (verdict == "unresolved" and clause in unresolved):
            verdict = "unsupported"  # what could not be tested has not passed
        elif verdict == "conforms" and any(one.clause == clause and not one.bug.sometimes for one in declared):
            verdict = "stale"
        if verdicts:
            found[clause] = verdict
    return found
