"""Scanning files and folders: what each file is, by its content, and whether loading it could run code.

Nothing is loaded, unpacked to disk, or imported. Every file gets a verdict, whatever its bytes; only ALLOW is a pass.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from holdfast.artifacts.content import buffered, inspect
from holdfast.artifacts.inflate import ERRORS, Bomb
from holdfast.artifacts.report import FileReport, refuse, unknown

MOST_REASONS = 50


def scan_paths(paths: Iterable[Path], extra: frozenset[str] = frozenset()) -> tuple[FileReport, ...]:
    """A report for every file at or under `paths`, in order of path, each file once.

    `extra` names the user's own classes and functions that a pickle may use (``package.module.Class``). A path that
    does not exist or cannot be read is reported as UNKNOWN. Symbolic links to files are followed, to folders not.
    """
    files = dict.fromkeys(file for path in paths for file in _files(Path(path)))
    return tuple(scan_file(file, extra) for file in files)


def scan_file(path: Path, extra: frozenset[str] = frozenset()) -> FileReport:
    """The report of one file. Opens it without blocking, so that a pipe or a device cannot hang the scan."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = unknown("file.unreadable", f"It cannot be read: {getattr(error, 'strerror', None) or error}.")
        return FileReport(str(path), "unreadable", 0, (reason,))
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            return scan_open(descriptor, str(path), extra)
        reason = unknown("file.special", "It is a folder, a pipe or a device, and was not opened further.")
        return FileReport(str(path), "special", 0, (reason,))
    finally:
        os.close(descriptor)


def scan_open(descriptor: int, path: str, extra: frozenset[str] = frozenset()) -> FileReport:
    """The report of a regular file that is open for reading; its position afterwards is anywhere."""

    def source() -> io.BufferedReader:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return buffered(io.FileIO(descriptor, closefd=False))

    size = os.fstat(descriptor).st_size
    try:
        format, reasons = inspect(source, path, size, extra)
    except Bomb:
        format, reasons = "bomb", [refuse("compressed.bomb", "It grows out of all proportion when it is decompressed.")]
    except ERRORS as error:
        format, reasons = "unreadable", [refuse("file.broken", f"It cannot be read to its end: {error}.")]
    return FileReport(path, format, size, tuple(dict.fromkeys(reasons))[:MOST_REASONS])


def _files(path: Path) -> Iterator[Path]:
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name not in (".git", "__pycache__"))
        yield from (Path(folder, name) for name in folders if Path(folder, name).is_symlink())
        yield from (Path(folder, name) for name in sorted(names))
