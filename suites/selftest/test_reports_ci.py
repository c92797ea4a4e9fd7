"""What a CI run makes of results: findings, TAP, the badge, the job summary, JUnit, and the scripts of .github."""

from __future__ import annotations

import configparser
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from reports.common import finding, results
from specs.record import PlayedStep, Record, decode
from suites import progress
from suites.items import CaseItem
from suites.selftest import faulty
from suites.selftest.test_reports import HOSTILE, hostile, page_pack, three_targets
from suites.selftest.written import Json, Report, Write, header, result
from suites.selftest.written import write as write_file

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / ".github" / "scripts"

# --- findings -----------------------------------------------------------------------------------------------


def departure(ret: str, expect: Any, **fields: str) -> PlayedStep:
    made = result("a", "fails", ret)
    made["steps"][2] |= {"expect": expect, "observed": {"ret": ret, **fields}}
    record = decode(json.dumps(made))
    assert isinstance(record, Record)
    return record.steps[2]


@pytest.mark.parametrize(("step", "kind"), [
    (departure("crashed", "EISCONN"), "crash"),
    (departure("ok", "EISCONN"), "wrong success"),
    (departure("ok", ["EISCONN", "blocks"]), "wrong success"),
    (departure("ok", "EINPROGRESS"), "wrong state"),
    (departure("ok", {"value": "ECONNREFUSED"}, value="ok"), "lost error"),
    (departure("ok", {"value": "ECONNREFUSED"}, value="EPIPE"), "wrong state"),
    (departure("ok", {"revents": ["POLLOUT"]}, revents=""), "wrong state"),
    (departure("blocks", "EISCONN"), "hang"),
    (departure("EISCONN", "ok"), "wrong failure"),
    (departure("EISCONN", {"value": "ok"}), "wrong failure"),
    (departure("EINVAL", ["EISCONN", "EALREADY"]), "wrong errno"),
])
def test_kinds_of_departures(step: PlayedStep, kind: str) -> None:
    assert finding.kind_of(step, "illumos.EISCONN") == kind


def declared(status: str, bug: str = "") -> Json:
    """An entry of a page; results of older suites have no name of the bug."""
    return {"clause": "illumos.EISCONN", "observed": "EINVAL", "status": status, "because": "it always did",
            "source": "a page", **({"bug": bug} if bug else {})}


def several(write: Write) -> Path:
    return write(
        result("errno"), result("errno", "fails", "EBADF", "wine"),
        result("success"), result("success", "fails", "ok", "wine"),
        result("bug[a]"), result("bug[a]", "deviates", "EINVAL", "wine", deviations=[declared("bug")]),
        result("bug[b]"), result("bug[b]", "deviates", "EINVAL", "wine", deviations=[declared("bug")]),
        result("said"), result("said", "deviates", "EINVAL", "wine", deviations=[declared("documented")]),
        result("survey", "recorded", "EBADF", "wine"), head=header(native="6.18.44", wine="8"))


@pytest.mark.usefixtures("four_clauses")
def test_findings_are_by_seriousness(write: Write) -> None:
    found = finding.findings(results.gather([several(write)]))
    assert [(one.kind, one.clause, one.seen, len(one.cases)) for one in found] == [
        ("wrong success", "illumos.EISCONN", "ok", 1), ("wrong errno", "illumos.EISCONN", "EINVAL", 2),
        ("wrong errno", "illumos.EISCONN", "EBADF", 1), ("documented", "illumos.EISCONN", "EINVAL", 1)]


@pytest.mark.usefixtures("four_clauses")
def test_bug_is_one_finding_by_its_most_serious_case(write: Write, report: Report) -> None:
    """In all its clauses and with all its outcomes; an observation is not a finding."""
    of: Json = {"deviations": [declared("bug", "keeps-the-peer"),
                               {**declared("bug", "keeps-the-peer"), "observed": "ok"},
                               {**declared("bug", "keeps-the-peer"), "clause": "posix.ELOOP"}]}
    file = write(result("a", "deviates", "EINVAL", **of), result("b", "deviates", "ok", **of),
                 result("c", "deviates", "EINVAL", clause="posix.ELOOP", **of), result("d", "recorded", "EBADF"))
    (found,) = finding.findings(results.gather([file]))
    assert (found.name, found.kind, found.seen) == ("keeps-the-peer", "wrong success", "0")
    assert (found.clauses, len(found.cases)) == (["illumos.EISCONN", "posix.ELOOP"], 3)
    assert "### wrong success: keeps-the-peer\n" in report("findings", file)


