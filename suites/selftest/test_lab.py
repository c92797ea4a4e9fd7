"""The laboratory: its namespaces, what their networks do, and that nothing of it is seen outside or left behind."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fixtures.lab
from fixtures import targets, wired
from fixtures.lab import (
    DEVICES,
    NAMESPACES,
    NETWORKS,
    PROCESSES,
    UNPRIVILEGED,
    Lab,
    end,
    enter,
    following,
    unreachable,
    with_checksum,
)

PROJECT = Path(__file__).resolve().parents[2]
LAB = PROJECT / "fixtures" / "lab.py"
SERVE = [sys.executable, str(LAB), "serve"]
TIMEOUT_S = 30

# Connects to every address it is given, all at once, and prints how each attempt ended.
CONNECT = """
import errno, json, socket, sys, threading

def attempt(domain, type, address):
    host, _, scope = address.partition("%")
    peers = {"AF_INET": (host, 9), "AF_INET6": (host, 9, 0, int(scope or 0)), "AF_UNIX": address + "/peer"}
    with socket.socket(getattr(socket, domain), getattr(socket, type)) as client:
        seen[f"{domain} {type} {address}"] = errno.errorcode.get(client.connect_ex(peers[domain]), "ok")

seen = {}
attempts = [threading.Thread(target=attempt, args=each) for each in json.loads(sys.argv[1])]
for each in attempts: each.start()
for each in attempts: each.join()
print(json.dumps(seen))
"""

# Two connections to one listener, which does not use up the ephemeral port.
CONNECT_TWICE = """
import errno, socket
listener, first, second = (socket.socket() for _ in range(3))
listener.bind(("127.0.0.1", 1024))
listener.listen()
print(*(errno.errorcode.get(client.connect_ex(("127.0.0.1", 1024)), "ok") for client in (first, second)))
"""

# Builds a netns for a kernel without pairs of links, permanent neighbours and a firewall; then becomes the command.
WITHOUT_NETLINK = """
import json, os, runpy, sys
lab = runpy.run_path(sys.argv[1])
do = lab["Netns"]._do

def refuse(netns, words):
    if words[:3] in (["ip", "link", "add"], ["ip", "neighbour", "add"], ["nft", "add", "table"]):
        raise OSError("refused")
    do(netns, words)

lab["Netns"]._do = refuse
lab["run"](sys.argv[2:], "short-syn-timeout", False)
"""

# Takes the far end of each link of packets that is named, and prints how that ended; the second time it is taken.
TAKE = """
import errno, fcntl, os, struct, sys
for name in sys.argv[1:]:
    try:
        fcntl.ioctl(os.open("/dev/net/tun", os.O_RDWR), 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1001))
        print("ok")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""

# Becomes user id 0 of a user namespace, and tries to set what the network namespace has.
MAP = """
import errno, os, sys
sys.path.insert(0, sys.argv[1])
from fixtures.lab import enter_namespaces
try:
    enter_namespaces(sys.argv[2])
    print(os.getuid())
    open("/proc/sys/net/ipv4/ip_default_ttl", "w")
except OSError as error:
    print(errno.errorcode[error.errno])
"""

# Sends a datagram there and back between the laboratory's namespace and one at the end of a link, and prints it.
CARRY = """
import socket, subprocess, sys, threading
sys.path.insert(0, sys.argv[1])
from fixtures import lab, wired

def answer():
    data, client = server.recvfrom(9)
    server.sendto(data, client)

CLIENT = '''
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect((sys.argv[1], int(sys.argv[2])))
client.send(b"hello")
print(client.recv(9).decode())
'''
name, wire = wired.take_link()
near = wired.links()[name]
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((near["AF_INET"].partition("/")[0], 0))
lab.enter_namespaces(lab.PROCESSES)
lab.enter_network()
own = wired.build(name, wired.far_ends(near))
threading.Thread(target=answer, daemon=True).start()
wired.carry(wire, own, subprocess.Popen([sys.executable, "-c", CLIENT, *map(str, server.getsockname())]))
"""

# A program that has a laboratory, prints the ids of its processes, and then waits to be killed.
HAVE_A_LAB = """
import json, sys
sys.path.insert(0, sys.argv[1])
from fixtures.lab import Lab
with Lab() as lab:
    print(json.dumps({"server": lab._server.pid, "namespaces": lab.namespaces}), flush=True)
    sys.stdin.read()
"""


