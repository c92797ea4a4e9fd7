"""Poor hosts, and hosts without a laboratory: what is lacking is unsupported, with the remedy, and never a failure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from reports.common import results
from specs.model import FAILING
from specs.record import Record

ROOT = Path(__file__).parents[2]
FORBIDDEN = "echo 0 > /proc/sys/user/max_user_namespaces"
UP = f"{sys.executable} -c 'import pyroute2; n = pyroute2.IPRoute(); n.link(\"set\", index=1, state=\"up\")'"
DROP = f"{sys.executable} {Path(__file__).with_name('drop_icmp.py')}"
EPOLL = ["suites/description/select.yaml", "suites/manuals/linux/epoll.yaml", "suites/manuals/linux/facilities.yaml"]
FAST_OPEN = "suites/manuals/linux/TCP_FASTOPEN_CONNECT.yaml"


class Host(NamedTuple):
    """A setting of a host, the reason that it must give, the file of cases in which it does, and one beside it."""

    setting: str
    reason: str
    touched: str
    untouched: str = "suites/errors/EBADF.yaml"


def setting(name: str, value: object) -> str:
    return f"{UP}; echo {value} > /proc/sys/{name.replace('.', '/')}"


HOSTS = {
    "loopback-down": Host("true", "the host's loopback interface is down; ip link set lo up as root",
                          "suites/errors/EISCONN.yaml"),
    "fast-open-for-clients": Host(setting("net.ipv4.tcp_fastopen", 1), "the host has net.ipv4.tcp_fastopen=1; "
                                  "sysctl net.ipv4.tcp_fastopen=3 as root", FAST_OPEN, "suites/errors/EISCONN.yaml"),
    "no-fast-open": Host(setting("net.ipv4.tcp_fastopen", 0), "the host has net.ipv4.tcp_fastopen=0; "
                         "sysctl net.ipv4.tcp_fastopen=3 as root", "suites/manuals/linux/MSG_FASTOPEN.yaml"),
    "cookies-always": Host(setting("net.ipv4.tcp_syncookies", 2), "the host has net.ipv4.tcp_syncookies=2; "
                           "sysctl net.ipv4.tcp_syncookies=1 as root", "suites/manuals/linux/TCP_DEFER_ACCEPT.yaml",
                           "suites/errors/EISCONN.yaml"),
    "short-queues": Host(setting("net.core.somaxconn", 1), "the host has net.core.somaxconn=1; "
                         "sysctl net.core.somaxconn=4096 as root", "suites/description/threads.yaml"),
    "few-ports": Host(setting("net.ipv4.ip_local_port_range", "40000 40010"), "the host has 11 ephemeral ports; "
                      "sysctl net.ipv4.ip_local_port_range='32768 60999' as root", "suites/errors/EISCONN.yaml"),
    "one-family": Host(setting("net.ipv6.bindv6only", 1), "the host has net.ipv6.bindv6only=1; "
                       "sysctl net.ipv6.bindv6only=0 as root", "suites/description/example.yaml"),
    "no-icmp-errors": Host(f"{UP}; {DROP}", "a packet filter of the host drops ICMP errors over loopback; "
                           "let them pass", "suites/errors/ECONNREFUSED.yaml", "suites/errors/EISCONN.yaml"),
}

Play = Callable[[Sequence[str | Path], Sequence[str]], Mapping[str, Record]]
DENY = (sys.executable, str(Path(__file__).with_name("deny.py")))


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Plays files natively behind the words of a command that imitates a host; case -> its record."""

    def played(host: Sequence[str | Path], files: Sequence[str]) -> Mapping[str, Record]:
        file = tmp_path / "results.jsonl"
        command = [*host, sys.executable, "-m", "pytest", "-q", f"--results={file}", *files]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not file.exists():
            pytest.fail(ended.stdout + ended.stderr)
        file.chmod(0o600)  # whatever the umask of the host was
        return {record.id: record for record in results.read_run(file).records}

    return played