@pytest.mark.usefixtures("four_clauses")
def test_finding_prints_all_of_a_bug(write: Write, report: Report, tmp_path: Path) -> None:
    out = report("findings", several(write))
    assert "## linux\n\n- native (linux)" in out
    assert "- 4 findings, 2 of them undeclared\n" in out
    assert """
### wrong errno: illumos.EISCONN, EINVAL

- illumos.EISCONN: A connected stream socket fails with EISCONN. illumos ERRORS (shall); posix-2017 connect() \
ERRORS (shall)
- seen: connect(client, peer) = -1 EINVAL, expected EISCONN
- because: it always did (bug)
- source: a page
- in 2 cases; again: `pytest 'suites/errors/EISCONN.yaml::bug[a-wine]' --target wine`

| call | expected | native | wine |
| :--- | :--- | :--- | :--- |
| socket(client) |  | 0 | 0 |
| connect(client, peer) | EISCONN | -1 EISCONN | -1 EINVAL |
""" in out
    assert report("findings", several(write), "-o", tmp_path / "findings.md") == ""
    assert (tmp_path / "findings.md").read_text() == out


@pytest.mark.usefixtures("four_clauses")
def test_departure_that_native_has_too_is_reported_once(write: Write, report: Report) -> None:
    """The chapter of a platform has its own departures: another outcome, or the same in more cases."""
    head = header(native="6.18.44", layer="1")
    head["targets"]["layer"]["platform"] = "layer"
    layer = {"target": "layer", "platform": "layer"}
    file = write(
        result("both", "fails", "EBADF"), result("both", "fails", "EBADF") | layer,
        result("more[a]", "fails", "EINTR"), result("more[a]", "fails", "EINTR") | layer,
        result("more[b]"), result("more[b]", "fails", "EINTR") | layer, head=head)
    chapter = report("findings", file).partition("## linux")[0]
    assert "- 1 finding, 1 of them undeclared\n- and 1 that native has too, in the same cases\n" in chapter
    assert re.findall("^### .*", chapter, re.MULTILINE) == ["### wrong errno: illumos.EISCONN, EINTR"]


# --- TAP ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("four_clauses")
def test_tap_has_a_point_for_each_result(write: Write, report: Report) -> None:
    out = report("tap", three_targets(write))
    assert out.startswith("TAP version 14\n1..8\n")
    points = re.findall(r"^(ok|not ok) (\d+) - (\S+) (\w+)( # (?:SKIP|TODO) .*)?$", out, re.MULTILINE)
    assert [int(number) for _, number, *_ in points] == list(range(1, 9))
    assert points[1] == ("ok", "2", "suites/errors/EISCONN.yaml::links", "lwip", " # SKIP no AF_UNIX")
    assert points[3][0] == "not ok"
    assert points[3][4] == " # TODO deviates: deviates for a reason"
    (block,) = re.findall(r"^not ok \d+ - \S+ lwip\n  ---\n(.*?)  \.\.\.$", out, re.MULTILINE | re.DOTALL)
    assert yaml.safe_load(block)["clauses"] == {"illumos.EISCONN": "fails"}


@pytest.mark.usefixtures("four_clauses")
def test_torn_run_bails_out(write: Write, report: Report) -> None:
    out = report("tap", write(result("a"), torn=True))
    assert out.splitlines()[-1].startswith("Bail out! torn run: ")


@pytest.mark.usefixtures("four_clauses")
@pytest.mark.parametrize("verb", ["tap", "findings", "history"])
def test_hostile_text_does_not_act(write: Write, report: Report, verb: str) -> None:
    out = report(verb, hostile(write))
    assert not re.search("[\x1b\u202e\u2028]", out)
    if verb == "findings":
        spans = r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)"  # code, in which nothing is markup
        assert not re.search(r"<|`|\[", re.sub(spans, "", out))


@pytest.mark.usefixtures("four_clauses")
@pytest.mark.parametrize("format_", ["text", "markdown"])
def test_hostile_difference_does_not_act(write: Write, report: Report, format_: str) -> None:
    calm = write(result(HOSTILE, target=HOSTILE), name="calm", head=header(**{HOSTILE: HOSTILE}))
    out = report("diff", calm, hostile(write), "--format", format_)
    assert not re.search("[\x1b\u202e\u2028]", out)
    assert format_ == "text" or not re.search(r"<|`|\[", out)


