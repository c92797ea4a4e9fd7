"""Outcomes compared: addresses and words about them, what other calls gave before, and what any run has alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from specs.model import Entry, Transcript
from specs.outcomes import address_role, is_errno, is_timed, lateness, matches, normalise


def entry(verb: str, subject: str, ret: str = "ok", **fields: str) -> Entry:
    return Entry("", verb, subject, "", {"ret": ret, **fields})


def same(wanted: Mapping[str, Any], name: str, *before: Entry, names: Mapping[str, str] = {}) -> bool:
    looked = entry("getsockname", "client", name=name)
    return matches(wanted, looked, Transcript([*before, looked], dict(names)))


@pytest.mark.parametrize(("wanted", "fits", "other"), [
    ({"name": "inet:127.0.0.1:80"}, "inet:127.0.0.1:80", "inet:127.0.0.1:81"),
    ({"host": "192.0.2.1"}, "inet:192.0.2.1:80", "inet:192.0.2.2:80"),
    ({"host": "chosen"}, "inet:127.0.0.1:80", "inet:0.0.0.0:80"), ({"host": "chosen"}, "inet6:::1:80", "inet6::::80"),
    ({"host": "chosen"}, "inet6:::1:80", "unnamed"), ({"host": "loopback"}, "inet6:::ffff:127.0.0.1:80", "inet6::::80"),
    ({"host": "wildcard"}, "inet6:::ffff:0.0.0.0:80", "inet6:::1:80"),
    ({"port": "chosen"}, "inet:0.0.0.0:80", "inet:0.0.0.0:0"),
    ({"port": "chosen"}, "inet:0.0.0.0:80", "unix:socket"), ({"port": "none"}, "inet:0.0.0.0:0", "inet:0.0.0.0:80"),
    ({"name": "unnamed"}, "unnamed", "unix:socket"), ({"name": "abstract"}, "abstract:x", "unix:abstract:x"),
])
def test_a_word_about_an_address(wanted: Mapping[str, str], fits: str, other: str) -> None:
    assert same(wanted, fits)
    assert not same(wanted, other)


def test_an_address_is_that_of_what_a_case_is_given_or_of_a_socket_of_its_own() -> None:
    held, own = {"peer": "inet:127.0.0.1:80"}, "inet:127.0.0.1:90"
    before = (entry("getsockname", "server", name="inet:127.0.0.1:70"), entry("getsockname", "server", name=own),
              entry("getsockname", "server", "EINVAL", name="other"), entry("getpeername", "server", name="other"),
              entry("getsockname", "another", name="other"))
    assert same({"name": "peer"}, "inet:127.0.0.1:80", names=held)
    assert same({"name": "server"}, own, *before)
    assert not same({"name": "server"}, "inet:127.0.0.1:70", *before)
    assert not same({"name": "server"}, "other", *before)
    assert not same({"name": "server"}, "")


def test_unchanged_is_as_the_same_call_gave_it_last() -> None:
    before = (entry("getsockname", "client", name="inet:127.0.0.1:70"),
              entry("getsockname", "client", name="inet:127.0.0.2:80"),
              entry("getsockname", "client", "EINVAL"), entry("getpeername", "client", name="inet:127.0.0.1:90"),
              entry("getsockname", "other", name="inet:127.0.0.1:90"))
    assert same({"name": "unchanged"}, "inet:127.0.0.2:80", *before)
    assert same({"port": "unchanged"}, "inet:127.0.0.9:80", *before)
    assert same({"host": "unchanged"}, "inet:127.0.0.2:99", *before)
    assert not same({"name": "unchanged"}, "inet:127.0.0.1:90", *before)
    assert not same({"name": "unchanged"}, "inet:127.0.0.9:80", *before)
    assert not same({"port": "unchanged"}, "inet:127.0.0.2:81", *before)
    assert not same({"host": "unchanged"}, "inet:127.0.0.3:80", *before)
    assert not same({"host": "unchanged"}, "unnamed")


def test_what_has_no_name_is_like_nothing() -> None:
    peer = entry("getpeername", "client", name="inet:127.0.0.1:80")
    assert not same({"host": "unchanged"}, "inet:127.0.0.1:80", peer)
    assert not matches({"name": "~"}, entry("getsockname", "client"), Transcript())
    assert same({"name": "server"}, "server", entry("getsockname", "server"))


def test_a_word_about_an_address_is_one_though_something_has_that_name() -> None:
    assert same({"name": "unnamed"}, "unnamed", names={"unnamed": "unix:socket"})


def test_what_is_called_later_changes_nothing() -> None:
    before, look, later = (entry("getsockname", "client", name=f"inet:127.0.0.1:{port}") for port in (80, 80, 90))
    assert matches({"name": "unchanged"}, look, Transcript([before, look, later]))


@pytest.mark.parametrize(("address", "role"), [
    ("inet:127.0.0.1:80", "peer"), ("inet:127.0.0.1:81", "inet:127.0.0.1:*"), ("inet:127.0.0.1:0", "inet:127.0.0.1:0"),
    ("inet6:::1:81", "inet6:::1:*"), ("inet6::::0", "inet6::::0"), ("unix:socket", "unix:*"),
    ("abstract:x", "abstract:*"), ("unnamed", "unnamed"), ("ENOTCONN", "ENOTCONN"), ("", ""),
])
def test_an_address_in_any_run(address: str, role: str) -> None:
    assert address_role(address, {"other": "unix:other", "peer": "inet:127.0.0.1:80"}) == role


def test_an_outcome_in_any_run() -> None:
    observed = {"ret": "ok", "name": "unix:a", "sockname": "inet:127.0.0.1:7", "peername": "inet:127.0.0.1:80",
                "data": "inet:127.0.0.1:7", "reason": "it died"}
    assert normalise(observed, {"peer": "inet:127.0.0.1:80"}) == {
        "ret": "ok", "name": "unix:*", "sockname": "inet:127.0.0.1:*", "peername": "peer", "data": "inet:127.0.0.1:7"}


@pytest.mark.parametrize(("allowed", "observed", "fits"), [
    ("error", {"ret": "EPIPE"}, True), ("error", {"ret": "ok"}, False), ("error", {"ret": "blocks"}, False),
    ({"errno": "EPIPE", "value": "x"}, {"ret": "EPIPE", "value": "x"}, True),
    ({"errno": "EPIPE"}, {"ret": "ok"}, False), ({"value": 1}, {"ret": "ok", "value": "1"}, True),
    ({"value": 1}, {"ret": "ok"}, False), ({"data": "a b"}, {"ret": "ok", "data": "a%20b"}, True),
    ({"data": "a b"}, {"ret": "ok", "data": "a b"}, False), ({"revents": []}, {"ret": "ok", "revents": ""}, True),
    ({"revents": ["POLLIN", "POLLOUT"]}, {"ret": "ok", "revents": "POLLOUT,POLLIN"}, True),
    ({"revents": ["POLLIN"]}, {"ret": "ok", "revents": "POLLOUT,POLLIN"}, False),
    ({"revents": []}, {"ret": "ok"}, True),
])
def test_an_outcome_is_allowed_field_by_field(allowed: Any, observed: dict[str, str], fits: bool) -> None:
    assert matches(allowed, Entry("", "recv", "client", "", observed), Transcript()) is fits


@pytest.mark.parametrize(("allowed", "seconds", "how"), [
    ({"not-before": "500ms"}, 0.499, "too early"), ({"not-before": "500ms"}, 0.5, ""), ({"within": "2s"}, 2.0, ""),
    ({"within": "2s"}, 2.001, "too late"), ({"errno": "EPIPE"}, 99.0, ""), ("ok", 99.0, ""),
])
def test_a_call_has_its_time(allowed: Any, seconds: float, how: str) -> None:
    assert lateness(allowed, seconds) == how
    assert is_timed([allowed]) is (isinstance(allowed, dict) and "errno" not in allowed)


def test_a_failure_is_one_by_its_errno() -> None:
    allowed: list[Any] = ["error", "EPIPE", {"errno": "EPIPE"}, "ok", "blocks", {"value": "EPIPE"}]
    assert [is_errno(one) for one in allowed] == [True, True, True, False, False, False]
