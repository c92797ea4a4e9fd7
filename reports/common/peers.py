"""Public tests of other suites, and the scenarios here that check the same: peers.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from specs.grammar import check, validator
from specs.model import pattern_of
from specs.strict import HERE, ROOT, Map, display_path, fail, read

FILE = HERE / "peers.yaml"


@dataclass(frozen=True)
class PublicTest:
    """A test of another suite. scenarios: patterns over scenario ids, `*` is any text; why: if there are none."""

    file: str
    name: str
    checks: str
    scenarios: tuple[str, ...]
    why: str
    line: int

    def among(self, every: Sequence[str]) -> list[str]:
        """The scenarios that check the same."""
        return [id_ for id_ in every if any(is_called(text, id_) for text in self.scenarios)]


@dataclass(frozen=True)
class Peer:
    """Another suite. repository: OWNER/NAME on GitHub."""

    name: str
    about: str
    repository: str
    tests: tuple[PublicTest, ...]


def peers(path: Path = FILE) -> list[Peer]:
    """The other suites, in the order of the file."""
    file, content = display_path(path), read(path)
    check(file, content, 1, "a file of peers", validator("peers"))
    return [Peer(name, entry["about"], entry["repository"], tuple(tests(entry["tests"])))
            for name, entry in content.items()]


def tests(files: Map) -> Iterator[PublicTest]:
    for file, named in files.items():
        for name, entry in named.items():
            yield PublicTest(file, name, entry["checks"], tuple(entry.get("scenarios", ())), entry.get("why", ""),
                             named.lines[name])


def is_called(text: str, topic: str) -> bool:
    """Whether a pattern such as errors/EISCONN::twice* is that of a scenario."""
    return bool(pattern_of(text).fullmatch(topic))


@cache
def scenarios(folder: Path = ROOT / "suites") -> tuple[str, ...]:
    """Every scenario that is written down, as pages name it: `errors/EISCONN::twice`."""
    return tuple(f"{path.relative_to(folder).with_suffix('').as_posix()}::{name}"
                 for path in sorted(folder.rglob("*.yaml")) for name in named_in(path))


def named_in(path: Path) -> Map:
    content = read(path)
    found = content.get("scenarios")
    if not isinstance(found, Map):
        fail(display_path(path), content.line, "a scenario file lacks 'scenarios', a mapping of names to scenarios")
    return found


def unmatched(path: Path = FILE) -> Iterator[str]:
    """One line for each pattern that no scenario has to do with."""
    for test in (test for peer in peers(path) for test in peer.tests):
        for text in test.scenarios:
            if not any(is_called(text, id_) for id_ in scenarios()):
                yield f"{display_path(path)}:{test.line}: {test.name}: no scenario is called {text}"
