"""Reproducers: each is built without a warning, and what its calls give is what the transcript says.

One case of each scenario is played here and now; with REPRODUCE=FILE in the environment it is every case of that file.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import signal
import string
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote_to_bytes

import msgspec
import pytest

from fixtures import agent, lab, targets
from reports.common import results
from reports.common.results import Column
from reports.html import cases
from reports.reproducer import lab_setup, minimal, statements
from reports.reproducer.c_expr import CALLS, FACILITIES, HELPERS, PARAGRAPHS, Spelling, chosen
from reports.reproducer.program import program as c_program
from specs import load, pages
from specs.foresee import Foreseen
from specs.judge import judge
from specs.model import Entry, Profile
from specs.networks import TABLE, commands_to
from specs.record import SCHEMA, Header, Record, Suite, Target, Unreadable, decode, stored
from specs.verbs import VERBS
from suites import schedule
from suites.selftest import house
from suites.selftest.house import clauses
from suites.selftest.test_agent_c import EVENT
from suites.selftest.written import Report
from suites.timeouts import is_slow

FILE = os.environ.get("REPRODUCE", "")
COMPILER = ("cc", "-std=c99", "-Wall", "-Wextra", "-pedantic")
LIMIT_S = 300.0
WAIT_S = 0.2  # a case of a file that took longer waits for something
TOGETHER = 12  # cases that wait, at a time
PRINTED = re.compile(r".+? = (?P<value>-1 E\w+|-?\d+|blocks|crashed)(?: after [\d.]+ s)?"
                     r"(?:, (?P<fields>.*?))?(?:   <- .*)?")
POSITIVE = ["probe", *(name for name, verb in VERBS.items() if verb.success == ">= 0")]  # a descriptor, a count, events
HOSTILE = '*/ int x = "%s%n\\";??/\n#error \u2028 /*'

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler cc")


@pytest.fixture(scope="module", autouse=True)
def path_of_root() -> Iterator[None]:
    """The commands that make a network are in folders that are not on the path of an ordinary user."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"]))
        yield


# --- what is reproduced -------------------------------------------------------------------------------------


@functools.cache
def reported() -> dict[str, tuple[Record, Column]]:
    """The results of the file, if one is named, by case."""
    found = results.gather([Path(FILE)]) if FILE else None
    return {case: (records[column.label], column) for case, records in found.cases.items()
            for column in found.columns if column.label in records} if found else {}


@functools.cache
def played() -> dict[str, bool]:
    """The cases: all of the file, or the first of each scenario; and whether each waits."""
    if FILE:
        return {case: record.seconds > WAIT_S for case, (record, _) in reported().items()}
    first = {(case.file, case.scenario): case for case in reversed(house.cases())}
    return {case.id: is_slow(case, Foreseen()) for case in reversed(first.values())}


@functools.cache
def profile(platform: str) -> Profile:
    return pages.profile(platform, clauses())


@pytest.fixture(scope="session")
def native() -> Iterator[targets.Session]:
    session = targets.Session(targets.Target.of("native", load.targets(targets.FILE)["native"]))
    session.open()
    yield session
    session.close()


def record_of(case: str, session: targets.Session, own: bool = False) -> tuple[Record, Column]:
    """What was seen of a case: in the file, or now."""
    if FILE:
        return reported()[case]
    found = next(one for one in house.cases() if one.id == case)
    record = schedule.play(found, session, clauses(), profile(session.platform), own)
    return record, Column("native", "native", Target(session.platform, session.hello))


# --- a program ----------------------------------------------------------------------------------------------


def build(text: str, program: Path) -> str:
    """Build a program; what the compiler says."""
    source = program.with_suffix(".c")
    source.write_text(text, encoding="utf-8")
    return subprocess.run([*COMPILER, str(source), "-o", str(program), "-lpthread"], capture_output=True, text=True,
                          timeout=LIMIT_S, check=False).stderr


def start(program: Path, commands: Sequence[str], session: targets.Session) -> list[str]:
    """The command for a program: where its case was played, or in the network that its own comment says to make."""
    if not commands:
        namespaces = session.lab.namespaces if session.lab else {}
        return [*(lab.enter(namespaces["default"]) if namespaces else []), str(program)]
    first, *rest = (command.partition("   # ")[0] for command in commands)
    return [*first.split(), "sh", "-c", "\n".join(["set -e", *rest, 'exec "$0"']), str(program)]


