"""Loading: whatever is wrong with a file is one line that names it, the line, what is wrong and what is allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from specs import baseline, grammar, load, scenarios, strict
from specs.model import (
    SYNONYMS,
    Case,
    Citation,
    Clause,
    Place,
    Span,
    SpecError,
    Vocabulary,
    label,
    pattern_of,
)
from specs.pages import missing, unmatched
from specs.pages import profile as profile_of

KNOWN = {name: Clause(name, "It says so.", (Citation("illumos", "ERRORS", "shall"),), "clauses.yaml", 1)
         for name in ("illumos.EISCONN", "illumos.EINPROGRESS")}
KNOWN["survey.state"] = Clause("survey.state", "It is.", (Citation("survey", "no document", "survey"),), "s.yaml", 1)
WORDS = Vocabulary({"listener": {"backlog": (), "type": ()}, "closed-port": {},
                    "socket-in": {"state": ("fresh", "bound"), "peer": (), "protocol": ()}},
                   frozenset({"loopback", "wildcard", "unspec", "null", "bad"}))

GOOD = """\
clause: illumos.EISCONN
scenarios:
  twice:
    summary: A second connect fails.
    domain: [AF_INET, AF_INET6]
    type: SOCK_STREAM
    given:
      - {listener: peer, backlog: 16}
    steps:
      - {socket: client, nonblocking: true}
      - {connect: client, to: peer}
      - {connect: client, to: peer, expect: EISCONN}
"""
SOCKET = "{socket: client}"
HEAD = GOOD[:GOOD.index("      - {socket")]


class Files:
    """Writes files and reads them back as what they claim to be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def cases(self, text: str | bytes = GOOD) -> list[Case]:
        return scenarios.cases(self.write("some.yaml", text), KNOWN, WORDS)

    def steps(self, *steps: str, head: str = HEAD) -> list[Case]:
        return self.cases(head + "".join(f"      - {step}\n" for step in steps))

    def profile(self, platform: str, **pages: str) -> Any:
        for name, text in pages.items():
            self.write(f"platforms/{name}.yaml", text)
        return profile_of(platform, KNOWN, self.folder / "platforms")

    def refused(self, call: Callable[..., object], *args: Any, **kwargs: Any) -> str:
        """The one line by which something is refused, without the folder."""
        with pytest.raises(SpecError) as caught:
            call(*args, **kwargs)
        line = str(caught.value)
        assert "\n" not in line
        assert line.startswith(str(self.folder))
        return line.removeprefix(f"{self.folder}/")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


