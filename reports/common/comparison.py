"""What differs between two results of one case, and whether the system or the suite caused it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.common.results import Name, checked
from reports.common.wording import departures, untimely
from specs.model import FAILING, PENDING
from specs.outcomes import normalise
from specs.record import PlayedStep, Record
from specs.words import spell_observed

Steps = Sequence[PlayedStep]

# The kinds of differences, the most urgent first, as in the report; the words of --fail-on.
KINDS: Mapping[str, str] = {
    "regressed": "from conforms to a departure, or from a departure to a failure",
    "untested": "can no longer be tested",
    "changed": "still departs, but differently",
    "improved": "the reverse of regressed",
    "tested": "can be tested now",
    "judged": "the system did the same, but its page or a clause changed",
    "probe": "a recorded state is another",
    "scenario": "the scenario was edited; the results are not compared",
    "added": "only in the new run",
    "gone": "only in the old run",
}


def compare(old: Record | None, new: Record | None, steps: Steps | None = None) -> str:
    """The kind of the difference; empty if there is none. steps: of the new result, if they are read already."""
    if old is None or new is None:
        return "added" if new else "gone"
    if old.revision and new.revision and old.revision != new.revision:
        return "scenario"
    lost, found = new.verdict == "unsupported", old.verdict == "unsupported"
    if lost or found:
        return "" if lost and found else "untested" if lost else "tested"
    if (old.verdict, old.names, old.calls) == (new.verdict, new.names, new.calls):
        return ""  # without reading the calls
    before, after = checked(old), checked(new) if steps is None else steps
    if old.verdict != new.verdict and outcomes(before, old.names) == outcomes(after, new.names):
        return "judged"
    if rank(old) != rank(new):
        return "regressed" if rank(new) > rank(old) else "improved"
    if (old.verdict, departures(before, old.names)) != (new.verdict, departures(after, new.names)):
        return "changed"
    return "probe" if probes(before, old.names) != probes(after, new.names) else ""


def closest_drawn(case: str, records: Mapping[str, Record]) -> Record | None:
    """The worst case drawn for the same scenario; None if there is none or the scenario is not a drawn one."""
    scenario, drawn, _ = case.partition(".py::")
    name = Name.of(case).scenario
    found = [record for other, record in records.items() if other.startswith(f"{scenario}{drawn}{name}[")]
    return max(found, key=rank, default=None) if drawn else None


def compare_drawn(old: Record | None, new: Record | None, later: bool) -> str:
    """The kind if only one run has the case. A case that another run did not draw counts only if it is the worse."""
    if old is None or new is None:
        return compare(old, new)
    if later:
        return "regressed" if rank(new) > rank(old) else ""
    return "improved" if rank(old) > rank(new) else ""


def rank(record: Record) -> int:
    """0: as documents say; 1: as declared, or nothing is required; 2: neither."""
    return 0 if record.verdict in ("conforms", "stale") else 2 if record.verdict in FAILING else 1


def outcomes(steps: Steps, names: Mapping[str, str]) -> list[object]:
    """The outcomes of the scenario's own steps; of their time, only whether it is within the bounds."""
    return [(step.text, normalise(step.observed, names) if step.expected else step.ret,
             [untimely(step, clause) for clause in step.expected])
            for step in steps if step.line and step.verb != "probe"]


def probes(steps: Steps, names: Mapping[str, str]) -> dict[str, str]:
    """The last of each observation: `probe(client) peername` -> value, `bind(client, loopback)` -> outcome.

    Without those of a socket whose attempt is pending: they depend on timing, not on the platform.
    """
    found: dict[str, str] = {}
    pending: set[str] = set()
    for step in steps:
        settled, seen = step.subject not in pending, step.observed
        if step.verb == "connect":
            (pending.add if seen["ret"] in PENDING else pending.discard)(step.subject)
        elif len(seen) > 1 and (seen.get("revents") or seen.get("ready")):
            pending.discard(step.subject)
        if step.observe and settled:
            found[step.text] = spell_observed(normalise(seen, names))
        elif step.verb == "probe" and settled:
            values = normalise(seen, names)
            found |= {f"{step.text} {key}": item for key, item in values.items() if key != "ret"}
    return found
