"""Counts by key (who asked, who gave a label), of the keys that have most rows.

However many keys there are, what is kept is bounded: each has a weight, and where there are too many, all weights fall
by that of the first that is one too many, and who has none left goes (Misra and Gries 1982, "Finding repeated
elements"). Such tallies add up in any order (Agarwal et al. 2013, "Mergeable summaries"): whoever has more than
rows / (most + 1) of all rows is kept, and of nobody more than so many rows go uncounted. While there are at most so
many keys, nothing is lost at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Tally = dict[str, Any]
"""In JSON: ``{"rows": 10, "lost": 0, "of": {"branch": [weight, count, count, ...]}}``."""


def tally(keys: NDArray[np.object_], counts: Counts, most: int) -> Tally:
    """Add up `counts` (n, k) by the `keys` (n,) of `rows`; who has none (an empty key) is left out."""
    known = keys != ""
    names, which = np.unique(keys[known].astype(str), return_inverse=True)
    total = np.zeros((len(names), 1 + counts.shape[1]), dtype=np.int64)
    np.add.at(total, which, np.column_stack([np.ones(int(known.sum()), dtype=np.int64), counts[known]]))
    return _bounded(int(known.sum()), 0, dict(zip(names.tolist(), total.tolist(), strict=True)), most)


def plus(first: Tally, second: Tally, most: int) -> Tally:
    """Of both together."""
    together = dict(first["of"])
    for key, counts in second["of"].items():
        own = together.get(key)
        together[key] = counts if own is None else [a + b for a, b in zip(own, counts, strict=True)]
    return _bounded(first["rows"] + second["rows"], first["lost"] + second["lost"], together, most)


def counts_of(told: Tally) -> Mapping[str, Counts]:
    """What was counted of each key, (k,)."""
    return {key: np.array(counts[1:], dtype=np.int64) for key, counts in told["of"].items()}


def _bounded(rows: int, lost: int, of: dict[str, list[int]], most: int) -> Tally:
    if len(of) > most:
        weights = sorted((counts[0] for counts in of.values()), reverse=True)
        fall = weights[most]
        lost += fall
        of = {key: [counts[0] - fall, *counts[1:]] for key, counts in of.items() if counts[0] > fall}
    return {"rows": rows, "lost": lost, "of": {key: of[key] for key in sorted(of)}}
