"""Numbers that stand for cells and rows: the same everywhere, and as good as drawn by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def cell_hashes(X: NDArray[np.float64]) -> Hashes:
    """A number for each cell (n, features): of its column and value, all NaN alike. Those of a row may be added up."""
    values = np.where(np.isnan(X), 1.7e308, X + 0.0)  # -0.0 is 0.0
    return mixed(np.ascontiguousarray(values).view(np.uint64) + _columns(X.shape[1]))


def code_hashes(codes: NDArray[np.int64]) -> Hashes:
    """The same of cells that hold codes."""
    return mixed(codes.astype(np.uint64) + _columns(codes.shape[1]))


def mixed(bits: Hashes) -> Hashes:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def bits_set(hashed: Hashes, size: int) -> int:
    """The bits, of `size`, that numbers set."""
    return sum(1 << int(bit) for bit in np.unique(hashed % np.uint64(size)))


def _columns(width: int) -> Hashes:
    return np.arange(1, width + 1, dtype=np.uint64) * _GOLDEN
