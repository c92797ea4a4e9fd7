"""Result files made by hand, for the tests of the reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from specs.model import Citation, Clause
from specs.record import SCHEMA

CLAUSES = {id_: Clause(id_, says, tuple(Citation(*one) for one in cited), "specs/clauses/some.yaml", 1)
           for id_, says, *cited in (
    ("illumos.EISCONN", "A connected stream socket fails with EISCONN.",
     ("illumos", "ERRORS", "shall"), ("posix-2017", "connect() ERRORS", "shall")),
    ("illumos.EACCES", "A path that may not be searched fails with EACCES.", ("illumos", "ERRORS", "shall")),
    ("posix.ELOOP", "Too many links may fail with ELOOP.", ("posix-2017", "connect() ERRORS", "may")),
    ("survey.state", "The state after a failure.", ("survey", "no document", "survey")),
)}

Json = dict[str, Any]
Write = Callable[..., Path]
Report = Callable[..., str]


def header(**targets: str) -> Json:
    """A header. targets: name -> release, or `!` and why it cannot be started."""
    hello = {"system": "Linux", "machine": "x86_64", "implementation": "glibc-2.36", "verbs": ["connect"]}
    return {"kind": "header", "schema": SCHEMA, "suite": {"revision": "0123456789ab"},
            "started": "2026-11-22T10:00:00+00:00", "environment": {"uid": 1000, "sysctls": {}},
            "targets": {name: {"platform": "linux", **({"unavailable": about[1:]} if about.startswith("!") else
                                                       {"hello": hello | {"release": about}})}
                        for name, about in targets.items()}}


def result(case: str, verdict: str = "conforms", ret: str = "EISCONN", target: str = "native",
           clause: str = "illumos.EISCONN", **more: Any) -> Json:
    """A case of one call by a fixture, one precondition and one check."""
    steps = [{"text": "listen(peer, 1)", "verb": "listen", "subject": "peer", "request": "listen peer 1",
              "given": "peer", "observed": {"ret": "ok"}},
             {"text": "socket(client)", "step": 0, "line": 7, "verb": "socket", "subject": "client", "operands": {},
              "request": "socket client", "observed": {"ret": "ok"}},
             {"text": "connect(client, peer)", "step": 1, "line": 8, "verb": "connect", "subject": "client",
              "operands": {"to": "peer"}, "observed": {"ret": ret}, "request": "connect client inet:127.0.0.1:4711",
              "expect": clause.split(".")[1], "clause": clause, "verdict": verdict}]
    return {"kind": "result", "case": f"suites/errors/EISCONN.yaml::{case}", "target": target,
            "platform": "linux", "verdict": verdict, "clauses": {clause: verdict},
            "summary": "A second connect fails.", "steps": steps, "seconds": 0.001,
            "revision": "aaaaaaaaaaaa",
            "reason": "" if verdict == "conforms" else f"{verdict} for a reason", **more}


def write(file: Path, *made: Json, torn: bool = False, head: Json | None = None, tail: str = "") -> Path:
    """Write a result file: header, results, and a footer that counts them unless the run is torn."""
    counts: dict[str, dict[str, int]] = {}
    for one in made:
        verdicts = counts.setdefault(one["target"], {})
        verdicts[one["verdict"]] = verdicts.get(one["verdict"], 0) + 1
    footer = {"kind": "footer", "complete": True, "counts": counts, "seconds": 1.5}
    lines = [head or header(native="6.18.44"), *made, *([] if torn else [footer])]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
    return file
