"""How many faults in the code that decides verdicts the self-tests find: python -m suites.selftest.mutate [MODULE…]

A mutant is a module with one fault: a statement dropped, a condition negated, a bound moved, a word or number changed.
The tests of the module are collected once. Each mutant is made in memory, in a process forked from there, which plays
those that call its function until one fails. What survives is a behaviour that no test checks, or is listed in
mutants.toml with the reason why such a mutant behaves alike. Messages and large numbers (limits, times) are left alone.
"""

from __future__ import annotations

import argparse
import ast
import functools
import inspect
import json
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import tomllib
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest

from suites import kept

ROOT = Path(__file__).parents[2]
LISTED = Path(__file__).with_name("mutants.toml")
AIM = 95  # per cent
CPU_S, WALL_S = 60, 120  # of one mutant: an endless loop, a call that never returns; beside the time without one
TIMES = 3  # as long as the tests without a mutant: others are played beside it
LARGE = 10  # a number beyond it is a limit or a time
SWAPPED = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Add: "-", ast.Sub: "+", ast.BitAnd: "|",
           ast.BitOr: "&"}
DROPPED = (ast.Raise, ast.Return, ast.Assert, ast.AugAssign, ast.Continue, ast.Break, ast.Delete)
DECLARED = {"strict", "frozen", "kw_only"}  # keywords by which code says what is so; nothing depends on them
MESSAGES = {"fail", "Unsupported", "Unresolved", "SpecError", "Lost", "Blocks"}  # calls whose words are prose
# Of each module the files of tests that find its mutants, the quick ones first.
TESTS = {
    "specs/strict.py": ["load"],
    "specs/load.py": ["load"],
    "specs/scenarios.py": ["load"],
    "specs/pages.py": ["load", "judge"],
    "specs/judge.py": ["judge"],
    "specs/outcomes.py": ["outcomes", "judge"],
    "specs/record.py": ["record"],
    "suites/engine.py": ["engine", "lies", "targets"],
    "suites/schedule.py": ["schedule", "targets"],
    "fixtures/check.py": ["properties", "check"],
    "fixtures/world.py": ["fixtures", "world", "lies", "check"],
}
DRAWN = "not any_text and not any_tree and not whatever"  # tests by Hypothesis, which are slow to fail


class Mutant(NamedTuple):
    """One fault. name: the function, what is there, and what replaces it. source: of the whole module."""

    module: str
    function: str
    line: int
    name: str
    source: str


class Edit(NamedTuple):
    """What replaces a node; its text."""

    node: ast.expr | ast.stmt
    text: str


# --- making them --------------------------------------------------------------------------------------------


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    raw, starts, found = source.encode(), [0], set[str]()
    for line in raw.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for function, edit in sorted(edits(ast.parse(source), "module"), key=lambda one: one[1].node.lineno):
        node = edit.node
        first = starts[node.lineno - 1] + node.col_offset
        last = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        was = " ".join(raw[first:last].decode().split())
        made = (raw[:first] + edit.text.encode() + raw[last:]).decode()
        if made not in found:
            found.add(made)
            yield Mutant(module, function, node.lineno, f"{function}: {was} -> {edit.text}", made)


def edits(node: ast.AST, function: str) -> Iterator[tuple[str, Edit]]:
    """The edits below a node, each with the name of the function that it is in."""
    for child in parts(node):
        decorates = isinstance(node, ast.FunctionDef) and child in node.decorator_list
        inner = child.name if isinstance(child, ast.FunctionDef | ast.ClassDef) else "module" if decorates else function
        yield from ((inner, edit) for edit in edits_at(child))
        yield from edits(child, inner)


def parts(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node that are behaviour: no annotations, docstrings, messages, nor what types alone need."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns") or isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not is_prose(child) and getattr(child, "arg", "") not in DECLARED:
                yield child


