"""Fixtures on answers made by hand: what no system that plays the self-tests shows."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from fixtures import world
from fixtures.checked import Checked
from fixtures.targets import Answer
from fixtures.world import Environment, Unresolved, Unsupported
from specs.model import Step
from suites.capability import is_lacking
from suites.requests import request_of

NETWORKS = {"link-local": {"AF_INET6": "fe80::1%link0"}, "no-route": {"AF_INET": "192.0.2.1"},
            "blackholed-host": {"AF_INET": "198.51.100.1"},
            "rejecting": {"AF_INET": "203.0.113.0", "AF_INET6": "2001:db8::"}}


def environment(answers: Mapping[str, str] = {}, domain: str = "AF_INET", checked: Checked = Checked(),  # noqa: B008
                ) -> Environment:
    """What a case is given where a verb answers so, and every other succeeds."""
    def call(verb: str, request: str) -> Answer:
        return Answer(answers.get(verb, "ok"), {"name": "unix:socket", "revents": "POLLIN", "value": "ok"})

    return Environment(call, {"domain": domain}, NETWORKS, lambda name: f"no {name}", checked)


def requests(domain: str, word: str, **operands: object) -> tuple[list[str], str]:
    """The requests that a fixture makes, and the address of what it gives."""
    made: list[str] = []

    def call(_verb: str, request: str) -> Answer:
        made.append(request)
        return Answer("ok", {"name": "unix:socket"})

    env = Environment(call, {"domain": domain}, NETWORKS, str)
    world.give(env, word, "it", operands)
    return made, env.names.get("it", "")


@pytest.mark.parametrize(("verb", "errnos"), [
    ("socket", "EAFNOSUPPORT EPROTONOSUPPORT ESOCKTNOSUPPORT EPROTOTYPE EPFNOSUPPORT EPERM EACCES"),
    ("socketpair", "EAFNOSUPPORT EPROTONOSUPPORT ESOCKTNOSUPPORT EPROTOTYPE EOPNOTSUPP EPERM EACCES"),
    ("setsockopt", "ENOPROTOOPT EOPNOTSUPP"), ("ioctl", "ENOTTY EINVAL EOPNOTSUPP"), ("epoll_ctl", "EPERM"),
    ("chmod", "ENOSYS"),
])
def test_a_call_that_a_platform_cannot_make_is_unsupported(verb: str, errnos: str) -> None:
    for errno in errnos.split():
        with pytest.raises(Unsupported):
            environment({verb: errno}).call(verb, "name")
    assert not world.means_unsupported(verb, "ENOMEM", ())


@pytest.mark.parametrize(("errno", "protocol", "raised"), [
    ("EINVAL", "IPPROTO_SCTP", Unsupported), ("EPROTONOSUPPORT", "IPPROTO_SCTP", Unsupported),
    ("EINVAL", "", Unresolved), ("EMFILE", "IPPROTO_SCTP", Unresolved)])
def test_an_invalid_argument_of_socket_is_a_protocol_that_is_not_known_or_a_bug(
        errno: str, protocol: str, raised: type[Exception]) -> None:
    with pytest.raises(raised, match=f"= (-1 )?{errno}"):
        environment({"socket": errno}).socket("s", protocol=protocol)


@pytest.mark.parametrize(("operands", "lacking"), [({"protocol": "IPPROTO_SCTP"}, True), ({}, False)])
def test_an_invalid_argument_of_a_step_is_so_too(operands: dict[str, str], lacking: bool) -> None:
    step = Step("socket", "client", operands, (), line=1)
    assert is_lacking(step, Answer("EINVAL")) is lacking


def test_a_network_without_an_address_in_a_domain_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="no-route has no address in AF_INET6"):
        environment(domain="AF_INET6").laboratory("no-route")
    assert environment(domain="v4-mapped").laboratory("no-route") == "::ffff:192.0.2.1"
    assert environment().laboratory("no-route", 2) == "192.0.2.3"


@pytest.mark.parametrize(("operands", "name"), [
    ({}, "inet6:fe80::1%link0:9"), ({"scope": "none", "port": 7}, "inet6:fe80::1%0:7"),
    ({"scope": "loopback"}, "inet6:fe80::1%1:9"), ({"scope": "missing"}, "inet6:fe80::1%9999:9"),
])
def test_a_link_local_address_has_its_scope(operands: Mapping[str, object], name: str) -> None:
    env = environment(domain="AF_INET6")
    world.give(env, "link-local", "host", operands)
    assert env.names["host"] == name


def test_a_trailing_slash_is_one() -> None:
    env = environment(domain="AF_UNIX")
    world.give(env, "trailing-slash", "peer", {})
    assert env.names["peer"] == "unix:socket/"


@pytest.mark.parametrize(("errno", "fillers"), [("EINPROGRESS", ["queue-filler0"]), ("EAGAIN", [])])
def test_an_attempt_that_pends_at_a_full_path_is_aborted_before_accept(errno: str, fillers: list[str]) -> None:
    env = environment({"connect": errno}, "AF_UNIX")
    env.names["queue"] = "unix:socket"
    assert world.connect_until_full(env, "queue") == (0, errno)
    assert (env.fillers["queue"], env.queued["queue"]) == (fillers, 0)


@pytest.mark.parametrize(("bind", "lingers", "free"), [
    ("ok", False, True), ("EADDRINUSE", True, True), ("EADDRINUSE", False, False)])
def test_a_port_is_taken_by_what_no_reset_ended(bind: str, lingers: bool, free: bool) -> None:
    env = environment({"bind": bind}, checked=Checked(lingers=lingers))
    if free:
        world.check_free(env, 49152)
    else:
        with pytest.raises(Unsupported, match="port 49152 is still taken"):
            world.check_free(env, 49152)


@pytest.mark.parametrize(("way", "requests"), [
    ("SOCK_NONBLOCK", ["socket s AF_INET SOCK_STREAM flags=SOCK_NONBLOCK"]),
    ("F_SETFL", ["socket s AF_INET SOCK_STREAM", "fcntl s F_SETFL flags=O_NONBLOCK"]),
    ("FIONBIO", ["socket s AF_INET SOCK_STREAM", "ioctl s FIONBIO value=1"]),
])
def test_a_socket_is_made_nonblocking_as_the_case_has_it(way: str, requests: list[str]) -> None:
    made: list[str] = []
    env = Environment(lambda verb, request: made.append(request) or Answer("ok"),  # type: ignore[func-returns-value]
                      {"nonblocking": way}, {}, str)
    env.socket("s", nonblocking=True)
    assert made == requests
    env.socket("t", protocol="IPPROTO_TCP")
    assert made[-1] == "socket t AF_INET SOCK_STREAM protocol=IPPROTO_TCP"


def test_a_datagram_socket_does_not_listen() -> None:
    for kind, listens in (("SOCK_DGRAM", False), ("SOCK_STREAM", True)):
        made: list[str] = []

        def call(_verb: str, request: str, made: list[str] = made) -> Answer:
            made.append(request)
            return Answer("ok", {"name": "inet:127.0.0.1:7"})

        world.give(Environment(call, {"type": kind}, {}, str), "listener", "peer", {})
        assert ("listen peer 16" in made) is listens


def test_a_blackholed_host_replaces_a_queue_that_is_never_full() -> None:
    for waits in (False, True):
        env = environment(checked=Checked(queues={"AF_INET": None}))
        world.give(env, "full-queue", "queue", {"waits": waits})
        assert (env.names["queue"], env.blackholed) == ("inet:198.51.100.1:9", {"queue"})


@pytest.mark.parametrize(("kind", "request_"), [
    ("file", "file file"), ("directory", "mkdir directory"), ("fifo", "mkfifo fifo"), ("device", "")])
def test_a_path_leads_to_what_it_is_called(kind: str, request_: str) -> None:
    made, name = requests("AF_UNIX", "not-a-socket-path", kind=kind)
    assert "".join(made).rstrip("0123456789") == request_
    assert name.rstrip("0123456789") == ("unix:/dev/null" if kind == "device" else f"unix:{kind}")


def test_a_path_has_the_length_that_is_asked_for() -> None:
    for length in (20, 5000):
        _, name = requests("AF_UNIX", "long-path", length=length)
        assert name.startswith("unix:./")
        assert set(name.removeprefix("unix:").rpartition("/")[0].split("/")) == {"."}
        assert len(name.rpartition("/")[0] + "/") == len("unix:") + length - 2
    _, name = requests("AF_UNIX", "missing-path", length=30)
    assert len(name) == len("unix:") + 30


@pytest.mark.parametrize(("domain", "error", "address"), [
    ("AF_INET", "network-unreachable", "inet:203.0.113.0:9"), ("AF_INET", "precedence-cutoff", "inet:203.0.113.15:9"),
    ("AF_INET", "fragmentation-needed", "inet:203.0.113.4:9"), ("AF_INET6", "no-route", "inet6:2001:db8:::9"),
    ("AF_INET6", "reject-route", "inet6:2001:db8::6:9"),
    ("v4-mapped", "port-unreachable", "inet6:::ffff:203.0.113.3:9"),
])
def test_a_host_rejects_with_the_code_of_its_name(domain: str, error: str, address: str) -> None:
    assert requests(domain, "rejecting", error=error) == ([], address)


def test_a_code_of_another_family_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="ICMP knows no no-route in AF_INET"):
        requests("AF_INET", "rejecting", error="no-route")


@pytest.mark.parametrize(("errno", "waits"), [("EAGAIN", True), ("EINTR", True), ("EINPROGRESS", True),
                                              ("ECONNREFUSED", False)])
def test_what_is_interrupted_pends_or_would_wait_has_a_queue_to_wait_for(errno: str, waits: bool) -> None:
    env = environment({"connect": errno}, "AF_UNIX")
    if waits:
        world.give(env, "full-queue", "queue", {"waits": True})
    else:
        with pytest.raises(Unsupported, match="no attempt waits for space"):
            world.give(env, "full-queue", "queue", {"waits": True})


def test_a_port_alone_is_reserved() -> None:
    """A path goes with its listener."""
    for domain, name, reserved in (("AF_UNIX", "unix:socket", False), ("AF_INET", "inet:127.0.0.1:7", True)):
        made: list[str] = []

        def call(_verb: str, request: str, made: list[str] = made, name: str = name) -> Answer:
            made.append(request)
            return Answer("ok", {"name": name})

        env = Environment(call, {"domain": domain}, {}, str)
        env.names["queue"], env.fillers["queue"] = name, ["filler"]
        env.reserve_port("queue")
        env.reserve_port("other")
        assert bool(made) is reserved
        assert not made or made[1] == "bind queue-port inet:127.0.0.1:7"


def recorded(domain: str = "AF_INET", blocking: bool = False, **more: str) -> tuple[list[str], Environment]:
    """The requests of a case that is yet to be given something, on a kernel on which all goes well."""
    made: list[str] = []

    def call(_verb: str, request: str) -> Answer:
        made.append(request)
        return Answer("ok", {"name": "inet:127.0.0.1:7", "revents": "", "value": "ok"})

    checked = Checked(blocking=frozenset({domain} if blocking else ()))
    return made, Environment(call, {"domain": domain, **more}, NETWORKS, str, checked)


def test_a_readiness_facility_is_poll_unless_the_case_has_another() -> None:
    assert recorded()[1].facility == "poll"
    assert recorded(facility="epoll")[1].facility == "epoll"


@pytest.mark.parametrize(("domain", "wildcard", "loopback"), [
    ("AF_INET", "inet:0.0.0.0:0", "inet:127.0.0.1:0"), ("AF_INET6", "inet6::::0", "inet6:::1:0"),
    ("v4-mapped", "inet6:::ffff:0.0.0.0:0", "inet6:::ffff:127.0.0.1:0")])
def test_a_word_of_an_address_is_one_of_the_domain(domain: str, wildcard: str, loopback: str) -> None:
    made, env = recorded(domain)
    env.names["peer"] = "inet:192.0.2.1:9"
    words = {"wildcard": wildcard, "loopback": loopback, "peer": "inet:192.0.2.1:9", "unspec": "unspec:",
             "null": "null:", "bad": "bad:", "inet:192.0.2.2:1": "inet:192.0.2.2:1"}
    assert {word: env.resolve(word) for word in words} == words
    assert not made
    assert env.resolve("client") == "inet:127.0.0.1:7"
    assert made == ["getsockname client"]
    assert set(world.ADDRESSES) == {"wildcard", "loopback", "unspec", "null", "bad"}


def test_only_a_wildcard_may_be_bound_without_an_address_and_none_without_a_port() -> None:
    for name, address, fits in [("inet:0.0.0.0:7", "wildcard", True), ("inet:0.0.0.0:0", "wildcard", False),
                                ("inet:0.0.0.0:7", "loopback", False), ("inet6::::7", "loopback", False),
                                ("unnamed", "loopback", False), ("inet:127.0.0.1:7", "loopback", True)]:
        env = Environment(lambda verb, request, name=name: Answer("ok", {"name": name}),  # type: ignore[misc]
                          {}, NETWORKS, str)
        if fits:
            env.bind("it", address)
            assert env.names["it"] == name
        else:
            with pytest.raises(Unresolved, match="and its address is"):
                env.bind("it", address)
        assert env.bound == {"it"}


@pytest.mark.parametrize(("blocking", "calls"), [
    (False, ["close f", "close g"]),
    (True, ["sigaction SIGUSR2", "pthread_kill f SIGUSR2", "pthread_join f", "close f",
            "sigaction SIGUSR2", "pthread_kill g SIGUSR2", "pthread_join g", "close g"])])
def test_attempts_that_a_full_queue_leaves_pending_are_ended_once(blocking: bool, calls: list[str]) -> None:
    made, env = recorded(blocking=blocking)
    env.fillers = {"queue": ["f", "g"], "other": ["h"]}
    for _ in range(2):
        env.abort_pending(["queue"])
    assert (made, env.fillers) == (calls, {"queue": [], "other": ["h"]})


def test_a_queue_in_which_space_is_made_is_not_full_any_more() -> None:
    made, env = recorded()
    env.names["queue"] = "inet:127.0.0.1:7"
    env.fillers, env.queued, env.gates = {"queue": ["f"]}, {"queue": 3}, {"queue": "IP_MINTTL"}
    assert [env.make_space("queue") for _ in range(2)] == [{"most": 3}, {}]
    env.reserve_port("queue")
    assert made == ["close f", "setsockopt queue IP_MINTTL value=0"]


def test_the_port_of_a_full_queue_is_kept_once_at_the_pace_of_refusals() -> None:
    made, env = recorded()
    paced: list[str] = []
    env.checked = SimpleNamespace(pace=paced.append)  # type: ignore[assignment]
    env.names["queue"], env.fillers["queue"] = "inet:127.0.0.1:7", ["f"]
    for _ in range(2):
        env.reserve_port("queue")
    assert made == ["socket queue-port AF_INET SOCK_STREAM", "bind queue-port inet:127.0.0.1:7",
                    "socket queue-port-own AF_INET SOCK_STREAM", "bind queue-port-own inet:127.0.0.1:0",
                    "getsockname queue-port-own", "listen queue-port-own 16", "connect queue-port inet:127.0.0.1:7"]
    assert paced == ["refusals"]


@pytest.mark.parametrize(("kind", "domain", "pace"), [
    ("SOCK_STREAM", "AF_INET", ["refusals"]), ("SOCK_DGRAM", "AF_INET", ["errors"]), ("SOCK_STREAM", "AF_UNIX", [])])
def test_a_closed_port_is_paced_by_what_it_answers_with(kind: str, domain: str, pace: list[str]) -> None:
    _, env = recorded(domain, type=kind)
    paced: list[str] = []
    env.checked = SimpleNamespace(pace=paced.append)  # type: ignore[assignment]
    world.give(env, "closed-port", "peer", {})
    assert paced == pace


def test_a_host_of_a_network_without_ipv4_is_not_mapped() -> None:
    _, env = recorded("v4-mapped")
    with pytest.raises(Unsupported, match="link-local has no address in v4-mapped"):
        env.laboratory("link-local")
    with pytest.raises(Unsupported, match=r"^moon$"):
        env.laboratory("moon")


def test_an_operand_of_a_fixture_is_spelt_with_hyphens(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of those that there are has two words; the grammar, which takes them from here, has."""
    given: list[object] = []

    def two_words(_env: Environment, name: str, first_port: int, type_: str = "") -> None:
        given.extend([name, first_port, type_])

    for table in (world.FIXTURES, world.PARAMETERS, world.WORDS):
        monkeypatch.setattr(world, next(key for key, value in vars(world).items() if value is table), {**table})
    world.fixture(type_=("a", "b"))(two_words)
    assert world.operands_of("two-words") == {"first-port": (), "type": ("a", "b")}
    world.give(recorded()[1], "two-words", "it", {"first-port": 7, "type": "a"})
    assert given == ["it", 7, "a"]


