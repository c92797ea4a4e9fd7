"""Add entries to the page of a platform as text, so that its other lines do not change."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from reports.common.wording import visible
from specs import strict
from specs.model import Case
from specs.record import Unreadable

HEAD = "# yaml-language-server: $schema=../schema/platforms.json\n"
WIDTH = 120


def new(platform: str, inherits: str | None) -> str:
    return HEAD + f"platform: {platform}\n" + (f"inherits: {inherits}\n" if inherits else "")


def bug(name: str, comment: str, shows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The lines of one bug, below a comment, for a person to complete."""
    comment = f"# {visible(comment)}"
    lines = [comment if len(comment) <= WIDTH else comment[:WIDTH - 1] + "…",
             f"{name}:", '  because: ""', "  status: bug", '  source: ""', "  shows:"]
    for row in shows:
        lines += item(row, "    ")
    return lines


def item(row: Mapping[str, Any], indent: str) -> list[str]:
    """A mapping as an item of a list, in one line if that is not too long, else in one line for each key."""
    line = f"{indent}- {flow(dict(row))}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{indent}{'  ' if number else '- '}{part}" for number, (key, value) in enumerate(row.items())
            for part in [f"{key}: {flow(value)}"]]


def flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


# --- Where a bug shows --------------------------------------------------------------------------------------


def places(cases: Collection[Case], others: Collection[Case]) -> list[dict[str, Any]]:
    """A few places (scenarios, and values of their axes) that contain all these cases and none of the others."""
    topics: dict[str, list[Case]] = {}
    for case in cases:
        topics.setdefault(case.topic, []).append(case)
    found: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for topic, wanted in topics.items():
        every = [*wanted, *(case for case in others if case.topic == topic)]
        for where in boxes(wanted, every):
            found.setdefault(json.dumps(where), (where, []))[1].append(topic)
    return [place(scenarios, where) for where, scenarios in found.values()]


def place(scenarios: Sequence[str], where: Mapping[str, Any]) -> dict[str, Any]:
    return ({"in": only(scenarios)} if scenarios else {}) | ({"where": where} if where else {})


def boxes(cases: Sequence[Case], every: Sequence[Case]) -> list[dict[str, Any]]:
    """Values of axes that select these cases from all cases of a scenario; empty if they are all of them."""
    values = {axis: list(dict.fromkeys(case.axes.get(axis, "") for case in every)) for axis in every[0].axes}
    wanted, left, found = {case.id for case in cases}, list(cases), []
    while left:
        box = {axis: [left[0].axes.get(axis, "")] for axis in values}
        for axis, known in values.items():
            for wider in (known, *([*box[axis], value] for value in known)):
                if selected(box | {axis: wider}, every) <= wanted:
                    box[axis] = list(dict.fromkeys([*box[axis], *wider]))
        held = selected(box, every)
        found.append({axis: only(box[axis]) for axis, known in values.items() if set(box[axis]) != set(known)})
        left = [case for case in left if case.id not in held]
    return found


def selected(box: Mapping[str, Collection[str]], every: Iterable[Case]) -> set[str]:
    return {case.id for case in every if all(case.axes.get(axis, "") in values for axis, values in box.items())}


def only(values: Sequence[str]) -> Any:
    """The value if there is one, else the list; numbers as numbers."""
    plain = [int(value) if re.fullmatch(r"-?(0|[1-9]\d*)", value) else value for value in values]
    return plain[0] if len(plain) == 1 else plain


# --- The text of a page -------------------------------------------------------------------------------------


def add(file: Path, text: str, key: str, items: Sequence[Sequence[str]]) -> str:
    """The text of the page with items below a key, after its last item; at the end, with the key, if it has none."""
    if not items:
        return text
    text = text if text.endswith("\n") else text + "\n"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    nodes = {name.value: (name, value) for name, value in root.value}
    if key not in nodes:
        return text + f"{key}:\n" + indented(items, 2)
    name, block = nodes[key]
    if not isinstance(block, yaml.CollectionNode) or block.flow_style:
        place = f"{strict.display_path(file)}:{name.start_mark.line + 1}"
        raise Unreadable(f"{place}: {key} is not a block of entries, so that nothing can be added to it")
    lines = text.splitlines(keepends=True)
    last = last_line(block)
    return "".join([*lines[:last + 1], indented(items, block.start_mark.column), *lines[last + 1:]])


def indented(items: Sequence[Sequence[str]], column: int) -> str:
    return "".join(f"{' ' * column}{line}\n" for item in items for line in item)


def last_line(node: yaml.Node) -> int:
    """The last line of a node; of a block, that of its last item, before comments and blank lines."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        return last_line(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.line) - (node.end_mark.column == 0)
