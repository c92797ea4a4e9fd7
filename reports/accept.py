"""Write undeclared departures to the platform's page, for a person to complete, and observations to its baseline."""

from __future__ import annotations

import itertools
import json
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from reports.common import profile_writer
from reports.common.aggregate import Clauses
from reports.common.faults import NUMBERED, first_wrong
from reports.common.options import platform_name
from reports.common.results import Run, first_n, plural, read
from reports.common.wording import visible
from specs import baseline, grammar, load, pages, strict
from specs.baseline import observations
from specs.checks import of_checks
from specs.judge import Judgement, judge
from specs.model import BOUNDS, Case, Check, Deviation, Entry, Observations, Profile, Transcript
from specs.outcomes import is_errno, lateness, matches, part, ret_of
from specs.reached import reached
from specs.record import Unreadable
from specs.verbs import VERBS
from specs.words import spell_departure

FOLDER = strict.HERE / "platforms"
UNTESTED = ("unsupported", "unresolved")
HELD = ("conforms", "recorded", "drifted", "stale")  # verdicts of checks that no bug declares
# The words of `expect` for an address that is another in every run, the narrower first.
WORDS = {"host": ("loopback", "wildcard", "unchanged"), "port": ("none", "unchanged", "chosen"),
         "name": ("unnamed", "unchanged", "abstract")}


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a result file of one target, or FILE@TARGET")
    parser.add_argument("--platform", required=True, metavar="P", type=platform_name,
                        help="the page to write to, specs/platforms/P.yaml")
    parser.add_argument("--inherits", metavar="Q", help="the platform that a new page inherits")
    parser.add_argument("--add", action="store_true", help="keep both outcomes where this run differs from the "
                        "baseline, as it does after a race")


def run(options: Namespace) -> None:
    known, file = load.clauses(), FOLDER / f"{options.platform}.yaml"
    profile = profile_before(file, options.platform, options.inherits, known)
    run_ = one_target(options.file)
    played = [(record.case(), record.transcript()) for record in run_.records]
    withdrawn = not_shown(file, played, profile, known)
    rest = Profile(profile.platform, profile.manuals, tuple(d for d in profile.deviations if d not in withdrawn),
                   profile.withdrawn)
    judged = [JudgedCase(case, transcript, judge(case, transcript, known, rest)) for case, transcript in played]
    found = undeclared(judged)
    text = file.read_text(encoding="utf-8") if file.exists() else profile_writer.new(options.platform, options.inherits)
    items = [profile_writer.item(one, "") for one in withdrawals(withdrawn, profile)]
    text = profile_writer.add(file, text, "without", items)
    items = list(new_bugs([one for one in found if one.outcome], judged, profile))
    text = profile_writer.add(file, text, "bugs", items)
    file.write_text(text, encoding="utf-8")
    recorded = write_baseline(run_, played, profile, known, options.add)
    for line in [*summary(strict.display_path(file), len(withdrawn), found, judged), recorded]:
        print(visible(line))


# --- The baseline -------------------------------------------------------------------------------------------


def write_baseline(run_: Run, played: Iterable[tuple[Case, Transcript]], profile: Profile, known: Clauses,
                   add: bool) -> str:
    """Write the observations that no inherited baseline has; return a line that says so."""
    folder = FOLDER.parent / "baselines"
    own, *above = (dict(baseline.load([one], folder)) for one in profile.manuals)
    inherited: dict[str, tuple[Observations, ...]] = {}
    for one in reversed(above):
        inherited |= one
    changed = 0
    for case, transcript in played:
        seen = observations(case, transcript, known, profile.manuals)
        before = own.get(case.id, inherited.get(case.id, ()))
        if not seen or seen in before or (transcript.ended and transcript.ended[0] in ("unsupported", "crashed")):
            continue
        own[case.id] = (*before, seen) if add else (seen,)
        changed += 1
    (target,) = run_.header.targets.values()
    file = folder / f"{profile.platform}.jsonl"
    if own:
        folder.mkdir(exist_ok=True)
        systems = {*baseline.seen(file), target.version}
        file.write_text(baseline.text(profile.platform, systems, own), encoding="utf-8")
    return f"{strict.display_path(file)}: {plural(changed, 'case')} recorded" if changed else "no observation is new"


# --- Departures ---------------------------------------------------------------------------------------------


class JudgedCase(NamedTuple):
    """One case, its transcript, and how the page judges it."""

    case: Case
    transcript: Transcript
    judgement: Judgement


@dataclass
class Undeclared:
    """The outcomes of the checks of one clause, of which one departs. outcome: as a bug declares them, if one can."""

    clause: str
    outcome: Any
    wrong: str  # what the first check that departs returned
    example: str
    cases: list[Case] = field(default_factory=list)