def is_prose(node: ast.AST) -> bool:
    """Whether a node is a docstring, or a message."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in MESSAGES


def edits_at(node: ast.AST) -> Iterator[Edit]:
    """The edits of one node."""
    if isinstance(node, ast.stmt) and (isinstance(node, DROPPED) or is_effect(node)):
        yield Edit(node, "pass")
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield negated(node.test)
    if isinstance(node, ast.comprehension):
        yield from map(negated, node.ifs)
    if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Tuple):
        for one in node.type.elts:
            yield Edit(node.type, f"({', '.join(ast.unparse(other) for other in node.type.elts if other != one)},)")
    if isinstance(node, ast.BoolOp):
        word = " and " if isinstance(node.op, ast.And) else " or "
        for one in node.values:
            yield Edit(node, f"({word.join(f'({ast.unparse(other)})' for other in node.values if other != one)})")
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        if type(node.ops[0]) in SWAPPED:
            yield swapped(node, node.left, node.ops[0], node.comparators[0])
        yield negated(node)
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPPED:
        yield swapped(node, node.left, node.op, node.right)
    if isinstance(node, ast.Constant):
        yield from (Edit(node, repr(value)) for value in other_values(node.value))


def is_effect(node: ast.stmt) -> bool:
    """Whether a statement is a call, or assigns to a part of something; without another name nothing goes on."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript)


def negated(test: ast.expr) -> Edit:
    return Edit(test, f"(not ({ast.unparse(test)}))")


def swapped(node: ast.expr, left: ast.expr, operator: ast.AST, right: ast.expr) -> Edit:
    return Edit(node, f"({ast.unparse(left)} {SWAPPED[type(operator)]} {ast.unparse(right)})")


def other_values(value: object) -> Iterator[object]:
    """Another value for a constant, unless it is prose or a limit."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int) and abs(value) <= LARGE:
        yield value + 1
    elif isinstance(value, str) and not any(character.isspace() for character in value):
        yield value + "~"


# --- putting one in place -----------------------------------------------------------------------------------


def name_of(module: str) -> str:
    return module.removesuffix(".py").replace("/", ".")


def put(mutant: Mutant) -> bool:
    """Let a module that is loaded behave as a mutant of it, for all that have imported anything of it.

    The module is made once more; its functions get the code of the others, and data that differs is replaced. Whether
    anything was: what decorators and classes make of their words is not.
    """
    name = name_of(mutant.module)
    module, made = sys.modules[name], ModuleType(name)
    made.__file__ = module.__file__
    exec(compile(mutant.source, mutant.module, "exec"), made.__dict__)
    before, after = dict(vars(module)), dict(vars(made))
    return sum(replace(module, key, before[key], value, name) for key, value in after.items()
               if key in before and not key.startswith("__")) > 0


def replace(holder: Any, key: str, before: object, after: Any, module: str) -> bool:
    """Replace what a module or class has by what its mutant has; whether that differs."""
    if isinstance(before, type) and before.__module__ == module:
        return sum(replace(before, name, vars(before)[name], value, module) for name, value in vars(after).items()
                   if name in vars(before) and function_of(value)) > 0
    function, other = function_of(before), function_of(after)
    if function and other and function.__module__ == module:
        differs = is_other(function, other)
        function.__code__, function.__defaults__ = other.__code__, other.__defaults__
        function.__kwdefaults__ = other.__kwdefaults__
        getattr(before, "cache_clear", lambda: None)()
        return differs
    if not is_plain(after) or before == after:
        return False
    for one in list(sys.modules.values()):
        if getattr(one, "__dict__", {}).get(key) is before:
            setattr(one, key, after)
    return True


def is_other(function: FunctionType, other: FunctionType) -> bool:
    return (function.__code__, function.__defaults__, function.__kwdefaults__) != (
        other.__code__, other.__defaults__, other.__kwdefaults__)


def function_of(value: object) -> FunctionType | None:
    """The function in a property, a class method, a cache or what else is laid around one."""
    value = getattr(value, "fget", getattr(value, "__func__", value))
    value = inspect.unwrap(value) if callable(value) else value
    return value if isinstance(value, FunctionType) else None


def is_plain(value: object) -> bool:
    """Whether a value is data."""
    if isinstance(value, Mapping):
        return all(map(is_plain, value.values()))
    if isinstance(value, tuple | list | set | frozenset):
        return all(map(is_plain, value))
    return value is None or isinstance(value, str | int | float)


class Mutated(SourceFileLoader):
    """Loads a module from other source than its file has."""

    source = ""

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.get_filename(fullname), "exec")


class Finder(MetaPathFinder):
    """Finds the one module that is mutated."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname != name_of(self.mutant.module):
            return None
        loader = Mutated(fullname, str(ROOT / self.mutant.module))
        loader.source = self.mutant.source
        return spec_from_loader(fullname, loader)


