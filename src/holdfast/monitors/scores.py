"""What a batch of one column shows, as a few bounded numbers of which each can be watched.

A number's values are scored by where they stand among the reference's: the first score follows their place, the second
how far they lie from the middle. A category's by which label they have. Each is a mean over rows, from counts alone, so
that the scores of two batches together are their mean, weighted by rows; of reference rows the mean is 0, and the
standard deviation 1 where the reference varies.

Sources: Ledwina 1994, "Data-driven version of Neyman's smooth test of fit" (Legendre scores of ranks); Vovk 2021,
"Conformal testing in a binary model situation" (arXiv 2102.10439) on ranks from counts.
"""

from __future__ import annotations

from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.profile import Bins, Counts

Vector = NDArray[np.float64]

MOST_WATCHED = 7
"""Labels of a category whose shares are watched, the most frequent ones: of eight labels that leaves none out."""


def scores(bins: Bins, reference: Counts, batch: Counts) -> tuple[tuple[str, float], ...]:
    """All that is worth watching of a column, by name; NaN where the batch has no values."""
    if bins.labels is None:
        own = [("place", place(reference, batch)), ("width", width(reference, batch))]
    else:
        names = [*(f"share of {label}" for label in bins.labels), "share of others"]
        shares = label_shares(reference, batch)
        own = [(names[bin], share) for bin, share in zip(watched_labels(reference), shares, strict=True)]
        own += [("commonness", commonness(reference, batch)), ("unseen", unseen(reference, batch))]
    return (*own, ("missing", missing(reference, batch)))


def place(reference: Counts, batch: Counts) -> float:
    """How far up a number's values lie, in standard deviations of a reference row's rank; NaN where there are none."""
    return _mean(_standard(_ranks(reference.cells), reference), batch)


def width(reference: Counts, batch: Counts) -> float:
    """How far out a number's values lie, beyond what goes with their `place`; NaN where there are none."""
    ranks, weights = _ranks(reference.cells), _shares(reference)
    first = _standard(ranks, reference)
    second = 6 * ranks * ranks - 6 * ranks + 1
    return _mean(_standard(second - first * float(weights @ (first * second)), reference), batch)


def commonness(reference: Counts, batch: Counts) -> float:
    """How common a category's labels are, in standard deviations of a reference row; NaN where there are none.

    It falls where rare or new labels come more often, however many labels there are.
    """
    order = np.argsort(np.array(reference.cells), kind="stable")
    score = np.empty(len(reference.cells))
    score[order] = _ranks(tuple(np.array(reference.cells)[order].tolist()))
    return _mean(_standard(score, reference), batch)


def watched_labels(reference: Counts) -> tuple[int, ...]:
    """The bins whose shares are watched one by one: those that the reference has most rows of, in their order."""
    order = sorted(range(len(reference.cells)), key=lambda place: (-reference.cells[place], place))
    return tuple(sorted(place for place in order[:MOST_WATCHED] if reference.cells[place]))


def label_shares(reference: Counts, batch: Counts) -> tuple[float, ...]:
    """How much more often each of the `watched_labels` comes, in standard deviations of a row; NaN where none do."""
    return tuple(_share(reference, batch, bin) for bin in watched_labels(reference))


def unseen(reference: Counts, batch: Counts) -> float:
    """The share of values in bins that the reference had none of; NaN where there are no values."""
    return _mean(np.array(reference.cells) == 0, batch)


def missing(reference: Counts, batch: Counts) -> float:
    """How much larger the share of missing values is; NaN where there are no rows."""
    return batch.missing_share - reference.missing_share if batch.known + batch.missing else nan


def _ranks(cells: tuple[int, ...]) -> Vector:
    """Where the middle of each bin stands among the rows, between 0 and 1."""
    counts = np.array(cells, dtype=np.float64)
    return np.asarray((np.cumsum(counts) - counts / 2) / max(1.0, counts.sum()))


def _shares(reference: Counts) -> Vector:
    counts = np.array(reference.cells, dtype=np.float64)
    return np.asarray(counts / max(1.0, counts.sum()))


def _standard(score: Vector, reference: Counts) -> Vector:
    """The score of each bin, with mean 0 over the reference, and standard deviation 1 where it varies there."""
    weights = _shares(reference)
    apart = score - float(weights @ score)
    spread = sqrt(float(weights @ (apart * apart)))
    return np.asarray(apart / spread if spread > 1e-9 else apart)


def _mean(score: NDArray[np.generic], batch: Counts) -> float:
    return float(np.dot(score, np.array(batch.cells))) / batch.known if batch.known else nan


def _share(reference: Counts, batch: Counts, bin: int) -> float:
    usual = reference.cells[bin] / reference.known
    if not batch.known:
        return nan
    return (batch.cells[bin] / batch.known - usual) / (sqrt(usual * (1 - usual)) or 1.0)
