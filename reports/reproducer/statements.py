"""The calls of a transcript in C, each with the checks that its clauses ask for: what main() of a reproducer does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reports.common.aggregate import Clauses
from reports.reproducer.c_expr import READY, Spelling, attempt_name, comment, literal, variable
from specs.model import BOUNDS, Allowed, Case, Check, Entry, Transcript, seconds_of
from specs.outcomes import LOOPBACK, WILDCARD, is_errno, own_name
from specs.reached import only_observed
from specs.record import Unreadable
from specs.verbs import VERBS
from specs.words import spell_allowed, spell_observed

MAKES_PATH = ("file", "mkdir", "mkfifo", "symlink", "declare")

EVENTS = ("POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLNVAL", "POLLRDHUP")  # as in show_events()
OF_ADDRESS = frozenset({"name", "host", "port"})  # fields that speak of an address
WIDTH = 114  # of a line of main()


class Request:
    """One request of the agent, which can be written in C; KeyError, ValueError: it is none that the table has."""

    def __init__(self, entry: Entry, spelling: Spelling) -> None:
        self.entry, self.spelling = entry, spelling
        verb, *words = entry.request.split()
        self.verb = VERBS[verb]
        operands = dict(word.split("=", 1) for word in words if is_operand(word))
        places = [word for word in words if not is_operand(word)]
        known = self.verb.takes
        self.operands = dict(zip(["name", *known][:len(places)], places, strict=True)) | operands
        if not self.operands.keys() <= {"name", *known}:
            raise KeyError(verb)
        self.variable = ""  # a pointer to the variable of the address that comes back

    @property
    def form(self) -> str:
        """The C form, which an operand, or a word in the place of one, can make another."""
        given = {word for key, word in self.operands.items() if key != "name"} | self.operands.keys()
        return next((form for key, form in self.verb.c_with.items() if key in given), self.verb.c)

    def written(self, form: str) -> str:
        words = {key: one.default for key, one in self.verb.takes.items() if one.default} | self.operands
        return form.format(**{key: Word(self, word) for key, word in words.items()})

    def arguments(self, address: str) -> str:
        overwritten = (self.operands.get(key, "") for key in ("namelen", "sa_family", "port", "sa_len"))
        return self.spelling.arguments(address, *overwritten)

    def receiver(self, name: str) -> str:
        address = self.entry.observed.get("name", "") if self.entry.observed["ret"] == "ok" else ""
        self.variable = "&" + self.spelling.receiver(name, self.verb.name, address)
        return self.variable

    def received(self, _: str) -> str:
        """The same variable, behind the call."""
        return self.variable


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
        self.attempts = {at: variable(attempt_name(step)) for index, step in enumerate(case.steps)
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
            request = Request(entry, self.spelling)
            self.lines.append(f"{request.written(request.form)};")
        elif entry.verb != "reset":
            self.call(Request(entry, self.spelling), "CALL", need=True)
        if entry.step in self.attempts:
            self.lines.append(f"{self.attempts[entry.step]} = attempted();")

    def write_checked(self, entry: Entry, checks: Sequence[Check]) -> None:
        """A call with its checks, which may depend on how the attempt before ended."""
        counted = [check for check in checks if self.force(check) != "survey"]
        may_block = all("blocks" in check.allowed for check in counted)
        request = Request(entry, self.spelling)
        before = self.last.get((request.verb.name, entry.subject), "")
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
        form, _, after = request.form.partition("; ")
        made, then = f"{macro}({request.written(form)})", request.written(after)
        line = f" /* line {self.case.steps[entry.step].line} */" if entry.step is not None else ""
        fields = events_needed(entry) if need else ""
        self.lines.append((f"need({made} {reached(request)});" if need and not fields else f"{made};") + line)
        self.lines += [f"{then};"] if then else []
        self.lines += [f"need(value {reached(request)} && {fields});"] if fields else []
        self.macros.add(macro)
        self.needs_folder |= request.verb.name in MAKES_PATH
        if request.variable and entry.observed["ret"] == "ok":
            self.last[request.verb.name, entry.subject] = request.variable


class Condition:
    """What makes a check hold, after its call. before: the variable of the address that the same call gave before."""

    def __init__(self, request: Request, before: str, transcript: Transcript) -> None:
        self.request, self.before, self.transcript = request, before, transcript
        self.good = f"value {returns(request)}"

    def check(self, check: Check, clauses: Clauses, force: str) -> list[str]:
        """The lines that check one clause."""
        if not check.allowed:
            seen = spell_observed(self.request.entry.observed)
            return [f"/* {comment(check.clause)}: no document settles what it gives; here it was {comment(seen)} */"]
        holds = [text for one in check.allowed if (text := self.holds(one))]
        if force == "may" and all(map(is_errno, check.allowed)):
            holds.append(self.good)
        either = " || ".join(f"({text})" if " && " in text and len(holds) > 1 else text for text in holds)
        cited = clauses[check.clause].cited[0]
        head = "compare(" if force == "survey" else "check("
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
        if allowed in ("ok", "blocks"):
            return self.good if allowed == "ok" else ""
        if allowed == "error":
            return "value == -1"
        return f"failed({self.request.spelling.number(allowed)})"

    def field(self, key: str, wanted: Any) -> str:
        """Of one field that came back, as the judge has it."""
        came = self.request.variable
        if (key, wanted) == ("length", "path"):
            return f"({came})->length == 2 + strlen(({came})->raw.bytes + 2) + 1"
        if key not in OF_ADDRESS:
            return gave(key, wanted)
        if wanted == "unchanged":
            unchanged = "same({}, {})" if key == "name" else "port_of({}) == port_of({})"
            return unchanged.format(came, self.before) if self.before else "0"
        any_host = (key, wanted) == ("host", "chosen")
        literal_host = [wanted] if key == "host" else ()
        hosts = WILDCARD if any_host else {"loopback": LOOPBACK, "wildcard": WILDCARD}.get(wanted, literal_host)
        starts = [f'starts({came}, "{"inet6" if ":" in host else "inet"}:{host}:")' for host in hosts]
        words = {"chosen": f"port_of({came}) != 0", "none": f"port_of({came}) == 0",
                 "unnamed": f'reads({came}, "unnamed")', "abstract": f'starts({came}, "abstract:")'}
        if any_host:
            return f"!({' || '.join(starts)})"
        if starts or wanted in words:
            return words.get(wanted) or f"({' || '.join(starts)})"
        address = self.transcript.names.get(wanted) or own_name(wanted, self.transcript) or wanted
        return f"same({came}, {self.request.spelling.address(address)})"


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
    """How the value of a call that succeeds compares; on a thread, that of its start."""
    return "== 0" if "thread" in request.operands else request.written(request.verb.success)


def reached(request: Request) -> str:
    """What a precondition's call gives: success, or of a fixture's call what it gave."""
    entry = request.entry
    ret = entry.observed["ret"]
    if entry.step is None and ret.startswith("E"):
        return f"== -1 && errno == {request.spelling.number(ret)}"
    return returns(request)


def events_needed(entry: Entry) -> str:
    """The events that a fixture's poll() reported; nothing of any other call."""
    is_needed = entry.given and entry.observed["ret"] == "ok" and "revents" in entry.observed
    return gave("revents", entry.observed["revents"].split(",")) if is_needed else ""


def is_operand(word: str) -> bool:
    key, equals, _ = word.partition("=")
    return bool(equals) and key.isidentifier()


def probed(entry: Entry) -> Iterator[Entry]:
    """The calls of a probe."""
    for key, request in zip(VERBS["probe"].returns, VERBS["probe"].of, strict=True):
        seen, text = entry.observed.get(key, ""), request.format(name=entry.subject)
        verb = text.partition(" ")[0]
        failed = key != "SO_ERROR" and re.fullmatch("E[A-Z0-9]+", seen)
        observed = {"ret": seen} if failed else {"ret": "ok", VERBS[verb].returns[0]: seen}
        yield Entry(text, verb, entry.subject, text, observed)
