"""The check of a target, by itself: python -m suites.check --target NAME[,NAME…] [--targets FILE].

A run makes the same check before its first case. It is for those who bring up a new target: what it finds out decides
how fixtures reach their states, and what it cannot find out it names.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fixtures import check, pairs, targets
from specs import load
from specs.model import SpecError


def main(arguments: list[str] | None = None) -> int:
    """Check the targets named; 0: each could be started, 1: one could not, 2: wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m suites.check", description=__doc__.partition("\n")[0])
    parser.add_argument("--target", default="native", metavar="NAME[,NAME…]")
    parser.add_argument("--targets", type=Path, default=targets.FILE, metavar="FILE")
    chosen = parser.parse_args(arguments)
    try:
        found = targets.choose(load.targets(chosen.targets), chosen.target.split(","))
    except (SpecError, ValueError) as problem:
        print(f"suites.check: {problem}", file=sys.stderr)
        return 2
    unavailable = False
    for target in found.values():
        session = pairs.session_of(target)
        try:
            for line in check.report(session):
                print("".join(c if c.isprintable() else repr(c)[1:-1] for c in line))
        finally:
            session.close()
        unavailable |= bool(session.unavailable)
    return int(unavailable)


if __name__ == "__main__":
    sys.exit(main())