# --- scenarios that are wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "line", "reported"),
    [
        # unknown words, with what is known
        ("scenarios:", "scenarios:\n  author: me", 3, "author: 'me' is no mapping|author.*'me'"),
        (
            "clause: illumos.EISCONN\n",
            "clauses: illumos.EISCONN\n",
            1,
            "takes no 'clauses'; it takes clause, scenarios",
        ),
        (
            "    type:",
            "    typ:",
            6,
            "twice takes no 'typ'; it takes clause, domain, facility, given, nonblocking, steps, summary, type",
        ),
        ("{socket:", "{sokcet:", 10, "no verb 'sokcet'; it is one of socket, socketpair, bind, connect, "),
        ("to: peer}", "too: peer}", 11, "connect takes no 'too'; it takes .*to"),
        (
            "to: peer}",
            "to: pere}",
            11,
            "no address 'pere'; it is a literal, one of bad, loopback, null, .+, or named so far: client, peer",
        ),
        ("to: peer}", "to: 'ipv4:1.2.3.4:5'}", 11, "'ipv4:1.2.3.4:5' is not .*inet:127.0.0.1:80"),
        (
            "connect: client, to: peer}",
            "connect: clinet, to: peer}",
            11,
            "nothing is named 'clinet' by `given` or a step before; named so far: client, peer",
        ),
        ("listener: peer,", "listner: peer,", 8, "no fixture 'listner'; it is one of closed-port, listener, socket-in"),
        ("listener: peer,", "closed-port: peer,", 8, "closed-port takes no 'backlog'; it takes a name only"),
        ("backlog: 16", "queue: 16", 8, "listener takes no 'queue'; it takes backlog, type"),
        (
            "AF_INET6]",
            "AF_INET7]",
            5,
            "'AF_INET7' is none of AF_INET, AF_INET6, v4-mapped, AF_UNIX, abstract|twice domain.*AF_INET7.*is not",
        ),
        ("SOCK_STREAM", "SOCK_STRAEM", 6, "'SOCK_STRAEM'.*SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET"),
        ("EISCONN}", "EISCON}", 12, "expect: 'EISCON' is none of ok, blocks, .*EISCONN"),
        ("EISCONN}", "EISCONN, clause: illumos.EISCON}", 12, "no clause 'illumos.EISCON'; perhaps illumos.EISCONN"),
        ("clause: illumos.EISCONN", "clause: illumos.EISCON", 1, "no clause 'illumos.EISCON'; perhaps illumos.EISCONN"),
        ("expect: EISCONN", "expect: {revents: [POLLOUT]}", 12, "connect gives back no 'revents'; it gives nothing"),
        (
            "expect: EISCONN",
            "expect: {AF_INET: EISCONN}",
            12,
            r"table over an axis names all its values: domain: AF_INET, AF_INET6",
        ),
        (
            "connect: client, to: peer, expect: EISCONN",
            "poll: client, events: [POLLOUT], expect: {revents: [POLLOOT]}",
            12,
            "'POLLOOT' is none of POLLIN, ",
        ),
        (
            "connect: client, to: peer, expect: EISCONN",
            "poll: client, events: [POLLOOT], expect: {revents: []}",
            12,
            "'POLLOOT' is none of POLLIN, ",
        ),
        # words that no target has, which a run would report as lacking on each
        ("connect: client, to: peer}", "setsockopt: client, option: SO_REUSEADR, value: 1}", 11,
         "option: 'SO_REUSEADR' is none of SO_ACCEPTCONN, .*SO_REUSEADDR, "),
        ("connect: client, to: peer}", "setsockopt: client, option: [SO_LINGER, SO_REUSEADR], value: 1}", 11,
         "option.1: 'SO_REUSEADR' is none of SO_ACCEPTCONN, .*SO_REUSEADDR, "),
        ("connect: client, to: peer}", "recv: client, flags: [MSG_DONTWIAT]}", 11, "'MSG_DONTWIAT' is none of MSG_D"),
        ("connect: client, to: peer}", "sigaction: SIGUSR3}", 11, "'SIGUSR3' is none of SIGALRM, "),
        ("connect: client, to: peer}", "connect: client, to: peer, sa_family: AF_INTE}", 11,
         "sa_family: 'AF_INTE' is not AF_"),
        ("socket: client,", "socket: client, protocol: IPPROTO_TPC,", 10, "'IPPROTO_TPC' is not IPPROTO_"),
        ("listener: peer, backlog: 16", "listener: peer, type: SOCK_STRAEM", 8, "type: 'SOCK_STRAEM' is none of "),
        ("listener: peer, backlog: 16", "socket-in: peer, protocol: IPPROTO_TPC", 8, "'IPPROTO_TPC' is not IPPROTO_"),
        ("listener: peer, backlog: 16", "socket-in: peer, state: bond", 8, "state: 'bond' is none of bound, f"),
        ("listener: peer, backlog: 16", "socket-in: peer, state: [fresh, bond]", 8, "'bond' is none of bound, fresh"),
        # names that nothing has
        ("{connect: client, to: peer}", "{exchange: client, with: other}", 11, "nothing is named 'other'"),
        ("{connect: client, to: peer}", "{dup2: client, over: other}", 11, "nothing is named 'other'"),
        ("{connect: client, to: peer}", "{sendmsg: client, fd: other}", 11, "nothing is named 'other'"),
        ("backlog: 16", "backlog: [a_b, ab]", 3, "2 cases have the id .+; the values of its axes look alike"),
        # what says nothing, or twice
        ("expect: EISCONN", "clause: illumos.EISCONN", 12, "a clause without 'expect' judges nothing"),
        (
            "expect: EISCONN",
            "clause: illumos.EISCONN, expect: {illumos.EISCONN: EISCONN}",
            12,
            "names clauses, so 'clause' says nothing",
        ),
        (
            "clause: illumos.EISCONN\n",
            "",
            11,
            "a check without a clause; name one at the step, the scenario or the file",
        ),
        ("    summary: A second connect fails.\n", "", 3, "twice lacks 'summary'"),
        ("A second connect fails.", "It should fail.", 4, "is not one sentence in the present tense"),
        ("A second connect fails.", "A second connect fails", 4, "is not one sentence in the present tense"),
        ("to: peer}", "to: peer, to: peer}", 11, "duplicate key 'to'; first in line 11"),
        ("    type:", "    domain: AF_INET\n    type:", 6, "duplicate key 'domain'; first in line 5"),
        (
            "{connect: client, to: peer}",
            "{connect: client, to: peer, expect: blocks}",
            11,
            "after 'blocks' the agent is gone",
        ),
        (
            "{connect: client, to: peer}",
            "{connect: client, to: peer, expect: [ok, blocks]}",
            11,
            "after 'blocks' the agent is gone",
        ),
        # what is observed, what depends on the attempt before, what is bounded by time
        ("expect: EISCONN", "expect: EISCONN, observe: true", 12, "'expect' has no place beside it"),
        ("expect: EISCONN", "observe: false", 12, "observe: False is not true: the call is made and recorded"),
        ("expect: EISCONN", "observe: true, clause: illumos.EISCONN", 12,
         "illumos.EISCONN is no clause of a survey; an observation has one of these, or none"),
        ("expect: EISCONN", "observe: true, clause: survey.stat", 12, "survey.stat is no clause of a survey"),
        ("expect: EISCONN", "observe: true, clause: survey.state, expect: ok", 12, "survey.state requires nothing"),
        ("expect: EISCONN", "expect: EISCONN, clause: survey.state", 12,
         "survey.state requires nothing; instead of 'expect' the step has 'observe: true'"),
        ("expect: EISCONN", "expect: {illumos.EISCONN: EISCONN, survey.state: EISCONN}", 12,
         "survey.state requires nothing; instead of 'expect' the step has 'observe: true'"),
        ("expect: EISCONN", "expect: any", 12, "expect: 'any' is none of ok, blocks, "),
        ("expect: EISCONN", "observe: true", 3, "twice expects nothing of any step"),
        ("expect: EISCONN", "after: ok", 12, "'after' without 'expect' judges nothing"),
        ("expect: EISCONN", "observe: true, after: ok", 12, "so 'after' has no place beside it"),
        ("expect: EISCONN", "expect: EISCONN, after: EINPROGES", 12, "after: 'EINPROGES' is none of ok, blocks, "),
        ("expect: EISCONN", "expect: EISCONN, after: blocks", 12, "after: 'blocks' is not ok or the name of an errno"),
        ("expect: EISCONN", "expect: EISCONN, after: [ok, any]", 12, "after.*'any' is none of ok, blocks, "),
        ("{connect: client, to: peer}", "{send: client, data: x, expect: ok, after: ok}", 11,
         "'after': no connect\\(\\) of client before"),
        ("to: peer, expect: EISCONN}", "to: peer, thread: t}\n      - {recv: client, expect: EAGAIN, after: ok}", 13,
         "'after': no connect\\(\\) of client before, or its thread not joined"),
        ("{connect: client, to: peer}", "{send: client, data: x, expect: ok, after: {getpeername: ok}}", 11,
         "'after': no getpeername\\(\\) of client before"),
        ("expect: EISCONN", "expect: EISCONN, after: {getpername: ok}", 12, "after"),
        ("expect: EISCONN", "expect: EISCONN, after: {getpeername: ENOTCON}", 12, "after.*ENOTCON"),
        ("expect: EISCONN", "expect: {errno: EISCONN}", 12, "EISCONN alone says the same; an errno takes not-be"),
        ("expect: EISCONN", "expect: {errno: ok, within: 1s}", 12, "expect errno: 'ok' is not the name of an errno"),
        ("expect: EISCONN", "expect: {errno: EISCON, within: 1s}", 12, "expect errno: 'EISCON' is none of ok, blocks"),
        ("expect: EISCONN", "expect: {errno: EISCONN, within: 1}", 12, "within: 1 is not a duration such as 10s or"),
        ("expect: EISCONN", "expect: {errno: EISCONN, within: 1m}", 12, "within: '1m' is not a duration such as"),
        ("expect: EISCONN", "expect: {not-before: 3s, within: 300ms}", 12, "never, not before 3s and within 300ms"),
        (
            "connect: client, to: peer, expect: EISCONN",
            "poll: client, events: [], expect: {errno: EINTR, revents: [], within: 1s}",
            12,
            "with an errno nothing else comes back",
        ),
        # axes
        ("backlog: 16", "backlog: [1, 1]", 8, "listener backlog names the same twice: 1, 1"),
        ("backlog: 16", "backlog: []", 8, "backlog: an axis without values|backlog"),
        (
            "{connect: client, to: peer}",
            "{connect: client, to: peer, namelen: [1, 2]}\n      - {connect: client, to: peer, namelen: [3]}",
            12,
            "namelen is an axis already, with other values: 1, 2",
        ),
        ("[AF_INET, AF_INET6]", "[]", 5, "domain"),
        ("[AF_INET, AF_INET6]", "[AF_INET, AF_INET]", 5, "domain"),
        # wrong types
        (
            "    given:\n      - {listener: peer, backlog: 16}",
            "    given: {listener: peer}",
            7,
            "twice given: a list of steps is wanted",
        ),
        (
            "- {socket: client, nonblocking: true}",
            "- socket client",
            10,
            "a step is a mapping: a verb and a name, then operands",
        ),
        ("- {listener: peer, backlog: 16}", "- listener", 8, "'given' is a mapping: a fixture and its name"),
        ("{socket: client, nonblocking: true}", "{}", 10, "a step is a mapping"),
        ("- {listener: peer, backlog: 16}", "- {}", 8, "'given' is a mapping: a fixture and its name"),
        ("{socket: client,", "{socket: [client],", 10, "socket"),
        ("{socket: client,", "{socket: Client,", 10, "socket.*'Client' is not a name: small letters"),
        ("  twice:", "  Twice:", 3, "a scenario's name: 'Twice' is not a name: small letters"),
        ("nonblocking: true", "nonblocking: yes", 10, "socket nonblocking: 'yes' is no boolean"),
        ("backlog: 16", "backlog: {a: 1}", 8, "backlog"),
        ("backlog: 16", "backlog: [[1]]", 8, "backlog"),
        ("{listener: peer,", "{listener: [peer],", 8, "name"),
        ("expect: EISCONN", "expect: []", 12, "expect"),
        ("expect: EISCONN", "expect: {}", 12, "expect"),
        ("expect: EISCONN", "expect: [[ok]]", 12, "expect"),
        ("expect: EISCONN", "expect: {illumos.EISCONN: {}}", 12, "expect"),
        ("clause: illumos.EISCONN", "clause: [illumos.EISCONN]", 1, "clause"),
        ("clause: illumos.EISCONN", "clause: {a: b}", 1, "clause"),
        ("clause: illumos.EISCONN", "clause: 5", 1, "clause: 5 is"),
        ("to: peer}", "to: 5}", 11, "connect to: 5 is not a fixture"),
        ("  twice:", "  1: 2\n  twice:", 3, "the key 1 is not a string"),
    ],
)
def test_wrong_scenarios_are_refused(files: Files, old: str, new: str, line: int, reported: str) -> None:
    assert old in GOOD
    message = files.refused(files.cases, GOOD.replace(old, new, 1) if old != "EISCONN}" else GOOD.replace(old, new))
    assert re.match(rf"some\.yaml:{line}: .*(?:{reported})", message), message


# Nine lists, each nine times the one before: 387 million values.
BOMB = "".join(f"{name}: &{name} [{', '.join([before] * 9)}]\n"
               for before, name in zip(["x", *(f"*{name}" for name in "abcdefgh")], "abcdefghi", strict=True))


