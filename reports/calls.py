"""The calls of a transcript in C, each with the checks that its clauses ask for: what main() of a reproducer does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reports.rows import Clauses
from reports.spelling import READY, Spelling, comment, literal, variable
from specs.judge import LOOPBACK, WILDCARD, is_errno, only_observed, own_name, spell_allowed, spell_observed
from specs.model import BOUNDS, Allowed, Case, Check, Entry, Transcript, seconds_of
from specs.record import Unreadable

# How the agent's verbs are written in C: the words of a request, by place or by name, each in the way it is spelt (a
# method of Request or Spelling). A verb has another form where an operand or a place says so: `socket flags`.
FORMS: Mapping[str, str] = {
    "socket": "{0:new} = socket({1:number}, {2:number}, {protocol:number})",
    "socket flags": "{0:new} = socket({1:number}, {2:number} | {flags:number}, {protocol:number})",
    "socketpair": "make_pair({domain:number}, {type:number}, &{0:new}, &{1:new})",
    "bind": "bind({0:fd}, {1:arguments})",
    "connect": "connect({0:fd}, {1:arguments})",
    "connect landlock": "start_connect_under({landlock:ruleset}, &{thread:thread}, {0:fd}, {1:address})",
    "connect thread": "start_connect(&{thread:thread}, {0:fd}, {1:address})",
    "connect-many": "connect_many({1:address}, {domain:number}, {type:number}, {threads:number}, {each:number})",
    "listen": "listen({0:fd}, {1:number})",
    "accept": "{1:new} = accept_from({0:fd}, {1:receiver})",
    "accept-all": "accept_all({0:fd})",
    "shutdown": "shutdown({0:fd}, {1:number})",
    "close": "close({0:fd})",
    "getsockname": "sockname({0:fd}, {0:receiver})",
    "getpeername": "peername({0:fd}, {0:receiver})",
    "send": "send({0:fd}, {data:text}, {data:size}, {flags:number})",
    "sendto": "sendto({0:fd}, {data:text}, {data:size}, {flags:number}, {1:arguments})",
    "recv": "receive({0:fd}, {flags:number})",
    "recvfrom": "receive_from({0:fd}, {flags:number}, {0:receiver})",
    "exchange": "exchange({0:fd}, {1:fd})",
    "getsockopt": "get_option({0:fd}, {1:level}, {1:number})",
    "setsockopt": "setsockopt({0:fd}, {1:level}, {1:number}, &(int){{{value:number}}}, sizeof(int))",
    "setsockopt SO_LINGER": "set_linger({0:fd}, {value:number})",
    "setsockopt SO_SNDTIMEO": "set_timeout({0:fd}, {1:number}, {value:number})",
    "setsockopt SO_RCVTIMEO": "set_timeout({0:fd}, {1:number}, {value:number})",
    "setsockopt SO_BINDTODEVICE": "setsockopt({0:fd}, SOL_SOCKET, {1:number}, {value:text}, {value:size} + 1)",
    "fcntl": "fcntl({0:fd}, {1:number}, {flags:number})",
    "fcntl F_GETFL": "get_flags({0:fd})",
    "poll": "poll_one({0:fd}, {events:number}, {timeout:number})",
    "epoll_ctl": "{1:new} = watch({0:fd}, {events:number})",
    "epoll_wait": "changed({0:fd}, {timeout:number})",
    "wait": "{1:facility}({0:fd}, {2:ready}, {timeout:number})",
    "open": "{0:new} = open({1:text}, O_RDONLY)",
    "open flags": "{0:new} = open({1:text}, {flags:number})",
    "pipe": "make_pipe(&{0:new})",
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
    "declare": "declares({0:text}, {xopen:number}, {1:text}, {like:text})",
}
DEFAULTS = {"protocol": "0", "flags": "0", "events": "0", "timeout": "-1", "xopen": "0"}
# What a call returns on success where that is not 0: a descriptor, a count, or all that was to be sent.
RETURNS = {**dict.fromkeys(("socket", "accept", "open", "epoll_ctl", "recv", "recvfrom"), ">= 0"),
           **dict.fromkeys(("send", "sendto"), "== {data:size}")}
MAKES_PATH = ("file", "mkdir", "mkfifo", "symlink", "declare")

PROBE = (("sockname", "name", "getsockname {}"), ("peername", "name", "getpeername {}"),
         ("poll", "revents", "poll {} events=POLLIN|POLLOUT timeout=0"),
         ("SO_ERROR", "value", "getsockopt {} SO_ERROR"))
EVENTS = ("POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLNVAL", "POLLRDHUP")  # in the order of poll_one()
OF_ADDRESS = frozenset({"name", "host", "port"})  # fields that speak of an address
WIDTH = 114  # of a line of main()


class Request:
    """One request of the agent, which can be written in C."""

    def __init__(self, entry: Entry, spelling: Spelling) -> None:
        self.entry, self.spelling = entry, spelling
        self.verb, *words = entry.request.split()
        self.places = [word for word in words if not is_operand(word)]
        self.operands = dict(word.split("=", 1) for word in words if is_operand(word))
        self.received = ""  # the variable that takes the address which comes back

    @property
    def form(self) -> str:
        keys = {f"{self.verb} {word}" for word in (*self.operands, *self.places[1:])}
        return next((form for key, form in FORMS.items() if key in keys), FORMS[self.verb])

    def written(self, form: str) -> str:
        places = [Word(self, word) for word in self.places]
        return form.format(*places, **{key: Word(self, word) for key, word in (DEFAULTS | self.operands).items()})

    def arguments(self, address: str) -> str:
        return self.spelling.arguments(address, *(self.operands.get(key, "") for key in ("len", "family", "port")))

    def receiver(self, name: str) -> str:
        address = self.entry.observed.get("name", "") if self.entry.observed["ret"] == "ok" else ""
        self.received = "&" + self.spelling.receiver(name, self.verb, address)
        return self.received


@dataclass(frozen=True)
class Word:
    """A word of a request; its format is how it is spelt."""

    request: Request
    text: str

    def __format__(self, way: str) -> str:
        spell = getattr(self.request, way, None) or getattr(self.request.spelling, way)
        return str(spell(self.text))


class Calls:
    """The calls of a case. lines: what main() does; spelling: with which variables; macros: through which of these.

    attempts: step that shows how an attempt ends on which later checks depend -> the variable that holds it.
    """

    def __init__(self, case: Case, transcript: Transcript, clauses: Clauses, manuals: Sequence[str]) -> None:
        self.case, self.transcript, self.clauses, self.manuals = case, transcript, clauses, manuals
        self.spelling = Spelling()
        self.lines: list[str] = []
        self.macros: set[str] = set()
        self.needs_folder = False
        self.attempts = {at: variable(f"{step.name}-attempt") for index, step in enumerate(case.steps)
                         if step.after and (at := case.attempt(index)) is not None and transcript.of_step(at)}
        self.last: dict[tuple[str, str], str] = {}  # verb and socket -> the variable of the address that came last
        given = ""
        for entry in transcript.entries:
            if entry.given != given:
                self.lines += ["", f"/* given {comment(entry.given)} */"] if entry.given else [""]
            given = entry.given
            try:
                self.write(entry)
            except (KeyError, IndexError, ValueError, StopIteration):
                raise Unreadable(f"{case.id}: {entry.request!r} is no call that can be written in C") from None
        self.drop_attempts_without_checks()
        if transcript.ended and not self.counts(transcript.entries[-1]):
            self.lines.append(f"need(0); /* {comment(transcript.ended[1])} */")

    def drop_attempts_without_checks(self) -> None:
        """Leave out the variables of attempts whose later checks no document settles, which are comments only."""
        code = "\n".join(self.lines)
        unused = [at for at, name in self.attempts.items() if f"{name} == " not in code]
        for at in unused:
            self.lines.remove(f"{self.attempts.pop(at)} = attempted();")

    def checks(self, entry: Entry) -> Sequence[Check]:
        return self.case.steps[entry.step].checks if entry.step is not None else ()

    def counts(self, entry: Entry) -> bool:
        """Whether a call has checks, and they count after the attempt before."""
        return bool(self.checks(entry)) and not only_observed(self.case, entry.step or 0, self.transcript)

    def write(self, entry: Entry) -> None:
        checks = self.checks(entry)
        if entry.verb == "probe":
            for part in probed(entry):
                self.call(Request(part, self.spelling), "CALL")
        elif entry.step is not None and self.case.steps[entry.step].observe:
            self.call(Request(entry, self.spelling), "CALL")
        elif checks:
            self.write_checked(entry, checks)
        elif entry.verb == "descriptor":
            _, name, number = entry.request.split()
            self.lines.append(f"{self.spelling.new(name)} = {self.spelling.number(number)};")
        elif entry.verb != "reset":
            self.call(Request(entry, self.spelling), "CALL", need=True)
        if entry.step in self.attempts:
            self.lines.append(f"{self.attempts[entry.step]} = attempted();")

    def write_checked(self, entry: Entry, checks: Sequence[Check]) -> None:
        """A call with its checks, which may depend on how the attempt before ended."""
        counted = [check for check in checks if self.force(check) != "unspecified"]
        may_block = all("blocks" in check.allowed for check in counted)
        request = Request(entry, self.spelling)
        before = self.last.get((request.verb, entry.subject), "")
        self.call(request, "LOOK" if may_block else "TEST" if self.counts(entry) else "CALL")
        lines = [line for check in checks for line in
                 Condition(request, before, self.transcript).check(check, self.clauses, self.force(check))]
        after = self.case.steps[entry.step or 0].after
        if after and any(not line.startswith("/*") for line in lines):
            attempt = self.attempts[self.case.attempt(entry.step or 0) or 0]
            either = " || ".join(f"{attempt} == {'0' if one == 'ok' else self.spelling.number(one)}" for one in after)
            lines = [f"if ({either}) {{", *(f"    {line}" for line in lines), "}"]
        self.lines += lines

    def force(self, check: Check) -> str:
        return self.clauses[check.clause].force(self.manuals)

    def call(self, request: Request, macro: str, need: bool = False) -> None:
        """Write a call; one that is needed is a precondition."""
        entry = request.entry
        text = f"{macro}({request.written(request.form)})"
        line = f" /* line {self.case.steps[entry.step].line} */" if entry.step is not None else ""
        self.lines.append((f"need({text} {reached(request)});" if need else f"{text};") + line)
        self.macros.add(macro)
        self.needs_folder |= request.verb in MAKES_PATH
        if request.received and entry.observed["ret"] == "ok":
            self.last[request.verb, entry.subject] = request.received


class Condition:
    """What makes a check hold, after its call. before: the variable of the address that the same call gave before."""

    def __init__(self, request: Request, before: str, transcript: Transcript) -> None:
        self.request, self.before, self.transcript = request, before, transcript
        self.good = f"value {returns(request)}"

    def check(self, check: Check, clauses: Clauses, force: str) -> list[str]:
        """The lines that check one clause."""
        if check.allowed == ("any",):
            seen = spell_observed(self.request.entry.observed)
            return [f"/* {comment(check.clause)}: no document settles what it gives; here it was {comment(seen)} */"]
        holds = [text for one in check.allowed if (text := self.holds(one))]
        if force == "may" and all(map(is_errno, check.allowed)):
            holds.append(self.good)
        either = " || ".join(f"({text})" if " && " in text and len(holds) > 1 else text for text in holds)
        cited = clauses[check.clause].cited[0]
        head = "compare(" if force == "unspecified" else "check("
        parts = [literal(f"{check.clause} ({cited.document} {cited.where}, {force})") + ",",
                 literal(spell_allowed(check.allowed)) + ",", f"{either or '0'});"]
        line = head + " ".join(parts)
        return [line] if len(line) <= WIDTH else [head + parts[0], *(" " * len(head) + part for part in parts[1:])]

    def holds(self, allowed: Allowed) -> str:
        """Of one outcome; nothing for one that is not seen after the call has returned."""
        if isinstance(allowed, Mapping):
            fields = [self.field(key, wanted) for key, wanted in allowed.items() if key not in ("errno", *BOUNDS)]
            ret = [f"failed({self.request.spelling.number(allowed['errno'])})"] if "errno" in allowed else []
            ret += [self.good] if not ret and (allowed.keys() & OF_ADDRESS or not fields) else []
            bounds = [f"took {'>=' if key == 'not-before' else '<='} {seconds_of(allowed[key])}"
                      for key in BOUNDS if key in allowed]
            return " && ".join([*ret, *fields, *bounds])
        if allowed in ("ok", "blocks", "any"):
            return self.good if allowed == "ok" else ""
        if allowed == "error":
            return "value == -1"
        return f"failed({self.request.spelling.number(allowed)})"

    def field(self, key: str, wanted: Any) -> str:
        """Of one field that came back, as the judge has it."""
        if key not in OF_ADDRESS:
            return gave(key, wanted)
        told = self.request.received
        if wanted == "unchanged":
            unchanged = "same({}, {})" if key == "name" else "port({}) == port({})"
            return unchanged.format(told, self.before) if self.before else "0"
        any_host = (key, wanted) == ("host", "chosen")
        hosts = WILDCARD if any_host else {"loopback": LOOPBACK, "wildcard": WILDCARD}.get(wanted, ())
        starts = [f'starts({told}, "{"inet6" if ":" in host else "inet"}:{host}:")' for host in hosts]
        words = {"chosen": f"port({told}) != 0", "none": f"port({told}) == 0", "unnamed": f'spelt({told}, "unnamed")',
                 "abstract": f'starts({told}, "abstract:")'}
        if any_host:
            return f"!({' || '.join(starts)})"
        if starts or wanted in words:
            return words.get(wanted) or f"({' || '.join(starts)})"
        address = self.transcript.names.get(wanted) or own_name(wanted, self.transcript) or wanted
        return f"same({told}, {self.request.spelling.address(address)})"


def gave(key: str, wanted: Any) -> str:
    """Whether a field came back as wanted; several events have one order."""
    if isinstance(wanted, list | tuple):
        order = READY if key == "ready" else EVENTS
        wanted = ",".join(word for word in order if word in wanted) or ",".join(wanted)
    elif key == "data":
        wanted = quote(wanted)
    field = literal(f"{key}: {wanted if wanted != '' else 'none'}")
    return f"gave({field})"


def returns(request: Request) -> str:
    """How the value of a call that succeeds compares."""
    return request.written(RETURNS.get(request.verb, "== 0"))


def reached(request: Request) -> str:
    """What a precondition's call gives: success, or of a fixture's call what it gave."""
    entry = request.entry
    ret = entry.observed["ret"]
    if entry.step is None and ret.startswith("E"):
        return f"== -1 && errno == {request.spelling.number(ret)}"
    if entry.given and "revents" in entry.observed:
        return f"{returns(request)} && {gave('revents', entry.observed['revents'].split(','))}"
    return returns(request)


def is_operand(word: str) -> bool:
    key, equals, _ = word.partition("=")
    return bool(equals) and key.isidentifier()


def probed(entry: Entry) -> Iterator[Entry]:
    """The calls of a probe."""
    for key, field, request in PROBE:
        seen, text = entry.observed.get(key, ""), request.format(entry.subject)
        failed = key != "SO_ERROR" and re.fullmatch("E[A-Z0-9]+", seen)
        observed = {"ret": seen} if failed else {"ret": "ok", field: seen}
        yield Entry(text, text.partition(" ")[0], entry.subject, text, observed)
