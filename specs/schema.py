"""What is derived from the tables of calls and networks. `python -m specs.schema` writes it; a test holds it current.

Of schema/scenarios.json the verbs are derived, and that a step is one of them; the rest is written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specs.networks import TABLE
from specs.verbs import VERBS, Operand, Verb

ROOT = Path(__file__).parent.parent
WIDTH = 120
ABOUT = ("expect", "clause", "after", "observe")  # what a step says beside its verb's operands


def derived() -> dict[Path, str]:
    """The files that hold something derived, as they are to be."""
    found = {ROOT / "fixtures" / "networks.json": networks()}
    for name, start, end, content in (
            ("specs/schema/scenarios.json", '  "verbs": ', '  "given": ', steps()),
            ("fixtures/agent.c", "from specs/verbs.yaml. */\n", "static const Verb VERBS[] = {\n", agent_lacks()),
            ("fixtures/agent.c", "static const Verb VERBS[] = {\n", "    {NULL, NULL, NULL},\n", agent_table()),
            ("fixtures/platform.h", "the verbs that need it:\n", " * by WITHOUT_PATHS ", without()),
            ("fixtures/platform.h", "python -m specs.schema: */\n", "/* until here */\n", network_names()),
            ("README.md", "<!-- verbs: python -m specs.schema -->\n", "<!-- end of verbs -->\n", reference())):
        text = found.get(ROOT / name) or (ROOT / name).read_text(encoding="utf-8")
        found[ROOT / name] = between(text, start, end, content)
    return found


def between(text: str, start: str, end: str, content: str) -> str:
    """A text with other content between two marks."""
    before, after = text.index(start) + len(start), text.index(end)
    return text[:before] + content + text[after:]


# --- the schema of scenarios --------------------------------------------------------------------------------


def steps() -> str:
    """The definitions of the verbs, and of a step, which is one of them."""
    verbs = {name: step_of(verb, verb.step) for name, verb in VERBS.items() if verb.step is not None}
    step = {
        "type": "object",
        "minProperties": 1,
        "dependentSchemas": {name: {"$ref": f"#/$defs/verbs/{name}"} for name in verbs},
        "anyOf": [{"required": [name]} for name in verbs],
    }
    return f'{dumped(verbs, 2)},\n  "step": {dumped(step, 2)},\n'


def step_of(verb: Verb, operands: Mapping[str, Operand]) -> dict[str, Any]:
    """The schema of a step."""
    types = {verb.name: verb.subject or "name", **{key: one.type for key, one in operands.items()},
             **{key: key for key in ABOUT if verb.judged}}
    return {
        "type": "object",
        "description": verb.says,
        "additionalProperties": False,
        "required": [verb.name, *(key for key, one in operands.items() if not one.optional)],
        **({"oneOf": [{"required": [key]} for key in verb.one_of]} if verb.one_of else {}),
        "properties": {key: {"$ref": f"#/$defs/{type_}"} for key, type_ in types.items()},
        **({"dependentRequired": {key: [other] for key, other in verb.needs.items()}} if verb.needs else {}),
    }


def dumped(value: Any, indent: int) -> str:
    """JSON, with what fits in a line in one."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or (indent > 2 and indent + len(line) < WIDTH):
        return line
    keys = [json.dumps(key) + ": " for key in value] if isinstance(value, dict) else [""] * len(value)
    ones = list(value.values()) if isinstance(value, dict) else value
    start = "\n" + " " * (indent + 1)
    inside = f",{start}".join(key + dumped(one, indent + 1) for key, one in zip(keys, ones, strict=True))
    return "{["[isinstance(value, list)] + start + inside + start[:-1] + "}]"[isinstance(value, list)]


# --- the agent in C, and README -----------------------------------------------------------------------------


def agent_table() -> str:
    """The rows of the agent's table: a verb's parameters in order, those that may be left out with '='."""
    rows = []
    for verb in VERBS.values():
        if verb.request is not None:
            parameters = [key + (f"={one.default or ''}" if one.optional else "") for key, one in verb.request.items()]
            words = " ".join(["name", *parameters] if verb.subject != "none" else parameters)
            rows.append(f'    {{"{verb.name}", "{words}", {function(verb)}}},\n')
    return "".join(sorted(rows))


def function(verb: Verb) -> str:
    return f"do_{verb.name.replace('-', '_')}"


def agent_lacks() -> str:
    """Where the agent lacks a verb, it has no function."""
    names: dict[str, list[str]] = {}
    for verb in VERBS.values():
        names.setdefault(verb.c_unless, []).append(f"#define {function(verb)} NULL\n")
    return "".join(f"#if {condition}\n{''.join(of)}#endif\n" for condition, of in sorted(names.items()) if condition)


def without() -> str:
    """What platform.h says of each WITHOUT_…: the verbs that are left out with it."""
    verbs: dict[str, list[str]] = {}
    for verb in VERBS.values():
        for name in re.findall(r"WITHOUT_\w+", verb.c_unless):
            verbs.setdefault(name, []).append(verb.name)
    return "".join(f" *   {name:<38} {', '.join(of)}\n" for name, of in sorted(verbs.items()))


def reference() -> str:
    """README's table of what a step can be."""
    rows = ["\n| step | does | returns |\n|---|---|---|\n"]
    for verb in VERBS.values():
        if verb.step is not None:
            operands = ", ".join(["NAME", *(f"{key}{'?' if one.optional else ''}" for key, one in verb.step.items())])
            rows.append(f"| `{verb.name}: {operands}` | {verb.says} | {', '.join(verb.returns)} |\n")
    return "".join([*rows, "\n"])


# --- the laboratory, and agents with networks inside --------------------------------------------------------


def networks() -> str:
    """What the laboratory makes: the rows, those of networks by domain, with their commands spelt out."""
    parts = {key: {name: said(commands=part.made_by(), instead=part.instead, capabilities=part.capabilities,
                              word=part.word)
                   for name, part in rows.items()}
             for key, rows in (("every-namespace", TABLE.every_namespace), ("namespaces", TABLE.namespaces))}
    by_domain = {name: {domain: said(address=address, hosts=network.count(domain), route=network.route,
                                     commands=network.made_by(domain, range(network.count(domain))),
                                     instead=network.instead) for domain, address in network.addresses.items()}
                 for name, network in TABLE.networks.items()}
    return dumped({**parts, "networks": by_domain}, 0) + "\n"


def said(**fields: Any) -> dict[str, Any]:
    """What a row says; the rest is left out."""
    return {key: value for key, value in fields.items() if value}


def network_names() -> str:
    """A C name for each network: a member of the JSON object that a hello has."""
    return "".join(f'#define NETWORK_{name.replace("-", "_").upper()} '
                   f"{json.dumps(f'{json.dumps(name)}: {json.dumps(network.addresses)}')}\n"
                   for name, network in TABLE.networks.items())


def main() -> None:
    for path, text in derived().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
