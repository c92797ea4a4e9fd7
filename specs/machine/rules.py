"""Which rule a call falls under in a state, and the states that each answer to it leads to.

A rule is named `VERB/STATE` and, where the answer depends on more, `/DETAIL`: `connect/refused/listener`. What may be
answered is in traits.yaml; here is only what follows. Every answer leads somewhere: one that no state follows from
makes the socket `lost`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from specs.machine.state import DATA, INTERNET, Socket, State, stale
from specs.model import Step

CLOSED, FULL = "closed", "full"  # the names of a port that refuses, and of a listener whose queue is full
HOW = {"SHUT_RD": "r", "SHUT_WR": "w", "SHUT_RDWR": "rw"}
EVENTS = {"POLLIN", "POLLOUT"}  # that poll() is to request; of others the machine has no rules
HIDDEN = "~"  # begins the name of a server's end that accept() has not returned
LOST, ELSEWHERE = "lost", "elsewhere"
BEGUN = ("ok", "EINPROGRESS")  # of connect()
ATTEMPTS = ("unconnected", "refused")  # phases from which connect() makes an attempt
UNUSED = {"stale": "dropped", "released": "dissolved"}  # after AF_UNSPEC, of an address that no connection has

CROWDED = 8  # datagrams of AF_UNIX in a queue, from which on it may be full; Linux' takes 11 (net.unix.max_dgram_qlen)

Then = Callable[[str], State]


class Move(NamedTuple):
    """The rule that a call falls under, and the state after it, by the answer's word (see `oracle.word_of`)."""

    rule: str
    then: Then


def move(state: State, step: Step) -> Move:
    """What one call comes to in one state."""
    socket = state.get(step.name)
    if socket.phase in (LOST, CLOSED) and step.verb not in ("socket", "close"):
        to = str(step.operands.get("to", ""))  # a listener has perhaps one more connection in its queue
        return Move(f"{step.verb}/{socket.phase}", lambda word: lost(state, to) if word in BEGUN else state)
    return MOVES[step.verb](state, step, socket)


def is_judged(rule: str) -> bool:
    """Whether the state of a rule is one that the machine knows: a closed number may be another socket's by now."""
    return rule.partition("/")[2].partition("/")[0] not in (LOST, CLOSED)


def error_of(socket: Socket) -> tuple[str, ...]:
    """The detail of a rule in which a pending error counts; what is refused or failing has one by its name."""
    return ("error",) if socket.error and (socket.over or socket.phase == "listening") else ()


def reports(socket: Socket, word: str) -> bool:
    """Whether a call that fails has reported the pending error: of a refused attempt it may be the reset (lwIP)."""
    return word == socket.error or (socket.phase == "refused" and word == "ECONNRESET")


def crowded(state: State, name: str) -> tuple[str, ...]:
    """The detail of a rule in which space counts at the peer of a datagram socket of AF_UNIX."""
    peer = state.get(state.get(name).peer)
    return ("crowded",) if peer.kind == "unix-datagram" and len(peer.data + peer.coming) >= CROWDED else ()


def lost(state: State, name: str) -> State:
    """The state in which nothing is known of a socket any more, nor of the other end of its connection."""
    end = state.get(name).end
    return state.change(name, phase=LOST, coming=()).change(end, phase=LOST, coming=())


# --- connect() ----------------------------------------------------------------------------------------------


def connect(state: State, step: Step, socket: Socket) -> Move:
    to = str(step.operands["to"])
    target = destination(state, step.name, to)
    follow = (disconnected if target == "unspec" else connect_datagram if socket.is_datagram else
              attempted if socket.phase in ATTEMPTS else connected_again)
    return Move("/".join(["connect", socket.label, target, *error_of(socket)]),
                lambda word: follow(state, step.name, to, word))