def test_each_fixture_is_played_in_the_namespace_that_it_needs() -> None:
    assert world.NAMESPACES == {
        "raw-receiver": "raw", "packet-socket": "raw", "quiet-listener": "raw", "only-port": "one-ephemeral-port",
        "exhausted-ports": "one-ephemeral-port", "bare-loopback": "no-loopback-address",
        "blackholed-host": "short-syn-timeout", "rejecting": "short-syn-timeout", "firewall": "short-syn-timeout"}


def test_what_waits_for_a_timer_is_known_before_it_is_played() -> None:
    fixtures = {word for word in world.FIXTURES if world.has_timer(word, {})}
    assert fixtures == {"blackholed-host", "unresolved-neighbour", "rejecting", "firewall"}
    assert {state for state in world.STATES if world.has_timer("socket-in", {"state": state})} == {"timed-out"}
    assert set(world.QUEUED_STATES) == {"pending", "interrupted", "timed-out"}


@pytest.mark.parametrize(("word", "operand", "words"), [
    ("not-a-socket", "kind", "file directory pipe null"), ("not-a-socket-path", "kind", "file directory fifo device"),
    ("broadcast", "kind", "directed limited"), ("firewall", "kind", "drop reset"),
    ("link-local", "scope", "link none loopback missing"),
    ("route", "kind",
     "unreachable prohibit blackhole throw gateway no unreachable-rule prohibit-rule blackhole-rule mark-rule")])
