"""Calls that are made of several: what they come to, on the real agent."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import targets
from fixtures.targets import Agent, AgentError
from suites.composed import Composer

TIMEOUT_S = 60.0
# A request, and the answer as the agent would write it; <NAME> is the address of a socket.
TALK = """
socket server AF_INET SOCK_STREAM                     ok
bind server inet:127.0.0.1:0                          ok
accept-all server                                     EINVAL
listen server 5                                       ok
accept-all server                                     ok accepted=0
socket a AF_INET SOCK_STREAM                          ok
exchange a server                                     ENOTCONN
connect a <server>                                    ok
exchange a server                                     ok data=intact
exchange a server                                     ok data=intact
probe a                                               ok sockname=inet:.+ peername=<server> poll=POLLOUT SO_ERROR=ok
probe server                                          ok sockname=<server> peername=ENOTCONN poll=.* SO_ERROR=ok
socket gone AF_INET SOCK_STREAM                       ok
connect gone <server>                                 ok
close gone                                            ok
probe gone                                            ok sockname=EBADF peername=EBADF poll=POLLNVAL SO_ERROR=EBADF
socket b AF_INET SOCK_STREAM flags=SOCK_NONBLOCK      ok
connect b <server>                                    EINPROGRESS|ok
poll b events=POLLOUT                                 ok revents=POLLOUT
accept-all server most=0                              ok accepted=0
accept-all server most=1                              ok accepted=1
accept-all server                                     ok accepted=1
exchange b server                                     ok data=intact
exchange a server                                     ok data=intact
exchange server a                                     ENOTCONN
socket c AF_INET SOCK_STREAM                          ok
connect c <server>                                    ok
accept server d                                       ok name=.+
exchange c d                                          ok data=intact
exchange d c                                          ok data=intact
send c data=before                                    ok
exchange c d                                          ok data=there-0-of-256
close server                                          ok
accept-all server                                     EBADF
exchange a server                                     EBADF
socketpair e f AF_UNIX SOCK_SEQPACKET                 ok
exchange e f                                          ok data=intact
shutdown f SHUT_WR                                    ok
exchange e f                                          EPIPE
close f                                               ok
exchange e f                                          EPIPE|ENOTCONN
socket heard AF_INET SOCK_DGRAM                       ok
bind heard inet:127.0.0.1:0                           ok
socket talker AF_INET SOCK_DGRAM                      ok
exchange talker heard                                 ENOTCONN
connect talker <heard>                                ok
exchange talker heard                                 ok data=intact
"""
TURNS = [re.split(r"\s{2,}", line, maxsplit=1) for line in TALK.strip().splitlines()]


@pytest.fixture
def composer(tmp_path: Path) -> Iterator[Composer]:
    command = [sys.executable, "-I", "-S", str(targets.HERE / "agent.py")]
    agent = Agent(command, {}, str(tmp_path), TIMEOUT_S)
    yield Composer(agent)
    agent.end()


def say(composer: Composer, request: str, timeout: float = TIMEOUT_S) -> str:
    answer = composer.call(request, timeout)
    return " ".join([answer.ret, *(f"{key}={value}" for key, value in answer.fields.items())])


def test_each_comes_to_what_its_calls_do(composer: Composer) -> None:
    names: dict[str, str] = {}
    for request, answer in TURNS:
        for name in re.findall(r"<(\w+)>", request + answer):
            names[name] = names.get(name) or composer.call(f"getsockname {name}", TIMEOUT_S).fields["name"]
        wanted = re.sub(r"<(\w+)>", lambda found: names[found[1]], answer)
        reported = say(composer, re.sub(r"<(\w+)>", lambda found: names[found[1]], request))
        assert re.fullmatch(wanted, reported), f"{request}: {reported}"


@pytest.mark.parametrize("request_", ["exchange a b", "accept-all a", "probe a"])
def test_what_nothing_is_named_is_refused(composer: Composer, request_: str) -> None:
    with pytest.raises(AgentError, match="no socket or descriptor is named a"):
        composer.call(request_, TIMEOUT_S)


@pytest.mark.parametrize("accepted", [False, True])
def test_data_that_does_not_come_blocks(composer: Composer, accepted: bool) -> None:
    """With an end from which nothing comes, and while none can be accepted."""
    for name in ("one", "other"):
        composer.call(f"socket {name} AF_INET SOCK_STREAM", TIMEOUT_S)
        composer.call(f"bind {name} inet:127.0.0.1:0", TIMEOUT_S)
        composer.call(f"listen {name} 5", TIMEOUT_S)
    for client, server in (("client", "one"), ("silent", "other")):
        composer.call(f"socket {client} AF_INET SOCK_STREAM", TIMEOUT_S)
        address = composer.call(f"getsockname {server}", TIMEOUT_S).fields["name"]
        assert composer.call(f"connect {client} {address}", TIMEOUT_S).ok
    composer.call("poll other events=POLLIN", TIMEOUT_S)
    if accepted:
        assert say(composer, "accept-all other") == "ok accepted=1"
    assert say(composer, "exchange client other", 0.2) == "blocks"
    assert not composer.agent.alive


def test_datagram_that_is_lost_blocks(composer: Composer) -> None:
    for request in ("socket client AF_INET SOCK_DGRAM", "bind client inet:127.0.0.1:0",
                    "socket other AF_INET SOCK_DGRAM"):
        composer.call(request, TIMEOUT_S)
    composer.call(f"connect client {composer.call('getsockname client', TIMEOUT_S).fields['name']}", TIMEOUT_S)
    assert say(composer, "exchange client other", 0.2) == "blocks"
