"""How long the suite takes, on this machine now: medians of interleaved runs, and ratios to empty pytest items.

Each round runs every command once, one after another, so that a machine whose speed changes changes all of them. CPU is
user and system time with that of all children, memory the largest process, as wait4(2) has them; CPU in a second of
wall time says how many processors are used. Processes are the most at once that /proc shows, in four looks a second.
Beside the suite are its measures: as many empty items, a bare C program that makes the same calls as the agents, and
connect01 of the Linux Test Project where that is installed. With --before, each command is run in another checkout of
the suite as well, right before, so that what was changed is measured on one machine at one time.

pyperf keeps the values and compares them; it has no runs of several commands in turn, and measures a command on the
clock alone, where what a busy machine adds is most of it.

What Python compiles is kept in a folder of the bench, also where PYTHONDONTWRITEBYTECODE is set: without it, half of
collection would be compiling. Reports are of a native run under so many names that there are 65,000 results.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyperf

from fixtures import programs, targets
from reports.common import results as files_
from specs import load

ROOT = Path(__file__).parents[2]
EMPTY = "import pytest\n\n@pytest.mark.parametrize('number', range({}))\ndef test_nothing(number):\n    pass\n"
REQUESTS = 20000
BARE = """#include <netinet/in.h>
#include <sys/socket.h>
int main(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    for (int made = 0; made < %d; made++) {
        struct sockaddr_storage name;
        socklen_t length = sizeof name;
        if (getsockname(s, (struct sockaddr *)&name, &length)) return 2;
    }
    return 0;
}
"""
LTP = "/opt/ltp/testcases/bin"
QUICK = ("-m", "not waits")  # a case that waits for a timer takes a time that says nothing of the suite
# Targets that play the quick cases of a folder: a thousand or so, some thousands, ten thousand, a hundred thousand.
MANY = (("suites/errors", 1), ("suites", 1), ("suites", 3), ("suites", 30))
NAMES = 15  # of targets in the results for the reports
RUNS = 200  # for their history
WALKS = 2000
SAMPLE_S = 0.25  # between two counts of processes
PYTEST = (sys.executable, "-m", "pytest", "-q")
REPORTS = (sys.executable, "-m", "reports")


class Cost(NamedTuple):
    """Seconds of processors and of a clock, megabytes, and the most processes at once; 0 where that is unknown."""

    cpu: float
    wall: float
    memory: float
    processes: int


def cost(command: Sequence[str], environment: Mapping[str, str], stdin: Path | None = None, root: Path = ROOT) -> Cost:
    """What a command takes; its output is dropped. SystemExit: it fails otherwise than by failing cases.

    root: of the checkout in which it is run.
    """
    started = time.monotonic()
    with (stdin or Path(os.devnull)).open("rb") as given:
        process = subprocess.Popen(command, cwd=root, env={**os.environ, **environment}, stdin=given,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ended = threading.Event()
        counts: list[int] = []
        counting = threading.Thread(target=count_processes, args=(process.pid, ended, counts))
        counting.start()
        _, status, used = os.wait4(process.pid, 0)
        ended.set()
        counting.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"bench: {' '.join(command)} ended with {process.returncode}")
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10  # bytes there, kilobytes elsewhere
    wall = time.monotonic() - started
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / scale, max(counts, default=0))


def count_processes(first: int, ended: threading.Event, counts: list[int]) -> None:
    """Count a process and all that descend from it, four times a second, until it has ended."""
    while not ended.wait(SAMPLE_S):
        children: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it has ended
                parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
                children.setdefault(int(parent), []).append(int(stat.parent.name))
        family = [first]
        for one in family:  # which grows meanwhile
            family += children.get(one, [])
        counts.append(len(family) if children else 0)


class Run(NamedTuple):
    """A command to measure. per: what it makes so many of, whose rate is shown; once: in the first round alone.

    asked: only where --only names it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = {}
    stdin: Path | None = None
    per: int = 0
    once: bool = False
    asked: bool = False


