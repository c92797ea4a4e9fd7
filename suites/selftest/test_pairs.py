"""Two targets together: each call is made by the agent that has the socket, and either one's fault is found."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import check, pairs, targets
from fixtures.checked import Checked, Pacer, Queue
from fixtures.pairs import Pair, peers_of
from fixtures.targets import Answer, Session, Target
from specs import load, scenarios, strict
from specs.model import Bug, Case, Deviation, PairProfile, Place, Profile
from suites import schedule
from suites.items import vocabulary

HERE = Path(__file__).parent
CLAUSES = load.clauses()
ENTRIES = load.targets(targets.FILE)
HEAD = """
clause: illumos.stream.connects
scenarios:
  toy:
    summary: It is played by two.
    domain: AF_INET
    type: {type}
    given: [{given}]
    steps:
      - {{socket: client}}
"""
STREAM = """
      - {connect: client, to: peer, expect: ok}
      - {getpeername: client, expect: {name: peer}}
      - {accept: peer, as: server, expect: ok}
      - {send: client, data: there}
      - {recv: server, expect: {data: there}}
      - {send: server, data: back}
      - {recv: client, expect: {data: back}}
"""


def case(given: str = "{listener: peer}", steps: str = STREAM, kind: str = "SOCK_STREAM") -> Case:
    text = HEAD.format(type=kind, given=given) + steps
    (made,) = scenarios.cases_of(strict.parse(text, "toy.yaml"), "toy.yaml", CLAUSES, vocabulary())
    return made


# --- who makes a call ---------------------------------------------------------------------------------------


class Written:
    """An agent that writes down what it is asked; it fails where it is asked to."""

    def __init__(self, **ends: dict[str, str]) -> None:
        self.asked: list[str] = []
        self.hello = {"networks": ends}
        self.alive, self.gives = True, Answer("ok")

    def call(self, request: str, _timeout: float | None = None) -> Answer:
        self.asked.append(request)
        return self.gives

    def reset(self) -> Answer:
        return self.call("reset")


@pytest.fixture
def both() -> tuple[Written, Written]:
    return Written(), Written()


@pytest.mark.parametrize("request_", [
    "socket peer AF_INET SOCK_STREAM", "connect peer-filler0 inet:127.0.0.1:9", "recv peer.1 size=1", "poll peer"])
def test_peer_has_what_fixtures_give_and_what_is_named_after_it(both: tuple[Written, Written], request_: str) -> None:
    own, peer = both
    Pair(own, peer, {"peer"}).call(request_)  # type: ignore[arg-type]
    assert (own.asked, peer.asked) == ([], [request_])


@pytest.mark.parametrize("request_", [
    "socket client AF_INET SOCK_STREAM", "connect client inet:127.0.0.1:9", "socket peers AF_INET SOCK_DGRAM",
    "unlink peering", "reset"])
def test_target_has_all_else(both: tuple[Written, Written], request_: str) -> None:
    own, peer = both
    Pair(own, peer, {"peer"}).call(request_)  # type: ignore[arg-type]
    assert (own.asked, peer.asked) == ([request_], [])


@pytest.mark.parametrize(("first", "then"), [
    ("accept peer server", "recv server"), ("dup peer copy", "close copy"), ("epoll_ctl peer watch events=POLLIN",
    "epoll_wait watch"), ("connect peer-pending inet:127.0.0.1:9 thread=t", "pthread_join t"),
    ("connect peer-pending inet:127.0.0.1:9 process=p", "waitpid p")])
def test_what_comes_of_a_peer_is_its_own(both: tuple[Written, Written], first: str, then: str) -> None:
    own, peer = both
    pair = Pair(own, peer, {"peer"})  # type: ignore[arg-type]
    pair.call(then)  # before it is there, it is none of the peer's
    pair.call(first)
    pair.call(then)
    assert (own.asked, peer.asked) == ([then], [first, then])


def test_what_comes_of_the_target_is_not_the_peers(both: tuple[Written, Written]) -> None:
    own, peer = both
    pair = Pair(own, peer, {"peer"})  # type: ignore[arg-type]
    pair.call("accept client server")
    pair.call("connect client inet:127.0.0.1:9 thread=t")
    pair.call("pthread_join t")
    assert peer.asked == []


NEAR = {"AF_INET": "198.51.100.1", "AF_INET6": "2001:db8::1"}
FAR = {"AF_INET": "198.51.100.2", "AF_INET6": "2001:db8::2"}


@pytest.mark.parametrize(("request_", "own", "peers"), [
    ("bind {} inet:127.0.0.1:0", "bind client inet:198.51.100.1:0", "bind peer inet:198.51.100.2:0"),
    ("bind {} inet6:::1:0", "bind client inet6:2001:db8::1:0", "bind peer inet6:2001:db8::2:0"),
    ("bind {} inet6:::ffff:127.0.0.1:0",
     "bind client inet6:::ffff:198.51.100.1:0", "bind peer inet6:::ffff:198.51.100.2:0"),
    ("sendto {} inet:0.0.0.0:7 data=x",
     "sendto client inet:0.0.0.0:7 data=x", "sendto peer inet:198.51.100.1:7 data=x"),
    ("sendto {} inet6::::7 data=x", "sendto client inet6::::7 data=x", "sendto peer inet6:2001:db8::1:7 data=x"),
    ("bind {} inet:0.0.0.0:0", "bind client inet:0.0.0.0:0", "bind peer inet:0.0.0.0:0"),
    ("connect {} inet:127.0.0.2:7", "connect client inet:127.0.0.2:7", "connect peer inet:127.0.0.2:7")])
def test_each_has_its_end_of_a_link_in_the_place_of_loopback(request_: str, own: str, peers: str) -> None:
    """Whichever of them brings the link along."""
    for two in ((Written(near=NEAR, far=FAR), Written()), (Written(), Written(near=FAR, far=NEAR))):
        pair = Pair(*two, {"peer"})  # type: ignore[arg-type]
        pair.call(request_.format("client"))
        pair.call(request_.format("peer"))
        assert [one.asked for one in two] == [[own], [peers]]


def test_wildcard_of_a_socket_of_ipv6_is_mapped_for_one_that_speaks_ipv4() -> None:
    own, peer = Written(near=NEAR, far=FAR), Written()
    pair = Pair(own, peer, {"peer"})  # type: ignore[arg-type]
    pair.call("bind peer inet6:::ffff:127.0.0.1:0")
    pair.call("sendto peer inet6::::7 data=x")
    assert peer.asked == ["bind peer inet6:::ffff:198.51.100.2:0", "sendto peer inet6:::ffff:198.51.100.1:7 data=x"]


def test_both_are_reset_and_the_first_failure_counts(both: tuple[Written, Written]) -> None:
    own, peer = both
    pair = Pair(own, peer, {"peer"})  # type: ignore[arg-type]
    assert pair.reset().ok
    assert (own.asked, peer.asked) == (["reset"], ["reset"])
    peer.gives = Answer("crashed")
    assert pair.reset() == peer.gives
    own.gives = Answer("blocks")
    assert pair.reset() == own.gives
    assert pair.alive
    peer.alive = False
    assert not pair.alive


# --- which cases are for two --------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "steps", "names"), [
    ("{listener: peer}", STREAM, {"peer"}),
    ("{listener: peer}, {closed-port: other}", STREAM, {"peer", "other"}),
    ("{socket-in: client, state: pending}", "", {"peer"}),
    ("{socket-in: client, state: pending, peer: queue}", "", {"queue"}),
    ("{socket-in: client, state: accepted}", "", set()),
    ("", "", set()),
    ("{listener: peer}, {no-descriptor: other}", STREAM, set()),
    ("{listener: peer}", "      - {fork: child}\n", set()),
    ("{listener: peer}, {listener: other}", "      - {connect: other, to: peer}\n", set()),
    ("{listener: peer}", STREAM + "      - {connect: server, to: peer}\n", set()),
    ("{bound-socket: peer}", "      - {bind: client, to: peer}\n", set()),
    ("{bound-socket: peer}", "      - {bind: client, to: loopback}\n", {"peer"}),
    ("{listener: peer}", "      - {setsockopt: client, option: SO_BINDTODEVICE, value: lo}\n", set()),
    ("{listener: peer}", "      - {getsockname: client, expect: {host: loopback}}\n", set()),
    ("{listener: peer}", "      - {getsockname: client, size: 6, expect: {host: 127.0.0.0}}\n", set())])
def test_case_is_for_two_where_it_needs_no_more_than_peers(given: str, steps: str, names: set[str]) -> None:
    made = case(given, steps + "      - {connect: client, to: loopback, expect: ok}\n")
    assert peers_of(made.given, made.steps) == names


# --- the command line ---------------------------------------------------------------------------------------


def test_name_is_of_a_target_and_its_peer() -> None:
    chosen = targets.choose(ENTRIES, ["mptcp+native", "native"])
    assert list(chosen) == ["mptcp+native", "native"]
    made = chosen["mptcp+native"]
    assert (made.name, made.platform, made.start) == ("mptcp+native", "mptcp", chosen["mptcp+native"].start)
    assert made.peer == chosen["native"]
    assert chosen["native"].peer is None


def test_target_with_a_link_is_started_by_another_command() -> None:
    chosen = targets.choose(ENTRIES, ["lwip+native", "native+lwip", "lwip"])
    first, second, alone = chosen.values()
    for linked, two in ((first, first), (second.peer, second)):
        assert linked
        assert (linked.start, linked.lab, linked.networks) == (alone.linked, True, None)
        assert two.agents == targets.LINKED_AGENTS
    assert not alone.lab
    assert first.peer == targets.choose(ENTRIES, ["native"])["native"]


@pytest.mark.parametrize(("name", "problem"), [
    ("native+native+native", r"no target 'native\+native'"),
    ("native+nativ", "no target 'nativ'; perhaps native"), ("nativ+native", "no target 'nativ'; perhaps native"),
    ("native+", "no target ''")])
def test_wrong_name_is_refused(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        targets.choose(ENTRIES, [name])


# --- what either page declares ------------------------------------------------------------------------------


def page(platform: str, errno: str) -> Profile:
    bug = Bug("a-bug", "bug", "it is so", "its source", f"specs/platforms/{platform}.yaml", 1)
    return Profile(platform, (platform,), (Deviation(bug, "illumos.stream.connects", errno, Place(), 1),))


def test_what_either_page_declares_may_show_and_need_not() -> None:
    one, other = page("one", "EPERM"), page("other", "EIO")
    declared = PairProfile("one", ("one",), one.deviations, peer=other).of(case())
    assert [(each.observed, each.bug.sometimes) for each in declared] == [("EPERM", True), ("EIO", True)]


# --- what the check of either finds out ---------------------------------------------------------------------


def test_peer_has_the_queues_and_refuses() -> None:
    own = Checked({"AF_INET": None}, frozenset({"AF_INET"}), lingers=False, refusals=1, errors=1, interrupts=True)
    peer = Checked({"AF_INET": Queue(1, 2)}, refusals=2, errors=2, filtered="a filter", pacers={"refusals": Pacer(2)})
    two = own.with_peer(peer)
    assert (two.queues, two.lingers, two.refusals, two.errors) == (peer.queues, True, 2, 2)
    assert (two.blocking, two.interrupts, two.filtered, two.pacers) == (own.blocking, True, "a filter", peer.pacers)
    assert replace(own, errors=None).with_peer(peer).errors is None
    assert own.with_peer(replace(peer, errors=None)).errors is None


# --- two that are played ------------------------------------------------------------------------------------

Start = Callable[[Target, Target], Session]


@pytest.fixture
def start() -> Iterator[Start]:
    sessions: list[Session] = []

    def start_(target: Target, peer: Target) -> Session:
        sessions.append(pairs.session_of(replace(target, name=f"{target.name}+{peer.name}", peer=peer)))
        sessions[-1].open()
        sessions[-1].checked = Checked()  # the check is not what is tested
        if sessions[-1].lab and sessions[-1].lab.reason:
            pytest.skip(sessions[-1].lab.reason)
        return sessions[-1]

    yield start_
    for session in sessions:
        session.close()


def native() -> Target:
    return targets.choose(ENTRIES, ["native"])["native"]


def altered() -> Target:
    """A layer that alters the first byte that it receives."""
    command = (sys.executable, str(HERE / "faulty.py"), "altered")
    return Target("altered", "a fault", command, "linux", environment={"PYTHONPATH": str(HERE.parents[1])})


def played(session: Session, what: Case) -> list[tuple[str, str]]:
    """The checks of a case that fail, each with what it gave."""
    record = schedule.play(what, session, CLAUSES, Profile("linux", ("linux",), ()))
    assert record.verdict in ("conforms", "fails"), record.reason
    return [(step.text, step.observed.get("data", "")) for step in record.steps if "fails" in step.judged.values()]


def test_two_agents_play_one_case(start: Start) -> None:
    session = start(native(), native())
    assert session.hello["peer"].startswith(session.hello["system"])
    assert played(session, case()) == []
    own, peer = session.idle["default", False], session.peer.idle["default", False]  # type: ignore[attr-defined]
    assert len(own) == len(peer) == 1
    assert own[0].process.pid != peer[0].process.pid


def test_check_of_a_pair_is_of_both(start: Start) -> None:
    session = start(native(), native())
    session.checked = None
    session.peer.checked = Checked({"AF_INET": Queue(7, 7)}, lingers=False)  # type: ignore[attr-defined]
    found = check.of(session)
    assert (found.queues, found.lingers, found.interrupts) == ({"AF_INET": Queue(7, 7)}, False, False)
    assert session.hello["checked"] == found.as_json()


def test_datagrams_go_from_one_to_the_other(start: Start) -> None:
    session = start(native(), native())
    steps = "      - {connect: client, to: peer, expect: ok}\n      - {send: client, data: hello}\n"
    assert played(session, case("{bound-socket: peer}", steps + "      - {recv: peer, expect: {data: hello}}\n",
                                "SOCK_DGRAM")) == []


def test_fault_of_the_target_shows_in_its_calls_alone(start: Start) -> None:
    assert played(start(altered(), native()), case()) == [("recv(client)", "cack")]


def test_fault_of_the_peer_shows_in_its_calls_alone(start: Start) -> None:
    assert played(start(native(), altered()), case()) == [("recv(server)", "uhere")]


@pytest.mark.parametrize("own", [replace(native(), name="apart", lab=False),
                                 replace(native(), name="apart", networks=frozenset({"no-route"}))], ids=["lab", "own"])
def test_peer_with_a_network_of_its_own_is_unsupported(start: Start, own: Target) -> None:
    for two in ((own, native()), (native(), own)):
        assert start(*two).unavailable.endswith("apart has a network of its own, which no other target reaches")


def test_two_that_have_links_to_the_host_have_none_to_each_other(start: Start) -> None:
    linked = replace(native(), name="linked", linked=("agent",))
    assert start(linked, linked).unavailable == "linked+linked: no link joins the two"


def test_pair_lacks_what_either_lacks(start: Start) -> None:
    session = start(native(), altered())
    few = pairs.both({"verbs": ["bind", "dup"], "domains": ["AF_INET", "AF_UNIX"]},
                     {"verbs": ["bind"], "domains": ["AF_INET"], "system": "S", "release": "1", "implementation": "i"},
                     linked=False)
    assert few == {"verbs": ["bind"], "domains": ["AF_INET"], "peer": "S 1 i"}
    assert set(session.hello["verbs"]) <= set(session.peer.hello["verbs"])  # type: ignore[attr-defined]


def test_link_carries_ip_alone() -> None:
    every = ["AF_INET", "v4-mapped", "AF_UNIX", "abstract"]
    hello = {"verbs": ["bind"], "domains": every, "system": "S", "release": "1", "implementation": "i"}
    assert pairs.both(hello, hello, linked=False)["domains"] == every
    assert pairs.both(hello, hello, linked=True)["domains"] == ["AF_INET", "v4-mapped"]


def test_closed_neither_has_agents_left(start: Start) -> None:
    session = start(native(), native())
    played(session, case())
    peer: Session = session.peer  # type: ignore[attr-defined]
    agents = [*session.idle["default", False], *peer.idle["default", False]]
    session.close()
    assert not any(agent.alive for agent in agents)
