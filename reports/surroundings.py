"""What a case needs around it, as commands for Linux: the networks that the laboratory gives it when it is played."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence

from specs.model import Transcript

LINK = ("ip link add link0 type veth peer name far0",
        "sysctl -qw net.ipv6.conf.far0.disable_ipv6=1 net.ipv6.conf.link0.addr_gen_mode=1",
        "ip link set far0 arp off up",
        "ip link set link0 up",
        "ip address add 192.0.2.1/24 dev link0",
        "ip address add 2001:db8::1/64 dev link0 nodad",
        "ip address add fe80::1/64 dev link0 nodad")
SILENT = ("ip neighbour add {} lladdr 00:00:5e:00:53:01 dev link0 nud permanent",
          "sysctl -qw net.ipv4.tcp_syn_retries=1 net.ipv4.tcp_syn_linear_timeouts=0   # or it takes two minutes")
ROUTES = ("unreachable", "prohibit", "blackhole", "throw")
RULE = ("nft add table {0} firewall",
        "nft add chain {0} firewall firewall '{{{{ type filter hook output priority 0; }}}}'",
        "nft add rule {0} firewall firewall {0} daddr {{}} {1}")


def rule(family: str, action: str) -> Sequence[str]:
    """The commands for a firewall that does so with what goes to an address."""
    return tuple(command.format(family, action) for command in RULE)


# What an address needs beside the link. All are of documentation, and so nobody's (RFC 5737, 3849, 6676).
NEEDS: Mapping[str, Sequence[str]] = {
    "192.0.2.2": SILENT, "2001:db8::2": SILENT,
    **{f"198.51.100.{number}": (f"ip route add {kind} {{}}",) for number, kind in enumerate(ROUTES, 1)},
    **{f"2001:db8:1::{number}": (f"ip route add {kind} {{}}",) for number, kind in enumerate(ROUTES, 1)},
    "192.0.2.4": rule("ip", "drop"), "2001:db8::4": rule("ip6", "drop"),
    **{f"192.0.2.{64 + code}": rule("ip", f"reject with icmp type {code}") for code in range(16)},
    **{f"2001:db8::64:{code}": rule("ip6", f"reject with icmpv6 type {code}") for code in range(7)},
    "233.252.0.1": ("ip route add {} dev link0",), "ff0e::db8:0:1": ("ip route add {} dev link0",),
}
OPTIONS = {  # what a request needs, by what it says
    "FASTOPEN": "sysctl -qw net.ipv4.tcp_fastopen=3",
    "IPPROTO_ICMP": "sysctl -qw net.ipv4.ping_group_range='0 0'",
}
NARROW = "sysctl -qw net.ipv4.ip_local_port_range='49152 49152'"
PORT = re.compile(r"bind \S+ inet6?:.*:([0-9]+)|connect \S+ inet6?:.*:(49152)( .*)?")
BARE = re.compile(r"bind \S+ inet6?:(127\.0\.0\.1|::1|::ffff:127\.0\.0\.1):0")  # everybody may, where lo has an address
FAILING = re.compile(r"unix:(/(?:mnt|media|srv|opt)/\S+)/")
RAW = re.compile(r"socket \S+ (AF_INET6?|AF_PACKET) SOCK_(RAW|PACKET)")  # root of a network may make these


def commands(transcript: Transcript) -> Iterator[str]:
    """The commands, in order; none where any host will do."""
    requests = [entry.request for entry in transcript.entries]
    far = dict.fromkeys(host for request in requests if (host := foreign(request)))
    narrow = uses_fixed_port(transcript)
    bare = any(BARE.fullmatch(one.request) for one in transcript.entries if one.observed["ret"] == "EADDRNOTAVAIL")
    options = [command for word, command in OPTIONS.items() if any(word in request for request in requests)]
    if far or narrow or bare or options or any(RAW.match(request) for request in requests):
        yield "unshare -Urn   # a network of its own, which no packet leaves; in it:"
        yield "ip link set lo up"
    if bare:
        yield "ip address flush dev lo"
    if far or bare:  # what the link has decides how the host misses its loopback
        yield from LINK
    for host in far:
        yield from (command.format(host) for command in NEEDS.get(host, ()))
    yield from options
    if narrow:
        yield NARROW
    for folder in dict.fromkeys(found[1] for request in requests if (found := FAILING.search(request))):
        yield f"# on {folder}: a file system whose look-ups end in EIO, such as `python fixtures/lab.py hold` serves"


def uses_fixed_port(transcript: Transcript) -> bool:
    """Whether a port is bound that no call has told before, or the narrow room's one is asked for: it is to be free."""
    told = {"0"}
    for entry in transcript.entries:
        used = PORT.fullmatch(entry.request)
        if used and (used[1] or used[2]) not in told:
            return True
        told.add(entry.observed.get("name", "").rpartition(":")[2])
    return False


def foreign(request: str) -> str:
    """The host that a request speaks to, if it is not this one."""
    found = re.match(r"\S+ \S+ inet6?:(\S+):[0-9]+", request)
    if not found:
        return ""
    address = ipaddress.ip_address(found[1].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return "" if address.is_loopback or address.is_unspecified else str(address)
