"""The words of what people read: of the data in the field's terms, of the code and README without the old names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from specs import strict
from suites.selftest.house import ROOT, SCENARIOS, SELFTEST, below

FILES = [*SCENARIOS, *below("specs/clauses", "*.yaml"), *below("specs/platforms", "*.yaml"),
         *(ROOT / "specs" / name for name in ("networks.yaml", "peers.yaml", "verbs.yaml"))]
# Every file that a person wrote, but for those whose subject is names of before.
OLD_NAMES = {ROOT / "specs/renames.yaml", SELFTEST / "test_upgrade.py", SELFTEST / "test_words.py"}
TREE = [path for path in (*(ROOT / name for name in ("README.md", "conftest.py", "tox.ini")), *SELFTEST.glob("*.py"),
                          *(path for folder in (".github", "fixtures", "specs", "suites", "reports")
                            for path in below(folder, "*") if "out" not in path.relative_to(ROOT).parts))
        if path.is_file() and "__pycache__" not in path.parts and path not in OLD_NAMES]
EXCEPT = {("reports/common/upgrade.py", "greeting"): "the key in the header of older results"}
# A word that is not written, with what is: as a word, and as a part of a name. In lower case: in any.
NOWHERE = {
    r"tells?|told|telling|untold": "report, return, print, set, say",
    r"(no|some|any|every)body|whoever|whomever|whom": "the actor: no listener, another socket, every sender",
    r"stands?|stood|standing": "is, means, established",
    r"strangers?": "another sender, another socket, unknown_key",
    r"rooms?": "space, buffer, namespace, package",
    r"worlds|World": "networks, lab.Network, world.Environment",
    r"greet(s|ed|ings?)?": "hello",
    r"patience|grace_s": "call_timeout, shutdown_timeout",
    r"given things?": "a fixture",
    r"(silent|absent)[ -](host|neighbour)s?|impatient": "blackholed host, unresolved neighbour, short-syn-timeout",
    r"furnish\w*|read_back|lifelines?": "apply_sysctls, verify, StdinWatchdog",
    r"janitors?|caretakers?": "cleanup_process, BOOTSTRAP",
    r"complaints?|last[ _]words|disproved": "stderr_file, stderr_tail, identity_mismatch",
    r"Caller|Begun|Departure|BEYOND|PLACES|UNTOLD": "CallThread, Composer, Futures, UnexpectedVerdict, OBSERVED_ONLY",
    r"pass_on|server_end|prove_deaf|prove_whole|withdraw_fillers|keep_port": "send_all, accepted_peer, …",
    r"play_ahead|start_waiting|conclude|may_miss|drawn_like|spelt_out": "submit_all, submit_slow, raise_outcome, …",
    r"data: whole": "data: intact",
    r"told-once|asked-for-nothing|not-asked": "reported-once, no-events-requested, error-not-read",
}
# The keys whose text is ours: a source and a name are not. `where` of a survey says why nothing is required.
PROSE = {"summary", "says", "because", "checks", "why", "where"}
# Further words that the data does not have: actors have names, a survey says what it records.
INSTEAD = {
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


def old_words(path: Path) -> Iterator[tuple[str, str]]:
    """Each word of NOWHERE in a file: the word, and what is to be done about it."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for word, terms in NOWHERE.items():
            any_case = re.IGNORECASE if word.islower() else 0
            for found in re.finditer(rf"(?<![a-zA-Z])(?:{word})(?![a-zA-Z])", line, any_case):
                yield found[0], f"{path.relative_to(ROOT)}:{number}: {found[0]!r}; write {terms}"


@pytest.mark.parametrize("path", TREE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_old_word_is_left(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    assert [message for word, message in old_words(path) if (name, word) not in EXCEPT] == []


def test_every_exception_is_needed() -> None:
    for name, word in EXCEPT:
        assert word in dict(old_words(ROOT / name))