@functools.cache
def lack() -> str:
    """Why this machine does not make the networks that some cases need; empty if it does."""
    if missing := [name for name in ("ip", "sysctl", "unshare") if not shutil.which(name)]:
        return f"there is no program {missing[0]}"
    reported = subprocess.run(["unshare", "-Urn", "ip", "link"], capture_output=True, text=True, check=False)
    return reported.stderr.strip()


def run(program: Path, *before: str) -> tuple[int, str]:
    """Run a program; its exit status and what it prints."""
    reported = subprocess.run([*before, str(program)], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert reported.stderr == ""
    return reported.returncode, reported.stdout


# --- what it prints, and what was seen ----------------------------------------------------------------------

Outcome = tuple[str, dict[str, str]]


def outcomes_of(entry: Entry) -> Iterator[Outcome]:
    """The outcomes that one entry of a transcript holds, call by call: four of a probe, none of a mere number."""
    seen = {key: value for key, value in entry.observed.items() if key not in ("ret", "reason")}
    if entry.verb == "probe":
        for key, field in (("sockname", "name"), ("peername", "name"), ("poll", "revents"), ("SO_ERROR", "value")):
            failed = key != "SO_ERROR" and re.fullmatch("E[A-Z0-9]+", seen[key])
            yield (seen[key], {}) if failed else ("ok", {field: seen[key]})
    elif entry.verb not in ("descriptor", "reset"):
        yield entry.observed["ret"], seen


def outcome_of(line: str, request: str) -> Outcome:
    """What a line of a program's output reports, in the words of transcripts."""
    found = PRINTED.fullmatch(line)
    if not found:
        return line, {}
    value, verb = found["value"], request.partition(" ")[0]
    sent = None if " thread=" in request else re.search(r" data=(\S*)", request)  # of a thread it is what starts it
    exact = re.fullmatch(r"== (\d+)", VERBS[verb].success) if verb in VERBS else None
    good = (str(len(unquote_to_bytes(sent[1]))) if sent else value if verb in POSITIVE and value.isdecimal() else
            exact[1] if exact else "0")
    ret = "ok" if value == good else value.removeprefix("-1 ") if value[0] in "-bc" else f"returned={value}"
    return ret, dict(field.split(": ", 1) for field in (found["fields"] or "").split(", ") if field)


class Likeness:
    """Whether outcomes of two runs are alike: what was chosen in one, a port, is always the same other in the other."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.back: dict[str, str] = {}

    def of(self, before: Outcome, now: Outcome) -> bool:
        return before[0] == now[0] and before[1].keys() == now[1].keys() and all(
            self.same(key, before[1][key], now[1][key]) for key in before[1])

    def same(self, key: str, before: str, now: str) -> bool:
        if key == "accepted":  # a client that waits for space may come while the queue is emptied, or after
            return (before == "0") == (now == "0")
        if key == "data" and before not in ("", now):  # the answer to a ping has its socket's port in the header
            old, new = unquote_to_bytes(before), unquote_to_bytes(now)
            return len(old) > 8 and old[8:] == new[8:] and old[:2] == new[:2] == bytes(2)
        if key != "name":
            return set(before.split(",")) == set(now.replace("none", "").split(","))
        if not before.startswith(("inet", "abstract")) or before.endswith(":0"):
            return before == now
        (kind, _, rest), (kind_now, _, rest_now) = before.rpartition(":"), now.rpartition(":")
        return (kind == kind_now and self.there.setdefault(rest, rest_now) == rest_now
                and self.back.setdefault(rest_now, rest) == rest)


def unlike(record: Record, output: str) -> list[str]:
    """The calls whose outcomes are not those of the transcript, or that one has and the other has not."""
    like, lines = Likeness(), output.strip().split("\n\n")[0].splitlines()
    transcript = record.transcript()
    entries = [(entry, outcome) for entry in transcript.entries for outcome in outcomes_of(entry)]
    # On a network a probe, which waits for nothing, and poll(), which is woken by the first thing that happens, see
    # how far the kernel has come.
    networked = any(lab_setup.commands(transcript)) or any("SO_BINDTODEVICE" in one.request
                                                              for one in transcript.entries)
    timed = ("probe", "poll") if networked else ()
    return [f"{line}; the transcript has {outcome}" for line, (entry, outcome) in zip(lines, entries, strict=False)
            if entry.verb not in timed and not like.of(outcome, outcome_of(line, entry.request))
            ] + lines[len(entries):] + [f"missing: {entry.text}" for entry, _ in entries[len(lines):]]


def status_of(record: Record) -> int:
    """The exit status for what the judge says, deviations left aside."""
    case, transcript = record.case(), record.transcript()
    plain = Profile(record.platform, profile(record.platform).manuals, ())
    verdict = judge(case, transcript, clauses(), plain).verdict
    return {"fails": 1, "crashed": 1, "conforms": 0, "recorded": 0}.get(verdict, 2)


def commands_of(record: Record) -> list[str]:
    """The commands that make the networks of a case; skips what cannot be played here."""
    if record.verdict == "unsupported":
        pytest.skip(record.reason)
    commands = list(lab_setup.commands(record.transcript()))
    missing = next((command for command in commands if command.startswith("#")), lack() if commands else "")
    if any(command.startswith("nft ") for command in commands) and not shutil.which("nft"):
        missing = "there is no program nft"
    if missing:
        pytest.skip(missing)
    return commands


def differences(case: str, session: targets.Session, folder: Path, own: bool = False) -> list[str]:
    """How the reproducer of a case differs from its transcript; skips what cannot be played here."""
    record, column = record_of(case, session, own)
    commands = commands_of(record)
    program = folder / re.sub(r"\W+", "-", case)[-100:]
    errors = build(c_program(record, column, clauses(), profile(record.platform).manuals), program)
    if errors:
        return [errors]
    *before, last = start(program, commands, session)
    status, output = run(Path(last), *before)
    return unlike(record, output) + ([f"exit status {status}\n{output}"] if status != status_of(record) else [])


@pytest.mark.parametrize("case", [case for case, waits in played().items() if not waits])
def test_what_it_does_is_what_the_transcript_says(case: str, native: targets.Session, tmp_path: Path) -> None:
    assert differences(case, native, tmp_path) == []


def test_what_it_does_when_it_waits_is_what_the_transcript_says(native: targets.Session, tmp_path: Path) -> None:
    def differs(case: str) -> list[str]:
        try:
            return [f"{case}: {one}" for one in differences(case, native, tmp_path, own=True)]
        except pytest.skip.Exception:
            return []

    with ThreadPoolExecutor(TOGETHER) as pool:
        found = pool.map(differs, [case for case, waits in played().items() if waits])
        assert [one for several in found for one in several] == []


# --- the minimal one ------------------------------------------------------------------------------------------


def sample() -> list[str]:
    """The first case of each fixture, and of each verb with these operands and options."""
    first: dict[object, str] = {}
    for case in house.cases():
        for fixture in case.given:
            first.setdefault((fixture.fixture, *map(str, fixture.operands.values())), case.id)
        for step in case.steps:
            words = {str(value) for key, value in step.operands.items() if key in ("option", "cmd", "facility")}
            first.setdefault((step.verb, *sorted(step.operands), *sorted(words)), case.id)
    return list(dict.fromkeys(first.values()))


def minimal_of(record: Record, folder: Path, until: int | None = None) -> Path:
    """The minimal program of a result; it compiles without a warning."""
    program = folder / re.sub(r"\W+", "-", record.id)[-100:]
    assert build(minimal.program(record, clauses(), profile(record.platform).manuals, until), program) == ""
    return program


def minimal_differs(case: str, session: targets.Session, folder: Path) -> tuple[set[str], str]:
    """The verbs of a case, and how its minimal program ends if not as the judge says; none where it cannot be run."""
    record, _ = record_of(case, session, own=True)
    try:
        commands = commands_of(record)
        program = minimal_of(record, folder)
    except (pytest.skip.Exception, Unreadable):
        return set(), ""
    *before, last = start(program, commands, session)
    ended = subprocess.run([*before, last], capture_output=True, text=True, errors="replace", timeout=LIMIT_S,
                           check=False)
    wanted = status_of(record)
    return {step.verb for step in record.steps}, "" if ended.returncode == wanted else (
        f"{case}: {ended.returncode}, not {wanted}\n{ended.stdout}{ended.stderr}")


@pytest.mark.skipif(bool(FILE), reason="the results of a file are reproduced with the harness")
def test_minimal_program_ends_as_the_judge_says(native: targets.Session, tmp_path: Path) -> None:
    with ThreadPoolExecutor(TOGETHER) as pool:
        found = list(pool.map(lambda case: minimal_differs(case, native, tmp_path), sample()))
    assert [differs for _, differs in found if differs] == []
    verbs = {verb for of_case, _ in found for verb in of_case}
    assert {name for name, verb in VERBS.items() if verb.c} - verbs <= {
        "declare", "dlsym", "kqueue", "kevent"}  # of a header, of libsocket, of a kernel that is not this one


def test_minimal_program_looks_a_function_up(tmp_path: Path) -> None:
    record = made(("dlsym connect library=no-such", "ENXIO", "ENXIO"))
    assert subprocess.run([minimal_of(record, tmp_path)], check=False).returncode == 0


FAULTY = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
int connect(int fd, const struct sockaddr *to, socklen_t length) {
    int (*real)(int, const struct sockaddr *, socklen_t);
    *(void **)&real = dlsym(RTLD_NEXT, "connect");
    int value = real(fd, to, length);
    if (value == -1 && errno == ECONNREFUSED)
        errno = EHOSTUNREACH;
    return value == -1 && errno == EISCONN ? 0 : value;
}
"""


@pytest.mark.parametrize(("case", "said"), [
    ("suites/errors/ECONNREFUSED.yaml::no-listener[inet]", "expected ECONNREFUSED (illumos.ECONNREFUSED)"),
    ("suites/errors/EISCONN.yaml::second-connect[inet]", "expected EISCONN (illumos.EISCONN)")])
def test_minimal_program_finds_a_fault(case: str, said: str, native: targets.Session, tmp_path: Path) -> None:
    (tmp_path / "faulty.c").write_text(FAULTY)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "faulty.so", tmp_path / "faulty.c", "-ldl"], check=True)
    record, _ = record_of(case, native)
    program = minimal_of(record, tmp_path)
    assert len(program.with_suffix(".c").read_text().splitlines()) <= 100
    ended = [subprocess.run([*command, *start(program, [], native)], capture_output=True, text=True, check=False)
             for command in ([], ["env", f"LD_PRELOAD={tmp_path / 'faulty.so'}"])]
    assert [one.returncode for one in ended] == [0, 1]
    assert said in ended[1].stderr
    assert said not in ended[0].stderr