def profile_before(file: Path, platform: str, inherits: str | None, known: Clauses) -> Profile:
    """The page so far; of a new page, what it inherits."""
    if file.exists() and inherits:
        raise Unreadable(f"{strict.display_path(file)}: the page exists; --inherits is for new pages")
    if file.exists():
        return pages.profile(platform, known, FOLDER)
    if not inherits:
        return Profile(platform, (platform,), ())
    above = pages.profile(inherits, known, FOLDER)
    return Profile(platform, (platform, *above.manuals), above.deviations)


def one_target(file: Path) -> Run:
    run_ = read(file)
    if len(run_.header.targets) > 1:
        raise Unreadable(f"{file} has {', '.join(run_.header.targets)}; FILE@TARGET names one")
    return run_


def not_shown(file: Path, played: Iterable[tuple[Case, Transcript]], profile: Profile,
              known: Clauses) -> list[Deviation]:
    """Inherited entries that no case shows, though some were tested."""
    inherited = [one for one in profile.deviations if one.file != strict.display_path(file)]
    tested: dict[Deviation, bool] = {}
    for case, transcript in played:
        verdicts = judge(case, transcript, known, profile).clauses
        for one in profile.of(case):
            if one in inherited and verdicts.get(one.clause, "unsupported") not in UNTESTED:
                tested[one] = tested.get(one, False) or shows(one, case, transcript, known[one.clause].force(
                    profile.manuals))
    gone = [one for one in inherited if tested.get(one) is False]
    # A withdrawal is of a place of a bug, with all clauses in which the bug shows there.
    return [one for one in gone if not any(tested.get(other) for other in inherited
                                           if (other.bug, other.place) == (one.bug, one.place))]


def withdrawals(gone: Sequence[Deviation], profile: Profile) -> Iterator[dict[str, Any]]:
    """The entries of `without`: a bug with all its places, or some of its places."""
    for bug in dict.fromkeys(one.bug for one in gone):
        places = [one.place for one in profile.deviations if one.bug == bug]
        lost = list(dict.fromkeys(one.place for one in gone if one.bug == bug))
        if set(places) == set(lost):
            yield {"bug": bug.name}
            continue
        for place in lost:
            where = {axis: profile_writer.only([str(value) for value in values]) for axis, values in place.where}
            yield {"bug": bug.name, **profile_writer.place(place.scenarios, where)}


def shows(deviation: Deviation, case: Case, transcript: Transcript, force: str) -> bool:
    """Whether the checks of its clause that were made have the declared outcomes."""
    made = [one for one in reached(case, transcript)[0] if one.check.clause == deviation.clause]
    verdicts = of_checks(made, transcript, force, [deviation])
    return "deviates" in verdicts and set(verdicts) <= {"conforms", "deviates"}


def undeclared(judged: Iterable[JudgedCase]) -> list[Undeclared]:
    """The outcomes of the checks of each clause, in order, where one departs, with the cases that have them."""
    found: dict[tuple[str, str], Undeclared] = {}
    for played in judged:
        case, made = played.case, reached(played.case, played.transcript)[0]
        for clause in played.judgement.clauses:
            seen = [(played.judgement.steps[one.step][clause], one) for one in made if one.check.clause == clause]
            at = first_wrong([verdict for verdict, _ in seen])
            if at is None:
                continue
            wrong = seen[at][1]
            outcomes = ["conforms" if verdict in HELD else
                        declarable(one.check, one.entry, played.transcript) for verdict, one in seen]
            alike = outcomes.count(outcomes[0]) == len(outcomes)
            outcome = None if None in outcomes else outcomes[0] if alike else outcomes
            departure = spell_departure(wrong.entry, wrong.check.allowed)
            key = (clause, json.dumps(outcome or departure, sort_keys=True))
            line = case.steps[wrong.step].line
            given = wrong.entry.observed["ret"]
            one = found.setdefault(key, Undeclared(clause, outcome, given, f"{departure} ({case.file}:{line})"))
            one.cases.append(case)
    return list(found.values())


def new_bugs(found: Sequence[Undeclared], judged: Sequence[JudgedCase], profile: Profile) -> Iterator[list[str]]:
    """The lines of each bug. One bug has all that depart from a clause with the same first outcome."""
    taken = {one.bug.name for one in profile.deviations}
    alike: dict[tuple[str, str], list[Undeclared]] = {}
    for one in found:
        alike.setdefault((one.clause, one.wrong), []).append(one)
    for (clause, wrong), several in alike.items():
        name = free_name(f"{clause}-gives-{wrong}", taken)
        taken.add(name)
        cases = sum(len(one.cases) for one in several)
        rows = [{**place, clause: one.outcome} for one in several
                for place in profile_writer.places(one.cases, others(one, judged))]
        yield profile_writer.bug(name, f"{plural(cases, 'case')}: {several[0].example}", rows)


