"""How verdicts, outcomes and commands are worded: the same in every report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from reports.results import Deviation, Record, Step
from specs.judge import spell_allowed
from specs.model import SYNONYMS, Allowed, Clause

GLYPHS: Mapping[str, str] = {
    "conforms": "✓", "deviates": "≠", "open": "○", "fails": "✗", "stale": "!", "crashed": "‼",
    "unresolved": "?", "unsupported": "·",
}


def visible(text: str) -> str:
    """The text with every character that is not to be seen, but to be acted on, spelt as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def alternatives(step: Step, clause: str) -> list[Allowed]:
    """The outcomes that the clause allows at this step."""
    expect = step.expected[clause]
    return [SYNONYMS.get(one, one) if isinstance(one, str) else one
            for one in (expect if isinstance(expect, list) else [expect])]


def instead(record: Record, clause: str) -> str:
    """What was observed where the clause was decided, if it is not what the clause names; else nothing.

    An unresolved clause has no such check: there it is what the failed precondition gave.
    """
    verdict = record.clauses[clause]
    if verdict == "unresolved":
        return next((step.ret for step in record.steps if step.is_precondition and step.ret != "ok"), "")
    found = (departure(step, clause) for step in record.steps if step.judged.get(clause) == verdict)
    return next((text for text in found if text not in ("", verdict)), "")


def departure(step: Step, clause: str) -> str:
    """What a check observed, if it is not what the clause names: an errno, or the fields that came back."""
    expected = alternatives(step, clause)
    if step.ret in expected:
        return ""
    fields = {key: item for key, item in step.observed.items() if key not in ("ret", "reason")}
    if step.ret != "ok" or not fields:
        return step.ret
    if step.judged[clause] == "conforms":
        return ""
    named = [key for one in expected if isinstance(one, Mapping) for key in one if key in fields]
    return ", ".join(f"{key}={fields[key]}" for key in dict.fromkeys(named or fields))


def citations(clause: Clause) -> str:
    """`illumos ERRORS (shall); posix-2017 ERRORS (may)`."""
    return "; ".join(f"{one.document} {one.where} ({one.force})" for one in clause.cited)


def declared(entry: Deviation) -> str:
    """`illumos.ENOTSOCK.name: ECONNREFUSED (documented), because …; unix(7), ERRORS`."""
    observed = spell_allowed([entry.observed])
    return f"{entry.clause}: {observed} ({entry.status}), because {entry.because}; {entry.source}"


def again(case: str, target: str) -> str:
    """The command that plays the case once more on the target."""
    return f"pytest {shlex.quote(node(case, target))} --target {shlex.quote(target)}"


def node(case: str, target: str) -> str:
    """The pytest node id of a case on a target."""
    return f"{case.removesuffix(']')}-{target}]" if case.endswith("]") else f"{case}[{target}]"
