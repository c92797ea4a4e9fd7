"""Every check can fail: for each there is an outcome, plausible for its call, that it does not allow.

A check that every plausible outcome passes proves nothing and is counted all the same. Plausible is success, and what
some system gives or documents in the place of what the check expects: where a clause says *may* and two errnos are
allowed that are given for one another, nothing is left that fails. Of an attempt either that it is made or that it is
under way has to fail where a refusal passes.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence

from specs.checks import of_check
from specs.model import Check, Entry, Step, Transcript
from specs.outcomes import is_errno, is_timed, ret_of
from specs.reached import Made
from suites.selftest.house import cases, clauses, profiles

CLAUSES = clauses()

# What systems give, or document, in the place of an errno, beside success.
INSTEAD: Mapping[str, Sequence[str]] = {
    "EACCES": ("EPERM", "ECONNREFUSED"), "EADDRINUSE": ("EADDRNOTAVAIL", "EINVAL"),
    "EADDRNOTAVAIL": ("EAGAIN", "EINVAL"), "EAFNOSUPPORT": ("EINVAL",),
    "EAGAIN": ("EINPROGRESS", "ECONNREFUSED", "blocks"), "EALREADY": ("EINPROGRESS", "EISCONN"),
    "EBADF": ("ENOTSOCK",), "ECONNABORTED": ("ECONNREFUSED", "EINVAL"), "ECONNREFUSED": ("ECONNRESET", "EINPROGRESS"),
    "ECONNRESET": ("EPIPE", "ENOTCONN"), "EDESTADDRREQ": ("ENOTCONN",), "EFAULT": ("EINVAL",),
    "EHOSTUNREACH": ("ENETUNREACH", "ETIMEDOUT"), "EINPROGRESS": ("EAGAIN", "blocks"), "EINTR": ("blocks",),
    "EINVAL": ("EAFNOSUPPORT",), "EIO": ("ECONNREFUSED",), "EISCONN": ("EALREADY", "EINVAL"), "ELOOP": ("ENOENT",),
    "ENAMETOOLONG": ("EINVAL", "ENOENT"), "ENETDOWN": ("ENETUNREACH",),
    "ENETUNREACH": ("EHOSTUNREACH", "EADDRNOTAVAIL"), "ENOBUFS": ("EAGAIN",), "ENOENT": ("ECONNREFUSED",),
    "ENOPROTOOPT": ("EINVAL",), "ENOSPC": ("EPERM",), "ENOSR": ("ENOBUFS",), "ENOTCONN": ("EINVAL",),
    "ENOTDIR": ("ENOENT",),
    "ENOTSOCK": ("ECONNREFUSED",), "ENXIO": ("EADDRNOTAVAIL",), "EOPNOTSUPP": ("EINVAL",), "EPERM": ("EISCONN",),
    "EPIPE": ("ENOTCONN",), "EPROTO": ("ECONNREFUSED",), "EPROTONOSUPPORT": ("EINVAL",),
    "EPROTOTYPE": ("ECONNREFUSED",), "ESOCKTNOSUPPORT": ("EPROTONOSUPPORT",), "ETIMEDOUT": ("EHOSTUNREACH",),
}
# What calls give in the place of success; EINVAL where a call is not named.
UNLIKE: Mapping[str, Sequence[str]] = {
    "connect": ("EINPROGRESS", "ECONNREFUSED", "EISCONN"), "pthread_join": ("EINTR", "ECONNREFUSED"),
    "send": ("EPIPE", "ENOTCONN"), "sendto": ("EISCONN",), "recv": ("ENOTCONN", "EAGAIN"), "recvfrom": ("EAGAIN",),
    "exchange": ("ENOTCONN",), "getpeername": ("ENOTCONN",), "shutdown": ("ENOTCONN",), "accept": ("blocks",),
    "poll": ("blocks",), "wait": ("blocks",), "dlsym": ("ENOENT",), "bind": ("EINVAL",), "listen": ("EINVAL",),
}
# The fields of calls that succeed, each with what is plausible.
GIVES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "poll": {"revents": ("", "POLLIN", "POLLOUT", "POLLOUT,POLLHUP", "POLLIN,POLLOUT,POLLERR,POLLHUP")},
    "epoll_wait": {"revents": ("", "POLLOUT", "POLLOUT,POLLHUP", "POLLIN,POLLOUT,POLLERR,POLLHUP")},
    "kevent": {"ready": ("", "input", "output"), "flags": ("", "EV_EOF"), "value": ("ok", "ECONNREFUSED", "ETIMEDOUT")},
    "wait": {"ready": ("", "input", "output", "input,output")},
    "getsockopt": {"value": ("ok", "0", "1", "2", "ECONNREFUSED", "ETIMEDOUT", "EINPROGRESS")},
    "recv": {"data": ("", "hello", "noise")},
    "recvfrom": {"data": ("", "hello", "noise")},
    "exchange": {"data": ("intact", "cut")},
    "getsockname": {"name": ("inet:0.0.0.0:0", "inet:127.0.0.1:4711", "inet:192.0.2.1:4711", "unnamed", "unix:some")},
    "getpeername": {"name": ("inet:127.0.0.1:4711", "inet:192.0.2.1:4711", "unnamed", "unix:some")},
    "accept": {"name": ("inet:127.0.0.1:4711", "inet:192.0.2.1:4711", "unnamed", "unix:some")},
    "accept-all": {"accepted": ("0", "1", "2")},
    "fcntl": {"flags": ("", "O_NONBLOCK")},
    "pthread_kill": {"returned": ("yes", "no")},
    "connect-many": {"connected": ("0", "1")},
}
UNDER_WAY = ("ok", "EINPROGRESS")  # what an attempt gives that is not refused
LONG_S = 127.0  # what Linux takes to give an attempt up by default

# Checks that nothing plausible fails, with the reason: the scenario, then the clause.
EXCEPTIONS: dict[tuple[str, str], str] = {}


def plausible(step: Step, check: Check) -> Iterator[Mapping[str, str]]:
    """Outcomes that some system gives where a check expects what it does: success, and what is like each outcome."""
    values = [(key, value) for key, some in GIVES.get(step.verb, {}).items() for value in some]
    yield from [{"ret": "ok", key: value} for key, value in values] or [{"ret": "ok"}]
    for one in check.allowed:
        ret = ret_of(one)
        others = () if one == "error" else INSTEAD[ret] if is_errno(one) else UNLIKE.get(step.verb, ("EINVAL",))
        yield from ({"ret": other} for other in (*others, *(() if one == "error" else (ret,))))


@functools.cache
def forces(clause: str) -> frozenset[str]:
    """How strongly it binds the platforms that it binds; of a survey, not at all."""
    return frozenset(CLAUSES[clause].force(profile.manuals) for profile in profiles()) - {"survey"}


def fails(step: Step, check: Check, force: str, observed: Mapping[str, str], seconds: float = 0.0) -> bool:
    entry = Entry(step.text, step.verb, step.name, "", observed, 0, seconds=seconds)
    return of_check(Made(0, check, entry), Transcript([entry]), force) == "fails"


def can_fail(step: Step, check: Check, force: str) -> bool:
    """Whether something plausible fails a check; of an attempt that it is made, is under way, or has failed."""
    refused = any(is_errno(one) and ret_of(one) not in ("EINPROGRESS", "EALREADY") for one in check.allowed)
    if step.verb == "connect" and refused and not any(fails(step, check, force, {"ret": ret}) for ret in UNDER_WAY):
        return False
    return any(fails(step, check, force, observed, seconds)
               for observed, seconds in itertools.product(plausible(step, check), (0.0, LONG_S)))


@functools.cache
def vacuous() -> Mapping[tuple[str, str], str]:
    """Scenario and clause -> where there is a check that nothing fails under any force it has."""
    found: dict[tuple[str, str], str] = {}
    known: dict[str, bool] = {}
    for case in cases():
        for step in case.steps:
            for check in step.checks:
                if CLAUSES[check.clause].is_survey:  # it is compared with a baseline, and is no check
                    continue
                key = repr((step.verb, step.operands.get("option"), check))
                if key not in known:
                    known[key] = any(can_fail(step, check, force) for force in forces(check.clause))
                if not known[key]:
                    found[case.id.partition("[")[0], check.clause] = f"{case.file}:{step.line}: {step.text}, {check}"
    return found


def test_every_check_can_fail() -> None:
    wrong = [reported for key, reported in vacuous().items() if key not in EXCEPTIONS]
    assert not wrong, "\n".join(wrong)


def test_every_clause_that_is_no_survey_binds_a_platform() -> None:
    assert [clause.id for clause in CLAUSES.values() if not clause.is_survey and not forces(clause.id)] == []


def test_what_a_survey_gives_never_fails_by_itself() -> None:
    step = next(step for case in cases() for step in case.steps if any(
        CLAUSES[check.clause].is_survey for check in step.checks))
    assert not any(can_fail(step, check, "survey") for check in step.checks)


def test_exceptions_are_needed() -> None:
    assert EXCEPTIONS.keys() <= vacuous().keys()


# Clauses that speak of time.
TIMED = ("linux.TCP_SYNCNT", "linux.TCP_USER_TIMEOUT")


def test_options_that_set_a_time_are_checked_by_it() -> None:
    """Else what ignores them conforms after any other time."""
    for case in cases():
        for clause in TIMED:
            checks = [check for step in case.steps for check in step.checks if check.clause == clause]
            assert not checks or any(is_timed(check.allowed) for check in checks), (case.id, clause)