@pytest.mark.parametrize(("text", "line", "reported"), [
    ("", 1, "the top level is not a mapping"),
    ("# nothing\n", 1, "the top level is not a mapping"),
    ("- a\n- b\n", 1, "the top level is not a mapping"),
    ("clause: illumos.EISCONN\n", 1, "lacks 'scenarios', a mapping of names to scenarios"),
    ("scenarios: {}\n", 1, "lacks 'scenarios'"),
    ("scenarios: [a]\n", 1, "lacks 'scenarios'"),
    ("scenarios:\n  a: b\n", 2, "a: 'b' is no object"),
    ("scenarios:\n  a: {summary: It fails., steps: []}\n", 2, "a steps is empty"),
    ("scenarios:\n  a: {summary: It fails., steps: b}\n", 2, "a steps: a list of steps is wanted"),
    ("scenarios:\n\ta: b\n", 2, "no YAML: "),
    ("scenarios:\n  a: {summary: [It fails.\n", 3, "no YAML: "),
    ("scenarios: 'a\n", 2, "no YAML: "),
    ("scenarios: *a\n", 1, "no YAML: "),
    ("scenarios: &a [*a]\n", 1, "an alias repeats this; write it out"),
    (BOMB, 1, "an alias repeats this"),
    ("a: !!timestamp x\n", 1, "the tag 'tag:yaml.org,2002:timestamp'; a value is a string, an integer, true or false"),
    ("a: !!float x\n", 1, "the tag '.*float'"),
    ("a: !!set {b}\n", 1, "the tag '.*set'"),
    ("a: !!int x\n", 1, "'x' is no int"),
    ("a: !!bool x\n", 1, "'x' is no bool"),
    (f"a: {'9' * 5000}\n", 1, "a value of 5,000 characters; it has at most 4,096"),
    (f"a: !!int {'9' * 4000}\n", 1, "a scenario file takes no 'a'"),
    (f"a: {'x' * 5_000_000}\n", 1, "it has more than 4,194,304 bytes"),
    (f"a:\n  - {'x' * 5_000}\n", 2, "a value of 5,000 characters"),
    (f"{'x' * 5_000}: a\n", 1, "no YAML: "),
    ("a: " + "[" * 5000 + "]" * 5000, 1, "no YAML"),
    ("---\na: b\n---\nc: d\n", 3, "no YAML: "),
    ("scenarios: !!python/name:os.getcwd x\n", 1, "the tag .*python/name"),
    (b"\x00\x01scenarios", 1, "no YAML: "),
    (b"\xff\xfe\xfa\x00", 1, "cannot be read: "),
])
def test_what_is_no_scenario_file_is_refused(files: Files, text: str | bytes, line: int, reported: str) -> None:
    message = files.refused(files.cases, text)
    assert re.match(rf"some\.yaml:{line}: .*(?:{reported})", message), message


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")],
                         ids=["fifo", "folder", "device"])
def test_what_is_no_regular_file_is_not_read(files: Files, make: Callable[[Path], None]) -> None:
    make(files.folder / "odd.yaml")
    message = files.refused(scenarios.cases, files.folder / "odd.yaml", KNOWN, WORDS)
    assert message == "odd.yaml:1: it is no regular file"


def test_limits_are_the_last_that_is_taken(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict, "FILE_LIMIT", 8)
    monkeypatch.setattr(strict, "SCALAR_LIMIT", 4)
    assert strict.parse("a: bcde", "file") == {"a": "bcde"}
    with pytest.raises(SpecError, match="a value of 5 characters; it has at most 4"):
        strict.parse("a: bcdef", "file")
    path = files.folder / "limit.yaml"
    path.write_text("a: bcde\n")
    assert strict.read(path) == {"a": "bcde"}
    path.write_text("a: bcd \n\n")
    with pytest.raises(SpecError, match="it has more than 8 bytes"):
        strict.read(path)


def test_no_more_than_three_words_are_suggested() -> None:
    assert strict.suggest("word", ["word1", "word2", "word3", "word4"]).count("word") == 3


def test_file_of_nothing_is_refused_at_its_first_line(files: Files) -> None:
    empty = files.write("clauses/empty.yaml", "{}\n")
    for read, kind in ((load.clauses, "clause"), (lambda _: load.targets(empty), "targets")):
        with pytest.raises(SpecError, match=f"empty.yaml:1: a {kind}s? file is empty"):
            read(empty.parent)


def test_own_clauses_and_targets_are_read() -> None:
    assert "illumos.EISCONN" in load.clauses.__wrapped__()
    assert "native" in load.targets(strict.ROOT / "fixtures" / "targets.yaml")


def test_link_to_itself_is_refused(files: Files) -> None:
    (files.folder / "odd.yaml").symlink_to("odd.yaml")
    message = files.refused(scenarios.cases, files.folder / "odd.yaml", KNOWN, WORDS)
    assert re.match(r"\S*odd\.yaml:1: cannot be read: ", message)


@given(st.text(st.sampled_from("ab:-[]{}&*!#|>'\"\n \t%@?,0\0\ufeff"), max_size=60))
def test_any_text_is_a_mapping_or_refused_in_one_line(text: str) -> None:
    problem = "some.yaml:1: none"
    try:
        strict.parse(text, "some.yaml")
    except SpecError as refusal:
        problem = str(refusal)
    assert re.fullmatch(r"some\.yaml:\d+: .+", problem)


def test_a_call_that_is_an_axis_becomes_the_call(files: Files) -> None:
    found = files.steps(SOCKET, "{call: client, first: [SO_ERROR, connect], to: peer, expect: EISCONN}",
                        "{call: client, second: [send, poll], to: peer}")
    assert [case.variant for case in found[:4]] == [
        "inet-soerror-send", "inet-soerror-poll", "inet-connect-send", "inet-connect-poll"]
    assert [step.text for step in found[0].steps[1:]] == ["getsockopt(client, SO_ERROR)", "send(client, again)"]
    assert [step.text for step in found[3].steps[1:]] == ["connect(client, peer)",
                                                          "poll(client, POLLIN|POLLOUT, timeout=0)"]
    assert found[3].steps[1].checks[0].allowed == ("EISCONN",)


def test_every_call_that_is_an_axis_has_its_operands(files: Files) -> None:
    (case, *_) = files.steps(SOCKET, "{call: client, first: [recv, poll], to: peer, expect: EISCONN}",
                             "{call: client, third: [recv, send], to: peer}")
    assert [step.text for step in case.steps] == ["socket(client)", "recv(client)", "recv(client)"]


def test_names_that_steps_and_fixtures_introduce_are_known_after_them(files: Files) -> None:
    given = "      - {listener: peer, backlog: 16}\n"
    head = HEAD.replace(given, given + "      - {socket-in: client, peer: server}\n")
    steps = ("{connect: client, to: server, process: child, expect: EISCONN}", "{waitpid: child}",
             "{socketpair: left, peer: right}", "{close: right}", "{accept: peer, as: end}", "{close: end}",
             "{connect: left, to: peer, thread: caller}", "{pthread_join: caller}")
    (case, *_) = files.steps(*steps, head=head)
    assert [step.name for step in case.steps] == ["client", "child", "left", "right", "peer", "end", "left", "caller"]


def test_an_address_may_be_a_literal(files: Files) -> None:
    (case, *_) = files.steps(SOCKET, "{connect: client, to: 'inet:192.0.2.1:9', expect: EISCONN}")
    assert case.steps[1].operands["to"] == "inet:192.0.2.1:9"


def test_a_way_to_be_nonblocking_is_an_axis_of_a_scenario(files: Files) -> None:
    found = files.cases(GOOD.replace("    type:", "    nonblocking: [F_SETFL, FIONBIO]\n    type:"))
    assert [case.axes["nonblocking"] for case in found] == ["F_SETFL", "FIONBIO"] * 2
    assert [case.variant for case in found[:2]] == ["inet-fsetfl", "inet-fionbio"]


