"""One finding as a report to the maintainers of a system, and where a bug is reported, wherever it is shown."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reports import bugs
from reports.common import finding, results
from specs.model import Bug
from suites.selftest.test_reports import HOSTILE
from suites.selftest.written import Json, Report, Write, header, result

CLAUSE = "illumos.ENOENT.socket"
URL = "https://bugs.example.org/17"


def missing(case: str, verdict: str, ret: str, target: str = "layer", **more: Any) -> Json:
    """A case that connects to a path that is not there."""
    steps = [{"text": "socket(client)", "step": 0, "line": 7, "verb": "socket", "subject": "client", "operands": {},
              "request": "socket client AF_UNIX SOCK_STREAM", "observed": {"ret": "ok"}},
             {"text": "connect(client, peer)", "step": 1, "line": 8, "verb": "connect", "subject": "client",
              "operands": {"to": "peer"}, "observed": {"ret": ret}, "request": "connect client unix:missing1",
              "expect": "ENOENT", "clause": CLAUSE, "verdict": verdict},
             {"text": "close(client)", "step": 2, "line": 9, "verb": "close", "subject": "client", "operands": {},
              "request": "close client", "observed": {"ret": "ok"}}]
    made = result(case, verdict, ret, target, CLAUSE, summary="A path that is not there fails with ENOENT.", **more)
    return made | {"case": f"suites/errors/ENOENT.yaml::{case}", "steps": steps, "names": {"peer": "unix:missing1"}}


def declared(bug: str = "looks-for-a-listener", **more: str) -> Json:
    return {"clause": CLAUSE, "observed": "ECONNREFUSED", "status": "bug", "because": "it looks for a listener first",
            "source": "layer.c open_path()", "bug": bug, **more}


def played(write: Write, verdict: str, **more: Any) -> Path:
    """Three cases of a layer, of which two depart, beside native."""
    found = [missing(case, "conforms", "ENOENT", "native") for case in ("a[stream]", "a[dgram]", "b")]
    layer = [missing(case, verdict, "ECONNREFUSED", **more) for case in ("a[stream]", "a[dgram]")]
    return write(*found, *layer, missing("b", "conforms", "ENOENT"), head=header(native="6.18.44", layer="2.1"))


def program_in(text: str) -> str:
    found = re.search(r"^(?:```\n)?( *)/\*\n.*?^\1}$", text, re.MULTILINE | re.DOTALL)
    assert found
    return "\n".join(line.removeprefix(found[1]) for line in found[0].removeprefix("```\n").splitlines()) + "\n"


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler cc")
@pytest.mark.parametrize("format_", ["markdown", "plain"])
def test_program_of_a_report_can_be_pasted(write: Write, report: Report, tmp_path: Path, format_: str) -> None:
    text = report("findings", played(write, "fails"), "--bug", CLAUSE, "--format", format_)
    (tmp_path / "case.c").write_text(program_in(text))
    subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", "case", "case.c"], cwd=tmp_path, check=True)
    ended = subprocess.run(["./case"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "connect(client, peer) = -1, No such file or directory\n")
    assert "close(" not in program_in(text)


def test_report_of_a_bug_has_all_that_a_maintainer_needs(write: Write, report: Report) -> None:
    text = report("findings", played(write, "deviates", deviations=[declared(reported=URL)]),
                  "--bug", "looks-for-a-listener", "--target", "layer")
    assert text.startswith(f"# layer: connect(client, peer) = -1 ECONNREFUSED, expected ENOENT ({CLAUSE})\n")
    for part in ("\nCause: it looks for a listener first. Source: layer.c open_path().\n", f"\nReported: {URL}\n",
                 f"\n{CLAUSE}: A path whose last component does not exist fails with ENOENT.\n\n",
                 "- illumos, connect(3SOCKET) ERRORS (shall): https://illumos.org/man/3SOCKET/connect\n",
                 "\n- Linux, unix(7) ERRORS (shall): https://man7.org/linux/man-pages/man7/unix.7.html\n",
                 "\ncall                   expected  native     layer\n",
                 "\nconnect(client, peer)  ENOENT    -1 ENOENT  -1 ECONNREFUSED\n",
                 "\nIn 2 of 3 cases of 1 clause on layer:\n\n- errors/ENOENT::a: dgram, stream\n",
                 "\n- layer (linux): Linux 2.1 x86_64, glibc-2.36\n", "suite, revision 0123456789ab, 2026-11-22\n"):
        assert part in text, part
    assert "close(client)" not in text  # which comes behind the call that departs


def test_report_for_a_mailing_list_has_72_columns(write: Write, report: Report) -> None:
    long = declared(because="it looks for a listener first and " + "does so again and " * 12)
    text = report("findings", played(write, "deviates", deviations=[long]), "--bug", "looks-for-a-listener", "--format",
                  "plain")
    prose = [line for line in text.splitlines() if not line.startswith("    ") and "https://" not in line]
    assert max(map(len, prose)) <= 72
    assert not re.search(r"&#|```|^#", text.partition("/*")[0], re.MULTILINE)
    assert "Expected\n--------\n" in text


@pytest.mark.parametrize("name", [CLAUSE, f"{CLAUSE}, ECONNREFUSED",
                                  "illumos-enoent-socket-gives-econnrefused"])
def test_undeclared_finding_is_found_by_its_clause_and_by_the_name_that_accept_gives(write: Write, name: str) -> None:
    found = finding.named(results.gather([played(write, "fails")]), name)
    assert (found.clause, found.seen, len(found.cases)) == (CLAUSE, "ECONNREFUSED", 2)


def test_report_says_why_it_has_no_program(write: Write, report: Report) -> None:
    file = write(result("a b", "fails", "EBADF"))  # its listener has no socket
    text = report("findings", file, "--bug", "illumos.EISCONN")
    assert "is no call that a minimal program can make" in text
    assert f"```\npython -m reports reproduce {file} 'suites/errors/EISCONN.yaml::a b' --target native\n```" in text


def test_name_of_no_finding_or_of_several_is_refused(write: Write, refuse: Report) -> None:
    head = header(native="6.18.44", layer="2.1", other="3")
    head["targets"]["other"]["platform"] = "freebsd"
    file = write(missing("a", "fails", "ECONNREFUSED"), missing("b", "fails", "EIO"),
                 missing("c", "fails", "EIO", "other", platform="freebsd"), head=head)
    assert "no finding is called 'illumos.ENOEN'" in refuse("findings", file, "--bug", "illumos.ENOEN")
    assert "no target 'nope'; there are native, layer, other" in refuse(
        "findings", file, "--bug", CLAUSE, "--target", "nope")
    assert "name one of 'illumos.ENOENT.socket, ECONNREFUSED'; 'illumos.ENOENT.socket, EIO'" in refuse(
        "findings", file, "--bug", CLAUSE, "--target", "layer")
    assert "shows on other, layer; --target names one" in refuse("findings", file, "--bug", f"{CLAUSE}, EIO")


def test_findings_of_one_target(write: Write, report: Report) -> None:
    file = write(missing("a", "fails", "ECONNREFUSED"), missing("b", "fails", "EIO", "native"),
                 head=header(native="6.18.44", layer="2.1"))
    assert re.findall("^### (.*)", report("findings", file, "--target", "layer"), re.MULTILINE) == [
        "wrong errno: illumos.ENOENT.socket, ECONNREFUSED"]


@pytest.mark.parametrize("format_", ["markdown", "plain"])
def test_hostile_text_does_not_act_in_a_report(write: Write, report: Report, format_: str) -> None:
    entry = declared(because=HOSTILE, source=HOSTILE, reported=HOSTILE)
    made = missing("a", "deviates", "ECONNREFUSED", HOSTILE, deviations=[entry])
    made["summary"] = HOSTILE
    made["steps"][1]["text"] = HOSTILE
    file = write(made, head=header(**{HOSTILE: HOSTILE}))
    text = report("findings", file, "--bug", "looks-for-a-listener", "--format", format_)
    assert not re.search("[\x1b\u202e\u2028]", text)
    if format_ == "markdown":
        outside = re.sub(r"^(`{3,})\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
        assert not re.search(r"<|`|\[|@", outside)


def test_where_a_bug_is_reported_is_shown_wherever_the_bug_is(write: Write, report: Report) -> None:
    file = played(write, "deviates", deviations=[declared(reported=URL)])
    for arguments in (("explain", file, "a[stream]", "--target", "layer"), ("findings", file), ("matrix", file),
                      ("reproduce", file, "a[stream]", "--target", "layer")):
        assert re.search(f"reported.*{URL}|looks-for-a-listener.*{URL}", report(*arguments)), arguments
    markdown = report("matrix", file, "--format", "markdown")
    assert f"| looks-for-a-listener | linux | {URL} |" in markdown
    bug = Bug("name", "bug", "because", "source", "file", 1, reported=URL)
    assert bugs.line(bug, [CLAUSE]) == f"`name` (bug; {CLAUSE}): because; reported: <{URL}>"
