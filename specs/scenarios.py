"""Scenario files to cases; what a schema cannot say is checked here: names, clauses, fixtures."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from specs.grammar import canonical, check, check_fields, is_list_operand, validator
from specs.model import BOUNDS, SYNONYMS, Case, Check, Clause, Given, Step, Vocabulary, label
from specs.schema import ABOUT
from specs.strict import Map, Seq, display_path, fail, listed, listing, read, suggest
from specs.verbs import VERBS

AXES = ("domain", "type", "nonblocking", "facility")
STEPS = tuple(name for name, verb in VERBS.items() if verb.step is not None)
INTRODUCES = ("as", "peer", "thread", "process")  # operands whose value is a new name
# What a step `call` makes, by the value of its axis: the verb and its operands.
CALLS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "connect": ("connect", {}),
    "send": ("send", {"data": "again"}),
    "recv": ("recv", {}),
    "SO_ERROR": ("getsockopt", {"option": "SO_ERROR"}),
    "poll": ("poll", {"events": ("POLLIN", "POLLOUT"), "timeout": 0}),
}


def cases(path: Path, known: Mapping[str, Clause], words: Vocabulary) -> list[Case]:
    """The cases of one scenario file, in its order."""
    return cases_of(read(path), display_path(path), known, words)


def cases_of(content: Map, file: str, known: Mapping[str, Clause], words: Vocabulary) -> list[Case]:
    """The cases of the content of a scenario file, wherever it came from."""
    for key in content:
        if key not in ("clause", "scenarios"):
            fail(file, content.lines[key], f"a scenario file takes no {key!r}; it takes clause, scenarios")
    scenarios = content.get("scenarios")
    if not isinstance(scenarios, Map) or not scenarios:
        fail(file, content.line, "a scenario file lacks 'scenarios', a mapping of names to scenarios")
    found: list[Case] = []
    for name, body in scenarios.items():
        reader = Reader(file, name, scenarios.lines[name], default_clause(file, content, known), known, words)
        found += reader.cases(body)
    ids = Counter(case.id for case in found)
    for case in found:
        if ids[case.id] > 1:
            fail(file, case.line, f"{ids[case.id]} cases have the id {case.id}; the values of its axes look alike")
    return found


def default_clause(file: str, content: Map, known: Mapping[str, Clause]) -> str | None:
    """The clause that a file or a scenario names for its checks."""
    if "clause" not in content:
        return None
    clause, line = content["clause"], content.lines["clause"]
    check(file, clause, line, "clause", validator("scenarios", "clause"))
    if clause not in known:
        fail(file, line, f"no clause {clause!r}; {suggest(clause, known)}")
    return str(clause)


class Draft(NamedTuple):
    """A step before its axes are bound: operands and what is expected may still be lists and tables over axes."""

    verb: str
    name: str
    operands: Mapping[str, Any]
    expects: list[tuple[str, Any]]  # clause, expectation
    line: int
    after: tuple[str, ...]
    observe: bool
    follows: str


class Reader:
    """Reads one scenario."""

    def __init__(self, file: str, name: str, line: int, clause: str | None, known: Mapping[str, Clause],
                 words: Vocabulary) -> None:
        self.file, self.name, self.line, self.default = file, name, line, clause
        self.known, self.words = known, words
        self.names: set[str] = set()
        self.axes: dict[str, Sequence[Any]] = {}

    def cases(self, body: Any) -> list[Case]:
        check(self.file, self.name, self.line, "a scenario's name", validator("scenarios", "name"))
        check(self.file, body, self.line, self.name, head_validator())
        for key in ("given", "steps"):
            if not isinstance(body.get(key, Seq()), Seq):
                fail(self.file, body.lines[key], f"{self.name} {key}: a list of steps is wanted")
        self.default = default_clause(self.file, body, self.known) or self.default
        self.axes = {axis: listed(body[axis]) for axis in AXES if axis in body}
        many = [axis for axis in AXES if isinstance(body.get(axis), list)]
        given = [self.given(entry, body["given"].lines[i]) for i, entry in enumerate(body.get("given", ()))]
        steps = [self.step(entry, body["steps"].lines[i]) for i, entry in enumerate(body["steps"])]
        many += [axis for axis in self.axes if axis not in AXES]
        found = [self.bind(body["summary"], dict(zip(self.axes, values, strict=True)), many, given, steps)
                 for values in itertools.product(*self.axes.values())]
        if not found[0].clauses:
            fail(self.file, self.line, f"{self.name} expects nothing of any step")
        for case in found:
            self.refuse_endless(case)
        return found

    def refuse_endless(self, case: Case) -> None:
        """What goes on after a call that blocks, or depends on an attempt that nothing shows."""
        for index, step in enumerate(case.steps):
            if step is not case.steps[-1] and any("blocks" in check.allowed for check in step.checks):
                fail(self.file, step.line, "after 'blocks' the agent is gone; only the last step can expect it")
            if step.after and case.attempt(index) is None:
                fail(self.file, step.line, f"'after': no {step.follows}() of {step.name} before, or its thread not "
                     "joined")

    def given(self, entry: Any, line: int) -> Given:
        if not isinstance(entry, Map) or not entry:
            fail(self.file, line, "an entry of 'given' is a mapping: a fixture and its name, then operands")
        (fixture, name), operands = next(iter(entry.items())), dict(list(entry.items())[1:])
        if fixture not in self.words.fixtures:
            fail(self.file, line, f"no fixture {fixture!r}; it is one of {', '.join(sorted(self.words.fixtures))}")
        takes = self.words.fixtures[fixture]
        for key in operands:
            if key not in takes:
                fail(self.file, line, f"{fixture} takes no {key!r}; it takes {listing(takes) or 'a name only'}")
        check(self.file, entry, line, fixture, validator("scenarios", "given"))
        for key, value in operands.items():
            self.word(fixture, key, value, line)
            self.axis(key, value, line)
        self.introduce(name, line)
        for key in INTRODUCES:
            if key in operands:
                self.introduce(operands[key], line)
        return Given(fixture, name, operands, line)

    def word(self, fixture: str, key: str, value: Any, line: int) -> None:
        """Refuse an operand of a fixture that is misspelt: no target would have it."""
        if key in ("type", "protocol"):
            check(self.file, value, line, f"{fixture} {key}", validator("scenarios", key))
        allowed = self.words.fixtures[fixture][key]
        for one in listed(value):
            if allowed and one not in allowed:
                fail(self.file, line, f"{fixture} {key}: {one!r} is none of {listing(allowed)}")

    def introduce(self, name: Any, line: int) -> None:
        check(self.file, name, line, "a name", validator("scenarios", "name"))
        self.names.add(name)

    def axis(self, key: str, value: Any, line: int) -> None:
        """A list where one value is allowed is an axis; two lists of one operand are one axis, and so the same."""
        if not isinstance(value, list):
            return
        if key in AXES:
            key = f"{key} of a step"
        if self.axes.setdefault(key, value) != value:
            fail(self.file, line, f"{key} is an axis already, with other values: {', '.join(map(str, self.axes[key]))}")

    def step(self, entry: Any, line: int) -> Draft:
        if not isinstance(entry, Map) or not entry:
            fail(self.file, line, "a step is a mapping: a verb and a name, then operands")
        verb = next(iter(entry))
        if verb not in STEPS:
            fail(self.file, line, f"no verb {verb!r}; it is one of {', '.join(STEPS)}")
        check(self.file, entry, line, verb, validator("scenarios", "verbs", verb))
        operands = {key: value for key, value in entry.items() if key not in (verb, *ABOUT)}
        for key, value in operands.items():
            if not is_list_operand(verb, key):
                self.axis(key, value, line)
        self.refer(verb, entry[verb], operands, line)
        expects = self.expects(verb, entry["expect"], entry.get("clause"), line) if "expect" in entry else []
        for key in ("clause", "after"):
            if key in entry and not expects and "observe" not in entry:
                fail(self.file, line, f"{'a clause' if key == 'clause' else repr(key)} without 'expect' judges nothing")
        if "observe" in entry:
            expects = self.surveys(entry, line)
        gave = entry.get("after", ())
        follows, gave = next(iter(gave.items())) if isinstance(gave, Map) else ("connect", gave)
        after = tuple(SYNONYMS.get(one, one) for one in listed(gave))
        return Draft(verb, entry[verb], operands, expects, line, after, "observe" in entry, follows)

    def refer(self, verb: str, name: str, operands: Mapping[str, Any], line: int) -> None:
        """Names must have been introduced; some steps introduce new ones."""
        if VERBS[verb].subject:  # it is no reference
            self.names.add(name)
        for used in (name, *(operands[key] for key in ("with", "over", "fd") if key in operands)):
            if used not in self.names:
                fail(self.file, line, f"nothing is named {used!r} by `given` or a step before; named so far: "
                     f"{listing(self.names) or 'nothing'}")
        for to in listed(operands.get("to", ())):
            if ":" not in to and to not in self.names | self.words.addresses:
                fail(self.file, line, f"no address {to!r}; it is a literal, one of {listing(self.words.addresses)}, "
                     f"or named so far: {listing(self.names)}")
        self.names.update(operands[key] for key in INTRODUCES if key in operands)

    # what a step expects

    def expects(self, verb: str, expect: Any, clause: str | None, line: int) -> list[tuple[str, Any]]:
        """What each clause expects of a step."""
        if isinstance(expect, Map) and all("." in key for key in expect):
            if clause:
                fail(self.file, line, "'expect' names clauses, so 'clause' says nothing")
            expects = list(expect.items())
        else:
            clause = clause or self.default
            if clause is None:
                fail(self.file, line, "a check without a clause; name one at the step, the scenario or the file")
            expects = [(clause, expect)]
        for id_, value in expects:
            if id_ not in self.known:
                fail(self.file, line, f"no clause {id_!r}; {suggest(id_, self.known)}")
            if self.known[id_].is_survey:
                fail(self.file, line, f"{id_} requires nothing; instead of 'expect' the step has 'observe: true'")
            for outcome in value.values() if self.axis_of(value) else (value,):
                for one in listed(outcome):
                    self.outcome(verb, one, line)
        return expects

    def surveys(self, entry: Map, line: int) -> list[tuple[str, Any]]:
        """The clause of an observation, if that requires nothing; under one that obliges it is just recorded."""
        for key in ("expect", "after"):
            if key in entry:
                fail(self.file, line, f"'observe' says that nothing is expected, so {key!r} has no place beside it")
        clause = str(entry.get("clause", self.default))
        if "clause" in entry and (clause not in self.known or not self.known[clause].is_survey):
            fail(self.file, line, f"{clause} is no clause of a survey; an observation has one of these, or none")
        return [(clause, ())] if clause in self.known and self.known[clause].is_survey else []

    def axis_of(self, table: Any) -> str | None:
        """The axis whose values are the keys of a table; every value must have its outcome."""
        if not isinstance(table, Map):
            return None
        return next((axis for axis, values in self.axes.items() if set(table) == set(map(str, values))), None)

    def outcome(self, verb: str, outcome: Any, line: int) -> None:
        if not isinstance(outcome, Map):
            check(self.file, outcome, line, "expect", validator("scenarios", "outcome"))
            return
        given = VERBS[verb].returns
        for key in outcome:
            if key not in (*given, "errno", *BOUNDS):
                axes = "; ".join(f"{axis}: {', '.join(map(str, values))}" for axis, values in self.axes.items())
                fail(self.file, line, f"{verb} gives back no {key!r}; it gives {', '.join(given) or 'nothing'}"
                     f" (a table over an axis names all its values: {axes or 'none here'})")
        check_fields(self.file, outcome, line, "expect")

    # a scenario with its axes bound

    def bind(self, summary: str, axes: dict[str, Any], many: list[str], given: list[Given],
             drafts: list[Draft]) -> Case:
        variant = "-".join(label(axis, axes[axis]) for axis in self.axes if axis in many)
        bound = tuple(Given(g.fixture, g.name, bound_operands(g.operands, axes), g.line) for g in given)
        steps = tuple(self.bind_step(draft, axes) for draft in drafts)
        return Case(self.file, self.name, summary, {axis: str(value) for axis, value in axes.items()}, variant,
                    bound, steps, self.line)

    def bind_step(self, draft: Draft, axes: Mapping[str, Any]) -> Step:
        verb, operands = expand_call(draft.verb, bound_operands(draft.operands, axes, draft.verb))
        checks = tuple(self.bind_check(clause, expect, axes) for clause, expect in draft.expects)
        return Step(verb, draft.name, operands, checks, draft.line, draft.after, draft.observe, draft.follows)

    def bind_check(self, clause: str, expect: Any, axes: Mapping[str, Any]) -> Check:
        axis = self.axis_of(expect)
        return Check(clause, tuple(canonical(one) for one in listed(expect[str(axes[axis])] if axis else expect)))


def bound_operands(operands: Mapping[str, Any], axes: Mapping[str, Any], verb: str = "") -> dict[str, Any]:
    return {key: axes[f"{key} of a step" if key in AXES else key]
            if isinstance(value, list) and not (verb and is_list_operand(verb, key)) else value
            for key, value in operands.items()}


def expand_call(verb: str, operands: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A step's verb and operands; of a step `call` those of the call that its axis names."""
    if verb != "call":
        return verb, operands
    named = next(operands[key] for key in ("first", "second", "third") if key in operands)
    verb, fixed = CALLS[named]
    return verb, {**fixed, **({"to": operands["to"]} if verb == "connect" else {})}


@cache
def head_validator() -> Any:
    """A scenario without its given and steps, which are checked one by one for better messages."""
    whole = validator("scenarios", "scenario")
    plain = {**whole.schema["properties"], "steps": {"minItems": 1}, "given": {}}
    return whole.evolve(schema={**whole.schema, "properties": plain})
