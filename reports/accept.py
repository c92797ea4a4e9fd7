"""Today's differences as entries of the platform's page; why they are, a person fills in."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from reports import page
from reports.results import plural, read, some
from reports.rows import Clauses
from reports.words import visible
from specs import load
from specs.judge import (
    Judgement,
    is_errno,
    judge,
    lateness,
    matches,
    of_checks,
    part,
    reached,
    ret_of,
    spell_departure,
)
from specs.model import BOUNDS, Case, Check, Deviation, Entry, Profile, Transcript
from specs.record import Unreadable

FOLDER = load.HERE / "platforms"
UNTESTED = ("unsupported", "unresolved")
NUMBERED = re.compile(r"(inet6?:\S+:)\d+|\b(?!inet)([a-z]+)\d+\b")  # a port that the system chose, a path of the run
# Words that stand for an address which is another in every run, the narrower first.
WORDS = {"host": ("loopback", "wildcard", "unchanged"), "port": ("none", "unchanged", "chosen"),
         "name": ("unnamed", "unchanged", "abstract")}


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a result file of one target, or FILE@TARGET")
    parser.add_argument("--platform", required=True, metavar="P", help="the page to write to, specs/platforms/P.yaml")
    parser.add_argument("--inherits", metavar="Q", help="the platform that a new page begins from")


def run(options: Namespace) -> None:
    known, file = load.clauses(), FOLDER / f"{options.platform}.yaml"
    profile = profile_before(file, options.platform, options.inherits, known)
    played = one_target(options.file)
    withdrawn = unseen(file, played, profile, known)
    rest = Profile(profile.platform, profile.manuals, tuple(d for d in profile.deviations if d not in withdrawn))
    judged = [Played(case, transcript, judge(case, transcript, known, rest)) for case, transcript in played]
    found = differences(judged)
    text = file.read_text(encoding="utf-8") if file.exists() else page.new(options.platform, options.inherits)
    text = page.add(file, text, "conforms", [page.withdrawal(one) for one in withdrawn])
    text = page.add(file, text, "deviations", [
        page.entry(one.clause, page.patterns(one.cases, others(one, judged)), one.outcome,
                   f"{plural(len(one.cases), 'case')}: {one.example}") for one in found if one.outcome])
    file.write_text(text, encoding="utf-8")
    for line in summary(load.shown(file), len(withdrawn), found, judged):
        print(visible(line))


class Played(NamedTuple):
    """One case, what was seen of it, and what the profile makes of it."""

    case: Case
    transcript: Transcript
    judgement: Judgement


@dataclass
class Difference:
    """What the checks of one clause give, one of them wrongly. outcome: as an entry declares it; None if none can."""

    clause: str
    outcome: Any
    example: str
    cases: list[str] = field(default_factory=list)


def profile_before(file: Path, platform: str, inherits: str | None, known: Clauses) -> Profile:
    """What is declared so far; of a new page, what it inherits."""
    if file.exists() and inherits:
        raise Unreadable(f"{load.shown(file)}: there already; what it inherits is written there")
    if file.exists():
        return load.profile(platform, known, FOLDER)
    if not inherits:
        return Profile(platform, (platform,), ())
    above = load.profile(inherits, known, FOLDER)
    return Profile(platform, (platform, *above.manuals), above.deviations)


def one_target(file: Path) -> list[tuple[Case, Transcript]]:
    run_ = read(file)
    if len(run_.header.targets) > 1:
        raise Unreadable(f"{file} holds {', '.join(run_.header.targets)}; FILE@TARGET names one")
    return [(record.case(), record.transcript()) for record in run_.records]


# --- What differs -------------------------------------------------------------------------------------------


def unseen(file: Path, played: Iterable[tuple[Case, Transcript]], profile: Profile,
           known: Clauses) -> list[Deviation]:
    """Inherited entries that no case shows, though some could have: what the platform does not do."""
    inherited = [one for one in profile.deviations if one.file != load.shown(file)]
    tested: dict[tuple[str, int], bool] = {}
    for case, transcript in played:
        verdicts = judge(case, transcript, known, profile).clauses
        for one in profile.of(case):
            if one in inherited and verdicts.get(one.clause, "unsupported") not in UNTESTED:
                place = one.file, one.line
                tested[place] = tested.get(place, False) or shows(one, case, transcript, profile, known)
    gone = [one for one in inherited if tested.get((one.file, one.line)) is False]
    # `conforms` takes back all entries of a clause and its cases: none of them may have been seen.
    return [one for one in gone if all(other in gone for other in inherited
                                       if other.clause == one.clause and set(other.cases) <= set(one.cases))]


def shows(deviation: Deviation, case: Case, transcript: Transcript, profile: Profile, known: Clauses) -> bool:
    """Whether the checks of its clause give what it declares, as far as they were made."""
    made = [one for one in reached(case, transcript)[0] if one.check.clause == deviation.clause]
    verdicts = of_checks(made, transcript, known[deviation.clause].force(profile.manuals), profile, [deviation])
    return "deviates" in verdicts and set(verdicts) <= {"conforms", "deviates"}


def differences(judged: Iterable[Played]) -> list[Difference]:
    """What the checks of each clause give, in order, where one of them is wrong, with the cases that show it."""
    found: dict[tuple[str, str], Difference] = {}
    for played in judged:
        case, made = played.case, reached(played.case, played.transcript)[0]
        for clause in played.judgement.clauses:
            seen = [(played.judgement.steps[one.step][clause], one) for one in made if one.check.clause == clause]
            verdicts = {verdict for verdict, _ in seen}
            if not verdicts & {"fails", "crashed"} and not ("stale" in verdicts and "deviates" in verdicts):
                continue
            wrong = next(one for verdict, one in seen if verdict not in ("conforms", "deviates"))
            outcomes = ["conforms" if verdict in ("conforms", "stale") else
                        declarable(one.check, one.entry, played.transcript) for verdict, one in seen]
            outcome = None if None in outcomes else outcomes[0] if same(outcomes) else outcomes
            told = spell_departure(case, wrong)
            key = (clause, json.dumps(outcome or told, sort_keys=True))
            line = case.steps[wrong.step].line
            one = found.setdefault(key, Difference(clause, outcome, f"{told} ({case.file}:{line})"))
            one.cases.append(case.id)
    return list(found.values())


def same(outcomes: Sequence[Any]) -> bool:
    return all(one == outcomes[0] for one in outcomes)


def others(one: Difference, judged: Iterable[Played]) -> list[str]:
    """The cases that have to do with the clause too and did not do so, or have fewer checks of it."""
    length = len(one.outcome) if isinstance(one.outcome, list | tuple) else 0
    return [case.id for case, _, judgement in judged if case.id not in one.cases
            and (judgement.clauses.get(one.clause, "unsupported") not in UNTESTED
                 or (length and one.clause in case.clauses and checks_of(case, one.clause) < length))]


def checks_of(case: Case, clause: str) -> int:
    """How often a case checks a clause."""
    return sum(check.clause == clause for step in case.steps for check in step.checks)


def declarable(check: Check, made: Entry, transcript: Transcript) -> Any:
    """The outcome as `observed` declares it; None if the loader takes no such outcome.

    Of a success it has the fields that the check looks at; where it looks at none, all that came back.
    """
    keys = dict.fromkeys(key for allowed in check.allowed if isinstance(allowed, Mapping) for key in allowed
                         if key not in ("errno", *BOUNDS)) or fields_of(made)
    outcome: Any = made.observed["ret"]
    if outcome == "ok" and keys:
        outcome = {key: value_of(key, made, transcript) for key in keys}
        if is_ephemeral(outcome.get("name", "")):  # another in the next run
            address = outcome.pop("name")
            outcome |= {"host": part("host", address), "port": "chosen"}
    if bound := missed_bound(check, made):
        outcome = {**({"errno": outcome} if is_errno(outcome) else outcome if keys else {}), **bound}
    return outcome if load.is_observed(outcome) and matches(outcome, made, transcript) else None


def fields_of(made: Entry) -> dict[str, None]:
    """The fields that came back and that a scenario can name."""
    return dict.fromkeys(key for key in load.returns(made.verb) if key in made.observed)


def missed_bound(check: Check, made: Entry) -> dict[str, str]:
    """The bound of time on whose other side a call came; empty if it missed none."""
    for one in check.allowed:
        late = lateness(one, made.seconds) if ret_of(one) == made.observed["ret"] else ""
        if late and isinstance(one, Mapping):
            return {"not-before": one["within"]} if late == "too late" else {"within": one["not-before"]}
    return {}


def is_ephemeral(name: str) -> bool:
    """Whether a name is an internet address with a port that was chosen for this run."""
    return name.startswith("inet") and part("port", name) != "0"


def value_of(key: str, made: Entry, transcript: Transcript) -> Any:
    """One field that came back, in words that fit any run."""
    seen = made.observed.get("name" if key in WORDS else key, "")
    if key in WORDS:
        named = [name for name, address in transcript.names.items() if address == seen] if key == "name" else []
        return next((word for word in (*named, *WORDS[key]) if matches({key: word}, made, transcript)), part(key, seen))
    if key in ("revents", "ready", "flags"):
        return list(filter(None, seen.split(",")))
    if key in ("accepted", "connected"):
        return int(seen) if seen.isdecimal() else seen
    return unquote(seen) if key == "data" else seen


# --- What is said -------------------------------------------------------------------------------------------


def summary(file: str, withdrawn: int, found: Sequence[Difference], judged: Sequence[Played]) -> Iterator[str]:
    """What was written, and what only a person can do."""
    written = [one for one in found if one.outcome]
    cases = {case for one in written for case in one.cases}
    if written:
        yield f"{file}: {plural(len(written), 'deviation')} in {plural(len(cases), 'case')}; fill in because and source"
    if withdrawn:
        yield f"{file}: {plural(withdrawn, 'withdrawal')} of what is inherited and not seen here"
    if not written and not withdrawn:
        yield f"{file}: nothing to add"
    for one in found:
        if one.outcome is None:
            yield f"left: {one.clause}: no entry declares {one.example}"
    alike: dict[str, list[str]] = {}
    for case, _, judgement in judged:
        if judgement.verdict == "unresolved" or (judgement.verdict in ("stale", "crashed") and case.id not in cases):
            reason = NUMBERED.sub(r"\1\2*", judgement.reason)
            alike.setdefault(f"{judgement.verdict}, {reason}", []).append(case.id)
    for reason, ids in alike.items():
        yield f"left: {plural(len(ids), 'case')} {reason}: {some(ids, 2)}"