# --- badge and summary --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("four_clauses")
@pytest.mark.parametrize(("verdict", "torn", "message", "color"), [
    ("conforms", False, "1 of 1 clauses conform", "brightgreen"),
    ("deviates", False, "0 of 1 clauses conform", "yellow"),
    ("fails", False, "0 of 1 clauses conform", "red"),
    ("unsupported", False, "0 of 0 clauses conform", "lightgrey"),
    ("conforms", True, "torn run", "lightgrey"),
])
def test_badge(write: Write, report: Report, verdict: str, torn: bool, message: str, color: str) -> None:
    badge = json.loads(report("summary", "--badge", write(result("a", verdict), torn=torn)))
    assert (badge["schemaVersion"], badge["label"]) == (1, "connect() on native")
    assert (badge["message"], badge["color"]) == (message, color)


@pytest.mark.usefixtures("four_clauses")
def test_badge_is_of_one_target(write: Write, report: Report, refuse: Report) -> None:
    file = three_targets(write)
    assert "a badge is of one target, FILE@TARGET; there are native, gvisor, lwip" in refuse("summary", "--badge", file)
    assert json.loads(report("summary", "--badge", f"{file}@lwip"))["label"] == "connect() on lwip"


@pytest.mark.usefixtures("four_clauses")
def test_summary_in_markdown(write: Write, report: Report) -> None:
    out = report("summary", three_targets(write), "--format", "markdown")
    assert "| target | cases | conforms | deviates | fails | unsupported |\n" in out
    assert "| posix-2017 | native | linux | 2 | 1  50% |" in out


# --- pytest's own JUnit file --------------------------------------------------------------------------------


def properties(folder: Path, case: str, *arguments: str) -> list[tuple[str, str]]:
    """Those of the only case of a run in the JUnit file, with their values."""
    subprocess.run([sys.executable, "-m", "pytest", "-q", case, f"--results={folder / 'r.jsonl'}",
                    f"--junitxml={folder / 'r.xml'}", *arguments], cwd=ROOT, capture_output=True, check=False)
    (found,) = ET.parse(folder / "r.xml").iter("testcase")
    return [(one.get("name", ""), one.get("value", "")) for one in found.iter("property")]


def test_junit_has_verdicts_and_clauses(tmp_path: Path) -> None:
    assert properties(tmp_path, "suites/errors/EISCONN.yaml::second-connect[inet-native]") == [
        ("verdict", "conforms"), ("illumos.stream.connects", "conforms"), ("illumos.EISCONN", "conforms")]


def test_junit_has_the_bugs_that_a_case_shows(tmp_path: Path) -> None:
    case = "suites/errors/ENOTSOCK.yaml::name-is-no-socket[stream-file-native]"
    assert properties(tmp_path, case)[-1] == (
        "bug", "path-that-is-no-socket-is-refused-like-one-without: illumos.ENOTSOCK.name")
    (tmp_path / "targets.yaml").write_text(faulty.target("layer", "other-errno"))
    found = properties(tmp_path, case.replace("native", "layer"), "--target=layer",
                       f"--targets={tmp_path / 'targets.yaml'}")
    assert ("bug", "fails: illumos.ENOTSOCK.name") in found


# --- progress -----------------------------------------------------------------------------------------------


def test_terminal_shows_what_the_targets_are(tmp_path: Path) -> None:
    mine, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-m", "pytest", "-q", "suites/errors/EISCONN.yaml",
                           "-k", "second-connect[inet-native]", "--results", tmp_path / "r.jsonl"],
                          cwd=ROOT, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        text = b"".join(iter(lambda: read_some(mine), b""))
    os.close(mine)
    assert running.returncode == 0
    assert re.search(rb"native: Linux \S+ \S+\r\n", text)


