"""A platform's page as text: what is added to it leaves every line that is there as it is."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from reports.results import Name
from reports.words import visible
from specs import load
from specs.model import Deviation, pattern_of
from specs.record import Unreadable

HEAD = "# yaml-language-server: $schema=../schema/platforms.json\n"
WIDTH = 120


def new(platform: str, inherits: str | None) -> str:
    return HEAD + f"platform: {platform}\n" + (f"inherits: {inherits}\n" if inherits else "")


def entry(clause: str, cases: Sequence[str], observed: Any, comment: str) -> list[str]:
    """The lines of one deviation, for a person to complete; the comment stands above it."""
    comment = f"# {visible(comment)}"
    return [comment if len(comment) <= WIDTH else comment[:WIDTH - 1] + "…",
            f"- clause: {clause}", *listing(cases), *outcomes(observed),
            "  status: bug", '  because: ""', '  source: ""']


def withdrawal(one: Deviation) -> list[str]:
    return [f"- clause: {one.clause}", *listing(one.cases)]


def listing(cases: Iterable[str]) -> list[str]:
    """The line of the patterns, or one line each where there are several."""
    quoted = [json.dumps(text, ensure_ascii=False) for text in cases]
    if len(quoted) == 1 or sum(map(len, quoted)) < WIDTH // 2:
        return [f"  cases: [{', '.join(quoted)}]"]
    return ["  cases:", *(f"    - {text}" for text in quoted)]


def outcomes(observed: Any) -> list[str]:
    """The line of what was observed, or one line each where several make it too long."""
    line = f"  observed: {flow(observed)}"
    if isinstance(observed, list) and len(line) > WIDTH:
        return ["  observed:", *(f"    - {flow(one)}" for one in observed)]
    return [line]


def flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def patterns(cases: Sequence[str], others: Collection[str]) -> list[str]:
    """Few patterns that match all these cases and none of the others that have to do with the clause."""
    found: list[str] = []
    left = list(cases)
    while left:
        fit = [text for text in candidates(left[0]) if not any(map(pattern_of(text).fullmatch, others))]
        best = max(fit, key=lambda text: sum(bool(pattern_of(text).fullmatch(case)) for case in left))
        found.append(best)
        left = [case for case in left if not pattern_of(best).fullmatch(case)]
    return found


def candidates(case: str) -> Iterator[str]:
    """Patterns that match a case, the widest first: its file, its scenario, some of its axes bound, itself.

    Drawn scenarios are known by name only, so that their file is no pattern.
    """
    path, name = case.removeprefix("suites/").partition("::")[0], Name.of(case)
    if path.endswith(".yaml"):
        yield f"{path}::*"
    if name.variant:
        yield f"{path}::{name.scenario}[*"
        words = name.variant.split("-")
        for number in range(1, min(len(words), 6)):
            for bound in itertools.combinations(range(len(words)), number):
                kept = [word if at in bound else "*" for at, word in enumerate(words)]
                thinned = [word for at, word in enumerate(kept) if word != "*" or kept[at - 1:at] != ["*"]]
                yield f"{path}::{name.scenario}[{'-'.join(thinned)}]"
    yield case.removeprefix("suites/")


def add(file: Path, text: str, key: str, items: Sequence[Sequence[str]]) -> str:
    """The page's text with items below a key: after the last that is there, or at the end with the key."""
    if not items:
        return text
    text = text if text.endswith("\n") else text + "\n"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    nodes = {name.value: (name, value) for name, value in root.value}
    if key not in nodes:
        return text + f"{key}:\n" + indented(items, 2)
    name, block = nodes[key]
    if not isinstance(block, yaml.SequenceNode) or block.flow_style:
        raise Unreadable(f"{load.shown(file)}:{name.start_mark.line + 1}: {key} is no block of entries, a line each; "
                         "nothing can be added to it")
    lines = text.splitlines(keepends=True)
    last = last_line(block)
    return "".join([*lines[:last + 1], indented(items, block.start_mark.column), *lines[last + 1:]])


def indented(items: Sequence[Sequence[str]], column: int) -> str:
    return "".join(f"{' ' * column}{line}\n" for item in items for line in item)


def last_line(node: yaml.Node) -> int:
    """Where a node ends; the end of a block is that of the last thing in it, before comments and blank lines."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        return last_line(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.line) - (node.end_mark.column == 0)