def destination(state: State, name: str, to: str) -> str:
    """What is at an address: unspec, itself, listener, receiver, occupied (it has another peer), full, closed.

    elsewhere: a socket that has no address of its own, so that its name leads to none that the machine knows.
    """
    other = state.get(to)
    if to in ("unspec", CLOSED) or (to == FULL and FULL not in state):  # it is a socket once a race has changed it
        return to
    if other.phase == LOST or (other.phase != CLOSED and other.bound not in ("own", "chosen")):
        return ELSEWHERE
    if other.phase == "connected" and other.is_datagram and other.peer != name:
        return "itself" if to == name and other.kind == "udp" else "occupied" if other.kind != "udp" else CLOSED
    if to == name:
        return "itself"
    if other.is_datagram and other.phase != CLOSED:
        return "receiver"
    return "listener" if other.phase == "listening" else CLOSED


def attempted(state: State, name: str, to: str, word: str) -> State:
    """After a connect() of a stream socket that is neither connected nor connecting."""
    socket, target = state.get(name), destination(state, name, to)
    if word == "EAGAIN" and socket.kind == "tcp":  # as Winsock has it of an attempt that goes on; of others it is over
        return lost(state, name) if target == FULL else attempted(state, name, to, "EINPROGRESS")
    if word not in BEGUN:
        shut = "" if socket.kind == "tcp" and socket.phase == "refused" else socket.shut
        failed = socket._replace(phase="unconnected", history="failed", error="", peer="", shut=shut)
        failed = stale(failed) if socket.phase == "unconnected" and word == "ECONNREFUSED" else failed
        return state if socket.stuck else state.put(name, failed)
    if target == ELSEWHERE:
        return lost(state, name)
    arrives = {"listener": ("established",), "itself": ("established",), CLOSED: ("refused",)}.get(target, ())
    bound = socket.bound or ("chosen" if socket.kind in INTERNET else "")
    begun = socket._replace(phase="pending", bound=bound, peer=to, coming=arrives, reported=True, error="")
    begun = begun if word == "EINPROGRESS" else begun._replace(phase="connected", coming=())
    if target == "itself":
        return state.put(name, begun._replace(end=name, phase=LOST if socket.shut else begun.phase))
    return reach(state.put(name, begun), name, to) if target == "listener" else state.put(name, begun)


def reach(state: State, name: str, listener: str) -> State:
    """The state in which a listener's queue has the other end of a client."""
    hidden = next(one for number in range(len(state.sockets) + 1) if (one := f"{HIDDEN}{number}") not in state)
    queue = (*state.get(listener).queue, hidden)
    client = state.get(name)
    unmodelled = client.shut and client.kind in ("unix", "packets")  # a client that was shut down before it connected
    end = Socket(client.kind, LOST if unmodelled else "connected", "inherited", name, name)
    return state.put(hidden, end).change(name, end=hidden).change(listener, queue=queue)


def connected_again(state: State, name: str, _: str, word: str) -> State:
    """After a connect() of a stream socket that is pending, connected or listening."""
    socket = state.get(name)
    if not socket.reported and word in ("ok", "EISCONN"):
        return state.change(name, reported=True)
    if not socket.reported and socket.over == "reset" and word in (socket.error, "ECONNABORTED"):
        return state.put(name, Socket(socket.kind, bound=socket.bound, history="failed"))
    return lost(state, name) if word in BEGUN else state


def connect_datagram(state: State, name: str, to: str, word: str) -> State:
    socket = state.get(name)
    if word == socket.error:
        return state.change(name, error="")
    bound = socket.bound or ("chosen" if socket.kind == "udp" else "")
    if word == "ok" and destination(state, name, to) == ELSEWHERE:
        return lost(state, name)
    if word == "ok" and socket.phase == "connected" and to != socket.peer:
        state = emptied(state, name)
    return state.change(name, phase="connected", peer=to, bound=bound) if word == "ok" else state


def emptied(state: State, name: str) -> State:
    """After a change of peer: of AF_UNIX, Linux drops what has arrived (unix_dgram_disconnected())."""
    return state.change(name, data=(), coming=()) if state.get(name).kind == "unix-datagram" else state