def test_an_operand_is_one_of_these_words(word: str, operand: str, words: str) -> None:
    assert list(world.operands_of(word)[operand]) == words.split()


# RFC 792; 1122, 3.2.2.1; 1812, 5.2.7.1. RFC 4443, 3.1.
CODES = {
    "AF_INET": {"network-unreachable": 0, "host-unreachable": 1, "protocol-unreachable": 2, "port-unreachable": 3,
                "fragmentation-needed": 4, "source-route-failed": 5, "network-unknown": 6, "host-unknown": 7,
                "host-isolated": 8, "network-prohibited": 9, "host-prohibited": 10, "network-tos": 11, "host-tos": 12,
                "prohibited": 13, "host-precedence": 14, "precedence-cutoff": 15},
    "AF_INET6": {"no-route": 0, "prohibited": 1, "beyond-scope": 2, "address-unreachable": 3, "port-unreachable": 4,
                 "source-policy": 5, "reject-route": 6},
}


def test_codes_of_unreachable_destinations_have_the_numbers_of_the_standards() -> None:
    assert {domain: {name: number for number, name in enumerate(names)}
            for domain, names in world.ICMP_CODES.items()} == CODES
    assert set(world.operands_of("rejecting")["error"]) == set(CODES["AF_INET"]) | set(CODES["AF_INET6"])


@pytest.mark.parametrize(("domain", "made"), [
    ("AF_INET", "AF_INET"), ("AF_INET6", "AF_INET6"), ("v4-mapped", "AF_INET6"), ("AF_UNIX", "AF_UNIX"),
    ("abstract", "AF_UNIX")])
def test_a_pair_of_sockets_is_of_the_domain_of_the_sockets(domain: str, made: str) -> None:
    step = Step("socketpair", "left", {"peer": "right"}, (), 1)
    assert request_of(step, recorded(domain)[1]) == f"socketpair left right domain={made} type=SOCK_STREAM"
