"""The judge: what a transcript says about the clauses of its case.

A pure function, so that what was recorded can be judged again later, under another document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from specs.model import Allowed, Case, Check, Clause, Deviation, Entry, Observed, Profile, Step, Transcript, worst

LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
WILDCARD = ("0.0.0.0", "::", "::ffff:0.0.0.0")


@dataclass
class Judgement:
    """verdict: of the case. clauses: of each clause. steps: of each check, by step index and clause."""

    verdict: str
    clauses: dict[str, str]
    steps: dict[int, dict[str, str]]
    reason: str
    deviations: tuple[Deviation, ...] = field(default=())


def judge(case: Case, transcript: Transcript, clauses: Mapping[str, Clause], profile: Profile) -> Judgement:
    """The verdicts of one case; see the table of verdicts in README."""
    declared = profile.of(case)
    steps: dict[int, dict[str, str]] = {}
    departures: list[tuple[str, str]] = []  # verdict, what was seen
    unmet = ""
    for index, step in enumerate(case.steps):
        entry = transcript.of_step(index)
        if entry is None or entry.observed["ret"] == "unsupported":
            break
        if step.verb == "probe":
            continue
        if not step.checks:
            if entry.observed["ret"] != "ok":
                unmet = f"step {index + 1}, a precondition: {spell(step, entry.observed)}"
                break
            continue
        steps[index] = {check.clause: of_check(check, entry, transcript, profile, declared,
                                               clauses[check.clause].force(profile.manuals)) for check in step.checks}
        departures += [(verdict, f"{spell(step, entry.observed)}, expected {spell_allowed(check.allowed)}")
                       for check in step.checks if (verdict := steps[index][check.clause]) != "conforms"]
    ended, why = transcript.ended or ("unresolved", unmet)
    if ended == "unsupported" and not departures:
        return Judgement("unsupported", dict.fromkeys(case.clauses, "unsupported"), steps, why, declared)
    # A check that nothing led to any more after a departure was not tested; without one its state was not reached.
    died = ended == "crashed" and not at_check(case, transcript)
    missed = "crashed" if died else "unsupported" if departures else ended
    verdicts = {clause: of_clause(clause, case, steps, missed, declared) for clause in case.clauses}
    verdict = worst([*verdicts.values(), *(["crashed"] if died else [])])
    reason = next((seen for one, seen in departures if one == verdict), "")
    if verdict in ("crashed", "unresolved") and why:
        reason = why
    elif verdict == "unsupported":
        reason = next((d.because for d in declared if d.observed == "unresolved"), why)
    elif verdict == "stale":
        reason = "; ".join(f"{d.file}:{d.line} declares {spell_allowed((d.observed,))}" for d in declared
                           if verdicts[d.clause] == "stale")
    return Judgement(verdict, verdicts, steps, reason, declared)


def at_check(case: Case, transcript: Transcript) -> bool:
    """Whether the last call made was one that is judged, so that its own verdict tells of its death."""
    last = transcript.entries[-1].step if transcript.entries else None
    return last is not None and bool(case.steps[last].checks)


def of_check(check: Check, entry: Entry, transcript: Transcript, profile: Profile, declared: Sequence[Deviation],
             force: str) -> str:
    """The verdict of one check: conforms, deviates, open, fails or crashed. What may fail may succeed too.

    What no document settles binds a platform by its own page alone: whoever imitates another can differ there.
    """
    if any(matches(allowed, entry, transcript) for allowed in check.allowed):
        return "conforms"
    if force == "may" and entry.observed["ret"] == "ok" and all(is_errno(allowed) for allowed in check.allowed):
        return "conforms"
    entries = [d for d in declared if d.clause == check.clause and d.observed != "unresolved"]
    if any(matches(d.observed, entry, transcript) for d in entries):
        return "deviates"
    if entry.observed["ret"] == "crashed":
        return "crashed"
    return "open" if force == "unspecified" and not any(profile.owns(d) for d in entries) else "fails"


def of_clause(clause: str, case: Case, steps: Mapping[int, Mapping[str, str]], missed: str,
              declared: Sequence[Deviation]) -> str:
    verdicts = [steps.get(index, {}).get(clause, missed) for index, step in enumerate(case.steps)
                if any(check.clause == clause for check in step.checks)]
    verdict = worst(verdicts)
    if verdict == "conforms" and "unsupported" in verdicts:  # what could not be tested has not passed
        return "unsupported"
    if verdict == "unresolved" and any((d.clause, d.observed) == (clause, "unresolved") for d in declared):
        return "unsupported"
    return "stale" if verdict == "conforms" and any(d.clause == clause for d in declared) else verdict


# --- outcomes -----------------------------------------------------------------------------------------------


def matches(allowed: Allowed, entry: Entry, transcript: Transcript) -> bool:
    """Whether a call's outcome is one that is allowed; "any" allows none: it marks what no document settles."""
    observed = entry.observed
    if isinstance(allowed, str):
        return observed["ret"] == allowed
    return observed["ret"] == "ok" and all(same(key, value, entry, transcript) for key, value in allowed.items())


def is_errno(allowed: Allowed) -> bool:
    return isinstance(allowed, str) and allowed.startswith("E")


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
    words = {"chosen": port not in ("", "0"), "none": port == "0", "loopback": host in LOOPBACK,
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


def spell(step: Step, observed: Observed) -> str:
    """A call with its outcome: connect(client, server) = -1 ECONNREFUSED."""
    return f"{step.text} = {spell_observed(observed)}"


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
    """EISCONN, or 0, or {revents: POLLOUT}; several joined by 'or'."""
    words = []
    for one in allowed:
        if isinstance(one, str):
            words.append({"ok": "0", "any": "what no document settles"}.get(one, one))
        else:
            words.append("{" + ", ".join(
                f"{key}: {'|'.join(map(str, value)) or 'none' if isinstance(value, list | tuple) else value}"
                for key, value in one.items()) + "}")
    return " or ".join(words)
