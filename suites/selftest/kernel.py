"""A kernel imitated call by call: it answers what it is made to, and else as if all went well."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fixtures.lab import NETWORKS
from fixtures.targets import Answer

Answers = Mapping[str, str]  # a pattern of requests -> what they are answered in turn, with "then" between
NONE: Answers = {}


class Kernel:
    """Takes the requests of one agent. What is bound to port 0 has port 4711."""

    def __init__(self, answers: Answers) -> None:
        self.answers = [(pattern, answer.split(" then ")) for pattern, answer in answers.items()]
        self.made: list[str] = []
        self.names: dict[str, str] = {}

    def __call__(self, verb: str, request: str) -> Answer:
        self.made.append(request)
        name, *operands = request.split()[1:]
        if verb == "bind":
            self.names[name] = re.sub(":0$", ":4711", operands[0])
        for pattern, answers in self.answers:
            if re.fullmatch(pattern, request):
                return answer_of(answers.pop(0) if len(answers) > 1 else answers[0])
        fields = {"getsockname": f"name={self.names.get(name, 'inet:0.0.0.0:0')}", "poll": "revents=POLLIN",
                  "getsockopt": "value=ok", "exchange": "data=intact", "recv": "data="}
        return answer_of(f"ok {fields.get(verb, '')}")


def answer_of(text: str) -> Answer:
    ret, _, rest = text.partition(" ")
    if ret == "unsupported":
        return Answer(ret, reason=rest)
    return Answer(ret, dict(word.split("=", 1) for word in rest.split()))


def addresses() -> dict[str, dict[str, str]]:
    """The networks of a laboratory, as agents have them."""
    inside = {"failing-directory": {"AF_UNIX": "eio"},
              "other-namespace": {"AF_UNIX": "elsewhere", "abstract": "elsewhere"}}
    return {name: {domain: row.address for domain, row in rows.items()} for name, rows in NETWORKS.items()} | inside
