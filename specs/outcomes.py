"""Outcomes: what a call gave, compared with what is allowed or was seen in another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from specs.model import BOUNDS, Allowed, Entry, Observed, Transcript, seconds_of

LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
WILDCARD = ("0.0.0.0", "::", "::ffff:0.0.0.0")
ADDRESSES = ("name", "sockname", "peername")  # fields that are an address


# --- what is allowed ----------------------------------------------------------------------------------------


def matches(allowed: Allowed, entry: Entry, transcript: Transcript) -> bool:
    """Whether a call's outcome is one that is allowed."""
    ret = entry.observed["ret"]
    if not (ret.startswith("E") if allowed == "error" else ret == ret_of(allowed)) or lateness(allowed, entry.seconds):
        return False
    return isinstance(allowed, str) or all(
        same(key, value, entry, transcript) for key, value in allowed.items() if key not in ("errno", *BOUNDS))


def ret_of(allowed: Allowed) -> str:
    """What a call returns in an outcome: ok, blocks, an errno name."""
    return allowed if isinstance(allowed, str) else str(allowed.get("errno", "ok"))


def is_errno(allowed: Allowed) -> bool:
    """Whether an outcome is a failure: an errno, or any ("error")."""
    return allowed == "error" or ret_of(allowed).startswith("E")


def lateness(allowed: Allowed, seconds: float) -> str:
    """How a call that took so long misses the bounds of an outcome: too early, too late; empty if it does not."""
    bounds = {key: seconds_of(allowed[key]) for key in BOUNDS if key in allowed} if isinstance(allowed, Mapping) else {}
    if seconds < bounds.get("not-before", 0):
        return "too early"
    return "too late" if seconds > bounds.get("within", seconds) else ""


def is_timed(allowed: Sequence[Allowed]) -> bool:
    """Whether any of several outcomes has bounds of time."""
    return any(isinstance(one, Mapping) and key in one for one in allowed for key in BOUNDS)


def same(key: str, wanted: Any, entry: Entry, transcript: Transcript) -> bool:
    """Whether one field that came back is as wanted."""
    observed = entry.observed
    if key in ("name", "host", "port"):
        return same_name(key, wanted, entry, transcript)
    if isinstance(wanted, list | tuple):
        return set(filter(None, observed.get(key, "").split(","))) == set(wanted)
    if key == "data":
        return observed.get(key) == quote(wanted)
    if (key, wanted) == ("length", "path"):  # that of the family, of the path that came back, and of a null byte
        path = unquote_to_bytes(observed.get("name", "").removeprefix("unix:"))
        return observed.get(key) == str(2 + len(path) + 1)
    return observed.get(key) == str(wanted)


def same_name(key: str, wanted: str, entry: Entry, transcript: Transcript) -> bool:
    """Addresses: a literal, the address of a named thing, or a word about it."""
    name = entry.observed.get("name", "")
    if wanted == "unchanged":
        before = earlier(entry, transcript)
        return before is not None and part(key, before) == part(key, name)
    host, port = part("host", name), part("port", name)
    chosen = host not in ("", *WILDCARD) if key == "host" else port not in ("", "0")
    words = {"chosen": chosen, "none": port == "0", "loopback": host in LOOPBACK,
             "wildcard": host in WILDCARD, "unnamed": name == "unnamed", "abstract": name.startswith("abstract:")}
    if wanted in words:
        return words[wanted]
    if key == "host":
        return host == wanted
    return name == (transcript.names.get(wanted) or own_name(wanted, transcript) or wanted)


def own_name(socket: str, transcript: Transcript) -> str:
    """The name that getsockname() gave last on a socket of the scenario."""
    names = [entry.observed.get("name", "") for entry in transcript.entries
             if (entry.verb, entry.subject, entry.observed["ret"]) == ("getsockname", socket, "ok")]
    return names[-1] if names else ""


def part(key: str, name: str) -> str:
    """The host or port of an address such as inet:127.0.0.1:80, or all of it."""
    if key == "name" or not name.startswith("inet"):
        return name if key == "name" else ""
    host, _, port = name.partition(":")[2].rpartition(":")
    return host if key == "host" else port


def earlier(entry: Entry, transcript: Transcript) -> str | None:
    """The name that the same call on the same socket gave last before."""
    found = None
    for other in transcript.entries:
        if other is entry:
            return found
        if (other.verb, other.subject) == (entry.verb, entry.subject) and other.observed["ret"] == "ok":
            found = other.observed.get("name")
    return found


# --- what a run has in common with any other ----------------------------------------------------------------


def normalise(observed: Observed, names: Mapping[str, str]) -> dict[str, str]:
    """An outcome as any other run has it: without ports and paths that were chosen in this one, or a crash's reason."""
    return {key: address_role(item, names) if key in ADDRESSES else item
            for key, item in observed.items() if key != "reason"}


def address_role(address: str, names: Mapping[str, str]) -> str:
    """The fixture that has the address; else `inet:127.0.0.1:*`, `unix:*`, or a word such as `unnamed`."""
    owner = next((name for name, held in names.items() if held == address), "")
    family, _, rest = address.partition(":")
    if owner or not rest:
        return owner or address
    if family in ("inet", "inet6"):
        host, _, port = rest.rpartition(":")
        return f"{family}:{host}:{'0' if port == '0' else '*'}"
    return f"{family}:*"