def test_an_observation_needs_no_clause(files: Files) -> None:
    head = HEAD.replace("clause: illumos.EISCONN\n", "")
    (case, *_) = files.steps(SOCKET, "{connect: client, to: peer, observe: true}",
                             "{connect: client, to: peer, expect: EISCONN, clause: illumos.EISCONN}", head=head)
    assert (case.steps[1].checks, case.steps[1].observe, case.clauses) == ((), True, ("illumos.EISCONN",))


def test_a_scenario_may_have_one_step(files: Files) -> None:
    (case, *_) = files.steps("{socket: client, expect: EISCONN}")
    assert len(case.steps) == 1
    none = HEAD.replace("    steps:\n", "    steps: []\n")
    assert files.refused(files.cases, none) == "some.yaml:9: twice steps is empty"


def test_missing_file_is_refused(files: Files) -> None:
    message = files.refused(scenarios.cases, files.folder / "none.yaml", KNOWN, WORDS)
    assert message.startswith("none.yaml:1: cannot be read: ")


WORDS_OF_YAML = st.sampled_from(
    [
        "socket",
        "connect",
        "poll",
        "client",
        "peer",
        "expect",
        "clause",
        "to",
        "as",
        "thread",
        "ok",
        "EISCONN",
        "blocks",
        "any",
        "illumos.EISCONN",
        "AF_INET",
        "AF_INET6",
        "domain",
        "type",
        "given",
        "listener",
        "steps",
        "summary",
        "It fails.",
        "scenarios",
        "events",
        "POLLOUT",
        "namelen",
        "wait",
        "for",
        "output",
        "accept",
        "value",
        "name",
        "unlink",
        "",
        "inet:127.0.0.1:1",
    ]
)
TREES = st.recursive(
    WORDS_OF_YAML | st.integers(-5, 200) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS_OF_YAML, inner, max_size=4),
    max_leaves=12,
)


VERBS = st.sampled_from(["socket", "connect", "poll", "wait", "accept", "getsockopt", "socketpair", "unlink", "bind"])
OPERANDS = st.sampled_from(["to", "expect", "clause", "after", "observe", "events", "namelen", "thread", "as", "for",
                            "value"])


@given(VERBS, WORDS_OF_YAML | TREES, st.dictionaries(OPERANDS, TREES, max_size=3), st.none() | TREES)
def test_any_tree_is_loaded_or_refused_in_one_line(verb: str, name: Any, operands: Any, backlog: Any) -> None:
    """Nothing that YAML can say makes the loader fall over."""
    given_ = {"listener": "peer"} if backlog is None else {"listener": "peer", "backlog": backlog}
    scenario = {"summary": "It fails.", "domain": ["AF_INET", "AF_INET6"], "type": "SOCK_STREAM", "given": [given_],
                "steps": [{"socket": "client"}, {verb: name, **operands}]}
    text = yaml.safe_dump({"clause": "illumos.EISCONN", "scenarios": {"twice": scenario}}, sort_keys=False)
    reported = "some.yaml:1: nothing"
    try:
        scenarios.cases_of(strict.parse(text, "some.yaml"), "some.yaml", KNOWN, WORDS)
    except SpecError as refusal:
        reported = str(refusal)
    assert re.fullmatch(r"some\.yaml:\d+: [^\n]+", reported)


# --- scenarios that are right -------------------------------------------------------------------------------


def test_cases_are_the_product_of_the_axes_in_order(files: Files) -> None:
    text = GOOD.replace("type: SOCK_STREAM", "type: [SOCK_STREAM, SOCK_DGRAM]\n    facility: [poll, epoll]")
    found = files.cases(text)
    assert [case.variant for case in found] == [f"{d}-{t}-{f}" for d in ("inet", "inet6") for t in ("stream", "dgram")
                                                for f in ("poll", "epoll")]
    assert found[0].axes == {"domain": "AF_INET", "type": "SOCK_STREAM", "facility": "poll"}
    assert [case.id for case in found[:1]] == [f"{files.folder}/some.yaml::twice[inet-stream-poll]"]


def test_single_values_are_no_part_of_the_id(files: Files) -> None:
    (case,) = files.cases(GOOD.replace("[AF_INET, AF_INET6]", "AF_INET"))
    assert (case.variant, case.id) == ("", f"{files.folder}/some.yaml::twice")


def test_lists_of_operands_are_axes(files: Files) -> None:
    found = files.steps(SOCKET, "{connect: client, to: [peer, wildcard], namelen: [0, 15], expect: EISCONN}",
                        head=HEAD.replace("[AF_INET, AF_INET6]", "AF_INET").replace("backlog: 16", "backlog: [1, 2]"))
    assert [case.variant for case in found] == [f"backlog{backlog}-{to}-namelen{length}" for backlog in (1, 2)
                                                for to in ("peer", "wildcard") for length in (0, 15)]
    assert [(case.given[0].operands["backlog"], case.steps[1].operands["to"], case.steps[1].operands["namelen"])
            for case in found] == [(b, to, n) for b in (1, 2) for to in ("peer", "wildcard") for n in (0, 15)]


def test_operand_of_two_steps_is_one_axis(files: Files) -> None:
    found = files.steps(SOCKET, *["{connect: client, to: peer, namelen: [0, 15], expect: EISCONN}"] * 2,
                        head=HEAD.replace("[AF_INET, AF_INET6]", "AF_INET"))
    assert [[step.operands["namelen"] for step in case.steps[1:]] for case in found] == [[0, 0], [15, 15]]


def test_lists_that_are_values_are_no_axes(files: Files) -> None:
    found = files.steps(SOCKET, "{poll: client, events: [POLLIN, POLLOUT], expect: {revents: [POLLIN, POLLOUT]}}",
                        "{send: client, data: x, flags: [MSG_OOB, MSG_DONTWAIT]}")
    assert [case.variant for case in found] == ["inet", "inet6"]
    assert found[0].steps[1].operands["events"] == ["POLLIN", "POLLOUT"]


def test_step_with_a_domain_of_its_own_has_an_axis_of_its_own(files: Files) -> None:
    found = files.steps("{socket: client, type: [SOCK_DGRAM, SOCK_SEQPACKET]}",
                        "{connect: client, to: peer, expect: EISCONN}")
    assert [(case.axes["type"], case.steps[0].operands["type"]) for case in found[:2]] == [
        ("SOCK_STREAM", "SOCK_DGRAM"), ("SOCK_STREAM", "SOCK_SEQPACKET")]
    assert [case.variant for case in found] == ["inet-dgram", "inet-seqpacket", "inet6-dgram", "inet6-seqpacket"]


@pytest.mark.parametrize(
    ("axis", "value", "shown"),
    [
        ("domain", "AF_INET6", "inet6"),
        ("domain", "v4-mapped", "mapped"),
        ("domain", "abstract", "abstract"),
        ("type", "SOCK_SEQPACKET", "seqpacket"),
        ("nonblocking", "SOCK_NONBLOCK", "socknonblock"),
        ("nonblocking", "F_SETFL", "fsetfl"),
        ("facility", "epoll", "epoll"),
        ("namelen", 15, "namelen15"),
        ("namelen", -1, "namelen-1"),
    ],
)
def test_labels(axis: str, value: object, shown: str) -> None:
    assert label(axis, value) == shown


def allowed(found: Sequence[Case]) -> list[Any]:
    return [case.steps[-1].checks[0].allowed for case in found]


def test_tables_are_bound_by_their_axis(files: Files) -> None:
    table = "{AF_INET: ok, AF_INET6: [EAGAIN, {value: ok}]}"
    found = files.steps(SOCKET, f"{{getsockopt: client, option: SO_ERROR, expect: {table}}}")
    assert allowed(found) == [("ok",), ("EAGAIN", {"value": "ok"})]


def test_tables_over_operands_are_bound_too(files: Files) -> None:
    found = files.steps(SOCKET, "{connect: client, to: peer, namelen: [0, 16], expect: {'0': EINVAL, '16': ok}}",
                        head=HEAD.replace("[AF_INET, AF_INET6]", "AF_INET"))
    assert allowed(found) == [("EINVAL",), ("ok",)]


