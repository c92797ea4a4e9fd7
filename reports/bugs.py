"""Every bug that a platform's page declares, a line each."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from reports.common.options import add_output, opened
from reports.common.results import first_n
from specs import load, pages, strict
from specs.model import Bug

INDEX = Path(__file__).parent / "bugs.md"


def arguments(parser: ArgumentParser) -> None:
    add_output(parser, f"a file, such as reports/{INDEX.name},")


def run(options: Namespace) -> None:
    text = index()
    with opened(options.output) as out:
        out.write(text)


HEAD = """\
# Bugs

Written by `python -m reports bugs -o reports/bugs.md`; not to be edited. A bug is what a platform does instead of what
a document states: see its page.
"""


def index() -> str:
    """The bugs of all platforms, as Markdown."""
    return HEAD + "".join(f"{one}\n" for one in lines())


def lines() -> Iterator[str]:
    known = load.clauses()
    for file in sorted((strict.HERE / "platforms").glob("*.yaml")):
        profile = pages.profile(file.stem, known)
        own = [one for one in profile.deviations if profile.owns(one)]
        if own:
            yield from ["", f"## {file.stem}", ""]
        for bug in dict.fromkeys(one.bug for one in own):
            yield f"- {line(bug, list(dict.fromkeys(one.clause for one in own if one.bug == bug)))}"


def line(bug: Bug, clauses: list[str]) -> str:
    """`name` (status; clauses): why the platform does so; where it is reported."""
    reported = f"; reported: <{bug.reported}>" if bug.reported else ""
    return f"`{bug.name}` ({bug.status}; {first_n(clauses, 3)}): {bug.because}{reported}"
