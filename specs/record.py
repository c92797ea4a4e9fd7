"""The result file: what a run writes and reports read.

A result file is JSON lines: a header, a record for each case and target, a footer. What is declared here is what a line
holds, so that one that holds anything else is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from specs import model
from specs.judge import Judgement
from specs.model import SYNONYMS, VERDICTS, Allowed, plain

SCHEMA = 4

if TYPE_CHECKING:
    Verdict = str
else:
    Verdict = Literal[VERDICTS]
Outcome = str | dict[str, Any]
Outcomes = Outcome | list[Outcome]  # any of several


class Unreadable(Exception):
    """A file, or a question about it, that no report can answer; its text is the one line to show."""


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """An implementation under test as one run met it.

    unavailable: why it could not be started. file: the targets file that has it; empty for the suite's own.
    """

    platform: str
    hello: dict[str, Any] = {}
    unavailable: str = ""
    file: str = ""

    @property
    def release(self) -> str:
        return str(self.hello.get("release", "unavailable" if self.unavailable else "unknown"))

    @property
    def machine(self) -> str:
        return str(self.hello.get("machine", "unknown"))

    @property
    def version(self) -> str:
        """For people: `Linux 6.18.44 x86_64, glibc-2.36`, as far as the hello has it."""
        system, release, machine, implementation = (
            str(self.hello.get(key, "")) for key in ("system", "release", "machine", "implementation"))
        parts = (" ".join(filter(None, (system, release, machine))), implementation)
        return ", ".join(filter(None, parts)) or self.release


class Suite(msgspec.Struct, frozen=True):
    """The state of the suite that played the cases."""

    revision: str


class Header(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="header"):
    """The first line: what is about to be run, where, on what.

    judged: by what else than was then declared. chosen: the arguments that chose some of the cases; empty for all.
    """

    schema: int
    suite: Suite
    started: str
    targets: dict[str, Target]
    environment: dict[str, Any] = {}
    judged: str = ""
    chosen: str = ""


class Declared(msgspec.Struct, frozen=True):
    """What a platform's page has on a clause of a case. observed: of every check, or of each in order.

    bug, place: its name there, and where it is declared, as FILE:LINE; older suites had neither. reported: where it is,
    to those who maintain the platform.
    """

    clause: str
    observed: Outcomes
    status: str
    because: str
    source: str
    bug: str = ""
    reported: str = ""
    place: str = ""

    @classmethod
    def of(cls, entry: model.Deviation) -> Declared:
        bug = entry.bug
        return cls(entry.clause, plain(entry.observed), bug.status, bug.because, bug.source, bug.name,
                   bug.reported, f"{entry.file}:{entry.line}")


class PlannedStep(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A step as the scenario has it. step: its index there; line: in the scenario's file.

    after: what the attempt before gives where it is checked, or the call that it follows. observe: it is recorded only,
    for a clause that requires nothing if it has one.
    """

    text: str
    verb: str
    subject: str = ""
    operands: dict[str, Any] = {}
    step: int | None = None
    line: int = 0
    expect: Outcomes | None = None
    clause: str = ""
    after: tuple[str, ...] = ()
    observe: bool = False
    follows: str = "connect"

    @property
    def expected(self) -> Mapping[str, Any]:
        """Clause -> what it allows here. Empty for a precondition, a probe or a fixture's call."""
        if self.clause:
            return {self.clause: [] if self.expect is None else self.expect}
        return self.expect if isinstance(self.expect, dict) else {}

    def allowed(self, clause: str) -> tuple[Allowed, ...]:
        """The outcomes that the clause allows at this step."""
        expect = self.expected[clause]
        return tuple(SYNONYMS.get(one, one) if isinstance(one, str) else one
                     for one in (expect if isinstance(expect, list) else [expect]))

    def planned(self) -> model.Step:
        """The step as the judge takes it."""
        checks = tuple(model.Check(clause, self.allowed(clause)) for clause in self.expected)
        return model.Step(self.verb, self.subject, self.operands, checks, self.line, self.after, self.observe,
                          self.follows)


