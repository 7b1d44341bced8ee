"""Proofs of inclusion and consistency (RFC 6962 §2.1) from the tiles of a log, and the C2SP texts that carry them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from holdfast.ledger.merkle import WIDTH, node_hash, root
from holdfast.ledger.tiles import read_hashes, width_at

Subtree = Callable[[int, int], bytes]
"""``subtree(low, high)``: the Merkle tree hash of the leaves `low` to `high` (exclusive)."""


def inclusion(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The audit path of leaf `index` in a tree of `size`, from the leaf's sibling up (RFC 6962 §2.1.1)."""
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(subtree(middle, high))
            high = middle
        else:
            path.append(subtree(low, middle))
            low = middle
    return path[::-1]


def consistency(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """The proof that the tree of size `new` extends the one of size `old` (RFC 6962 §2.1.2); empty for old 0 or new."""
    if old in (0, new):
        return []
    low, high, path = 0, new, []
    while high != old:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(subtree(middle, high))
            high = middle
        else:
            path.append(subtree(low, middle))
            low = middle
    if low:
        path.append(subtree(low, high))
    return path[::-1]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def tile_subtree(log: Path, size: int) -> Subtree:
    """Subtree hashes of the log in the folder `log` at `size`, each tile read once. Tampered where one is missing."""

    @cache
    def tile(level: int, index: int) -> list[bytes]:
        return read_hashes(log, level, index, width_at(level, index, size))

    def perfect(low: int, height: int) -> bytes:
        level, spread = divmod(height, 8)
        index, offset = divmod(low >> 8 * level, WIDTH)
        return root(tile(level, index)[offset : offset + (1 << spread)])

    def subtree(low: int, high: int) -> bytes:
        width = high - low
        if width & (width - 1) == 0:
            return perfect(low, width.bit_length() - 1)
        middle = low + _split(width)
        return node_hash(subtree(low, middle), subtree(middle, high))

    return subtree


def inclusion_text(index: int, path: Sequence[bytes], checkpoint: bytes) -> bytes:
    """A C2SP tlog-proof, version 1 (https://c2sp.org/tlog-proof)."""
    return b"c2sp.org/tlog-proof@v1\nindex %d\n%s\n%s" % (index, _lines(path), checkpoint)


def consistency_text(old: int, path: Sequence[bytes], checkpoint: bytes) -> bytes:
    """The body that asks a C2SP witness to cosign (https://c2sp.org/tlog-witness): old size, proof, new checkpoint."""
    return b"old %d\n%s\n%s" % (old, _lines(path), checkpoint)


def _lines(path: Sequence[bytes]) -> bytes:
    return b"".join(base64.b64encode(step) + b"\n" for step in path)