def test_clauses_can_differ_about_one_step(files: Files) -> None:
    expect = "{illumos.EISCONN: EISCONN, illumos.EINPROGRESS: {AF_INET: blocks, AF_INET6: [ok, EINVAL]}}"
    found = files.steps(SOCKET, f"{{connect: client, to: peer, expect: {expect}}}")
    assert [{check.clause: check.allowed for check in case.steps[-1].checks} for case in found] == [
        {"illumos.EISCONN": ("EISCONN",), "illumos.EINPROGRESS": ("blocks",)},
        {"illumos.EISCONN": ("EISCONN",), "illumos.EINPROGRESS": ("ok", "EINVAL")}]


@pytest.mark.parametrize(("native", "posix"), SYNONYMS.items())
def test_errno_has_its_posix_spelling(files: Files, native: str, posix: str) -> None:
    returned = files.steps(SOCKET, f"{{connect: client, to: peer, expect: {native}}}")
    reported = files.steps(SOCKET, f"{{getsockopt: client, option: SO_ERROR, expect: {{value: {native}}}}}")
    assert (allowed(returned), allowed(reported)) == ([(posix,)] * 2, [({"value": posix},)] * 2)


def test_what_is_checked_may_depend_on_the_attempt_before(files: Files) -> None:
    steps = files.steps(
        SOCKET, "{bind: client, to: loopback, observe: true}", "{connect: client, to: peer}",
        "{send: client, data: x, expect: ok, after: [ok, EWOULDBLOCK]}", "{connect: client, to: peer, thread: caller}",
        "{pthread_join: caller}", "{send: client, data: x, expect: {errno: EPIPE, within: 300ms}, after: ok}")[0]
    assert [step.observe for step in steps.steps[:3]] == [False, True, False]
    assert [(step.after, steps.attempt(index)) for index, step in enumerate(steps.steps) if step.after] == [
        (("ok", "EAGAIN"), 2), (("ok",), 5)]
    assert steps.steps[-1].checks[0].allowed == ({"errno": "EPIPE", "within": "300ms"},)


def test_what_is_checked_may_depend_on_another_call_before(files: Files) -> None:
    steps = files.steps(
        SOCKET, "{connect: client, to: peer}", "{getpeername: client, observe: true}",
        "{send: client, data: x, expect: ok, after: {getpeername: ok}}",
        "{send: client, data: x, expect: EPIPE, after: {getpeername: ENOTCONN}}")[0]
    checked = [(step.follows, step.after, steps.attempt(index)) for index, step in enumerate(steps.steps) if step.after]
    assert checked == [("getpeername", ("ok",), 2), ("getpeername", ("ENOTCONN",), 2)]
    other = replace(steps, steps=tuple(replace(step, follows="connect") for step in steps.steps))
    assert other.revision != steps.revision


def test_a_call_waits_for_the_attempts_before_it(files: Files) -> None:
    steps = files.steps(
        SOCKET, "{epoll_ctl: client, as: watcher, events: [POLLOUT]}", "{connect: client, to: peer}",
        "{epoll_wait: watcher}", "{epoll_wait: watcher, timeout: 0}", "{accept: peer, as: accepted}",
        "{poll: client, events: [POLLOUT], expect: ok}")[0]
    assert [steps.awaited(index) for index in range(len(steps.steps))] == [[], [], [], [2], [], [2], []]
    steps = files.steps(
        SOCKET, "{accept: peer, as: accepted, thread: sleeper}", "{connect: client, to: peer}",
        "{pthread_join: sleeper, expect: ok}", "{accept: peer, as: another, thread: late}")[0]
    assert [steps.awaited(index) for index in range(len(steps.steps))] == [[], [], [], [2], []]
    assert [one and one.name for one in map(steps.waiter, range(1, 5))] == [None, "client", "peer", None]


def test_nearest_clause_wins(files: Files) -> None:
    text = GOOD.replace("    type:", "    clause: illumos.EINPROGRESS\n    type:")
    assert files.cases(text)[0].clauses == ("illumos.EINPROGRESS",)
    text = text.replace("expect: EISCONN}", "observe: true, clause: survey.state}")
    assert files.cases(text)[0].clauses == ("survey.state",)


def test_observation_of_a_survey_is_a_check_that_allows_nothing_in_particular(files: Files) -> None:
    named = files.steps(SOCKET, "{connect: client, to: peer, observe: true, clause: survey.state}")[0].steps[-1]
    head = HEAD.replace("clause: illumos.EISCONN", "clause: survey.state")
    inherited = files.steps(SOCKET, "{connect: client, to: peer, observe: true}", head=head)[0].steps[-1]
    assert named.checks == inherited.checks
    assert [(check.clause, check.allowed) for check in named.checks] == [("survey.state", ())]
    assert named.observe
    assert not named.is_precondition


def test_observation_under_a_clause_that_obliges_is_no_check(files: Files) -> None:
    found = files.steps(SOCKET, "{connect: client, to: peer, observe: true}", "{connect: client, to: peer, expect: ok}")
    observed = found[0].steps[1]
    assert (observed.observe, observed.checks, observed.is_precondition) == (True, (), False)


@pytest.mark.parametrize("text", [
    GOOD.replace("EISCONN}", "EINVAL}"), GOOD.replace("16", "17"), GOOD.replace("true", "false"),
    GOOD.replace("      - {connect: client, to: peer}\n", ""), GOOD.replace("to: peer}", "to: wildcard}"),
    GOOD.replace("{connect: client, to: peer}", "{connect: client, to: peer, expect: ok}"),
    GOOD.replace("to: peer}", "to: peer, observe: true}"), GOOD.replace("EISCONN}", "EISCONN, after: ok}"),
    GOOD.replace("expect: EISCONN}", "expect: {errno: EISCONN, within: 1s}}"),
    GOOD.replace("SOCK_STREAM", "SOCK_DGRAM"), GOOD.replace("clause: illumos.EISCONN", "clause: illumos.EINPROGRESS"),
])
def test_revision_changes_with_the_content(files: Files, text: str) -> None:
    assert text != GOOD
    assert {case.revision for case in files.cases(text)}.isdisjoint(case.revision for case in files.cases())


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n" + GOOD,
        GOOD.replace("twice:", "again:"),
        GOOD.replace("A second connect fails.", "It fails again."),
        GOOD.replace("[AF_INET, AF_INET6]", "[AF_INET6, AF_INET]"),
        GOOD.replace("client", "'client'"),
        GOOD.replace("connect: client, to: peer", "connect:  'client', to: peer"),
    ],
)
def test_revision_does_not_change_otherwise(files: Files, text: str) -> None:
    assert text != GOOD
    assert {case.revision for case in files.cases(text)} == {case.revision for case in files.cases()}


def test_revisions_of_cases_differ(files: Files) -> None:
    """They are those of all suites before, so that their results can be compared."""
    found = files.cases()
    assert [case.revision for case in found] == ["8de3cbcf3bcf", "7a47cd79f0dc"]
    assert len({case.revision for case in found}) == len(found) == 2
    assert all(re.fullmatch("[0-9a-f]{12}", case.revision) for case in found)


# --- clauses ------------------------------------------------------------------------------------------------

CLAUSE = """\
illumos.EISCONN:
  says: A second connect fails.
  cited:
    illumos: {where: ERRORS, force: shall}
    linux: {where: connect(2), force: may}
"""


@pytest.mark.parametrize(("text", "line", "reported"), [
    (CLAUSE + CLAUSE, 6, "duplicate key 'illumos.EISCONN'; first in line 1"),
    (CLAUSE.replace("illumos.E", "illumosE"), 1, "'illumosEISCONN' is not a clause id such as illumos.EALREADY"),
    (CLAUSE.replace("says", "say"), 2, "takes no 'say'; it takes cited, says"),
    (CLAUSE.replace("fails.", "should fail."), 2, "is not our words, present tense"),
    (CLAUSE.replace("shall", "must"), 4, "'must' is none of shall, may, survey"),
    (CLAUSE.replace("linux:", "solaris:"), 5, "'solaris' is none of illumos, posix-2017, linux"),
    (CLAUSE.replace("where: ERRORS, ", ""), 4, "lacks 'where'"),
])
def test_wrong_clauses_are_refused(files: Files, text: str, line: int, reported: str) -> None:
    files.write("some.yaml", text)
    message = files.refused(load.clauses, files.folder)
    assert re.match(rf"some\.yaml:{line}: .*{reported}", message), message


