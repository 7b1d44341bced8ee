"""Labels by who gave them: how many there are where the model was how sure, and what is expected of them.

What is expected of a source's labels is what others say of decisions with the same score, and where there are no
others, what held-out data said. So a model that is not calibrated, or a world that changed, accuses nobody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.profile import Bins
from holdfast.domain.schema import Schema
from holdfast.domain.watch import LABEL, SCORE, Baseline, coarse
from holdfast.monitors.contract import Rows, Seen
from holdfast.monitors.evidence import WORTH
from holdfast.monitors.tally import busiest, counts_of

Array = NDArray[np.float64]

MOST = 128
"""Sources of which counts are kept, those with the most labels."""

SCORE_BINS = 12
WINDOW = 28
"""Batches from which it is learned what others say."""

PRIOR = 30.0
"""Labels of others for which what held-out data said counts at most."""

FLIPPED = (0.03, 0.08, 0.2, 0.5)
"""Shares of turned labels that are bet on."""

OWN = 100.0
"""Precision of the habit that a source is expected to have: log odds of its labels differ by 0.1 from others'."""


def score_bins(baseline: Baseline) -> Bins | None:
    """Few bins of the score, with about equally many ordinary decisions."""
    for bins, counts in zip(baseline.usual.profile.bins, baseline.usual.profile.counts, strict=True):
        if bins.name == SCORE and counts.known:
            return coarse(bins, counts.cells, SCORE_BINS)
    return None


def wanted(schema: Schema) -> int:
    """The class whose labels are counted as ones: the favourable, or the last."""
    return len(schema.classes) - 1 if schema.favourable is None else schema.favourable


def expected(baseline: Baseline) -> tuple[Array, Array]:
    """Of held-out data, by bin of the score, how many labels there were, and how many of them ones."""
    few, score, label = score_bins(baseline), baseline.bins(SCORE), baseline.bins(LABEL)
    if few is None or score is None or label is None or label.labels is None:
        return np.zeros(SCORE_BINS), np.zeros(SCORE_BINS)
    rows, ones = np.zeros(few.count), np.zeros(few.count)
    place = np.searchsorted(np.array(few.edges), [-np.inf, *score.edges], side="right")
    one = str(baseline.schema.classes[wanted(baseline.schema)])
    for at, what, count in baseline.usual.cross((score, label)).cells:
        if at < score.count and what < label.count:
            rows[place[at]] += count
            ones[place[at]] += count if what < len(label.labels) and label.labels[what] == one else 0
    return rows, ones


def ordinary(baseline: Baseline, few: Bins) -> Array:
    """How many held-out decisions fall into each of the few bins of the score."""
    score, found = baseline.bins(SCORE), np.zeros(few.count)
    for bins, counts in zip(baseline.usual.profile.bins, baseline.usual.profile.counts, strict=True):
        if bins == score:
            np.add.at(found, np.searchsorted(np.array(few.edges), [-np.inf, *bins.edges], side="right"), counts.cells)
    return found


def places_of(few: Bins, score: Array) -> NDArray[np.int64]:
    """In which of the few bins scores (n,) lie."""
    return np.searchsorted(np.array(few.edges), score, side="right")


def is_one(schema: Schema, rows: Rows) -> NDArray[np.bool_]:
    """Which labels are ones, (n,)."""
    return np.asarray(rows.label == wanted(schema), dtype=np.bool_)