def free_name(text: str, taken: Collection[str]) -> str:
    """A name that no bug has yet, for a person to replace."""
    stem = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


def others(one: Undeclared, judged: Iterable[JudgedCase]) -> list[Case]:
    """The other cases of the clause: those that were tested, and those with fewer checks of it."""
    length = len(one.outcome) if isinstance(one.outcome, list | tuple) else 0
    own = {case.id for case in one.cases}
    return [case for case, _, judgement in judged if case.id not in own
            and (judgement.clauses.get(one.clause, "unsupported") not in UNTESTED
                 or (length and one.clause in case.clauses and checks_of(case, one.clause) < length))]


def checks_of(case: Case, clause: str) -> int:
    return sum(check.clause == clause for step in case.steps for check in step.checks)


def declarable(check: Check, made: Entry, transcript: Transcript) -> Any:
    """The outcome as a bug declares it; None if the loader does not accept it.

    Of a success it has the fields that the check names; all that came back if it names none.
    """
    keys = dict.fromkeys(key for allowed in check.allowed if isinstance(allowed, Mapping) for key in allowed
                         if key not in ("errno", *BOUNDS))
    row = VERBS.get(made.verb)  # a verb of an older suite has none
    keys = keys or dict.fromkeys(key for key in (row.returns if row else ()) if key in made.observed)
    outcome: Any = made.observed["ret"]
    if outcome == "ok" and keys:
        outcome = {key: value_of(key, made, transcript) for key in keys}
        address = outcome.get("name", "")
        if address.startswith("inet") and part("port", address) != "0":  # an ephemeral port
            del outcome["name"]
            outcome |= {"host": part("host", address), "port": "chosen"}
    if bound := missed_bound(check, made):
        outcome = {**({"errno": outcome} if is_errno(outcome) else outcome if keys else {}), **bound}
    return outcome if grammar.is_observed(outcome) and matches(outcome, made, transcript) else None


def missed_bound(check: Check, made: Entry) -> dict[str, str]:
    """The opposite of the time bound that the call missed; empty if it missed none."""
    for one in check.allowed:
        late = lateness(one, made.seconds) if ret_of(one) == made.observed["ret"] else ""
        if late and isinstance(one, Mapping):
            return {"not-before": one["within"]} if late == "too late" else {"within": one["not-before"]}
    return {}


def value_of(key: str, made: Entry, transcript: Transcript) -> Any:
    """One returned field, in words that hold in every run."""
    seen = made.observed.get("name" if key in WORDS else key, "")
    if key in WORDS:
        named = [name for name, address in transcript.names.items() if address == seen] if key == "name" else []
        return next((word for word in (*named, *WORDS[key]) if matches({key: word}, made, transcript)), part(key, seen))
    if key in ("revents", "ready", "flags"):
        return list(filter(None, seen.split(",")))
    if key in ("accepted", "connected"):
        return int(seen) if seen.isdecimal() else seen
    return unquote(seen) if key == "data" else seen


# --- Messages -----------------------------------------------------------------------------------------------


def summary(file: str, withdrawn: int, found: Sequence[Undeclared], judged: Sequence[JudgedCase]) -> Iterator[str]:
    """What was written, and what is left for a person to do."""
    written = [one for one in found if one.outcome]
    cases = {case.id for one in written for case in one.cases}
    if written:
        number = len({(one.clause, one.wrong) for one in written})
        yield f"{file}: {plural(number, 'bug')} in {plural(len(cases), 'case')}; fill in because and source"
    if withdrawn:
        yield f"{file}: {plural(withdrawn, 'withdrawal')} of inherited entries that no case shows"
    if not written and not withdrawn:
        yield f"{file}: nothing to add"
    for one in found:
        if one.outcome is None:
            yield f"left: {one.clause}: no bug can declare {one.example}"
    alike: dict[str, list[str]] = {}
    for case, _, judgement in judged:
        if judgement.verdict == "unresolved" or (judgement.verdict in ("stale", "crashed") and case.id not in cases):
            reason = NUMBERED.sub(r"\1\2*", judgement.reason)
            alike.setdefault(f"{judgement.verdict}, {reason}", []).append(case.id)
    for reason, ids in alike.items():
        yield f"left: {plural(len(ids), 'case')} {reason}: {first_n(ids, 2)}"