def read_some(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end of a terminal is closed
        return b""


class Waiting:
    """A case that waits, as the run sees it."""

    __class__ = CaseItem  # type: ignore[assignment]
    is_slow = True


def test_terminal_shows_once_how_many_cases_wait() -> None:
    lines: list[str] = []
    left = [2]
    terminal = SimpleNamespace(write_line=lines.append)
    schedule = SimpleNamespace(waiting=lambda: left[0], targets={"native": None})
    waiting = progress.Progress(cast("Any", terminal), cast("Any", schedule))
    for _ in range(2):
        waiting.pytest_runtest_protocol(cast("Any", Waiting()))
    assert len(lines) == 1
    assert re.fullmatch(r"waiting for 2 cases; the longest timer ends within \d+ s", lines[0])
    left[0] = 0
    progress.Progress(cast("Any", terminal), cast("Any", schedule)).pytest_runtest_protocol(cast("Any", Waiting()))
    assert len(lines) == 1


def test_terminal_shows_no_waiting_cases_of_several_targets() -> None:
    lines: list[str] = []
    terminal = SimpleNamespace(write_line=lines.append)
    schedule = SimpleNamespace(waiting=lambda: 1, targets={"native": None, "musl": None})
    progress.Progress(cast("Any", terminal), cast("Any", schedule)).pytest_runtest_protocol(cast("Any", Waiting()))
    assert lines == []


# --- the scripts of the workflow ----------------------------------------------------------------------------


def script(name: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPTS / name, *arguments], capture_output=True, text=True, check=False, timeout=120,
                          env={**os.environ, "PYTHONUTF8": "1", **environment})


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of programs found before those of the system; each prints how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def fake(programs: Path, name: str, text: str) -> str:
    """Write a shell script that is found before the program; return the search path."""
    (programs / name).write_text(f"#!/bin/sh\n{text}\n")
    (programs / name).chmod(0o755)
    return f"{programs}:{os.environ['PATH']}"


def made(folder: Path, **results_: Json) -> Path:
    folder.mkdir()
    for name, one in results_.items():
        write_file(folder / f"{name}.jsonl", one)
    return folder


def test_report_makes_page_badges_and_summary(tmp_path: Path) -> None:
    new = made(tmp_path / "new", linux=result("a", "fails", "EINVAL"))
    old = made(tmp_path / "old", linux=result("a"))
    summary, site = tmp_path / "summary.md", tmp_path / "site"
    ended = script("report", sys.executable, new, old, site, GITHUB_STEP_SUMMARY=str(summary), PAGE="https://a.org",
                   GITHUB_SERVER_URL="https://a.org", GITHUB_REPOSITORY="owner/name")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert sorted(path.name for path in site.iterdir()) == ["findings.md", "index.html", "linux.json", "linux.jsonl"]
    assert json.loads((site / "linux.json").read_text())["color"] == "red"
    index = page_pack((site / "index.html").read_text(), "index")
    assert (index["repository"], index["columns"][0]["changes"]) == ("https://a.org/owner/name", {"regressed": [0]})
    text = summary.read_text()
    assert "[Every case, on every system](https://a.org)" in text
    order = [text.index(part) for part in ("native: 1 regressed", "| errors/EISCONN::a | 1 |", "| target | cases |")]
    assert order == sorted(order)


def test_report_fails_where_a_machine_has_no_results(tmp_path: Path) -> None:
    """Of three machines before, two are left, in which nothing has changed."""
    for name, systems in (("old", ("Linux", "NetBSD", "SunOS")), ("new", ("Linux", "SunOS"))):
        (tmp_path / name).mkdir()
        for system in systems:
            head = header(native="6.18.44")
            head["targets"]["native"]["hello"]["system"] = system
            head["targets"]["native"]["platform"] = system.lower()
            write_file(tmp_path / name / f"{system}.jsonl", result("a") | {"platform": system.lower()}, head=head)
    folders = [tmp_path / name for name in ("new", "old", "site")]
    ended = script("report", sys.executable, *folders, GITHUB_STEP_SUMMARY="")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert re.search(r"\*\*native&#64;netbsd: untested, it is not in the new run; 1 case\*\*\n", ended.stdout)


def test_report_without_an_accepted_run_compares_nothing(tmp_path: Path) -> None:
    new = made(tmp_path / "new", linux=result("a", "fails", "EINVAL"))
    ended = script("report", sys.executable, new, tmp_path / "none", tmp_path / "site", GITHUB_STEP_SUMMARY="")
    assert ended.returncode == 0
    assert "| native | 1 | 1 |" in ended.stdout
    assert "regressed" not in ended.stdout


def test_report_is_green_where_nothing_regressed(tmp_path: Path) -> None:
    both = [made(tmp_path / name, linux=result("a")) for name in ("new", "old")]
    assert script("report", sys.executable, *both, tmp_path / "site", GITHUB_STEP_SUMMARY="").returncode == 0


def test_run_leaves_failures_to_the_report_and_nothing_else(programs: Path, tmp_path: Path) -> None:
    for status, code in ((0, 0), (1, 0), (2, 1), (4, 1)):
        python, summary = programs / f"python{status}", tmp_path / f"summary{status}"
        fake(programs, python.name, f'echo "$@"; test "$2" = reports || exit {status}')
        ended = script("run", python, "ssh:host", "bsd", "-k", "x y", GITHUB_STEP_SUMMARY=str(summary))
        assert (ended.returncode, ended.stderr) == (code, "")
        assert summary.exists() == (code == 0)
        assert code or summary.read_text() == "-m reports summary reports/out/bsd.jsonl --format markdown\n"
        assert "--target ssh:host --results reports/out/bsd.jsonl --junitxml reports/out/bsd.xml -k x y" in ended.stdout


