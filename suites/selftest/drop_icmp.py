"""A program that lets a packet filter drop all ICMP and ICMPv6 in the present network namespace."""

import socket

from pyroute2.nftables.expressions import genex, verdict  # type: ignore[import-untyped]
from pyroute2.nftables.main import NFTables  # type: ignore[import-untyped]

PROTOCOL = {socket.AF_INET: (9, 1), socket.AF_INET6: (6, 58)}  # offset in the header, number: RFC 791, 8200
DROP, ACCEPT = 0, 1  # <linux/netfilter.h>

for family, (offset, protocol) in PROTOCOL.items():
    with NFTables(nfgen_family=family) as table:
        table.table("add", name="t")
        table.chain("add", table="t", name="c", hook="output", type="filter", policy=ACCEPT)
        load = genex("payload", {"dreg": 1, "base": 1, "offset": offset, "len": 1})
        compare = genex("cmp", {"sreg": 1, "op": 0, "data": {"attrs": [("NFTA_DATA_VALUE", bytes([protocol]))]}})
        table.rule("add", table="t", chain="c", expressions=([load, compare], verdict(DROP)))