def is_labelled(rows: Rows) -> NDArray[np.bool_]:
    """Which rows have a label of somebody, and a score, (n,)."""
    return np.asarray((rows.label >= 0) & np.isfinite(rows.score) & (rows.source != ""), dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class Sources:
    """The `names` of S sources and how many labels each gave: `zeros` and `ones`, (T, S, bins); `cells` holds, of the
    C levels of features, labels, what they exceed the expected by, the variance of that, and by how much more often
    than expected they are what is expected less, (T, S, C, 4).
    """

    names: tuple[str, ...]
    zeros: Array
    ones: Array
    cells: Array
    ordinary: int

    @classmethod
    def of(cls, seen: Seen, monitor: str, bins: int, cells: int) -> Sources:
        """All who gave a label in a batch."""
        facts = [batch.fact(monitor) for batch in seen.batches]
        return cls.told([json.loads(fact) if fact else None for fact in facts], seen.ordinary, bins, cells)

    @classmethod
    def told(cls, facts: Sequence[dict[str, object] | None], ordinary: int, bins: int, cells: int) -> Sources:
        """The same from what the fold made of each batch."""
        told = [counts_of(fact) if fact else {} for fact in facts]
        names = busiest(told, MOST)
        counts = np.zeros((len(told), len(names), 2 * bins + 4 * cells))
        place = {name: s for s, name in enumerate(names)}
        for t, batch in enumerate(told):
            for name in batch.keys() & place.keys():
                counts[t, place[name]] = batch[name]
        inner = counts[..., 2 * bins :].reshape(len(told), len(names), cells, 4)
        inner[..., 1:] /= 1_000
        return cls(tuple(names), counts[..., :bins], counts[..., bins : 2 * bins], inner, ordinary)

    @property
    def labels(self) -> Array:
        """How many labels each gave, (T, S)."""
        return np.asarray((self.zeros + self.ones).sum(axis=2))

    def chances(self, prior: tuple[Array, Array]) -> tuple[Array, Array]:
        """Of a one, as others say, and its standard error, both (T, S, bins)."""
        rows, ones = (_window(part) for part in (self.zeros + self.ones, self.ones))
        others, said = (part.sum(axis=1, keepdims=True) - part for part in (rows, ones))
        known = np.minimum(prior[0], PRIOR)
        share = np.divide(prior[1] + 0.5, prior[0] + 1.0)
        total = others + known + 1.0
        chance = (said + (known + 1.0) * share) / total
        return chance, np.sqrt(chance * (1 - chance) / total) + 0.5 / total


def _window(part: Array) -> Array:
    """Sums over the last `WINDOW` batches, the current one too."""
    total = np.cumsum(part, axis=0)
    total[WINDOW:] = total[WINDOW:] - total[:-WINDOW]
    return total


def _odds(chance: Array) -> Array:
    return np.asarray(np.log(chance / (1 - chance)))


def _chance(odds: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-odds)))


def habits(sources: Sources, chance: Array) -> Array:
    """By how much log odds of each source's labels differ from others' in the batches known to be in order, (S,)."""
    first = slice(0, sources.ordinary)
    labels = (sources.zeros + sources.ones)[first]
    more = (sources.ones[first] - labels * chance[first]).sum(axis=(0, 2))
    spread = (labels * chance[first] * (1 - chance[first])).sum(axis=(0, 2))
    return np.asarray(more / (spread + OWN))


def turned(sources: Sources, chance: Array, error: Array, margin: float) -> Array:
    """What bets win that labels were turned, into ones, into zeros, and into whatever others hardly say: logarithms
    (T, S, 12).

    The claim that is bet against leaves room: for what others' labels leave open, for the source's own habit, and for
    a `margin` in log odds by which sources may differ. Each bet wins only by what is rarer than that, so that it is
    fair for all chances that the claim allows.
    """
    own = habits(sources, chance)[:, None]
    high = _chance(_odds(np.clip(chance + 2 * error, 1e-4, 1 - 1e-4)) + np.maximum(own, 0.0) + margin)
    low = _chance(_odds(np.clip(chance - 2 * error, 1e-4, 1 - 1e-4)) + np.minimum(own, 0.0) - margin)
    ones = [_won(sources.ones, sources.zeros, high, share) for share in FLIPPED]
    zeros = [_won(sources.zeros, sources.ones, 1 - low, share) for share in FLIPPED]
    either = [np.where(chance < 0.5, *both) for both in zip(ones, zeros, strict=True)]
    won = np.stack([part.sum(axis=2) for part in (*ones, *zeros, *either)], axis=2)
    return np.asarray(won / (1 + sources.labels / WORTH)[..., None])


def _won(hits: Array, others: Array, chance: Array, share: float) -> Array:
    more = chance + (1 - chance) * share
    return np.asarray(hits * np.log(more / chance) + others * np.log((1 - more) / (1 - chance)))