def disconnected(state: State, name: str, _: str, word: str) -> State:
    """After a connect() to AF_UNSPEC."""
    socket = state.get(name)
    if word != "ok":
        return state
    if socket.is_datagram:
        state = emptied(state, name) if socket.phase == "connected" else state
        bound = ended_bound(socket) if socket.kind == "udp" else socket.bound
        history = "disconnected" if socket.phase == "connected" else socket.history
        return state.change(name, phase="unconnected", bound=bound, peer="", history=history)
    lives = socket.phase == "pending" or (socket.phase == "connected" and socket.over != "reset")
    bound = ended_bound(socket) if lives or socket.phase == "listening" else UNUSED.get(socket.bound, socket.bound)
    fresh = Socket(socket.kind, bound=bound, error=socket.error, coming=("aborted",) if lives else (),
                   history="" if socket.phase == "unconnected" and not socket.history else "disconnected")
    return gone(state, name, "reset").put(name, fresh)


def ended_bound(socket: Socket) -> str:
    """What is left of an address with which a socket had a peer or a queue, or could have one."""
    return "dissolved" if socket.bound == "own" else "dropped" if socket.bound else ""


# --- the connection -----------------------------------------------------------------------------------------


def gone(state: State, name: str, end: str = "peer-closed") -> State:
    """The state whose other sockets learn that one has gone: what it has not read makes that a reset."""
    socket = state.get(name)
    for hidden in socket.queue:
        state = leave(state, state.get(hidden).end, "reset").put(hidden, Socket("", CLOSED))
    unread = not socket.is_datagram and (socket.data or any(one.startswith(DATA) for one in socket.coming))
    return leave(state, socket.end, "reset" if unread else end) if socket.end != name else state


def leave(state: State, end: str, event: str) -> State:
    return state.send(end, event).change(end, end="")


def close(state: State, step: Step, socket: Socket) -> Move:
    return Move(f"close/{socket.label}", lambda _: gone(state, step.name).put(step.name, Socket(socket.kind, CLOSED)))


def shutdown(state: State, step: Step, socket: Socket) -> Move:
    name, how = step.name, HOW[str(step.operands["how"])]
    shut = both(socket.shut, how)

    def then(word: str) -> State:
        if socket.phase in ("pending", "listening"):
            return lost(state, name) if word == "ok" else state
        if socket.phase == "connected" and word != "ok":
            return state if socket.reported else lost(state, name)
        if word != "ok" and socket.kind not in INTERNET:  # of which one that fails shuts down all the same, on Linux
            return state
        early = socket.early or socket.phase != "connected"
        after = state.change(name, shut=shut, early=early, stuck=socket.phase == "refused", reported=True)
        if "r" in how and socket.kind in ("unix", "packets"):  # which the other end cannot write to any more
            after = after.change(socket.end, shut=both(state.get(socket.end).shut, "w"))
        other = state.get(socket.end)  # which may not know yet: of what was shut down first, a connection knows nothing
        ends = "w" in how and not other.over and "ended" not in other.coming and not socket.is_datagram
        return after.send(socket.end, "ended") if ends else after

    return Move(f"shutdown/{socket.label}", then)


def both(*directions: str) -> str:
    return "".join(one for one in "rw" if one in "".join(directions))


def send(state: State, step: Step, socket: Socket) -> Move:
    name, message = step.name, f"{DATA}{step.operands['data']}"
    target = destination(state, name, socket.peer) if socket.is_datagram and socket.peer else ""
    is_deaf = socket.kind == "unix-datagram" and target == "receiver" and "r" in state.get(socket.peer).shut

    def then(word: str) -> State:
        if word != "ok":
            again = {"": "sender", "dropped": "sender", "dissolved": "rebound"} if socket.kind == "udp" else {}
            bound = again.get(socket.bound, socket.bound)
            if socket.kind == "unix-datagram" and (target, word) == (CLOSED, "ECONNREFUSED"):  # the peer is dropped
                return state.change(name, phase="unconnected", history="disconnected", peer="")
            doubtful = socket.doubtful or word == socket.error == "EPIPE"
            error = "" if reports(socket, word) else socket.error
            return state.change(name, bound=bound, error=error, doubtful=doubtful)
        if target in ("receiver", "itself"):
            return state.send(socket.peer, message)
        if target == CLOSED:
            return state.send(name, "refused") if socket.kind == "udp" else state
        if socket.kind == "tcp" and (socket.over in ("peer-closed", "reset") or state.get(socket.end).shut == "rw"):
            return state.send(name, "reset").send(socket.end, "reset")  # what none can receive ends the connection
        return state.send(socket.end, message)

    details = filter(None, (target, "shut-read" if is_deaf else "", *crowded(state, name), *error_of(socket)))
    return Move("/".join(("send", socket.label, *details)), then)