def output(command: list[str]) -> str:
    """What a command prints; it succeeds."""
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_S)
    return ended.stdout


def test_one_that_has_begun_is_not_started_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[Lab] = []
    real = Lab.begin

    def begin(lab: Lab) -> None:
        began.append(lab)
        real(lab)

    monkeypatch.setattr(Lab, "begin", begin)
    with contextlib.closing(Lab()) as lab:
        lab.begin()
        assert not lab.namespaces
        for _ in range(2):
            lab.start()
        assert (began, lab.reason, sorted(lab.namespaces)) == ([lab], "", sorted(NAMESPACES))


# --- entering -----------------------------------------------------------------------------------------------


def status_inside(lab: Lab, *capabilities: str) -> dict[str, str]:
    """What a process started in the default namespace reads in its own /proc/self/status."""
    found = output([*enter(lab.namespaces["default"], capabilities), "cat", "/proc/self/status"])
    return {name: value.strip() for name, _, value in (line.partition(":") for line in found.splitlines())}


@pytest.mark.parametrize(("ends", "status"), [("exit 7", 7), ("kill -SEGV $$", -signal.SIGSEGV)])
def test_the_prefix_ends_as_the_command_does(lab: Lab, ends: str, status: int) -> None:
    command = [*enter(lab.namespaces["default"]), "sh", "-c", ends]
    assert subprocess.run(command, check=False).returncode == status


def test_a_killed_command_has_ended_when_its_prefix_has(lab: Lab) -> None:
    """Otherwise the sockets of an agent that is replaced are in the way of the next one."""
    for _ in range(20):
        command = [*enter(lab.namespaces["default"]), "sh", "-c", "kill -STOP $$"]
        process = subprocess.Popen(command, start_new_session=True)
        os.waitpid(process.pid, os.WUNTRACED)  # it stops when the command has
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        end(process)
        assert process.returncode == -signal.SIGKILL
        assert not Path(f"/proc/{child}").exists()


def test_a_command_that_is_long_in_dying_is_waited_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under a busy kernel: if nsenter went first, the command would still have its ports."""
    killed: list[int] = []

    def kill(process: subprocess.Popen[bytes]) -> None:
        killed.append(process.pid)
        if len(killed) >= 3:
            real(process)

    real = fixtures.lab.kill
    monkeypatch.setattr(fixtures.lab, "kill", kill)
    monkeypatch.setattr(fixtures.lab, "KILL_AGAIN_S", 0)
    process = subprocess.Popen([*enter(lab.namespaces["default"]), "sleep", "60"], start_new_session=True)
    while not (children := fixtures.lab.commands_of(process)):
        assert process.poll() is None
    end(process)
    assert len(killed) >= 3
    assert process.returncode == -signal.SIGKILL
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def test_a_laboratory_and_its_commands_end_when_descriptors_are_many() -> None:
    """More than select(2) can be asked of."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    except ValueError:
        pytest.skip("a process may not have so many descriptors here")
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1024):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        with Lab() as lab:
            if lab.reason:
                pytest.skip(lab.reason)
            for _ in range(20):  # most of which have not ended when end() asks
                process = subprocess.Popen([*enter(lab.namespaces["default"]), "sleep", "60"], start_new_session=True)
                end(process)
                assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("named", "mask"), [((), 0), (("net_raw",), 1 << 13)], ids=["none", "net_raw"])
