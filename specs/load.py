"""The clauses, and a targets file, as their schemas have them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from specs.grammar import check, validator
from specs.model import Citation, Clause
from specs.strict import HERE, Map, display_path, fail, read


@cache
def clauses(folder: Path = HERE / "clauses") -> Mapping[str, Clause]:
    """Every clause of every file, by id."""
    found: dict[str, Clause] = {}
    for path in sorted(folder.glob("*.yaml")):
        file, content = display_path(path), read(path)
        check(file, content, 1, "a clause file", validator("clauses"))
        for id_, entry in content.items():
            if id_ in found:
                fail(file, content.lines[id_], f"{id_} is defined already, in {found[id_].file}:{found[id_].line}")
            cited = tuple(Citation(doc, where["where"], where["force"]) for doc, where in entry["cited"].items())
            found[id_] = Clause(id_, entry["says"], cited, file, content.lines[id_])
    return found


def targets(path: Path) -> Map:
    """The content of a targets file, checked."""
    content = read(path)
    check(display_path(path), content, 1, "a targets file", validator("targets"))
    return content
