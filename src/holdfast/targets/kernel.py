"""The few Linux calls that Python has no name for."""

from __future__ import annotations

import ctypes
import os

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: object) -> int:
    """A system call by number; OSError where it fails."""
    call = _libc().syscall
    call.restype = ctypes.c_long
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(call(ctypes.c_long(number), *wide), f"system call {number}")


def prctl(option: int, argument: object = 0, extra: object = 0) -> None:
    """prctl(2); OSError where it fails."""
    wide = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in (argument, extra)]
    _checked(_libc().prctl(option, *wide, ctypes.c_ulong(0), ctypes.c_ulong(0)), "prctl")


def unshare(flags: int) -> None:
    """unshare(2); OSError where it fails."""
    _checked(_libc().unshare(flags), "unshare")