def runs(folder: Path, results: Sequence[Path], agents: Mapping[str, Sequence[str]], files: Sequence[str]) -> list[Run]:
    """Everything that is measured. results: of two native runs; files: others for the reports, if there are any."""
    requests = folder / "requests"
    requests.write_text("socket c AF_INET SOCK_STREAM\n" + "getsockname c\n" * REQUESTS)
    mine = files or [str(multiplied(results[0], folder / "many-names.jsonl"))]
    before = files[-1] if files else str(multiplied(results[1], folder / "before.jsonl"))
    return [
        Run("empty pytest items", (*PYTEST, "-p", "no:cacheprovider", f"--rootdir={folder}",
                                   str(folder / "test_empty.py"))),
        Run("native", (*PYTEST, f"--results={folder / 'a.jsonl'}")),
        Run("native, without a compiler", (*PYTEST, f"--results={folder / 'b.jsonl'}"), {"CONNECT_CC": "false"}),
        Run("native, -n auto", (*PYTEST, "-n", "auto", f"--results={folder / 'c.jsonl'}")),
        Run("one case", (*PYTEST, f"--results={folder / 'd.jsonl'}",
                         "suites/errors/EISCONN.yaml::second-connect[inet]")),
        Run("one case, chosen by -k", (*PYTEST, f"--results={folder / 'e.jsonl'}", "suites/",
                                       "-k", "EISCONN and second-connect and inet and not inet6")),
        Run("collection", (*PYTEST, "--collect-only"), per=count()),
        Run(f"{WALKS:,} walks", (*PYTEST, "suites/walks/test_walks.py", "--walks", str(WALKS),
                                 f"--results={folder / 'f.jsonl'}"), per=WALKS),
        *many(folder),
        *(Run(f"requests of agent.{name}", command, stdin=requests, per=REQUESTS) for name, command in agents.items()),
        *(Run(name, [*command], per=REQUESTS if "bare" in name else 0) for name, command in others(folder).items()),
        *(Run(f"reports {' '.join(verb)}", (*REPORTS, *verb, *mine)) for verb in (
            ["summary"], ["matrix"], ["matrix", "--format=markdown"], ["findings"])),
        Run("reports matrix --format=html",
            (*REPORTS, "matrix", *mine, "--format=html", "-o", str(folder / "page.html"))),
        Run("reports diff", (*REPORTS, "diff", before, mine[0])),
        Run(f"reports history, {RUNS} runs", (*REPORTS, "history", str(copies(results, folder / "runs"))), once=True),
        Run("every target", (*PYTEST, "--target", "all", f"--results={folder / 'g.jsonl'}"), once=True,
            asked=True),
    ]


def multiplied(results: Path, place: Path) -> Path:
    """The results of a native run as those of several targets that do the same."""
    run = files_.read(results)
    names = [f"native-{number}" for number in range(NAMES)]
    header = msgspec.structs.replace(run.header, targets=dict.fromkeys(names, run.header.targets["native"]))
    with place.open("wb") as out:
        files_.write(files_.Run(place, header, tuple(msgspec.structs.replace(record, target=name) for name in names
                                        for record in run.records), ""), out)
    return place


def copies(results: Sequence[Path], folder: Path) -> Path:
    """A folder with many runs: names of a few files in turn, of which two hundred copies would be gigabytes."""
    folder.mkdir()
    for number in range(RUNS):
        (folder / f"{number}.jsonl").hardlink_to(results[number % len(results)])
    return folder


def many(folder: Path) -> list[Run]:
    """Runs of many cases: the same target under as many names as it takes."""
    native = dict(load.targets(targets.FILE)["native"])
    made = []
    for place, number in MANY:
        items = count(*QUICK, place)
        file = folder / f"targets-{number}.yaml"
        file.write_text(json.dumps({f"native-{one}": native for one in range(number)}))  # which is YAML, too
        made.append(Run(f"{number * items:,} cases", (
            *PYTEST, *QUICK, place, f"--targets={file}", "--target", "all", f"--results={folder / 'many.jsonl'}"),
            per=number * items, once=True))
    return made


def others(folder: Path) -> dict[str, list[str]]:
    """What makes such calls without the suite, where there is a C compiler, and the Linux Test Project."""
    source, program = folder / "bare.c", folder / "bare"
    source.write_text(BARE % REQUESTS)
    compiler = programs.find_compiler()
    if compiler:
        subprocess.run([*compiler, *programs.OPTIONS, str(source), "-o", str(program)], check=True)
    found = {"a bare C program": str(program) if compiler else "",
             "connect01 of the LTP": shutil.which("connect01", path=f"{os.environ['PATH']}:{LTP}") or ""}
    return {name: [command] for name, command in found.items() if command}


