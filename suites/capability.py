"""Why a target cannot play a case, or a step of it: by its hello, or by the properties that were found out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fixtures import world
from fixtures.targets import Answer
from fixtures.world import Environment
from specs.foresee import Foreseen
from specs.model import Case, Step
from specs.verbs import VERBS
from suites.timeouts import waits_for_error

DEFAULT_NETNS = "default"  # of the laboratory, for all cases that need no other
NONBLOCKING = {"SOCK_NONBLOCK": ("facilities", "flag", "SOCK_NONBLOCK"), "FIONBIO": ("verbs", "verb", "ioctl")}
IGNORED_SIGNAL = "SIGURG"  # as POSIX has it: sent to a thread, it shows whether its call has returned


def netns_of(case: Case) -> str:
    """The network namespace of the laboratory in which a case is played."""
    needed = (world.NAMESPACES.get(given.fixture) for given in case.given)
    return next(filter(None, needed), DEFAULT_NETNS)


def has_concurrent_calls(case: Case) -> bool:
    """Whether calls of a case are made side by side, by threads or by processes."""
    return any("thread" in step.operands or "process" in step.operands or step.verb == "fork" for step in case.steps)


def missing_capability(case: Case, hello: Mapping[str, Any]) -> str:
    """Why a target cannot play a case, by its agent's hello; empty if it can."""
    wanted = [("verbs", "verb", verb) for step in case.steps if VERBS[step.verb].judged and not step.observe
              for verb in VERBS[step.verb].needed]
    wanted += [("domains", "domain", case.axes["domain"])] if "domain" in case.axes else []
    uses_facility = any(step.verb == "wait" for step in case.steps)
    wanted += [("facilities", "facility", case.axes["facility"])] if uses_facility and "facility" in case.axes else []
    wanted += [needed for way, needed in NONBLOCKING.items() if way == case.axes.get("nonblocking")]
    kind, name = next(((kind, name) for key, kind, name in wanted if name not in hello[key]), ("", ""))
    meaning = VERBS[name].lacking if kind == "verb" else ""
    return f"the target has no {kind} {name}{meaning and ': '}{meaning}" if name else ""


def ruled_out(step: Step, case: Case, environment: Environment, foreseen: Foreseen) -> str:
    """Why the target's properties rule a step out; empty if they do not."""
    checked = environment.checked
    if step.name in environment.blackholed:
        return f"a blackholed host replaces the full queue of {step.name}, and makes no calls"
    if step.operands.get("to") in environment.blackholed and step.name in environment.bound:
        return f"a blackholed host replaces the full queue, and {step.name} is bound to loopback"
    if step.checks:
        return ""
    if step.verb == "pthread_kill" and step.operands["signal"] == IGNORED_SIGNAL and checked.interrupts:
        return f"a signal that is ignored interrupts connect() here, and {IGNORED_SIGNAL} is to look at it only"
    if step.is_precondition and waits_for_error(step, case) and checked.errors is None:
        if checked.filtered:
            return checked.filtered
        if foreseen.surveys:
            return "no ICMP error reports here that a datagram finds no receiver"
    resets = step.verb == "setsockopt" and (step.operands["option"], step.operands["value"]) == ("SO_LINGER", 0)
    if resets and not checked.lingers:
        return "SO_LINGER of 0 does not reset a connection here"
    return ""


def is_lacking(step: Step, answer: Answer) -> bool:
    """Whether a precondition failed because the platform cannot do such a thing at all.

    Not every platform's SO_REUSEADDR lets two sockets have one address.
    """
    shares = step.verb == "bind" and answer.ret == "EADDRINUSE" and step.operands["to"] not in world.ADDRESSES
    return shares or world.means_unsupported(step.verb, answer.ret, step.operands)
