"""Reproducers: each is built without a warning, and what its calls give is what the transcript says.

One case of each scenario is played here on this machine; with REPRODUCE=FILE it is all cases of a result file instead.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from fixtures import lab, targets
from fixtures.agent import VERBS
from reports import reproduce, results, surroundings
from reports.calls import FORMS
from reports.results import Column, Record
from reports.transcripts import rebuild
from specs import load
from specs.judge import judge
from specs.model import Case, Entry, Profile
from suites import engine
from suites.selftest.house import cases, clauses
from suites.selftest.written import Report, Write, result

FILE = os.environ.get("REPRODUCE", "")
COMPILER = shutil.which("cc")
COMMAND = (COMPILER or "cc", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O0")
COMPILE_S, RUN_S = 120.0, 300.0
PRINTED = re.compile(r"(?P<text>.+?) = (?P<value>-1 E\w+|-?\d+|blocks|crashed)(?: \{(?P<fields>.*)\})?(?:   <- .*)?")
POSITIVE = ("socket", "accept", "open", "recv", "recvfrom", "send", "sendto")  # verbs whose calls return no 0

pytestmark = pytest.mark.skipif(not COMPILER, reason="there is no C compiler cc")


# --- what is reproduced -------------------------------------------------------------------------------------


@functools.cache
def told() -> results.Results:
    """The results of the file, if one is named."""
    return results.gather([Path(FILE)])


def names() -> list[str]:
    """The cases: of the file, or the first of each scenario."""
    return list(told().cases) if FILE else list({(case.file, case.scenario): case.id for case in reversed(cases())}.values())[::-1]


@pytest.fixture(scope="session")
def native() -> Iterator[targets.Session]:
    session = targets.Session(targets.Target.of("native", load.targets(targets.FILE)["native"]))
    session.open()
    yield session
    session.close()


def record_of(name: str, session: targets.Session) -> tuple[Record, Column]:
    """What was seen of a case: in the file, or now."""
    if FILE:
        column = next(column for column in told().columns if column.label in told().cases[name])
        return told().cases[name][column.label], column
    case = next(case for case in cases() if case.id == name)
    made = engine.run(case, session, clauses(), load.profile(session.platform, clauses()))
    line = results.decode(json.dumps(made).encode())
    assert isinstance(line, Record)
    return line, Column("native", "native", results.Target(session.platform, session.greeting))


def built(text: str, folder: Path) -> Path:
    """The program; fails where the compiler warns."""
    source, program = folder / "reproduce.c", folder / "reproduce"
    source.write_text(text, encoding="utf-8")
    made = subprocess.run([*COMMAND, str(source), "-o", str(program), "-lpthread"], capture_output=True, text=True,
                          timeout=COMPILE_S, check=False)
    assert made.stderr == ""
    return program


def surrounded(program: Path, commands: list[str], session: targets.Session) -> list[str]:
    """The command that runs the program where its case was played, or in the network that its own comment describes."""
    if not commands:
        return [*(lab.enter(session.lab.rooms["main"]) if session.lab and session.lab.rooms else []), str(program)]
    if any(command.startswith("#") for command in commands):
        pytest.skip(commands[-1])
    first, *rest = (command.partition("   # ")[0] for command in commands)
    if subprocess.run([*first.split(), "ip", "link"], capture_output=True, check=False).returncode:
        pytest.skip(f"{first} is refused, or there is no program ip")
    return [*first.split(), "sh", "-c", "\n".join(["set -e", *rest, 'exec "$0"']), str(program)]


# --- what it prints, and what was seen ----------------------------------------------------------------------


def outcomes_of(entry: Entry) -> Iterator[tuple[str, dict[str, str]]]:
    """The outcomes of one entry of a transcript, as a program prints them: of a probe four, of a number none."""
    seen = {key: value for key, value in entry.observed.items() if key not in ("ret", "reason")}
    if entry.verb == "probe":
        for key, field in (("sockname", "name"), ("peername", "name"), ("poll", "revents"), ("SO_ERROR", "value")):
            failed = key != "SO_ERROR" and re.fullmatch("E[A-Z]+", seen[key])
            yield (seen[key], {}) if failed else ("ok", {field: seen[key]})
    elif entry.verb not in ("descriptor", "reset"):
        yield entry.observed["ret"], seen


def outcome_of(line: str, request: str) -> tuple[str, dict[str, str]]:
    """What one line of a program's output says, in the words of transcripts."""
    found = PRINTED.fullmatch(line)
    assert found, line
    value, verb = found["value"], request.partition(" ")[0]
    sent = re.search(r" data=(\S*)", request)
    good = str(len(unquote_to_bytes(sent[1]))) if sent else value if verb in POSITIVE and value >= "0" else "0"
    ret = "ok" if value == good else value.removeprefix("-1 ") if value[0] in "-bc" else f"returned={value}"
    return ret, dict(field.split(": ", 1) for field in (found["fields"] or "").split(", ") if field)


class Likeness:
    """Whether what came back is alike in two runs: a port or a name that was chosen in one is another in the other."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.back: dict[str, str] = {}

    def of(self, key: str, before: str, now: str) -> bool:
        if key != "name":
            return set(before.split(",")) == set(now.replace("none", "").split(","))
        if not before.startswith(("inet", "abstract")) or before.endswith(":0"):
            return before == now
        kind, _, rest = before.rpartition(":")
        kind_now, _, rest_now = now.rpartition(":")
        same = self.there.setdefault(rest, rest_now) == rest_now and self.back.setdefault(rest_now, rest) == rest
        return kind == kind_now and same


def status_of(record: Record) -> int:
    """The exit status that the judge's verdict stands for, deviations left aside."""
    case, transcript = rebuild(record)
    manuals = load.profile(record.platform, clauses()).manuals
    verdict = judge(case, transcript, clauses(), Profile(record.platform, manuals, ())).verdict
    return {"fails": 1, "crashed": 1, "conforms": 0, "open": 0}.get(verdict, 2)


def assert_alike(record: Record, output: str) -> None:
    """Each call gave what the transcript says, and no other was made."""
    _, transcript = rebuild(record)
    like, lines = Likeness(), iter(output.strip().split("\n\n")[0].splitlines())
    for entry in transcript.entries:
        for wanted in outcomes_of(entry):
            line = next(lines, "")
            ret, fields = outcome_of(line, entry.request)
            alike = fields.keys() == wanted[1].keys() and all(like.of(key, wanted[1][key], fields[key]) for key in fields)
            assert ret == wanted[0], line
            assert alike, f"{line}: {wanted}"
    assert list(lines) == []


@pytest.mark.parametrize("name", names())
def test_reproducer_does_what_the_transcript_says(name: str, native: targets.Session, tmp_path: Path) -> None:
    record, column = record_of(name, native)
    if record.verdict == "unsupported":
        pytest.skip(record.reason)
    commands = list(surroundings.commands(rebuild(record)[1]))
    program = built(reproduce.program(record, column, clauses()), tmp_path)
    run = subprocess.run(surrounded(program, commands, native), capture_output=True, text=True, timeout=RUN_S, check=False)
    assert run.stderr == ""
    assert_alike(record, run.stdout)
    assert run.returncode == status_of(record)
