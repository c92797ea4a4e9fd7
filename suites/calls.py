"""The calls of one case: made on its agent, and written down with what they give."""

from __future__ import annotations

import time
from collections.abc import Mapping

from fixtures.targets import Agent, AgentError, Answer
from specs.model import Entry, Transcript
from suites.composed import Composer


class Stop(Exception):
    """The rest of a case cannot be played; why, as a verdict and a reason."""

    def __init__(self, verdict: str, reason: str) -> None:
        super().__init__(reason)
        self.ended = verdict, reason


class Calls:
    """Makes the calls of one case, each of which becomes an entry of the transcript."""

    def __init__(self, agent: Agent, host_lacks: Mapping[str, str]) -> None:
        self.agent, self.composer, self.host_lacks = agent, Composer(agent), host_lacks
        self.transcript = Transcript()

    def make(self, text: str, verb: str, subject: str, request: str, timeout: float, *, step: int | None = None,
             given: str = "") -> Answer:
        """Make a call; its entry has what it gives and how long it takes, to the millisecond.

        Stop: it does not return in time, the agent died, or the host lacks what it depends on.
        """
        for word, reason in self.host_lacks.items():
            if word in request:
                raise Stop("unsupported", reason)
        started = time.monotonic()
        answer = self.composer.call(request, timeout)
        seconds = round(time.monotonic() - started, 3)
        self.transcript.entries.append(Entry(text, verb, subject, request, answer.observed(), step, given, seconds))
        if answer.ret == "crashed":
            raise Stop("crashed", f"{text}: {answer.reason}")
        if answer.ret == "blocks":
            raise Stop("unresolved", f"{text} blocks")
        return answer

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
