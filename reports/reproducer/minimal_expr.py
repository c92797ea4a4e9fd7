"""Words of the agent's requests as C spells them in a minimal program: addresses are plain structures of the system."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from reports.reproducer.c_expr import (
    FORMS,
    LARGEST_CLAIM,
    OTHER_SCOPES,
    SUFFIX,
    Spelling,
    literal,
    repeated_parts,
    variable,
)
from specs.model import Transcript

STRUCTURES = {"AF_INET": "sockaddr_in", "AF_INET6": "sockaddr_in6", "AF_UNIX": "sockaddr_un"}
SIZES: Mapping[str, int] = {"sockaddr_in": 16, "sockaddr_in6": 28, "sockaddr_un": 110, "sockaddr": 16,
                            "sockaddr_storage": 128}
PREFIXES = {"sockaddr_in": "sin", "sockaddr_in6": "sin6", "sockaddr_un": "sun", "sockaddr": "sa"}
LONGEST_PATH = 107  # bytes, with a null byte behind them; no platform has more space than Linux
PATH = "offsetof(struct sockaddr_un, sun_path)"
WELL_KNOWN = {"::1": "IN6ADDR_LOOPBACK_INIT", "::": "IN6ADDR_ANY_INIT"}
LOCALS = frozenset({"value", "error", "got", "data", "text", "polled", "folder", "began", "ended", "took"})


class Held(NamedTuple):
    """A variable that holds an address. structure: its type, empty for bytes; length: as C."""

    variable: str
    structure: str
    length: str

    @property
    def pointer(self) -> str:
        return f"(struct sockaddr *){'&' if self.structure else ''}{self.variable}"

    def field(self, name: str) -> str:
        return f"{self.variable}.{PREFIXES[self.structure]}_{name}"


class PlainSpelling(Spelling):
    """The variables of a minimal program.

    declared: declarations of main() but those of sockets; prologue: what initialises them further; before: what is to
    be done before the next call. held: address -> variable. families: of each socket. verb, subject: of the next call.
    came: the length of the address that came back last. taken: names that no variable may have.
    """

    def __init__(self, transcript: Transcript, taken: Iterable[str]) -> None:
        super().__init__()
        self.owners = {address: name for name, address in transcript.names.items()}
        self.declared: list[str] = []
        self.prologue: list[str] = []
        self.before: list[str] = []
        self.held: dict[str, Held] = {}
        self.ports: dict[str, str] = {}  # one that came back -> where
        self.families: dict[str, str] = {}
        self.bound: dict[str, tuple[str, Held]] = {}  # socket -> the address that bind() gave it, and its variable
        self.taken = {*LOCALS, *taken}
        self.verb = self.subject = self.came = ""

    # names

    def unique(self, stem: str) -> str:
        """A variable that no other has yet."""
        name = variable(stem)
        number = 1
        while name in self.taken or name in self.sockets.values():
            number += 1
            name = f"{variable(stem)}{number}"
        self.taken.add(name)
        return name

    def new(self, name: str) -> str:
        if name not in self.sockets:
            self.sockets[name] = self.unique(name)
        return self.sockets[name]

    def thread(self, name: str) -> str:
        if name not in self.threads:
            self.threads[name] = self.unique(f"{name}-thread")
        return self.threads[name]

    def child(self, name: str) -> str:
        if name not in self.children:
            self.children[name] = self.unique(f"{name}-process")
        return self.children[name]

    def pair(self, name: str) -> str:
        """Two descriptors, the second of this name, the first of that of the call."""
        ends = self.unique("ends")
        self.declared.append(f"int {ends}[2];")
        self.sockets |= {name: f"{ends}[1]", self.subject: f"{ends}[0]"}
        return ends

    def time(self, milliseconds: str) -> str:
        return f"{int(milliseconds) // 1000}, {int(milliseconds) % 1000 * 1000}"

    # addresses

    def arguments(self, address: str, claimed: str = "", family: str = "", port: str = "",
                  sa_len: str = "") -> str:  # noqa: ARG002 - no minimal program has one
        if address in ("null:", "bad:"):
            return super().arguments(address, claimed)
        held = self.held.get(address) or self.made(address)
        if claimed in FORMS:
            return self.as_passed(held, claimed)
        needed = min(int(claimed or 0), LARGEST_CLAIM)
        if family or port or needed > SIZES.get(held.structure, 0):
            held = self.changed(held, family, port, needed)
        return f"{held.pointer}, {self.number(claimed) if claimed else held.length}"

    def as_passed(self, held: Held, form: str) -> str:
        """The two arguments for an address of AF_UNIX, in a form of namelen."""
        name = held.variable
        if form == "garbage":
            name = self.unique(f"{self.subject}-to")
            self.declared.append(f"struct sockaddr_un {name};")
            self.before += [f"memset(&{name}, 'g', sizeof {name});", f"{name}.sun_family = AF_UNIX;",
                            f"strcpy({name}.sun_path, {held.variable}.sun_path);"]
        lengths = {"SUN_LEN": f"SUN_LEN(&{name})", "returned": self.came}
        return f"(struct sockaddr *)&{name}, {lengths.get(form, f'sizeof {name}')}"

    def changed(self, held: Held, family: str, port: str, needed: int) -> Held:
        """A copy of an address with another family or port, or with more bytes behind it."""
        name = field = self.unique(f"{self.subject}-to")
        if not held.structure:
            needed = max(needed, int(held.length))
            self.declared.append(f"static union {{ struct sockaddr address; char bytes[{needed}]; }} {name};")
            self.before += [f"memcpy({name}.bytes, {held.variable}, {held.length});",
                            f"{name}.address.sa_family = {self.number(family)};"]
            return Held(f"{name}.address", "sockaddr", held.length)
        if needed > SIZES[held.structure]:
            self.declared.append(f"static union {{ struct {held.structure} address; char bytes[{needed}]; }} {name};")
            field = f"{name}.address"
        else:
            self.declared.append(f"struct {held.structure} {name};")
        copy = Held(field, held.structure, held.length.replace(f"sizeof {held.variable}", f"sizeof {field}"))
        self.before.append(f"{field} = {held.variable};")
        self.before += [f"{copy.field('port')} = htons({self.number(port)});"] if port else []
        self.before += [f"{copy.field('family')} = {self.number(family)};"] if family else []
        return copy

    def made(self, text: str) -> Held:
        """A variable for an address that the program makes."""
        kind, _, rest = text.partition(":")
        name = self.unique(f"{self.owners.get(text) or self.subject}-address")
        if kind in ("inet", "inet6"):
            held = self.internet_of(name, kind, *rest.rpartition(":")[::2])
        elif kind == "unspec":
            held = Held(name, "sockaddr", f"sizeof {name}")
            self.declared.append(f"struct sockaddr {name} = {{.sa_family = AF_UNSPEC}};")
        elif kind == "bytes":
            raw = bytes.fromhex(rest)
            held = Held(name, "", str(len(raw)))
            self.declared.append(f"static const char {name}[] = {literal(raw)};")
        else:
            held = self.unix(name, {"unix": b"", "abstract": b"\0"}[kind] + unquote_to_bytes(rest))
        self.held[text] = held
        if self.verb == "bind":
            self.bound[self.subject] = text, held
        return held

    def internet_of(self, name: str, kind: str, host: str, port: str) -> Held:
        host, _, scope = host.partition("%")
        ipaddress.ip_address(host)
        held = Held(name, STRUCTURES["AF_INET" if kind == "inet" else "AF_INET6"], f"sizeof {name}")
        fields = {"sin_family": "AF_INET", "sin_addr.s_addr": f"inet_addr({literal(host)})"} if kind == "inet" else {
            "sin6_family": "AF_INET6", **({"sin6_addr": WELL_KNOWN[host]} if host in WELL_KNOWN else {})}
        if kind == "inet6" and host not in WELL_KNOWN:
            self.prologue.append(f"inet_pton(AF_INET6, {literal(host)}, &{held.field('addr')});")
        if port in self.ports:
            self.before.append(f"{held.field('port')} = {self.ports[port]};")
        elif int(port):
            fields[f"{PREFIXES[held.structure]}_port"] = f"htons({int(port)})"
        if scope not in ("", "0"):
            fields["sin6_scope_id"] = scope if scope in OTHER_SCOPES else 'if_nametoindex("link0")'
        self.declare(held, fields)
        return held

    def declare(self, held: Held, fields: Mapping[str, str]) -> None:
        self.declared.append(f"struct {held.structure} {held.variable} = "
                             f"{{{', '.join(f'.{key} = {value}' for key, value in fields.items())}}};")

    def unix(self, name: str, path: bytes) -> Held:
        """An address of AF_UNIX. Its length counts the null byte behind a path, not behind an abstract name."""
        ends = "" if path[:1] == b"\0" else " + 1"
        if len(path) <= LONGEST_PATH:
            counted = f"{PATH} + {len(path)}{ends}"
            held = Held(name, "sockaddr_un", counted if b"\0" in path else f"SUN_LEN(&{name}) + 1")
            self.declare(held, {"sun_family": "AF_UNIX", **({"sun_path": literal(path)} if path else {})})
            return held
        size = len(path) + 8
        self.declared.append(f"static union {{ struct sockaddr_un address; char bytes[{size}]; }} {name} = "
                             "{.address.sun_family = AF_UNIX};")
        where = f"{name}.bytes + {PATH}"
        text, times, rest = repeated_parts(path) if b"\0" not in path else (b"", 0, path)
        if times:
            self.prologue += [f"for (int i = 0; i < {times}; i++)", f"    strcat({where}, {literal(text)});"]
        self.prologue += [f"strcat({where}, {literal(rest)});"] if rest and times else []
        self.prologue += [] if times else [f"memcpy({where}, {literal(path)}, {len(path)});"]
        return Held(f"{name}.address", "sockaddr_un", f"{PATH} + {len(path)}{ends}")

    # addresses that come back

    def receive(self, name: str, address: str) -> Held:
        """The variable for the address that the call returns; later calls use it for the address, and for its port."""
        text, held = self.bound.pop(name, ("", None)) if self.verb == "getsockname" else ("", None)
        if held and held.structure in ("sockaddr_in", "sockaddr_in6"):
            self.held.pop(text, None)  # it is overwritten
        else:
            structure = STRUCTURES.get(self.families.get(name, ""), "sockaddr_storage")
            made = self.unique(f"{name}-{SUFFIX[self.verb]}")
            short = structure in ("sockaddr_in", "sockaddr_in6")
            held = Held(made, structure, f"sizeof {made}" if short else f"{made}_length")
            self.declared.append(f"struct {structure} {made} = {{0}};")
            self.declared += [] if short else [f"socklen_t {made}_length = sizeof {made};"]
        self.came = held.length
        kind, _, rest = address.partition(":")
        port = rest.rpartition(":")[2] if kind in ("inet", "inet6") else ""
        if rest and port != "0":
            self.held.setdefault(address, held)
            if port and held.structure in ("sockaddr_in", "sockaddr_in6"):
                self.ports.setdefault(port, held.field("port"))
        return held

    def into(self, held: Held) -> str:
        """The two arguments of a call that writes an address."""
        length = f"&(socklen_t){{{held.length}}}" if held.length.startswith("sizeof") else f"&{held.length}"
        return f"{held.pointer}, {length}"
