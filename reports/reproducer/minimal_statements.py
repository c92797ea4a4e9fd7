"""The calls of a transcript as plain C, with the checks that count: what main() of a minimal program does.

Left out is what nothing depends on: names that a fixture only looks at, and all that comes behind the last check.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from reports.common.aggregate import Clauses
from reports.common.wording import visible
from reports.reproducer.c_expr import HERE, READY, attempt_name, declared, literal
from reports.reproducer.minimal_expr import Held, PlainSpelling
from reports.reproducer.statements import Request
from specs.model import BOUNDS, Allowed, Case, Check, Entry, Transcript, seconds_of
from specs.outcomes import LOOPBACK, WILDCARD, is_errno, is_timed, own_name
from specs.reached import only_observed
from specs.record import Unreadable
from specs.words import spell_allowed

HELPERS = tuple((HERE / "minimal_helpers.c").read_text(encoding="utf-8").split("\n\n"))
OF_ADDRESS = ("name", "host", "port")
ALL_READY = " | ".join(READY.values())

# Calls that are written without the functions of fixtures/calls.c, by the verb and, behind it, the operand or word that
# makes the form another; any other as in specs/verbs.yaml, up to the semicolon there.
FORMS: Mapping[str, str] = {
    "socketpair": "socketpair({domain:number}, {type:number}, 0, {peer:pair})",
    "connect landlock": "({thread:thread}.ruleset = landlock_ruleset({landlock:text})) < 0 || "
                        "start(&{thread:thread}, make_restricted, {name:fd}, {to:arguments})",
    "connect seccomp": "({thread:thread}.refusal = {seccomp:number}, "
                       "start(&{thread:thread}, make_filtered, {name:fd}, {to:arguments}))",
    "connect thread": "start(&{thread:thread}, make, {name:fd}, {to:arguments})",
    "connect-many": "connect_many({to:arguments}, {domain:number}, {type:number}, {threads:number}, {each:number})",
    "accept": "{as:new} = accept({name:fd}, {as:into})",
    "exchange": "intact({name:fd}, {with:fd})",
    "recvfrom": "recvfrom({name:fd}, data, sizeof data, {flags:number}, {name:into})",
    "getsockname": "getsockname({name:fd}, {name:into})",
    "getpeername": "getpeername({name:fd}, {name:into})",
    "getsockopt": "getsockopt({name:fd}, {option:level}, {option:number}, &got, &(socklen_t){{sizeof got}})",
    "setsockopt SO_LINGER":
        "setsockopt({name:fd}, SOL_SOCKET, SO_LINGER, &(struct linger){{1, {value:number}}}, sizeof(struct linger))",
    "setsockopt SO_SNDTIMEO":
        "setsockopt({name:fd}, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){{{value:time}}}, sizeof(struct timeval))",
    "setsockopt SO_RCVTIMEO":
        "setsockopt({name:fd}, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){{{value:time}}}, sizeof(struct timeval))",
    "poll": "poll(&(struct pollfd){{{name:fd}, {events:number}, 0}}, 1, {timeout:number})",
    "sigaction":
        "sigaction({name:number}, &(struct sigaction){{.sa_handler = caught, .sa_flags = {flags:number}}}, NULL)",
    "pthread_kill": "interrupt(&{name:thread}, {signal:number}, {times:number})",
    "pthread_join": "join(&{name:thread})",
    "pipe": "pipe({name:pair})",
    "file": "open({name:text}, O_CREAT | O_WRONLY | O_EXCL, 0644)",
}
SUCCESS = {"exchange": "== 1", "connect-many": ">= 0", "file": ">= 0"}  # where not as in specs/verbs.yaml


class PlainRequest(Request):
    """A request as a call of libc.

    keeps: whether the address that comes back is needed, came: its variable. later: the words of later requests.
    """

    spelling: PlainSpelling

    def __init__(self, entry: Entry, spelling: PlainSpelling, keeps: bool, later: Collection[str]) -> None:
        super().__init__(entry, spelling)
        self.keeps, self.later = keeps, later
        self.came: Held | None = None
        spelling.verb, spelling.subject = self.verb.name, entry.subject

    @property
    def form(self) -> str:
        words = {"", *self.operands, *self.operands.values()}
        own = (form for key, form in FORMS.items() if key in {f"{self.verb.name} {word}".rstrip() for word in words})
        form = next(own, super().form.partition("; ")[0])
        made = re.match(r"\{(\w+):new\} = ", form)
        return form if not made or self.operands[made[1]] in self.later else form[made.end():]

    def into(self, name: str) -> str:
        """The two arguments of a call that writes an address; NULL where nothing depends on it."""
        if not self.keeps and self.verb.name in ("accept", "recvfrom"):
            return "NULL, NULL"
        address = self.entry.observed.get("name", "") if self.entry.observed["ret"] == "ok" else ""
        self.came = self.spelling.receive(name, address)
        return self.spelling.into(self.came)

    @property
    def call(self) -> str:
        self.note_families()
        return self.written(self.form)

    @property
    def success(self) -> str:
        return SUCCESS.get(self.verb.name) or self.written(self.verb.success)

    def note_families(self) -> None:
        """Which addresses the socket has that the call makes."""
        families, domain = self.spelling.families, self.operands.get("domain", "")
        if self.verb.name in ("socket", "socketpair"):
            families.update(dict.fromkeys((self.entry.subject, self.operands.get("peer", "")), domain))
        elif self.verb.name == "sendmsg":
            families["the message"] = families.get(self.operands["fd"], "")
        elif self.verb.name == "recvmsg":
            families[self.operands["as"]] = families.get("the message", "")
        elif self.verb.name in ("accept", "dup", "dup2"):
            families[self.operands.get("as") or self.operands["over"]] = families.get(self.entry.subject, "")


class Statements:
    """What main() does. lines: in order; spelling: with which variables; until: the last step that counts."""

    def __init__(self, case: Case, transcript: Transcript, clauses: Clauses, manuals: Sequence[str],
                 until: int | None) -> None:
        self.case, self.transcript, self.clauses, self.manuals = case, transcript, clauses, manuals
        self.spelling = PlainSpelling(transcript, declared(HELPERS))
        self.lines: list[str] = []
        self.pending: list[tuple[str, str, str]] = []  # preconditions that are yet to be written
        self.last: dict[tuple[str, str], Held] = {}  # verb and socket -> the address that came last
        self.cited: dict[str, None] = {}
        self.entries = self.needed(until)
        self.judges = any(map(self.counted, self.entries))
        self.attempts = {at: self.spelling.unique(attempt_name(step)) for index, step in enumerate(case.steps)
                         if step.after and (at := case.attempt(index)) is not None
                         and (made := transcript.of_step(index)) in self.entries and made and self.counted(made)}
        for index, entry in enumerate(self.entries):
            try:
                self.write(index, entry)
            except (KeyError, IndexError, ValueError, StopIteration):
                raise Unreadable(f"{case.id}: {entry.request!r} is no call that a minimal program can make") from None
        self.flush()
        if transcript.ended and self.entries[-1:] == transcript.entries[-1:] and not self.counted(self.entries[-1]):
            self.lines.append(f"errx(2, \"%s\", {literal(transcript.ended[1])});")

    # what is needed

    def needed(self, until: int | None) -> list[Entry]:
        """The calls up to the last check, or up to a step; all where nothing is judged or a state is not reached."""
        entries = [entry for entry in self.transcript.entries if entry.verb != "reset"]
        ends = [at for at, entry in enumerate(entries) if (entry.step == until if until is not None else
                                                           self.counted(entry))]
        unresolved = self.transcript.ended and until is None and not self.counted(entries[-1])
        return entries if unresolved or not ends else entries[:ends[-1] + 1]

    def counted(self, entry: Entry) -> list[Check]:
        """The checks of a call that count: a document settles them, and they are about this attempt."""
        if entry.step is None or only_observed(self.case, entry.step, self.transcript):
            return []
        step = self.case.steps[entry.step]
        return [] if step.observe else [one for one in step.checks if one.allowed and self.force(one) != "survey"]

    def force(self, check: Check) -> str:
        return self.clauses[check.clause].force(self.manuals)

    def keeps(self, index: int, entry: Entry) -> bool:
        """Whether something depends on the address that a call gives back: a check, or a later call."""
        if any(isinstance(allowed, Mapping) and allowed.keys() & {*OF_ADDRESS}
               for check in self.counted(entry) for allowed in check.allowed):
            return True
        address = entry.observed.get("name", "")
        port = address.rpartition(":")[2] if address.startswith("inet") else ""
        later = self.entries[index + 1:]
        named = any(word == address or (port not in ("", "0") and word.endswith(f":{port}"))
                    for other in later for word in other.request.split()[1:])
        return named or any(self.refers(other, entry) for other in later)

    def refers(self, other: Entry, entry: Entry) -> bool:
        """Whether a check of one call compares with the address that another has given back."""
        for check in self.counted(other):
            for allowed in check.allowed:
                for wanted in (allowed[key] for key in OF_ADDRESS if isinstance(allowed, Mapping) and key in allowed):
                    same_call = (other.verb, other.subject) == (entry.verb, entry.subject)
                    if (same_call if wanted == "unchanged" else self.address(wanted) == entry.observed.get("name")):
                        return True
        return False

    def address(self, wanted: str) -> str:
        return self.transcript.names.get(wanted) or own_name(wanted, self.transcript) or wanted

    # what is written

    def write(self, index: int, entry: Entry) -> None:
        keeps, checks = self.keeps(index, entry), self.counted(entry)
        if entry.verb == "probe":
            self.write_probe(entry)
            return
        if self.is_needless(index, entry, keeps):
            if keeps:
                self.last[entry.verb, entry.subject] = self.spelling.held[entry.observed["name"]]
            return
        later = {word.rpartition("=")[2] for one in self.entries[index + 1:] for word in one.request.split()[1:]}
        request = PlainRequest(entry, self.spelling, keeps, later)
        step = self.case.steps[entry.step] if entry.step is not None else None
        if entry.verb == "descriptor":
            self.flush()
            self.lines += [f"{request.call};"]
        elif checks or entry.step in self.attempts or entry.observed["ret"] == "blocks" or (
                step and not step.is_precondition and not self.judges):
            self.write_judged(request, checks)
        elif step and not step.is_precondition:
            self.flush()
            call = request.call
            self.lines += [*self.before(), f"{call};"]
        else:
            self.write_needed(request)

    def is_needless(self, index: int, entry: Entry, keeps: bool) -> bool:
        """A name that nothing depends on, or that is known since bind(), unless a later call takes its length."""
        has_length = any("namelen=returned" in other.request for other in self.entries[index + 1:])
        if has_length or entry.step in self.attempts:
            return False
        is_name = entry.verb in ("getsockname", "getpeername") and not self.counted(entry) and self.judges
        return is_name and (not keeps or entry.observed.get("name", "") in self.spelling.held)

    def write_probe(self, entry: Entry) -> None:
        """Of what a probe looks at, SO_ERROR changes with it."""
        if self.judges:
            self.flush()
            self.lines.append(f"getsockopt({self.spelling.fd(entry.subject)}, SOL_SOCKET, SO_ERROR, &got, "
                              "&(socklen_t){sizeof got}); /* which clears it */")

    def before(self) -> list[str]:
        """What is to be done before the call that was written last."""
        found, self.spelling.before = self.spelling.before, []
        return found

    def write_needed(self, request: PlainRequest) -> None:
        """A precondition, with those before it in one condition."""
        entry = request.entry
        call, ret = request.call, entry.observed["ret"]
        if self.spelling.before or (self.pending and self.pending[-1][1] != entry.given):
            self.flush()
            self.lines += self.before()
        call = f"({call})" if re.match(r"\w+ = ", call) else call
        if entry.given and ret.startswith("E"):
            fails = f"({call} != -1 || errno != {self.spelling.number(ret)})"
        elif entry.given and entry.verb == "poll":
            fails = f"{call} != {int(bool(entry.observed.get('revents')))}"
        else:
            fails = f"{call} {opposite(request.success)}"
        self.pending.append((fails, entry.given, entry.verb))
        self.remember(request)

    def flush(self) -> None:
        if not self.pending:
            return
        given, verbs = self.pending[-1][1], ", ".join(dict.fromkeys(verb for _, _, verb in self.pending))
        self.lines += ["", "if (" + "\n    || ".join(one for one, *_ in self.pending) + ")",
                       f"    err(2, {literal(given or verbs)});"]
        self.pending = []

    def write_judged(self, request: PlainRequest, checks: Sequence[Check]) -> None:
        """A call whose outcome is printed, with its checks."""
        entry, before = request.entry, self.last.get((request.verb.name, request.entry.subject))
        self.flush()
        call, polls = request.call, entry.verb == "poll"
        if polls:
            call = re.sub(r"&\(struct pollfd\)\{.*?\}", "&polled", call)
            self.lines += ["", f"polled = (struct pollfd){{{request.written('{name:fd}, {events:number}')}, 0}};"]
        else:
            self.lines.append("")
        timed = any(is_timed(check.allowed) for check in checks)
        alarm = self.alarm(entry, checks)
        self.lines += [*self.before(), *alarm, *(["began = now();"] if timed else []),
                       f"value = {call};", "error = value == -1 ? errno : 0;",
                       *(["took = now() - began;"] if timed else []), *(["alarm(0);"] if alarm else []),
                       printed(request, timed)]
        if entry.step in self.attempts:
            self.lines.append(f"{self.attempts[entry.step]} = error;")
        after = self.case.steps[entry.step or 0].after
        for check in checks:
            self.lines += self.checked(Condition(request, before, self), check, after, entry)
        self.remember(request)

    def remember(self, request: PlainRequest) -> None:
        if request.came and request.entry.observed["ret"] == "ok":
            self.last[request.verb.name, request.entry.subject] = request.came

    def alarm(self, entry: Entry, checks: Sequence[Check]) -> list[str]:
        """What ends a call that may block, or did."""
        allowed = [one for check in checks for one in check.allowed]
        if "blocks" not in allowed and entry.observed["ret"] != "blocks":
            return []
        may_block = all("blocks" in check.allowed for check in checks)
        handler = "stalls" if not checks else "blocks" if may_block else "hangs"
        return [f"signal(SIGALRM, {handler});", "alarm(2);"]

    def checked(self, condition: Condition, check: Check, after: Sequence[str], entry: Entry) -> list[str]:
        self.cited[check.clause] = None
        holds = condition.of(check, self.force(check))
        fails = negated(holds)
        if after and self.case.attempt(entry.step or 0) in self.attempts:
            attempt = self.attempts[self.case.attempt(entry.step or 0) or 0]
            either = " || ".join(f"{attempt} == {'0' if one == 'ok' else self.spelling.number(one)}" for one in after)
            fails = f"({either}) && {fails if fails.startswith('!(') else f'({fails})'}"
        text = f"expected {spell_allowed(check.allowed)} ({check.clause})"
        return [f"if ({fails})", f"    errx(1, \"%s\", {literal(text)});" if "%" in text else
                f"    errx(1, {literal(text)});"]


def opposite(success: str) -> str:
    return {"== 0": "!= 0", ">= 0": "< 0"}.get(success) or success.replace("==", "!=")


def negated(holds: Sequence[str]) -> str:
    """The opposite of several alternatives."""
    if len(holds) == 1 and re.fullmatch(r"\w+(\.\w+)* == [^|&()]+", holds[0]):
        return holds[0].replace("==", "!=")
    either = " || ".join(f"({one})" if " && " in one and len(holds) > 1 else one for one in holds)
    return f"!({either or '0'})"


def printed(request: PlainRequest, timed: bool) -> str:
    """The statement that prints a call, what it returned, and what else came back."""
    form, *values = seen(request)
    time = (", after %.3f s", "took") if timed else ("",)
    parts = [literal(visible(request.entry.text).replace("%", "%%"))[:-1] + f" = %d, %s{form}{time[0]}\\n\"", "value",
             "strerror(error)", *values, *time[1:]]
    return f"printf({', '.join(parts)});"


def seen(request: PlainRequest) -> tuple[str, ...]:
    """The format of what else came back, and its values."""
    verb, held = request.verb.name, request.came
    if verb == "getsockopt":
        return (", SO_ERROR: %s", "strerror(got)") if "SO_ERROR" in request.operands.values() else (", %d", "got")
    if verb == "poll":
        return ", revents %#x", "(unsigned)polled.revents"
    if verb in ("wait", "epoll_wait", "kevent"):
        return ", events %#x", "(unsigned)value"
    if verb in ("recv", "recvfrom"):
        return ", \\\"%.*s\\\"", "value > 0 ? value : 0", "data"
    if held and held.structure == "sockaddr_in":
        return ", %s:%d", f"inet_ntoa({held.field('addr')})", f"ntohs({held.field('port')})"
    if held and held.structure == "sockaddr_in6":
        host_ = f"inet_ntop(AF_INET6, &{held.field('addr')}, text, sizeof text)"
        return ", [%s]:%d", host_, f"ntohs({held.field('port')})"
    if held and held.structure == "sockaddr_un":
        return ", path \\\"%.*s\\\"", f"(int)sizeof {held.field('path')}", held.field("path")
    return ("",)


class Condition:
    """What makes a check hold, behind its call. before: the address that the same call gave before."""

    def __init__(self, request: PlainRequest, before: Held | None, statements: Statements) -> None:
        self.request, self.before, self.statements = request, before, statements
        self.good = f"value {request.success}"

    def of(self, check: Check, force: str) -> list[str]:
        """The alternatives, any of which makes it hold."""
        holds = [text for one in check.allowed if (text := self.holds(one))]
        return [*holds, *([self.good] if force == "may" and all(map(is_errno, check.allowed)) else [])]

    def holds(self, allowed: Allowed) -> str:
        if isinstance(allowed, str):
            words = {"ok": self.good, "blocks": "", "error": "error != 0"}
            return words[allowed] if allowed in words else f"error == {self.number(allowed)}"
        fields = [self.field(key, wanted) for key, wanted in allowed.items() if key not in ("errno", *BOUNDS)]
        bounds = [f"took {'>=' if key == 'not-before' else '<='} {seconds_of(allowed[key])}"
                  for key in BOUNDS if key in allowed]
        ret = f"error == {self.number(allowed['errno'])}" if "errno" in allowed else self.good
        return " && ".join([ret, *filter(None, fields), *bounds])

    def number(self, word: str) -> str:
        return self.request.spelling.number(word)

    def field(self, key: str, wanted: Any) -> str:
        """One field that came back, as the judge has it; empty if success says it already."""
        verb = self.request.verb.name
        if key in OF_ADDRESS:
            return self.of_address(key, wanted)
        if key == "revents":
            events = " | ".join(wanted) or "0"
            return f"{'value' if verb == 'epoll_wait' else 'polled.revents'} == ({events})".replace("(0)", "0")
        if key == "ready":
            return f"(value & ({ALL_READY})) == ({' | '.join(READY[one] for one in wanted) or '0'})"
        if key == "flags":
            flag = "value & POLLHUP" if verb == "kevent" else "value & O_NONBLOCK"  # as kqueue_events() has EV_EOF
            return flag if wanted else f"!({flag})"
        if key == "data":
            raw = wanted.encode()
            return "" if verb == "exchange" else f"value == {len(raw)}" + (
                f" && memcmp(data, {literal(raw)}, {len(raw)}) == 0" if raw else "")
        if key == "value":
            got = "value >> 16" if verb == "kevent" else "got"  # fflags
            return f"{got} == {'0' if wanted == 'ok' else self.number(str(wanted))}"
        return f"value == {self.number({'yes': '1', 'no': '0'}.get(str(wanted), str(wanted)))}"

    def of_address(self, key: str, wanted: str) -> str:
        came = self.request.came
        assert came is not None
        if wanted == "unchanged":
            return same(key, came, self.before) if self.before else "0"
        if wanted == "unnamed":
            return f"{came.field('path')}[0] == 0 && {came.field('path')}[1] == 0"
        if wanted == "abstract":
            return f"{came.field('path')}[0] == 0 && {came.field('path')}[1] != 0"
        if key == "port" and wanted in ("chosen", "none"):
            return f"{came.field('port')} {'!=' if wanted == 'chosen' else '=='} 0"
        if key == "host" or wanted in ("loopback", "wildcard"):
            return host(came, wanted)
        address = self.statements.address(wanted)
        spelling = self.request.spelling
        return same("name", came, spelling.held.get(address) or spelling.made(address))


def same(key: str, one: Held, other: Held) -> str:
    """Whether two addresses are the same, or their ports."""
    if one.structure != other.structure or not one.structure:
        return "0"
    if one.structure == "sockaddr_un":
        size = f"sizeof {one.field('path')}"
        return f"memcmp({one.field('path')}, {other.field('path')}, {size}) == 0"
    port = f"{one.field('port')} == {other.field('port')}"
    if key == "port":
        return port
    if one.structure == "sockaddr_in":
        return f"{one.field('addr')}.s_addr == {other.field('addr')}.s_addr && {port}"
    return f"memcmp(&{one.field('addr')}, &{other.field('addr')}, 16) == 0 && {port}"


def host(came: Held, wanted: str) -> str:
    """Whether an address has a host: loopback, wildcard, chosen (no wildcard), or as written."""
    kind = {"loopback": LOOPBACK, "wildcard": WILDCARD, "chosen": WILDCARD}.get(wanted, (wanted,))
    if came.structure == "sockaddr_in":
        (name,) = (one for one in kind if ":" not in one)
        return f"{came.field('addr')}.s_addr {'!=' if wanted == 'chosen' else '=='} inet_addr({literal(name)})"
    name = next(one for one in kind if ":" in one)
    macro = {"::1": "IN6_IS_ADDR_LOOPBACK", "::": "IN6_IS_ADDR_UNSPECIFIED"}[name]
    mapped = f"IN6_IS_ADDR_V4MAPPED(&{came.field('addr')})"
    plain = f"{macro}(&{came.field('addr')})"
    return f"!{plain}" if wanted == "chosen" else f"({plain} || {mapped})" if wanted == "loopback" else plain
