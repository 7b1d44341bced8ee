"""Crowds: many different rows of one caller, or about one person, whose cells all have the same levels.

Of each crowd is kept how many rows were decided either way, about how many differ, and which features do: bits that
hashes of rows and of cells set (Whang, Vander-Zanden and Taylor 1990, "A linear-time probabilistic counting
algorithm"), which may be put together in any order.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.monitors.hashing import Hashes, bits_set, code_hashes, mixed
from holdfast.monitors.levels import Codes
from holdfast.monitors.tally import Tally, by_key, kept, plus

MOST = 100
"""Callers, and persons, whose crowds are kept."""

CROWDS = 6
"""Crowds of each that are kept, those with the most rows."""

ROW_BITS, CELL_BITS = 128, 16
FEWEST = 2
"""Rows that make a crowd worth keeping: of each part that is added up, a crowd may lack one row, and those that fall
where there are more crowds than are kept.
"""


def crowds(
    keys: NDArray[np.object_], codes: Codes, cells: Hashes, yes: NDArray[np.bool_], told: tuple[int, ...]
) -> Tally:
    """The crowds of each key, of rows with these levels, cells and decisions (n,); an empty key is nobody's. Which
    features differ is kept of the columns `told`.
    """
    names, who, times = by_key(keys, MOST)
    place = np.add.reduce(code_hashes(codes), axis=1)
    order = np.argsort(who, kind="stable")[np.count_nonzero(who < 0) :]
    parts = np.split(order, np.cumsum(times)[:-1])
    found = {
        name: [int(count), _of(place[own], cells[own], yes[own], told)]
        for name, count, own in zip(names, times, parts, strict=False)
    }
    return kept(int(np.count_nonzero(keys != "")), 0, found, MOST)


def added(first: Tally, second: Tally) -> Tally:
    """Of both together."""
    return plus(first, second, MOST, lambda a, b: [a[0] + b[0], plus(a[1], b[1], CROWDS, _joined)])


def _of(place: Hashes, cells: Hashes, yes: NDArray[np.bool_], told: tuple[int, ...]) -> Tally:
    """The crowds among rows of one key: ``[rows, yes, no, row bits, cell bits of each feature]`` by place."""
    keys, which, times = np.unique(place, return_inverse=True, return_counts=True)
    heavy = np.argsort(-times, kind="stable")[: CROWDS + 1]
    found: dict[str, list[Any]] = {}
    for k in heavy[times[heavy] >= FEWEST]:
        own = which == k
        rows = np.add.reduce(cells[own], axis=1)
        bits = bits_set(mixed(rows), ROW_BITS)
        features = "".join(f"{bits_set(column, CELL_BITS):04x}" for column in cells[own][:, told].T)
        agree = int(yes[own].sum())
        found[f"{keys[k]:016x}"] = [int(times[k]), agree, int(times[k]) - agree, f"{bits:032x}", features]
    return kept(len(place), 0, found, CROWDS)


def _joined(first: list[Any], second: list[Any]) -> list[Any]:
    texts = [f"{int(a, 16) | int(b, 16):0{len(a)}x}" for a, b in zip(first[3:], second[3:], strict=True)]
    return [*(a + b for a, b in zip(first[:3], second[:3], strict=True)), *texts]


def different(bits: str) -> float:
    """About how many rows set these bits."""
    size = 4 * len(bits)
    empty = size - int(bits, 16).bit_count()
    return size * log(size / max(empty, 0.5))


def moved(features: str) -> list[int]:
    """Which of the features that are told have several values in a crowd, by place."""
    values = [int(features[k : k + 4], 16).bit_count() for k in range(0, len(features), 4)]
    return [j for j, count in enumerate(values) if count > 2]
