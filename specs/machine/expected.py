"""The checks of scenarios held against the machine's rules: each outcome that a check allows is one that rules allow.

No target is played. A scenario is followed by what it expects, up to its first call that the machine does not model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from specs.machine.oracle import MESSAGE
from specs.machine.rules import CLOSED, FULL, MOVES, Move, is_judged, move
from specs.machine.state import KINDS, Socket, State, closure
from specs.machine.traits import Answers, matches
from specs.model import Allowed, Case, Check, Given, Step
from specs.outcomes import ret_of

DOMAINS = {"abstract": "AF_UNIX", "v4-mapped": "AF_INET6"}  # axes of domain that are those to the machine
PHASES = {"listener": "listening", "bound-socket": "unconnected"}  # fixtures that are sockets
ADDRESSES = {"closed-port": CLOSED, "full-queue": FULL}  # fixtures that are addresses
OPERANDS = {"to", "as", "how", "backlog", "data", "option", "events", "timeout", "nonblocking", "cmd", "flags",
            "for", "value"}
SILENT = ("fcntl", "wait")  # calls that no rule is about
PORTS = {"chosen": "bound", "none": "none"}  # words for a port, and for the name that has it
UNMODELLED = ("blocks", "EINTR", "error")  # outcomes that the machine has no word for

# The states of socket-in: the calls that make it, each with its answer, and the label that it then has.
Calls = tuple[tuple[str, Mapping[str, str], str], ...]
ACCEPT: Calls = (("connect", {"to": "peer"}, "ok"), ("accept", {"as": "other"}, "ok"))
BEGIN: Calls = (("connect", {"to": "peer"}, "EINPROGRESS"),)
MADE: Mapping[str, tuple[str, Calls, str]] = {
    "fresh": ("listener", (), "unconnected"),
    "bound": ("listener", (("bind", {"to": "loopback"}, "ok"),), "unconnected"),
    "pending": ("full-queue", BEGIN, "pending"),
    "interrupted": ("full-queue", BEGIN, "pending"),
    "timed-out": ("full-queue", (("connect", {"to": "peer"}, "ETIMEDOUT"),), "failed"),
    "just-established": ("listener", BEGIN, "established"),
    "established": ("listener", ACCEPT[:1], "connected"),
    "shut-down-read": ("listener", (*ACCEPT[:1], ("shutdown", {"how": "SHUT_RD"}, "ok")), "connected-shut-read"),
    "shut-down-write": ("listener", (*ACCEPT[:1], ("shutdown", {"how": "SHUT_WR"}, "ok")), "connected-shut-write"),
    "peer-closed": ("listener", (*ACCEPT, ("close other", {}, "ok")), "peer-closed"),
    "closed-both-ways": ("listener", (*ACCEPT, ("shutdown", {"how": "SHUT_WR"}, "ok"), ("close other", {}, "ok")),
                         "peer-closed-shut-write"),
    "reset": ("listener", (*ACCEPT, ("send", {"data": MESSAGE}, "ok"), ("close other", {}, "ok")), "reset"),
    "refused": ("closed-port", (("connect", {"to": "peer"}, "ECONNREFUSED"),), "failed"),
    "refused-error-pending": ("closed-port", BEGIN, "refused"),
    "refused-error-consumed": ("closed-port", (*BEGIN, ("getsockopt", {}, "ECONNREFUSED")), "consumed"),
    "listening": ("listener", (("bind", {"to": "loopback"}, "ok"), ("listen", {}, "ok")), "listening"),
}


# --- a scenario as a walk -----------------------------------------------------------------------------------


def as_walk(case: Case) -> Case | None:
    """A scenario up to its first step that the machine does not model, with addresses by the machine's words.

    None if it is given anything that the machine does not model.
    """
    kind = (DOMAINS.get(case.axes.get("domain", ""), case.axes.get("domain", "")), case.axes.get("type", "SOCK_STREAM"))
    if kind not in KINDS or not all(map(is_known, case.given)):
        return None
    addresses = dict(filter(None, (address(given) for given in case.given)))
    names = {"unspec", "loopback", *addresses.values(), *sockets_of(case.given), *(step.name for step in case.steps)}
    steps = [renamed(step, addresses) for step in case.steps]
    modelled = next((at for at, step in enumerate(steps) if not is_modelled(step, names)), len(steps))
    return replace(case, axes={**case.axes, "domain": kind[0], "type": kind[1]}, steps=tuple(steps[:modelled]))


def is_known(given: Given) -> bool:
    if given.fixture == "socket-in":
        return given.operands.get("state", "fresh") in MADE
    return not given.operands and given.fixture in {*PHASES, *ADDRESSES}


def address(given: Given) -> tuple[str, str] | None:
    """The name of a fixture that is an address, and the machine's word for it."""
    if given.fixture == "socket-in":
        peer, fixture = given.operands.get("peer", "peer"), MADE[given.operands.get("state", "fresh")][0]
        return (peer, ADDRESSES[fixture]) if fixture in ADDRESSES else None
    return (given.name, ADDRESSES[given.fixture]) if given.fixture in ADDRESSES else None


def sockets_of(givens: Sequence[Given]) -> Iterator[str]:
    for given in givens:
        yield given.name
        if given.fixture == "socket-in":
            yield str(given.operands.get("peer", "peer"))


