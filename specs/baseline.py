"""What a platform answers where no document obliges it: of one run, and as a file records it.

A baseline is JSON lines: a header, then a line for each outcome of each scenario. `reports accept` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from specs.model import Baseline, Case, Clause, Entry, Observations, Profile, SpecError, Transcript
from specs.outcomes import normalise
from specs.reached import only_observed
from specs.words import spell_observed

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


def other_releases(platform: str, version: str, folder: Path = FOLDER) -> list[str]:
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


# --- a run compared with it ---------------------------------------------------------------------------------


class Drift(NamedTuple):
    """The first observation that differs, its step's index, and what the baseline has of it."""

    step: int
    entry: Entry
    recorded: str


class Comparison(NamedTuple):
    """ends_alike: the run ends before its last step, as one that the baseline has."""

    drift: Drift | None = None
    ends_alike: bool = False


def compare(case: Case, transcript: Transcript, clauses: Mapping[str, Clause], profile: Profile) -> Comparison:
    """The run against the nearest of those that the platform's baseline has of the case.

    A case whose calls the target lacks says nothing, and one that ended in a crash says that.
    """
    recorded = profile.baseline.get(case.id, ())
    if not recorded or (transcript.ended and transcript.ended[0] in ("unsupported", "crashed")):
        return Comparison()
    seen = observations(case, transcript, clauses, profile.manuals)
    if seen in recorded:
        return Comparison(ends_alike="unresolved" in seen)
    first, nearest = max(((differs_at(seen, one), one) for one in recorded), key=lambda pair: pair[0])
    entry, number = transcript.of_step(first), str(first + 1)
    return Comparison(Drift(first, entry, nearest.get(number, "nothing")) if entry and number in seen else None)


def differs_at(seen: Observations, recorded: Observations) -> int:
    """The index of the first step that two runs of a case differ in; behind the last where no step differs."""
    numbers = sorted(int(number) for number in seen.keys() | recorded.keys() if number.isdecimal())
    differing = (number - 1 for number in numbers if seen.get(str(number)) != recorded.get(str(number)))
    return next(differing, max(numbers, default=0))


def surveys(case: Case, index: int, transcript: Transcript, clauses: Mapping[str, Clause],
            manuals: Sequence[str]) -> bool:
    """Whether a step has clauses, and none of them binds a platform with these manuals."""
    checks = case.steps[index].checks
    return (bool(checks) and not only_observed(case, index, transcript)
            and all(clauses[check.clause].force(manuals) == "survey" for check in checks))


def is_observation(case: Case, index: int, transcript: Transcript, clauses: Mapping[str, Clause],
                   manuals: Sequence[str]) -> bool:
    """Whether nothing is required of a step, so that its outcome is recorded; of a probe it depends on the moment."""
    return case.steps[index].verb != "probe" and (
        only_observed(case, index, transcript) or surveys(case, index, transcript, clauses, manuals))


def observations(case: Case, transcript: Transcript, clauses: Mapping[str, Clause],
                 manuals: Sequence[str]) -> Observations:
    """What a case gave where nothing is required, by step number; and that a state was not reached after that.

    Where something is required, what a baseline has excuses only a state to which an observation led.
    """
    made = [entry for entry in transcript.entries if entry.step is not None]
    found = {str(entry.step + 1): spell_observed(normalise(entry.observed, transcript.names)) for entry in made
             if entry.step is not None and is_observation(case, entry.step, transcript, clauses, manuals)}
    free = all(clauses[clause].force(manuals) == "survey" for clause in case.clauses)
    led = free or any(entry.step is not None and surveys(case, entry.step, transcript, clauses, manuals)
                      for entry in made)
    lost = led and transcript.ended is not None and transcript.ended[0] == "unresolved"
    return found | ({"unresolved": ""} if lost else {})
