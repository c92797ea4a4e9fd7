"""The judge: what a transcript says about the clauses of its case.

A pure function, so that what was recorded can be judged again later, under another document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from specs.model import (
    BOUNDS,
    Allowed,
    Case,
    Check,
    Clause,
    Deviation,
    Entry,
    Observations,
    Observed,
    Profile,
    Step,
    Transcript,
    seconds_of,
    worst,
)

LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
WILDCARD = ("0.0.0.0", "::", "::ffff:0.0.0.0")
ADDRESSES = ("name", "sockname", "peername")  # fields that are an address
LONG_S = 1.0  # a call that takes longer is shown with its time


@dataclass
class Judgement:
    """verdict: of the case. clauses: of each clause. steps: of each check, by step index and clause."""

    verdict: str
    clauses: dict[str, str]
    steps: dict[int, dict[str, str]]
    reason: str
    deviations: tuple[Deviation, ...] = field(default=())


class Made(NamedTuple):
    """One check that counts, and the call that was made."""

    step: int
    check: Check
    entry: Entry


def judge(case: Case, transcript: Transcript, clauses: Mapping[str, Clause], profile: Profile) -> Judgement:
    """The verdicts of one case; see the table of verdicts in README."""
    declared = profile.of(case)
    made, unmet = reached(case, transcript)
    steps: dict[int, dict[str, str]] = {}
    for clause in case.clauses:
        checks = [one for one in made if one.check.clause == clause]
        found = of_checks(checks, transcript, clauses[clause].force(profile.manuals),
                          [d for d in declared if d.clause == clause and d.observed != "unresolved"])
        for one, verdict in zip(checks, found, strict=True):
            steps.setdefault(one.step, {})[clause] = verdict
    drift, known = compare(case, transcript, clauses, profile)
    for index in drift:
        steps[index] = {clause: "drifted" if verdict == "recorded" else verdict
                        for clause, verdict in steps.get(index, {}).items()}
    departures = [(verdict, one) for one in made
                  if (verdict := steps[one.step][one.check.clause]) not in ("conforms", "stale")]
    ended, why = transcript.ended or ("unresolved", unmet)
    if ended == "unsupported" and not departures:
        return Judgement("unsupported", dict.fromkeys(case.clauses, "unsupported"), steps, why, declared)
    # A check that nothing led to any more after a departure was not tested; without one its state was not reached.
    died = ended == "crashed" and not at_check(case, transcript)
    # Where the baseline has what comes of an observation, that led to no other state.
    led = [one for one in departures if one[0] != "recorded" or case.id not in profile.baseline]
    missed = "crashed" if died else "unsupported" if led or known else ended
    # Where nothing is required, a state that no run is known to reach is none that this one had to.
    unknown = case.id not in profile.baseline or any(d.observed == "unresolved" for d in declared)
    free = "unsupported" if missed == "unresolved" and unknown else missed
    verdicts = {clause: verdict for clause in case.clauses
                if (verdict := of_clause(clause, case, transcript, steps,
                                         free if clauses[clause].force(profile.manuals) == "survey" else missed,
                                         declared))}
    if not verdicts:  # no check depends on an attempt that ended so
        verdicts, why = dict.fromkeys(case.clauses, "unsupported"), why or "no check is about an attempt that ends so"
    # What is only recorded is no verdict where there are checks.
    counted = [one for one in verdicts.values() if one != "recorded"] or ["recorded"]
    verdict = worst([*counted, *(["crashed"] if died else []), *(["drifted"] if drift else [])])
    reason = next((spell_departure(case, one) for its, one in departures if its == verdict != "recorded"), "")
    if verdict == "drifted":
        reason = next(f"{spell(case.steps[index], entry)}, recorded: {before}" for index, before in drift.items()
                      if (entry := transcript.of_step(index)))
    elif verdict in ("crashed", "unresolved") and why:
        reason = why
    elif verdict == "unsupported":
        reason = next((d.bug.because for d in declared if d.observed == "unresolved"), why)
    elif verdict == "stale":
        reason = "; ".join(f"{d.file}:{d.line} declares {spell_declared(d.observed)}" for d in declared
                           if verdicts.get(d.clause) == "stale")
    return Judgement(verdict, verdicts, steps, reason, declared)


def reached(case: Case, transcript: Transcript) -> tuple[list[Made], str]:
    """The checks that count, as far as the case was played; the precondition that ended it."""
    made: list[Made] = []
    for index, step in enumerate(case.steps):
        entry = transcript.of_step(index)
        if entry is None:
            break
        if only_observed(case, index, transcript):
            continue
        if entry.observed["ret"] == "unsupported":
            break
        if step.is_precondition and entry.observed["ret"] != "ok":
            return made, f"step {index + 1}, a precondition: {spell(step, entry)}"
        made += [Made(index, check, entry) for check in step.checks]
    return made, ""


def at_check(case: Case, transcript: Transcript) -> bool:
    """Whether the last call made was one that is judged, so that its own verdict reports its death."""
    last = transcript.entries[-1].step if transcript.entries else None
    return last is not None and bool(case.steps[last].checks) and not only_observed(case, last, transcript)


def only_observed(case: Case, index: int, transcript: Transcript) -> bool:
    """Whether a step has no clause that counts: a probe, an observation, a check of an attempt that ended otherwise."""
    step, attempt = case.steps[index], None
    if step.after and (at := case.attempt(index)) is not None:
        attempt = transcript.of_step(at)
    ended_otherwise = attempt is not None and attempt.observed["ret"] not in step.after
    return step.verb == "probe" or (step.observe and not step.checks) or ended_otherwise


def surveys(case: Case, index: int, transcript: Transcript, clauses: Mapping[str, Clause],
            manuals: Sequence[str]) -> bool:
    """Whether a step has clauses, and none of them binds a platform with these manuals."""
    checks = case.steps[index].checks
    return (bool(checks) and not only_observed(case, index, transcript)
            and all(clauses[check.clause].force(manuals) == "survey" for check in checks))


def is_observation(case: Case, index: int, transcript: Transcript, clauses: Mapping[str, Clause],
                   manuals: Sequence[str]) -> bool:
    """Whether nothing is required of a step, so that its outcome is recorded; of a probe it depends on the moment."""
    return case.steps[index].verb != "probe" and (
        only_observed(case, index, transcript) or surveys(case, index, transcript, clauses, manuals))


def observations(case: Case, transcript: Transcript, clauses: Mapping[str, Clause],
                 manuals: Sequence[str]) -> Observations:
    """What a case gave where nothing is required, by step number; and that a state was not reached after that.

    Where something is required, what a baseline has excuses only a state to which an observation led.
    """
    made = [entry for entry in transcript.entries if entry.step is not None]
    found = {str(entry.step + 1): spell_observed(normalised(entry.observed, transcript.names)) for entry in made
             if entry.step is not None and is_observation(case, entry.step, transcript, clauses, manuals)}
    free = all(clauses[clause].force(manuals) == "survey" for clause in case.clauses)
    led = free or any(entry.step is not None and surveys(case, entry.step, transcript, clauses, manuals)
                      for entry in made)
    lost = led and transcript.ended is not None and transcript.ended[0] == "unresolved"
    return found | ({"unresolved": ""} if lost else {})


def compare(case: Case, transcript: Transcript, clauses: Mapping[str, Clause],
            profile: Profile) -> tuple[dict[int, str], bool]:
    """The first observation that differs from the platform's baseline, and what that has; whether it ends as there.

    A case whose calls the target lacks says nothing, and one that ended in a crash says that.
    """
    recorded = profile.baseline.get(case.id, ())
    if not recorded or (transcript.ended and transcript.ended[0] in ("unsupported", "crashed")):
        return {}, False
    seen = observations(case, transcript, clauses, profile.manuals)
    if seen in recorded:
        return {}, "unresolved" in seen
    first, before = max(((differs_at(seen, one), one) for one in recorded), key=lambda pair: pair[0])
    return ({first: before.get(str(first + 1), "nothing")} if str(first + 1) in seen else {}), False


def differs_at(seen: Observations, recorded: Observations) -> int:
    """The index of the first step that two runs of a case differ in; behind the last where no step differs."""
    numbers = sorted(int(number) for number in seen.keys() | recorded.keys() if number.isdecimal())
    differing = (number - 1 for number in numbers if seen.get(str(number)) != recorded.get(str(number)))
    return next(differing, max(numbers, default=0))


def of_checks(made: Sequence[Made], transcript: Transcript, force: str, entries: Sequence[Deviation]) -> list[str]:
    """The verdict of each check of a clause: conforms, deviates, stale, recorded, fails or crashed.

    An entry declares what they give, in order; of several entries that one counts which is followed furthest.
    """
    alone = [of_check(one, transcript, force) for one in made]
    found = []
    for entry in entries:
        declared = [entry.at(position) for position in range(len(made))]
        found.append([
            ("stale" if outcome != "conforms" else verdict) if verdict in ("conforms", "recorded")
            else "deviates" if matches(outcome, one.entry, transcript) else verdict
            for outcome, one, verdict in zip(declared, made, alone, strict=True)])
    return max(found, key=followed, default=alone)


def of_check(made: Made, transcript: Transcript, force: str) -> str:
    """The verdict of one check where nothing is declared. What may fail may succeed too."""
    allowed, ret = made.check.allowed, made.entry.observed["ret"]
    if force == "survey":
        return "crashed" if ret == "crashed" else "recorded"
    if any(matches(one, made.entry, transcript) for one in allowed):
        return "conforms"
    if force == "may" and ret == "ok" and all(map(is_errno, allowed)):
        return "conforms"
    return "crashed" if ret == "crashed" else "fails"


def followed(verdicts: Sequence[str]) -> int:
    """How many checks give what is declared of them before one does not."""
    return next((n for n, verdict in enumerate(verdicts) if verdict not in ("conforms", "deviates", "recorded")),
                len(verdicts))


def of_clause(clause: str, case: Case, transcript: Transcript, steps: Mapping[int, Mapping[str, str]], missed: str,
              declared: Sequence[Deviation]) -> str:
    """The verdict of a clause; empty where it has no check that counts."""
    verdicts = [steps.get(index, {}).get(clause, missed) for index, step in enumerate(case.steps)
                if any(check.clause == clause for check in step.checks) and not only_observed(case, index, transcript)]
    if not verdicts:
        return ""
    verdict = worst(verdicts)
    if verdict == "conforms" and "unsupported" in verdicts:  # what could not be tested has not passed
        return "unsupported"
    if verdict == "unresolved" and any((d.clause, d.observed) == (clause, "unresolved") for d in declared):
        return "unsupported"
    return "stale" if verdict == "conforms" and any(d.clause == clause for d in declared) else verdict


# --- what a run has in common with any other ------------------------------------------------------------------


def normalised(observed: Observed, names: Mapping[str, str]) -> dict[str, str]:
    """An outcome as any other run has it: without ports and paths that were chosen in this one, or a crash's reason."""
    return {key: role(item, names) if key in ADDRESSES else item for key, item in observed.items() if key != "reason"}


