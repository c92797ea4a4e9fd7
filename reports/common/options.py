"""Command-line arguments that several verbs have."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def add_files(parser: ArgumentParser, about: str) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=about)
    parser.add_argument("--merge", action="store_true", help="of a target that several files have, the later one's "
                        "results count")


def add_case(parser: ArgumentParser, about_target: str) -> None:
    """One case of a result file; see `lookup`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a result file")
    parser.add_argument("case", metavar="CASE", help="a case id, a node id, or a part of only one id")
    parser.add_argument("--target", metavar="T", help=about_target)


def add_output(parser: ArgumentParser, about: str) -> None:
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help=f"{about} instead of standard output")


def platform_name(text: str) -> str:
    """The name of a platform, which is that of a file; ValueError for what leads elsewhere."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", text):
        raise ArgumentTypeError(f"{text!r} is no name of a platform, of letters, digits, '.', '_' and '-'")
    return text


@contextmanager
def opened(output: Path | None) -> Iterator[IO[str]]:
    """The file that -o names, to write to; standard output if it names none."""
    if output is None:
        yield sys.stdout
    else:
        with output.open("w", encoding="utf-8") as out:
            yield out
