"""Merkle trees as RFC 6962 §2.1 defines them, over SHA-256. Hashes are 32 bytes; pure functions of bytes and sizes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

WIDTH = 256
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry as a leaf."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two children."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """MTH over leaf hashes, or over the roots of equal perfect subtrees of which the last may be smaller."""
    row = list(hashes)
    while len(row) > 1:
        odd = row[len(row) & ~1 :]
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=False)] + odd
    return row[0] if row else EMPTY_ROOT


class Frontier:
    """The right edge of a tree: at each tile level, the hashes of the last tile as long as it is not full."""

    def __init__(self, size: int = 0, edges: Sequence[Sequence[bytes]] = ()) -> None:
        self.size = size
        self.edges = [list(edge) for edge in edges]

    def extend(self, leaves: Sequence[bytes]) -> list[tuple[int, int, list[bytes]]]:
        """Add leaf hashes, no more than fit the last tile; the tiles that this fills, as (level, index, 256 hashes)."""
        self.size += len(leaves)
        filled: list[tuple[int, int, list[bytes]]] = []
        while leaves:
            level = len(filled)
            if level == len(self.edges):
                self.edges.append([])
            self.edges[level] += leaves
            if len(self.edges[level]) < WIDTH:
                break
            edge, self.edges[level] = self.edges[level], []
            filled.append((level, (self.size >> 8 * (level + 1)) - 1, edge))
            leaves = [root(edge)]
        return filled

    def partial(self) -> list[tuple[int, int, list[bytes]]]:
        """The tiles that are not full, as (level, index, 1 to 255 hashes)."""
        return [(level, self.size >> 8 * (level + 1), edge) for level, edge in enumerate(self.edges) if edge]

    def root(self) -> bytes:
        """The root of the whole tree."""
        below: list[bytes] = []
        for edge in self.edges:
            below = [root(edge + below)] if edge or below else []
        return below[0] if below else EMPTY_ROOT


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that the audit path leads to; None where its length does not fit (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return None
    last, current, steps = size - 1, leaf, iter(path)
    while last:
        if index & 1 or index < last:
            sibling = next(steps, None)
            if sibling is None:
                return None
            current = node_hash(sibling, current) if index & 1 else node_hash(current, sibling)
        index, last = index >> 1, last >> 1
    return current if next(steps, None) is None else None