def test_minimal_program_of_a_refused_connection_is_short(native: targets.Session) -> None:
    record, _ = record_of("suites/errors/ECONNREFUSED.yaml::no-listener[inet]", native)
    text = minimal.program(record, clauses(), profile("linux").manuals)
    assert len(text.splitlines()) <= 60
    assert 'strerror(error));\n    if (error != ECONNREFUSED)\n' in text
    assert not re.search(r"error_name|static \w+ before\(|gave\(", text)


def test_minimal_program_ends_with_the_step_that_is_asked_for() -> None:
    record = made(PAIR, ("fcntl one F_SETFL flags=O_NONBLOCK", "ok", "ok"), ("recv one", "EAGAIN", "EAGAIN"))
    whole, part = (minimal.program(record, clauses(), profile("linux").manuals, until) for until in (None, 1))
    assert ("recv(" in whole, "recv(" in part) == (True, False)


@pytest.mark.parametrize(("expect", "status"), [("blocks", 0), ("EAGAIN", 1), ("", 2)])
def test_minimal_program_of_a_call_that_blocks(expect: str, status: int, tmp_path: Path) -> None:
    ended = {} if expect else {"ended": ["unresolved", "recv(one) blocks"]}
    record = made(PAIR, ("recv one", "blocks", expect), **ended)
    assert subprocess.run([minimal_of(record, tmp_path)], check=False, timeout=LIMIT_S).returncode == status


