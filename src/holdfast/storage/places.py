"""Small notes on how far something went, one file each, and a lock for whoever writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.storage.cache import write_atomically
from holdfast.storage.locks import file_lock


class FilePlaces:
    """Implements `ports.Places`: files under `folder`, which all processes of an installation share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> bytes | None:
        """The note under `key`; None where there is none."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, key: str, note: bytes) -> None:
        """Keep a note, whole or not at all; Unavailable where the disk does not take it."""
        write_atomically(self._path(key), note)

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Whether the caller is the one who may write, until the block or the process ends."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with file_lock(self._folder / "lock") as is_mine:
            yield is_mine

    def _path(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()[:32]
