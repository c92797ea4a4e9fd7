"""A step as the agent reads it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fixtures import world
from fixtures.world import Environment
from specs.model import Step
from specs.verbs import VERBS


def request_of(step: Step, environment: Environment) -> str:
    """The agent's request for a step. environment: it has the addresses, and the axes that a step does not repeat."""
    operands = dict(step.operands)
    if "to" in operands:
        operands["to"] = environment.resolve(operands["to"])
    if step.verb == "fork" or "process" in operands:
        environment.abort_pending(environment.fillers)
    if step.verb == "wait":
        operands = {"facility": environment.facility, "events": ",".join(operands.pop("for")), **operands}
    if step.verb == "accept-all":
        operands = environment.make_space(step.name) | operands
    if step.verb in ("connect-many", "socketpair"):
        operands |= {"domain": world.DOMAINS[environment.domain], "type": environment.type}
    if step.verb == "unlink":
        return world.line("unlink", environment.resolve(step.name).removeprefix("unix:"))
    words = [format_operand(key, operands.pop(key)) for key in VERBS[step.verb].words if key in operands]
    return world.line(step.verb, step.name, *words,
                      **{key: format_operand(key, value) for key, value in operands.items()})


def format_operand(key: str, value: Any) -> str:
    """Lists are joined, data and C are percent-encoded."""
    text = "|".join(map(str, value)) or "0" if isinstance(value, list | tuple) else str(value)
    return quote(text) if key in ("data", "like") else text
