"""The engine: plays a case on a target and writes down what was seen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from fixtures import check, world
from fixtures.targets import Agent, AgentError, Answer, Session, Unavailable
from fixtures.world import Unresolved, Unsupported, World
from specs.foresee import Foreseen
from specs.model import Case, Entry, Step, Transcript, Vocabulary
from specs.reached import only_observed
from specs.verbs import VERBS, waiting_for
from suites.composed import Caller

PATIENCE_FACTOR = 5  # how much longer a call is waited for that is not expected to block
TIMER_PATIENCE_S = 200.0  # a case that waits for a timer of the kernel; Linux gives a connection up after 127 s
TIMED_VERBS = waiting_for("timer")  # what such a case can wait in
ERROR_VERBS = ("poll", "wait", "recv")  # by which a datagram socket waits for an ICMP error
TIMERS = ("TCP_SYNCNT", "TCP_USER_TIMEOUT")  # options that end an attempt which nobody answers
MAIN = "main"  # the room of the laboratory for all cases that need no other
LOOK = "SIGURG"  # which POSIX has ignored by default: sent to a thread, it shows whether its call has returned
WAITING_VERBS = waiting_for("queue")  # of a full queue: its clients learn it when they send their segment again


def vocabulary() -> Vocabulary:
    """The words that scenarios may use because a fixture defines them."""
    return Vocabulary({word: world.operands_of(word) for word in world.FIXTURES}, world.ADDRESSES)


def has_timer(case: Case) -> bool:
    """Whether a case waits for a timer of the kernel: of a given thing, or one that an option sets."""
    return (any(world.has_timer(given.fixture, given.operands) for given in case.given)
            or any(step.verb == "setsockopt" and step.operands["option"] in TIMERS for step in case.steps))


def waits(case: Case, foreseen: Foreseen) -> bool:
    """Whether a case waits, for a timer or for patience to run out, so that it is played while others go on."""
    full = {given.name for given in case.given if given.fixture == "full-queue"}
    full |= {given.operands["peer"] for given in case.given if given.operands.get("state") in world.QUEUED_STATES}
    return bool(has_timer(case)
                or any(step.verb in WAITING_VERBS and step.name in full for step in case.steps)
                or foreseen.blocks or foreseen.unreached
                # no client comes to be accepted where a call is declared to fail
                or (foreseen.fails and any(step.verb == "accept" for step in case.steps)))


def room_of(case: Case) -> str:
    """The room of the laboratory in which a case is played."""
    return next((world.ROOMS[given.fixture] for given in case.given if given.fixture in world.ROOMS), MAIN)


def meets_errors(case: Case) -> bool:
    """Whether ICMP errors are what a case waits for."""
    return case.axes.get("type") == "SOCK_DGRAM" and any(given.fixture == "closed-port" for given in case.given)


# What the lack of a verb means, where its name does not say it.
MEANING = {"pthread_kill": ": it has no signals, so that no call is interrupted",
           "sigaction": ": it has no signals to catch", "dlsym": ": it has no shared libraries",
           "declare": ": it has no C compiler to ask"}


def lacks(case: Case, greeting: Mapping[str, Any]) -> str:
    """Why a target cannot play a case, by what it said of itself; empty if it can."""
    wanted = [("verbs", "verb", verb) for step in case.steps if VERBS[step.verb].judged and not step.observe
              for verb in VERBS[step.verb].needed]
    wanted += [("domains", "domain", case.axes["domain"])] if "domain" in case.axes else []
    uses_facility = any(step.verb == "wait" for step in case.steps)
    wanted += [("facilities", "facility", case.axes["facility"])] if uses_facility and "facility" in case.axes else []
    if case.axes.get("nonblocking") == "SOCK_NONBLOCK":
        wanted.append(("facilities", "flag", "SOCK_NONBLOCK"))
    missing = next(((kind, word) for key, kind, word in wanted if word not in greeting[key]), None)
    return f"the target has no {missing[0]} {missing[1]}{MEANING.get(missing[1], '')}" if missing else ""


class Play:
    """One case being played on one agent."""

    def __init__(self, case: Case, agent: Agent, session: Session, foreseen: Foreseen) -> None:
        self.case, self.agent, self.usual_patience, self.foreseen = case, agent, session.target.patience, foreseen
        self.caller = Caller(agent)
        self.has_timer = has_timer(case)
        self.given_timer = False  # whether the fixture that is being brought about waits for a timer itself
        self.transcript = Transcript()
        self.given = ""
        self.world = World(self.fixture_call, case.axes, session.worlds(), session.absent, check.of(session))

    def run(self) -> Transcript:
        started = time.perf_counter()
        try:
            for given in self.case.given:
                self.given = given.name
                self.given_timer = world.has_timer(given.fixture, given.operands)
                world.give(self.world, given.fixture, given.name, given.operands)
            for index, step in enumerate(self.case.steps):
                self.given, self.given_timer = "", False
                self.step(index, step)
        except Unsupported as lack:
            self.transcript.ended = ("unsupported", str(lack))
        except (Unresolved, AgentError) as problem:
            self.transcript.ended = self.transcript.ended or ("unresolved", f"{self.given}: {problem}".lstrip(": "))
        except Stop:
            pass
        self.clean_up()
        self.transcript.names = dict(self.world.names)
        self.transcript.seconds = time.perf_counter() - started
        return self.transcript

    def clean_up(self) -> None:
        """Ready the agent for another case; one that dies when its sockets are closed has crashed."""
        if not self.agent.alive:
            return
        try:
            answer = self.agent.reset()
        except AgentError:  # a call still blocks on a thread; another agent takes its place
            return
        if answer.ret == "crashed":
            self.transcript.entries.append(Entry("reset", "reset", "", "reset", answer.observed()))
            self.transcript.ended = ("crashed", f"reset: {answer.reason}")

    def patience(self, verb: str, step: Step | None = None, index: int | None = None) -> float:
        """Seconds until a call is believed to block: few where that is foreseen, else more, for a loaded machine."""
        if verb == "declare":
            return TIMER_PATIENCE_S  # it starts compilers, which take their time in an emulated machine
        if index in self.foreseen.blocks or (step and step.is_precondition and self.foreseen.unreached):
            return self.usual_patience
        if step and step.verb == "connect" and self.world.always_blocks and not self.has_timer:
            return self.usual_patience
        if step and verb in ERROR_VERBS and self.world.checked.errors is None and meets_errors(self.case):
            return self.usual_patience
        timer = self.has_timer if step else self.given_timer
        return TIMER_PATIENCE_S if timer and verb in TIMED_VERBS else self.usual_patience * PATIENCE_FACTOR

    def fixture_call(self, verb: str, request: str) -> Answer:
        """A call made for a given thing, or for a step that needs more than one."""
        answer, seconds = self.call(request, self.patience(verb))
        subject = request.split()[1] if " " in request else ""
        self.transcript.entries.append(Entry(request, verb, subject, request, answer.observed(), None, self.given,
                                             seconds))
        self.stop_if_lost(answer, request)
        return answer

    def call(self, request: str, patience: float) -> tuple[Answer, float]:
        """Make one call of the agent's; the answer and how long it took, in whole milliseconds."""
        started = time.monotonic()
        answer = self.caller.call(request, patience)
        return answer, round(time.monotonic() - started, 3)

    def stop_if_lost(self, answer: Answer, text: str) -> None:
        if answer.ret == "crashed":
            self.transcript.ended = ("crashed", f"{text}: {answer.reason}")
            raise Stop
        if answer.ret == "blocks":
            self.transcript.ended = ("unresolved", f"{text} blocks")
            raise Stop

    def step(self, index: int, step: Step) -> None:
        """Make the call of one step; a precondition that fails ends the play."""
        if step.verb == "socket":
            self.socket(index, step)
            return
        if reason := self.ruled_out(step):
            raise Unsupported(reason)
        self.stop_if_in_vain(index, step)
        request = self.request(step)
        answer, seconds = self.call(request, self.patience(step.verb, step, index))
        self.record(index, step, request, answer, seconds)
        if step.verb == "bind" and answer.ok:
            self.world.bound.add(step.name)
        if step.verb == "close":
            self.world.reserve_port(step.name)

    def ruled_out(self, step: Step) -> str:
        """Why the target's properties rule a step out; empty if they do not."""
        if step.name in self.world.silent:
            return f"a silent host stands in for the full queue of {step.name}, and makes no calls"
        if step.operands.get("to") in self.world.silent and step.name in self.world.bound:
            return f"a silent host stands in for the full queue, and {step.name} is bound to loopback"
        looks = step.verb == "pthread_kill" and step.operands["signal"] == LOOK and not step.checks
        if looks and self.world.checked.interrupts:
            return f"a signal that is ignored interrupts connect() here, and {LOOK} is to look at it only"
        waits_for_error = step.verb in ERROR_VERBS and step.is_precondition and meets_errors(self.case)
        if waits_for_error and self.foreseen.surveys and self.world.checked.errors is None:
            return "no ICMP error reports here that a datagram finds no receiver"
        resets = step.verb == "setsockopt" and (step.operands["option"], step.operands["value"]) == ("SO_LINGER", 0)
        if resets and not step.checks and not self.world.checked.lingers:
            return "SO_LINGER of 0 does not reset a connection here"
        return ""

    def stop_if_in_vain(self, index: int, step: Step) -> None:
        """Stop before a call that waits for what nothing can bring any more: every connect() that would has failed."""
        made = [self.transcript.of_step(at) for at in self.case.awaited(index)]
        if not made or not all(entry and entry.failed for entry in made):
            return
        look = self.fixture_call("poll", world.line("poll", step.name, events="POLLIN", timeout=0))
        if not look.fields.get("revents"):
            raise Unresolved(f"{step.text} is not called, because no connect() before it succeeds")

    def record(self, index: int, step: Step, request: str, answer: Answer, seconds: float) -> None:
        entry = Entry(step.text, step.verb, step.name, request, answer.observed(), index, seconds=seconds)
        self.transcript.entries.append(entry)
        if answer.ret == "unsupported" and not only_observed(self.case, index, self.transcript):
            raise Unsupported(answer.reason)
        self.stop_if_lost(answer, step.text)
        if step.is_precondition and not answer.ok:
            if world.lacks(step.verb, answer.ret) or shares_no_address(step, answer):
                raise Unsupported(f"{step.text} = -1 {answer.ret}")
            self.transcript.ended = ("unresolved", f"step {index + 1}, a precondition: {step.text} = {answer.ret}")
            raise Stop

    def socket(self, index: int, step: Step) -> None:
        """Make a socket as the axes say, which may take several calls: IPV6_V6ONLY off for v4-mapped, fcntl()."""
        operands = step.operands
        try:
            self.world.socket(step.name, operands.get("domain", ""), operands.get("type", ""),
                              operands.get("protocol", ""), operands.get("nonblocking", False))
        except (Unsupported, Unresolved):
            lacking = self.transcript.entries[-1].observed["ret"] == "unsupported"
            if step.is_precondition or (lacking and not step.observe):
                raise
        made = self.transcript.entries[-1]
        self.transcript.entries[-1] = replace(made, text=step.text, verb=step.verb, subject=step.name, step=index)

    def request(self, step: Step) -> str:
        """The agent's request for a step."""
        operands = dict(step.operands)
        if "to" in operands:
            operands["to"] = self.world.resolve(operands["to"])
        if step.verb == "wait":
            operands = {"facility": self.world.facility, "events": ",".join(operands.pop("for")), **operands}
        if step.verb == "accept-all":
            operands = self.world.make_space(step.name) | operands
        if step.verb in ("connect-many", "socketpair"):
            operands |= {"domain": world.DOMAINS[self.world.domain], "type": self.world.type}
        if step.verb == "unlink":
            return world.line("unlink", self.world.resolve(step.name).removeprefix("unix:"))
        places = [spelt(key, operands.pop(key)) for key in VERBS[step.verb].words if key in operands]
        named = {key: spelt(key, value) for key, value in operands.items()}
        return world.line(step.verb, step.name, *places, **named)