def test_the_command_has_the_named_capabilities_alone(lab: Lab, named: tuple[str, ...], mask: int) -> None:
    status = status_inside(lab, *named)
    held = {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    assert held == {"CapInh": mask, "CapPrm": mask, "CapEff": mask, "CapBnd": mask, "CapAmb": 0}
    assert status["NoNewPrivs"] == "1"


def test_permissions_are_checked_though_the_command_is_user_0(lab: Lab) -> None:
    script = 'id -u; : > closed; chmod 000 closed; cat closed 2>&1 || rm closed'
    found = output([*enter(lab.namespaces["default"]), "env", "LC_ALL=C", "sh", "-c", script])
    assert found.splitlines() == ["0", "cat: closed: Permission denied"]


def test_the_command_starts_in_scratch(lab: Lab) -> None:
    assert output([*enter(lab.namespaces["default"]), "pwd"]).strip() == lab.scratch


# --- networks -----------------------------------------------------------------------------------------------

# How connect(2) to an address of each network ends, by ip(7), ip-route(8), ip-rule(8), tcp(7).
ENDS = {
    ("blackholed-host", "SOCK_STREAM"): "ETIMEDOUT",
    ("unresolved-neighbour", "SOCK_STREAM"): "EHOSTUNREACH",
    ("unresolved-neighbour", "SOCK_DGRAM"): "ok",
    ("unreachable-route", "SOCK_STREAM"): "EHOSTUNREACH",
    ("prohibit-route", "SOCK_STREAM"): "EACCES",
    ("blackhole-route", "SOCK_STREAM"): "EINVAL",
    ("throw-route", "SOCK_STREAM"): "ENETUNREACH",
    ("gateway-route", "SOCK_STREAM"): "ETIMEDOUT",
    ("unreachable-rule", "SOCK_STREAM"): "ENETUNREACH",
    ("prohibit-rule", "SOCK_STREAM"): "EACCES",
    ("blackhole-rule", "SOCK_STREAM"): "EINVAL",
    ("mark-rule", "SOCK_STREAM"): "EHOSTUNREACH",
    ("no-route", "SOCK_STREAM"): "ENETUNREACH",
    ("broadcast", "SOCK_STREAM"): "ENETUNREACH",
    ("broadcast", "SOCK_DGRAM"): "EACCES",
    ("multicast", "SOCK_STREAM"): "ENETUNREACH",
    ("multicast", "SOCK_DGRAM"): "ok",
    ("link-local", "SOCK_STREAM"): "ECONNREFUSED",
    ("link-local", "SOCK_DGRAM"): "ok",
    ("failing-directory", "SOCK_STREAM"): "EIO",
    ("firewall", "SOCK_STREAM"): "ETIMEDOUT",
    ("firewall", "SOCK_DGRAM"): "ok",
    ("firewall-reset", "SOCK_STREAM"): "ECONNREFUSED",
    ("rejecting", "SOCK_STREAM"): "ENETUNREACH",
}


@pytest.fixture(scope="module")
def seen(lab: Lab) -> dict[str, str]:
    """How an attempt at every address ends, in the namespace where none takes long."""
    attempts = [
        (domain, kind, address)
        for network, kind in ENDS
        for domain, address in lab.networks.get(network, {}).items()
    ]
    netns = enter(lab.namespaces["short-syn-timeout"])
    found: dict[str, str] = json.loads(output([*netns, sys.executable, "-c", CONNECT, json.dumps(attempts)]))
    return found


@pytest.mark.parametrize(("network", "kind"), ENDS, ids=map("-".join, ENDS))
def test_an_attempt_ends_as_its_network_makes_it(lab: Lab, seen: dict[str, str], network: str, kind: str) -> None:
    if network in lab.absent:
        pytest.skip(lab.absent[network])
    ends = {domain: seen[f"{domain} {kind} {address}"] for domain, address in lab.networks[network].items()}
    assert ends == dict.fromkeys(lab.networks[network], ENDS[network, kind])


def test_every_network_is_there_or_says_why_not(lab: Lab) -> None:
    assert {*lab.networks, *lab.absent} >= {*NETWORKS, "failing-directory"}
    assert all(reason.count("; ") == 1 for reason in lab.absent.values())


@pytest.mark.usefixtures("lab")
def test_an_unknown_command_is_a_fault() -> None:
    """What every namespace has is not verified, so that no test would miss it."""
    script = "import sys; sys.path.insert(0, sys.argv[1]); from fixtures.lab import Netns; Netns().refusal(sys.argv[2])"
    for command in ("ip link add dummy0 type dummy", "nft add rule ip firewall firewall ip saddr 192.0.2.4 drop"):
        found = subprocess.run([*RUN[:4], sys.executable, "-c", script, str(PROJECT), command], stderr=subprocess.PIPE,
                              text=True, check=False)
        assert found.stderr.endswith(f"unknown command: {command}\n")


def test_the_raw_namespace_alone_has_raw_sockets(lab: Lab) -> None:
    make = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)"
    ends = {netns: subprocess.run([*enter(pid, NAMESPACES[netns].capabilities), sys.executable, "-c", make],
                                  stderr=subprocess.PIPE, check=False).returncode
            for netns, pid in lab.namespaces.items()}
    assert ends == {netns: netns != "raw" for netns in lab.namespaces}


