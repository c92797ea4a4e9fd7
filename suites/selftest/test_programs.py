"""The programs of agents are compiled once, by whichever run comes first, and have a substitute where none can be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fixtures import programs, targets
from fixtures.targets import Target
from specs import load

ENTRY = load.targets(targets.FILE)["native"]
# As a compiler: notes each run, and makes a program that says which run made it.
COMPILER = """#!/bin/sh
echo run >>{folder}/runs
{wait}
while test "$1" != -o; do shift; done
printf '#!/bin/sh\\necho hello protocol=3\\n' >"$2"
chmod +x "$2"
"""


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "kept"))


def compiler(folder: Path, wait: str = "") -> str:
    made = folder / "compiler"
    made.write_text(COMPILER.format(folder=folder, wait=wait))
    made.chmod(0o755)
    return str(made)


def in_c() -> str:
    """As in another process."""
    return programs.in_c.__wrapped__()


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("agent-*"))


def said(command: list[str]) -> str:
    return subprocess.run(command, input="", capture_output=True, text=True, check=False).stdout


def test_agent_in_python_that_cannot_be_kept_is_started_from_its_source(monkeypatch: pytest.MonkeyPatch,
                                                                        tmp_path: Path) -> None:
    for folder, path in (("kept", tmp_path), ("file", Path(__file__))):
        monkeypatch.setattr(sys, "pycache_prefix", str(path / folder))
        started = programs.in_python.__wrapped__()
        assert (started == str(programs.AGENT)) == (folder == "file")
        assert said([sys.executable, "-I", "-S", started]).startswith("hello protocol=")


def test_agent_in_c_is_compiled_again_only_when_what_it_is_made_of_changes(monkeypatch: pytest.MonkeyPatch,
                                                                           tmp_path: Path) -> None:
    monkeypatch.setenv("CONNECT_CC", compiler(tmp_path))
    first = in_c()
    assert said([first]).startswith("hello")
    assert in_c() == first
    assert (tmp_path / "runs").read_text() == "run\n"
    changed = tmp_path / "calls.c"
    changed.write_text("int changed;\n")
    monkeypatch.setattr(programs, "SOURCES", (*programs.SOURCES[:2], changed))
    assert in_c() != first
    assert (tmp_path / "runs").read_text() == "run\nrun\n"
    assert len(kept(tmp_path)) == 2


def test_runs_side_by_side_compile_one_agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each compiler waits for the other, and neither run sees half of a program."""
    both = f'while test "$(wc -l <{tmp_path}/runs)" -lt 2; do :; done'
    monkeypatch.setenv("CONNECT_CC", compiler(tmp_path, both))
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: in_c(), range(2))
    assert one == other
    assert said([one]).startswith("hello")
    assert list(Path(one).parent.iterdir()) == [Path(one)]


def test_where_nothing_can_be_kept_it_is_compiled_for_the_process(monkeypatch: pytest.MonkeyPatch,
                                                                  tmp_path: Path) -> None:
    monkeypatch.setenv("CONNECT_CC", compiler(tmp_path))
    monkeypatch.setattr(sys, "pycache_prefix", str(Path(__file__) / "none"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = in_c()
    assert Path(made).is_relative_to(tmp_path)
    assert said([made]).startswith("hello")


def test_program_that_may_not_be_run_is_made_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONNECT_CC", compiler(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first = in_c()
    Path(first).chmod(0o644)
    assert said([in_c()]).startswith("hello")


@pytest.mark.parametrize("command", ["false", "no-such-compiler"])
def test_without_a_compiler_native_is_played_by_the_agent_in_python(command: str, monkeypatch: pytest.MonkeyPatch,
                                                                    tmp_path: Path) -> None:
    monkeypatch.setenv("CONNECT_CC", command)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(programs, "in_c", programs.in_c.__wrapped__)
    assert said(Target.of("native", ENTRY).command("default")).startswith("hello protocol=3 agent=python-")
    quoted = Target.of("built", {**ENTRY, "start": ["sh", "-c", "exec {built}"]})
    assert said(quoted.command("default")).startswith("hello protocol=3 agent=python-")
    assert kept(tmp_path) == []


@pytest.mark.skipif(not programs.find_compiler(), reason="no C compiler")
def test_native_is_played_by_the_agent_in_c() -> None:
    assert said(Target.of("native", ENTRY).command("default")).startswith("hello protocol=3 agent=c-posix-")


def test_files_of_a_target_are_those_that_its_command_and_its_environment_name(tmp_path: Path) -> None:
    library, other = tmp_path / "layer.so", tmp_path / "other.so"
    for file in (library, other):
        file.touch()
    program = "/" + "long" * 100  # which is no file's name
    entry = {**ENTRY, "start": ["env", f"LD_PRELOAD={library}:{other}", "{agent}", "/none/such", "--set=a/b", program],
             "environment": {"LAYER": str(tmp_path), "WORD": "word"}}
    env = Path(shutil.which("env") or "")
    assert Target.of("layered", entry).files() == [env, library, other, programs.AGENT, tmp_path]