def renamed(step: Step, addresses: Mapping[str, str]) -> Step:
    """A step of a walk, with its words and its message. Of probe(), SO_ERROR alone changes a socket."""
    operands = {key: addresses.get(str(value), value) if key == "to" else MESSAGE if key == "data" else value
                for key, value in step.operands.items()}
    if step.verb == "probe":
        return replace(step, verb="getsockopt", operands={"option": "SO_ERROR"}, checks=(), observe=True)
    return replace(step, operands=operands)


def is_modelled(step: Step, names: Collection[str]) -> bool:
    return (step.verb in {*MOVES, *SILENT} and step.operands.keys() <= OPERANDS
            and str(step.operands.get("to", "unspec")) in names
            and step.operands.get("option", "SO_ERROR") == "SO_ERROR")


def begin(walk: Case) -> set[State]:
    """The states of a walk before its first step: those of its fixtures."""
    kind = KINDS[walk.axes["domain"], walk.axes["type"]]
    states = {State.of({"": Socket(kind, CLOSED)})}
    for given in walk.given:
        if given.fixture in PHASES:
            states = {one.put(given.name, Socket(kind, PHASES[given.fixture], "own")) for one in states}
        if given.fixture == "socket-in":
            states = {one for state in states for one in made(state, kind, given)}
    return states


def made(state: State, kind: str, given: Given) -> set[State]:
    """The states in which a socket is in one of socket-in."""
    fixture, calls, label = MADE[given.operands.get("state", "fresh")]
    peer = ADDRESSES.get(fixture, str(given.operands.get("peer", "peer")))
    if fixture in PHASES:
        state = state.put(peer, Socket(kind, PHASES[fixture], "own"))
    states = {state.put(given.name, Socket(kind))}
    for call, operands, word in calls:
        verb, _, other = call.partition(" ")
        subject = other or (peer if verb == "accept" else given.name)
        step = Step(verb, subject, {"to": peer} if operands.get("to") == "peer" else operands, (), 0)
        states = {move(one, step).then(word) for one in closure(states)}
    return {one for one in closure(states) if one.get(given.name).label == label}


# --- its checks under the rules -----------------------------------------------------------------------------


class Expected(NamedTuple):
    """One outcome that a check allows, under a rule that its call may fall under, if possible one that allows it.

    broken: the clause of the same document that forbids it there, or nothing.
    """

    step: int
    clause: str
    rule: str
    kind: str
    word: str
    broken: str


def expectations(walk: Case, answers: Answers) -> Iterator[Expected]:
    """Each outcome that each check of a walk allows.

    answers: of all manuals. The states before a call are those that what is expected of earlier ones leads to. An
    outcome that has no word of the machine is left out.
    """
    states = begin(walk)
    for index, step in enumerate(walk.steps):
        states = closure(states)
        if step.verb in SILENT:
            states = waited(states, step)
            continue
        found = [(one.kind, move(one, step)) for one in sorted(states)]
        for check in step.checks:
            for word in filter(None, (word_of(step, outcome) for outcome in check.allowed)):
                departs = [Expected(index, check.clause, its.rule, kind, word,
                                    forbidding(check, its.rule, kind, word, answers))
                           for kind, its in found if is_judged(its.rule)]
                yield from sorted(departs, key=lambda one: bool(one.broken))[:1]
        states = {its.then(word) for kind, its in found for word in leads(step, kind, its, answers)}


def waited(states: set[State], step: Step) -> set[State]:
    """The states after a step that may have waited: until a socket is writable, its attempt has ended."""
    is_ended = "output" in step.operands.get("for", ()) and "timeout" not in step.operands
    return {one for one in states if not (is_ended and one.get(step.name).phase == "pending")}


def forbidding(check: Check, rule: str, kind: str, word: str, answers: Answers) -> str:
    """The clause that does not allow a word, of those that the document of a check states."""
    document = answers.clauses[check.clause].cited[0].document
    return next((clause for clause, allowed in answers.required(rule, kind) if not matches(word, allowed)
                 and any(one.document == document for one in answers.clauses[clause].cited)), "")


def leads(step: Step, kind: str, its: Move, answers: Answers) -> Collection[str]:
    """The words by which the walk goes on: what is expected, of a precondition a success, else all that are given."""
    words = [word_of(step, outcome) for check in step.checks for outcome in check.allowed]
    if words and all(words) and not step.after:
        return words
    given = {"ok", *filter(None, words), *answers.given(its.rule, kind)}
    return [word for word in given if not (step.is_precondition and word.startswith("E"))]


def word_of(step: Step, outcome: Allowed) -> str:
    """An outcome in the machine's words, as `oracle.word_of` has what came back; empty where it has none."""
    ret = ret_of(outcome)
    if ret != "ok":
        return "" if ret in UNMODELLED else ret
    fields: Mapping[str, Any] = outcome if not isinstance(outcome, str) else {}
    if step.verb == "poll" and "revents" in fields:
        return "|".join(sorted(fields["revents"])) or "none"
    if step.verb == "getsockopt":
        return str(fields.get("value", ""))
    if step.verb == "recv" and "data" in fields:
        return "data" if fields["data"] else "end"
    if step.verb == "getsockname":
        port = str(fields.get("port", ""))
        return "any-host" if (port, fields.get("host")) == ("chosen", "wildcard") else PORTS.get(port, "")
    return {"getpeername": "peer", "poll": "", "recv": ""}.get(step.verb, "ok")