@pytest.mark.skipif(not os.access("/dev/net/tun", os.R_OK | os.W_OK), reason="/dev/net/tun cannot be read and written")
def test_an_agent_takes_a_link_that_is_there_and_makes_none() -> None:
    with Lab(linked=True) as lab:
        taken = [*enter(lab.namespaces["default"]), sys.executable, "-c", TAKE, "wire0", "wire3", "wire0", "other0"]
        assert output(taken).split() == ["ok", "ok", "EBUSY", "EPERM"]


@pytest.mark.skipif(not os.access("/dev/net/tun", os.R_OK | os.W_OK), reason="/dev/net/tun cannot be read and written")
def test_an_agent_may_have_a_user_namespace_of_its_own_where_two_play_together() -> None:
    """Its user id 0 is mapped there; settings are read-only as ever."""
    script = [sys.executable, "-c", MAP, str(PROJECT), PROCESSES]
    with Lab(linked=True) as lab:
        assert output([*lab.enter("default"), *script]).split() == ["0", "EROFS"]
    with Lab() as lab:
        assert output([*lab.enter("default"), *script]).split() == ["ENOENT"]


@pytest.mark.skipif(not os.access("/dev/net/tun", os.R_OK | os.W_OK), reason="/dev/net/tun cannot be read and written")
def test_packets_go_through_a_link_to_a_namespace_of_an_agent() -> None:
    """As wired.py carries them, but to a program in the place of gVisor."""
    with Lab(linked=True) as lab:
        assert output([*lab.enter("default"), sys.executable, "-c", CARRY, str(PROJECT)]).strip() == "hello"


def test_ends_of_links_follow_from_the_table() -> None:
    assert len(wired.links()) == targets.LINKED_AGENTS + 2
    near = wired.links()["wire1"]
    assert near == {"AF_INET": "198.18.1.0/31", "AF_INET6": "2001:db8:3:1::/127"}
    assert wired.far_ends(near) == {"AF_INET": "198.18.1.1/31", "AF_INET6": "2001:db8:3:1::1/127"}


def test_one_namespace_has_one_ephemeral_port(lab: Lab) -> None:
    ends = {netns: output([*enter(lab.namespaces[netns]), sys.executable, "-c", CONNECT_TWICE]).strip()
            for netns in ("default", "one-ephemeral-port")}
    assert ends == {"default": "ok ok", "one-ephemeral-port": "ok EADDRNOTAVAIL"}


def test_one_namespace_has_no_address_of_ipv6(lab: Lab) -> None:
    addresses = {netns: output([*enter(pid), "cat", "/proc/net/if_inet6"]) for netns, pid in lab.namespaces.items()}
    assert {netns for netns, found in addresses.items() if not found} == {"no-loopback-address"}


def test_only_one_namespace_gives_up_early(lab: Lab) -> None:
    asked = ["cat", "/proc/sys/net/ipv4/tcp_syn_retries"]
    retries = {netns: int(output([*enter(pid), *asked])) for netns, pid in lab.namespaces.items()}
    assert retries["short-syn-timeout"] == 1
    assert retries["default"] == retries["one-ephemeral-port"] > 1


# --- nothing is seen outside --------------------------------------------------------------------------------


def test_scratch_is_of_the_laboratory_alone(lab: Lab) -> None:
    output([*enter(lab.namespaces["default"]), "touch", "mark-of-default"])
    assert "mark-of-default" in output([*enter(lab.namespaces["one-ephemeral-port"]), "ls", lab.scratch])
    assert not Path(lab.scratch, "mark-of-default").exists()


def test_only_what_is_not_seen_outside_is_writable(lab: Lab) -> None:
    inside = [*enter(lab.namespaces["default"]), "env", "LC_ALL=C", "sh", "-c", ': > "$1" && ls "$1"', "sh"]
    for place in ("/tmp", "/dev/shm", lab.scratch):
        mark = Path(place, f"mark-{os.getpid()}")
        assert output([*inside, str(mark)]).strip() == str(mark)
        assert not mark.exists()
    mark = PROJECT / f"mark-{os.getpid()}" if not PROJECT.is_relative_to("/tmp") else Path("/var/tmp/mark")
    refused = subprocess.run([*inside, str(mark)], stderr=subprocess.PIPE, text=True, check=False)
    assert refused.stderr.endswith(f"cannot create {mark}: Read-only file system\n")


