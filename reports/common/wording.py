"""How verdicts, outcomes and commands are worded: the same in every report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from reports.common.results import Name, some
from specs.judge import lateness, normalised, ret_of, spell_allowed, spell_declared, spell_timed
from specs.model import Clause
from specs.record import Declared, PlannedStep, PlayedStep, Record

GLYPHS: Mapping[str, str] = {
    "conforms": "✓", "deviates": "≠", "drifted": "↯", "recorded": "○", "fails": "✗", "stale": "!", "crashed": "‼",
    "unresolved": "?", "unsupported": "·",
}

def shared_name(scenario: str, cases: Sequence[str]) -> str:
    """One name for variants of a scenario: `stream/EISCONN::twice[inet, inet6]`."""
    name, variants = Name.of(scenario), [Name.of(case).variant for case in cases]
    return f"{name.topic}::{name.scenario}" + (f"[{some(variants, 2)}]" if any(variants) else "")


def visible(text: str) -> str:
    """The text with every character that is not to be seen, but to be acted on, spelt as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def instead(record: Record, clause: str) -> str:
    """What was observed where the clause was decided, if it is not what the clause names; else nothing.

    An unresolved clause has no such check: there it is what the failed precondition gave.
    """
    verdict = record.clauses[clause]
    if verdict == "unresolved":
        return next((step.ret for step in record.steps if step.is_precondition and step.ret != "ok"), "")
    found = (departure(step, clause, record.names) for step in record.steps if step.judged.get(clause) == verdict)
    return next((text for text in found if text not in ("", verdict)), "")


def departures(record: Record) -> list[tuple[str, str, str]]:
    """All that makes a case depart: clause, call and outcome; of an unresolved one, the precondition that failed."""
    return [*((clause, step.text, departure(step, clause, record.names)) for step in record.steps
              for clause, verdict in step.judged.items() if verdict != "conforms"),
            *(("", step.text, step.ret) for step in record.steps if step.is_precondition and step.ret != "ok")]


def departure(step: PlayedStep, clause: str, names: Mapping[str, str]) -> str:
    """What a check observed, if it is not what the clause names: an errno, or the fields that came back; too late."""
    expected, late = step.allowed(clause), untimely(step, clause)
    fields = {key: item for key, item in normalised(step.observed, names).items() if key != "ret"}
    if step.ret in [ret_of(one) for one in expected if isinstance(one, str) or "errno" in one or not fields]:
        return f"{step.ret} {late}" if late else ""
    if "error" in expected and step.ret.startswith("E"):
        return ""
    if step.ret != "ok" or not fields:
        return step.ret
    if step.judged[clause] in ("conforms", "stale"):
        return ""
    named = [key for one in expected if isinstance(one, Mapping) for key in one if key in fields]
    return " ".join(filter(None, [", ".join(f"{key}={fields[key]}" for key in dict.fromkeys(named or fields)), late]))


def untimely(step: PlayedStep, clause: str) -> str:
    """How a check misses the bounds of time of what it expects, in words that are the same in every run."""
    missed = [lateness(one, step.seconds) for one in step.allowed(clause) if ret_of(one) == step.ret]
    return missed[0] if missed and all(missed) else ""


def outcome(step: PlayedStep) -> str:
    """What a call gave, with its time where that was long or is what is checked."""
    return spell_timed(step.observed, step.seconds, [one for clause in step.expected
                                                     for one in step.allowed(clause)])


def expectation(step: PlannedStep, clause: str) -> str:
    """What the clause allows, and on what that depends: `{ready: output}, after EINPROGRESS`."""
    after = [f"after {spell_allowed(step.after)}"] if step.after else []
    return ", ".join([spell_allowed(step.allowed(clause)), *after])


def citations(clause: Clause) -> str:
    """`illumos ERRORS (shall); posix-2017 ERRORS (may)`."""
    return "; ".join(f"{one.document} {one.where} ({one.force})" for one in clause.cited)


def declared(entry: Declared) -> str:
    """`illumos.ENOTSOCK.name: ECONNREFUSED (documented), because …; unix(7), ERRORS`."""
    return f"{entry.clause}: {spell_declared(entry.observed)} ({entry.status}), because {entry.because}; {entry.source}"


def again(case: str, target: str) -> str:
    """The command that plays the case once more on the target."""
    return f"pytest {shlex.quote(node(case, target))} --target {shlex.quote(target)}"


def node(case: str, target: str) -> str:
    """The pytest node id of a case on a target."""
    return f"{case.removesuffix(']')}-{target}]" if case.endswith("]") else f"{case}[{target}]"