def role(address: str, names: Mapping[str, str]) -> str:
    """The fixture that has the address; else `inet:127.0.0.1:*`, `unix:*`, or a word such as `unnamed`."""
    owner = next((name for name, held in names.items() if held == address), "")
    family, _, rest = address.partition(":")
    if owner or not rest:
        return owner or address
    if family in ("inet", "inet6"):
        host, _, port = rest.rpartition(":")
        return f"{family}:{host}:{'0' if port == '0' else '*'}"
    return f"{family}:*"


# --- outcomes -----------------------------------------------------------------------------------------------


def matches(allowed: Allowed, entry: Entry, transcript: Transcript) -> bool:
    """Whether a call's outcome is one that is allowed."""
    ret = entry.observed["ret"]
    if not (ret.startswith("E") if allowed == "error" else ret == ret_of(allowed)) or lateness(allowed, entry.seconds):
        return False
    return isinstance(allowed, str) or all(
        same(key, value, entry, transcript) for key, value in allowed.items() if key not in ("errno", *BOUNDS))


def ret_of(allowed: Allowed) -> str:
    """What a call returns in an outcome: ok, blocks, an errno name."""
    return allowed if isinstance(allowed, str) else str(allowed.get("errno", "ok"))


def is_errno(allowed: Allowed) -> bool:
    """Whether an outcome is a failure: an errno, or any ("error")."""
    return allowed == "error" or ret_of(allowed).startswith("E")


