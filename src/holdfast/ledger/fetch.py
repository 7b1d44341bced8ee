"""A running control plane as the files of an export, from what it answers: to be verified like any other export.

Nothing that it says is trusted here. Tiles are made from the entries, so that they fit the checkpoint only if the
entries do; the moment is the verifier's own, so that nobody can pass off old acts as just made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path

from holdfast.domain.errors import Unavailable
from holdfast.ledger.export import ABOUT, ACTS, HEADS, LEDGER
from holdfast.ledger.merkle import WIDTH, Frontier, leaf_hash
from holdfast.ledger.note import Key, open_checkpoint
from holdfast.ledger.tiles import decode_bundle, encode_bundle, tile_name

AT_ONCE = 16 * WIDTH
"""Entries of one answer: some megabytes."""

Bundles = Callable[[int, int], bytes]
"""``bundles(start, limit)``: that many entries, each behind its length."""


Rows = Callable[[], AbstractContextManager[Iterator[bytes]]]
"""Acts, an empty line, heads and an empty line, one a line, while the block lasts."""


def write_export(folder: Path, key: Key, checkpoint: bytes, *, bundles: Bundles, rows: Rows, taken_at: str) -> None:
    """Write what was answered to the empty `folder`; `rows` are asked for last, when the log has been read.

    Tampered where `key` did not sign the `checkpoint`; Unavailable where an answer ends too early.
    """
    size = open_checkpoint(checkpoint, key).size
    log = folder / LEDGER
    write_tiles(log, _entries(bundles, size))
    (log / "checkpoint").write_bytes(checkpoint)
    with rows() as lines:
        _write_rows(folder, lines)
    (folder / ABOUT).write_text(json.dumps({"taken_at": taken_at}))


def _entries(bundles: Bundles, size: int) -> Iterator[bytes]:
    for start in range(0, size, AT_ONCE):
        wanted = min(AT_ONCE, size - start)
        entries = decode_bundle(bundles(start, wanted), f"the answer from entry {start}")
        if len(entries) != wanted:
            what = f"Of the entries {start} to {start + wanted - 1}, {len(entries)} came."
            raise Unavailable("fetch.short", what, "The checkpoint promises more. Try again.")
        yield from entries


def write_tiles(log: Path, entries: Iterator[bytes]) -> None:
    """The entries and their hashes as a C2SP tlog-tiles log keeps them; without a checkpoint."""
    log.mkdir(parents=True)
    frontier = Frontier()
    while batch := list(islice(entries, WIDTH)):
        _put(log / tile_name("entries", frontier.size // WIDTH, len(batch)), encode_bundle(batch))
        for level, index, hashes in frontier.extend([leaf_hash(entry) for entry in batch]):
            _put(log / tile_name(level, index), b"".join(hashes))
    for level, index, hashes in frontier.partial():
        _put(log / tile_name(level, index, len(hashes)), b"".join(hashes))


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _write_rows(folder: Path, lines: Iterator[bytes]) -> None:
    for name in (ACTS, HEADS):
        line = b""
        with (folder / name).open("wb") as file:
            for line in lines:
                if line == b"\n":
                    break
                file.write(line)
        if line != b"\n":
            raise Unavailable("fetch.short", f"The rows broke off in {name}.", "Try again.")