def shares_no_address(step: Step, answer: Answer) -> bool:
    """Whether a precondition is that two sockets have one address, which not every platform's SO_REUSEADDR allows."""
    return step.verb == "bind" and answer.ret == "EADDRINUSE" and step.operands["to"] not in world.ADDRESSES


class Stop(Exception):
    """The rest of a case cannot be played; the transcript says why."""


def spelt(key: str, value: Any) -> str:
    """An operand's value in a request: lists are joined, data and C are percent-encoded."""
    text = "|".join(map(str, value)) or "0" if isinstance(value, list | tuple) else str(value)
    return quote(text) if key in ("data", "like") else text


def make_ready(session: Session) -> None:
    """Start a target, and find out its properties."""
    session.open()
    if not session.unavailable:
        check.of(session)


def play(case: Case, session: Session, own: bool = False, foreseen: Foreseen = Foreseen()) -> Transcript:  # noqa: B008 - frozen
    """Play a case on a target. own: on an agent of its own."""
    make_ready(session)
    if session.unavailable:
        return Transcript(ended=("unsupported", session.unavailable))
    lack = lacks(case, session.greeting)
    if lack:
        return Transcript(ended=("unsupported", lack))
    room = room_of(case)
    if not session.has_room(room):
        return Transcript(ended=("unsupported", session.absent(room)))
    try:
        with session.agent(room, own) as agent:
            return Play(case, agent, session, foreseen).run()
    except Unavailable as problem:
        return Transcript(ended=("unresolved", f"no new agent: {problem}"))
