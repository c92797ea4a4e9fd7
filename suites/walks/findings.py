"""What walks find: answers that the machine does not allow, each once, with the shortest walk that shows it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import yaml

from specs.machine.declared import CONFORMS, NEW, OPEN, entry_of, kind_of
from specs.machine.oracle import Seen, follow
from specs.machine.races import Call
from specs.machine.traits import Answers, Words, alike, row_of, trait_of
from specs.model import Case, Check, Clause, Deviation, Profile, Step, Transcript
from specs.words import spell
from suites.walks.walking import own_steps, shrink, walks_to

PLAYS = 150  # of one walk while it is shrunk
PLAYS_BLOCKED = 12  # likewise, where each play waits for the call timeout
AGAIN = 5  # plays of the shortest in one of which it is to show it once more
FEW = 6  # calls that a reader takes in at once
PATTERN = "*!"  # characters of a pattern, which a scenario cannot expect


class Finding(NamedTuple):
    """One answer in one state of one kind of socket.

    clause: that it breaks, or empty. allowed: by that clause, else what the machine allows. case: the shortest walk.
    entry: of the platform's page, which has the answer. again: other plays of the walk show it, too.
    """

    seen: Seen
    clause: str
    allowed: Words
    case: Case
    entry: Deviation | None
    again: bool = True


@dataclass
class Explorer:
    """Follows walks of one target. answers: what it may give; what has been found is known from then on."""

    play: Callable[[Case], Transcript]
    answers: Answers
    profile: Profile

    def explore(self, case: Case, transcript: Transcript) -> Iterator[Finding]:
        """What a walk that has been played shows and no earlier one has shown."""
        while found := self.first(case, transcript):
            yield self.shortest(found, case)
            self.answers = replace(self.answers, known=self.answers.known | {found.cause})

    def shortest(self, found: Seen, case: Case) -> Finding:
        """What a walk shows, by the fewest of its calls that show it again."""
        return self.shrunk(found, case) or self.finding(found, case)._replace(again=False)

    def shrunk(self, found: Seen, case: Case) -> Finding | None:
        """None of a race that has come out otherwise since."""
        shorter = shrink(case, partial(self.shows, found), plays_of(found))
        shown = (self.first(shorter, self.play(shorter)) for _ in range(AGAIN))
        return next((self.finding(seen, shorter) for seen in shown if seen and seen.cause == found.cause), None)

    def shorter(self, finding: Finding) -> Finding:
        """The same by fewer calls, if there are any, once all that walks show is known and is in its way no longer.

        It is looked for in its own walk, and in the shortest to rules like its own.
        """
        found, cause = finding.seen, finding.seen.cause
        alone = replace(self, answers=replace(self.answers, known=self.answers.known - {cause}))
        others = walks_to(finding.case.axes, lambda rule: cause[0] in (alike(rule), row_of(rule)), self.answers)
        other = next((one for one in islice(others, plays_of(found)) if alone.shows(found, one)), finding.case)
        shown = (alone.shrunk(found, one) for one in (finding.case, other))
        return min((finding, *filter(None, shown)), key=lambda one: len(own_steps(one.case)))

    def finding(self, seen: Seen, case: Case) -> Finding:
        clause, allowed = next(self.answers.breaks(seen.rule, seen.kind, seen.word),
                               ("", self.answers.allowed(seen.rule, seen.kind)))
        entry = entry_of(seen.rule, seen.kind, seen.word, self.answers, self.profile)
        return Finding(seen, clause, allowed, case, entry)

    def first(self, case: Case, transcript: Transcript) -> Seen | None:
        """The first answer of a walk that is neither allowed nor known."""
        return next((one for one in follow(case, transcript, self.answers) if one.broken), None)

    def shows(self, found: Seen, case: Case) -> bool:
        """Whether a walk shows the same first."""
        seen = self.first(case, self.play(case))
        return seen is not None and seen.cause == found.cause


def plays_of(found: Seen) -> int:
    return PLAYS_BLOCKED if found.word == "blocks" else PLAYS


# --- as a scenario ------------------------------------------------------------------------------------------


def checked(finding: Finding) -> Case:
    """The shortest walk with the clause that it breaks as a check, where that can be written as one."""
    seen, case = finding.seen, finding.case
    expected = expectation(finding)
    if not finding.clause or not expected:
        return case
    steps = list(case.steps)
    steps[seen.step] = replace(steps[seen.step], checks=(Check(finding.clause, expected),), observe=False)
    return replace(case, steps=tuple(steps))


def expectation(finding: Finding) -> tuple[Any, ...]:
    """What is allowed as a check has it; nothing where it cannot."""
    if any(one in word for word in finding.allowed for one in PATTERN):
        return ()
    step = finding.case.steps[finding.seen.step]
    return tuple({"data": finding.seen.sent} if word == "data" else outcome(step, word) for word in finding.allowed)


def outcome(step: Step, word: str) -> Any:
    """A word of the machine as an outcome of a scenario."""
    if step.verb == "getsockopt":
        return {"value": word}
    if step.verb == "poll" and word != word.lower():
        return {"revents": word.split("|")}
    fields = {("recv", "end"): {"data": ""}, ("poll", "none"): {"revents": []},
              ("getsockname", "none"): {"port": "none"}, ("getsockname", "bound"): {"port": "chosen"}}
    return fields.get((step.verb, word), word)


def scenario(finding: Finding, name: str) -> str:
    """The YAML of a file with the one scenario, ready to paste; calls that only prepare must succeed."""
    seen, case = finding.seen, checked(finding)
    is_check = not case.steps[seen.step].observe
    return "\n".join([*([f"clause: {finding.clause}"] if is_check else []), *listing(case, name, summary(seen))])


def listing(case: Case, name: str, says: str) -> list[str]:
    """The lines of a scenario."""
    lines = ["scenarios:", f"  {name}:", f"    summary: {says}", f"    domain: [{case.axes['domain']}]",
             f"    type: {case.axes['type']}"]
    if case.given:
        lines.append(f"    given: {flow([{given.fixture: given.name} for given in case.given])}")
    return [*lines, "    steps:", *(f"      - {flow(spelled(step))}" for step in case.steps)]


def spelled(step: Step) -> Mapping[str, Any]:
    words: dict[str, Any] = {step.verb: step.name, **step.operands}
    if step.checks and step.checks[0].allowed:
        allowed = step.checks[0].allowed
        return {**words, "expect": allowed[0] if len(allowed) == 1 else list(allowed)}
    prepares = step.verb in ("socket", "fcntl", "close") or "thread" in step.operands
    return words if prepares else {**words, "observe": True}


def flow(value: Any) -> str:
    """A value in YAML's flow style, in one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=math.inf, sort_keys=False).strip()


