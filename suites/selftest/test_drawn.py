"""What drawn tests take from the target: sizes and families are those of its structures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.drawing import Drawn
from suites.walks import test_arguments as arguments


def drawn(**hello: str) -> Drawn:
    return cast(Drawn, SimpleNamespace(hello=hello))


@pytest.mark.parametrize(("hello", "most"), [({}, 65535), ({"sa_family_max": "255"}, 255)])
@given(data=st.data())
def test_no_family_is_drawn_that_the_field_cannot_hold(hello: dict[str, str], most: int, data: Any) -> None:
    assert 47 <= data.draw(arguments.families(drawn(**hello))) <= most


@pytest.mark.parametrize(("hello", "size"), [({}, 28), ({"sockaddr_in6": "28"}, 28), ({"sockaddr_in6": "32"}, 32)])
def test_the_size_of_an_address_is_the_targets(hello: dict[str, str], size: int) -> None:
    assert arguments.size_of(drawn(**hello), "AF_INET6") == size
    assert arguments.size_of(drawn(**hello), "AF_INET") == 16



def texts(test: Any, **operands: Any) -> list[str]:
    """The scenarios that a drawn test plays on illumos."""
    played: list[str] = []

    class Target:
        def __init__(self) -> None:
            self.hello = {"sockaddr_in6": "32", "sa_family_max": "65535"}

        def __call__(self, text: str) -> None:
            played.append(text)

    test(Target(), **operands)
    return played


def namelens(played: list[str]) -> set[int]:
    return {int(text.partition("namelen: [")[2].partition("]")[0]) for text in played}


def test_on_illumos_32_is_the_size_of_sockaddr_in6() -> None:
    beyond = namelens(texts(arguments.test_namelen_beyond_structure, domain="AF_INET6"))
    before = namelens(texts(arguments.test_namelen_before_scope))
    assert beyond
    assert min(beyond) >= 33
    assert before <= set(range(24, 32))
    assert max(before) > 27
