"""A program that becomes another under a filter of system calls, as containers have one.

    python deny.py ERRNO CALL[,CALL] COMMAND …
"""

import ctypes
import errno
import os
import platform
import struct
import sys

NUMBERS = {"x86_64": {"epoll_create": 213, "epoll_create1": 291, "setns": 308, "socketpair": 53},
           "aarch64": {"epoll_create1": 20, "setns": 268, "socketpair": 199}}  # <asm/unistd.h>
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2  # prctl(2)
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # <linux/bpf_common.h>
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000  # <linux/seccomp.h>


def instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def program(error: int, calls: list[str]) -> list[bytes]:
    """For each call: if it is that one, fail with the errno; else go on."""
    numbers = [NUMBERS[platform.machine()][call] for call in calls if call in NUMBERS[platform.machine()]]
    tests = [part for number in numbers for part in (instruction(JUMP_IF_EQUAL, 0, 1, number),
                                                     instruction(RETURN, 0, 0, SECCOMP_RET_ERRNO | error))]
    return [instruction(LOAD, 0, 0, 0), *tests, instruction(RETURN, 0, 0, SECCOMP_RET_ALLOW)]


def deny(error: int, calls: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    parts = program(error, calls)
    code = ctypes.create_string_buffer(b"".join(parts))
    filter_ = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(parts), ctypes.addressof(code)))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0):
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    deny(getattr(errno, sys.argv[1]), sys.argv[2].split(","))
    os.execvp(sys.argv[3], sys.argv[3:])