def lateness(allowed: Allowed, seconds: float) -> str:
    """How a call that took so long misses the bounds of an outcome: too early, too late; empty if it does not."""
    bounds = {key: seconds_of(allowed[key]) for key in BOUNDS if key in allowed} if isinstance(allowed, Mapping) else {}
    if seconds < bounds.get("not-before", 0):
        return "too early"
    return "too late" if seconds > bounds.get("within", seconds) else ""


def is_timed(allowed: Sequence[Allowed]) -> bool:
    """Whether any of several outcomes has bounds of time."""
    return any(isinstance(one, Mapping) and key in one for one in allowed for key in BOUNDS)


def same(key: str, wanted: Any, entry: Entry, transcript: Transcript) -> bool:
    """Whether one field that came back is as wanted."""
    observed = entry.observed
    if key in ("name", "host", "port"):
        return same_name(key, wanted, entry, transcript)
    if isinstance(wanted, list | tuple):
        return set(filter(None, observed.get(key, "").split(","))) == set(wanted)
    if key == "data":
        return observed.get(key) == quote(wanted)
    return observed.get(key) == str(wanted)


def same_name(key: str, wanted: str, entry: Entry, transcript: Transcript) -> bool:
    """Addresses: a literal, the address of a named thing, or a word about it."""
    name = entry.observed.get("name", "")
    if wanted == "unchanged":
        before = earlier(entry, transcript)
        return before is not None and part(key, before) == part(key, name)
    host, port = part("host", name), part("port", name)
    chosen = host not in ("", *WILDCARD) if key == "host" else port not in ("", "0")
    words = {"chosen": chosen, "none": port == "0", "loopback": host in LOOPBACK,
             "wildcard": host in WILDCARD, "unnamed": name == "unnamed", "abstract": name.startswith("abstract:")}
    if wanted in words:
        return words[wanted]
    if key == "host":
        return host == wanted
    return name == (transcript.names.get(wanted) or own_name(wanted, transcript) or wanted)