def test_windows_builds_the_agent_where_windows_sees_it(programs: Path, tmp_path: Path) -> None:
    path = fake(programs, "x86_64-w64-mingw32-gcc", 'echo gcc "$@"')
    ended = script("windows", "echo", "here", PATH=path, RUNNER_TEMP=str(tmp_path))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"-o {tmp_path}/agent.exe fixtures/agent.c -lws2_32\n" in ended.stdout
    assert "--target windows --results reports/out/here.jsonl --junitxml reports/out/here.xml " in ended.stdout
    assert f"--targets {tmp_path}/targets.yaml\n" in ended.stdout
    assert yaml.safe_load((tmp_path / "targets.yaml").read_text())["windows"]["start"] == [f"{tmp_path}/agent.exe"]


def test_guest_allows_as_many_connections_as_cases_wait(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "sshd_config").write_text("MaxSessions 10\n")
    fake(programs, "pkill", 'echo pkill "$@"')
    fake(programs, "sysctl", "exit 1")
    fake(programs, "uname", "echo BSD")
    path = fake(programs, "ssh", f'shift; if test "$1" = sh; then sed "s|/etc/ssh|{tmp_path}|" | sh; else "$@"; fi')
    ended = script("guest", "bsd", PATH=path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "sshd_config").read_text() == "MaxStartups 200\nMaxSessions 200\nMaxSessions 10\n"
    assert re.fullmatch(r"pkill -HUP -o -x sshd\nPython 3\..*\n", ended.stdout)


@pytest.mark.parametrize(("system", "known", "expected"), [
    ("FreeBSD", ["net.inet.icmp.icmplim", "net.inet6.icmp6.errppslimit"],
     ["-w net.inet.icmp.icmplim=1000000", "-w net.inet6.icmp6.errppslimit=1000000"]),
    ("NetBSD", ["net.inet.icmp.errppslimit", "net.inet.tcp.rstppslimit", "net.inet6.icmp6.errppslimit"],
     ["-w net.inet.icmp.errppslimit=1000000", "-w net.inet.tcp.rstppslimit=1000000",
      "-w net.inet6.icmp6.errppslimit=1000000"]),
    ("SunOS", [], ["set-prop -p _rst_sent_rate_enabled=0 tcp", "set-prop -p _icmp_err_interval=0 ip"]),
])
def test_guest_lifts_the_limits_that_it_has(programs: Path, tmp_path: Path, system: str, known: list[str],
                                            expected: list[str]) -> None:
    (tmp_path / "sshd_config").write_text("")
    fake(programs, "pkill", "true")
    fake(programs, "uname", f"echo {system}")
    fake(programs, "ipadm", 'echo "$@"')
    fake(programs, "sysctl",
             f'if test "$1" = -w; then echo "$@"; else case " {" ".join(known)} " in *" $2 "*) ;; *) exit 1;; esac; fi')
    path = fake(programs, "ssh", f'test "$2" != sh || sed "s|/etc/ssh|{tmp_path}|" | sh')
    ended = script("guest", "bsd", PATH=path)
    assert (ended.returncode, ended.stderr, ended.stdout.splitlines()) == (0, "", expected)


def test_guest_is_ready_where_a_limit_stays(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "sshd_config").write_text("")
    fake(programs, "pkill", "true")
    fake(programs, "sysctl", 'test "$1" = -n')
    fake(programs, "uname", "echo BSD")
    path = fake(programs, "ssh", f'test "$2" != sh || sed "s|/etc/ssh|{tmp_path}|" | sh')
    ended = script("guest", "bsd", PATH=path)
    assert (ended.returncode, ended.stdout.count(" stays\n")) == (0, 4)


@pytest.mark.parametrize(("found", "expected"), [
    ("", ""), ("4711", "run download 4711 --repo me/it --name accepted --dir ")])
def test_accepted_run_is_fetched_where_there_is_one(programs: Path, tmp_path: Path, found: str, expected: str) -> None:
    path = fake(programs, "gh", f'test "$1" = api && echo "{found}" || echo "$@"')
    ended = script("accepted", tmp_path / "old", PATH=path, GITHUB_REPOSITORY="me/it")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == (f"{expected}{tmp_path}/old\n" if expected else "")
    assert (tmp_path / "old").is_dir()