def summary(seen: Seen) -> str:
    row = trait_of(seen.rule)
    verb, _, state = seen.rule.partition("/")
    return (row.says.partition(";")[0] if row else f"Of {verb}() in the state {state}.").rstrip(".") + "."


def race(case: Case, found: Call, transcript: Transcript) -> str:
    """A race that no order explains: the answers of the play that showed it, the fewest calls as a scenario."""
    return "\n".join([f"no order of the calls explains {spell(found.entry)}:",
                      text_of_calls(transcript),
                      "as a scenario:", *(f"  {line}" for line in listing(case, f"race-{case.variant}", "A race.")),
                      "as a program that plays it again and again, and prints each order of answers once:",
                      f"  python -m reports reproduce RESULTS 'races[{case.variant}]' -o race.c",
                      "  cc race.c -lpthread -o race && while :; do ./race; done | awk '!seen[$0]++'"])


def text_of_calls(transcript: Transcript) -> str:
    """The calls of a race with their answers, one a line."""
    return "\n".join(f"  {spell(one)}" for one in transcript.entries if one.step is not None)


# --- for people ---------------------------------------------------------------------------------------------


def text(finding: Finding, clauses: Mapping[str, Clause], name: str) -> str:
    """A finding in some lines: the answer, what it departs from, the walk as a scenario."""
    seen = finding.seen
    step = finding.case.steps[seen.step]
    clause = clauses.get(finding.clause)
    why = (f"clause   {clause.id}: {clause.says}" if clause else "recorded no walk of this platform gave it before")
    rare = [] if finding.again else [f"again    in none of {AGAIN} plays of the same walk"]
    return "\n".join([f"{step.text} gives {seen.word}, expected {' or '.join(finding.allowed)}",
                      f"rule     {seen.rule}, {seen.kind}, {len(own_steps(finding.case))} calls", why, *rare,
                      "as a scenario:", *(f"  {line}" for line in scenario(finding, name).splitlines())])


KINDS_OF_NEW = {NEW: "which break a clause, and which no bug of the page declares",
                CONFORMS: "which documents require or allow, and of which another answer is recorded",
                OPEN: "of which nothing is required, and another answer is recorded"}


def summary_of(found: Mapping[str, Finding], answers: Answers) -> str:
    """How many differences there are of each kind; of those that the page declares each bug, with an example.

    found: by the names under which they are recorded.
    """
    declared: dict[str, list[tuple[str, Finding]]] = defaultdict(list)
    kinds: dict[str, list[str]] = defaultdict(list)
    for name, one in found.items():
        if one.entry:
            declared[f"{one.entry.file}:{one.entry.bug.line}: {one.entry.bug.name}"].append((name, one))
        else:
            kinds[kind_of(one.seen.rule, one.seen.kind, one.seen.word, answers)].append(name)
    lengths = [len(own_steps(one.case)) for one in found.values() if one.again] or [0]
    lines = [f"{len(found)} differences, of which the platform's page declares {sum(map(len, declared.values()))}",
             f"  {sum(one <= FEW for one in lengths)} shown by {FEW} calls or fewer, the longest by {max(lengths)}"]
    if rare := [name for name, one in found.items() if not one.again]:
        lines.append(f"  {len(rare)} that no further play of their walk shows: {', '.join(rare)}")
    for bug, some in sorted(declared.items()):
        name, one = some[0]
        lines.append(f"  {len(some):3} {bug}: {name}, {one.case.steps[one.seen.step].text} gives {one.seen.word}")
    lines += [f"  {len(kinds[kind]):3} {says}: {', '.join(kinds[kind])}" for kind, says in KINDS_OF_NEW.items()
              if kind in kinds]
    return "\n".join(lines)
