"""Landlock: the process may read what it was given and write nothing (Linux 5.13; TCP from 6.7; signals from 6.12).

Source: Linux `Documentation/userspace-api/landlock.rst`, `include/uapi/linux/landlock.h`.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from holdfast.targets.kernel import PR_SET_NO_NEW_PRIVS, prctl, syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP_RIGHTS = {4: 0b11}
_SCOPES = {6: 0b11}


def abi() -> int:
    """The kernel's Landlock version; 0 where it has none."""
    try:
        return syscall(_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(readable: Iterable[Path], listable: Iterable[Path] = (), writable: Iterable[Path] = ()) -> int:
    """Confine this thread and all that it starts, for good. Returns the ABI; OSError where the kernel refuses.

    Files under `readable` may be read; folders in `listable` may only be listed; `writable` device files be written.
    """
    version = abi()
    if not version:
        raise OSError("the kernel has no Landlock")
    rights = _newest(_FILE_RIGHTS, version)
    attributes = struct.pack("=QQQ", rights, _newest(_TCP_RIGHTS, version), _newest(_SCOPES, version))
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = syscall(_CREATE_RULESET, ctypes.create_string_buffer(attributes), size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, _READ_FILE | _READ_DIR)
        for path in listable:
            _allow(ruleset, path, _READ_DIR)
        for path in writable:
            _allow(ruleset, path, _READ_FILE | _WRITE_FILE)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _newest(by_version: dict[int, int], version: int) -> int:
    return max((rights for since, rights in by_version.items() if since <= version), default=0)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """One rule; a path that does not exist needs none. A folder's right means nothing on a file, and is refused."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= ~_READ_DIR
        rule = struct.pack("=Qi", rights, place)
        syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.create_string_buffer(rule), 0)
    finally:
        os.close(place)
