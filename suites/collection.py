"""Which items a run has, and in which order they come."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from suites import drawing
from suites.items import SCHEDULE, CaseItem

SUITES = Path(__file__).parent
SELFTEST = SUITES / "selftest"
GARBAGE = 20_000  # objects more than before, at which it is looked for; Python's default is 700


def is_selftest(config: pytest.Config) -> bool:
    """Whether all that is named belongs to the suite's own tests, which run only when named and record nothing."""
    named = [Path(arg.partition("::")[0]).resolve() for arg in config.args]
    return bool(named) and all(path.is_relative_to(SELFTEST) for path in named)


def begin() -> None:
    """Look for no garbage until all items are made: they live to the end."""
    gc.disable()


def end() -> None:
    """Look for garbage again, seldom, and never among what collection has made: what a case makes has few cycles."""
    gc.freeze()
    gc.set_threshold(GARBAGE)
    gc.enable()


def refuse_unmatched(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Stop a run of the complete suite when an entry of a page has nothing to do with any case."""
    if SUITES not in {Path(arg).resolve() for arg in config.args}:
        return
    cases = {item.case.id: item.case for item in items if isinstance(item, CaseItem)}.values()
    drawn = {drawing.scenario_of(item) for item in items if drawing.is_drawn(item)}
    for line in config.stash[SCHEDULE].unmatched(cases, drawn):
        raise pytest.UsageError(line)


def sort(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Target by target; slow cases come last: they are started first, and have waited meanwhile."""
    order = ["", *config.stash[SCHEDULE].targets]
    items.sort(key=lambda item: (order.index(target_of(item)), isinstance(item, CaseItem) and item.is_slow))


def keep_failed(config: pytest.Config, items: list[pytest.Item],
                failed: Callable[[], Collection[tuple[str, str]]]) -> None:
    """With --lf, deselect all items but those of cases that failed; drawn cases are named like their test.

    failed: of the earlier results, the cases that failed when they were last played, each with its target.
    """
    if not config.getoption("lf", False):
        return
    wanted = failed()
    scenarios = {(case.partition("[")[0], target) for case, target in wanted}
    kept = [item for item in items if (
        (item.case.id, item.target) in wanted if isinstance(item, CaseItem) else
        drawing.is_drawn(item) and (drawing.scenario_of(item), target_of(item)) in scenarios)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def target_of(item: pytest.Item) -> str:
    """The target that an item is played on; none of those that are not scenarios."""
    if isinstance(item, CaseItem):
        return item.target
    if isinstance(item, pytest.Function) and drawing.is_drawn(item):
        return str(item.callspec.params["drawn"])
    return ""