class PlayedStep(PlannedStep, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One call and what it gave. Its line is 0 if the scenario does not ask for it itself.

    given: the name of the fixture that made the call. seconds: how long it took, if a millisecond or more.
    """

    observed: dict[str, str]
    request: str = ""
    given: str = ""
    seconds: float = 0.0
    verdict: Verdict | None = None
    verdicts: dict[str, Verdict] = {}

    @property
    def ret(self) -> str:
        return self.observed["ret"]

    @property
    def judged(self) -> Mapping[str, str]:
        """Clause -> verdict. Empty for a check, too, that was reached in a wrong state, or is about another attempt."""
        return {self.clause: self.verdict} if self.verdict else self.verdicts

    @property
    def is_precondition(self) -> bool:
        return self.line > 0 and not self.expected and not self.observe and self.verb != "probe"

    def judge(self, verdicts: Mapping[str, str]) -> PlayedStep:
        """The same call with other verdicts, by clause."""
        if self.clause:
            return msgspec.structs.replace(self, verdict=verdicts.get(self.clause))
        return msgspec.structs.replace(self, verdicts=dict(verdicts))

    def entry(self) -> model.Entry:
        """The call as the judge takes it."""
        return model.Entry(self.text, self.verb, self.subject, self.request, self.observed, self.step, self.given,
                           self.seconds)


class Record(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind", tag="result",
             rename={"id": "case", "calls": "steps"}):
    """The result of one case on one target.

    id: of the case. calls: the steps as the file has them, which most reports need of a few cases alone. missed: the
    steps that were not played any more. ended: the verdict word and the reason why. names: of fixtures, and the
    addresses that they had.
    """

    id: str
    target: str
    platform: str
    verdict: Verdict
    clauses: Annotated[dict[str, Verdict], msgspec.Meta(min_length=1)]
    summary: str
    calls: msgspec.Raw
    reason: str = ""
    seconds: float = 0.0
    revision: str = ""
    line: int = 0
    deviations: tuple[Declared, ...] = ()
    missed: tuple[PlannedStep, ...] = ()
    names: dict[str, str] = {}
    ended: tuple[Verdict, str] | None = None
    axes: dict[str, str] = {}

    @property
    def steps(self) -> tuple[PlayedStep, ...]:
        """The calls, read anew each time; ValueError: they are none."""
        return STEPS.decode(self.calls)

    @classmethod
    def of(cls, case: model.Case, transcript: model.Transcript, judgement: Judgement, target: str,
           platform: str) -> Record:
        """What was played on a target, as its page judges it."""
        missed = [PlannedStep(text=step.text, verb=step.verb, subject=step.name, **planned(index, step))
                  for index, step in enumerate(case.steps) if transcript.of_step(index) is None]
        return cls(case.id, target, platform, judgement.verdict, judgement.clauses, case.summary,
                   stored(played(case, entry, judgement) for entry in transcript.entries), judgement.reason,
                   round(transcript.seconds, 6), case.revision, case.line,
                   tuple(map(Declared.of, judgement.deviations)), tuple(missed), dict(transcript.names),
                   transcript.ended, dict(case.axes))

    def case(self) -> model.Case:
        """The case as the judge takes it. Unreadable: the result lacks something, an older suite wrote it."""
        steps = {one.step: one for one in (*self.steps, *self.missed) if one.step is not None}
        if sorted(steps) != list(range(len(steps))) or not all(one.subject for one in steps.values()):
            raise Unreadable(f"{self.id}: an older suite wrote this result, without what judging it again takes")
        file, _, rest = self.id.partition("::")
        scenario, _, variant = rest.partition("[")
        return model.Case(file, scenario, self.summary, self.axes, variant.removesuffix("]"), (),
                          tuple(steps[index].planned() for index in range(len(steps))), self.line)

    def transcript(self) -> model.Transcript:
        """What was seen, as the judge takes it."""
        return model.Transcript([step.entry() for step in self.steps], dict(self.names), self.ended, self.seconds)


def stored(steps: Iterable[PlayedStep]) -> msgspec.Raw:
    """Steps as a file has them."""
    return msgspec.Raw(ENCODER.encode(tuple(steps)))


def played(case: model.Case, entry: model.Entry, judgement: Judgement) -> PlayedStep:
    """One call of a transcript, with what the scenario has of it and its verdicts."""
    of_scenario = planned(entry.step, case.steps[entry.step]) if entry.step is not None else {}
    step = PlayedStep(text=entry.text, verb=entry.verb, subject=entry.subject, request=entry.request,
                      observed=dict(entry.observed), seconds=entry.seconds, given=entry.given, **of_scenario)
    return step.judge(judgement.steps[entry.step]) if entry.step in judgement.steps else step


def planned(index: int, step: model.Step) -> dict[str, Any]:
    """What the scenario has of a step, so that a record can be judged again without it."""
    fields: dict[str, Any] = {"step": index, "line": step.line, "operands": plain(step.operands),
                              "after": step.after, "observe": step.observe, "follows": step.follows}
    expect = {one.clause: plain(one.allowed[0] if len(one.allowed) == 1 else one.allowed) for one in step.checks}
    if step.checks and not step.checks[0].allowed:
        fields["clause"] = step.checks[0].clause
    elif len(step.checks) == 1:
        fields |= {"expect": expect[step.checks[0].clause], "clause": step.checks[0].clause}
    elif step.checks:
        fields["expect"] = expect
    return fields


class Footer(msgspec.Struct, frozen=True, tag_field="kind", tag="footer"):
    """The last line, and the proof that the run ended: results counted by target and verdict."""

    complete: bool
    counts: dict[str, dict[Verdict, int]]
    seconds: float = 0.0


Line = Header | Record | Footer
ENCODER = msgspec.json.Encoder()
DECODER = msgspec.json.Decoder(Line)
STEPS = msgspec.json.Decoder(tuple[PlayedStep, ...])


def encode(line: Line) -> str:
    """A line as a file has it, without its end."""
    return ENCODER.encode(line).decode()


def decode(text: str | bytes | memoryview) -> Line:
    """A line of the present schema as a noun; ValueError says what is wrong with it."""
    line: Line = DECODER.decode(text)
    return line
