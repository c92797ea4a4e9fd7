"""Renderings of result files: `python -m reports VERB FILE…`."""

from __future__ import annotations

import gc
import importlib
import io
import pkgutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import NoReturn, Protocol, cast

import reports
from specs.model import SpecError
from specs.record import Unreadable


class Verb(Protocol):
    """A module that is a verb. Its docstring is its help; `run` prints the report and may return an exit status."""

    __doc__: str | None

    def arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, options: Namespace) -> int | None: ...


def verbs() -> dict[str, Verb]:
    """Each module of this package is one; what they share is in the packages below it."""
    names = [one.name for one in pkgutil.iter_modules(reports.__path__) if not one.ispkg and one.name != "__main__"]
    return {name: cast("Verb", importlib.import_module(f"reports.{name}")) for name in names}


VERBS: Mapping[str, Verb] = verbs()


class Parser(ArgumentParser):
    """Reports wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. 0: done; 1: done, and `diff` found what --fail-on names; 2: wrong usage or an unreadable file.

    An error is one line on standard error.
    """
    parser = Parser(prog="python -m reports", description="Render result files of the suite.")
    chosen = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items():
        verb.arguments(chosen.add_parser(name, help=verb.__doc__, description=verb.__doc__))
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for terminals without ✓
    gc.disable()  # a report makes millions of objects, and none is garbage before it ends
    try:
        return VERBS[options.verb].run(options) or 0
    except BrokenPipeError:
        sys.stdout = None  # the reader has closed the pipe: there is nothing left to flush
    except (Unreadable, SpecError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        gc.enable()
    return 0


if __name__ == "__main__":
    sys.exit(main())