def test_no_device_is_seen_that_agents_do_not_need(lab: Lab) -> None:
    listed = output([*enter(lab.namespaces["default"]), "ls", "/dev"])
    ours = {name.partition("/")[0] for name in DEVICES}
    assert {*listed.split()} <= ours | {"fd", "stdin", "stdout", "stderr", "ptmx", "pts", "shm"}
    assert output([*enter(lab.namespaces["default"]), "sh", "-c", "echo > /dev/null; head -c 9 /dev/zero"]) == "\0" * 9
    terminal = "import os; print(os.ttyname(os.openpty()[1]))"
    assert output([*enter(lab.namespaces["default"]), sys.executable, "-c", terminal]).startswith("/dev/pts/")


def test_what_is_in_tmp_is_seen_inside_and_kept(lab: Lab) -> None:
    """The suite can be there, and programs of targets."""
    with tempfile.NamedTemporaryFile(dir="/tmp") as file:
        Path(file.name).chmod(0o666)
        file.write(b"outside")
        file.flush()
        change = 'cat "$1"; printf inside > "$1"; cat "$1"'
        seen = output([*enter(lab.namespaces["default"]), "sh", "-c", change, "sh", file.name])
        assert (seen, Path(file.name).read_text()) == ("outsideinside", "outside")


def test_the_host_keeps_its_links_routes_and_mounts() -> None:
    def host() -> list[object]:
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        return [socket.if_nameindex(), Path("/proc/net/route").read_text(), mounts]

    before = host()
    with Lab():
        during = host()
    assert before == during == host()


def test_a_namespace_has_no_way_to_the_host(lab: Lab) -> None:
    """Both ends of the only link are inside, and an address inside is never the host's, even where equal."""
    names = "import json, socket; print(json.dumps(socket.if_nameindex()))"
    links = dict(json.loads(output([*enter(lab.namespaces["default"]), sys.executable, "-c", names])))
    assert {"lo", "link0", "far0"} <= {*links.values()}
    assert not {*links.values()} & {name for _, name in socket.if_nameindex()} - {"lo"}

    with socket.socket() as listener:
        listener.bind(("", 0))
        listener.listen()
        port = listener.getsockname()[1]
        attempt = f"import socket; print(socket.socket().connect_ex(('127.0.0.1', {port})))"
        assert int(output([*enter(lab.namespaces["default"]), sys.executable, "-c", attempt])) != 0


def test_a_process_inside_sees_none_outside(lab: Lab) -> None:
    names = 'cat /proc/[0-9]*/cmdline | tr "\\0" "\\n"'
    with subprocess.Popen([sys.executable, "-c", "input()", "outside"], stdin=subprocess.PIPE):
        found = output([*enter(lab.namespaces["default"]), "sh", "-c", names]).splitlines()
    assert "serve" in found
    assert "outside" not in found


@pytest.mark.parametrize("name", ["KILL", "TERM", "INT"])
def test_a_process_inside_cannot_end_the_laboratory_by_its_first_process(lab: Lab, name: str) -> None:
    output([*enter(lab.namespaces["default"]), "sh", "-c", f"kill -{name} 1"])
    assert output([*enter(lab.namespaces["default"]), "cat", "/proc/1/cmdline"])


# --- agents of root -----------------------------------------------------------------------------------------

MOUNTS = subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
as_root = pytest.mark.skipif(not MOUNTS, reason="only a user who may mount, as root, can give way to another")


def user_and_group(lab: Lab) -> list[str]:
    """Who user and group id 0 inside are outside."""
    maps = [Path(f"/proc/{lab.namespaces['default']}/{kind}_map").read_text().split() for kind in ("uid", "gid")]
    assert [(first, number) for first, _, number in maps] == [("0", "1")] * 2
    return [outside for _, outside, _ in maps]


@as_root
def test_an_agent_of_root_reads_nothing_that_is_roots(lab: Lab) -> None:
    assert user_and_group(lab) == [str(UNPRIVILEGED)] * 2
    status = status_inside(lab)
    assert [status[name].split() for name in ("Uid", "Gid", "Groups")] == [["0"] * 4, ["0"] * 4, []]
    refused = subprocess.run([*enter(lab.namespaces["default"]), "env", "LC_ALL=C", "cat", "/etc/shadow"],
                             stderr=subprocess.PIPE, text=True, check=False)
    assert refused.stderr == "cat: /etc/shadow: Permission denied\n"


