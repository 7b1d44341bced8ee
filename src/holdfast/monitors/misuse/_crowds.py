"""Crowds: many different rows of one caller, or about one person, whose cells all have the same levels.

Of each crowd is kept how many rows were decided either way, about how many differ, and which features do: bits that
hashes of rows and of cells set (Whang, Vander-Zanden and Taylor 1990, "A linear-time probabilistic counting
algorithm"), which may be put together in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
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
"""Crowds of each that are kept where there are many, those with the most rows; see `tally` on what others lose."""

ROW_BITS, CELL_BITS, ALL_BITS = 128, 16, 512
FULL = 2_000.0
"""Different rows beyond which 512 bits say no more than that there are many."""

MOST_CROWDS = 700
"""Crowds of all together up to which every one is kept, so that nothing is lost in what few rows add up to."""


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
    few = sum(len(np.unique(place[own])) for own in parts) <= MOST_CROWDS
    found = {
        name: [
            int(count),
            int(yes[own].sum()),
            *_of(place[own], cells[own], yes[own], told, most=None if few else CROWDS),
        ]
        for name, count, own in zip(names, times, parts, strict=False)
    }
    return kept(int(np.count_nonzero(keys != "")), 0, found, MOST)


def added(first: Tally, second: Tally) -> Tally:
    """Of both together."""
    together = plus(first, second, MOST, _both)
    if sum(len(record[2]["of"]) for record in together["of"].values()) > MOST_CROWDS:
        for record in together["of"].values():
            record[2] = kept(record[2]["rows"], record[2]["lost"], record[2]["of"], CROWDS)
    return together


def _both(first: list[Any], second: list[Any]) -> list[Any]:
    counts = [a + b for a, b in zip(first[:2], second[:2], strict=True)]
    return [*counts, plus(first[2], second[2], 2 * MOST_CROWDS, _joined), *_either(first[3:], second[3:])]


def _of(place: Hashes, cells: Hashes, yes: NDArray[np.bool_], told: tuple[int, ...], *, most: int | None) -> list[Any]:
    """The crowds among rows of one key, at `most` so many, and bits of its rows and of the places where they lie.

    Of a crowd, by place: ``[rows, yes, no, row bits, cell bits of each feature]``.
    """
    keys, which, times = np.unique(place, return_inverse=True, return_counts=True)
    heavy = np.argsort(-times, kind="stable")[: None if most is None else most + 1]
    rows = mixed(np.add.reduce(cells, axis=1))
    found: dict[str, list[Any]] = {}
    for k in heavy:
        own = which == k
        features = "".join(f"{bits_set(column, CELL_BITS):04x}" for column in cells[own][:, told].T)
        agree = int(yes[own].sum())
        bits = f"{bits_set(rows[own], ROW_BITS):032x}"
        found[f"{keys[k]:016x}"] = [int(times[k]), agree, int(times[k]) - agree, bits, features]
    crowded = kept(len(place), 0, found, len(found) if most is None else most)
    return [crowded, *(f"{bits_set(part, ALL_BITS):0128x}" for part in (rows, mixed(keys)))]


def _joined(first: list[Any], second: list[Any]) -> list[Any]:
    return [*(a + b for a, b in zip(first[:3], second[:3], strict=True)), *_either(first[3:], second[3:])]


def _either(first: list[str], second: list[str]) -> list[str]:
    return [f"{int(a, 16) | int(b, 16):0{len(a)}x}" for a, b in zip(first, second, strict=True)]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Rows in one place: how many, about how many `different` ones, decided either way, and the features that differ
    among them, by place among those told.
    """

    place: str
    rows: int
    different: int
    yes: int
    no: int
    moved: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Crowded:
    """Somebody's rows: how many, and decided either way, about how many `different` ones in how many `places`; infinite
    where bits cannot tell.
    """

    rows: int
    yes: int
    crowds: tuple[Crowd, ...]
    different: float
    places: float

    @classmethod
    def told(cls, record: list[Any]) -> Crowded:
        """What a tally knows of one key."""
        rows, yes, found, row_bits, place_bits = record
        crowds = tuple(_crowd(place, known) for place, known in found["of"].items())
        full = [different(bits) > FULL for bits in (row_bits, place_bits)]
        each = [np.inf if over else different(bits) for over, bits in zip(full, (row_bits, place_bits), strict=True)]
        return cls(rows, yes, crowds, *map(float, each))

    @property
    def to_a_place(self) -> float:
        """About how many different rows share a place; 1 where it cannot be told."""
        return self.different / max(self.places, 1.0) if np.isfinite(self.different) else 1.0


def _crowd(place: str, known: list[Any]) -> Crowd:
    rows, yes, no, bits, features = known
    values = [int(features[k : k + 4], 16).bit_count() for k in range(0, len(features), 4)]
    moved = tuple(j for j, count in enumerate(values) if count > 2)
    return Crowd(place, rows, round(min(different(bits), rows)), yes, no, moved)


def different(bits: str) -> float:
    """About how many rows set these bits."""
    size = 4 * len(bits)
    empty = size - int(bits, 16).bit_count()
    return size * log(size / max(empty, 0.5))
