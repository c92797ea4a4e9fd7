"""How long the suite takes, on this machine now: medians of interleaved runs, and ratios to empty pytest items.

Each round runs every command once, one after another, so that a machine whose speed changes changes all of them. CPU is
user and system time with that of all children, memory the largest process, as wait4(2) has them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fixtures import programs

ROOT = Path(__file__).parents[2]
EMPTY = "import pytest\n\n@pytest.mark.parametrize('number', range({}))\ndef test_nothing(number):\n    pass\n"
REQUESTS = 20000
PYTEST = (sys.executable, "-m", "pytest", "-q")
REPORTS = (sys.executable, "-m", "reports")


class Cost(NamedTuple):
    """Seconds of processors and of a clock, and megabytes."""

    cpu: float
    wall: float
    memory: float


def cost(command: Sequence[str], environment: Mapping[str, str], stdin: Path | None = None) -> Cost:
    """What a command takes; its output is dropped. SystemExit: it fails otherwise than by failing cases."""
    started = time.monotonic()
    with (stdin or Path(os.devnull)).open("rb") as given:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdin=given,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"bench: {' '.join(command)} ended with {process.returncode}")
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10  # bytes there, kilobytes elsewhere
    return Cost(used.ru_utime + used.ru_stime, time.monotonic() - started, used.ru_maxrss / scale)


class Run(NamedTuple):
    """A command to measure. per: what it makes so many of, whose rate is shown."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = {}
    stdin: Path | None = None
    per: int = 0


def runs(folder: Path, results: Path, agents: Mapping[str, Sequence[str]], files: Sequence[str]) -> list[Run]:
    """Everything that is measured. results: of a native run; files: others for the reports, if there are any."""
    requests = folder / "requests"
    requests.write_text("socket c AF_INET SOCK_STREAM\n" + "getsockname c\n" * REQUESTS)
    mine = files or [str(results)]
    return [
        Run("empty pytest items", (*PYTEST, "-p", "no:cacheprovider", f"--rootdir={folder}",
                                   str(folder / "test_empty.py"))),
        Run("native", (*PYTEST, f"--results={folder / 'a.jsonl'}")),
        Run("native, without a compiler", (*PYTEST, f"--results={folder / 'b.jsonl'}"), {"CONNECT_CC": "false"}),
        Run("native, -n 2", (*PYTEST, "-n", "2", f"--results={folder / 'c.jsonl'}")),
        Run("one case", (*PYTEST, f"--results={folder / 'd.jsonl'}",
                         "suites/errors/EISCONN.yaml::second-connect[inet]")),
        Run("collection", (*PYTEST, "--collect-only")),
        *(Run(f"requests of agent.{name}", command, stdin=requests, per=REQUESTS) for name, command in agents.items()),
        *(Run(f"reports {verb}", (*REPORTS, verb, *mine, *more)) for verb, more in (
            ("summary", ()), ("matrix", ()), ("findings", ()))),
        Run("reports matrix, html", (*REPORTS, "matrix", *mine, "--format", "html", "-o", str(folder / "page.html"))),
        Run("reports diff", (*REPORTS, "diff", mine[0], mine[0])),
    ]


def agents() -> dict[str, list[str]]:
    """The commands that start agents here."""
    found = {"py": [sys.executable, "-I", "-S", programs.in_python()], "c": [programs.in_c()]}
    return {name: command for name, command in found.items() if command[-1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="tox -e bench --")
    parser.add_argument("--rounds", type=int, default=5, help="of which medians are taken; default 5")
    parser.add_argument("--only", default="", metavar="TEXT", help="what has this in its name, and empty items")
    parser.add_argument("files", nargs="*", metavar="FILE", help="results for the reports; default: of a native run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="connect-bench-") as name:
        folder = Path(name)
        results = folder / "results.jsonl"
        cost((*PYTEST, f"--results={results}"), {})  # compiles what is compiled once
        items = subprocess.run([*PYTEST, "--collect-only"], cwd=ROOT, capture_output=True, text=True, check=True)
        (folder / "test_empty.py").write_text(EMPTY.format(items.stdout.count("::")))
        every = runs(folder, results, agents(), [str(Path(file).absolute()) for file in options.files])
        chosen = [one for one in every if options.only in one.name or one is every[0]]
        show(chosen, [[cost(one.command, one.environment, one.stdin) for one in chosen] for _ in range(options.rounds)])


def show(chosen: Sequence[Run], rounds: Sequence[Sequence[Cost]]) -> None:
    """A row for each command: medians, and the median of its ratios to the empty items of the same round."""
    print(f"{'':32}{'CPU s':>9}{'/ empty':>9}{'wall s':>9}{'MB':>7}")
    for place, run in enumerate(chosen):
        seen = [one[place] for one in rounds]
        ratio = statistics.median(one[place].cpu / one[0].cpu for one in rounds)
        cpu, wall, memory = (statistics.median(values) for values in zip(*seen, strict=True))
        rate = f"   {run.per / cpu:,.0f} a second" if run.per else ""
        print(f"{run.name:32}{cpu:9.2f}{ratio:9.2f}{wall:9.2f}{memory:7.0f}{rate}")


if __name__ == "__main__":
    main()
