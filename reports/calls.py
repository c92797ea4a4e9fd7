"""The calls of a transcript in C: what main() of a reproducer does."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from reports.results import Unreadable
from reports.rows import Clauses
from reports.words import visible
from specs.judge import LOOPBACK, WILDCARD, is_errno, own_name, spell_allowed, spell_observed
from specs.model import Allowed, Case, Check, Entry, Transcript

HELPERS = (Path(__file__).parent / "templates" / "helpers.c").read_text(encoding="utf-8")
DECLARES = re.compile(r"^(?:static (?:const )?(?:struct )?\w+ \*?|struct |#define )(\w+)", re.MULTILINE)

# How a call of the agent is written in C; the words of a request by place or name, each with how it is spelt: a method
# of Calls. A verb has another form where an operand is given, or a place says so: `socket flags`, `fcntl F_GETFL`.
FORMS: Mapping[str, str] = {
    "socket": "{0:new} = socket({1:number}, {2:number}, {protocol:number})",
    "socket flags": "{0:new} = socket({1:number}, {2:number} | {flags:number}, {protocol:number})",
    "socketpair": "socketpair({domain:number}, {type:number}, 0, {0:pair})",
    "bind": "bind({0:fd}, {1:address})",
    "connect": "connect({0:fd}, {1:address})",
    "connect thread": "start_connect(&{thread:thread}, {0:fd}, {1:name})",
    "connect-many": "connect_many({1:name}, {domain:number}, {type:number}, {threads:number}, {each:number})",
    "listen": "listen({0:fd}, {1:number})",
    "accept": "{1:new} = accept_from({0:fd}, {1:told})",
    "accept-all": "accept_all({0:fd})",
    "shutdown": "shutdown({0:fd}, {1:number})",
    "close": "close({0:fd})",
    "getsockname": "sockname({0:fd}, {0:told})",
    "getpeername": "peername({0:fd}, {0:told})",
    "send": "send({0:fd}, {data:text}, {data:size}, {flags:number})",
    "sendto": "sendto({0:fd}, {data:text}, {data:size}, {flags:number}, {1:address})",
    "recv": "receive({0:fd}, {flags:number})",
    "recvfrom": "receive_from({0:fd}, {flags:number}, {0:told})",
    "getsockopt": "get_option({0:fd}, {1:level}, {1:number})",
    "setsockopt": "setsockopt({0:fd}, {1:level}, {1:number}, &(int){{{value:number}}}, sizeof(int))",
    "setsockopt SO_SNDTIMEO": "setsockopt({0:fd}, SOL_SOCKET, {1:number}, &(struct timeval){{{value:time}}}, "
                              "sizeof(struct timeval))",
    "setsockopt SO_RCVTIMEO": "setsockopt({0:fd}, SOL_SOCKET, {1:number}, &(struct timeval){{{value:time}}}, "
                              "sizeof(struct timeval))",
    "setsockopt SO_LINGER": "setsockopt({0:fd}, SOL_SOCKET, {1:number}, &(struct linger){{1, {value:number}}}, "
                            "sizeof(struct linger))",
    "setsockopt SO_BINDTODEVICE": "setsockopt({0:fd}, SOL_SOCKET, {1:number}, {value:text}, {value:size} + 1)",
    "fcntl": "fcntl({0:fd}, {1:number}, {flags:number})",
    "fcntl F_GETFL": "get_flags({0:fd})",
    "poll": "poll_one({0:fd}, {events:number}, {timeout:number})",
    "wait": "{1:facility}({0:fd}, {2:ready}, {timeout:number})",
    "open": "{0:new} = open({1:text}, O_RDONLY)",
    "open flags": "{0:new} = open({1:text}, {flags:number})",
    "pipe": "pipe({0:pair})",
    "file": "make_file({0:text})",
    "mkdir": "mkdir({0:text}, 0777)",
    "mkfifo": "mkfifo({0:text}, 0666)",
    "symlink": "symlink({1:text}, {0:text})",
    "chmod": "chmod({0:text}, {1:mode})",
    "unlink": "unlink({0:text})",
    "sigaction": "catch_signal({0:number}, {flags:number})",
    "pthread_kill": "interrupt(&{0:thread}, {1:number})",
    "pthread_kill times": "signal_times(&{0:thread}, {1:number}, {times:number})",
    "pthread_join": "join(&{0:thread})",
    "dlsym": "has_function({1:library}, {0:text})",
}
DEFAULTS = {"protocol": "0", "flags": "0", "events": "0", "timeout": "-1"}
# What a call returns on success where that is not 0: a descriptor, a count, or all that was to be sent.
RETURNS = {**dict.fromkeys(("socket", "accept", "open", "recv", "recvfrom"), ">= 0"),
           **dict.fromkeys(("send", "sendto"), "== {data:size}")}
# The variable of an address that came back: client_name, client_peer, …
TOLD = {"getsockname": "name", "getpeername": "peer", "accept": "from", "recvfrom": "from"}
PATHS = ("open", "file", "mkdir", "mkfifo", "symlink")  # verbs that make or open a path; or an address is one

LEVELS = {"SO": "SOL_SOCKET", "TCP": "IPPROTO_TCP", "IP": "IPPROTO_IP", "IPV6": "IPPROTO_IPV6"}
FACILITIES = ("poll", "select", "epoll", "kqueue", "ports", "devpoll")
EVENTS = ("POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLNVAL", "POLLRDHUP")  # in the order of poll_one()
READY = ("input", "output", "exceptional")
ADDRESSES = {"name", "host", "port"}  # fields that speak of an address
KEYWORDS = ("auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|if|inline|int|long|register|"
            "restrict|return|short|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|while")
LIBRARY = "abort|errno|exit|index|kill|link|main|pause|read|remove|select|signal|stderr|stdin|stdout|time|write"
TAKEN = re.compile("|".join([KEYWORDS, LIBRARY, *DECLARES.findall(HELPERS),
                             *re.findall(r"(\w+)\(", " ".join(FORMS.values()))]))

WIDTH = 114  # of a line of main()
FOREIGN_SCOPES = ("1", "9999")  # interfaces of a link-local address that are not the laboratory's link
ROOM = 256  # bytes of an address, where no case claims more
LONGEST_LITERAL = 2000  # bytes; C99 has 4095, and more are needed for the call around it
LARGEST_CLAIM = 1 << 16  # of namelen, for which there is really a buffer


@dataclass(frozen=True)
class Word:
    """One word of a request; its format is how it is spelt in C."""

    calls: Calls
    text: str

    def __format__(self, how: str) -> str:
        spelt: str = getattr(self.calls, how)(self.text)
        return spelt


class Calls:
    """Writes the calls, one after the other; `lines` is what main() does then.

    sockets, names, threads: the variables these take. macros: those of CALL, TEST and LOOK that are used.
    """

    def __init__(self, case: Case, transcript: Transcript, clauses: Clauses, manuals: Sequence[str]) -> None:
        self.case, self.transcript, self.clauses, self.manuals = case, transcript, clauses, manuals
        self.sockets: dict[str, str] = {}
        self.names: list[str] = []
        self.threads: dict[str, str] = {}
        self.pairs = False
        self.macros: set[str] = set()
        self.room = ROOM
        self.folder = False
        self.lines: list[str] = []
        self.known: dict[str, str] = {}  # an address that came back: the variable that holds it
        self.ports: dict[str, str] = {}  # a port of such an address: likewise
        self.last: dict[tuple[str, str], str] = {}  # verb and subject: the variable of the address that came back last
        given = ""
        for entry in transcript.entries:
            if entry.given not in ("", given):
                self.lines += ["", f"/* given {comment(entry.given)} */"]
            elif given and not entry.given:
                self.lines.append("")
            given = entry.given
            self.write(entry)
        if transcript.ended and not self.ended_by_check():
            self.lines.append(f"need(0); /* {comment(transcript.ended[1])} */")

    def ended_by_check(self) -> bool:
        last = self.transcript.entries[-1]
        return last.step is not None and bool(self.case.steps[last.step].checks)

    # --- one call

    def write(self, entry: Entry) -> None:
        if entry.verb == "reset":
            return
        if entry.verb == "probe":
            for part in probed(entry):
                self.call(part, "CALL")
            return
        checks = self.case.steps[entry.step].checks if entry.step is not None else ()
        if not checks:
            self.call(entry, "CALL", need=True)
            return
        counted = [check for check in checks if self.force(check) != "unspecified"]
        blocks = all("blocks" in check.allowed for check in counted)
        before, returns = self.call(entry, "LOOK" if blocks else "TEST")
        for check in checks:
            self.check(check, entry, returns, before)

    def call(self, entry: Entry, macro: str, need: bool = False) -> tuple[str, str]:
        """Write a call.

        The variable of the address that the same call gave before, if any, and how success compares.
        """
        verb, *words = entry.request.split()
        self.verb = verb
        self.places = [word for word in words if not is_operand(word)]
        self.operands = dict(word.split("=", 1) for word in words if is_operand(word))
        self.entry = entry
        if verb == "descriptor":
            self.lines.append(f"{self.new(self.places[0])} = {self.number(self.places[1])};")
            return "", ""
        places = [Word(self, word) for word in self.places]
        named = {key: Word(self, word) for key, word in (DEFAULTS | self.operands).items()}
        form = next(FORMS[key] for key in (*(f"{verb} {word}" for word in (*self.operands, *self.places[1:])), verb)
                    if key in FORMS)
        before = self.last.get((verb, self.places[0]), "")
        text = f"{macro}({form.format(*places, **named)})"
        returns = RETURNS.get(verb, "== 0").format(*places, **named)
        line = f" /* line {self.case.steps[entry.step].line} */" if entry.step is not None else ""
        self.lines.append((f"need({text} {self.reached(entry, returns)});" if need else f"{text};") + line)
        self.macros.add(macro)
        self.folder |= verb in PATHS
        self.lines += self.unpack(verb)
        return before, returns

    def unpack(self, verb: str) -> Iterator[str]:
        """The descriptors of a pair."""
        if verb in ("pipe", "socketpair"):
            self.pairs = True
            yield from (f"{self.new(name)} = pair[{at}];" for at, name in enumerate(self.places))

    def reached(self, entry: Entry, returns: str) -> str:
        """What a precondition's call must give: success, or of a fixture's call what it gave."""
        ret = entry.observed["ret"]
        if entry.step is None and is_errno(ret):
            return f"== -1 && errno == {ret}"
        if entry.given and "revents" in entry.observed:
            return f"{returns} && {self.gave('revents', entry.observed['revents'].split(','))}"
        return returns

    # --- checks

    def force(self, check: Check) -> str:
        return self.clauses[check.clause].force(self.manuals)

    def check(self, check: Check, entry: Entry, returns: str, before: str) -> None:
        if check.allowed == ("any",):
            self.lines.append(f"/* {comment(check.clause)}: what no document settles; here it was "
                              f"{comment(spell_observed(entry.observed))} */")
            return
        force = self.force(check)
        holds = [text for one in check.allowed if (text := self.holds(one, returns, before))]
        if force == "may" and all(map(is_errno, check.allowed)):
            holds.append(f"value {returns}")
        either = " || ".join(f"({text})" if " && " in text and len(holds) > 1 else text for text in holds)
        cited = next((f"{one.document} {one.where}" for one in self.clauses[check.clause].cited), "")
        head = "compare(" if force == "unspecified" else "check("
        self.lines += fitted(head, [literal(f"{check.clause} ({cited}, {force})") + ",",
                                    literal(spell_allowed(check.allowed)) + ",", f"{either or '0'});"])

    def holds(self, allowed: Allowed, returns: str, before: str) -> str:
        """The condition under which an outcome is as allowed; empty where it cannot be after the call has returned."""
        if isinstance(allowed, Mapping):
            fields = [self.field(key, wanted, before) for key, wanted in allowed.items()]
            return " && ".join([f"value {returns}", *fields] if allowed.keys() & ADDRESSES else fields)
        if allowed == "ok":
            return f"value {returns}"
        return f"failed({allowed})" if is_errno(allowed) else ""

    def field(self, key: str, wanted: Any, before: str) -> str:
        """The condition of one field, as the judge has it."""
        if key not in ADDRESSES:
            return self.gave(key, wanted)
        told = self.receiver
        if wanted == "unchanged":
            if not before:
                return "0"
            return f"same({told}, &{before})" if key == "name" else f"port({told}) == port(&{before})"
        hosts = {"loopback": LOOPBACK, "wildcard": WILDCARD}.get(wanted)
        if hosts:
            starts = [f'starts({told}, "{"inet6" if ":" in host else "inet"}:{host}:")' for host in hosts]
            return f"({' || '.join(starts)})"
        words = {"chosen": f"port({told}) != 0", "none": f"port({told}) == 0", "unnamed": f'spelt({told}, "unnamed")',
                 "abstract": f'starts({told}, "abstract:")'}
        address = self.transcript.names.get(wanted) or own_name(wanted, self.transcript) or wanted
        return words.get(wanted) or f"same({told}, {self.named(address)})"

    def gave(self, key: str, wanted: Any) -> str:
        if isinstance(wanted, list | tuple):
            order = READY if key == "ready" else EVENTS
            wanted = ",".join(sorted(filter(None, wanted), key=lambda word: order.index(word) if word in order else 0))
        elif key == "data":
            wanted = quote(wanted)
        field = literal(f"{key}: {wanted if wanted != '' else 'none'}")
        return f"gave({field})"

    # --- how words are spelt

    def fd(self, name: str) -> str:
        if name not in self.sockets:
            raise Unreadable(f"{self.case.id}: {self.entry.request!r} speaks of {name!r}, which no call has made")
        return self.sockets[name]

    def new(self, name: str) -> str:
        return self.sockets.setdefault(name, variable(name))

    def thread(self, name: str) -> str:
        return self.threads.setdefault(name, variable(name) + "_thread")

    def pair(self, _name: str) -> str:
        return "pair"

    def number(self, word: str) -> str:
        """A number or constants, joined by |."""
        if not re.fullmatch(r"-?[0-9]{1,10}|[A-Z][A-Z0-9_]*(\|[A-Z][A-Z0-9_]*)*", word):
            raise Unreadable(f"{self.case.id}: {self.entry.request!r}: {word!r} is no number and no constant of C")
        return word.replace("|", " | ") if word != "-2147483648" else "-2147483647 - 1"

    def mode(self, word: str) -> str:
        return f"0{int(word, 8):o}"

    def time(self, milliseconds: str) -> str:
        return f"{int(milliseconds) // 1000}, {int(milliseconds) % 1000 * 1000}"

    def text(self, word: str) -> str:
        return literal(unquote_to_bytes(word))

    def size(self, word: str) -> str:
        return str(len(unquote_to_bytes(word)))

    def library(self, word: str) -> str:
        return literal(f"lib{word}.so.1")

    def level(self, option: str) -> str:
        return LEVELS[option.partition("_")[0]]

    def facility(self, word: str) -> str:
        return f"wait_{FACILITIES[FACILITIES.index(word)]}"

    def ready(self, words: str) -> str:
        return " | ".join(READY[READY.index(word)].upper() for word in words.split(","))

    def told(self, name: str) -> str:
        """A new variable for the address that comes back: client_name, client_name2, …"""
        verb, stem = self.verb, f"{self.new(name)}_{TOLD[self.verb]}"
        number = sum(re.fullmatch(rf"{stem}[0-9]*", one) is not None for one in self.names)
        found = stem + (str(number + 1) if number else "")
        self.names.append(found)
        self.receiver = "&" + found
        if self.entry.observed["ret"] == "ok":
            self.last[verb, self.places[0]] = found
            self.learn(self.entry.observed.get("name", ""), found)
        return self.receiver

    def learn(self, address: str, found: str) -> None:
        """From here on the variable stands for the address, and for its port."""
        kind, _, rest = address.partition(":")
        port = rest.rpartition(":")[2] if kind in ("inet", "inet6") else ""
        if rest and port != "0":
            self.known.setdefault(address, found)
        if port not in ("", "0"):
            self.ports.setdefault(port, found)

    def address(self, text: str) -> str:
        """The two arguments of a call that takes an address, with what the request's operands overwrite."""
        claimed = self.operands.get("len", "")
        if text in ("null:", "bad:"):
            pointer, length = ("NULL", "0") if text == "null:" else ("(struct sockaddr *)1", "16")
            return f"{pointer}, {self.number(claimed) if claimed else length}"
        name = self.named(text)
        if "port" in self.operands:
            name = f"with_port({self.number(self.operands['port'])}, {name})"
        if "family" in self.operands:
            name = f"with_family({self.number(self.operands['family'])}, {name})"
        if not claimed:
            return f"AT({name})"
        self.room = max(self.room, min(int(claimed), LARGEST_CLAIM))
        return f"&{name.removeprefix('&')}{'.' if name.startswith('&') else '->'}u.sa, {self.number(claimed)}"

    def name(self, text: str) -> str:
        return self.named(text)

    def named(self, address: str) -> str:
        """An address as a pointer to a struct name: a variable that holds it, or made of its parts."""
        if address in self.known:
            return "&" + self.known[address]
        kind, _, rest = address.partition(":")
        if kind in ("inet", "inet6"):
            return self.internet(kind, *rest.rpartition(":")[::2])
        raw = bytes.fromhex(rest) if kind == "bytes" else unquote_to_bytes(rest)
        self.room = max(self.room, len(raw) + 8)
        self.folder |= kind == "unix"
        made = {"unix": f"unix_path({repeated(raw) or literal(raw)})", "abstract": f"abstract({literal(raw)})", "unspec": "unspec()",
                "bytes": f"raw({literal(raw)}, {len(raw)})"}
        if kind not in made:
            raise Unreadable(f"{self.case.id}: no address {address!r} can be written in C")
        return made[kind]

    def internet(self, kind: str, host: str, number: str) -> str:
        """An address whose port came back from a call earlier takes it from there."""
        host, _, scope = host.partition("%")
        port = f"port(&{self.ports[number]})" if number in self.ports else str(int(number))
        ipaddress.ip_address(host)
        made = f"{kind}({literal(host)}, {port})"
        if not scope or scope == "0":
            return made
        return f"in_scope({int(scope)}, {made})" if scope in FOREIGN_SCOPES else f'on_link("link0", {made})'


