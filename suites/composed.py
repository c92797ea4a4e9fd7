"""Calls that are made of several, composed here once for all agents; each is one entry of a transcript."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from fixtures.targets import Agent, Answer
from specs.verbs import VERBS

ALL_BYTES = bytes(range(256))
encoded, decoded = lru_cache(16)(quote), lru_cache(16)(unquote_to_bytes)  # nearly always of ALL_BYTES, both ways
LOOK_MS = 1  # at each of several sockets, on any of which data may come


class Ended(Exception):
    """What one of the calls returns, and so the composed one."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.ret)
        self.answer = answer


class Composer:
    """Makes the calls of one case on an agent.

    accepted: of each listener, the sockets accepted from it to which the scenario gives no name.
    """

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.accepted: dict[str, list[str]] = {}
        self.numbers = itertools.count(1)
        self.datagram: set[str] = set()
        self.deadline = 0.0

    def call(self, request: str, timeout: float) -> Answer:
        """The answer to a request; `blocks`, and the agent is gone, if that takes longer. timeout: seconds."""
        verb, _, rest = request.partition(" ")
        if verb not in COMPOSED:
            answer = self.agent.call(request, timeout)
            if verb in NOTED and answer.ok:
                self.note(verb, rest.split())
            return answer
        self.deadline = time.monotonic() + timeout
        try:
            return COMPOSED[verb](self, *rest.split())
        except Ended as end:
            return end.answer

    def note(self, verb: str, words: Sequence[str]) -> None:
        """What a call leaves that later ones depend on."""
        if verb == "socket":
            (self.datagram.add if words[2] == "SOCK_DGRAM" else self.datagram.discard)(words[0])
        elif verb == "listen":
            self.accepted.setdefault(words[0], [])
        elif verb == "close":
            self.accepted.pop(words[0], None)

    # parts

    def ask(self, request: str) -> Answer:
        """A call that may fail; Ended: it does not return, or the agent died."""
        answer = self.agent.call(request, max(0.0, self.deadline - time.monotonic()))
        if answer.ret in ("blocks", "crashed"):
            raise Ended(answer)
        return answer

    def make(self, request: str) -> Answer:
        """A call without whose success the composed one has failed."""
        answer = self.ask(request)
        if not answer.ok:
            raise Ended(answer)
        return answer

    def is_ready(self, name: str, timeout: int) -> bool:
        return bool(self.ask(f"poll {name} events=POLLIN timeout={timeout}").fields.get("revents"))

    def accept(self, listener: str) -> None:
        end = f"{listener}.{next(self.numbers)}"  # which is no name of a scenario
        self.make(f"accept {listener} {end}")
        self.accepted.setdefault(listener, []).append(end)

    def send_all(self, name: str, raw: bytes) -> None:
        self.make(f"send {name} data={encoded(raw)}")

    def receive(self, name: str, most: int) -> bytes:
        """What comes next, nothing at the end; a non-blocking socket waits as well."""
        answer = self.ask(f"recv {name} size={most}")
        while answer.ret == "EAGAIN":
            self.is_ready(name, -1)
            answer = self.ask(f"recv {name} size={most}")
        if not answer.ok:
            raise Ended(answer)
        return decoded(answer.fields["data"])

    def lacking(self, way: str, name: str, raw: bytes, found: bytes = b"") -> str:
        """Receive what is missing of these bytes; how many came right, unless all came. found: what came already."""
        while len(found) < len(raw) and (data := self.receive(name, len(raw) - len(found))):
            found += data
        right = next((at for at, byte in enumerate(found) if byte != raw[at]), len(found))
        return "" if right == len(raw) else f"{way}-{right}-of-{len(raw)}"

    def accepted_peer(self, listener: str, most: int) -> tuple[str, bytes]:
        """The accepted socket on which data comes, of those before and of the next, and what comes first."""
        accepted, timeout = self.accepted[listener], 0
        while True:
            for peer in [one for one in accepted if self.is_ready(one, timeout)]:
                if data := self.ask(f"recv {peer} size={most}").fields.get("data"):
                    return peer, decoded(data)
                accepted.remove(peer)  # its client has gone
            timeout = LOOK_MS
            if self.is_ready(listener, 0 if accepted else -1):
                self.accept(listener)
                timeout = 0

    # the calls

    def accept_all(self, name: str, most: str = "") -> Answer:
        """Empty the listener's queue; the accepted sockets stay open. most: `most=N`, where N connections filled it.

        A client that has waited for space may come while these are accepted, and is left for a later accept().
        """
        count, limit = 0, int(most.partition("=")[2] or -1)
        while count != limit and self.is_ready(name, 0):
            self.accept(name)
            count += 1
        return Answer("ok", {"accepted": str(count)})

    def exchange(self, name: str, other: str) -> Answer:
        """Send every byte there is each way; whether all arrives, and as it was.

        other: the socket at the other end, or the listener that the socket has connected to. A datagram socket there
        has no peer, and does not answer.
        """
        self.make(f"getpeername {name}")  # without a connection there would be no end to the waiting
        self.send_all(name, ALL_BYTES)
        there, found = self.accepted_peer(other, len(ALL_BYTES)) if other in self.accepted else (other, b"")
        lacking = self.lacking("there", there, ALL_BYTES, found)
        if not lacking and other not in self.datagram:
            self.send_all(there, ALL_BYTES[::-1])
            lacking = self.lacking("back", name, ALL_BYTES[::-1])
        return Answer("ok", {"data": lacking or "intact"})

    def probe(self, name: str) -> Answer:
        """What each of the calls gives back, or its errno."""
        row = VERBS["probe"]
        answers = {key: self.ask(form.format(name=name)) for key, form in zip(row.returns, row.of, strict=True)}
        return Answer("ok", {key: next(iter(answer.fields.values()), "") if answer.ok else answer.ret
                             for key, answer in answers.items()})


NOTED = ("socket", "listen", "close")
COMPOSED: dict[str, Callable[..., Answer]] = {
    "accept-all": Composer.accept_all, "exchange": Composer.exchange, "probe": Composer.probe}
