"""Data in the page: JSON, deflated, in base64. The page inflates a pack when it is needed."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Hashable
from typing import Any, TypeVar

import msgspec

from reports.common.wording import visible

Item = TypeVar("Item", bound=Hashable)


class Numbers(dict[Item, int]):
    """Items, each once: an item is referred to by its number, which `numbers[item]` is."""

    def __missing__(self, item: Item) -> int:
        self[item] = number = len(self)
        return number


# In JSON, a character that is not printable by its escape: \\n or \\u001b, after an even number of backslashes.
ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\[bfnrtu]")


def packed(item: Any) -> str:
    """A pack: base64, in which no text of a target is markup; its text is `printable`, too."""
    text = msgspec.json.encode(item).decode()
    if not text.isprintable() or ESCAPED.search(text):  # as hardly any is, and looking at each text takes long
        text = msgspec.json.encode(printable(item)).decode()
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def printable(item: Any) -> Any:
    """The data with `visible` text."""
    if isinstance(item, int | float | None):
        return item
    if isinstance(item, str):
        return visible(item)
    if isinstance(item, dict):
        return {visible(key): printable(part) for key, part in item.items()}
    return [printable(part) for part in item]
