"""Files that survive a power cut: written whole, synced, renamed, and their folder synced."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

SYNCS_AT_ONCE = 8
FILES_AT_ONCE = 128


def write_at(file: int, data: bytes, offset: int) -> None:
    """All of `data` at `offset`; OSError where only a part fits."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def make_folder(folder: Path) -> None:
    """A folder and its missing parents, durably."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def replace(path: Path, data: bytes) -> None:
    """Put one file at `path`, whole and durable."""
    with DurableFiles() as files:
        files.put(path, data)


class DurableFiles:
    """Files that become durable together: their syncs run side by side, which costs little more than one.

    Leaving the block makes every file whole under its name, durably; an error on the way leaves none half written.
    """

    def __init__(self) -> None:
        self._written: list[tuple[int, Path, Path]] = []
        self._folders: set[Path] = set()
        self._pool = ThreadPoolExecutor(SYNCS_AT_ONCE)

    def put(self, path: Path, data: bytes) -> None:
        """Put `data` at `path`, at the latest when the block is left."""
        make_folder(path.parent)
        temporary = path.with_name(f"{path.name}.new")
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self._written.append((file, temporary, path))
        write_at(file, data, 0)
        if len(self._written) >= FILES_AT_ONCE:
            self._name()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                self._name()
                self._side_by_side(sync_folder, list(self._folders))
        finally:
            self._pool.shutdown()
            for file, temporary, _path in self._written:
                os.close(file)
                temporary.unlink(missing_ok=True)

    def _name(self) -> None:
        self._side_by_side(os.fsync, [file for file, _, _ in self._written])
        while self._written:
            file, temporary, path = self._written[-1]
            os.replace(temporary, path)  # noqa: PTH105
            self._folders.add(path.parent)
            self._written.pop()
            os.close(file)

    def _side_by_side(self, do: Callable[[Any], object], things: Sequence[Any]) -> None:
        try:
            list(self._pool.map(do, things))
        except RuntimeError:  # the interpreter ends, and no pool takes anything any more
            for thing in things:
                do(thing)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; it goes with the process, however that ends."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