def import_anew(mutant: Mutant) -> None:
    """Forget all modules of the suite, so that they import the mutant."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("specs", "fixtures", "suites", "reports")]:
        del sys.modules[name]
    sys.meta_path.insert(0, Finder(mutant))


# --- finding them -------------------------------------------------------------------------------------------


class Hunt:
    """A plugin of pytest: in place of the run, the tests are played on mutant after mutant."""

    def __init__(self, mutants: Sequence[Mutant], known: Collection[str], jobs: int) -> None:
        self.mutants, self.known, self.jobs = mutants, known, jobs
        self.tried: list[tuple[Mutant, bool]] = []  # and whether it survives

    def pytest_configure(self, config: pytest.Config) -> None:
        config.option.tbstyle = "native"  # the cheapest, and not printed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        waiting, running = deque(self.mutants), dict[int, Mutant]()
        module = self.mutants[0].module
        started = time.monotonic()
        calls, loading = functions_of(session, module), called_by_loading(module)
        limit = WALL_S + int(TIMES * (time.monotonic() - started))
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.popleft()
                items = [item for item in session.items if mutant.function in calls[item.nodeid]] or session.items
                anew = mutant.function in loading
                running[forked(functools.partial(survives, mutant, items, anew), limit)] = mutant
            process, status = os.wait()
            mutant = running.pop(process)
            self.tried.append((mutant, status == 0))
            if status == 0 and mutant.name not in self.known:
                print(f"  {mutant.module}:{mutant.line}: {mutant.name}", flush=True)
        return True


def forked(function: Callable[[], bool], limit: int = 0) -> int:
    """Call a function in a process of its own, which ends with 0 where it returns True. limit: seconds; 0: none."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        signal.alarm(limit)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        status = int(not function())
    finally:
        os._exit(status)


def survives(mutant: Mutant, items: Sequence[pytest.Item], anew: bool) -> bool:
    """Whether no test fails. anew: the mutant shows when its module is loaded; it cannot be put in place later."""
    kept.ROOT = Path(os.devnull)  # what a mutant makes is not kept: by the files on disk it would be what they make
    if anew or not put(mutant):
        import_anew(mutant)
        return pytest.main(["-x", *options(mutant.module)]) == 0
    return all(passes(item, following) for item, following in zip(items, [*items[1:], None], strict=True))


def passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    return not item.session.testsfailed


def functions_of(session: pytest.Session, module: str) -> dict[str, set[str]]:
    """By test, the functions of a module that it calls; in those of the module itself, all do."""
    file = str(ROOT / module)
    calls: dict[str, set[str]] = {}

    def play() -> bool:
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            clear_caches(sys.modules[name_of(module)])  # each test calls the functions that it depends on
            names = calls[item.nodeid] = set()
            trace = functools.partial(note, file, names)
            threading.settrace(trace)
            sys.settrace(trace)
            passed = passes(item, following)
            sys.settrace(None)
            if not passed:
                return False
        json.dump({test: sorted(names) for test, names in calls.items()}, file_of_calls)
        file_of_calls.flush()
        return True

    with tempfile.TemporaryFile("w+") as file_of_calls:
        assert os.waitpid(forked(play), 0)[1] == 0, "the tests fail without a mutant"
        file_of_calls.seek(0)
        return {test: set(names) for test, names in json.load(file_of_calls).items()}


