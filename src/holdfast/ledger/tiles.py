"""Where a C2SP tlog-tiles log keeps its files, and how a bundle of entries is written (https://c2sp.org/tlog-tiles)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from holdfast.domain.errors import Tampered
from holdfast.ledger.merkle import WIDTH

MAX_ENTRY = 65_535
HASH_BYTES = 32


def tile_name(level: int | str, index: int, width: int = WIDTH) -> str:
    """``tile/0/x001/234`` or ``tile/entries/x001/234.p/17``; `level` is 0 to 63, or ``entries`` for a bundle."""
    parts = [f"{index % 1000:03}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03}")
    return f"tile/{level}/{'/'.join(reversed(parts))}" + (f".p/{width}" if width < WIDTH else "")


def width_at(level: int, index: int, size: int) -> int:
    """How many hashes the tile has in a tree of `size` leaves, 0 to 256."""
    return max(0, min(WIDTH, (size >> 8 * level) - WIDTH * index))


def read_tile(log: Path, level: int | str, index: int, width: int) -> tuple[str, bytes]:
    """Name and bytes of a tile or bundle of at least `width`: a full one stands in for its partials, as C2SP allows."""
    for name in dict.fromkeys((tile_name(level, index, width), tile_name(level, index))):
        try:
            return name, (log / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
    raise Tampered(
        "ledger.missing", f"{tile_name(level, index, width)} is missing.", "The checkpoint says that it must exist."
    )


def read_hashes(log: Path, level: int, index: int, width: int) -> list[bytes]:
    """The first `width` hashes of a tile."""
    name, data = read_tile(log, level, index, width)
    if len(data) < width * HASH_BYTES:
        raise Tampered("ledger.tile", f"{name} is cut short: {len(data)} bytes, {width * HASH_BYTES} expected.")
    return [data[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries, each behind its length as a big-endian uint16."""
    return b"".join([part for entry in entries for part in (struct.pack(">H", len(entry)), entry)])


def decode_bundle(data: bytes, what: str) -> list[bytes]:
    """The entries of a bundle; Tampered, naming it `what`, where a length points beyond the end."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start])
        if at > len(data):
            raise Tampered("ledger.entry", f"{what} is cut short or its lengths were changed, at entry {len(entries)}.")
        entries.append(data[start:at])
    return entries


def read_entries(log: Path, index: int, width: int) -> tuple[str, list[bytes]]:
    """Name and first `width` entries of a bundle; Tampered where it does not hold what its name says."""
    name, data = read_tile(log, "entries", index, width)
    entries = decode_bundle(data, name)
    expected = WIDTH if name == tile_name("entries", index) else width
    if len(entries) != expected:
        raise Tampered("ledger.entry", f"{name} holds {len(entries)} entries, {expected} expected.")
    return name, entries[:width]


def entries_between(log: Path, start: int, stop: int, size: int) -> Iterator[bytes]:
    """The entries `start` to `stop` (exclusive) of a log of `size`, a bundle at a time."""
    for index in range(start // WIDTH, -(-stop // WIDTH)):
        _, entries = read_entries(log, index, width_at(0, index, size))
        yield from entries[max(start - index * WIDTH, 0) : stop - index * WIDTH]