@pytest.fixture(scope="module")
def namespaces() -> list[str]:
    """The words before a command that give it a network of its own."""
    words = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this host has no namespaces in which to imitate another")
    return words


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_what_the_host_lacks_is_unsupported(host: Host, play: Play, namespaces: list[str]) -> None:
    script = f'{host.setting}; {FORBIDDEN}; exec "$@"'
    records = play([*namespaces, "sh", "-ec", script, "sh"], [host.touched, host.untouched])
    assert not failing(records)
    reasons = {id_: record.reason for id_, record in records.items() if record.verdict == "unsupported"}
    assert [id_ for id_, reason in reasons.items() if id_.startswith(host.touched) and reason == host.reason]
    assert "conforms" in {record.verdict for id_, record in records.items() if id_.startswith(host.untouched)}


def failing(records: Mapping[str, Record]) -> list[tuple[str, str]]:
    return [(id_, record.reason) for id_, record in records.items() if record.verdict in FAILING]


def test_setting_that_cannot_be_made_in_the_laboratory_is_named(play: Play) -> None:
    """As in a container, which has /proc/sys read-only."""
    words = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    script = 'mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys; exec "$@"'
    records = play([*words, "sh", "-ec", script, "sh"], [FAST_OPEN, "suites/errors/EISCONN.yaml"])
    assert not failing(records)
    reasons = {record.reason for record in records.values() if record.verdict == "unsupported"}
    assert "`sysctl -eqw net.ipv4.tcp_fastopen=3` is refused; mount /proc/sys writable" in reasons


@pytest.mark.parametrize("errno", ["ENOSYS", "EPERM"])
def test_facility_whose_calls_are_denied_is_not_there(errno: str, play: Play) -> None:
    records = play([*DENY, errno, "epoll_create,epoll_create1"], EPOLL)
    assert not failing(records)
    reasons = {record.reason for record in records.values() if record.verdict == "unsupported"}
    assert "the target has no facility epoll" in reasons


def test_pair_of_sockets_that_is_denied_is_unsupported(play: Play) -> None:
    records = play([*DENY, "EPERM", "socketpair"], ["suites/errors/EISCONN.yaml"])
    assert not failing(records)
    assert any("socketpair(" in record.reason for record in records.values() if record.verdict == "unsupported")


def test_laboratory_that_cannot_be_entered_is_none(play: Play) -> None:
    """Cases that need no network of it are played all the same."""
    records = play([*DENY, "EPERM", "setns"], ["suites/errors/EISCONN.yaml", "suites/errors/ENETUNREACH.yaml"])
    assert not failing(records)
    assert "conforms" in {record.verdict for record in records.values()}
    reasons = {record.reason for record in records.values() if record.verdict == "unsupported"}
    assert any(re.fullmatch(r"namespaces cannot be entered \(nsenter: .*\); allow setns in the container", reason)
               for reason in reasons)


def test_files_are_made_whatever_umask_the_caller_has(play: Play) -> None:
    files = ["suites/description/stream.yaml", "suites/errors/EACCES.yaml"]
    assert not failing(play(["sh", "-c", 'umask 0777; exec "$@"', "sh"], files))


def refusal(host: Sequence[str], *arguments: str) -> str:
    """The one line with which pytest refuses to run on a host."""
    command = [*host, sys.executable, *arguments, "-m", "pytest", "-q", "suites/errors/EISCONN.yaml"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    return ended.stderr.strip()


def test_too_few_descriptors_are_refused() -> None:
    assert refusal(["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"]) == (
        "ERROR: a process may have 64 descriptors here, and 256 are needed; ulimit -n 4096")


def test_a_low_soft_limit_of_descriptors_is_raised(play: Play) -> None:
    assert not failing(play(["sh", "-c", 'ulimit -S -n 64; exec "$@"', "sh"], ["suites/description/threads.yaml"]))


def test_python_without_assertions_is_refused() -> None:
    assert refusal([], "-O") == "ERROR: python -O removes the assertions of drawn tests; run it without -O"