@pytest.mark.parametrize(("documents", "is_survey"), [
    ("illumos: {where: E, force: shall}", False), ("survey: {where: no document, force: survey}", True),
    ("survey: {where: no document, force: survey}, linux: {where: E, force: may}", False),
])
def test_clause_of_a_survey_requires_nothing_of_any_platform(files: Files, documents: str, is_survey: bool) -> None:
    files.write("s.yaml", f"some.state:\n  says: It is.\n  cited: {{{documents}}}\n")
    load.clauses.cache_clear()
    assert load.clauses(files.folder)["some.state"].is_survey is is_survey


def test_clause_in_two_files_is_refused(files: Files) -> None:
    files.write("a.yaml", CLAUSE)
    files.write("b.yaml", "# more\n" + CLAUSE)
    assert files.refused(load.clauses, files.folder) == (
        f"b.yaml:2: illumos.EISCONN is defined already, in {files.folder}/a.yaml:1")


def test_force_is_that_of_the_first_document_that_binds(files: Files) -> None:
    files.write("a.yaml", CLAUSE.replace("    illumos: {where: ERRORS, force: shall}\n", ""))
    clause = load.clauses(files.folder)["illumos.EISCONN"]
    assert [clause.force(manuals) for manuals in (["linux"], ["linux-6.1", "linux"], ["freebsd"])] == [
        "may", "may", "survey"]
    files.write("a.yaml", CLAUSE)
    load.clauses.cache_clear()
    assert load.clauses(files.folder)["illumos.EISCONN"].force(["linux"]) == "shall"


# --- profiles -----------------------------------------------------------------------------------------------

PAGE = """\
platform: linux
bugs:
  always:
    because: it always did
    status: bug
    source: a page
    shows:
      - {in: errors/a::twice, illumos.EISCONN: EWOULDBLOCK}
"""
SHOWS = PAGE[PAGE.index("      - {"):]
HEIR = "platform: heir\ninherits: linux\n"


def page_of(*shows: str) -> str:
    """A page with one bug that shows so; the first line of it is 8."""
    return PAGE.replace(SHOWS, "".join(f"      - {one}\n" for one in shows))


def own(observed: str, where: str = "") -> str:
    """What an heir's page has beside its head: a bug of its own."""
    shows = f"      - {{in: errors/a::twice, {where}illumos.EISCONN: {observed}}}\n"
    return PAGE.removeprefix("platform: linux\n").replace("always:", "own:").replace(SHOWS, shows)


def twice() -> list[Case]:
    return scenarios.cases_of(strict.parse(GOOD, ""), "suites/errors/a.yaml", KNOWN, WORDS)


@pytest.mark.parametrize(
    ("text", "line", "reported"),
    [
        (PAGE.replace("status: bug", "status: quirk"), 5, "'quirk' is none of documented, bug, choice"),
        (PAGE.replace("    source: a page\n", ""), 3, "lacks 'source'"),
        (PAGE[:PAGE.index("    shows")], 3, "lacks 'shows'"),
        (PAGE[:PAGE.index("    shows")] + "    shows: []\n", 7, "bugs.always.shows is empty"),
        (PAGE.replace("because:", "why:"), 4,
         "takes no 'why'; it takes because, reported, shows, sometimes, source, status"),
        (PAGE.replace("always:", "Always:"), 3, "'Always' is not a name: small letters, digits and hyphens"),
        (PAGE.replace("  always:", "  always: {}\n  always:"), 4, "duplicate key 'always'; first in line 3"),
        (PAGE.replace("    source", "    reported: here\n    source"), 6, "'here' is not where it is reported"),
        ("platform: linux\nbugs: {}\n", 2, "bugs is empty"),
        ("platform: linux\ndeviations: []\n", 2, "takes no 'deviations'; it takes bugs, inherits, platform, "),
        ("platform: linux\nconforms: []\n", 2, "takes no 'conforms'; it takes bugs, inherits, platform, "),
        (page_of("{in: errors/a::twice}"), 8, "always: where it shows, a clause and what its checks give is wanted"),
        (page_of("{in: errors/a::twice, illumos.EISCON: ok}"), 8, "no clause 'illumos.EISCON'; perhaps "),
        (page_of("{ni: errors/a::twice, illumos.EISCONN: ok}"), 8, "takes no 'ni'"),
        (page_of("{illumos.EISCONN: ok, illumos.EISCONN: ok}"), 8, "duplicate key 'illumos.EISCONN'"),
        (page_of("illumos.EISCONN"), 8, "'illumos.EISCONN' is no object"),
        (page_of("{in: 'errors/a.yaml::twice[*', illumos.EISCONN: ok}"), 8, "is not a scenario such as "),
        (page_of("{in: errors/a::Twice, illumos.EISCONN: ok}"), 8, "is not a scenario such as errors/"),
        (page_of("{in: [errors/a::twice], illumos.EISCONN: ok}"), 8, "shows.0.in is empty"),
        (page_of("{where: {}, illumos.EISCONN: ok}"), 8, "where is empty; fill in axis -> its value, a list of its"),
        (page_of("{where: [domain], illumos.EISCONN: ok}"), 8, "where.* is not axis -> its value"),
        (page_of("{where: {namelen: ..}, illumos.EISCONN: ok}"), 8, "where: .. has no end"),
        (page_of("{where: {namelen: 5..5}, illumos.EISCONN: ok}"), 8, "5..5 is no range from a number to a greater"),
        (page_of("{where: {namelen: [1, 15..-1]}, illumos.EISCONN: ok}"), 8, "15..-1 is no range from a number"),
        (page_of("{where: {namelen: [1, 1]}, illumos.EISCONN: ok}"), 8, "names the same twice: 1, 1"),
        (page_of("illumos.EISCONN: EWOULDBLOK"), 8, "observed: 'EWOULDBLOK' is none of ok, blocks, "),
        (page_of("illumos.EISCONN: {revent: []}"), 8, "observed takes no 'revent'; it takes "),
        (page_of("illumos.EISCONN: {host: loopbak}"), 8, "'loopbak' is not chosen .any but the wildcard.,"),
        (page_of("illumos.EISCONN: any"), 8, "observed: 'any' is none of ok, blocks, "),
        (page_of("illumos.EISCONN: []"), 8, "is empty; fill in exactly this outcome"),
        (page_of("illumos.EISCONN: [EINVAL]"), 8, "one outcome alone is that of every check"),
        (page_of("illumos.EISCONN: [conforms, conforms]"), 8, "where every check conforms, nothing is declared"),
        (page_of("illumos.EISCONN: conforms"), 8, "'conforms' is none of ok, blocks"),
        (page_of("illumos.EISCONN: [EINVAL, unresolved]"), 8, "unresolved is no outcome of a check"),
        (page_of("illumos.EISCONN: [EINVAL, EWOULDBLOK]"), 8, "observed: 'EWOULDBLOK' is none of ok, blocks, "),
        (page_of("illumos.EISCONN: [EINVAL, [ok]]"), 8, r"\['ok'\] is not an outcome"),
        (page_of("illumos.EISCONN: {errno: EINVAL}"), 8, "EINVAL alone says the same"),
        (page_of("illumos.EISCONN: ok\n        illumos.EINPROGRES: ok"), 9, "no clause 'illumos.EINPROGRES'; perhaps"),
        (PAGE.replace("platform: linux", "platform: linus"), 1, "the page of 'linus'; the file's name says 'linux'"),
        (PAGE.replace("platform: linux", "platform: linux\ninherits: linux"), 2, "'linux' inherits itself"),
        (PAGE.replace("platform: linux", "platform: linux\ninherits: minix"), 2,
         "no page for platform 'minix'; there are linux"),
        ("bugs: {}\n", 1, "lacks 'platform'|bugs is empty"),
    ],
)
def test_wrong_pages_are_refused(files: Files, text: str, line: int, reported: str) -> None:
    message = files.refused(files.profile, "linux", linux=text)
    assert re.match(rf"platforms/linux\.yaml:{line}: .*(?:{reported})", message), message