def own_name(socket: str, transcript: Transcript) -> str:
    """The name that getsockname() gave last on a socket of the scenario."""
    told = [entry.observed["name"] for entry in transcript.entries
            if (entry.verb, entry.subject, entry.observed["ret"]) == ("getsockname", socket, "ok")]
    return told[-1] if told else ""


def part(key: str, name: str) -> str:
    """The host or port of an address such as inet:127.0.0.1:80, or all of it."""
    if key == "name" or not name.startswith("inet"):
        return name if key == "name" else ""
    host, _, port = name.partition(":")[2].rpartition(":")
    return host if key == "host" else port


def earlier(entry: Entry, transcript: Transcript) -> str | None:
    """The name that the same call on the same socket gave last before."""
    found = None
    for other in transcript.entries:
        if other is entry:
            return found
        if (other.verb, other.subject) == (entry.verb, entry.subject) and other.observed["ret"] == "ok":
            found = other.observed.get("name")
    return found


# --- words for people ---------------------------------------------------------------------------------------


def spell(step: Step, entry: Entry, allowed: Sequence[Allowed] = ()) -> str:
    """A call with its outcome: connect(client, server) = -1 ECONNREFUSED; with its time where that is bounded."""
    return f"{step.text} = {spell_observed(entry.observed)}{spell_time(entry.seconds) if is_timed(allowed) else ''}"


def spell_departure(case: Case, made: Made) -> str:
    """A call with its outcome and what its clause allows: connect(client, server) = 0, expected EISCONN."""
    allowed = made.check.allowed
    return f"{spell(case.steps[made.step], made.entry, allowed)}, expected {spell_allowed(allowed)}"


def spell_timed(observed: Observed, seconds: float, allowed: Sequence[Allowed] = ()) -> str:
    """An outcome with its time where that was long or the outcomes allowed have bounds: -1 ETIMEDOUT after 127 s."""
    return spell_observed(observed) + (spell_time(seconds) if seconds >= LONG_S or is_timed(allowed) else "")


def spell_time(seconds: float) -> str:
    """` after 127 s`, ` after 350 ms`; nothing for less than a millisecond."""
    if seconds >= LONG_S:
        return f" after {f'{seconds:.1f}'.removesuffix('.0')} s"
    return f" after {seconds * 1000:.0f} ms" if seconds else ""


def spell_observed(observed: Observed) -> str:
    """-1 ECONNREFUSED, 0, 0 {revents: POLLOUT}, blocks, returned 1, crashed."""
    ret = observed["ret"]
    fields = ", ".join(f"{key}: {value or 'none'}" for key, value in observed.items() if key not in ("ret", "reason"))
    if ret == "ok":
        return f"0 {{{fields}}}" if fields else "0"
    if ret.startswith("E"):
        return f"-1 {ret}"
    return ret.replace("=", " ")


def spell_allowed(allowed: Sequence[Allowed]) -> str:
    """EISCONN, or 0, or {revents: POLLOUT}, or ETIMEDOUT within 30 s; several joined by 'or'."""
    words = {"ok": "0", "error": "any errno"}
    return " or ".join(words.get(one, one) if isinstance(one, str) else spell_fields(one) for one in allowed)


def spell_declared(observed: Allowed | Sequence[Allowed]) -> str:
    """What an entry of a page declares: EINVAL at every check; EINVAL, then conforms, then 0."""
    many = [observed] if isinstance(observed, str | Mapping) else observed
    return ", then ".join(spell_allowed([one]) for one in many)


def spell_fields(outcome: Mapping[str, Any]) -> str:
    """An outcome that is a mapping: its errno or its fields, then its bounds."""
    fields = ", ".join(f"{key}: {'|'.join(map(str, value)) or 'none' if isinstance(value, list | tuple) else value}"
                       for key, value in outcome.items() if key not in ("errno", *BOUNDS))
    bounds = [f"{key.replace('-', ' ')} {outcome[key].rstrip('ms')} {outcome[key].lstrip('0123456789')}"
              for key in BOUNDS if key in outcome]
    return " ".join(filter(None, [f"{{{fields}}}" if fields else outcome.get("errno", "0"), " and ".join(bounds)]))
