"""Cells of rows as one of few levels, by the bins of a baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.profile import Bins
from holdfast.domain.schema import Schema
from holdfast.domain.watch import INPUT, Baseline, coarse
from holdfast.monitors.counting import places

Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]


class Levels:
    """The levels of all features of a baseline's schema, at most `most` of each, and one more for a missing value."""

    def __init__(self, baseline: Baseline, most: int) -> None:
        self._schema = baseline.schema
        self.bins = tuple(_few(baseline, name, most) for name in baseline.schema.names)
        self.counts = np.array([bins.count + 1 for bins in self.bins], dtype=np.int64)

    def codes(self, X: Matrix) -> Codes:
        """The levels of rows (n, features), int64 of the same shape."""
        if not self.bins:
            return np.empty(X.shape, dtype=np.int64)
        return np.column_stack([_places(self._schema, X[:, j], bins) for j, bins in enumerate(self.bins)])

    def words(self, feature: int, level: int) -> str:
        """A level of a feature in words: ``income below 20``."""
        bins = self.bins[feature]
        name = bins.name.removeprefix(INPUT)
        if level >= bins.count:
            return f"{name} missing"
        if bins.labels is not None:
            return f"{name} {bins.labels[level] if level < len(bins.labels) else 'any other'}"
        if level == 0:
            return f"{name} below {bins.edges[0]:g}"
        if level == len(bins.edges):
            return f"{name} from {bins.edges[-1]:g}"
        return f"{name} from {bins.edges[level - 1]:g} to {bins.edges[level]:g}"


def _few(baseline: Baseline, feature: str, most: int) -> Bins:
    """Few bins of a feature; a single one where the baseline says nothing of it."""
    name = INPUT + feature
    for bins, counts in zip(baseline.training.bins, baseline.training.counts, strict=True):
        if bins.name == name:
            return coarse(bins, counts.cells, most)
    return Bins(name, labels=())


def _places(schema: Schema, values: NDArray[np.float64], bins: Bins) -> Codes:
    if bins.labels == ():
        return np.zeros(len(values), dtype=np.int64)
    return places(schema, values, bins)


def trained(baseline: Baseline, levels: Levels) -> list[NDArray[np.float64]]:
    """How many training rows have each level, by feature; half a row more, so that none has no chance."""
    pairs = zip(baseline.training.bins, baseline.training.counts, strict=True)
    known = {bins.name: (bins, counts) for bins, counts in pairs}
    found = []
    for bins, count in zip(levels.bins, levels.counts, strict=True):
        own = np.full(int(count), 0.5)
        if bins.name in known:
            fine, counts = known[bins.name]
            np.add.at(own, _coarser(fine, bins), counts.cells)
            own[-1] += counts.missing
        found.append(own)
    return found


def _coarser(fine: Bins, few: Bins) -> Codes:
    """In which of the few bins each of the fine ones lies."""
    if fine.labels is None:
        return np.searchsorted(np.array(few.edges), [-np.inf, *fine.edges], side="right")
    own = {label: place for place, label in enumerate(few.labels or ())}
    return np.array([*(own.get(label, len(own)) for label in fine.labels), len(own)], dtype=np.int64)
