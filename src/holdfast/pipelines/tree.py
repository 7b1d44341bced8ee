"""A project's files before and after a step, compared by what the file system says of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

Mark = tuple[int, int, int, int]
"""Size, time of change of content and of the file's record (ns), and inode."""

SKIPPED = {"__pycache__", "node_modules"}


def files_in(folder: Path, *, leave_out: tuple[Path, ...] = ()) -> dict[Path, Mark]:
    """Every file under `folder` by its real path. Hidden folders, caches, virtual environments and `leave_out` are not
    looked into: what lies there is tooling, not a step's result.
    """
    apart = {path.resolve() for path in leave_out}
    return {path: mark for path in _walk(folder.resolve(), apart) if (mark := mark_of(path))}


def _walk(folder: Path, apart: set[Path]) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = [name for name in folders if _is_project(here / name, apart)]
        yield from (here / name for name in names if not name.endswith(".pyc"))


def _is_project(folder: Path, apart: set[Path]) -> bool:
    is_tooling = folder.name.startswith(".") or folder.name in SKIPPED or (folder / "pyvenv.cfg").exists()
    return not is_tooling and folder not in apart


def mark_of(path: Path) -> Mark | None:
    """The file's mark; None where there is no regular file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino) if path.is_file() else None


def changed(before: Mapping[Path, Mark], after: Mapping[Path, Mark]) -> list[Path]:
    """The files that are new or were written to, sorted."""
    return sorted(path for path, mark in after.items() if before.get(path) != mark)
