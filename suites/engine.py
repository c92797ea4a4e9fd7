"""The engine: plays a case on a target and writes down what was seen."""

from __future__ import annotations

import time

from fixtures import check, world
from fixtures.pairs import peers_of
from fixtures.targets import Agent, AgentError, Answer, NoProcess, Session, Unavailable
from fixtures.world import Environment, Unresolved, Unsupported
from specs.foresee import Foreseen
from specs.model import Case, Given, Step, Transcript
from specs.reached import only_observed
from suites.calls import Calls, Stop
from suites.capability import is_lacking, missing_capability, netns_of, ruled_out
from suites.requests import request_of
from suites.timeouts import Timeouts


class Play:
    """One case being played on one agent."""

    def __init__(self, case: Case, agent: Agent, session: Session, foreseen: Foreseen) -> None:
        self.case, self.foreseen = case, foreseen
        self.timeouts = Timeouts(case, session.target.call_timeout, foreseen)
        self.calls = Calls(agent, session.host_lacks)
        self.transcript = self.calls.transcript
        self.given: Given | None = None  # the fixture that is being brought about
        self.env = Environment(self.fixture_call, case.axes, session.networks(), session.absent, check.of(session))

    def run(self) -> Transcript:
        started = time.perf_counter()
        try:
            for given in self.case.given:
                self.given = given
                world.give(self.env, given.fixture, given.name, given.operands)
            self.given = None
            for index, step in enumerate(self.case.steps):
                self.step(index, step)
        except Unsupported as problem:
            self.transcript.ended = ("unsupported", str(problem))
        except (Unresolved, AgentError) as problem:
            self.transcript.ended = ("unresolved", f"{self.given.name}: {problem}" if self.given else str(problem))
        except Stop as stop:
            self.transcript.ended = stop.ended
        self.calls.clean_up()
        self.transcript.names = dict(self.env.names)
        self.transcript.seconds = time.perf_counter() - started
        return self.transcript

    def step(self, index: int, step: Step) -> None:
        """Make the call of one step; a precondition that fails ends the play."""
        if step.verb == "socket":
            self.socket(index, step)
            return
        if reason := ruled_out(step, self.case, self.env, self.foreseen):
            raise Unsupported(reason)
        self.stop_if_in_vain(index, step)
        request, timeout = request_of(step, self.env), self.timeouts.of_step(index, step, self.env)
        answer = self.calls.make(step.text, step.verb, step.name, request, timeout, step=index)
        if answer.ret == "unsupported" and not only_observed(self.case, index, self.transcript):
            raise Unsupported(answer.reason)
        if step.is_precondition and not answer.ok:
            if is_lacking(step, answer):
                raise Unsupported(f"{step.text} = -1 {answer.ret}")
            raise Stop("unresolved", f"step {index + 1}, a precondition: {step.text} = {answer.ret}")
        if step.verb == "bind" and answer.ok:
            self.env.bound.add(step.name)
        if step.verb == "close":
            self.env.reserve_port(step.name)

    def socket(self, index: int, step: Step) -> None:
        """Make a socket as the axes say, which may take several calls: IPV6_V6ONLY off for v4-mapped, fcntl()."""
        operands, entries = step.operands, self.transcript.entries
        try:
            self.env.socket(step.name, operands.get("domain", ""), operands.get("type", ""),
                              operands.get("protocol", ""), operands.get("nonblocking", False))
        except (Unsupported, Unresolved):
            lacking = entries[-1].observed["ret"] == "unsupported"
            if step.is_precondition or (lacking and not step.observe):
                raise
        entries[-1] = entries[-1]._replace(text=step.text, verb=step.verb, subject=step.name, step=index)

    def stop_if_in_vain(self, index: int, step: Step) -> None:
        """Stop before a call that waits for what nothing can bring any more: every connect() that would has failed."""
        made = [entry for at in self.case.awaited(index) if (entry := self.transcript.of_step(at))]
        waiter = self.case.waiter(index)
        if made and waiter and all(entry.failed for entry in made):
            look = self.fixture_call("poll", world.line("poll", waiter.name, events="POLLIN", timeout=0))
            if not look.fields.get("revents"):
                raise Unresolved(f"{step.text} is not called, because no connect() before it succeeds")

    def fixture_call(self, verb: str, request: str) -> Answer:
        """A call made for a fixture, or for a step that needs more than one."""
        subject, given = request.split(" ", 2)[1], self.given.name if self.given else ""
        return self.calls.make(request, verb, subject, request, self.timeouts.of_fixture(verb, self.given), given=given)


def play(case: Case, session: Session, own: bool = False, foreseen: Foreseen = Foreseen()) -> Transcript:  # noqa: B008 - frozen
    """Play a case on a target. own: on an agent of its own."""
    check.make_ready(session)
    netns = netns_of(case)
    lack = session.unavailable or missing_capability(case, session.hello)
    if not lack and not session.has_netns(netns):
        lack = session.absent(netns)
    if lack:
        return Transcript(ended=("unsupported", lack))
    try:
        with session.agent(netns, own, peers_of(case.given, case.steps)) as agent:
            return Play(case, agent, session, foreseen).run()
    except Unavailable as problem:
        word = "unsupported" if isinstance(problem, NoProcess) else "unresolved"
        return Transcript(ended=(word, f"no new agent: {problem}"))
