"""The options of a run that are not pytest's own, and what a run is asked for by them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures import host, local, targets
from specs import load, pages, strict
from specs.machine import traits
from suites.collection import SUITES, is_selftest
from suites.items import SCHEDULE
from suites.kept import kept
from suites.shares import is_worker

DEFAULT = "reports/out/results.jsonl"
DOCUMENTS = "documents"  # what --walk-as names in place of a platform


def add(parser: pytest.Parser) -> None:
    group = parser.getgroup("connect", "connect() conformance")
    group.addoption("--target", metavar="NAME[,NAME…]", help="implementations under test; all: every one; default: "
                    "those that node ids end with, or native")
    group.addoption("--targets", default=str(targets.FILE), metavar="FILE",
                    help="the targets file, as --targets=FILE: pytest may take a FILE behind a blank for a test")
    group.addoption("--allow-drift", action="store_true",
                    help="observations that differ from the platform's baseline do not fail")
    group.addoption("--results", metavar="FILE", help=f"where results are written; default {DEFAULT}, of a run of "
                    "some cases results-partial.jsonl; as --results=FILE, for the same reason")
    group.addoption("--walks", type=int, default=0, metavar="N", help="play N random walks on each target")
    group.addoption("--differential", action="store_true", help="compare the walks of each target with the first's")
    group.addoption("--races", type=int, default=0, metavar="N", help="play N races of threads on each target")
    group.addoption("--walk-seed", default="0", metavar="S", help="other walks; tour: the shortest to each rule")
    group.addoption("--walk-as", metavar="P", help="hold walks against what platform P has answered, not the target's "
                    f"own record; {DOCUMENTS}: against documents alone")
    group.addoption("--matrix", action="store_true", help="end with every clause on every target, and a page")


def chosen_targets(config: pytest.Config) -> dict[str, targets.Target]:
    """The targets of the run; node ids get the target that they lack. SpecError, ValueError: the one line to show."""
    refuse(config)
    file = Path(config.getoption("--targets"))
    known = kept(file, lambda: load.targets(file))
    asked = config.getoption("--target") or ",".join(filter(None, (target_in(arg, known) for arg in config.args)))
    try:
        chosen = targets.choose(known, [name.strip() for name in (asked or "native").split(",")])
    except ValueError as problem:
        raise ValueError(f"--target: {problem}") from None
    for name, platform in ((one.name, one.platform) for two in chosen.values() for one in (two, two.peer) if one):
        if platform and (lack := pages.missing(platform)):
            entry = known[re.split("[:+]", name)[0]]
            strict.fail(strict.display_path(file), entry.lines["platform"], lack)
    config.args = [nodeid for arg in config.args for nodeid in node_ids(arg, known, chosen)]
    return chosen


def refuse(config: pytest.Config) -> None:
    """Refuse a run that cannot be made so, by a ValueError."""
    if not __debug__:
        raise ValueError("python -O removes the assertions of drawn tests; run it without -O")
    if reason := host.raise_descriptor_limit():
        raise ValueError(reason)
    named = config.getoption("walk_as")
    if named not in (None, DOCUMENTS) and not traits.recorded(named):
        known = [DOCUMENTS, *sorted(one.stem for one in traits.ANSWERS.glob("*.json"))]
        raise ValueError(f"--walk-as: {strict.suggest(named, known, f'there are {strict.listing(known)}')}")
    if config.getoption("stepwise", False):
        raise ValueError("--sw keeps its place in pytest's cache, which is off: use -x, then --lf -x")


def targets_file(config: pytest.Config) -> str:
    """The targets file, as it was named; empty for the suite's own."""
    named = str(config.getoption("--targets"))
    return "" if named == str(targets.FILE) else named


def of_ending(config: pytest.Config) -> dict[str, Any]:
    """What the last lines of a run are to hold, as `reports.common.ending.show` takes it."""
    schedule = config.stash[SCHEDULE]
    return {"more": schedule.unexplained(), "clauses": schedule.clauses, "paged": not config.getoption("results"),
            "matrix": config.getoption("matrix"), "every": config.get_verbosity() > 0,
            "drift_allowed": config.getoption("allow_drift")}


def target_in(nodeid: str, known: Iterable[str]) -> str:
    """The target that a node id ends with: lwip of suites/errors/EISCONN.yaml::connected[inet-lwip]; empty if none."""
    variant = nodeid.rpartition("[")[2]
    found = (re.search(rf"(?:^|-)({re.escape(name)}([:+].*)?)\]$", variant) for name in known)
    return max((match[1] for match in found if match), key=len, default="")


def node_ids(arg: str, known: Iterable[str], chosen: Iterable[str]) -> Iterator[str]:
    """What an argument names: of a case without a target its items on those chosen. ValueError: an unknown scenario."""
    file, _, name = arg.partition("::")
    if not name or not file.endswith(".yaml") or not Path(file).is_file():
        yield arg
        return
    scenario, scenarios = name.partition("[")[0], strict.read(Path(file)).get("scenarios", {})
    if scenario not in scenarios:
        others = f"it has {strict.listing(scenarios)}"
        raise ValueError(f"{file}: no scenario {scenario!r}; {strict.suggest(scenario, scenarios, others)}")
    is_case = name.endswith("]") and not target_in(arg, known)
    yield from (f"{arg[:-1]}-{target}]" for target in chosen) if is_case else [arg]


# --- results ------------------------------------------------------------------------------------------------


def place_of(config: pytest.Config) -> Path:
    """Where the results of a run are asked for."""
    return Path(config.getoption("--results") or DEFAULT)


def chosen(config: pytest.Config) -> str:
    """The arguments that choose some of the cases; empty for the whole suite."""
    words = [arg for arg in config.args if not SUITES.is_relative_to(Path(arg).resolve())]
    words += ["--lf"] if config.getoption("lf", False) else []
    for option in ("-k", "-m", "--deselect", "--ignore", "--ignore-glob"):
        value = config.getoption(option) or ()
        words += [word for one in ([value] if isinstance(value, str) else value) for word in (option, str(one))]
    return shlex.join(words)


def set_aside(config: pytest.Config) -> None:
    """Set the earlier results aside, before anything can refuse the run. A run of some cases leaves those of all."""
    plays = not (config.getoption("collectonly") or is_worker(config) or is_selftest(config))
    if plays and (config.getoption("--results") or not chosen(config)):
        local.set_aside(place_of(config))


def destination(config: pytest.Config, place: Path, whole: bool) -> Path:
    """Where results go in the end. whole: every case that was to be played has been."""
    return place if config.getoption("--results") or (whole and not chosen(config)) else local.beside(place, "partial")
