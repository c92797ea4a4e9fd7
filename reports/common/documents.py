"""The documents that clauses cite: what they are called, and where each passage can be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from specs.model import Citation


class Document(NamedTuple):
    """A document. url: of one of its pages, with {page} and {section}; page: that of a passage that names none."""

    title: str
    url: str
    page: str = "connect(2)"


DOCUMENTS: Mapping[str, Document] = {
    "illumos": Document("illumos", "https://illumos.org/man/{section}/{page}", "connect(3SOCKET)"),
    "posix-2017": Document("POSIX.1-2017", "https://pubs.opengroup.org/onlinepubs/9699919799/functions/{page}.html",
                           "V2_chap02()"),  # chapter 2 of XSH; every function has a page of its own
    "linux": Document("Linux", "https://man7.org/linux/man-pages/man{section}/{page}.{section}.html"),
    "freebsd": Document("FreeBSD", "https://man.freebsd.org/cgi/man.cgi?query={page}&sektion={section}"),
    "openbsd": Document("OpenBSD", "https://man.openbsd.org/{page}.{section}"),
    "netbsd": Document("NetBSD", "https://man.netbsd.org/{page}.{section}"),
    "macos": Document("macOS", "https://keith.github.io/xcode-man-pages/{page}.{section}.html"),
    "illumos-manuals": Document("illumos", "https://illumos.org/man/{section}/{page}"),
    "windows": Document("Winsock", "https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-{page}"),
}
PAGE = re.compile(r"([\w-]+)\((\w*)\)[ ,]*")  # connect(2), connect(), ip-route(8)


def url(citation: Citation) -> str:
    """The address of the page that a citation is of; empty for a survey, which is of no document."""
    document = DOCUMENTS.get(citation.document)
    if document is None:
        return ""
    named = PAGE.match(citation.where) or PAGE.match(document.page)
    assert named
    return document.url.format(page=named[1], section=named[2])


def passage(citation: Citation) -> str:
    """A citation in words: `POSIX.1-2017, connect() ERRORS`, `illumos, connect(3SOCKET) ERRORS`; a survey's reason."""
    document = DOCUMENTS.get(citation.document)
    if document is None:
        return citation.where
    own = PAGE.match(citation.where) or document.page.endswith("()")
    return f"{document.title}, {'' if own else f'{document.page} '}{citation.where}"