def test_platform_without_a_page_is_refused(files: Files) -> None:
    message = files.refused(files.profile, "plan9", linux=PAGE)
    assert message == "platforms: no page for platform 'plan9'; there are linux"


def test_inheriting_in_a_circle_is_refused(files: Files) -> None:
    a, b = "platform: a\ninherits: b\n", "platform: b\ninherits: a\n"
    assert files.refused(files.profile, "a", a=a, b=b) == "platforms/b.yaml:2: 'a' inherits itself"


@pytest.mark.parametrize("observed", ["ok", "blocks", "crashed", "returned=1", "{value: ok}", "{revents: [POLLOUT]}",
                                      "{host: 127.0.0.10}", "unresolved"])
def test_every_outcome_can_be_declared(files: Files, observed: str) -> None:
    (entry,) = files.profile("linux", linux=PAGE.replace("EWOULDBLOCK", observed)).deviations
    assert entry.observed == (observed if "{" not in observed else strict.parse(f"a: {observed}", "")["a"])


def test_outcomes_of_several_checks_are_a_list(files: Files) -> None:
    page = PAGE.replace("EWOULDBLOCK", "[EWOULDBLOCK, conforms, {errno: ETIMEDOUT, not-before: 60s}, crashed]")
    (entry,) = files.profile("linux", linux=page).deviations
    assert entry.observed == ("EAGAIN", "conforms", {"errno": "ETIMEDOUT", "not-before": "60s"}, "crashed")
    assert [entry.at(position) for position in (0, 3, 4)] == ["EAGAIN", "crashed", "conforms"]


def test_bug_has_its_lines_and_the_posix_spelling(files: Files) -> None:
    (entry,) = files.profile("linux", linux=PAGE).deviations
    assert (entry.observed, entry.clause, entry.line, entry.place) == (
        "EAGAIN", "illumos.EISCONN", 8, Place(("errors/a::twice",)))
    assert (entry.bug.name, entry.bug.status, entry.bug.because, entry.bug.source, entry.bug.line) == (
        "always", "bug", "it always did", "a page", 3)
    assert entry.file == entry.bug.file == str(files.folder / "platforms/linux.yaml")
    assert (entry.bug.sometimes, entry.bug.reported) == (False, "")
    more = "    reported: https://example.org/1\n    sometimes: true\n    shows:"
    (entry,) = files.profile("linux", linux=PAGE.replace("    shows:", more)).deviations
    assert (entry.bug.sometimes, entry.bug.reported) == (True, "https://example.org/1")


def test_the_pages_of_the_suite_are_read_where_no_others_are_named() -> None:
    assert profile_of("linux", load.clauses()).platform == "linux"
    assert "there are " in missing("atlantis")
    assert ", linux" in missing("atlantis")


def test_bug_shows_in_several_places_and_clauses(files: Files) -> None:
    page = page_of("{illumos.EISCONN: ok, illumos.EINPROGRESS: EINVAL}", "{in: unix/*, illumos.EISCONN: EBADF}")
    found = files.profile("linux", linux=page).deviations
    assert [(one.clause, one.observed, one.place.scenarios, one.line) for one in found] == [
        ("illumos.EISCONN", "ok", (), 8), ("illumos.EINPROGRESS", "EINVAL", (), 8),
        ("illumos.EISCONN", "EBADF", ("unix/*",), 9)]
    assert len({one.bug for one in found}) == 1


@pytest.mark.parametrize(("where", "place"), [
    ("in: [a/b::c, 'd/*']", Place(("a/b::c", "d/*"))),
    ("where: {domain: AF_INET, namelen: [1, 15]}", Place((), (("domain", ("AF_INET",)), ("namelen", ("1", "15"))))),
    ("where: {namelen: [0..15, ..-1, 256.., -5..-1]}", Place((), (("namelen", (
        Span(0, 15), Span(None, -1), Span(256, None), Span(-5, -1))),))),
    ("where: {to: 127.0.0.1}", Place((), (("to", ("127.0.0.1",)),))),
])
def test_places(files: Files, where: str, place: Place) -> None:
    (entry,) = files.profile("linux", linux=page_of(f"{{{where}, illumos.EISCONN: ok}}")).deviations
    assert entry.place == place


def test_heir_has_its_own_entries_first_and_the_manuals_of_all(files: Files) -> None:
    profile = files.profile("heir", linux=PAGE, heir=HEIR + own("EINVAL"))
    assert [(entry.observed, profile.owns(entry)) for entry in profile.deviations] == [
        ("EINVAL", True), ("EAGAIN", False)]
    assert profile.manuals == ("heir", "linux")


def test_own_entry_replaces_the_inherited_one(files: Files) -> None:
    profile = files.profile("heir", linux=PAGE, heir=HEIR + own("EINVAL", "where: {domain: AF_INET6}, "))
    assert [[entry.observed for entry in profile.of(case)] for case in twice()] == [["EAGAIN"], ["EINVAL"]]


@pytest.mark.parametrize(("withdrawn", "left"), [
    ("{bug: always}", [[], []]), ("{bug: always, in: errors/a::twice}", [[], []]),
    ("{bug: always, in: unix/*}", [["EAGAIN"], ["EAGAIN"]]),
    ("{bug: always, where: {domain: AF_INET}}", [[], ["EAGAIN"]]),
])
def test_inherited_bug_is_withdrawn(files: Files, withdrawn: str, left: list[list[str]]) -> None:
    heir, late = HEIR + f"without: [{withdrawn}]\n", "platform: late\ninherits: heir\n"
    for platform in ("heir", "late"):
        found = files.profile(platform, linux=PAGE, heir=heir, late=late)
        assert [[entry.observed for entry in found.of(case)] for case in twice()] == left
    assert [len(files.profile("linux", linux=PAGE).of(case)) for case in twice()] == [1, 1]


def test_withdrawal_reaches_a_grandparent(files: Files) -> None:
    late = "platform: late\ninherits: heir\nwithout: [{bug: always}]\n"
    profile = files.profile("late", linux=PAGE, heir=HEIR + own("EINVAL"), late=late)
    assert [[entry.observed for entry in profile.of(case)] for case in twice()] == [["EINVAL"], ["EINVAL"]]


@pytest.mark.parametrize(("withdrawn", "reported"), [
    ("{bug: alway}", "no inherited page has a bug 'alway'; it is one of always"),
    ("{bug: own}", "no inherited page has a bug 'own'; it is one of always"),
    ("{clause: illumos.EISCONN}", "takes no 'clause'; it takes bug, in, where"),
    ("{in: errors/a::twice}", "lacks 'bug'"), ("{bug: always, where: {namelen: 3..1}}", "where: 3..1 is no range"),
])
def test_wrong_withdrawals_are_refused(files: Files, withdrawn: str, reported: str) -> None:
    heir = f"{HEIR}without:\n  - {withdrawn}\n" + own("EINVAL")
    message = files.refused(files.profile, "heir", linux=PAGE, heir=heir)
    assert message.startswith("platforms/heir.yaml:4: ")
    assert reported in message


def test_page_that_inherits_nothing_withdraws_nothing(files: Files) -> None:
    message = files.refused(files.profile, "linux", linux=PAGE + "without: [{bug: always}]\n")
    assert message == "platforms/linux.yaml:9: no inherited page has a bug 'always'; it is one of none"


# what matches nothing


def unmatched_lines(files: Files, page: str, drawn: Sequence[str] = ()) -> list[str]:
    reported = unmatched(files.profile("linux", linux=page), twice(), drawn)
    return [line.removeprefix(f"{files.folder}/platforms/linux.yaml:") for line in reported]


