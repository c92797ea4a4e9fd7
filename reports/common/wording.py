"""The wording of verdicts, outcomes and commands, the same in every report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from specs.model import Clause
from specs.outcomes import lateness, normalise, ret_of
from specs.record import Declared, PlannedStep, PlayedStep, Record
from specs.words import spell_allowed, spell_declared, spell_timed

GLYPHS: Mapping[str, str] = {
    "conforms": "✓", "deviates": "≠", "drifted": "↯", "recorded": "○", "fails": "✗", "stale": "!", "crashed": "‼",
    "unresolved": "?", "unsupported": "·",
}


def visible(text: str) -> str:
    """The text with every character that is not printable as an escape sequence."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def observed_instead(record: Record, clause: str, steps: Sequence[PlayedStep] | None = None) -> str:
    """What the check that decided the clause observed, if the clause does not name it; else empty.

    Of an unresolved clause, which has no such check, what the failed precondition returned. steps: of the result, if
    they are read already.
    """
    verdict = record.clauses[clause]
    if verdict == "unsupported":  # and no check has been made
        return ""
    steps = record.steps if steps is None else steps
    if verdict == "unresolved":
        return next((step.ret for step in steps if step.is_precondition and step.ret != "ok"), "")
    found = (departure(step, clause, record.names) for step in steps
             if (step.verdict or step.verdicts) and step.judged.get(clause) == verdict)
    return next((text for text in found if text not in ("", verdict)), "")


def departures(steps: Sequence[PlayedStep], names: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Clause, call and outcome of every check that does not conform, and of failed preconditions, without a clause."""
    checks = [(clause, step.text, departure(step, clause, names)) for step in steps if step.verdict or step.verdicts
              for clause, verdict in step.judged.items() if verdict != "conforms"]
    return checks + [("", step.text, step.ret) for step in steps
                     if step.line and step.observed["ret"] != "ok" and step.is_precondition]


def departure(step: PlayedStep, clause: str, names: Mapping[str, str]) -> str:
    """What a check observed, if the clause does not name it: an errno or the returned fields, and `too late`."""
    expected = step.allowed(clause)
    if step.ret in expected:  # in any time; that is most calls
        return ""
    late = untimely(step, clause)
    fields = {key: item for key, item in normalise(step.observed, names).items() if key != "ret"}
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
    """`too late` or `too early` if the call missed the time bounds of the outcome that it had; else empty."""
    missed = [lateness(one, step.seconds) for one in step.allowed(clause) if ret_of(one) == step.ret]
    return missed[0] if missed and all(missed) else ""


def outcome(step: PlayedStep) -> str:
    """What a call returned, with its time if that is long or checked."""
    return spell_timed(step.observed, step.seconds, [one for clause in step.expected
                                                     for one in step.allowed(clause)])


def expectation(step: PlannedStep, clause: str) -> str:
    """What the clause allows, and after which outcome: `{ready: output}, after EINPROGRESS`."""
    after = [f"after {spell_allowed(step.after)}"] if step.after else []
    return ", ".join([spell_allowed(step.allowed(clause)), *after])


def citations(clause: Clause) -> str:
    """`illumos ERRORS (shall); posix-2017 ERRORS (may)`."""
    return "; ".join(f"{one.document} {one.where} ({one.force})" for one in clause.cited)


def declared(entry: Declared) -> str:
    """`illumos.ENOTSOCK.name: ECONNREFUSED (documented), because …; unix(7), ERRORS; reported: https://…`."""
    text = f"{entry.clause}: {spell_declared(entry.observed)} ({entry.status}), because {entry.because}; {entry.source}"
    return text + (f"; reported: {entry.reported}" if entry.reported else "")


def again(case: str, target: str, file: str = "") -> str:
    """The command that plays the case again on the target. file: the targets file that has it, if not the suite's."""
    return shlex.join(["pytest", node(case, target), "--target", target, *([f"--targets={file}"] if file else [])])


def node(case: str, target: str) -> str:
    """The pytest node id of a case on a target; of a drawn case, that of the test which draws it, on any target."""
    path, _, scenario = case.partition("::")
    if path.endswith(".py"):
        return f"{path}::test_{scenario.partition('[')[0].replace('-', '_')}"
    return f"{case.removesuffix(']')}-{target}]" if case.endswith("]") else f"{case}[{target}]"
