"""What is wrong in failing cases, grouped: bugs that a page lacks, as `accept` writes them, and all else that fails."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from reports.common.wording import departure
from specs.model import FAILING
from specs.record import PlayedStep, Record
from specs.words import spell_allowed, spell_declared

KINDS = ("undeclared", "crashed", "stale", "unresolved", "drifted")  # the order in which they are shown
HELD = ("conforms", "recorded", "drifted", "deviates")  # verdicts of checks that need no bug, or have one
CALL = re.compile(r"\(.*?\) = ")  # the operands of a call in a reason
NUMBERED = re.compile(r"(inet6?:\S+:)\d+|\b(?!inet)([a-z]+)\d+\b")  # an ephemeral port, a path of the run


@dataclass
class Fault:
    """One thing that is wrong. name: the clause, the declared bug, or empty; what: the outcome, or the reason.

    records: the results that show it; the first, of the fewest calls, is the example.
    """

    kind: str
    name: str
    what: str
    records: list[Record] = field(default_factory=list)


def first_wrong(verdicts: Sequence[str]) -> int | None:
    """The check of a clause, by its place among them, whose outcome names an undeclared bug; None if there is none.

    verdicts: of the clause's checks in a case, in order. One that conforms where a bug is declared is such a check only
    beside one that deviates: then the page's sequence is wrong, not outdated.
    """
    if not {"fails", "crashed"} & set(verdicts) and not {"stale", "deviates"} <= set(verdicts):
        return None
    return next(at for at, verdict in enumerate(verdicts) if verdict not in HELD)


def faults(records: Iterable[Record]) -> list[Fault]:
    """Everything that is wrong in the results of one target, by kind, the most frequent first.

    A case of several clauses can show several.
    """
    found: dict[tuple[str, str, str], Fault] = {}
    failing = [record for record in records if record.verdict in FAILING]
    for record in sorted(failing, key=lambda one: (sum(step.line > 0 for step in one.steps), len(one.id), one.id)):
        for kind, name, key, what in shown(record):
            found.setdefault((kind, name, key), Fault(kind, name, what)).records.append(record)
    return sorted(found.values(), key=lambda one: (KINDS.index(one.kind), -len(one.records)))


def shown(record: Record) -> Iterator[tuple[str, str, str, str]]:
    """Kind, name, what cases of one fault have in common, and the wording of each fault that a failing case shows."""
    any_shown = False
    for clause, verdict in record.clauses.items():
        checks = [step for step in record.steps if clause in step.judged]
        at = first_wrong([step.judged[clause] for step in checks])
        outdated = [(one.bug or clause, f"{clause} conforms, declared: {spell_declared(one.observed)}")
                    for one in record.deviations if one.clause == clause]
        if at is not None:
            any_shown = True
            is_stale = checks[at].judged[clause] == "stale" and outdated
            what = outdated[0][1] if is_stale else instead(checks[at], clause, record)
            yield "undeclared", clause, checks[at].ret, what
        elif verdict == "stale":
            for name, what in outdated:
                any_shown = True
                yield "stale", name, "", what
    if not any_shown:
        kind = record.verdict if record.verdict in KINDS else "undeclared"
        reason = NUMBERED.sub(r"\1\2*", record.reason)
        reason = CALL.sub("() = ", reason, count=1) if kind == "drifted" else reason
        yield kind, "", reason, reason


def instead(step: PlayedStep, clause: str, record: Record) -> str:
    """`returns 0 instead of EISCONN`, `blocks instead of EAGAIN`: a check that fails, and what its clause allows."""
    seen = departure(step, clause, record.names) or step.ret
    verb = "" if seen in ("blocks", "crashed") else "returns "
    return f"{verb}{spell_allowed([seen])} instead of {spell_allowed(step.allowed(clause))}"
