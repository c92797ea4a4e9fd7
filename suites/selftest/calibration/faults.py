"""The faults of faults.toml, and the socket layer that has one of them."""

from __future__ import annotations

import itertools
import subprocess
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from fixtures import programs
from fixtures.targets import Target
from specs.model import Case

HERE = Path(__file__).parent
FILE = HERE / "faults.toml"
VARIABLE = "CALIBRATION_FAULT"
CALL_TIMEOUT_S = 0.5  # many calls block by some faults; a call has five times that where nothing says that it may
# What a case's domain is to the kernel: of v4-mapped and abstract addresses, another word.
DOMAINS = {"v4-mapped": "AF_INET6", "abstract": "AF_UNIX"}


@dataclass(frozen=True)
class Fault:
    """One thing that a layer does wrong.

    text: as faults.c reads it. breaks: patterns of the clauses that it breaks; one of them has to fail. spoils: those
    of clauses that may fail with them. unseen: why no document says that it is wrong; then nothing may fail.
    """

    name: str
    says: str
    text: str
    breaks: tuple[str, ...] = ()
    spoils: tuple[str, ...] = ()
    unseen: str = ""

    @property
    def words(self) -> list[str]:
        return self.text.partition(" :")[0].split()

    @property
    def calls(self) -> frozenset[str]:
        """The functions of libc that are faulty."""
        return frozenset(self.words[0].split(","))

    @property
    def errno(self) -> str:
        """What the calls give that are faulty; empty if they may give anything."""
        return next((word for word in self.words[1:] if word.startswith("E") and word.isupper()), "")

    def may_show_in(self, case: Case) -> bool:
        """Whether a case has sockets of the fault's domain and type, as far as its axes say."""
        for axis, prefix in (("domain", "AF_"), ("type", "SOCK_")):
            named = [word for word in self.words if word.startswith(prefix)]
            value = case.axes.get(axis, "")
            if named and value and DOMAINS.get(value, value) not in named:
                return False
        return True

    def names(self, clause: str) -> bool:
        """Whether it is said to break a clause."""
        return any(fnmatchcase(clause, pattern) for pattern in self.breaks)

    def admits(self, clause: str) -> bool:
        """Whether a clause may fail."""
        return self.names(clause) or any(fnmatchcase(clause, pattern) for pattern in self.spoils)


def read() -> list[Fault]:
    """The faults, in the order of the file; one for each combination of an entry's axes."""
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return [fault for name, row in content.items() for fault in expand(name, row)]


def expand(name: str, row: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of one entry: {axis} in its texts is the value of that axis."""
    axes = row.get("for", {})
    for values in itertools.product(*axes.values()):
        bound = dict(zip(axes, values, strict=True))
        kind = "-".join(str(value).removeprefix("AF_").removeprefix("SOCK_").lower() for value in values)
        lists = {key: tuple(one.format(**bound) for one in row.get(key, ())) for key in ("breaks", "spoils")}
        yield Fault(f"{name}[{kind}]" if kind else name, row["says"].format(**bound), row["fault"].format(**bound),
                    **lists, unseen=row.get("unseen", ""))


def chosen(faults: Collection[Fault], patterns: Collection[str]) -> list[Fault]:
    """Those that one of the patterns matches, or names; all without any. ValueError: one of them has none."""
    if unknown := [pattern for pattern in patterns if not any(is_named(one, pattern) for one in faults)]:
        raise ValueError(f"{FILE.name} has no fault {', '.join(unknown)}")
    return [one for one in faults if not patterns or any(is_named(one, pattern) for pattern in patterns)]


def is_named(fault: Fault, pattern: str) -> bool:
    """By its name, by that of its entry, or by a pattern: the name of a fault with axes has brackets."""
    return fault.name == pattern or fault.name.startswith(f"{pattern}[") or fnmatchcase(fault.name, pattern)


class Layer:
    """What the faults are laid under: an agent, by a library that is preloaded and compiled into a folder.

    CalledProcessError, OSError: there is no C compiler, or it cannot compile it.
    """

    def __init__(self, folder: Path, python: bool = False) -> None:
        folder.chmod(0o755)  # agents in a laboratory of root are another user
        self.shared_object = folder / "faults.so"
        self.agent = ("{python}", "-I", "-S", "{compiled}") if python else ("{built}",)
        compiler = programs.find_compiler() or ["cc"]
        output = ["-o", str(self.shared_object), str(HERE / "faults.c")]
        command = [*compiler, "-shared", "-fPIC", "-std=c99", "-O2", *output]
        subprocess.run(command, check=True, capture_output=True, text=True)

    def target(self, fault: Fault | None) -> Target:
        """The layer with a fault, or with none, as a target on the networks of a laboratory that is there."""
        variable = [f"{VARIABLE}={fault.text}"] if fault else []
        start = ("env", f"LD_PRELOAD={self.shared_object}", *variable, *self.agent)
        name, about = (fault.name, fault.says) if fault else ("no-fault", "It does nothing wrong.")
        return Target(name, about, start, "linux", lab=False, call_timeout=CALL_TIMEOUT_S)
