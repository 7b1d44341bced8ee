"""The write-ahead journal: where entries are durable before they stand in tiles.

A folder of segments, each named by the index of its first entry. A segment is a block with a random salt, then
records; a record is one commit, padded to whole blocks so that a power cut while one is written cannot hurt an
earlier one. Segments have their full length from the start and are used again once their entries stand in tiles:
overwriting blocks that a file already has costs the disk half of what making it longer does. What an earlier use left
behind, or bytes inside an entry, cannot pass for a record: a record carries a digest keyed with the salt.
Whoever calls `refresh` or `append` holds the log's append lock; whoever calls `read` or `trim`, its publish lock.
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from holdfast.domain.errors import Tampered
from holdfast.ledger.files import sync_folder, write_at
from holdfast.ledger.tiles import decode_bundle, encode_bundle

BLOCK = 4096
SEGMENT_BYTES = 4 * 1024 * 1024
SPARES = 8
_NEVER = 2**63
_RECORD = struct.Struct(">4sQIQ32s")
_HEAD = struct.Struct(">4sQ32s32s")
_MAGIC_RECORD, _MAGIC_HEAD = b"HFr1", b"HFs1"


@dataclass(frozen=True, slots=True)
class _Record:
    first: int
    count: int
    start: int
    payload: int

    @property
    def end(self) -> int:
        """The index after its last entry."""
        return self.first + self.count

    @property
    def next(self) -> int:
        """Where the next record starts in the file."""
        return _padded(self.start + _RECORD.size + self.payload)


class Journal:
    """`size` counts the entries of the whole log that are durable, as far as this process has looked."""

    def __init__(self, folder: Path, *, segment_bytes: int) -> None:
        self.size = 0
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segment: _Segment | None = None

    def refresh(self, published: int) -> None:
        """Take in what other processes committed. `published` entries stand in tiles whatever the journal says."""
        if self._segment is None or self._segment.is_removed() or published > self.size:
            self.close()
            names = self._names()
            self._segment = _Segment(self._folder, names[-1]) if names else None
            self.size = names[-1] if names else 0
        while self._segment is not None:
            self.size = self._segment.read_on()
            if self._segment.first == self.size or not (self._folder / _name(self.size)).exists():
                break
            self._segment.close()
            self._segment = _Segment(self._folder, self.size)
        if self.size < published:
            self.close()
            self.size = published

    def append(self, entries: Sequence[bytes]) -> int:
        """Commit entries as one record, all or nothing; the index of the first. OSError: none of them is in."""
        payload = encode_bundle(entries)
        if self._segment is None or self._segment.is_full(len(payload), self._segment_bytes):
            self.close()
            self._segment = _Segment.create(self._folder, self.size, self._segment_bytes)
        first = self.size
        try:
            self._segment.write(first, len(entries), payload)
        except BaseException:
            self.close()  # what reached the disk is unknown: look again before the next commit
            raise
        self.size += len(entries)
        return first

    def read(self, start: int, stop: int | None = None) -> Iterator[bytes]:
        """The entries `start` to `stop` (exclusive), all of them committed; Tampered where some are gone.

        Without `stop`: as far as whole records go, which needs no lock against a writer.
        """
        names = self._names()
        begins = [name for name in names if name <= start]
        end = _NEVER if stop is None else stop
        for name in names[max(len(begins) - 1, 0) :]:
            if start >= end:
                return
            segment = _Segment(self._folder, name)
            try:
                for first, entries in segment.records(start, end):
                    if first > start:
                        raise self._gone(start, first if stop is None else stop)
                    yield from entries[start - first : end - first]
                    start = min(first + len(entries), end)
            finally:
                segment.close()
        if stop is not None and start < stop:
            raise self._gone(start, stop)

    def trim(self, published: int) -> None:
        """Set segments free whose entries all stand in tiles. The last one stays: it tells where the log ends."""
        spares = len(list(self._folder.glob("spare-*")))
        for first, following in pairwise(self._names()):
            path = self._folder / _name(first)
            if following > published:
                return
            if spares < SPARES and path.stat().st_size == self._segment_bytes:
                path.rename(self._folder / f"spare-{path.name}")
                spares += 1
            else:
                path.unlink()

    def is_empty(self) -> bool:
        """Whether nothing was ever committed here."""
        return not self._names()

    def close(self) -> None:
        """Let go of the open segment; the next call looks for it again."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _gone(self, start: int, stop: int) -> Tampered:
        return _broken(self._folder, f"entries {start} to {stop - 1} were acknowledged and are gone")

    def _names(self) -> list[int]:
        return sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdecimal())


