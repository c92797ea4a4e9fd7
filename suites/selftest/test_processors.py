"""On which processors a run of one target and its agents are."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from fixtures import processors
from fixtures.targets import Session, Target
from specs.model import Profile, Step
from suites import engine, run, schedule
from suites.capability import has_concurrent_calls
from suites.items import SCHEDULE
from suites.selftest import house

pytestmark = pytest.mark.skipif(len(processors.ALL) < 2, reason="there is one processor, or the system cannot say")
LOOK = "import os; print(sorted(os.sched_getaffinity(0)))"


def of_a_child() -> list[int]:
    found: list[int] = json.loads(subprocess.run([sys.executable, "-c", LOOK], capture_output=True, check=True).stdout)
    return found


def of_a_thread() -> list[int]:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.extend(processors.present()))
    thread.start()
    thread.join()
    return found


@pytest.mark.parametrize("number", range(5))
def test_what_is_started_on_one_processor_is_there_too(number: int) -> None:
    with processors.one(number):
        alone = [processors.ALL[number % len(processors.ALL)]]
        assert processors.present() == of_a_child() == of_a_thread() == alone
        with processors.every():
            assert of_a_child() == processors.ALL
        assert processors.present() == alone
    assert processors.present() == processors.ALL


def test_without_a_number_it_is_the_one_that_the_kernel_chose() -> None:
    with processors.kept_on([processors.ALL[-1]]):
        assert processors.where() == processors.ALL[-1]
        with processors.one():
            assert processors.present() == [processors.ALL[-1]]


def test_workers_side_by_side_have_different_processors() -> None:
    with processors.one(0):
        first = processors.present()
    with processors.one(1):
        assert processors.present() != first


def test_a_refusal_leaves_all_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with processors.one(0):
        assert processors.present() == processors.ALL


@pytest.mark.parametrize(("targets", "number"), [(("a",), 1), (("a", "b"), len(processors.ALL))])
def test_a_run_of_one_target_is_on_one_processor(targets: tuple[str, ...], number: int) -> None:
    config: Any = SimpleNamespace(stash={SCHEDULE: SimpleNamespace(targets=targets)})
    with run.processors_of(config):
        assert len(processors.present()) == number


class Started:
    """An agent that is only started: on which processors."""

    hello: Mapping[str, str] = {}
    alive = clean = is_mute = False
    processors: ClassVar[list[int]] = []

    def __init__(self, *_: object) -> None:
        self.processors[:] = of_a_child()

    def end(self) -> None:
        pass


@pytest.mark.parametrize("own", [False, True])
def test_an_agent_of_its_own_has_every_processor(own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.targets.Agent", Started)
    toy = Target("toy", "a toy", (sys.executable,), "toy", lab=False)
    with contextlib.closing(Session(toy)) as session, processors.one(0), session.agent(own=own):
        pass
    assert len(Started.processors) == (len(processors.ALL) if own else 1)


@pytest.mark.parametrize(("operands", "verb", "found"), [
    ({"to": "server"}, "connect", False), ({"to": "server", "thread": "t"}, "connect", True),
    ({"to": "server", "process": "p"}, "connect", True), ({}, "fork", True)])
def test_a_case_with_threads_or_processes_has_an_agent_of_its_own(
    operands: dict[str, str], verb: str, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = replace(house.cases()[0], steps=(Step(verb, "client", operands, (), 1),))
    assert has_concurrent_calls(case) == found
    seen = []

    def play(_case: Any, _session: Any, own: bool, _foreseen: Any) -> Any:
        seen.append(own)
        raise KeyError

    monkeypatch.setattr(engine, "play", play)
    session, page = Session(Target("toy", "a toy", ("toy",), "toy")), Profile("toy", (), ())
    for own in (False, True):
        with pytest.raises(KeyError):
            schedule.play(case, session, house.clauses(), page, own)
    assert seen == [found, True]