@pytest.mark.parametrize(("restricted", "expected"), [
    ("echo 1", ["sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"]), ("echo 0", []), ("exit 255", [])])
def test_runner_with_linux_allows_user_namespaces(programs: Path, restricted: str, expected: list[str]) -> None:
    fake(programs, "sysctl", restricted)
    ended = script("linux", PATH=fake(programs, "sudo", 'echo "$@"'))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line for line in ended.stdout.splitlines() if not line.startswith("apt-get ")] == expected


@pytest.mark.parametrize(("target", "recipe"), [("gvisor", "gvisor"), ("linux-6.1-selinux", "linux-6.1")])
def test_layer_is_installed_by_the_recipe_of_its_target(programs: Path, tmp_path: Path, target: str,
                                                        recipe: str) -> None:
    """In a copy of what it uses, whose recipe and other scripts print how they are called."""
    scripts, recipes = tmp_path / ".github" / "scripts", tmp_path / "fixtures" / "recipes"
    for folder in (scripts, recipes):
        folder.mkdir(parents=True)
    shutil.copy(SCRIPTS / "layer", scripts)
    shutil.copy(ROOT / "fixtures" / "targets.yaml", recipes.parent)
    for name, folder in ((recipe, recipes), ("install", scripts), ("run", scripts)):
        fake(folder, name, f'echo {name} "$*"')
    fake(programs, "apt-get", "true")
    ended = subprocess.run([scripts / "layer", target], capture_output=True, text=True, check=False,
                           env={**os.environ, "PATH": fake(programs, "git", "true")})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"{recipe} \ninstall \nrun .tox/native/bin/python {target} {target}\n"


# --- the workflow -------------------------------------------------------------------------------------------

WORKFLOW = ROOT / ".github" / "workflows" / "conformance.yml"
ACTION = ROOT / ".github" / "actions" / "python" / "action.yml"
JOBS: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())["jobs"]


def test_workflow_calls_scripts_that_there_are() -> None:
    called = set(re.findall(r"\.github/scripts/(\w+)", WORKFLOW.read_text() + ACTION.read_text()))
    assert called == {path.name for path in SCRIPTS.iterdir()}
    assert all(os.access(path, os.X_OK) for path in SCRIPTS.iterdir())


def test_workflow_runs_every_target_that_a_recipe_installs() -> None:
    targets = yaml.safe_load((ROOT / "fixtures" / "targets.yaml").read_text())
    assert JOBS["layer"]["strategy"]["matrix"]["target"] == [
        name for name, entry in targets.items() if entry.get("install", "").startswith("fixtures/recipes/")]


def test_workflow_runs_the_checks_that_tox_has() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    parts = JOBS["suite"]["strategy"]["matrix"]["part"]
    assert [*parts, "native"] == tox["tox"]["env_list"].split(", ")


def test_actions_are_pinned_by_commit_with_their_version() -> None:
    used = re.findall(r"uses: (\S+)(.*)", WORKFLOW.read_text() + ACTION.read_text())
    assert len(used) > 20
    assert [one for one in used if one[0] != "./.github/actions/python"
            and not (re.search("@[0-9a-f]{40}$", one[0]) and re.fullmatch(r" # v[0-9.]+", one[1]))] == []
    versions: dict[str, set[str]] = {}
    for name, comment in used:
        versions.setdefault(name.partition("@")[0], set()).add(name + comment)
    assert [several for several in versions.values() if len(several) > 1] == []


def test_jobs_of_the_workflow_end_and_leave_results_that_a_re_run_replaces() -> None:
    assert [name for name, job in JOBS.items() if not job.get("timeout-minutes")] == []
    steps = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
    uploads = [step["with"] for _, step in steps if "/upload-artifact@" in step.get("uses", "")]
    assert [one for one in uploads if one.get("overwrite") is not True] == []
    guests = [step for name, step in steps if name == "guest" and "vmactions/" in step.get("uses", "")]
    assert len(guests) == len(JOBS["guest"]["strategy"]["matrix"]["guest"])
    assert [step["uses"] for step in guests if not step["with"].get("release")] == []


def test_report_waits_for_every_job_that_leaves_results() -> None:
    leaving = [name for name, job in JOBS.items()
               if any(str(step.get("with", {}).get("name", "")).startswith("results-") for step in job["steps"])]
    assert JOBS["report"]["needs"] == leaving
