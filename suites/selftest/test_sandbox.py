"""Sandboxes that agents share: who starts one, who ends it, and what an agent hears where there is none.

The sandbox is a shell here, which runs what it is given in place; test_layers.py has gVisor's own.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fixtures import sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="gVisor is of Linux")

END_S = 20.0  # for what takes milliseconds
# As runsc: notes each sandbox, and has the file of its state where that has it.
RUNSC = """#!/bin/sh
while test "$1" != do && test "$1" != exec; do shift; done
if test "$1" = exec; then
    test "$2 $3 $4" = "--cwd $PWD runsc-7" || exit 9
    shift 4
    exec "$@"
fi
echo "$$" >>"{folder}/sandboxes"
mkdir "$TMPDIR/runsc-do1"
touch "$TMPDIR/runsc-do1/runsc-7_sandbox:runsc-7.state"
while test "$1" != --; do shift; done
shift
test "{works}" || {{ echo "no such platform" >&2; exit 1; }}
CONNECT_NETWORKS='{{"no-route": {{}}}}' exec "$@"
"""
AGENT = ["sh", "-c", 'echo "$CONNECT_NETWORKS"; exec cat']


class Place:
    """A folder in which agents are started."""

    def __init__(self, folder: Path, works: bool = True) -> None:
        self.folder, self.runsc = folder, folder / "runsc"
        self.runsc.write_text(RUNSC.format(folder=folder, works="yes" * works))
        self.runsc.chmod(0o755)
        self.agents: list[subprocess.Popen[str]] = []

    def start(self, how: str = "shared", netns: str = "default",
              command: Sequence[str] = AGENT) -> subprocess.Popen[str]:
        self.agents.append(subprocess.Popen(
            [sys.executable, sandbox.__file__, how, netns, str(self.runsc), "--flag", "--", *command], cwd=self.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True))
        return self.agents[-1]

    @property
    def sandboxes(self) -> list[int]:
        """The processes of all that have been started."""
        noted = self.folder / "sandboxes"
        return [int(line) for line in noted.read_text().split()] if noted.exists() else []

    def wait_for_the_end(self, netns: str = "default") -> None:
        """Until there is no sandbox: the keeper forgets it first, and holds the lock of users until all has ended."""
        while (self.folder / f"sandbox-{netns}.found").exists():
            os.sched_yield()
        os.close(sandbox.lock(self.folder / f"sandbox-{netns}.users", fcntl.LOCK_SH))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    for agent in made.agents:
        agent.communicate(timeout=END_S)
    for netns in ("default", "bare"):
        made.wait_for_the_end(netns)


def heard(agent: subprocess.Popen[str]) -> str:
    assert agent.stdout
    return agent.stdout.readline().strip()


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_agents_of_one_netns_share_a_sandbox_that_ends_with_the_last(place: Place) -> None:
    agents = [place.start() for _ in range(3)]
    assert [json.loads(heard(agent)) for agent in agents] == [{"no-route": {}}] * 3
    (first,) = place.sandboxes
    for agent in agents[:2]:
        agent.communicate(timeout=END_S)
        assert is_there(first)
    os.kill(agents[2].pid, signal.SIGKILL)  # however it ends
    agents[2].communicate(timeout=END_S)
    place.wait_for_the_end()
    assert not is_there(first)
    assert sorted(path.name for path in place.folder.iterdir()) == [
        "runsc", "sandbox-default.starts", "sandbox-default.users", "sandboxes"]
    assert heard(place.start())
    assert len(place.sandboxes) == 2


def test_agents_of_two_netns_have_a_sandbox_each(place: Place) -> None:
    assert [heard(place.start(netns=netns)) != "" for netns in ("default", "bare")] == [True, True]
    assert len(place.sandboxes) == 2


def test_an_agent_alone_has_its_own_that_leaves_what_it_leaves_here(place: Place) -> None:
    agents = [place.start("alone", command=["sh", "-c", 'echo "$TMPDIR"; exec cat'])]
    assert heard(agents[0]) == str(place.folder)
    assert place.sandboxes == [agents[0].pid]


def test_when_a_sandbox_has_died_the_next_agent_has_another(place: Place) -> None:
    """Though agents of the first are still there."""
    heard(place.start())
    os.kill(place.sandboxes[0], signal.SIGKILL)
    found = place.folder / "sandbox-default.found"
    while found.exists():
        os.sched_yield()
    assert heard(place.start())
    assert len(place.sandboxes) == 2


def test_a_sandbox_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    said = Place(tmp_path, works=False).start().communicate(timeout=END_S)
    assert said == ("", "no sandbox: no such platform\n")


@pytest.mark.parametrize("words", [[], ["alone", "default", "runsc"], ["together", "default", "runsc", "--", "true"]])
def test_it_says_what_it_takes(words: list[str]) -> None:
    ended = subprocess.run([sys.executable, sandbox.__file__, *words], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("sandbox.py: it takes alone, shared, keep, a netns, ")
