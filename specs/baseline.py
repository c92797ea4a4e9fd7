"""What a platform answers where no document obliges it, as a file has it.

A baseline is JSON lines: a header, then a line for each outcome of each scenario. `reports accept` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from specs.model import Baseline, Observations, SpecError

FOLDER = Path(__file__).parent / "baselines"


class Header(msgspec.Struct, frozen=True, tag_field="kind", tag="baseline"):
    """The first line. seen: the systems that a baseline was seen on, with their releases."""

    platform: str
    seen: list[str]


class Line(msgspec.Struct, frozen=True, tag_field="kind", tag="scenario"):
    """What some variants of a scenario gave: step number -> outcome, each a way in which a run may go."""

    scenario: str
    variants: list[str]
    gave: list[dict[str, str]]


DECODER = msgspec.json.Decoder(Header | Line)


def load(platforms: Iterable[str], folder: Path = FOLDER) -> Baseline:
    """The baseline of a platform, the nearest first, with what it inherits; empty where it has none of its own."""
    files = [folder / f"{platform}.jsonl" for platform in platforms]
    if not files or not files[0].exists():
        return {}
    found: dict[str, tuple[Observations, ...]] = {}
    for file in reversed(files):
        found |= dict(cases(file)) if file.exists() else {}
    return found


def cases(file: Path) -> Iterator[tuple[str, tuple[Observations, ...]]]:
    """The cases of one file; SpecError names the line that is wrong."""
    for number, text in enumerate(file.read_bytes().splitlines(), 1):
        try:
            line = DECODER.decode(text)
        except ValueError as problem:
            raise SpecError(f"specs/baselines/{file.name}:{number}: {problem}") from None
        if isinstance(line, Line):
            for variant in line.variants:
                yield line.scenario + (f"[{variant}]" if variant else ""), tuple(line.gave)


def seen(file: Path) -> list[str]:
    """The systems that a baseline was seen on, such as `Linux 6.18.44 x86_64, glibc-2.36`."""
    if not file.exists():
        return []
    head = DECODER.decode(file.read_bytes().splitlines()[0])
    return head.seen if isinstance(head, Header) else []


def strangers(platform: str, version: str, folder: Path = FOLDER) -> list[str]:
    """The releases that a platform's baseline was seen on, where this is none of them: another one may well differ.

    Releases are compared by their first two numbers.
    """
    releases = sorted({release_of(one) for one in seen(folder / f"{platform}.jsonl")})
    return [] if release_of(version) in releases else releases


def release_of(version: str) -> str:
    """`Linux 6.18` of `Linux 6.18.44 x86_64, glibc-2.36`."""
    found = re.match(r"\S+ [0-9]+(\.[0-9]+)?", version)
    return found[0] if found else version


def text(platform: str, systems: Iterable[str], found: Baseline) -> str:
    """A baseline as its file holds it: cases of a scenario that gave the same are one line."""
    alike: dict[tuple[str, bytes], list[str]] = {}
    for case, gave in found.items():
        scenario, _, variant = case.partition("[")
        key = scenario, msgspec.json.encode(sorted(gave, key=msgspec.json.encode))
        alike.setdefault(key, []).append(variant.removesuffix("]"))
    lines: list[Header | Line] = [Header(platform, sorted(set(systems)))]
    lines += [Line(scenario, sorted(variants), msgspec.json.decode(gave))
              for (scenario, gave), variants in sorted(alike.items())]
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)