@as_root
def test_in_a_directory_of_roots_an_agent_sees_only_what_it_needs(tmp_path: Path) -> None:
    agent, secret = tmp_path / "agent", tmp_path / "secret"
    for file in (agent, secret):
        file.write_text(file.name)
    tmp_path.chmod(0o700)
    with Lab(needs=[agent]) as lab:
        look = [*enter(lab.namespaces["default"]), "sh", "-c", 'ls "$1"; cat "$1"/*', "sh", str(tmp_path)]
        assert output(look) == "agent\nagent"
    assert secret.read_text() == "secret"


@as_root
def test_an_agent_that_only_root_may_read_is_roots(tmp_path: Path) -> None:
    agent = tmp_path / "agent"
    agent.touch(0o600)
    with Lab(needs=[agent]) as lab:
        assert user_and_group(lab) == ["0", "0"]


@as_root
def test_an_agent_that_only_root_may_run_is_roots(tmp_path: Path) -> None:
    agent = tmp_path / "agent"
    agent.touch()
    agent.chmod(0o744)
    with Lab(needs=[agent]) as lab:
        assert user_and_group(lab) == ["0", "0"]


@as_root
def test_what_an_agent_needs_can_be_named_by_links(tmp_path: Path) -> None:
    there, link = tmp_path / "there", tmp_path / "here" / "link"
    for directory in (there, link.parent):
        directory.mkdir()
        directory.chmod(0o700)
    (there / "agent").write_text("agent")
    link.symlink_to(there / "agent")
    tmp_path.chmod(0o700)
    with Lab(needs=[link]) as lab:
        assert user_and_group(lab) == [str(UNPRIVILEGED)] * 2
        assert output([*enter(lab.namespaces["default"]), "cat", str(link)]) == "agent"


@as_root
def test_in_a_closed_directory_with_relative_paths_agents_are_without_rights(tmp_path: Path) -> None:
    (tmp_path / "programs").mkdir()
    tmp_path.chmod(0o700)
    environment = {**os.environ, "PATH": f":programs:{os.environ['PATH']}"}
    pipe = subprocess.PIPE
    with subprocess.Popen(SERVE, stdin=pipe, stdout=pipe, cwd=tmp_path, env=environment) as served:
        assert served.stdin
        assert served.stdout
        pid = json.loads(served.stdout.readline())["namespaces"]["default"]
        assert Path(f"/proc/{pid}/uid_map").read_text().split()[1] == str(UNPRIVILEGED)
        served.stdin.close()


