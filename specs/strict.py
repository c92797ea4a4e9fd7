"""YAML read strictly. Each mistake is one line: where it is, what is wrong and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import yaml

from specs.model import SpecError

HERE = Path(__file__).parent
ROOT = HERE.parent
FILE_LIMIT, SCALAR_LIMIT = 1 << 22, 1 << 12  # bytes, characters; the longest there are have a quarter
TAGS = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "bool")}


def read(path: Path) -> Map:
    """The mapping in a YAML file."""
    file = display_path(path)
    try:
        if path.exists() and not path.is_file():
            fail(file, 1, "it is no regular file")
        with path.open("rb") as opened:
            text = opened.read(FILE_LIMIT + 1).decode()
        if len(text) > FILE_LIMIT:
            fail(file, 1, f"it has more than {FILE_LIMIT:,} bytes")
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
        fail(file, 1, "nested too deeply")
    if not isinstance(content, Map):
        fail(file, 1, "the top level is not a mapping")
    return content


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

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.seen: set[int] = set()  # ids of nodes, which live as long as their root

    def construct_strictly(self, node: yaml.Node) -> Any:
        line = node.start_mark.line + 1
        if id(node) in self.seen:
            fail(self.file, line, "an alias repeats this; write it out, nothing is repeated by reference")
        self.seen.add(id(node))
        if node.tag not in TAGS:
            fail(self.file, line, f"the tag {node.tag[:80]!r}; a value is a string, an integer, true or false")
        if isinstance(node, yaml.MappingNode):
            result = Map()
            result.line, result.lines = line, {}
            for key_node, value_node in node.value:
                key, at = self.construct_strictly(key_node), key_node.start_mark.line + 1
                if not isinstance(key, str):
                    fail(self.file, at, f"the key {key!r} is not a string")
                if key in result:
                    fail(self.file, at, f"duplicate key {key!r}; first in line {result.lines[key]}")
                result[key], result.lines[key] = self.construct_strictly(value_node), at
            return result
        if isinstance(node, yaml.SequenceNode):
            items = Seq(self.construct_strictly(item) for item in node.value)
            items.line, items.lines = line, [item.start_mark.line + 1 for item in node.value]
            return items
        if len(node.value) > SCALAR_LIMIT:
            fail(self.file, line, f"a value of {len(node.value):,} characters; it has at most {SCALAR_LIMIT:,}")
        try:
            return self.construct_object(node)
        except (ValueError, KeyError):  # by an explicit tag, or of more digits than Python takes
            fail(self.file, line, f"{node.value[:80]!r} is no {node.tag.rpartition(':')[2]}")


Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(0|[1-9][0-9]*)$"), list("-0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))


# --- messages -----------------------------------------------------------------------------------------------


def fail(file: str, line: int, what: str) -> NoReturn:
    raise SpecError(f"{file}:{line}: {what}")


def display_path(path: Path) -> str:
    """A path as messages show it: below the suite's folder without that folder."""
    try:
        real = path.resolve()
    except (OSError, RuntimeError):  # a link to itself
        return str(path)
    return real.relative_to(ROOT).as_posix() if real.is_relative_to(ROOT) else str(path)


def suggest(word: str, known: Iterable[str], otherwise: str = "clauses are in specs/clauses/") -> str:
    """What was perhaps meant."""
    close = difflib.get_close_matches(word, list(known), 3, 0.5)
    return f"perhaps {', '.join(close)}; {otherwise}" if close else otherwise


def listing(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)