def clear_caches(module: ModuleType) -> None:
    for value in list(vars(module).values()):
        getattr(value, "cache_clear", lambda: None)()


def called_by_loading(module: str) -> set[str]:
    """The functions that a module calls itself when it is loaded, such as decorators."""
    names, source = set[str](), (ROOT / module).read_text(encoding="utf-8")
    made = ModuleType(name_of(module))
    made.__file__ = str(ROOT / module)
    sys.settrace(functools.partial(note, module, names))
    exec(compile(source, module, "exec"), made.__dict__)
    sys.settrace(None)
    return names


def note(file: str, names: set[str], frame: FrameType, _event: str, _argument: object) -> None:
    if frame.f_code.co_filename == file:
        names.add(frame.f_code.co_name)


def options(module: str) -> list[str]:
    """The command line of pytest by which the tests of a module are chosen, without output."""
    files = [str(ROOT / f"suites/selftest/test_{name}.py") for name in TESTS[module]]
    return ["-o", "addopts=", "-p", "no:terminal", "-p", "no:cacheprovider", "--hypothesis-seed=0", "-k", DRAWN, *files]


def hunt(module: str, mutants: Sequence[Mutant], known: Collection[str], jobs: int) -> list[tuple[Mutant, bool]]:
    """Play the tests of a module on mutants of it, and print those that survive as they are met, but for known ones."""
    plugin = Hunt(mutants, known, jobs)
    pytest.main(options(module), plugins=[plugin])
    return plugin.tried


# --- the command --------------------------------------------------------------------------------------------


@functools.cache
def all_of(module: str) -> list[Mutant]:
    return list(mutants_of(module, (ROOT / module).read_text(encoding="utf-8")))


def alike() -> Mapping[str, Mapping[str, str]]:
    """By module, the mutants that behave alike, and why."""
    return tomllib.loads(LISTED.read_text(encoding="utf-8"))


def report(module: str, tried: Collection[tuple[Mutant, bool]], known: Mapping[str, str],
           say: Callable[[str], object] = print) -> bool:
    """Print the score of a module; whether it reaches the aim and the list of those that behave alike is right."""
    survive = {mutant.name for mutant, survives in tried if survives}
    counted = [survives for mutant, survives in tried if mutant.name not in known]
    score = 100 * counted.count(False) / max(1, len(counted))
    say(f"{module:20} {len(counted):5} mutants, {score:5.1f} % found; {len(tried) - len(counted)} behave alike")
    found = {mutant.name for mutant, _ in tried} & known.keys() - survive
    for name in sorted(found):
        say(f"  {module}: is found after all, so it is not to be in {LISTED.name}: {name}")
    return score >= AIM and not found


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every score reaches the aim; 1: one does not, or the list of mutants that behave alike is wrong."""
    parser = argparse.ArgumentParser(prog="python -m suites.selftest.mutate", description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(TESTS)}; default: all")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of each module, by a seed")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--lines", metavar="FIRST-LAST", help="those in these lines alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    chosen = parser.parse_args(arguments)
    reaches = True
    for module in chosen.modules or TESTS:
        mutants = all_of(module)
        if chosen.lines:
            first, last = map(int, chosen.lines.split("-"))
            mutants = [mutant for mutant in mutants if first <= mutant.line <= last]
        if chosen.sample:
            mutants = random.Random(chosen.seed).sample(mutants, min(len(mutants), chosen.sample))
        known = alike().get(module, {})
        reaches &= report(module, hunt(module, mutants, known, chosen.jobs), known)
    return int(not reaches)


if __name__ == "__main__":
    sys.exit(main())
