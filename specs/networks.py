"""The table of networks, networks.yaml: what the laboratory has, and the commands that make it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "networks.yaml"
SPELT = {"AF_INET": {"ip": "ip", "icmp": "icmp", "ipv": "ipv4"},  # in commands
         "AF_INET6": {"ip": "ip6", "icmp": "icmpv6", "ipv": "ipv6"}}


@dataclass(frozen=True)
class Part:
    """Something that every namespace has, or one; the head of networks.yaml explains it."""

    says: str
    commands: Sequence[str] = ()
    instead: Sequence[str] = ()
    word: str = ""
    capabilities: Sequence[str] = ()
    count: int = 1

    def made_by(self) -> list[str]:
        """The commands that make it, as many times as it is there."""
        return [command.format(number=number) for number in range(self.count) for command in self.commands]


@dataclass(frozen=True)
class Network:
    """A row; the head of networks.yaml explains it."""

    says: str
    addresses: Mapping[str, str]  # domain -> address
    hosts: Mapping[str, int] = field(default_factory=dict)
    route: str | None = None
    netns: str = "default"
    commands: Sequence[str] = ()
    instead: Sequence[str] = ()

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Network:
        others = {key: value for key, value in row.items() if key not in SPELT}
        return cls(addresses={domain: row[domain] for domain in SPELT if domain in row}, **others)

    def count(self, domain: str) -> int:
        """How many hosts it has."""
        return self.hosts.get(domain, 1)

    def made_by(self, domain: str, numbers: Sequence[int]) -> list[str]:
        """The commands that make it in a domain, with the hosts that are so many behind its address."""
        address = self.addresses[domain]
        return list(dict.fromkeys(
            command.format(address=address, host=ipaddress.ip_address(address) + number, number=number, **SPELT[domain])
            for command in self.commands for number in numbers))

    def number_of(self, domain: str, host: str) -> int | None:
        """How many behind its address a host is; None if it is none of its hosts."""
        first, sought = (ipaddress.ip_address(one) for one in (self.addresses[domain], host))
        number = int(sought) - int(first)
        return number if sought.version == first.version and number in range(self.count(domain)) else None


@dataclass(frozen=True)
class Table:
    every_namespace: Mapping[str, Part]
    namespaces: Mapping[str, Part]
    networks: Mapping[str, Network]


def read(content: Mapping[str, Any]) -> Table:
    every_namespace, namespaces = ({name: Part(**row) for name, row in content[key].items()}
                                   for key in ("every-namespace", "namespaces"))
    return Table(every_namespace, namespaces, {name: Network.of_row(row) for name, row in content["networks"].items()})


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # as in verbs.py
TABLE = read(yaml.load(FILE.read_text(encoding="utf-8"), LOADER))  # noqa: S506 it is a safe one


def commands_to(host: str) -> list[str]:
    """What makes the network of a host, beside what every namespace has; and the namespace that is for it."""
    for network in TABLE.networks.values():
        for domain in network.addresses:
            number = network.number_of(domain, host)
            if number is not None:
                return [*network.made_by(domain, [number]), *TABLE.namespaces[network.netns].commands]
    return []
