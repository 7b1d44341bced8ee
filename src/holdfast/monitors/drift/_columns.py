"""How one column of the latest batches differs from what is usual, and what each batch shows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from holdfast.domain.drift import Difference
from holdfast.domain.measure import Interval, Measurement
from holdfast.domain.profile import Bins, Counts
from holdfast.domain.watch import Batch
from holdfast.monitors import scores
from holdfast.monitors.contract import Seen, Series, Vector
from holdfast.monitors.distances import label_difference, number_difference
from holdfast.monitors.drift._measures import (
    COMMONNESS,
    DISTANCE,
    JENSEN_SHANNON,
    LABEL_SHARE,
    MISSING,
    PLACE,
    PSI,
    UNSEEN,
    WASSERSTEIN,
    WIDTH,
)
from holdfast.statistics import wilson

LEVEL = 0.05
"""Of the interval of a distance: two samples of one distribution lie further apart once in twenty times."""


def total(batches: Sequence[Batch], bins: Bins) -> Counts | None:
    """A column's counts over several batches; None where none has it."""
    found = [counts for batch in batches if (counts := of_column(batch, bins)) is not None]
    return sum(found[1:], found[0]) if found else None


def of_column(batch: Batch, bins: Bins) -> Counts | None:
    """A column's counts in a batch."""
    pairs = zip(batch.profile.bins, batch.profile.counts, strict=True)
    return next((counts for own, counts in pairs if own == bins), None)


def difference(bins: Bins, usual: Counts, now: Counts) -> Difference:
    """How far apart two samples lie; both have a value at least."""
    return number_difference(bins, usual, now, LEVEL) if bins.is_number else label_difference(usual, now, LEVEL)


def measured(bins: Bins, usual: Counts, now: Counts, scope: dict[str, Any]) -> Iterator[Measurement]:
    """What is measured of one column. Intervals are of a fixed sample: they are shown, and nothing alarms on them."""
    rows = now.known + now.missing
    yield MISSING.of(now.missing_share, n=rows, interval=wilson(now.missing, rows), **scope)
    if not usual.known or not now.known:
        return
    found = difference(bins, usual, now)
    low, high = max(0.0, found.distance - found.detectable), min(1.0, found.distance + found.detectable)
    yield DISTANCE.of(found.distance, n=now.known, interval=Interval(low, high), **scope)
    yield PSI.of(found.psi, n=now.known, **scope)
    yield JENSEN_SHANNON.of(found.jensen_shannon, n=now.known, **scope)
    if found.in_sd is not None:
        yield WASSERSTEIN.of(found.in_sd, n=now.known, **scope)
    if not bins.is_number:
        new = sum(count for count, before in zip(now.cells, usual.cells, strict=True) if not before)
        yield UNSEEN.of(new / now.known, n=now.known, interval=wilson(new, now.known), **scope)


def series(seen: Seen, bins: Bins, usual: Counts, scope: tuple[tuple[str, str], ...], fewest: int) -> Iterator[Series]:
    """What each batch shows of one column, as numbers of which each can be watched; none of under `fewest` values."""
    found = [of_column(batch, bins) or Counts((0,) * bins.count) for batch in seen.batches]
    known = np.array([counts.known for counts in found], dtype=np.int64)
    rows = known + np.array([counts.missing for counts in found], dtype=np.int64)

    def scored(score: Callable[[Counts, Counts], float]) -> Vector:
        return np.where(known >= fewest, [score(usual, counts) for counts in found], np.nan)

    missing = np.array([counts.missing_share for counts in found])
    yield Series(MISSING.id, np.where(rows >= fewest, missing, np.nan), rows, scope)
    if not usual.known:
        return
    if bins.is_number:
        yield Series(PLACE.id, scored(scores.place), known, scope, pools=True)
        yield Series(WIDTH.id, scored(scores.width), known, scope, pools=True)
        return
    yield Series(COMMONNESS.id, scored(scores.commonness), known, scope, pools=True)
    labels = scores.watched_labels(usual)
    each = np.array([scores.label_shares(usual, counts) for counts in found]).reshape(len(found), len(labels))
    for place, shares in zip(labels, each.T, strict=True):
        label = ("label", (bins.labels or ())[place] if place < len(bins.labels or ()) else "all others")
        yield Series(LABEL_SHARE.id, np.where(known >= fewest, shares, np.nan), known, (*scope, label))
    yield Series(UNSEEN.id, scored(scores.unseen), known, scope)
