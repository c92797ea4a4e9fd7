"""The table of calls, verbs.yaml: what a step takes, what a request holds, what comes back, how it is written in C."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "verbs.yaml"


@dataclass(frozen=True)
class Operand:
    """type: a definition of schema/scenarios.json. default: what leaving it out means in a request."""

    type: str
    optional: bool = False
    default: str | None = None

    @classmethod
    def of(cls, text: str) -> Operand:
        """Of TYPE, TYPE? or TYPE=DEFAULT."""
        type_, equals, default = text.partition("=")
        return cls(type_.removesuffix("?"), bool(equals) or type_.endswith("?"), default if equals else None)


Operands = Mapping[str, Operand]


@dataclass(frozen=True)
class Verb:
    """A row; the head of verbs.yaml explains it. step, request: None where there is none."""

    name: str
    says: str
    step: Operands | None
    request: Operands | None
    of: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    subject: str = ""
    needs: Mapping[str, str] = field(default_factory=dict)
    one_of: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    judged: bool = True
    waits: tuple[str, ...] = ()
    lacking: str = ""
    c: str = ""
    c_with: Mapping[str, str] = field(default_factory=dict)
    success: str = "== 0"
    c_unless: str = ""
    example: tuple[str, ...] = ()

    @property
    def takes(self) -> Operands:
        """The operands of a request; of a step that is made of several, its own: its request looks alike."""
        return (self.step or {}) if self.request is None else self.request

    @property
    def needed(self) -> tuple[str, ...]:
        """The calls that an agent makes for it."""
        return tuple(part.partition(" ")[0] for part in self.of) or (self.name,)

    @classmethod
    def of_row(cls, name: str, row: Mapping[str, Any]) -> Verb:
        row = {key.replace("-", "_").replace(" ", "_").lower(): tuple(value) if isinstance(value, list) else value
               for key, value in row.items()}
        both = row.pop("operands", None)
        for key in ("step", "request"):
            operands = row.get(key, both)
            row[key] = None if operands is None else {one: Operand.of(text) for one, text in operands.items()}
        return cls(name, **{"shown": row.get("words", ()), **row})


def read(content: Mapping[str, Any]) -> Mapping[str, Verb]:
    return {name: Verb.of_row(name, row) for name, row in content.items()}


# Read as plain YAML: this is below the nouns and their strict reader, by which a self-test reads it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
VERBS = read(yaml.load(FILE.read_text(encoding="utf-8"), LOADER))  # noqa: S506 it is a safe one


@cache
def waiting_for(what: str) -> tuple[str, ...]:
    """The verbs in which a case waits for something: timer, queue, error or compiler."""
    return tuple(name for name, verb in VERBS.items() if what in verb.waits)
