"""Where segments lie once they are sealed: a folder, or a bucket through any file system that Arrow reaches."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.domain.errors import FixInput, Unavailable
from holdfast.ledger.files import make_folder, sync_folder

if TYPE_CHECKING:
    import pyarrow as pa


class Segments(Protocol):
    """Files by their place, ``decisions/system=credit/day=2026-11-28/<name>.parquet``; written once, never changed."""

    def put(self, place: str, file: Path) -> None:
        """Keep a copy of `file`, all or nothing, durably; again does no harm. Unavailable where that fails."""

    def places(self, below: str = "") -> list[str]:
        """The places of all segments below a folder, sorted."""

    def at(self, place: str) -> tuple[Any, str]:
        """The Arrow file system, and the path in it, by which the segment is read."""

    def delete(self, place: str) -> None:
        """Remove a segment; no error where there is none."""


def read_segment(segments: Segments, place: str) -> bytes:
    """The bytes of a segment; FileNotFoundError where there is none."""
    system, path = segments.at(place)
    with system.open_input_file(path) as file:
        data: bytes = file.read()
    return data


def rows_of(data: bytes, columns: list[str] | None = None) -> pa.Table:
    """The rows of a segment from its bytes.

    In this thread alone: one of Arrow's that still held `data` at exit would abort the process (apache/arrow#34314).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(data)).read(columns, use_threads=False)


def segments_at(where: str) -> Segments:
    """Segments in a folder, or under a URI that Arrow knows: ``s3://bucket/prefix?region=eu-central-1``, ``gs://...``.

    Credentials come from the environment, as the cloud's own tools take them.
    """
    if "://" not in where:
        return FolderSegments(Path(where))
    from pyarrow.fs import FileSystem

    try:
        return BucketSegments(*FileSystem.from_uri(where))
    except (ValueError, OSError) as error:
        raise FixInput(
            "decisions.place", f"{where} is no place for segments: {error}.", "Use s3://BUCKET/PREFIX."
        ) from error


class FolderSegments:
    """Segments in a folder of this machine, or one that is mounted there."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, place: str, file: Path) -> None:
        """Linked where both lie on one disk, else copied, synced and renamed."""
        path = self._root / place
        try:
            make_folder(path.parent)
            if not path.exists():
                _link_or_copy(file, path)
            sync_folder(path.parent)
        except OSError as error:
            raise _unavailable(place, error) from error

    def places(self, below: str = "") -> list[str]:
        """As `Segments` says."""
        return sorted(str(path.relative_to(self._root)) for path in (self._root / below).rglob("*.parquet"))

    def at(self, place: str) -> tuple[Any, str]:
        """As `Segments` says."""
        from pyarrow.fs import LocalFileSystem

        return LocalFileSystem(), str((self._root / place).absolute())

    def delete(self, place: str) -> None:
        """As `Segments` says."""
        path = self._root / place
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)


class BucketSegments:
    """Segments in a file system of Arrow's, such as ``pyarrow.fs.S3FileSystem``; `root` is the bucket and a prefix."""

    def __init__(self, system: Any, root: str) -> None:
        self._system = system
        self._root = PurePosixPath(root)

    def put(self, place: str, file: Path) -> None:
        """An object appears whole or not at all."""
        path = str(self._root / place)
        try:
            if self._system.get_file_info(path).size == file.stat().st_size:
                return
            with self._system.open_output_stream(path) as stream:
                stream.write(file.read_bytes())
        except OSError as error:
            raise _unavailable(place, error) from error

    def places(self, below: str = "") -> list[str]:
        """As `Segments` says; Unavailable where the bucket cannot be reached."""
        from pyarrow.fs import FileSelector

        folder = FileSelector(str(self._root / below), allow_not_found=True, recursive=True)
        try:
            found = [info.path for info in self._system.get_file_info(folder) if info.is_file]
        except OSError as error:
            raise _unavailable(below, error) from error
        return sorted(str(PurePosixPath(path).relative_to(self._root)) for path in found if path.endswith(".parquet"))

    def at(self, place: str) -> tuple[Any, str]:
        """As `Segments` says."""
        return self._system, str(self._root / place)

    def delete(self, place: str) -> None:
        """As `Segments` says."""
        from pyarrow.fs import FileType

        path = str(self._root / place)
        if self._system.get_file_info(path).type is not FileType.NotFound:
            self._system.delete_file(path)


def _link_or_copy(file: Path, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        temporary.hardlink_to(file)
    except OSError:
        with file.open("rb") as source, temporary.open("wb") as copy:
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fsync(copy.fileno())
    temporary.rename(path)


def _unavailable(place: str, error: OSError) -> Unavailable:
    return Unavailable(
        "decisions.segments",
        f"{place} cannot be read or written where segments are kept: {error}.",
        "The decisions stay in the log's own folder and follow once that is mended.",
    )
