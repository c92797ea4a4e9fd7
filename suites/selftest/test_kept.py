"""What is kept of the suite's files is taken only where making it again would give the same."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from suites import kept
from suites.selftest.house import cases, clauses


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a suite of its own, of which something is kept."""
    monkeypatch.setattr(kept, "ROOT", tmp_path)
    monkeypatch.setattr(kept, "HERE", tmp_path / "suites")
    monkeypatch.setattr(kept, "made_by", kept.made_by.__wrapped__)
    for name in ("specs/schema/scenarios.json", "specs/load.py", "fixtures/world.py", "suites/items.py",
                 "suites/some.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    assert kept.kept(path, read(path)) == "1"
    return path


def read(path: Path) -> Callable[[], str]:
    return path.read_text


def again() -> str:
    return "made again"


def stored(file: Path) -> Path:
    return next(file.parents[1].rglob("*.kept"))


def test_kept_is_not_made_again(file: Path) -> None:
    assert kept.kept(file, again) == "1"


@pytest.mark.parametrize("changed", ["suites/some.yaml", "specs/schema/scenarios.json", "specs/load.py",
                                     "fixtures/world.py", "suites/items.py"])
def test_made_again_when_what_it_is_made_of_changes(file: Path, changed: str) -> None:
    (file.parents[1] / changed).write_text("2")
    assert kept.kept(file, again) == "made again"
    assert kept.kept(file, read(file)) == "made again"


@pytest.mark.parametrize("name", ["specs/clauses/new.yaml", "specs/platforms/linux.yaml", "specs/baselines/x.jsonl"])
def test_made_again_when_a_file_is_added(file: Path, name: str) -> None:
    (file.parents[1] / name).parent.mkdir()
    (file.parents[1] / name).write_text("1")
    assert kept.kept(file, again) == "made again"


def test_made_again_in_another_place(file: Path) -> None:
    """Messages name the file."""
    file.rename(file.with_stem("other"))
    stored(file).rename(stored(file).with_name(stored(file).name.replace("some", "other")))
    assert kept.kept(file.with_stem("other"), again) == "made again"


@pytest.mark.parametrize("damage", [
    lambda content: b"",
    lambda content: content[:-1],
    lambda content: content[:kept.SIZE] + pickle.dumps("2"),
    lambda content: bytes(kept.SIZE) + content[kept.SIZE:],
], ids=["empty", "torn", "other content", "other hash"])
def test_damaged_is_made_again(file: Path, damage: Callable[[bytes], bytes]) -> None:
    stored(file).write_bytes(damage(stored(file).read_bytes()))
    assert kept.kept(file, again) == "made again"


def test_nothing_is_kept_where_nothing_can_be_written(file: Path) -> None:
    folder = stored(file).parent
    stored(file).unlink()
    folder.rmdir()
    folder.write_text("no folder")
    assert [kept.kept(file, again), kept.kept(file, read(file))] == ["made again", "1"]


def test_nothing_is_kept_of_what_is_wrong(file: Path) -> None:
    file.write_text("wrong")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            kept.kept(file, lambda: 1 // 0)


def test_nothing_is_kept_of_a_file_that_is_not_there(file: Path) -> None:
    absent = file.with_stem("absent")
    assert [kept.kept(absent, read(file)), kept.kept(absent, again)] == ["1", "made again"]


def test_nothing_is_kept_outside_the_suite(file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "mine.yaml"
    outside.write_text("1")
    assert [kept.kept(outside, read(outside)), kept.kept(outside, again)] == ["1", "made again"]
    assert list(outside.parent.iterdir()) == [outside]


def test_cases_and_clauses_outlive_being_kept() -> None:
    for made in (cases(), dict(clauses())):
        assert pickle.loads(pickle.dumps(made)) == made
