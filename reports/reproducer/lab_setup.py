"""The networks that a case needs, as commands for Linux; in a run, the laboratory makes them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from specs.model import Transcript
from specs.networks import TABLE, commands_to

PORT = re.compile(r"bind \S+ inet6?:.*:([0-9]+)|connect \S+ inet6?:.*:(49152)( .*)?")
# succeeds wherever lo has an address
LOOPBACK = re.compile(r"bind \S+ inet6?:(127\.0\.0\.1|::1|::ffff:127\.0\.0\.1):0")
FAILING = re.compile(r"unix:(/(?:mnt|media|srv|opt)/\S+)/")
RAW = re.compile(r"socket \S+ (AF_INET6?|AF_PACKET) SOCK_(RAW|PACKET)")  # these need root of a network namespace


def commands(transcript: Transcript) -> Iterator[str]:
    """The commands, in order; none if the case can run on any host."""
    requests = [entry.request for entry in transcript.entries]
    hosts = dict.fromkeys(host for request in requests if (host := foreign(request)))
    no_loopback = any(LOOPBACK.fullmatch(one.request) for one in transcript.entries
                      if one.observed["ret"] == "EADDRNOTAVAIL")
    fixed_port = uses_fixed_port(transcript)
    parts = [part for name, part in TABLE.every_namespace.items()  # the link decides how a missing loopback fails
             if (name == "link" and (hosts or no_loopback))
             or (part.word and any(part.word in one for one in requests))]
    if parts or fixed_port or any(RAW.match(request) for request in requests):
        yield "unshare -Urn   # a network of its own, which no packet leaves; in it:"
        yield from TABLE.every_namespace["loopback"].commands
    made = [command for part in parts for command in part.commands]
    made += [command for host in hosts for command in commands_to(host)]
    made += TABLE.namespaces["no-loopback-address"].commands if no_loopback else []
    made += TABLE.namespaces["one-ephemeral-port"].commands if fixed_port else []
    yield from dict.fromkeys(made)
    for folder in dict.fromkeys(found[1] for request in requests if (found := FAILING.search(request))):
        yield f"# on {folder}: a file system whose look-ups end in EIO, such as `python fixtures/lab.py serve` has"


def uses_fixed_port(transcript: Transcript) -> bool:
    """Whether the case needs a free port: it binds one that no call returned before, or uses the only ephemeral one."""
    returned = {"0"}
    for entry in transcript.entries:
        used = PORT.fullmatch(entry.request)
        if used and (used[1] or used[2]) not in returned:
            return True
        returned.add(entry.observed.get("name", "").rpartition(":")[2])
    return False


def foreign(request: str) -> str:
    """The host in the address of a request, if it is not this one."""
    found = re.match(r"\S+ \S+ inet6?:(\S+):[0-9]+", request)
    if not found:
        return ""
    address = ipaddress.ip_address(found[1].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return "" if address.is_loopback or address.is_unspecified else str(address)
