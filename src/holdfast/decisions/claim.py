"""Whose a folder is: one process at a time, until it ends however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from holdfast.domain.errors import Conflict
from holdfast.ledger.files import make_folder


class Claim:
    """The lock on the file `path`, held until `release` or the end of the process."""

    def __init__(self, path: Path, file: int) -> None:
        self._path = path
        self._file = file

    @classmethod
    def on(cls, path: Path, *, wait: bool = False) -> Claim:
        """Take the lock; Conflict where another process has it and `wait` is not asked for."""
        while True:
            make_folder(path.parent)
            try:
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue  # the folder went away in between
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                if _is_same(file, path):
                    return cls(path, file)
            except BlockingIOError as error:
                os.close(file)
                raise Conflict(
                    "decisions.taken",
                    f"Another process writes to {path.parent}.",
                    "Give each process a gateway name of its own.",
                ) from error
            os.close(file)

    def release(self) -> None:
        """Let go."""
        os.close(self._file)


def _is_same(file: int, path: Path) -> bool:
    """Whether the locked file is still the one that others will look for."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
