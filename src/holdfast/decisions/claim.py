"""Whose a folder is: one process at a time, until it ends however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from holdfast.domain.errors import Conflict

FOREVER = float("inf")
_PAUSE = 0.01


class Claim:
    """The lock on the file `path`, held until `release` or the end of the process."""

    def __init__(self, path: Path, file: int) -> None:
        self._path = path
        self._file = file

    @classmethod
    def on(cls, path: Path, *, patience: float = 0.0) -> Claim:
        """Take the lock; Conflict where another process has it for longer than `patience` seconds.

        FileNotFoundError where the folder is gone.
        """
        until = time.monotonic() + patience
        while (claim := cls._try(path)) is None:
            if time.monotonic() >= until:
                raise Conflict(
                    "decisions.taken",
                    f"Another process writes to {path.parent}.",
                    "Give each process a gateway name of its own.",
                )
            time.sleep(_PAUSE)
        return claim

    @classmethod
    def _try(cls, path: Path) -> Claim | None:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        if _is_same(file, path):
            return cls(path, file)
        os.close(file)
        return None

    def release(self) -> None:
        """Let go."""
        os.close(self._file)


def _is_same(file: int, path: Path) -> bool:
    """Whether the locked file is still the one that others will look for."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