def recv(state: State, step: Step, socket: Socket) -> Move:
    def then(word: str) -> State:
        if word in ("data", "other"):
            whole = socket.kind in ("tcp", "unix")
            return state.change(step.name, data=() if whole else socket.data[1:])
        return state.change(step.name, error="") if reports(socket, word) else state

    return Move("/".join(["recv", socket.label, *(["readable"] if socket.data else []), *error_of(socket)]), then)


# --- the rest -----------------------------------------------------------------------------------------------


def make(state: State, step: Step, _: Socket) -> Move:
    return Move("socket", lambda word: state.put(step.name, Socket(state.kind)) if word == "ok" else state)


def bind(state: State, step: Step, socket: Socket) -> Move:
    def then(word: str) -> State:
        if word != "ok":
            return state
        is_new = socket.bound not in ("own", "chosen", "inherited") and socket.phase != "listening"
        return state.change(step.name, bound="own") if is_new else lost(state, step.name)

    return Move(f"bind/{socket.label}/{socket.bound or 'unbound'}", then)


def listen(state: State, step: Step, socket: Socket) -> Move:
    def then(word: str) -> State:
        if word != "ok" or socket.phase == "listening":
            return state
        bound = socket.bound or "chosen"
        listening = state.change(step.name, phase="listening", bound=bound, peer="")
        return listening if socket.phase == "unconnected" else lost(state, step.name)

    return Move(f"listen/{socket.label}/{socket.bound or 'unbound'}", then)


def accept(state: State, step: Step, socket: Socket) -> Move:
    new = str(step.operands["as"])

    def then(word: str) -> State:
        if word != "ok":
            return state.change(step.name, error="") if reports(socket, word) else state
        if not socket.queue:
            return state.put(new, Socket(socket.kind, LOST))
        hidden, *rest = socket.queue
        end = state.get(hidden)
        sockets = {name: one for name, one in state.sockets if name != hidden}
        named = State.of(sockets).put(new, end).change(step.name, queue=tuple(rest))
        return named.change(end.end, end=new) if end.end else named

    return Move(f"accept/{socket.label}{'/queued' if socket.queue else ''}", then)


def getsockopt(state: State, step: Step, socket: Socket) -> Move:
    details = error_of(socket) or (("doubtful",) if socket.doubtful else ())
    return Move("/".join(["SO_ERROR", socket.label, *details]),
                lambda _: state.change(step.name, error="", doubtful=False))


def poll(state: State, step: Step, socket: Socket) -> Move:
    details = [word for word, holds in (("queued", socket.queue), ("readable", socket.data)) if holds]
    requested = step.operands.get("events")
    verb = "poll" if not isinstance(requested, str) and {*(requested or ())} == EVENTS else f"poll({requested})"
    details += [*crowded(state, step.name), *error_of(socket)]
    return Move("/".join([verb, socket.label, *details]), lambda _: state)


def name_of(verb: str) -> Callable[[State, Step, Socket], Move]:
    """getsockname() and getpeername(), which change nothing."""
    def rule(state: State, _: Step, socket: Socket) -> Move:
        detail = (socket.bound or "unbound",) if verb == "getsockname" else ()
        return Move("/".join([verb, socket.label, *detail]), lambda __: state)

    return rule


MOVES: Mapping[str, Callable[[State, Step, Socket], Move]] = {
    "socket": make, "bind": bind, "listen": listen, "connect": connect, "accept": accept, "shutdown": shutdown,
    "close": close, "send": send, "recv": recv, "poll": poll, "getsockopt": getsockopt,
    "getsockname": name_of("getsockname"), "getpeername": name_of("getpeername")}
