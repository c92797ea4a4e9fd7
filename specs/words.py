"""How outcomes, calls and what is allowed are worded, in every failure and report alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from specs.model import BOUNDS, Allowed, Deviation, Entry, Observed
from specs.outcomes import is_timed

LONG_S = 1.0  # a call that takes longer is shown with its time


def spell(entry: Entry, allowed: Sequence[Allowed] = ()) -> str:
    """A call with its outcome: connect(client, server) = -1 ECONNREFUSED; with its time where that is bounded."""
    return f"{entry.text} = {spell_observed(entry.observed)}{spell_time(entry.seconds) if is_timed(allowed) else ''}"


def spell_departure(entry: Entry, allowed: Sequence[Allowed]) -> str:
    """A call with its outcome and what its clause allows: connect(client, server) = 0, expected EISCONN."""
    return f"{spell(entry, allowed)}, expected {spell_allowed(allowed)}"


def spell_timed(observed: Observed, seconds: float, allowed: Sequence[Allowed] = ()) -> str:
    """An outcome with its time where that was long or the outcomes allowed have bounds: -1 ETIMEDOUT after 127 s."""
    return spell_observed(observed) + (spell_time(seconds) if seconds >= LONG_S or is_timed(allowed) else "")


def spell_time(seconds: float) -> str:
    """` after 127 s`, ` after 350 ms`; nothing for less than a millisecond."""
    if seconds >= LONG_S:
        return f" after {f'{seconds:.1f}'.removesuffix('.0')} s"
    return f" after {seconds * 1000:.0f} ms" if seconds else ""


def spell_observed(observed: Observed) -> str:
    """-1 ECONNREFUSED, 0, 0 {revents: POLLOUT}, blocks, returned 1, crashed."""
    ret = observed["ret"]
    fields = ", ".join(f"{key}: {value or 'none'}" for key, value in observed.items() if key not in ("ret", "reason"))
    if ret == "ok":
        return f"0 {{{fields}}}" if fields else "0"
    if ret.startswith("E"):
        return f"-1 {ret}"
    return ret.replace("=", " ")


def spell_allowed(allowed: Sequence[Allowed]) -> str:
    """EISCONN, or 0, or {revents: POLLOUT}, or ETIMEDOUT within 30 s; several joined by 'or'."""
    words = {"ok": "0", "error": "any errno"}
    return " or ".join(words.get(one, one) if isinstance(one, str) else spell_fields(one) for one in allowed)


def spell_declared(observed: Allowed | Sequence[Allowed]) -> str:
    """What an entry of a page declares: EINVAL at every check; EINVAL, then conforms, then 0."""
    many = [observed] if isinstance(observed, str | Mapping) else observed
    return ", then ".join(spell_allowed([one]) for one in many)


def spell_fields(outcome: Mapping[str, Any]) -> str:
    """An outcome that is a mapping: its errno or its fields, then its bounds."""
    fields = ", ".join(f"{key}: {'|'.join(map(str, value)) or 'none' if isinstance(value, list | tuple) else value}"
                       for key, value in outcome.items() if key not in ("errno", *BOUNDS))
    bounds = [f"{key.replace('-', ' ')} {outcome[key].rstrip('ms')} {outcome[key].lstrip('0123456789')}"
              for key in BOUNDS if key in outcome]
    return " ".join(filter(None, [f"{{{fields}}}" if fields else outcome.get("errno", "0"), " and ".join(bounds)]))


def spell_stale(entries: Sequence[Deviation]) -> str:
    """What entries of a page declare that is not so any more, and where they are."""
    return "; ".join(f"{one.file}:{one.line} declares {spell_declared(one.observed)}" for one in entries)
