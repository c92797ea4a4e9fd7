"""Which faults of a socket layer random walks find, and which wrong rules of the machine, and after how many walks.

python -m suites.selftest.calibration.walks [FAULT…]: faults of faults.toml by their names or patterns of names; all
without. Walks are played without a fault first. Of each fault those are then played that make the faulty call with the
outcome that is faulty, until an answer departs; a fault that none of them meets is left out, and counted, as are those
of UNSHOWN.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fixtures.lab import Lab
from specs import pages
from specs.judge import Judgement
from specs.machine import rules
from specs.machine.oracle import follow
from specs.machine.state import Socket, State
from specs.machine.traits import Answers
from specs.model import Case, Step, Transcript
from suites import engine
from suites.selftest.calibration import faults
from suites.selftest.calibration.faults import Fault, Layer
from suites.selftest.calibration.play import Bench, Played
from suites.selftest.house import clauses
from suites.walks.walking import draw

WALKS = 500
# Calls whose rules change no state, and the one without whose rules nothing is judged, as there is no socket.
STILL = ("poll", "getsockname", "getpeername", "socket")

# Faults, or entries of faults.toml, whose calls walks make, but not as the fault needs them.
UNSHOWN = {
    "bind-elsewhere": "a walk binds port 0 alone",
    "creation-flag-ignored": "F_SETFL makes its sockets non-blocking",
    "family-ignored": "its addresses are of its sockets' family",
    "flags-not-shown": "F_GETFL is not among its calls",
    "icmp-connects-once": "it has no ICMP socket",
    "ipv4-address-as-prototype": "its addresses are of its sockets' family",
    "peer-name-is-stale[unix]": "a socket has one peer with a name",
    "sendto-ignores-address": "sendto() is not among its calls",
}

Rule = Callable[[State, Step, Socket], rules.Move]


class Found(NamedTuple):
    """What came of a fault. met: walks that meet it. walk: the number of the first that shows it; 0: none does."""

    name: str
    met: int
    walk: int = 0
    what: str = ""

    def __str__(self) -> str:
        return f"{self.name}: " + (f"walk {self.walk}: {self.what}" if self.walk else f"not found by {self.met} walks")


class Walks:
    """Walks of one seed in one laboratory, as they are without a fault and with one."""

    def __init__(self, layer: Layer, lab: Lab, number: int, seed: str) -> None:
        manuals = pages.profile("linux", clauses()).manuals
        self.answers = Answers(clauses(), manuals, manuals)
        self.bench = Bench(layer, lab, [])
        self.plain: list[tuple[Case, Transcript]] = []
        with self.bench.session(None) as session:
            for case in (draw(seed, at) for at in range(number)):
                self.plain.append((case, engine.play(case, session)))

    def departure(self, case: Case, transcript: Transcript) -> str:
        """The first answer that departs, with its rule; empty if none does."""
        return next((f"{case.steps[one.step].text} gives {one.word} ({one.rule}, {one.kind})"
                     for one in follow(case, transcript, self.answers) if one.broken), "")

    def departures(self) -> list[str]:
        """Of the walks without a fault."""
        return [what for case, transcript in self.plain if (what := self.departure(case, transcript))]

    def try_(self, fault: Fault) -> Found:
        if {fault.name, fault.name.partition("[")[0]} & UNSHOWN.keys():
            return Found(fault.name, 0)
        nothing = Judgement("recorded", {}, {}, "")
        meeting = [(at, case) for at, (case, transcript) in enumerate(self.plain, 1)
                   if Played(case, transcript, nothing).meets(fault)]
        if meeting:
            with self.bench.session(fault) as session:
                for at, case in meeting:
                    if what := self.departure(case, engine.play(case, session)):
                        return Found(fault.name, len(meeting), at, what)
        return Found(fault.name, len(meeting))

    def try_rule(self, verb: str) -> Found:
        """The walks without a fault under a machine in which a call changes nothing."""
        right = rules.MOVES
        rules.MOVES = {**right, verb: without_effect(right[verb])}
        try:
            shown = ((at, what) for at, one in enumerate(self.plain, 1) if (what := self.departure(*one)))
            return Found(f"rules of {verb}() without effect", len(self.plain), *next(shown, ()))
        finally:
            rules.MOVES = right


def without_effect(right: Rule) -> Rule:
    return lambda state, step, socket: right(state, step, socket)._replace(then=lambda _: state)


def wrong_rules(moves: Mapping[str, Rule]) -> Iterator[str]:
    """The calls whose rules change a state."""
    yield from sorted(moves.keys() - STILL)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m suites.selftest.calibration.walks",
                                   description=__doc__.partition("\n")[0])
    made.add_argument("faults", nargs="*", metavar="FAULT", help="a name of faults.toml, or a pattern of names")
    made.add_argument("--walks", type=int, default=WALKS, metavar="N", help="so many at most")
    made.add_argument("--walk-seed", default="0", metavar="S", help="other walks")
    made.add_argument("--sample", type=int, metavar="N", help="so many faults, drawn at random by --walk-seed")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every fault that walks meet is found, and every wrong rule; 1: one is not; 2: they cannot be tried."""
    options = parser().parse_args(arguments)
    try:
        some = faults.chosen(faults.read(), options.faults)
        if options.sample is not None:
            some = random.Random(options.walk_seed).sample(some, min(options.sample, len(some)))
        with tempfile.TemporaryDirectory() as folder, Lab() as lab:
            return report(Walks(Layer(Path(folder)), lab, options.walks, options.walk_seed), some)
    except (ValueError, OSError, subprocess.CalledProcessError) as problem:
        print(f"calibration: {getattr(problem, 'stderr', '') or problem}", file=sys.stderr)
        return 2


def report(walks: Walks, some: Sequence[Fault]) -> int:
    for what in walks.departures():
        print(f"without a fault {what}")
    found = []
    for one in (*map(walks.try_rule, wrong_rules(rules.MOVES)), *map(walks.try_, some)):
        if one.met:
            found.append(one)
            print(one, flush=True)
    missed = sum(not one.walk for one in found)
    left_out = len(some) + len(list(wrong_rules(rules.MOVES))) - len(found)
    print(f"{len(found) - missed} of {len(found)} found within {len(walks.plain)} walks; {left_out} left out")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