@pytest.mark.parametrize(("shows", "reported"), [
    ("{in: errors/a::twice, illumos.EISCONN: ok}", []), ("{illumos.EISCONN: ok}", []),
    ("{in: errors/a::once, illumos.EISCONN: ok}", ["8: always: no case of illumos.EISCONN in errors/a::once is such"]),
    ("{in: ['errors/*', 'unix/*'], illumos.EISCONN: ok}", ["8: always: no case of illumos.EISCONN in unix/* is such"]),
    ("{illumos.EINPROGRESS: ok}", ["8: always: no case of illumos.EINPROGRESS in * is such"]),
    ("{where: {domain: AF_UNIX}, illumos.EISCONN: ok}", ["8: always: no case of illumos.EISCONN in * is such"]),
    ("{where: {domain: [AF_INET, AF_UNIX]}, illumos.EISCONN: ok}", ["8: always: no case has domain AF_UNIX"]),
    ("{where: {backlog: 0..15}, illumos.EISCONN: ok}", ["8: always: no case of illumos.EISCONN in * is such"]),
    ("{illumos.EISCONN: [conforms, EINVAL]}",
     ["8: always: 2 outcomes for the 1 checks of illumos.EISCONN in suites/errors/a.yaml::twice[inet]"]),
])
def test_entry_that_matches_no_case_is_reported(files: Files, shows: str, reported: list[str]) -> None:
    assert unmatched_lines(files, page_of(shows)) == reported


def test_entry_of_a_drawn_scenario_matches_it(files: Files) -> None:
    page = page_of("{in: walks/test_a::any-length, illumos.EISCONN: ok}")
    assert unmatched_lines(files, page, ["suites/walks/test_a.py::any-length"]) == []
    assert len(unmatched_lines(files, page)) == 1


@pytest.mark.parametrize(("pattern", "topic", "is_match"), [
    ("errors/a::twice", "errors/a::twice", True), ("errors/a::twic", "errors/a::twice", False),
    ("errors/a::twice*", "errors/a::twice-more", True), ("*::twice", "errors/a::twice", True),
    ("errors/?::twice", "errors/a::twice", False), ("errors/a::twice.", "errors/a::twice6", False),
    ("*", "errors/a::twice", True),
])
def test_patterns_mean_themselves_but_for_the_star(pattern: str, topic: str, is_match: bool) -> None:
    assert bool(pattern_of(pattern).fullmatch(topic)) is is_match


# --- baselines ----------------------------------------------------------------------------------------------

TWICE = "suites/errors/a.yaml::twice"
RECORDED = {f"{TWICE}[inet]": ({"3": "0"}, {"3": "-1 EIO"}), f"{TWICE}[inet6]": ({"3": "0"},), "suites/b.yaml::c": (
    {"1": "blocks", "unresolved": ""},)}
LINE = '{"kind":"scenario","scenario":"a","variants":[""],"gave":[{"1":"0"}]}'


def test_baseline_is_read_as_it_is_written(files: Files) -> None:
    file = files.write("baselines/linux.jsonl", baseline.text("linux", ["Linux 6.18", "Linux 6.1"], RECORDED))
    found = baseline.load(["linux"], file.parent)
    assert {case: sorted(gave, key=str) for case, gave in found.items()} == {
        case: sorted(gave, key=str) for case, gave in RECORDED.items()}
    assert baseline.seen(file) == ["Linux 6.1", "Linux 6.18"]
    assert baseline.text("linux", baseline.seen(file), found) == file.read_text()


def test_baseline_is_one_text_in_whatever_order_it_was_seen() -> None:
    other = {case: gave[::-1] for case, gave in reversed(RECORDED.items())}
    assert baseline.text("linux", ["b", "a", "b"], RECORDED) == baseline.text("linux", ["a", "b"], other)


def test_cases_of_a_scenario_that_gave_the_same_are_one_line() -> None:
    found = {f"{TWICE}[{domain}]": ({"3": "0"},) for domain in ("inet6", "inet", "mapped")}
    assert baseline.text("linux", [], found).splitlines()[1:] == [
        f'{{"kind":"scenario","scenario":"{TWICE}","variants":["inet","inet6","mapped"],"gave":[{{"3":"0"}}]}}']


def test_profile_has_its_own_baseline_before_the_inherited(files: Files) -> None:
    files.write("baselines/linux.jsonl", baseline.text("linux", ["Linux"], RECORDED))
    mine: dict[str, tuple[dict[str, str], ...]] = {f"{TWICE}[inet]": ({"3": "-1 EPERM"},)}
    files.write("baselines/heir.jsonl", baseline.text("heir", ["Heir"], mine))
    found = files.profile("heir", linux=PAGE, heir=HEIR).baseline
    assert (found[f"{TWICE}[inet]"], found[f"{TWICE}[inet6]"]) == (({"3": "-1 EPERM"},), ({"3": "0"},))


def test_platform_without_a_baseline_of_its_own_is_compared_with_none(files: Files) -> None:
    """What another platform answers in a survey obliges it to nothing."""
    files.write("baselines/linux.jsonl", baseline.text("linux", ["Linux"], RECORDED))
    assert files.profile("heir", linux=PAGE, heir=HEIR).baseline == {}
    assert files.profile("linux", linux=PAGE).baseline.keys() == RECORDED.keys()


@pytest.mark.parametrize(("line", "reported"), [
    ("{", "Input data was truncated"), ("", "Input data was truncated"), ('{"kind":"other"}', "Invalid value 'other'"),
    (LINE.replace('"a"', "5"), "Expected `str`, got `int` - at `$.scenario`"),
    (LINE.replace(',"gave":[{"1":"0"}]', ""), "missing required field `gave`"),
    (LINE.replace('"1":"0"', '"1":0'), "Expected `str`, got `int` - at `$.gave[0][...]`"),
])
def test_bad_line_of_a_baseline_is_named(files: Files, line: str, reported: str) -> None:
    head = baseline.text("linux", ["Linux"], {})
    files.write("baselines/linux.jsonl", f"{head}{LINE}\n{line}\n{LINE}\n")
    with pytest.raises(SpecError) as caught:
        files.profile("linux", linux=PAGE)
    message = str(caught.value)
    assert message.startswith("specs/baselines/linux.jsonl:3: ")
    assert reported in message
    assert "\n" not in message


@pytest.mark.parametrize(("version", "others"), [
    ("Linux 6.18.44 x86_64, glibc-2.36", []), ("Linux 6.18.1 aarch64", []), ("Linux 6.1.9", ["Linux 6.18"]),
    ("Linux 7 x", ["Linux 6.18"]), ("Wine", ["Linux 6.18"]),
])
def test_release_that_a_baseline_was_not_seen_on_is_another(files: Files, version: str, others: list[str]) -> None:
    file = files.write("baselines/linux.jsonl", baseline.text("linux", ["Linux 6.18.44 x86_64, glibc-2.36"], {}))
    assert baseline.other_releases("linux", version, file.parent) == others
    assert baseline.other_releases("other", version, file.parent) == []


# --- targets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "line", "reported"), [
    ("native: {about: a, start: [b]}\n", 1, "lacks 'platform'"),
    ("native: {about: a, start: b, platform: linux}\n", 1, "start: 'b' is not the command"),
    ("native:\n  about: a\n  begin: [b]\n  start: [b]\n  platform: linux\n", 3, "takes no 'begin'; it takes about, "),
    ("native: {about: a, start: [b], platform: linux, call-timeout: 0}\n", 1, "call-timeout: 0 is not seconds"),
    ("native: {about: a, start: [b], platform: linux, call-timeout: 0.5}\n", 1, "call-timeout: '0.5' is not seconds"),
    ("Native: {about: a, start: [b], platform: linux}\n", 1, "'Native'"),
    ("native: {about: a, start: ['{pyton}', b], platform: linux}\n", 1, "start.0: '{pyton}' is not a word whose"),
])
def test_wrong_targets_are_refused(files: Files, text: str, line: int, reported: str) -> None:
    message = files.refused(load.targets, files.write("some.yaml", text))
    assert re.match(rf"some\.yaml:{line}: .*{reported}", message), message


def test_value_that_one_schema_accepts_is_still_refused_by_another() -> None:
    for _ in range(2):
        grammar.check("file", "peer", 1, "a name", grammar.validator("scenarios", "name"))
        with pytest.raises(SpecError):
            grammar.check("file", "peer", 1, "expect", grammar.validator("scenarios", "outcome"))
