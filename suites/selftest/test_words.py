"""The words of what people read in the data: summaries, clauses, reasons and comments, in the field's terms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from specs import strict
from suites.selftest.house import ROOT, SCENARIOS, below

FILES = [*SCENARIOS, *below("specs/clauses", "*.yaml"), *below("specs/platforms", "*.yaml"),
         *(ROOT / "specs" / name for name in ("networks.yaml", "peers.yaml", "verbs.yaml"))]
# The keys whose text is ours: a source and a name are not. `where` of a survey says why nothing is required.
PROSE = {"summary", "says", "because", "checks", "why", "where"}
# A word that is not written, with what is: calls report or return, actors have names, a survey says what it records.
INSTEAD = {
    r"tells?|told|telling|untold": "report, return, set, say",
    r"(no|some|any|every)body|whoever|whomever|whom": "the actor: no listener, another socket, every sender",
    r"stands?|standing": "is, means, established",
    r"strangers?": "another sender, another socket",
    r"rooms?": "space, namespace",
    r"looks?|looked|looking|look-ups?": "check, read, poll, lookup",
    r"asks?|asked|asking": "request, require, recommend",
    r"heeds?|news|minds|deaf|chatter": "handle, notification, limit, closed, traffic",
    r"used up|of no (more )?use": "exhausted, in use, cannot be used again",
    r"(is|are|was|were) sent again": "is retransmitted",
    r"has no peer any ?more": "loses its peer",
    r"in (the platform's|its) way|(of )?the platform's choice": "what a survey records: an errno, revents, whether",
    r"or (does|do|is|are|has|can)( not)?\.?$": "records whether",
    r"for ever": "permanently, indefinitely, each time",
    r"(gives?|given|giving) up": "time out, abort",
    r"unspecified\.\w+": "survey.…, the name that the clause has",
}
COMMENT = re.compile(r"(?:^|\s)#+ (.*)")
CODE = re.compile(r"`[^`]*`|\b[\w/*.-]+::[\w*-]+")


def prose(content: object, ours: bool = False) -> Iterator[str]:
    """The texts under a key of PROSE, wherever it is."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from prose(value, str(key) in PROSE)
    elif isinstance(content, str):
        if ours:
            yield content
    elif isinstance(content, Sequence):
        for value in content:
            yield from prose(value, ours)


def comments(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := COMMENT.search(line):
            yield found[1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_text_is_in_the_terms_of_the_field(path: Path) -> None:
    wrong = [f"{found[0]!r} in {text!r}; write {terms}"
             for text in (*prose(strict.read(path)), *comments(path)) for word, terms in INSTEAD.items()
             if (found := re.search(rf"\b(?:{word})(?!\w)", CODE.sub("", text)))]
    assert not wrong, "\n".join(wrong)