def is_operand(word: str) -> bool:
    key, equals, _ = word.partition("=")
    return bool(equals) and key.isidentifier()


def probed(entry: Entry) -> Iterator[Entry]:
    """The calls of a probe."""
    for key, field, request in (("sockname", "name", "getsockname {}"), ("peername", "name", "getpeername {}"),
                                ("poll", "revents", "poll {} events=POLLIN|POLLOUT timeout=0"),
                                ("SO_ERROR", "value", "getsockopt {} SO_ERROR")):
        seen = entry.observed.get(key, "")
        failed = is_errno(seen) and key != "SO_ERROR"
        observed = {"ret": seen} if failed else {"ret": "ok", field: seen}
        filled = request.format(entry.subject)
        yield Entry(filled, filled.partition(" ")[0], entry.subject, filled, observed)


def variable(name: str) -> str:
    """A name of a scenario as one of C."""
    found = re.sub(r"[^a-z0-9]", "_", name.lower())
    return found + "_" if TAKEN.fullmatch(found) or not found[:1].isalpha() else found


def literal(text: str | bytes) -> str:
    """A string literal of C, in which no trigraph begins."""
    raw = text.encode() if isinstance(text, str) else text
    return '"' + "".join(f"\\{byte:03o}" if not 32 <= byte < 127 else f"\\{byte:c}" if byte in b'"\\?' else chr(byte)
                         for byte in raw) + '"'


def repeated(raw: bytes) -> str:
    """A text that is longer than C99 lets a literal be, and begins many times with the same; else nothing."""
    found = re.fullmatch(rb"(.{1,8}?)\1{99,}(.*)", raw, re.DOTALL) if len(raw) > LONGEST_LITERAL else None
    if not found:
        return ""
    times = (len(raw) - len(found[2])) // len(found[1])
    return f"repeated({literal(found[1])}, {times}, {literal(found[2])})"


def fitted(head: str, parts: Sequence[str]) -> list[str]:
    """A call on one line, or with each argument on its own if it is too long."""
    line = head + " ".join(parts)
    return [line] if len(line) <= WIDTH else [head + parts[0], *(" " * len(head) + part for part in parts[1:])]


def comment(text: str) -> str:
    """Text that ends no comment and starts none."""
    return visible(text).replace("*/", "* /").replace("/*", "/ *")
