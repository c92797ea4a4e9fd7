"""Data in the page: JSON, deflated, in base64. The page inflates a pack when it is needed."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Hashable
from typing import Any, TypeVar

from msgspec.json import decode, encode

from reports.common.wording import visible

Item = TypeVar("Item", bound=Hashable)


class Numbers(dict[Item, int]):
    """Items, each once: an item is referred to by its number, which `numbers[item]` is."""

    def __missing__(self, item: Item) -> int:
        self[item] = number = len(self)
        return number


ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)")  # in JSON; those of a quotation mark and a backslash are printable


def packed(item: Any) -> str:
    """A pack: base64, in which no text of a target is markup; its text is `printable`, too."""
    text = printable(encode(item).decode())
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def printable(text: str) -> str:
    """JSON with `visible` text. It is looked at as one: going through all that it is of would take long."""
    text = ESCAPE.sub(lambda found: found[0] if found[0][1] in '"\\' else shown(decode(f'"{found[0]}"')), text)
    return text if text.isprintable() else "".join(char if char.isprintable() else shown(char) for char in text)


def shown(char: str) -> str:
    """A character that is not printable as JSON has the escape sequence that a reader sees."""
    return visible(char).replace("\\", "\\\\")
