"""The mutants by which the self-tests are scored: how they are made, put in place, and found."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
from types import ModuleType

import pytest

from suites.selftest import mutate
from suites.selftest.house import ROOT
from suites.selftest.mutate import Mutant

SOURCE = '''"""A module."""
LIMIT, WORD, PROSE = 3, "word", "two words"

@mark("quick")
def least(numbers: list[int], strict: bool = True) -> int:
    """The least."""
    if not numbers or min(numbers) < 0:
        raise ValueError("no number")
    numbers.sort()
    return numbers[0] + 1
'''
MADE = [
    "module: 3 -> 4",
    "module: \"word\" -> 'word~'",
    "module: \"quick\" -> 'quick~'",
    "least: True -> False",
    "least: not numbers or min(numbers) < 0 -> (not (not numbers or min(numbers) < 0))",
    "least: not numbers or min(numbers) < 0 -> ((min(numbers) < 0))",
    "least: not numbers or min(numbers) < 0 -> ((not numbers))",
    "least: min(numbers) < 0 -> (min(numbers) <= 0)",
    "least: min(numbers) < 0 -> (not (min(numbers) < 0))",
    "least: 0 -> 1",
    "least: raise ValueError(\"no number\") -> pass",
    "least: numbers.sort() -> pass",
    "least: return numbers[0] + 1 -> pass",
    "least: numbers[0] + 1 -> (numbers[0] - 1)",
    "least: 0 -> 1",
    "least: 1 -> 2",
]


def test_a_mutant_has_one_fault_and_no_other_words() -> None:
    made = list(mutate.mutants_of("module.py", SOURCE))
    assert [one.name for one in made] == MADE
    for one in made:
        lines = zip(SOURCE.splitlines(), one.source.splitlines(), strict=True)
        changed = [(old, new) for old, new in lines if old != new]
        assert len(changed) == 1
        assert SOURCE.splitlines()[one.line - 1] == changed[0][0]


def mutant(module: str, old: str, new: str) -> Mutant:
    source = (ROOT / module).read_text(encoding="utf-8")
    assert old in source
    return Mutant(module, "module", 1, "", source.replace(old, new))


def in_a_process(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=120)


def test_a_mutant_is_in_place_for_all_that_have_imported_of_it() -> None:
    """Functions, properties, methods and data, by whatever name they were imported."""
    in_a_process("""if True:
        from fixtures import world
        from fixtures.world import Environment, fails, REFUSALS, FIXTURES
        from suites import capability
        from suites.selftest.test_mutate import mutant
        from suites.selftest import mutate
        listener = FIXTURES["listener"]
        mutate.put(mutant("fixtures/world.py", 'return self.domain in self.checked.blocking', 'return "always"'))
        assert Environment(None, {}, {}, str).always_blocks == "always"
        mutate.put(mutant("fixtures/world.py", 'REFUSALS = ("ECONNREFUSED", ', 'REFUSALS = ("OTHER", '))
        assert world.REFUSALS[0] == "OTHER"
        mutate.put(mutant("fixtures/world.py", 'backlog: int = 16', 'backlog: int = 17'))
        assert listener.__defaults__[1] == 17
        mutate.put(mutant("fixtures/world.py", '@fixture(netns="raw")', '@fixture(netns="other")'))
        assert capability.world.NAMESPACES["raw-receiver"] == "other"
    """)


def test_what_a_module_calls_when_it_is_loaded_is_known() -> None:
    loading = mutate.called_by_loading("fixtures/world.py")
    assert loading >= {"fixture", "register", "state"}
    assert not loading & {"give", "listener"}


def test_a_cached_function_is_called_again() -> None:
    calls: list[int] = []
    module = ModuleType("module")
    vars(module)["cached"] = functools.cache(lambda: calls.append(1))
    for _ in range(2):
        vars(module)["cached"]()
        mutate.clear_caches(module)
    assert calls == [1, 1]


def test_a_mutant_that_waits_without_end_is_ended() -> None:
    process = mutate.forked(threading.Event().wait, 1)
    assert os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGALRM


@pytest.mark.parametrize("module", mutate.TESTS)
def test_every_mutant_that_is_listed_can_be_made(module: str) -> None:
    """So that the list is current; that its reasons hold is what the command finds out."""
    assert mutate.alike().get(module, {}).keys() <= {one.name for one in mutate.all_of(module)}


def test_modules_and_their_tests_are_there() -> None:
    assert mutate.alike().keys() <= mutate.TESTS.keys()
    for module, names in mutate.TESTS.items():
        assert (ROOT / module).is_file()
        assert all((mutate.LISTED.parent / f"test_{name}.py").is_file() for name in names)


def test_score_counts_what_survives_and_what_behaves_alike() -> None:
    one, other, last = (Mutant("m.py", "f", line, f"f: {line}", "") for line in (1, 2, 3))
    lines: list[str] = []
    assert not mutate.report("m.py", [(one, False), (other, True), (last, True)], {"f: 3": "why"}, lines.append)
    assert [" ".join(line.split()) for line in lines] == ["m.py 2 mutants, 50.0 % found; 1 behave alike"]
    assert mutate.report("m.py", [(one, False)], {}, lines.append)
    assert not mutate.report("m.py", [(one, False)], {"f: 1": "why"}, lines.append)
    assert "is found after all" in lines[-1]


def test_a_sample_of_mutants_is_found() -> None:
    """Of the judge, whose tests are the quickest; of all modules `tox -e mutate` says it."""
    command = [sys.executable, "-m", "suites.selftest.mutate", "specs/judge.py", "--sample", "12"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "specs/judge.py          12 mutants, 100.0 % found" in found.stdout
