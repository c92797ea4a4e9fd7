"""Strict YAML to nouns. Whatever is wrong with a file is one line that names it, what is wrong and what is allowed.

The grammar is in schema/*.json, which editors read too; what a schema cannot say (names that refer to one another,
clauses, fixtures) is checked here.
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, NoReturn

import jsonschema
import yaml

from specs import baseline
from specs.model import (
    BOUNDS,
    SYNONYMS,
    Allowed,
    Bug,
    Case,
    Check,
    Citation,
    Clause,
    Deviation,
    Given,
    Place,
    Profile,
    Span,
    SpecError,
    Step,
    Vocabulary,
    Withdrawal,
    label,
    pattern_of,
    seconds_of,
)
from specs.schema import ABOUT
from specs.verbs import VERBS

HERE = Path(__file__).parent
ROOT = HERE.parent
AXES = ("domain", "type", "nonblocking", "facility")
INTRODUCES = ("as", "peer", "thread")  # operands whose value is a new name
# What a step `call` stands for, by the value of its axis: the verb and its operands.
CALLS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "connect": ("connect", {}),
    "send": ("send", {"data": "again"}),
    "recv": ("recv", {}),
    "SO_ERROR": ("getsockopt", {"option": "SO_ERROR"}),
    "poll": ("poll", {"events": ("POLLIN", "POLLOUT"), "timeout": 0}),
}


def fail(file: str, line: int, what: str) -> NoReturn:
    raise SpecError(f"{file}:{line}: {what}")


# --- YAML that remembers its lines and refuses what PyYAML forgives -----------------------------------------


class Map(dict[str, Any]):
    """A mapping and the lines of its keys."""

    line: int
    lines: dict[str, int]


class Seq(list[Any]):
    """A list and the lines of its items."""

    line: int
    lines: list[int]


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Only strings, integers, true and false: no dates, no floats, no `on` that turns into a boolean."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}
    file = ""

    def construct_strictly(self, node: yaml.Node) -> Any:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            result = Map()
            result.line, result.lines = line, {}
            for key_node, value_node in node.value:
                key, at = self.construct_strictly(key_node), key_node.start_mark.line + 1
                if not isinstance(key, str):
                    fail(self.file, at, f"the key {key!r} is no word")
                if key in result:
                    fail(self.file, at, f"{key!r} stands twice; first in line {result.lines[key]}")
                result[key], result.lines[key] = self.construct_strictly(value_node), at
            return result
        if isinstance(node, yaml.SequenceNode):
            items = Seq(self.construct_strictly(item) for item in node.value)
            items.line, items.lines = line, [item.start_mark.line + 1 for item in node.value]
            return items
        return self.construct_object(node)


Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(0|[1-9][0-9]*)$"), list("-0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))


def shown(path: Path) -> str:
    """A path as messages show it: below the suite's folder without that folder."""
    return path.resolve().relative_to(ROOT).as_posix() if path.resolve().is_relative_to(ROOT) else str(path)


