"""The nouns of the machine: a socket, and the state of all sockets, as values that rules compare and replace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

KINDS = {("AF_INET", "SOCK_STREAM"): "tcp", ("AF_INET6", "SOCK_STREAM"): "tcp", ("AF_UNIX", "SOCK_STREAM"): "unix",
         ("AF_UNIX", "SOCK_SEQPACKET"): "packets", ("AF_INET", "SOCK_DGRAM"): "udp", ("AF_INET6", "SOCK_DGRAM"): "udp",
         ("AF_UNIX", "SOCK_DGRAM"): "unix-datagram"}
DATAGRAM = ("udp", "unix-datagram")
INTERNET = ("tcp", "udp")
DATA = "data:"  # begins the event that a message arrives
DIRECTIONS = {"r": "read", "w": "write", "rw": "both"}


class Socket(NamedTuple):
    """One socket, as far as answers depend on it.

    phase: closed, unconnected, listening, pending (an attempt goes on), refused (one has failed, and connect() has not
        reported it), connected, or lost, which no rule is about.
    bound: own (by bind()), chosen (by connect()), inherited (of a listener), sender (by send(), which has no peer), or
        empty; once the attempt has failed or the connection is over, released (own) or stale (chosen); after AF_UNSPEC
        dissolved (own; rebound by send()) or dropped.
    peer: the name whose address it has as its peer. end: the socket at the other end, once accept() has made it.
    queue: of a listener, the clients that accept() will return, in order.
    error: the pending error. history: of an unconnected socket, failed (connect() has reported it) or disconnected (by
        AF_UNSPEC). reported: connect() has reported the success.
    doubtful: send() has failed with EPIPE, which was the pending error, but is what it fails with without one, too.
    stuck: shutdown() has come between the failure and its report.
    shut: which of its own directions are shut down, of "rw". early: before it was connected, when shutdown() may have
        failed. over: what the peer has done, ended (SHUT_WR), peer-closed or reset; empty: nothing.
    data: the messages that have arrived, in order. coming: what will arrive, in order, at a time that no call shows:
        established, refused, data:MESSAGE, ended, peer-closed, reset, aborted (the error that AF_UNSPEC may leave of a
        connection).
    """

    kind: str
    phase: str = "unconnected"
    bound: str = ""
    peer: str = ""
    end: str = ""
    queue: tuple[str, ...] = ()
    error: str = ""
    history: str = ""
    reported: bool = True
    doubtful: bool = False
    stuck: bool = False
    shut: str = ""
    early: bool = False
    over: str = ""
    data: tuple[str, ...] = ()
    coming: tuple[str, ...] = ()

    @property
    def is_datagram(self) -> bool:
        return self.kind in DATAGRAM

    @property
    def label(self) -> str:
        """The state as rules name it: what is left of a connection, else the phase and what else answers depend on."""
        early = "early-" if self.early and self.phase == "connected" else ""
        shut = f"{early}shut-{DIRECTIONS[self.shut]}" if self.shut else ""
        if self.phase == "connected" and not self.is_datagram:
            parts = ["" if self.reported else "established", self.over, shut]
        elif self.phase == "refused":
            parts = ["refused" if self.error else "consumed", "stuck" if self.stuck else "", shut]
        else:
            history = self.history if self.phase == "unconnected" and not self.error else ""
            parts = [history or self.phase, "failing" if self.error else "", shut]
        return "-".join(filter(None, parts)) or "connected"


@dataclass(frozen=True, order=True)
class State:
    """All sockets by name; a value that can be an element of a set."""

    sockets: tuple[tuple[str, Socket], ...]

    @classmethod
    def of(cls, sockets: dict[str, Socket]) -> State:
        return cls(tuple(sorted(sockets.items())))

    @property
    def kind(self) -> str:
        """Of all sockets: a walk has one domain and one type."""
        return self.sockets[0][1].kind

    def __contains__(self, name: object) -> bool:
        return any(one == name for one, _ in self.sockets)

    def get(self, name: str) -> Socket:
        """The socket of a name; one that was never made is closed."""
        return dict(self.sockets).get(name, Socket("", "closed"))

    def put(self, name: str, socket: Socket) -> State:
        return State.of({**dict(self.sockets), name: socket})

    def change(self, name: str, **fields: Any) -> State:
        """The state with some fields of a socket replaced; a name that has none is left out."""
        return self.put(name, self.get(name)._replace(**fields)) if name in self else self

    def send(self, name: str, *events: str) -> State:
        """The state in which events are on their way to a socket."""
        return self.change(name, coming=self.get(name).coming + events)

    def arrivals(self) -> Iterator[State]:
        """The states in which one socket's next event has arrived.

        Data that none can receive any more may end the connection (Linux: tcp_rcv_state_process(), in FIN_WAIT).
        """
        for name, socket in self.sockets:
            if socket.coming:
                yield self.put(name, arrived(socket._replace(coming=socket.coming[1:]), socket.coming[0]))
                if (socket.kind, socket.shut) == ("tcp", "rw") and socket.coming[0].startswith(DATA):
                    after = self.put(name, arrived(socket._replace(coming=()), "reset"))
                    yield after.send(socket.end, "reset") if socket.end != name else after


def arrived(socket: Socket, event: str) -> Socket:
    """A socket at which an event has arrived."""
    if socket.phase in ("closed", "lost"):
        return socket
    if event == "established":
        return socket._replace(phase="connected", reported=False) if socket.phase == "pending" else socket
    if event == "refused":
        phase = "refused" if socket.phase == "pending" else socket.phase
        return stale(socket._replace(phase=phase, error="ECONNREFUSED"))
    if event.startswith(DATA):
        return socket._replace(data=(*socket.data, event.removeprefix(DATA)))
    if event == "aborted":
        return socket._replace(error="ECONNRESET")
    if event == "reset":
        return stale(socket._replace(over="reset", error="EPIPE" if socket.over else "ECONNRESET"))
    return socket._replace(over=event)


def stale(socket: Socket) -> Socket:
    """A socket that may have lost its address, with the connection that it was for."""
    left = {"own": "released", "chosen": "stale"} if socket.kind == "tcp" else {}
    return socket._replace(bound=left.get(socket.bound, socket.bound))


def closure(states: set[State]) -> set[State]:
    """The states that these may have become before the next call, by events that arrive."""
    reached, left = set(states), list(states)
    while left:
        new = set(left.pop().arrivals()) - reached
        reached |= new
        left += new
    return reached
