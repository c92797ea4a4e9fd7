"""Arguments that no list exhausts: lengths, families, address bytes, descriptors, names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.drawing import Drawn

INTERNET = pytest.mark.parametrize("domain", ["AF_INET", "AF_INET6"])
RFC_3493 = {"sockaddr_in6": 28, "sa_family_max": 65535}  # of agents whose hello lacks them
STORAGE = 128  # sizeof(struct sockaddr_storage) on every platform of the agent

LENGTH = """
    clause: illumos.EINVAL
    scenarios:
      {name}:
        summary: {summary}
        domain: [{domain}]
        type: [{type}]
        given: [{{listener: peer}}]
        steps:
          - {{socket: client}}
          - {{connect: client, to: peer, namelen: [{namelen}], expect: EINVAL}}
"""
TYPES = st.sampled_from(["SOCK_STREAM", "SOCK_DGRAM"])


def of_hello(target: Drawn, field: str) -> int:
    """A number of the target's hello, about its structures."""
    return int(target.hello.get(field, RFC_3493[field]))


def size_of(target: Drawn, domain: str) -> int:
    """sizeof(struct sockaddr_in) or, 32 on illumos, sizeof(struct sockaddr_in6)."""
    return 16 if domain == "AF_INET" else of_hello(target, "sockaddr_in6")


def families(target: Drawn) -> st.SearchStrategy[int]:
    """Families that no platform has, as far as sa_family holds them: one byte where there is sa_len before it."""
    return st.integers(47, of_hello(target, "sa_family_max"))


@INTERNET
@given(data=st.data(), type_=TYPES)
def test_namelen_too_short(drawn: Drawn, domain: str, data: st.DataObject, type_: str) -> None:
    # RFC 2133's sockaddr_in6 of 24 bytes is a structure too; lengths from there on are drawn below.
    longest = {"AF_INET": 15, "AF_INET6": 23}[domain]
    drawn(LENGTH.format(name="namelen-too-short", summary="A namelen below the structure's size is no valid size.",
                        domain=domain, type=type_, namelen=data.draw(st.integers(0, longest))))


@given(data=st.data(), type_=TYPES)
def test_namelen_before_scope(drawn: Drawn, data: st.DataObject, type_: str) -> None:
    namelen = data.draw(st.integers(24, size_of(drawn, "AF_INET6") - 1))
    drawn(LENGTH.format(name="namelen-before-scope", summary="A namelen without sin6_scope_id is no valid size.",
                        domain="AF_INET6", type=type_, namelen=namelen))


@INTERNET
@given(data=st.data(), type_=TYPES)
def test_namelen_beyond_structure(drawn: Drawn, domain: str, data: st.DataObject, type_: str) -> None:
    namelen = data.draw(st.integers(size_of(drawn, domain) + 1, STORAGE))
    drawn(LENGTH.format(name="namelen-beyond-structure", summary="A namelen above the structure's is no valid size.",
                        domain=domain, type=type_, namelen=namelen))


@INTERNET
@given(type_=TYPES, namelen=st.one_of(st.integers(STORAGE + 1, 4096), st.just(-1), st.integers(-(2**31), -1)))
def test_namelen_beyond_any_address(drawn: Drawn, domain: str, type_: str, namelen: int) -> None:
    drawn(LENGTH.format(name="namelen-beyond-any-address", summary="A namelen that no address has is no valid size.",
                        domain=domain, type=type_, namelen=namelen))


@INTERNET
@given(data=st.data())
def test_unknown_family(drawn: Drawn, domain: str, data: st.DataObject) -> None:
    family = data.draw(families(drawn))
    drawn(f"""
        clause: illumos.EAFNOSUPPORT
        scenarios:
          unknown-family:
            summary: An address of a family that does not exist cannot be used with the socket.
            domain: [{domain}]
            type: SOCK_STREAM
            given: [{{listener: peer}}]
            steps:
              - {{socket: client}}
              - {{connect: client, to: peer, sa_family: [{family}], expect: EAFNOSUPPORT}}
    """)


@given(data=st.data(), rest=st.binary(min_size=14, max_size=STORAGE - 2))
def test_address_bytes(drawn: Drawn, data: st.DataObject, rest: bytes) -> None:
    family = data.draw(families(drawn))
    drawn(f"""
        clause: illumos.EAFNOSUPPORT
        scenarios:
          address-bytes:
            summary: Bytes that are no address of any family cannot be used with the socket.
            domain: [AF_INET]
            type: SOCK_STREAM
            steps:
              - {{socket: client}}
              - {{connect: client, to: ["bytes:0000{rest.hex()}"], sa_family: {family}, expect: EAFNOSUPPORT}}
    """)


@given(number=st.one_of(st.integers(-(2**31), -1), st.integers(2**20, 2**31 - 1)))
def test_never_open(drawn: Drawn, number: int) -> None:
    drawn(f"""
        clause: illumos.EBADF
        scenarios:
          never-open:
            summary: A number that no open descriptor has is refused.
            domain: [AF_INET]
            type: SOCK_STREAM
            given:
              - {{listener: peer}}
              - {{no-descriptor: client, number: [{number}]}}
            steps:
              - {{connect: client, to: peer, expect: EBADF}}
    """)


@INTERNET
@given(data=st.data())
def test_pointer_to_nothing(drawn: Drawn, domain: str, data: st.DataObject) -> None:
    namelen = data.draw(st.integers(size_of(drawn, domain), STORAGE))
    drawn(f"""
        clause: linux.EFAULT
        scenarios:
          pointer-to-nothing:
            summary: An address that is not in the caller's memory is refused.
            domain: [{domain}]
            type: SOCK_STREAM
            steps:
              - {{socket: client}}
              - {{connect: client, to: bad, namelen: [{namelen}], expect: EFAULT}}
    """)


# A file name of bytes that need no quoting in YAML, is neither . nor .. and fits sun_path.
FILE_NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789_-", min_size=1, max_size=80)


@given(type_=TYPES, name=FILE_NAMES)
def test_name_of_nothing(drawn: Drawn, type_: str, name: str) -> None:
    drawn(f"""
        clause: illumos.ENOENT.socket
        scenarios:
          name-of-nothing:
            summary: A path at which nothing is cannot be connected to.
            domain: [AF_UNIX]
            type: [{type_}]
            steps:
              - {{socket: client}}
              - {{connect: client, to: ["unix:{name}"], expect: ENOENT}}
    """)


@given(type_=TYPES, directory=FILE_NAMES, name=FILE_NAMES.filter(lambda name: len(name) < 20))
def test_name_below_nothing(drawn: Drawn, type_: str, directory: str, name: str) -> None:
    drawn(f"""
        clause: illumos.ENOENT.prefix
        scenarios:
          name-below-nothing:
            summary: A path below a directory that does not exist cannot be connected to.
            domain: [AF_UNIX]
            type: [{type_}]
            steps:
              - {{socket: client}}
              - {{connect: client, to: ["unix:{directory}/{name}"], expect: ENOENT}}
    """)