def read(path: Path) -> Map:
    """The mapping in a YAML file."""
    file = shown(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise SpecError(f"{file}:1: cannot be read: {problem}") from None
    return parse(text, file)


def parse(text: str, file: str) -> Map:
    """The mapping in YAML text; file: what messages call it."""
    try:
        loader = Loader(text)
        loader.file = file
        node = loader.get_single_node()
        content = loader.construct_strictly(node) if node else None
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        fail(file, mark.line + 1 if mark else 1, f"no YAML: {problem.problem}")
    except yaml.YAMLError as problem:
        fail(file, 1, f"no YAML: {' '.join(str(problem).split())}")
    except RecursionError:
        fail(file, 1, "no YAML for people: it nests too deeply")
    if not isinstance(content, Map):
        fail(file, 1, "the file holds no mapping")
    return content


# --- the schemas --------------------------------------------------------------------------------------------


@cache
def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((HERE / "schema" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


@cache
def validator(name: str, *path: str) -> jsonschema.Draft202012Validator:
    """A validator of a schema, or of one of its definitions."""
    whole = schema(name)
    part = whole
    for key in path:
        part = part["$defs"][key] if key in part.get("$defs", {}) else part[key]
    return jsonschema.Draft202012Validator({**part, "$defs": whole.get("$defs", {})})


def check(file: str, value: Any, line: int, what: str, against: jsonschema.Draft202012Validator) -> None:
    """Refuse a value that its schema refuses, in words."""
    errors = list(against.iter_errors(value))
    if not errors:
        return
    error: Any = jsonschema.exceptions.best_match(errors)
    kind = error.validator, len(error.absolute_path)  # of several alike, the first in the file
    error = next((one for one in errors if (one.validator, len(one.absolute_path)) == kind), error)
    while error.validator == "anyOf":  # one value, or a list of values: what was written tells which was meant
        meant = int(isinstance(error.instance, list))
        error = jsonschema.exceptions.best_match(one for one in error.context if one.relative_schema_path[0] == meant)
    place: Any = value
    for key in error.absolute_path:
        line = place.lines[key] if isinstance(place, Map | Seq) else line
        place = place[key]
    key = stranger(error) if error.validator == "additionalProperties" else error.instance
    if isinstance(place, Map) and isinstance(key, str):  # it is a key that is wrong
        line = place.lines[key]
    path = ".".join(str(key) for key in error.absolute_path)
    fail(file, line, message(error, f"{what} {path}".strip()))


def stranger(error: Any) -> str:
    """The first key of a mapping that its schema does not know."""
    return str(next(key for key in error.instance if key not in error.schema.get("properties", {})))


def message(error: Any, what: str) -> str:
    """One schema error as a sentence that ends with what is allowed."""
    schema_, instance = error.schema, error.instance
    if error.validator == "additionalProperties":
        known = sorted(schema_.get("properties", {}))
        return f"{what} takes no {stranger(error)!r}; it takes {', '.join(known)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in instance)
        return f"{what} lacks {missing!r}"
    if error.validator == "enum":
        return f"{what}: {instance!r} is none of {', '.join(map(str, schema_['enum']))}"
    if error.validator in ("minItems", "minProperties", "minLength"):
        return f"{what} is empty" + (f"; fill in {schema_['description']}" if "description" in schema_ else "")
    if error.validator == "uniqueItems":
        return f"{what} names the same twice: {', '.join(map(str, instance))}"
    if "description" in schema_:
        return f"{what}: {instance!r} is not {schema_['description']}"
    if error.validator == "type":
        return f"{what}: {instance!r} is no {error.validator_value}"
    return f"{what}: {error.message}"


# --- clauses ------------------------------------------------------------------------------------------------


@cache
def clauses(folder: Path = HERE / "clauses") -> Mapping[str, Clause]:
    """Every clause of every file, by id."""
    found: dict[str, Clause] = {}
    for path in sorted(folder.glob("*.yaml")):
        file, content = shown(path), read(path)
        check(file, content, 1, "a clause file", validator("clauses"))
        for id_, entry in content.items():
            if id_ in found:
                fail(file, content.lines[id_], f"{id_} stands in {found[id_].file}:{found[id_].line} already")
            cited = tuple(Citation(doc, where["where"], where["force"]) for doc, where in entry["cited"].items())
            found[id_] = Clause(id_, entry["says"], cited, file, content.lines[id_])
    return found


# --- scenarios ----------------------------------------------------------------------------------------------


def cases(path: Path, known: Mapping[str, Clause], words: Vocabulary) -> list[Case]:
    """The cases of one scenario file, in the order they stand."""
    return cases_of(read(path), shown(path), known, words)


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
        fail(file, line, f"no clause {clause!r}; {nearest(clause, known)}")
    return str(clause)


class Draft(NamedTuple):
    """A step before its axes are bound: operands and what is expected may still be lists and tables over axes."""

    verb: str
    name: str
    operands: Mapping[str, Any]
    expects: list[tuple[str, Any]]  # clause, expectation
    line: int
    after: tuple[str, ...] = ()
    observe: bool = False


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
                fail(self.file, step.line, f"'after': no connect() of {step.name} before, or its thread not joined")

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
            self.axis(key, value, line)
        self.introduce(name, line)
        for key in INTRODUCES:
            if key in operands:
                self.introduce(operands[key], line)
        return Given(fixture, name, operands, line)

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
        verbs = schema("scenarios")["$defs"]["verbs"]
        if verb not in verbs:
            fail(self.file, line, f"no verb {verb!r}; it is one of {', '.join(verbs)}")
        check(self.file, entry, line, verb, validator("scenarios", "verbs", verb))
        operands = {key: value for key, value in entry.items() if key not in (verb, *ABOUT)}
        for key, value in operands.items():
            if "items" not in verbs[verb]["properties"][key] and not is_list_operand(verb, key):
                self.axis(key, value, line)
        self.refer(verb, entry[verb], operands, line)
        expects = self.expects(verb, entry["expect"], entry.get("clause"), line) if "expect" in entry else []
        for key in ("clause", "after"):
            if key in entry and not expects and "observe" not in entry:
                fail(self.file, line, f"{'a clause' if key == 'clause' else repr(key)} without 'expect' judges nothing")
        if "observe" in entry:
            expects = self.surveys(entry, line)
        after = tuple(SYNONYMS.get(one, one) for one in listed(entry.get("after", ())))
        return Draft(verb, entry[verb], operands, expects, line, after, "observe" in entry)

    def refer(self, verb: str, name: str, operands: Mapping[str, Any], line: int) -> None:
        """Names must have been introduced; some steps introduce new ones."""
        if VERBS[verb].subject:  # it is no reference
            self.names.add(name)
        for used in (name, operands.get("with", name)):
            if used not in self.names:
                fail(self.file, line, f"nothing is named {used!r}; named so far: {listing(self.names) or 'nothing'}")
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
                fail(self.file, line, f"no clause {id_!r}; {nearest(id_, self.known)}")
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
        given = returns(verb)
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
        verb, operands = spelt_out(draft.verb, bound_operands(draft.operands, axes, draft.verb))
        checks = tuple(self.bind_check(clause, expect, axes) for clause, expect in draft.expects)
        return Step(verb, draft.name, operands, checks, draft.line, draft.after, draft.observe)

    def bind_check(self, clause: str, expect: Any, axes: Mapping[str, Any]) -> Check:
        axis = self.axis_of(expect)
        return Check(clause, tuple(canonical(one) for one in listed(expect[str(axes[axis])] if axis else expect)))


def check_fields(file: str, outcome: Map, line: int, what: str) -> None:
    """Refuse an outcome that is a mapping and cannot be seen: an errno comes with bounds of time and nothing else."""
    check(file, outcome, line, what, validator("scenarios", "fields"))
    bounds = [seconds_of(outcome[key]) for key in BOUNDS if key in outcome]
    if "errno" in outcome and len(bounds) != len(outcome) - 1:
        fail(file, line, f"{what}: with an errno nothing else comes back; it takes {', '.join(BOUNDS)}")
    if "errno" in outcome and not bounds:
        fail(file, line, f"{what}: {outcome['errno']} alone says the same; an errno takes {', '.join(BOUNDS)}")
    if bounds != sorted(bounds):
        fail(file, line, f"{what}: never, not before {outcome['not-before']} and within {outcome['within']}")


@cache
def head_validator() -> jsonschema.Draft202012Validator:
    """A scenario without its given and steps, which are checked one by one for better messages."""
    scenario = schema("scenarios")["$defs"]["scenario"]
    plain = {**scenario["properties"], "steps": {"minItems": 1}, "given": {}}
    return jsonschema.Draft202012Validator({**scenario, "properties": plain, "$defs": schema("scenarios")["$defs"]})


@cache
def returns(verb: str) -> Sequence[str]:
    """The fields that a call of this verb gives back when it succeeds."""
    return tuple(schema("scenarios")["$defs"]["verbs"].get(verb, {}).get("returns", ()))


@cache
def is_list_operand(verb: str, key: str) -> bool:
    """Whether an operand is itself a list (events, flags), so that a list there is no axis."""
    defs = schema("scenarios")["$defs"]
    reference = defs["verbs"][verb]["properties"][key].get("$ref", "")
    return bool(defs.get(reference.rpartition("/")[2], {}).get("type") == "array")


def listing(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def canonical(outcome: Any) -> Allowed:
    """An allowed outcome with its errno in the POSIX spelling."""
    if isinstance(outcome, Map):
        return {key: canonical(value) if key in ("value", "errno") else value for key, value in outcome.items()}
    return SYNONYMS.get(outcome, outcome) if isinstance(outcome, str) else outcome


def bound_operands(operands: Mapping[str, Any], axes: Mapping[str, Any], verb: str = "") -> dict[str, Any]:
    return {key: axes[f"{key} of a step" if key in AXES else key]
            if isinstance(value, list) and not (verb and is_list_operand(verb, key)) else value
            for key, value in operands.items()}


def spelt_out(verb: str, operands: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A step's verb and operands; of a step `call` those of the call that its axis names."""
    if verb != "call":
        return verb, operands
    named = next(operands[key] for key in ("first", "second", "third") if key in operands)
    verb, fixed = CALLS[named]
    return verb, {**fixed, **({"to": operands["to"]} if verb == "connect" else {})}


def nearest(word: str, known: Iterable[str]) -> str:
    """What was perhaps meant."""
    close = difflib.get_close_matches(word, list(known), 3, 0.5)
    return f"perhaps {', '.join(close)}" if close else "clauses are in specs/clauses/"


# --- profiles -----------------------------------------------------------------------------------------------


def profile(platform: str, known: Mapping[str, Clause], folder: Path = HERE / "platforms") -> Profile:
    """A platform's page with what it inherits: its own entries first."""
    chain = list(pages(platform, folder))
    found: list[Deviation] = []
    withdrawn: list[Withdrawal] = []
    for file, page in reversed(chain):
        names = {one.bug.name for one in found}
        for entry in page.get("without", ()):
            if entry["bug"] not in names:
                what = f"no inherited page has a bug {entry['bug']!r}"
                fail(file, entry.line, f"{what}; it is one of {listing(names) or 'none'}")
            withdrawn.append(Withdrawal(entry["bug"], place(file, entry), file, entry.line))
        found = [*deviations(file, page, known), *found]
    manuals = tuple(page["platform"] for _, page in chain)
    return Profile(platform, manuals, tuple(found), tuple(withdrawn),
                   baseline.load(manuals, folder.parent / "baselines"))


def deviations(file: str, page: Map, known: Mapping[str, Clause]) -> Iterator[Deviation]:
    """What the bugs of one page make the checks of clauses give."""
    for name, body in page.get("bugs", {}).items():
        bug = Bug(name, body["status"], body["because"], body["source"], file, page["bugs"].lines[name])
        for entry in body["shows"]:
            clauses = [key for key in entry if key not in ("in", "where")]
            if not clauses:
                fail(file, entry.line, f"{name}: where it shows, a clause and what its checks give is wanted")
            for clause in clauses:
                line = entry.lines[clause]
                if clause not in known:
                    fail(file, line, f"no clause {clause!r}; {nearest(clause, known)}")
                yield Deviation(bug, clause, declared(file, entry[clause], line), place(file, entry), line)


def place(file: str, entry: Map) -> Place:
    """Where an entry of a page holds."""
    where = tuple((axis, tuple(value_of(file, str(one), entry.line) for one in listed(values)))
                  for axis, values in entry.get("where", {}).items())
    return Place(tuple(listed(entry.get("in", ()))), where)


def value_of(file: str, value: str, line: int) -> str | Span:
    """A value of an axis, or a range of numbers such as 0..15, ..-1 or 256.."""
    ends = re.fullmatch(r"(-?\d+)?\.\.(-?\d+)?", value)
    if not ends:
        return value
    span = Span(*(int(end) if end else None for end in ends.groups()))
    if span.first is None and span.last is None:
        fail(file, line, f"where: {value} has no end")
    if span.first is not None and span.last is not None and span.first >= span.last:
        fail(file, line, f"where: {value} is no range from a number to a greater one")
    return span


def declared(file: str, observed: Any, line: int) -> Allowed | tuple[Allowed, ...]:
    """What an entry declares: of every check one outcome; or of each in order its outcome, or `conforms`."""
    if not isinstance(observed, Seq):
        return declared_once(file, observed, line)
    if len(observed) == 1:
        fail(file, line, "observed: one outcome alone is that of every check; a list has one for each, or conforms")
    if set(map(str, observed)) == {"conforms"}:
        fail(file, line, "observed: where every check conforms, nothing is declared")
    if "unresolved" in observed:
        fail(file, line, "observed: unresolved is no outcome of a check; it has no place in a list")
    return tuple("conforms" if one == "conforms" else declared_once(file, one, at)
                 for one, at in zip(observed, observed.lines, strict=True))


def declared_once(file: str, observed: Any, line: int) -> Allowed:
    if isinstance(observed, Map):
        check_fields(file, observed, line, "observed")
    elif not BEYOND.fullmatch(observed):
        check(file, observed, line, "observed", validator("scenarios", "outcome"))
    return canonical(observed)


# what a platform may do and no document allows; unresolved: it has no way to what a case is about
BEYOND = re.compile(r"crashed|unresolved|returned=-?\d+")


def is_observed(outcome: Any) -> bool:
    """Whether an entry of a page can declare an outcome."""
    kind = "fields" if isinstance(outcome, Mapping) else "outcome"
    return validator("scenarios", kind).is_valid(outcome) or (kind == "outcome" and bool(BEYOND.fullmatch(outcome)))


def pages(platform: str, folder: Path) -> Iterator[tuple[str, Map]]:
    """A platform's page, then those it inherits."""
    seen: list[str] = []
    file, line = shown(folder / f"{platform}.yaml"), 1
    while platform:
        path = folder / f"{platform}.yaml"
        if not path.is_file():
            there = ", ".join(sorted(page.stem for page in folder.glob("*.yaml")))
            fail(file, line, f"no page for platform {platform!r}; there are {there}")
        page = read(path)
        file = shown(path)
        check(file, page, 1, "a platform's page", validator("platforms"))
        if page["platform"] != platform:
            fail(file, page.lines["platform"], f"the page of {page['platform']!r}; the file's name says {platform!r}")
        seen.append(platform)
        yield file, page
        platform, line = page.get("inherits", ""), page.lines.get("inherits", 1)
        if platform in seen:
            fail(file, line, f"{platform!r} inherits itself")


def unmatched(profile_: Profile, every: Sequence[Case], drawn: Collection[str] = ()) -> Iterator[str]:
    """One line for each entry of a page that matches no case of its clause, or declares too many outcomes.

    drawn: scenarios whose cases are drawn while the suite runs, as `suites/FILE::scenario`.
    """
    checks: dict[str, list[tuple[Case, int]]] = {}  # clause -> cases, and how often each checks it
    for case in every:
        for clause, count in Counter(check.clause for step in case.steps for check in step.checks).items():
            checks.setdefault(clause, []).append((case, count))
    topics = {one.removeprefix("suites/").replace(".py::", "::") for one in drawn}
    for deviation in profile_.deviations:
        met = [(case, count) for case, count in checks.get(deviation.clause, ()) if deviation.place.holds(case)]
        where = f"{deviation.file}:{deviation.line}: {deviation.bug.name}"
        few = next(((case, count) for case, count in met if count < len(deviation.outcomes)), None)
        if few:
            yield (f"{where}: {len(deviation.outcomes)} outcomes for the {few[1]} checks of {deviation.clause} "
                   f"in {few[0].id}")
        for scenario in deviation.place.scenarios or ("*",):
            pattern = pattern_of(scenario)
            if not any(pattern.fullmatch(case.topic) for case, _ in met) and not any(map(pattern.fullmatch, topics)):
                yield f"{where}: no case of {deviation.clause} in {scenario} is such"
        for axis, values in deviation.place.where:
            for value in values:
                if met and not any(case.has(axis, value) for case, _ in met):
                    yield f"{where}: no case has {axis} {value}"


def targets(path: Path) -> Map:
    """The content of a targets file, checked."""
    content = read(path)
    check(shown(path), content, 1, "a targets file", validator("targets"))
    return content
