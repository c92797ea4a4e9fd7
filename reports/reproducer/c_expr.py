"""Words of the agent's requests as C spells them: names as variables, addresses as expressions, data as literals."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from urllib.parse import unquote_to_bytes

from reports.common.wording import visible
from specs.model import Step

HERE = Path(__file__).parent
FIXTURES = HERE.parent.parent / "fixtures"
DEFAULTS = (FIXTURES / "platform.h").read_text(encoding="utf-8").partition("= defaults: ")[2]  # POSIX
CALLS = (FIXTURES / "calls.c").read_text(encoding="utf-8")  # as the agent in C makes them
HELPERS = (HERE / "helpers.c").read_text(encoding="utf-8")

# What a reproducer is made of, and the names that a paragraph declares, each at the start of a line.
PARAGRAPHS = tuple("\n\n".join([DEFAULTS, CALLS, HELPERS]).split("\n\n"))
DECLARES = re.compile(r"(?m)^(?:static (?:const )?(?:struct )?\w+ \*?|typedef (?:struct )?\w+ |#define |} )(\w+)")


@cache
def declared(paragraphs: tuple[str, ...]) -> Mapping[str, str]:
    """Name -> the paragraph that declares it, the last of several."""
    return {name: paragraph for paragraph in paragraphs for name in DECLARES.findall(paragraph)}


# No variable is called like what the language, the library or a helper calls so.
TAKEN = re.compile("|".join([
    "auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|if|inline|int|long|main|register",
    "restrict|return|short|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|while",
    "accept|bind|chmod|close|connect|errno|fcntl|listen|mkdir|mkfifo|open|pipe|setsockopt|send|sendto|shutdown|socket",
    "socketpair|stderr|stdin|stdout|symlink|unlink", *declared(PARAGRAPHS),
    *re.findall(r"\b(\w+)\(", "\n".join(PARAGRAPHS))]))
LEVELS = {"SO": "SOL_SOCKET", "TCP": "IPPROTO_TCP", "IP": "IPPROTO_IP", "IPV6": "IPPROTO_IPV6"}
FACILITIES = ("poll", "select", "epoll", "kqueue", "ports", "devpoll")
READY = {"input": "POLLIN", "output": "POLLOUT", "exceptional": "POLLPRI"}
OTHER_SCOPES = ("1", "9999")  # interfaces of a link-local address that are not the laboratory's link
# The variable of an address that came back is called client_name, client_peer or client_from.
SUFFIX = {"getsockname": "name", "getpeername": "peer", "accept": "from", "recvfrom": "from"}

BYTES = 256  # bytes of an address, where no case claims more
LARGEST_CLAIM = 1 << 16  # of namelen, for which there is really a buffer
# The forms of namelen of an AF_UNIX address, by functions of fixtures/calls.c.
FORMS = {"SUN_LEN": "without_null({})", "sizeof": "padded(0, {})", "garbage": "padded('g', {})",
         "returned": "with_length({returned}.length, {})"}
LONGEST_LITERAL = 2000  # bytes; C99 promises 4095, and the call around it is in one, too


class Spelling:
    """The variables of one program, and its words as C; ValueError: a word is none that a request has.

    sockets, threads, children: name -> variable. addresses: variables, in the order in which addresses come back.
    bytes: those that the largest address takes. has_path: whether one is a path.
    """

    def __init__(self) -> None:
        self.sockets: dict[str, str] = {}
        self.threads: dict[str, str] = {}
        self.children: dict[str, str] = {}
        self.addresses: list[str] = []
        self.bytes = BYTES
        self.has_path = False
        self.holders: dict[str, str] = {}  # an address that came back, or its port -> the variable that holds it

    # names

    def fd(self, name: str) -> str:
        return self.sockets[name]

    def new(self, name: str) -> str:
        return self.sockets.setdefault(name, variable(name))

    def thread(self, name: str) -> str:
        return self.threads.setdefault(name, variable(f"{name}-thread"))

    def child(self, name: str) -> str:
        return self.children.setdefault(name, variable(f"{name}-process"))

    def receiver(self, name: str, verb: str, address: str) -> str:
        """A new variable for the address that comes back; later calls use it for the address, and for its port."""
        stem = f"{self.new(name)}_{SUFFIX[verb]}"
        number = sum(re.fullmatch(rf"{stem}[0-9]*", one) is not None for one in self.addresses)
        found = stem + (str(number + 1) if number else "")
        self.addresses.append(found)
        kind, _, rest = address.partition(":")
        port = rest.rpartition(":")[2] if kind in ("inet", "inet6") else ""
        if rest and port != "0":
            self.holders.setdefault(address, found)
            self.holders.setdefault(port, found)
        return found

    # numbers and text

    def number(self, word: str) -> str:
        """A number, or constants joined by |."""
        if not re.fullmatch(r"-?[0-9]{1,10}|[A-Z][A-Z0-9_]*(\|[A-Z][A-Z0-9_]*)*", word):
            raise ValueError(word)
        return word.replace("|", " | ") if word != "-2147483648" else "-2147483647 - 1"

    def mode(self, word: str) -> str:
        return f"0{int(word, 8):o}"

    def text(self, word: str) -> str:
        return literal(unquote_to_bytes(word))

    def size(self, word: str) -> str:
        return str(len(unquote_to_bytes(word)))

    def message(self, word: str) -> str:
        """Data as the bytes of an address, which a thread keeps."""
        return self.address("bytes:" + unquote_to_bytes(word).hex())

    def library(self, word: str) -> str:
        return literal(f"lib{word}.so.1")

    def level(self, option: str) -> str:
        return LEVELS[option.partition("_")[0]]

    def facility(self, word: str) -> str:
        return f"wait_{FACILITIES[FACILITIES.index(word)]}"

    def ready(self, wanted: str) -> str:
        return " | ".join(READY[word] for word in wanted.split(","))

    # addresses

    def arguments(self, address: str, claimed: str = "", family: str = "", port: str = "", sa_len: str = "") -> str:
        """The two arguments of a call that takes an address.

        claimed: its length, or one of FORMS; that, family, port and sa_len overwrite what the address says.
        """
        if address in ("null:", "bad:"):
            pointer, length = ("NULL", "0") if address == "null:" else ("(struct sockaddr *)1", "16")
            return f"{pointer}, {self.number(claimed or length)}"
        name = self.address(address)
        if port:
            name = f"with_port({self.number(port)}, {name})"
        if family:
            name = f"with_family({self.number(family)}, {name})"
        if sa_len:
            name = f"with_sa_len({self.number(sa_len)}, {name})"
        if claimed in FORMS:
            name = FORMS[claimed].format(name, returned=(self.addresses or [""])[-1])
        if not claimed or claimed in FORMS:
            return f"AT({name})"
        self.bytes = max(self.bytes, min(int(claimed), LARGEST_CLAIM))
        return f"&{name.removeprefix('&')}{'.' if name.startswith('&') else '->'}raw.head, {self.number(claimed)}"

    def address(self, text: str) -> str:
        """A pointer to an Address: to the variable that holds the address, or made of its parts."""
        if text in self.holders:
            return "&" + self.holders[text]
        kind, _, rest = text.partition(":")
        if kind in ("inet", "inet6"):
            return self.internet(kind, *rest.rpartition(":")[::2])
        raw = bytes.fromhex(rest) if kind == "bytes" else unquote_to_bytes(rest)
        self.bytes = max(self.bytes, len(raw) + 8)
        self.has_path |= kind == "unix"
        if kind == "unspec":
            return "blank_address(AF_UNSPEC, 16)"
        make = {"unix": "unix_path", "abstract": "unix_abstract", "bytes": "raw_address"}[kind]
        return f"{make}({repeated(raw) or literal(raw)}, {len(raw)})"

    def internet(self, kind: str, host: str, number: str) -> str:
        """An address; its port is taken from where it came back, if it did."""
        host, _, scope = host.partition("%")
        ipaddress.ip_address(host)
        port = f"port_of(&{self.holders[number]})" if number in self.holders else str(int(number))
        made = f"internet({'AF_INET' if kind == 'inet' else 'AF_INET6'}, {literal(host)}, {port})"
        if scope in ("", "0"):
            return made
        number = scope if scope in OTHER_SCOPES else 'if_nametoindex("link0")'
        return f"in_scope({number}, {made})"


def attempt_name(step: Step) -> str:
    """What the variable is called after that holds how the call ended that a step follows."""
    return f"{step.name}-attempt" if step.follows == "connect" else f"{step.name}-{step.follows}-attempt"


def variable(name: str) -> str:
    """A name of a scenario as one of C."""
    found = re.sub(r"[^a-z0-9]", "_", name.lower())
    return found + "_" if TAKEN.fullmatch(found) else found


def literal(text: str | bytes) -> str:
    """A string literal of C, in which no trigraph begins."""
    raw = text.encode() if isinstance(text, str) else text
    return '"' + "".join(f"\\{byte:03o}" if not 32 <= byte < 127 else f"\\{byte:c}" if byte in b'"\\?' else chr(byte)
                         for byte in raw) + '"'


def repeated(raw: bytes) -> str:
    """A text too long for a literal that begins many times with the same; else nothing."""
    text, times, rest = repeated_parts(raw) if len(raw) > LONGEST_LITERAL else (b"", 0, b"")
    return f"repeated({literal(text)}, {times}, {literal(rest)})" if times else ""


def repeated_parts(raw: bytes) -> tuple[bytes, int, bytes]:
    """What a text begins with many times, how many, and what is behind; none if it does not."""
    found = re.fullmatch(rb"(.{1,8}?)\1{99,}(.*)", raw, re.DOTALL)
    return (found[1], (len(raw) - len(found[2])) // len(found[1]), found[2]) if found else (b"", 0, raw)


def comment(text: str) -> str:
    """Text that neither ends a comment nor begins one."""
    return visible(text).replace("*/", "* /").replace("/*", "/ *")


def words(code: str) -> set[str]:
    """The identifiers of C code; comments, literals and names of headers hold none."""
    return set(re.findall(r"[A-Za-z_]\w*", re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|^#include [^\n]*', " ", code,
                                                  flags=re.DOTALL | re.MULTILINE)))


@cache
def words_of(paragraph: str) -> set[str]:
    return words(paragraph)


def chosen(code: str, paragraphs: tuple[str, ...] = PARAGRAPHS) -> list[str]:
    """The paragraphs that the code needs, and those that they need, in the order in which they are found."""
    needed: set[str] = set()
    known = declared(paragraphs)
    left = {known[word] for word in words(code) & known.keys()}
    while left:
        needed |= left
        left = {known[word] for text in left for word in words_of(text) & known.keys()} - needed
    return [paragraph.strip("\n") for paragraph in paragraphs if paragraph in needed]