def test_minimal_program_takes_no_text_for_code(tmp_path: Path) -> None:
    record = made(PAIR, ("send one data=a%25s%22%3B%0A%5C", "ok", "ok"), summary=HOSTILE, reason=HOSTILE)
    steps = tuple(msgspec.structs.replace(one, text=HOSTILE) for one in record.steps)
    record = msgspec.structs.replace(record, calls=stored(steps))
    assert subprocess.run([minimal_of(record, tmp_path)], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(("expect", "status"), [
    ({"ready": ["input"], "flags": ["EV_EOF"], "value": "ok"}, 0), ({"ready": []}, 1), ({"flags": []}, 1),
    ({"value": "ECONNRESET"}, 1)])
def test_both_programs_see_what_kevent_returns(
        expect: Mapping[str, object], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys" / "event.h").write_text(EVENT, encoding="utf-8")
    monkeypatch.setenv("C_INCLUDE_PATH", str(tmp_path))
    record = made(PAIR, ("kqueue one queue EVFILT_READ", "ok", ""), ("shutdown other SHUT_WR", "ok", ""),
                  ("kevent queue", "ok", expect))
    for program in (minimal_of(record, tmp_path), built(record, tmp_path)):
        assert subprocess.run([program], capture_output=True, check=False).returncode == status


@pytest.mark.parametrize(("request_", "why"), [
    ("declare connect headers=sys/socket.h like=x", "its calls are made by a C compiler"),
    ("setsockopt one SO_BINDTODEVICE value=link0", "its device is one of the laboratory"),
    ("connect one unix:/mnt/eio/x", "its path is one of the laboratory")])
def test_minimal_program_says_why_there_is_none(refuse: Report, tmp_path: Path, request_: str, why: str) -> None:
    file = file_of(made(PAIR, (request_, "ok", "")), folder=tmp_path)
    assert refuse("reproduce", file, "by-hand", "--minimal").endswith(f"by-hand: no minimal program: {why}\n")


# --- one that departs, blocks, crashes, or has nothing to do --------------------------------------------------


def made(*steps: tuple[str, str, str | Mapping[str, object]], **more: object) -> Record:
    """A result by hand, of a clause that every document has. steps: request, what was seen, what is expected."""
    lines = [{"text": request, "verb": request.partition(" ")[0], "subject": request.split()[1], "request": request,
              "observed": {"ret": ret}, "step": at, "line": at + 1,
              **({"expect": expect, "clause": "illumos.EISCONN", "verdict": "conforms"} if expect else {})}
             for at, (request, ret, expect) in enumerate(steps)]
    record = {"kind": "result", "case": "suites/errors/EISCONN.yaml::by-hand", "target": "native", "platform": "linux",
              "verdict": "conforms", "clauses": {"illumos.EISCONN": "conforms"}, "summary": "By hand.", "steps": lines,
              **more}
    found = decode(json.dumps(record))
    assert isinstance(found, Record)
    return found


COLUMN = Column("native", "native", Target("linux"))
PAIR = ("socketpair one other domain=AF_UNIX type=SOCK_STREAM", "ok", "")


def built(record: Record, folder: Path, column: Column = COLUMN) -> Path:
    """The program of a result; it compiles without a warning."""
    assert build(c_program(record, column, clauses(), profile("linux").manuals), folder / "program") == ""
    return folder / "program"


@pytest.mark.parametrize(("expect", "status", "verdict"), [
    ("ok", 0, "the document holds"),
    (["EISCONN", "ok"], 0, "the document holds"),
    ("EISCONN", 1, "the document does not hold: fcntl(one, F_SETFL, O_NONBLOCK) = 0, expected EISCONN"),
])
def test_status_is_what_the_document_says(expect: str, status: int, verdict: str, tmp_path: Path) -> None:
    program = built(made(PAIR, ("fcntl one F_SETFL flags=O_NONBLOCK", "ok", expect)), tmp_path)
    reported, output = run(program)
    assert (reported, output.splitlines()[-1]) == (status, verdict)


def test_state_that_is_not_reached_has_a_status_of_its_own(tmp_path: Path) -> None:
    program = built(made(PAIR, ("recv one", "EAGAIN", "EAGAIN")), tmp_path)
    status, output = run(program, "sh", "-c", 'ulimit -n 4; exec "$0"')
    assert status == 2
    assert output.endswith("\n\nnot reached: socketpair(AF_UNIX, SOCK_STREAM, 0, ends) = -1 EMFILE\n")


@pytest.mark.parametrize(("expect", "status"), [("blocks", 0), (["EAGAIN", "blocks"], 0), ("EAGAIN", 1), ("", 2)])
def test_call_that_does_not_return_blocks(expect: str, status: int, tmp_path: Path) -> None:
    reported, output = run(built(made(PAIR, ("recv one", "blocks", expect)), tmp_path))
    assert (reported, "recv(one, data, sizeof data, 0) = blocks" in output) == (status, True)


def test_crash_is_reported(tmp_path: Path) -> None:
    program = built(made(PAIR, ("recv one", "ok", "ok")), tmp_path)
    with subprocess.Popen([str(program)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        while not process.stdout.readline().startswith("socketpair"):  # then the next call has begun, or begins
            pass
        process.send_signal(signal.SIGSEGV)
        output = process.stdout.read()
    assert (process.returncode, "recv(one, data, sizeof data, 0) = crashed" in output) == (1, True)


def test_text_of_a_target_is_no_code(tmp_path: Path) -> None:
    column = Column(HOSTILE, "native", Target("linux", {"system": HOSTILE}, HOSTILE))
    record = made(("unlink a%22%5C%3F%3F%2Fb", "ENOENT", "ENOENT"), summary=HOSTILE, reason=HOSTILE)
    status, output = run(built(record, tmp_path, column))
    assert (status, output.splitlines()[-1]) == (0, "the document holds")


def test_text_of_a_call_is_no_code(tmp_path: Path) -> None:
    status, output = run(built(made(PAIR, ("send one data=a%3B%20b", "ok", "ok")), tmp_path))
    assert (status, output.splitlines()[-1]) == (0, "the document holds")
    assert 'send(one, "a; b", 4, 0) = 4' in output


@pytest.mark.parametrize("request_", [
    "connect one inet:127.0.0.1:1);abort(", "connect one inet:127.0.0.1\");abort(:1", "connect one what:1",
    "connect absent null:", "socket two AF_INET;abort() SOCK_STREAM", "listen one abort()", "wait one abort() output",
    "wait one poll abort()", "chmod path rwx", "getsockopt one WHAT_ERROR", "abort one", "poll one events=POLLIN;",
    "listen one", "connect one inet:example:1",
])
def test_request_that_is_no_call_is_refused(request_: str) -> None:
    with pytest.raises(Unreadable, match=r"^suites/.*: '.*' is no call that can be written in C$"):
        c_program(made(PAIR, (request_, "ok", "ok")), COLUMN, clauses(), profile("linux").manuals)


@pytest.mark.parametrize("ret", ["EVIL)", "E;"])
def test_errno_that_is_none_is_refused(ret: str) -> None:
    record = made(PAIR, ("recv one", "ok", ret))
    with pytest.raises(Unreadable):
        c_program(record, COLUMN, clauses(), profile("linux").manuals)


# --- the verb -----------------------------------------------------------------------------------------------


def file_of(*records: Record, folder: Path) -> Path:
    """A result file."""
    header = Header(SCHEMA, Suite("0"), "now", {one.target: COLUMN.target for one in records})
    with (folder / "results.jsonl").open("wb") as out:
        results.write(results.Run(Path(), header, records, ""), out)
    return folder / "results.jsonl"


def test_verb_writes_one_c_file(report: Report, tmp_path: Path) -> None:
    file = file_of(made(PAIR), folder=tmp_path)
    text = report("reproduce", file, "by-hand")
    assert text.startswith("/*\n * suites/errors/EISCONN.yaml::by-hand\n")
    assert report("reproduce", file, "by-hand", "-o", tmp_path / "case.c") == ""
    assert (tmp_path / "case.c").read_text() == text


def test_matrix_page_has_the_programs_of_departures() -> None:
    """One for the targets that did the same in a scenario: that of its first case."""
    failed, right = made(PAIR, verdict="fails"), made(PAIR)
    text = c_program(failed, COLUMN, clauses(), profile("linux").manuals)
    programs = cases.Programs([COLUMN], clauses())
    for number, name, one in ((7, "a", failed), (8, "a", failed), (9, "b", right)):
        programs.add(cases.Case(number, name, [cases.Group([0], one, [one.steps])]))
    found = programs.data()
    (case, lines), = found["programs"]["a"].values()
    assert (case, list(found["programs"])) == (7, ["a"])
    assert "\n".join(found["lines"][line] for line in lines) == text


def test_verb_refuses_in_one_line(refuse: Report, tmp_path: Path) -> None:
    twice = made(PAIR), msgspec.structs.replace(made(PAIR), target="other")
    assert "--target names one" in refuse("reproduce", file_of(*twice, folder=tmp_path), "by-hand")
    unplayed = made(verdict="unsupported", reason="no such domain")
    assert "unsupported on native: no such domain" in refuse("reproduce", file_of(unplayed, folder=tmp_path), "by-hand")
    old = made(PAIR, clauses={"illumos.GONE": "conforms"})
    assert "no clause 'illumos.GONE' any more" in refuse("reproduce", file_of(old, folder=tmp_path), "by-hand")


# --- what it is made of -------------------------------------------------------------------------------------

FUNCTION = re.compile(r"^static (?:[\w *]*[ *])?(\w+)\(", re.MULTILINE)
ON_ITS_OWN = {"accept_all", "exchange", "declares", "wait_devpoll"}  # which the agent in C does not make


def test_every_function_of_calls_c_is_used_by_the_agent_in_c() -> None:
    agent_in_c = (targets.HERE / "agent.c").read_text(encoding="utf-8")
    functions = set(FUNCTION.findall(CALLS))
    assert functions - {name for paragraph in chosen(agent_in_c) for name in FUNCTION.findall(paragraph)} == set()
    assert functions & set(FUNCTION.findall(agent_in_c)) == set()


def test_call_of_a_reproducer_is_that_of_the_agent_in_c() -> None:
    """The functions that a form calls are libc's or those of calls.c, but for verbs that the agent in C has not."""
    own, shared = set(FUNCTION.findall(HELPERS)), set(FUNCTION.findall(CALLS))
    assert own & shared == set()
    called = {name for verb in VERBS.values() for form in (verb.c, *verb.c_with.values())
              for name in re.findall(r"\b(\w+)\(", form.partition("; ")[0])} | {f"wait_{name}" for name in FACILITIES}
    assert called & own == ON_ITS_OWN
    assert {name for name in called if name.startswith("wait_")} - shared == {"wait_devpoll"}


@pytest.mark.parametrize(("restricts", "helper"), [
    ("landlock=LANDLOCK_ACCESS_NET_CONNECT_TCP", "run_restricted"), ("seccomp=EACCES", "run_filtered")])
def test_helpers_are_text_of_their_files(restricts: str, helper: str) -> None:
    record = made(("socket c domain=AF_INET type=SOCK_STREAM", "ok", ""),
                  (f"connect c inet:127.0.0.1:1 thread=t {restricts}", "ok", ""),
                  ("pthread_join t", "EACCES", "EACCES"))
    text = c_program(record, COLUMN, clauses(), profile("linux").manuals)
    head, _, helpers = text.partition("    return unnamed;\n}\n\n")
    pasted = helpers.partition("\n\n#ifndef MAIN")[0].split("\n\n")
    assert head
    assert [one for one in pasted if one not in map(str.strip, PARAGRAPHS)] == []
    assert {helper, "run_call", "join_call"} < set(FUNCTION.findall(helpers))


def test_every_verb_of_the_agent_can_be_written() -> None:
    assert [name for name in agent.VERBS if not VERBS[name].c] == ["reset"]


def test_every_form_is_one_that_can_be_filled_in() -> None:
    """Its words are operands of the verb, in a way in which one can be spelt."""
    for verb in VERBS.values():
        for form in (verb.c, verb.success, *verb.c_with.values()):
            for _, word, way, _ in string.Formatter().parse(form):
                assert word is None or word in {"name", *verb.takes}, form
                assert not way or hasattr(Spelling, way) or hasattr(statements.Request, way), form


def test_network_of_a_host_is_made_as_the_laboratory_makes_it() -> None:
    for name, network in TABLE.networks.items():
        for domain, address in network.addresses.items():
            last = lab.following(address, network.count(domain) - 1) if domain in network.hosts else address
            commands = commands_to(last.partition("%")[0])
            assert {*commands} <= {*lab.NETWORKS[name][domain].commands, *lab.NAMESPACES[network.netns].commands}, name
            assert bool(commands) == bool(network.commands), name
    assert [one.partition(" daddr ")[2] for one in commands_to("192.0.2.67") if one.startswith("nft add rule ")] == [
        "192.0.2.67 reject with icmp type 3"]
    assert commands_to("192.0.2.1") == []
