"""Archives: every member is inspected as a file of its own, after the container itself.

Zip readers disagree on what an archive holds when its local headers and its central directory do, so any difference
between them is refused, as are names that lead outside, names that appear twice, encryption and bombs.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, BinaryIO, cast

from holdfast.artifacts.inflate import HARMLESS, STEEPEST
from holdfast.artifacts.report import Reason, refuse, unknown

if TYPE_CHECKING:
    import zipfile

Inspect = Callable[[Callable[[], BinaryIO], str], Iterator[Reason]]
"""Inspects a member: something that opens it from its start, and its name."""
LookInto = Callable[[BinaryIO, str], Iterator[Reason]]
"""Inspects a member that can be read once."""

MOST_MEMBERS = 100_000
SCHEMA = "schema.json"
LARGEST_SCHEMA = 256 << 20
_LOCAL = struct.Struct("<4s5H3I2H")
_ENCRYPTED = 0x2041
"""Traditional, strong and central-directory encryption (APPNOTE 4.4.4)."""


def check_zip(stream: BinaryIO, inspect: Inspect, skops: Callable[[bytes], Iterator[Reason]]) -> Iterator[Reason]:
    """What keeps the zip archive at `stream` from being loaded; `skops` judges a ``schema.json`` of that format."""
    import zipfile

    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            problems = [reason for reason in _directory(stream, archive) if reason]
            yield from problems
            if problems:
                return
            for member in members:
                if not member.is_dir():
                    yield from _member(archive, member, inspect, skops)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, struct.error, RuntimeError) as error:
        yield refuse("zip.broken", f"The archive is broken: {error}.")
    except NotImplementedError:
        yield unknown("zip.compression", "A member is compressed in a way that this scan cannot read.")


def _directory(stream: BinaryIO, archive: zipfile.ZipFile) -> Iterator[Reason]:
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(names) > MOST_MEMBERS:
        yield refuse("zip.too-many", f"The archive has {len(names):,} members.")
        return
    if len({name.lower().rstrip("/") for name in names}) != len(names):
        yield refuse("zip.duplicate-name", "Two members have the same name; readers differ on which one counts.")
    packed = sum(member.compress_size for member in members)
    size = sum(member.file_size for member in members)
    if size > HARMLESS and size > STEEPEST * packed:
        yield refuse("zip.bomb", f"The archive grows from {packed:,} to {size:,} bytes.")
    end = 0
    for member in sorted(members, key=lambda m: m.header_offset):
        yield from _path(member.filename)
        if member.flag_bits & _ENCRYPTED:
            yield refuse("zip.encrypted", f"{member.filename!r} is encrypted, or says that it is.")
        if member.header_offset - end not in (0, 12, 16, 20, 24):  # a data descriptor may stand between
            yield refuse("zip.hidden-bytes", "Bytes that belong to no member stand in the archive.", end)
        same, end = _same_headers(stream, member)
        if not same:
            message = f"The archive's two directories disagree on {member.orig_filename!r}."
            yield refuse("zip.headers-disagree", message, member.header_offset)
    if archive.start_dir - end not in (0, 12, 16, 20, 24):
        yield refuse("zip.hidden-bytes", "Bytes that belong to no member stand in the archive.", end)


def _same_headers(stream: BinaryIO, member: zipfile.ZipInfo) -> tuple[bool, int]:
    """Whether the local header says what the central directory says, and where the member's bytes end."""
    stream.seek(member.header_offset)
    magic, _, flags, method, _, _, _, packed, size, name_length, extra_length = _LOCAL.unpack(stream.read(_LOCAL.size))
    name = stream.read(name_length).decode("utf-8" if flags & 0x800 else "cp437")
    later = bool(flags & 0x08) and not packed
    sizes = later or 0xFFFFFFFF in (packed, size) or (packed, size) == (member.compress_size, member.file_size)
    same = magic == b"PK\x03\x04" and flags == member.flag_bits and method == member.compress_type
    same = same and name == member.orig_filename and sizes
    return same, member.header_offset + _LOCAL.size + name_length + extra_length + member.compress_size


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, inspect: Inspect, skops: Callable[[bytes], Iterator[Reason]]
) -> Iterator[Reason]:
    if member.filename == SCHEMA and member.file_size <= LARGEST_SCHEMA:
        data = archive.read(member)
        reasons = list(skops(data)) if b'"__loader__"' in data else []
    else:
        reasons = list(inspect(lambda: cast(BinaryIO, archive.open(member)), member.filename))
    with archive.open(member) as content:  # to the end, so that zipfile checks the CRC
        while content.read(1 << 20):
            pass
    yield from (reason.within(member.filename) for reason in reasons)


def _path(name: str) -> Iterator[Reason]:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts or "\0" in name:
        yield refuse("archive.path", f"A member would be written outside the folder: {name[:200]!r}.")


def check_tar(stream: BinaryIO, inspect: LookInto) -> Iterator[Reason]:
    """What keeps the tar archive at `stream` from being unpacked and loaded."""
    import tarfile

    seen: set[str] = set()
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                yield from _path(member.name)
                if not (member.isfile() or member.isdir()):
                    yield refuse("tar.special", f"{member.name[:200]!r} is a link or a device.")
                if member.name in seen or len(seen) >= MOST_MEMBERS:
                    yield refuse("tar.duplicate-name", "Two members have the same name, or there are too many.")
                    return
                seen.add(member.name)
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    reasons = inspect(cast(BinaryIO, content), member.name)
                    yield from (reason.within(member.name) for reason in reasons)
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        yield refuse("tar.broken", f"The archive is broken: {error}.")
