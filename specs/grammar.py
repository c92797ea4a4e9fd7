"""What files may hold: the schemas, which editors read too, and what they refuse, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from specs.model import BOUNDS, SYNONYMS, Allowed, seconds_of
from specs.strict import HERE, Map, Seq, fail
from specs.verbs import VERBS


@cache
def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((HERE / "schema" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


@cache
def validator(name: str, *path: str) -> Any:
    """A validator of a schema, or of one of its definitions."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - few runs read a file that has not been kept

    part = document = schema(name)
    for key in path:
        part = part["$defs"][key] if key in part.get("$defs", {}) else part[key]
    return Draft202012Validator({**part, "$defs": document.get("$defs", {})})


# Values that have been checked, for most steps are written many times: validator, which this keeps, by id and value.
ACCEPTED: dict[tuple[int, str], Any] = {}


def check(file: str, value: Any, line: int, what: str, against: Any) -> None:
    """Refuse a value that its schema refuses, in words."""
    spelt = id(against), repr(value)
    errors = [] if spelt in ACCEPTED else list(against.iter_errors(value))
    if not errors:
        ACCEPTED[spelt] = against
        return
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    error: Any = best_match(errors)
    kind = error.validator, len(error.absolute_path)  # of several alike, the first in the file
    error = next((one for one in errors if (one.validator, len(one.absolute_path)) == kind), error)
    while error.validator == "anyOf":  # one value, or a list of values: what was written shows which was meant
        meant = int(isinstance(error.instance, list))
        error = best_match(one for one in error.context if one.relative_schema_path[0] == meant)
    place: Any = value
    for key in error.absolute_path:
        line = place.lines[key] if isinstance(place, Map | Seq) else line
        place = place[key]
    key = unknown_key(error) if error.validator == "additionalProperties" else error.instance
    if isinstance(place, Map) and isinstance(key, str):  # it is a key that is wrong
        line = place.lines[key]
    path = ".".join(str(key) for key in error.absolute_path)
    fail(file, line, message(error, f"{what} {path}".strip()))


def unknown_key(error: Any) -> str:
    """The first key of a mapping that its schema does not know."""
    return str(next(key for key in error.instance if key not in error.schema.get("properties", {})))


def message(error: Any, what: str) -> str:
    """One schema error as a sentence that ends with what is allowed."""
    schema_, instance = error.schema, error.instance
    if error.validator == "additionalProperties":
        known = sorted(schema_.get("properties", {}))
        return f"{what} takes no {unknown_key(error)!r}; it takes {', '.join(known)}"
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


def is_list_operand(verb: str, key: str) -> bool:
    """Whether an operand of a step is itself a list (events, flags), so that a list there is no axis."""
    operand = (VERBS[verb].step or {})[key]
    return bool(schema("scenarios")["$defs"][operand.type].get("type") == "array")


# --- outcomes, which scenarios expect and pages declare -----------------------------------------------------

# what a platform may do and no document allows; unresolved: it has no way to what a case is about
OBSERVED_ONLY = re.compile(r"crashed|unresolved|returned=-?\d+")


def is_observed(outcome: Any) -> bool:
    """Whether an entry of a page can declare an outcome."""
    kind = "fields" if isinstance(outcome, Mapping) else "outcome"
    only = kind == "outcome" and OBSERVED_ONLY.fullmatch(outcome)
    return bool(only) or validator("scenarios", kind).is_valid(outcome)


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


def canonical(outcome: Any) -> Allowed:
    """An allowed outcome with its errno in the POSIX spelling."""
    if isinstance(outcome, Map):
        return {key: canonical(value) if key in ("value", "errno") else value for key, value in outcome.items()}
    return SYNONYMS.get(outcome, outcome) if isinstance(outcome, str) else outcome
