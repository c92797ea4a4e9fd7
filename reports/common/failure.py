"""A failing result as a few lines: the call, its clause, the calls around it, what the page declares, the command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reports.common.results import plural
from reports.common.wording import again, visible
from specs.model import FAILING, Clause
from specs.record import PlayedStep, Record
from specs.words import spell_allowed, spell_declared, spell_timed

MAX_LINES = 15


def text(record: Record, clauses: Mapping[str, Clause], file: str = "", scenario: str = "") -> str:
    """At most 15 lines. file: the targets file, if not the suite's own; scenario: of a drawn case, shown below them."""
    wrong = [name for name, verdict in record.clauses.items() if verdict in FAILING]
    head = [record.reason, *(citation(clauses[name]) for name in wrong[:2]),
            f"target   {record.target} ({record.platform}), scenario at {record.id.partition('::')[0]}:{record.line}"]
    tail = [*declared(record, wrong), f"verdict  {record.verdict}", f"again    {again(record.id, record.target, file)}"]
    made = [step for step in record.steps if step.step is not None or step.ret != "ok"]
    rows = [row(number, step) for number, step in enumerate(made, 1)]
    shown = window(rows, decisive(record, made), MAX_LINES - len(head) - len(tail))
    drawn = ["as a scenario:", *(f"  {line}" for line in scenario.splitlines())] if scenario else []
    return "\n".join(visible(line) for line in [*head, *shown, *tail, *drawn])


def citation(clause: Clause) -> str:
    first = clause.cited[0]
    return f"clause   {clause.id}: {clause.says} ({first.document}, {first.where}; {first.force})"


def declared(record: Record, wrong: Sequence[str]) -> Iterator[str]:
    """What the page declares of the clauses that fail, the first two entries."""
    for one in [one for one in record.deviations if one.clause in wrong][:2]:
        yield f"declared {one.place}: {one.clause}: {spell_declared(one.observed)}, by {one.bug or one.because}"


def decisive(record: Record, made: Sequence[PlayedStep]) -> int:
    """The place of the first call with the verdict of the case; of the last call, where none has it."""
    return next((at for at, step in enumerate(made) if record.verdict in step.judged.values()
                 or (record.verdict == "unresolved" and step.is_precondition and step.ret != "ok")), len(made) - 1)


def window(rows: Sequence[str], at: int, most: int) -> list[str]:
    """At most so many of the rows, among them one and that behind it; a line for those cut off on either side."""
    if len(rows) <= most:
        return list(rows)
    kept = most - 2
    first = min(max(0, at - kept + 2), len(rows) - kept)
    last = len(rows) if len(rows) == first + kept + 1 else first + kept  # no line in the place of a single row
    first = 0 if first == 1 else first
    cut = (f"         … {plural(number, 'step')} {side}" if number else ""
           for number, side in ((first, "before"), (len(rows) - last, "after")))
    before, after = cut
    return [line for line in (before, *rows[first:last], after) if line]


def row(number: int, step: PlayedStep) -> str:
    """One call as a line: `3  connect(client, peer) = -1 EISCONN, expected 0   <- fails`."""
    given = f"given {step.given}" if step.given else ""
    allowed = {clause: step.allowed(clause) for clause in step.expected}
    seen = spell_timed(step.observed, step.seconds, [one for ones in allowed.values() for one in ones])
    line = f"{given:9}{number:2}  {step.text} = {seen}"
    departures = set(step.judged.values()) - {"conforms", "recorded", "stale"}
    if departures and any(allowed.values()):
        line += ", expected " + " and ".join(("" if step.clause else f"{clause}: ") + spell_allowed(ones)
                                             for clause, ones in allowed.items() if ones)
    stale = ["as the clause says, not as the page declares (stale)"] if "stale" in step.judged.values() else []
    notes = ", ".join([*sorted(departures), *stale])
    return line + (f"   <- {notes}" if notes else "")