def count(*arguments: str) -> int:
    """How many items a run has."""
    command = [*PYTEST, "--collect-only", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.count("::")


def agents() -> dict[str, list[str]]:
    """The commands that start agents here."""
    found = {"py": [sys.executable, "-I", "-S", programs.in_python()], "c": [programs.in_c()]}
    return {name: command for name, command in found.items() if command[-1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="tox -e bench --")
    parser.add_argument("--rounds", type=int, default=5, help="of which medians are taken; default 5")
    parser.add_argument("--only", default="", metavar="TEXT", help="what has this in its name, and empty items")
    parser.add_argument("--without", default="\0", metavar="TEXT", help="nothing that has this in its name")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="another checkout, to measure beside this one")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="pyperf's, with the CPU that each took")
    parser.add_argument("files", nargs="*", metavar="FILE", help="results for the reports; default: of a native run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="connect-bench-") as name:
        folder = Path(name)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        results = [folder / "results.jsonl", folder / "another.jsonl"]
        for one in results:
            cost((*PYTEST, f"--results={one}"), {})  # compiles what is compiled once
        cost((*REPORTS, "matrix", str(results[0]), "--format=html", "-o", str(folder / "page.html")), {})
        (folder / "test_empty.py").write_text(EMPTY.format(count()))
        every = runs(folder, results, agents(), [str(Path(file).absolute()) for file in options.files])
        chosen = [one for one in every if one is every[0] or (
            options.only in one.name and options.without not in one.name and (options.only or not one.asked))]
        roots = [options.before.resolve(), ROOT] if options.before else [ROOT]
        rounds = list(measured(chosen, options.rounds, roots))
        show(chosen, [one[-1] for one in rounds])
        if options.output:
            saved(chosen, [one[-1] for one in rounds]).dump(str(options.output), replace=True)
        if options.before:
            compare(chosen, rounds)
        longest = max(step.seconds for record in files_.read(results[0]).records for step in record.steps)
        size = (folder / "page.html").stat().st_size / 1e6
        print(f"longest call of a native run: {longest:.1f} s; page: {size:.1f} MB")


def measured(chosen: Sequence[Run], rounds: int, roots: Sequence[Path]) -> Iterator[list[dict[str, Cost]]]:
    """What each command takes in each checkout, of one round after another."""
    for number in range(rounds):
        found: list[dict[str, Cost]] = [{} for _ in roots]
        for one in chosen:
            for costs, root in zip(found, roots, strict=True):
                if not (number and one.once):
                    costs[one.name] = cost(one.command, one.environment, one.stdin, root)
        yield found


def saved(chosen: Sequence[Run], rounds: Sequence[Mapping[str, Cost]]) -> pyperf.BenchmarkSuite:
    """Seconds of CPU, a value for each round."""
    return pyperf.BenchmarkSuite([pyperf.Benchmark([
        pyperf.Run([costs[run.name].cpu], metadata={"name": run.name, "unit": "second"}, collect_metadata=False)
        for costs in rounds if run.name in costs]) for run in chosen])


def compare(chosen: Sequence[Run], rounds: Sequence[Sequence[Mapping[str, Cost]]]) -> None:
    """Show what was changed between two checkouts, as pyperf compares them."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("before.json", "now.json")]
        for file, costs in zip(files, zip(*rounds, strict=True), strict=True):
            saved(chosen, costs).dump(str(file))
        subprocess.run([sys.executable, "-m", "pyperf", "compare_to", "--table", *map(str, files)], check=True)


def show(chosen: Sequence[Run], rounds: Sequence[Mapping[str, Cost]]) -> None:
    """A row for each command: medians, and the median of its ratios to the first, empty items, of the same round."""
    print(f"{'':32}{'CPU s':>9}{'/ empty':>9}{'wall s':>9}{'CPU/wall':>9}{'MB':>7}{'processes':>11}")
    for run in chosen:
        seen = [(costs[run.name], costs[chosen[0].name]) for costs in rounds if run.name in costs]
        ratio = statistics.median(one.cpu / empty.cpu for one, empty in seen)
        cpu, wall, memory, most = (statistics.median(values) for values in zip(*(one for one, _ in seen), strict=True))
        rate = f"   {run.per / cpu:,.0f} a second" if run.per else ""
        print(f"{run.name:32}{cpu:9.2f}{ratio:9.2f}{wall:9.2f}{cpu / wall:9.2f}{memory:7.0f}{most:11.0f}{rate}",
              flush=True)


if __name__ == "__main__":
    main()
