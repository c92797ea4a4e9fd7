"""What differs between two runs or two targets; changes that the suite caused are reported separately."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from reports.common import markdown, terminal
from reports.common.aggregate import alike
from reports.common.comparison import KINDS, closest_drawn, compare, compare_drawn, probes
from reports.common.results import Column, Name, Results, checked, gather, give_back, plural
from reports.common.tables import Field, Table
from reports.common.wording import GLYPHS, departures, observed_instead
from specs.record import Record, Unreadable


def arguments(parser: ArgumentParser) -> None:
    about = "a result file, FILE@TARGET for one target of it, or a folder of result files"
    parser.add_argument("old", type=Path, metavar="OLD", help=about)
    parser.add_argument("new", type=Path, metavar="NEW", help="the same")
    parser.add_argument("--fail-on", type=kinds, default=(), metavar="KIND[,KIND…]",
                        help=f"exit with 1 if there is any: {', '.join(KINDS)}")
    parser.add_argument("--format", choices=FORMATS, default="text")


def kinds(text: str) -> tuple[str, ...]:
    for word in text.split(","):
        if word not in KINDS:
            raise ArgumentTypeError(f"no kind {word!r}; it is one of {', '.join(KINDS)}")
    return tuple(text.split(","))


def run(options: Namespace) -> int:
    """0, or 1 when there is a difference of a kind that --fail-on names; a target that is lost is untested."""
    old, new = (gather([side], check=False) for side in (options.old, options.new))
    try:
        compared = [Comparison.of(old, before, new, after) for before, after in paired(old, new)]
    except ValueError:
        gather([options.old, options.new], merged=True)  # which names the line
        raise
    FORMATS[options.format](old, new, compared, sys.stdout)
    kinds_ = {one.kind for comparison in compared for one in comparison.differences}
    kinds_ |= {"untested"} if lost(old, compared) else set()
    return int(not kinds_.isdisjoint(options.fail_on))


# --- What differs -------------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """The verdict of a clause and what was observed instead, or the value of a probe."""

    verdict: str = ""
    text: str = ""


class Change(NamedTuple):
    """What a clause, or a field of a probe, had before and has after."""

    of: str
    before: Seen
    after: Seen


@dataclass(frozen=True)
class Difference:
    """A case that differs."""

    kind: str
    case: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Comparison:
    """Two columns, case by case. same: the number of cases without a difference."""

    old: Column
    new: Column
    same: int
    differences: tuple[Difference, ...]

    @classmethod
    def of(cls, old: Results, before: Column, new: Results, after: Column) -> Comparison:
        """Compare two columns. A case that a torn run does not have is not reported as gone or added."""
        olds = {case: records[before.label] for case, records in old.cases.items() if before.label in records}
        news = {case: records[after.label] for case, records in new.cases.items() if after.label in records}
        unknown = {kind for kind, results in (("added", old), ("gone", new)) if any(one.torn for one in results.runs)}
        differences, same = [], 0
        for number, case in enumerate(sorted({**olds, **news}, key=Name.of)):
            if number % 100 == 0:
                give_back()
            one, other = olds.get(case) or closest_drawn(case, olds), news.get(case) or closest_drawn(case, news)
            both = case in olds and case in news
            kind = compare(one, other) if both else compare_drawn(one, other, case in news)
            same += both and not kind
            if kind and kind not in unknown:
                differences.append(Difference(kind, case, changes(kind, one, other)))
        return cls(before, after, same, tuple(differences))


Compared = Sequence[Comparison]


def paired(old: Results, new: Results) -> list[tuple[Column, Column]]:
    """The columns to compare: the only two, or those with the same name, system and machine."""
    if len(old.columns) == len(new.columns) == 1:
        return [(old.columns[0], new.columns[0])]
    olds, news = by_place(old), by_place(new)
    pairs = [(olds[key], news[key]) for key in olds if key in news]
    if not pairs:
        sides = (", ".join(column.label for column in side.columns) or "nothing" for side in (old, new))
        raise Unreadable(f"no target is in both: {' against '.join(sides)}; FILE@TARGET names one")
    return pairs


def by_place(results: Results) -> dict[tuple[str, str, str], Column]:
    found: dict[tuple[str, str, str], Column] = {}
    for column in results.columns:
        key = (column.name, str(column.target.hello.get("system", "")), column.target.machine)
        if key in found:
            raise Unreadable(f"{found[key].label} and {column.label} are on the same side; name a file of one of them")
        found[key] = column
    return found


def lost(old: Results, compared: Compared) -> list[str]:
    """The targets of the old run that the new one has not: `netbsd: untested, it is not in the new run; 3903 cases`."""
    kept = {one.old.label for one in compared}
    return [f"{column.label}: untested, it is not in the new run; "
            f"{plural(sum(column.label in records for records in old.cases.values()), 'case')}"
            for column in old.columns if column.label not in kept]


def changes(kind: str, old: Record | None, new: Record | None) -> tuple[Change, ...]:
    """What the difference consists of; all clauses if none has changed. ValueError: steps of the two are none."""
    for record in filter(None, (old, new)):
        checked(record)
    if kind == "probe" and old and new:
        before, after = (probes(record.steps, record.names) for record in (old, new))
        return tuple(Change(key, Seen(text=before.get(key, "")), Seen(text=after.get(key, "")))
                     for key in {**before, **after} if before.get(key) != after.get(key))
    clauses = dict.fromkeys(clause for record in (old, new) if record for clause in record.clauses)
    every = tuple(Change(clause, seen(old, clause), seen(new, clause)) for clause in clauses)
    return tuple(one for one in every if one.before != one.after) or tuple(of_calls(old, new)) or every


def of_calls(old: Record | None, new: Record | None) -> Iterator[Change]:
    """The calls that depart differently, though the first departure of each clause is the same."""
    before, after = ({(clause, call): text for clause, call, text in found} for found in (
        departures(record.steps, record.names) if record else [] for record in (old, new)))
    for clause, call in {**before, **after}:
        one, other = before.get((clause, call), ""), after.get((clause, call), "")
        if one != other:
            yield Change(f"{clause} {call}".strip(), Seen(text=one), Seen(text=other))


def seen(record: Record | None, clause: str) -> Seen:
    if record is None or clause not in record.clauses:
        return Seen()
    return Seen(record.clauses[clause], observed_instead(record, clause))


# --- As text ------------------------------------------------------------------------------------------------


def by_kind(comparison: Comparison) -> Iterator[tuple[str, list[tuple[str, int, tuple[Change, ...]]]]]:
    """Of each kind that there is, the groups of cases with the same changes: name, number of cases, changes."""
    for kind in KINDS:
        of_kind = {one.case: one.changes for one in comparison.differences if one.kind == kind}
        if of_kind:
            yield kind, list(alike(of_kind, of_kind.__getitem__))


def field(one: Seen) -> Field:
    return Field(" ".join(filter(None, (GLYPHS.get(one.verdict, ""), *one))) or "none", one.verdict)


def sides(old: Results, new: Results, compared: Compared) -> Iterator[str]:
    """What is compared, and what a reader must know before any figure."""
    paired_ = {one.new.label for one in compared}
    for side, results in (("old", old), ("new", new)):
        yield from (f"{side}: {note}" for note in results.notes)
        for one in results.runs if len(results.runs) == 1 else ():
            yield f"{side}: {one.file}, {one.header.started}, suite {one.header.suite.revision}"
    alone = [column.label for column in new.columns if column.label not in paired_]
    if alone:
        yield f"only in new: {', '.join(alone)}"
    if len(old.runs) == len(new.runs) == 1:
        before, after = (flat(one.runs[0].header.environment) for one in (old, new))
        yield from (f"{key}: {before.get(key, 'unknown')} before, {after.get(key, 'unknown')} after"
                    for key in {**before, **after} if before.get(key) != after.get(key))


def flat(environment: Mapping[str, object]) -> dict[str, str]:
    """The environment with each sysctl as an entry of its own."""
    sysctls = environment.get("sysctls")
    inner = sysctls if isinstance(sysctls, dict) else {}
    return {key: str(item) for key, item in {**environment, **inner}.items() if key != "sysctls"}


def title(comparison: Comparison) -> str:
    """`native: 2 regressed, 1 improved; 1083 cases are the same`."""
    counts = Counter(one.kind for one in comparison.differences)
    parts = [f"{counts[kind]} {kind}" for kind in KINDS if counts[kind]]
    labels = dict.fromkeys((comparison.old.label, comparison.new.label))
    return f"{' -> '.join(labels)}: {', '.join(parts) or 'no difference'}; {plural(comparison.same, 'case')} the same"


def as_text(old: Results, new: Results, compared: Compared, out: IO[str]) -> None:
    to = terminal.console(out)
    for line in sides(old, new, compared):
        terminal.say(to, line, "dim")
    for line in lost(old, compared):
        terminal.say(to, line, "bold")
    for comparison in compared:
        terminal.say(to, title(comparison), "bold")
        for kind, found in by_kind(comparison):
            to.print()
            terminal.say(to, f"{kind}: {KINDS[kind]}", "bold")
            for name, number, changed in found:
                terminal.say(to, f"  {name}  ({plural(number, 'case')})")
                for change in changed:
                    before, after = (terminal.text(one.text, terminal.STYLES.get(one.verdict, ""))
                                     for one in (field(change.before), field(change.after)))
                    to.print(terminal.text(f"      {change.of}: ") + before + " -> " + after, soft_wrap=True)


def as_markdown(old: Results, new: Results, compared: Compared, out: IO[str]) -> None:
    out.writelines(f"> {markdown.plain(line)}\n>\n" for line in sides(old, new, compared))
    out.writelines(f"\n**{markdown.plain(line)}**\n" for line in lost(old, compared))
    for comparison in compared:
        out.write(f"\n**{markdown.plain(title(comparison))}**\n\n")
        for kind, found in by_kind(comparison):
            out.write(f"{kind}: {KINDS[kind]}\n\n")
            table = Table((kind, "cases", "of", "before", "after"), frozenset({"cases"}))
            for name, number, changed in found:
                for change in changed:
                    table.add(name, number, change.of, field(change.before), field(change.after))
            out.writelines(markdown.table(table))


def as_json(old: Results, new: Results, compared: Compared, out: IO[str]) -> None:
    """The targets that are lost; of each pair of columns, the counts by kind and the changes of each case."""
    made = {"notes": list(sides(old, new, compared)), "lost": lost(old, compared), "compared": [
        {"old": one.old.label, "new": one.new.label, "same": one.same,
         "counts": Counter(difference.kind for difference in one.differences),
         "differences": [{"kind": difference.kind, "case": difference.case, "changes": [
             {"of": change.of, "old": change.before._asdict(), "new": change.after._asdict()}
             for change in difference.changes]}
             for difference in one.differences]} for one in compared]}
    out.write(json.dumps(made, indent=1) + "\n")


FORMATS: Mapping[str, Callable[[Results, Results, Compared, IO[str]], None]] = {
    "text": as_text, "markdown": as_markdown, "json": as_json}
