"""How long a call is waited for, and which cases are slow because a call of theirs waits."""

from __future__ import annotations

from typing import NamedTuple

from fixtures import world
from fixtures.world import Environment
from specs.foresee import Foreseen
from specs.model import Case, Given, Step
from specs.verbs import waiting_for

LOADED_FACTOR = 5  # times the call timeout, for a call that is not expected to block, on a loaded machine
TIMER_TIMEOUT_S = 200.0  # of a call that waits for a timer of the kernel; Linux gives a connection up after 127 s
TIMER_OPTIONS = ("TCP_SYNCNT", "TCP_USER_TIMEOUT", "SO_KEEPALIVE")  # they end what is never answered


class Timeouts(NamedTuple):
    """Seconds until a call of a case is believed to block. usual: the target's call timeout."""

    case: Case
    usual: float
    foreseen: Foreseen

    def of_step(self, index: int, step: Step, environment: Environment) -> float:
        """Few seconds where blocking is foreseen, else more, and those that the call itself waits."""
        blocks = index in self.foreseen.blocks or (step.is_precondition and self.foreseen.unreached)
        ignores_nonblocking = step.verb == "connect" and environment.always_blocks and not has_timer(self.case)
        gets_no_error = environment.checked.errors is None and waits_for_error(step, self.case)
        if blocks or ignores_nonblocking or gets_no_error:
            return self.usual
        return self.unforeseen(step.verb, has_timer(self.case)) + float(step.operands.get("timeout", 0)) / 1000

    def of_fixture(self, verb: str, given: Given | None) -> float:
        """Of a call that a fixture makes, or, without one, the engine beside a step."""
        return self.unforeseen(verb, given is not None and world.has_timer(given.fixture, given.operands))

    def unforeseen(self, verb: str, timer: bool) -> float:
        long = verb in waiting_for("compiler") or (timer and verb in waiting_for("timer"))
        return TIMER_TIMEOUT_S if long else self.usual * LOADED_FACTOR


def waits_for_error(step: Step, case: Case) -> bool:
    """Whether a datagram socket waits in a step for an ICMP error."""
    return (step.verb in waiting_for("error") and case.axes.get("type") == "SOCK_DGRAM"
            and any(given.fixture == "closed-port" for given in case.given))


def has_timer(case: Case) -> bool:
    """Whether a case waits for a timer of the kernel: of a fixture, or one that an option sets."""
    return (any(world.has_timer(given.fixture, given.operands) for given in case.given)
            or any(step.verb == "setsockopt" and step.operands["option"] in TIMER_OPTIONS for step in case.steps))


def is_slow(case: Case, foreseen: Foreseen) -> bool:
    """Whether a case waits, for a timer or for the call timeout, so that it is played while others go on."""
    full = {given.name for given in case.given if given.fixture == "full-queue"}
    full |= {given.operands["peer"] for given in case.given if given.operands.get("state") in world.QUEUED_STATES}
    return bool(has_timer(case)
                or any((step.verb in waiting_for("queue") and step.name in full)
                       or step.operands.get("option") == "SO_SNDTIMEO" for step in case.steps)
                or foreseen.blocks or foreseen.unreached
                # no client comes to be accepted where a call is declared to fail
                or (foreseen.fails and any(step.verb == "accept" for step in case.steps)))
