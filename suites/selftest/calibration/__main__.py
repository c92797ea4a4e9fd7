"""The calibration of the suite: which faults of a socket layer it finds, and by which clauses.

python -m suites.selftest.calibration [FAULT…]: faults of faults.toml by their names or patterns of names; all without.
Each is laid under an agent of this machine by a preloaded library, and the cases that make the faulty call are played.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fixtures import world
from fixtures.lab import Lab
from suites.selftest.calibration import faults
from suites.selftest.calibration.faults import Fault, Layer
from suites.selftest.calibration.play import PORT_ATTEMPTS, Bench, Found
from suites.selftest.house import cases


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m suites.selftest.calibration", description=__doc__.partition("\n")[0])
    made.add_argument("faults", nargs="*", metavar="FAULT", help="a name of faults.toml, or a pattern of names")
    made.add_argument("--sample", type=int, metavar="N", help="so many faults, drawn at random")
    made.add_argument("--seed", type=int, default=1, help="of what is drawn")
    made.add_argument("--python", action="store_true", help="lay them under agent.py; else under agent.c")
    made.add_argument("--scenarios", action="store_true", help="show the scenarios that fail, too")
    made.add_argument("-o", type=Path, metavar="OUT", help="write what was found, a line of JSON for each fault")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """0: each fault is found by a clause that it breaks, and by those alone; 1: one is not; 2: it cannot be tried."""
    options = parser().parse_args(arguments)
    world.PORT_ATTEMPTS = PORT_ATTEMPTS
    try:
        some = faults.chosen(faults.read(), options.faults)
    except ValueError as problem:
        print(f"calibration: {problem}", file=sys.stderr)
        return 2
    if options.sample is not None:
        some = random.Random(options.seed).sample(some, min(options.sample, len(some)))
    try:
        with tempfile.TemporaryDirectory() as folder, Lab() as lab:
            found = try_all(Bench(Layer(Path(folder), options.python), lab, cases()), some, options)
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"calibration: {getattr(problem, 'stderr', '') or problem}", file=sys.stderr)
        return 2
    for line in summary(found):
        print(line)
    return int(any(one.is_wrong for one in found))


def try_all(bench: Bench, some: Sequence[Fault], options: argparse.Namespace) -> list[Found]:
    """Try faults one after another, each with a line at once."""
    for one in bench.measure():
        print(f"without a fault {one.case.id} is {one.judgement.verdict}: {one.judgement.reason}")
    found = []
    with options.o.open("w", encoding="utf-8") if options.o else contextlib.nullcontext() as file:
        for fault in some:
            found.append(bench.try_(fault))
            print("\n".join(lines_of(found[-1], options.scenarios)), flush=True)
            if file:
                file.write(json.dumps(found[-1].as_json()) + "\n")
    return found


def lines_of(found: Found, scenarios: bool) -> list[str]:
    """A fault, then the clauses that fail: `+` those that it is said to break, `!` those that it is not."""
    alone = ", ".join(f"{len(some)} {verdict}" for verdict, some in sorted(found.other.items()))
    lines = [f"{found.fault.name}: {found.verdict}; {found.played} cases{': ' if alone else ''}{alone}"]
    for clause, failed in sorted(found.failed.items()):
        sign = "+" if clause in found.named else "!" if clause in found.collateral else " "
        lines.append(f"  {sign} {clause}  {len(failed)}")
        if scenarios:
            topics = Counter(case.removeprefix("suites/").partition("[")[0] for case in failed)
            lines += [f"      {topic}  {count}" for topic, count in topics.items()]
    return lines


def summary(found: Sequence[Found]) -> list[str]:
    """How many faults were found, and those that were not, or not as they are said to be."""
    verdicts = Counter(one.verdict for one in found)
    seen = [one for one in found if not one.fault.unseen]
    caught, clean = verdicts["caught"], sum(not one.collateral for one in seen)
    lines = ["", *(f"{one.fault.name}: {one.verdict}" for one in found if one.is_wrong)]
    lines += [f"{one.fault.name}: not seen: {one.fault.unseen}" for one in found if one.fault.unseen]
    share = f" ({caught / len(seen):.1%})" if seen else ""
    lines.append(f"{caught} of {len(seen)} faults caught{share}, {clean} without a clause that they are not said "
                 f"to break or spoil; {len(found) - len(seen)} that no document speaks of")
    return lines


if __name__ == "__main__":
    sys.exit(main())