class _Segment:
    """One open file of the journal. `first` is the index of its first entry."""

    def __init__(self, folder: Path, first: int) -> None:
        self.first = first
        self._path = folder / _name(first)
        self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        magic, number, self._salt, check = _HEAD.unpack(os.pread(self._file, _HEAD.size, 0).ljust(_HEAD.size, b"\0"))
        if magic != _MAGIC_HEAD or number != first or check != _digest(self._salt, first, 0, b""):
            raise _broken(self._path, "its first block does not verify")
        self._last = _Record(first, 0, BLOCK - _RECORD.size, 0)
        self._is_checked = False

    @classmethod
    def create(cls, folder: Path, first: int, length: int) -> _Segment:
        """A segment without records, of a spare one where there is one; durable with its name."""
        salt = os.urandom(32)
        head = _HEAD.pack(_MAGIC_HEAD, first, salt, _digest(salt, first, 0, b""))
        spare = next(folder.glob("spare-*"), folder / "spare-new")
        file = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, length)
            write_at(file, head.ljust(BLOCK, b"\0"), 0)
            os.fdatasync(file)
        finally:
            os.close(file)
        spare.rename(folder / _name(first))
        sync_folder(folder)
        segment = cls(folder, first)
        segment._is_checked = True
        return segment

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def is_removed(self) -> bool:
        """Whether it was trimmed away."""
        try:
            return not os.path.samestat(os.fstat(self._file), self._path.stat())
        except FileNotFoundError:
            return True

    def is_full(self, payload: int, limit: int) -> bool:
        """Whether a record of `payload` bytes belongs in the next segment."""
        return self._last.count > 0 and self._last.next + _RECORD.size + payload > limit

    def write(self, first: int, count: int, payload: bytes) -> None:
        """Add one record, durably; OSError: it is not in. Takes the place of a record that a crash tore."""
        start = self._last.next
        record = _RECORD.pack(_MAGIC_RECORD, first, count, len(payload), _digest(self._salt, first, count, payload))
        data = record + payload
        try:
            write_at(self._file, data.ljust(_padded(len(data)), b"\0"), start)
            os.fdatasync(self._file)
        except BaseException:
            with suppress(OSError):
                write_at(self._file, bytes(_RECORD.size), start)
            raise
        self._last = _Record(first, count, start, len(payload))

    def read_on(self) -> int:
        """Pass over records that were added since; the index after the last. A torn last record counts as absent."""
        for record, _payload in self._walk():
            self._last = record
        if not self._is_checked:
            self._check_torn()
            self._is_checked = True
        return self._last.end

    def records(self, start: int, stop: int) -> Iterator[tuple[int, list[bytes]]]:
        """(first index, entries) of the records that overlap the range."""
        for record, payload in self._walk():
            if record.first >= stop:
                return
            if record.end > start:
                yield record.first, decode_bundle(payload, self._path.name)

    def _walk(self) -> Iterator[tuple[_Record, bytes]]:
        """Records after the last one known, up to the first that is not whole."""
        last = self._last
        while (read := self._record_at(last.next)) and read[0].first == last.end:
            yield read
            last = read[0]

    def _record_at(self, start: int) -> tuple[_Record, bytes] | None:
        head = os.pread(self._file, _RECORD.size, start)
        if not head.startswith(_MAGIC_RECORD) or len(head) < _RECORD.size:
            return None
        _, first, count, length, digest = _RECORD.unpack(head)
        if first < self._last.end or length > os.fstat(self._file).st_size:
            return None
        payload = os.pread(self._file, length, start + _RECORD.size)
        whole = len(payload) == length and hmac.compare_digest(digest, _digest(self._salt, first, count, payload))
        return (_Record(first, count, start, length), payload) if whole else None

    def _check_torn(self) -> None:
        """Only the last record can be torn by a crash: a whole one after it means that somebody changed the file."""
        size = os.fstat(self._file).st_size
        if any(self._record_at(start) for start in range(self._last.next + BLOCK, size, BLOCK)):
            raise _broken(self._path, f"entry {self._last.end} was acknowledged and does not verify")


def _digest(salt: bytes, first: int, count: int, payload: bytes) -> bytes:
    return hmac.digest(salt, struct.pack(">QI", first, count) + payload, "sha256")


def _padded(length: int) -> int:
    return -(-length // BLOCK) * BLOCK


def _name(first: int) -> str:
    return f"{first:020}"


def _broken(path: Path, what: str) -> Tampered:
    return Tampered("ledger.journal", f"The journal {path} is damaged: {what}.", "Keep a copy before anything else.")
