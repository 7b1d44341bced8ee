"""Counts by key (who asked, who gave a label), of the keys that have most rows.

However many keys there are, what is kept is bounded: each has a weight, and where there are too many, all weights fall
by that of the first that is one too many, and who has none left goes (Misra and Gries 1982, "Finding repeated
elements"). Such tallies add up in any order (Agarwal et al. 2013, "Mergeable summaries"): whoever has more than
rows / (most + 1) of all rows is kept, and of nobody more than so many rows go uncounted. While there are at most so
many keys, nothing is lost at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Placed = tuple[Counts, Counts | None]
"""At which place each row (n,) counts, and for how much; None for one."""

Tally = dict[str, Any]
"""In JSON: ``{"rows": 10, "lost": 0, "of": {"branch": [weight, count, count, ...]}}``."""


def tally(keys: NDArray[np.object_], placed: Sequence[Placed], size: int, most: int) -> Tally:
    """Counts at `size` places, by the `keys` (n,) of rows; rows of nobody (an empty key) are left out."""
    names, who, times = by_key(keys, most)
    known = who >= 0
    total = np.zeros(len(names) * size, dtype=np.int64)
    for place, much in placed:
        weights = None if much is None else much[known].astype(np.float64)
        found = np.bincount(who[known] * size + place[known], weights, minlength=len(total))
        total += np.rint(found).astype(np.int64)
    of = np.column_stack([times, total.reshape(len(names), size)]).tolist()
    return kept(int(np.count_nonzero(keys != "")), 0, dict(zip(names, of, strict=True)), most)


def by_key(keys: NDArray[np.object_], most: int) -> tuple[list[str], Counts, Counts]:
    """The keys of the most rows, one more than `most`; which each row (n,) has, -1 for none; how many rows each has."""
    names, who, times = np.unique(keys.astype(str), return_inverse=True, return_counts=True)
    order = np.argsort(-times, kind="stable")
    heavy = order[names[order] != ""][: most + 1]
    place = np.full(len(names), -1, dtype=np.int64)
    place[heavy] = np.arange(len(heavy))
    return names[heavy].tolist(), place[who], times[heavy]


def summed(first: list[Any], second: list[Any]) -> list[Any]:
    """Counts of one key, added up."""
    return [a + b for a, b in zip(first, second, strict=True)]


def plus(first: Tally, second: Tally, most: int, join: Callable[[list[Any], list[Any]], list[Any]] = summed) -> Tally:
    """Of both together; `join` puts together what is known of one key, its weight first."""
    together = dict(first["of"])
    for key, counts in second["of"].items():
        own = together.get(key)
        together[key] = counts if own is None else join(own, counts)
    return kept(first["rows"] + second["rows"], first["lost"] + second["lost"], together, most)


def counts_of(told: Tally) -> Mapping[str, Counts]:
    """What was counted of each key, (k,)."""
    return {key: np.array(counts[1:], dtype=np.int64) for key, counts in told["of"].items()}


def busiest(told: Sequence[Mapping[str, Counts]], most: int) -> list[str]:
    """The keys of which most was counted over several tallies, in the order of their names."""
    total: dict[str, int] = {}
    for counts in told:
        for key, found in counts.items():
            total[key] = total.get(key, 0) + int(np.abs(found).sum())
    return sorted(sorted(total, key=lambda key: (-total[key], key))[:most])


def kept(rows: int, lost: int, of: dict[str, list[Any]], most: int) -> Tally:
    """A tally of the keys with the most weight, which is the first of what is known of each."""
    if len(of) > most:
        weights = sorted((counts[0] for counts in of.values()), reverse=True)
        fall = weights[most]
        lost += fall
        of = {key: [counts[0] - fall, *counts[1:]] for key, counts in of.items() if counts[0] > fall}
    return {"rows": rows, "lost": lost, "of": {key: of[key] for key in sorted(of)}}
