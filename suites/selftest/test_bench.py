"""The bench compares what it measures in the same round, and its measures make the calls that they are said to make."""

import subprocess
import threading
from pathlib import Path

import pytest

from fixtures import programs
from suites.selftest import bench
from suites.selftest.bench import Cost, Run

EMPTY, SUITE, LARGE = Run("empty", ()), Run("suite", ()), Run("large", (), per=100, once=True)


def test_ratios_are_of_the_same_round(capsys: pytest.CaptureFixture[str]) -> None:
    """The machine was slower in the second round, and much slower in the third."""
    rounds = [{"empty": Cost(1, 2, 30, 1), "suite": Cost(3, 4, 50, 9), "large": Cost(50, 60, 70, 80)},
              {"empty": Cost(2, 4, 30, 1), "suite": Cost(6, 8, 50, 7)},
              {"empty": Cost(10, 20, 30, 1), "suite": Cost(40, 80, 60, 8)}]
    bench.show([EMPTY, SUITE, LARGE], rounds)
    _, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert rows == [["empty", "2.00", "1.00", "4.00", "0.50", "30", "1"],
                    ["suite", "6.00", "3.00", "8.00", "0.75", "50", "8"],
                    ["large", "50.00", "50.00", "60.00", "0.83", "70", "80", "2", "a", "second"]]


@pytest.mark.skipif(not programs.find_compiler(), reason="no C compiler")
def test_bare_program_makes_its_calls(tmp_path: Path) -> None:
    (command,) = bench.others(tmp_path)["a bare C program"]
    assert subprocess.run([command], check=False).returncode == 0


def test_cost_counts_children(tmp_path: Path) -> None:
    spent = bench.cost(["sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done & wait"], {})
    assert spent.cpu > bench.cost(["true"], {}).cpu
    with pytest.raises(SystemExit, match="ended with 3"):
        bench.cost(["sh", "-c", "exit 3"], {})


class Once(threading.Event):
    """The first wait for it sets it."""

    def wait(self, timeout: float | None = None) -> bool:
        was = self.is_set()
        self.set()
        return was


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_processes_are_counted_with_all_that_descend_from_them() -> None:
    counts: list[int] = []
    with subprocess.Popen(["sh", "-c", "(cat | cat); true"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdin
        assert shell.stdout
        shell.stdin.write(b"all of them run\n")
        shell.stdin.flush()
        shell.stdout.readline()
        bench.count_processes(shell.pid, Once(), counts)
        shell.stdin.close()
    assert counts in ([3], [4])  # the shell may be the one in brackets, too


def test_two_checkouts_are_measured_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, str]] = []

    def cost(command: tuple[str, ...], _environment: object, _stdin: object, root: Path) -> Cost:
        made.append((command[0], root.name))
        return Cost(len(made), 0, 0, 0)

    monkeypatch.setattr(bench, "cost", cost)
    chosen = [Run("small", ("s",)), Run("large", ("l",), once=True)]
    rounds = list(bench.measured(chosen, 2, [Path("old"), Path("new")]))
    assert made == [("s", "old"), ("s", "new"), ("l", "old"), ("l", "new"), ("s", "old"), ("s", "new")]
    assert [[{name: one.cpu for name, one in costs.items()} for costs in both] for both in rounds] == [
        [{"small": 1, "large": 3}, {"small": 2, "large": 4}], [{"small": 5}, {"small": 6}]]


def test_what_was_changed_is_compared_by_pyperf(capfd: pytest.CaptureFixture[str]) -> None:
    seconds = (4, 2), (4.1, 2.1), (4.2, 2)
    rounds = [[{"suite": Cost(old, 0, 0, 0)}, {"suite": Cost(new, 0, 0, 0)}] for old, new in seconds]
    bench.compare([SUITE], rounds)
    assert "2.02x faster" in capfd.readouterr().out
    assert [one.get_values() for one in bench.saved([SUITE], [one[1] for one in rounds])] == [(2, 2.1, 2)]
