"""Every bug that a platform's page declares, a line each."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from specs import load
from specs.model import Bug

INDEX = Path(__file__).parent / "bugs.md"


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help=f"a file instead of the screen; {INDEX.name} "
                        "below reports/ is kept that way")


def run(options: Namespace) -> None:
    if options.output:
        options.output.write_text(index(), encoding="utf-8")
    else:
        print(index(), end="")


HEAD = """\
# Bugs

Written by `python -m reports bugs -o reports/bugs.md`; not to be edited. A bug is what a platform does instead of what
a document states: see its page.
"""


def index() -> str:
    """All pages, as Markdown."""
    return HEAD + "".join(f"{one}\n" for one in lines())


def lines() -> Iterator[str]:
    known = load.clauses()
    for file in sorted((load.HERE / "platforms").glob("*.yaml")):
        profile = load.profile(file.stem, known)
        own = [one for one in profile.deviations if profile.owns(one)]
        if own:
            yield from ["", f"## {file.stem}", ""]
        for bug in dict.fromkeys(one.bug for one in own):
            yield f"- {line(bug, list(dict.fromkeys(one.clause for one in own if one.bug == bug)))}"


def line(bug: Bug, clauses: list[str]) -> str:
    """`name` (status; clauses): why the platform does so."""
    shown = ", ".join(clauses[:3]) + (f", {len(clauses) - 3} more" if len(clauses) > 3 else "")
    return f"`{bug.name}` ({bug.status}; {shown}): {bug.because}"