@as_root
@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("lost", ["mknod", "chown,-dac_override,-dac_read_search,-fowner", "setuid", "setgid", "kill"])
def test_root_without_a_capability_has_a_laboratory(lost: str) -> None:
    without = ["setpriv", f"--bounding-set=-{lost}", f"--inh-caps=-{lost}", "--"]
    served = subprocess.run([*without, *SERVE], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    assert "default" in json.loads(served.stdout).get("namespaces", {}), served.stdout


# --- nothing is left behind ---------------------------------------------------------------------------------


def processes_in(namespace: str) -> list[int]:
    """The processes that are in a mount namespace."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "ns" / "mnt").readlink()) == namespace:
                found.append(int(process.name))
        except OSError:  # another user's, or gone
            continue
    return found


@contextlib.contextmanager
def watched(processes: list[int]) -> Iterator[list[int]]:
    """Descriptors that become readable as the processes end (pidfd_open(2))."""
    pidfd_open = os.pidfd_open  # type: ignore[attr-defined, unused-ignore]  # Linux has it
    with contextlib.ExitStack() as stack:
        descriptors = [pidfd_open(process) for process in processes]
        for descriptor in descriptors:
            stack.callback(os.close, descriptor)
        yield descriptors


@pytest.mark.parametrize("how", ["input-ends", "parent-is-killed", "server-is-killed"])
@pytest.mark.usefixtures("lab")
def test_it_ends_with_its_parent_or_its_server(how: str) -> None:
    command, pipe = [sys.executable, "-c", HAVE_A_LAB, str(PROJECT)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as parent:
        assert parent.stdin
        assert parent.stdout
        found = json.loads(parent.stdout.readline())
        place = Path(f"/proc/{found['server']}/ns/mnt")
        namespace, processes = str(place.readlink()), processes_in(str(place.readlink()))
        assert {found["server"], *found["namespaces"].values()} <= {*processes}
        with place.open(), watched(processes) as descriptors:  # while it is open its name is no other namespace's
            if how == "parent-is-killed":
                parent.kill()
            elif how == "server-is-killed":
                os.kill(found["server"], signal.SIGKILL)
            else:
                parent.stdin.close()
            assert all(select.select([descriptor], [], [], TIMEOUT_S)[0] for descriptor in descriptors)
            assert processes_in(namespace) == []


@pytest.mark.usefixtures("lab")
def test_what_left_the_group_of_its_agent_ends_with_the_laboratory() -> None:
    with Lab() as lab:
        command = [*enter(lab.namespaces["default"]), "setsid", "--fork", "sleep", "600"]
        subprocess.run(command, check=True)
        processes = processes_in(str(Path(f"/proc/{lab.namespaces['default']}/ns/mnt").readlink()))
        assert any(b"sleep" in Path(f"/proc/{one}/cmdline").read_bytes() for one in processes)
    assert not any(Path(f"/proc/{one}").exists() for one in processes)


# --- the same for everyone, and why not ---------------------------------------------------------------------


def served_by(command: list[str]) -> dict[str, Any]:
    """The JSON line of `serve`, however it is started; its input ends at once."""
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    ended = subprocess.run(command, check=False, stdin=none, stdout=pipe, timeout=TIMEOUT_S)
    found: dict[str, Any] = json.loads(ended.stdout)
    assert ended.returncode == ("error" in found)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start it as another user")
def test_an_ordinary_user_has_the_same_networks(lab: Lab) -> None:
    ordinary = ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups"]
    try:
        output([*ordinary, sys.executable, "-c", f"open({str(LAB)!r}); import pyroute2"])
    except subprocess.CalledProcessError:
        pytest.skip("an ordinary user cannot read the suite or its Python")
    found = served_by([*ordinary, *SERVE])
    if found["absent"]:  # /dev/fuse is often root's; everything else needs no permission
        reason = "/dev/fuse is not readable; chmod 0666 /dev/fuse as root"
        assert found["absent"] == {"failing-directory": reason}
    assert found["networks"] == {name: lab.networks[name] for name in lab.networks if name not in found["absent"]}
    assert found["namespaces"].keys() == lab.namespaces.keys()


def test_forbidden_namespaces_name_the_setting(lab: Lab) -> None:
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    found = served_by(["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh", *SERVE])
    assert found == {"error": "user.max_user_namespaces=0 forbids namespaces; "
                             "sysctl user.max_user_namespaces=15000 as root"}


@pytest.mark.parametrize("number", [1, 6])
def test_without_processes_there_is_no_laboratory_and_nothing_waits(lab: Lab, number: int) -> None:
    found = served_by(["prlimit", f"--nproc={number}", *SERVE])
    assert found == {"error": "no more processes may be started; raise ulimit -u"}


def without(package: str) -> list[str]:
    """A command that serves a laboratory as if a package were not installed."""
    script = f"import runpy, sys; sys.modules[{package!r}] = None; sys.argv = {SERVE[1:]}; "
    return [sys.executable, "-c", f"{script}runpy.run_path({str(LAB)!r}, run_name='__main__')"]


def test_without_pyroute2_there_is_no_laboratory(lab: Lab) -> None:
    found = served_by(without("pyroute2"))
    assert found == {"error": "python package pyroute2 is missing; pip install pyroute2"}


def test_without_mfusepy_one_network_is_absent(lab: Lab) -> None:
    found = served_by(without("mfusepy"))
    assert found["absent"] == {"failing-directory": "python package mfusepy is missing; pip install mfusepy"}
    assert found["networks"] == {name: lab.networks[name] for name in (*NETWORKS, "other-namespace")}


# --- run ----------------------------------------------------------------------------------------------------


def test_run_builds_the_same_networks_in_the_present_namespace(lab: Lab) -> None:
    fresh = ["unshare", "--user", "--map-root-user", "--net"]
    found = json.loads(output([*fresh, sys.executable, str(LAB), "run", "--", "printenv", "CONNECT_NETWORKS"]))
    assert found == {network: lab.networks[network] for network in NETWORKS}


RUN = ["unshare", "--user", "--map-root-user", "--net", sys.executable, str(LAB), "run"]


@pytest.mark.usefixtures("lab")
def test_run_leaves_the_command_what_its_namespace_has() -> None:
    look = ["grep", "CapEff", "/proc/self/status"]
    has = {netns: int(output([*RUN, "--netns", netns, "--", *look]).split()[1], 16) for netns in ("default", "raw")}
    assert has == {"default": 0, "raw": 1 << 13}  # CAP_NET_RAW, <linux/capability.h>


ENDS_BY_OWN_LINKS = {"blackholed-host": "ETIMEDOUT", "unresolved-neighbour": "EHOSTUNREACH", "rejecting": "ENETUNREACH"}


@pytest.mark.usefixtures("lab")
def test_links_of_its_own_replace_what_the_kernel_refuses() -> None:
    """The networks are the same and attempts end in the same way; no link is down, no packet filtered."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("/dev/net/tun is missing or not readable")
    without = [*RUN[:4], sys.executable, "-c", WITHOUT_NETLINK, str(LAB)]
    networks = json.loads(output([*without, "printenv", "CONNECT_NETWORKS"]))
    absent = networks.pop("absent")
    assert absent == {"down-link": "the kernel refuses `ip link add down0 type veth peer name down0-far` "
                                   "(refused); use one that has it",
                      # the gateway is on a link of its own
                      "gateway-route": "the kernel refuses `ip route add 2001:db8:1::8 via 2001:db8::2 onlink dev "
                                       "link0` (Invalid argument); use one that has it",
                      **dict.fromkeys(["firewall", "firewall-reset"], "the kernel refuses `nft add table ip firewall` "
                                                                      "(refused); use one that has it")}
    assert networks.keys() == NETWORKS.keys() - absent.keys()
    expected = {(domain, "SOCK_STREAM", networks[name][domain]): end for domain in ("AF_INET", "AF_INET6")
                for name, end in ENDS_BY_OWN_LINKS.items()}
    expected["AF_INET", "SOCK_STREAM", following(networks["rejecting"]["AF_INET"], 3)] = "ECONNREFUSED"
    ends = json.loads(output([*without, sys.executable, "-c", CONNECT, json.dumps(list(expected))]))
    assert ends == {" ".join(attempt): end for attempt, end in expected.items()}


@pytest.mark.parametrize("domain", sorted(NETWORKS["rejecting"]))
def test_the_router_answers_with_the_code_of_the_host(domain: str) -> None:
    family, (source, packet) = getattr(socket, domain), {
        "AF_INET": ("192.0.2.94", "45000014000000004006{checksum}{source}{destination}"),
        "AF_INET6": ("2001:db8::64:ff", "6000000000000640{source}{destination}")}[domain]
    rejecting = NETWORKS["rejecting"][domain]
    for code in range(-1, rejecting.hosts + 1):
        host = following(rejecting.address, code)
        source_raw, destination = socket.inet_pton(family, source), socket.inet_pton(family, host)
        sent = bytes.fromhex(packet.format(checksum="0000", source=source_raw.hex(), destination=destination.hex()))
        answer = unreachable(sent)
        if code not in range(rejecting.hosts):
            assert not answer
            continue
        header = 20 if domain == "AF_INET" else 40
        assert answer[header - 2 * len(destination):header] == destination + source_raw
        assert answer[header:header + 2] == bytes([3 if domain == "AF_INET" else 1, code])
        assert answer[header + 8:] == sent


def test_a_checksum_makes_the_sum_of_all_words_ones() -> None:
    """RFC 1071, 3, has these bytes and their sum, ddf2."""
    assert with_checksum(bytes.fromhex("0001f203f4f5f6f70000"), 8)[8:] == (~0xDDF2 & 0xFFFF).to_bytes(2, "big")


def test_run_leaves_a_network_in_use_alone(lab: Lab) -> None:
    settable = ["unshare", "--mount", "sh", "-c", 'mount -o remount,rw,bind /proc && exec "$@"', "sh"]
    inside = [*enter(lab.namespaces["default"], ["net_admin", "sys_admin"]), *settable]
    run = [*inside, sys.executable, str(LAB), "run"]
    refused = subprocess.run([*run, "--", "true"], check=False, stderr=subprocess.PIPE, text=True)
    assert refused.returncode == 1
    assert refused.stderr == "lab.py: this network namespace has far0, link0; run with --unshare net\n"
    found = json.loads(output([*run, "--unshare", "net", "--", "printenv", "CONNECT_NETWORKS"]))
    assert found == {network: lab.networks[network] for network in NETWORKS}
