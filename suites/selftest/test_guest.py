"""A guest's agent: the one in C where that runs there, else the one in Python. Booting is what its recipe tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fixtures import guest, programs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a guest is Linux, and so is what starts it")

# As a guest's dynamic loader, in whose arguments a program comes third; a C library that is too old ends with 1.
LOADER = """#!/bin/sh
test "$1" = --library-path && test "$2" = {root}/lib/x86_64-linux-gnu:{root}/usr/lib/x86_64-linux-gnu || exit 9
{then}
"""


def root_of(folder: Path, then: str) -> Path:
    loader = folder / "lib64" / "ld-linux-x86-64.so.2"
    loader.parent.mkdir()
    loader.write_text(LOADER.format(root=folder, then=then))
    loader.chmod(0o755)
    return folder


@pytest.mark.parametrize(("then", "runs"), [
    ("echo hello of \"$3\"", True), ("echo version GLIBC_2.99 not found >&2; exit 1", False), ("echo help", False)])
def test_its_agent_is_in_c_where_that_runs_with_its_c_library(
        then: str, runs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "in_c", lambda: "/the/agent")
    assert guest.agent_of(root_of(tmp_path, then)) == (Path("/the/agent") if runs else None)


def test_its_agent_is_in_python_where_there_is_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "in_c", lambda: "")
    assert guest.agent_of(root_of(tmp_path, "echo hello")) is None


@pytest.mark.parametrize("has_program", [True, False])
def test_a_guest_has_the_agent_that_was_compiled(has_program: bool, tmp_path: Path) -> None:
    root, program = tmp_path / "root", tmp_path / "made"
    (root / "usr" / "share").mkdir(parents=True)
    (root / "usr" / "share" / "large").write_text("not needed")
    program.write_bytes(b"what a compiler made")
    program.chmod(0o755)
    image = b"".join(guest.archive(root, program if has_program else None))
    assert b"not needed" not in image
    assert image.count(program.read_bytes()) == has_program
    assert image.count(f"{guest.INSIDE}/{guest.COMPILED}\0".encode()) == has_program
    assert image.count((guest.HERE / "agent.py").read_bytes()) == 1
