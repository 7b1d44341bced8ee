"""Decisions beside what turned out to be true, made small enough to keep by day: counts, and sums of losses.

Of classes: rows and stated scores by step of arrival, bin of the score, decision and label, and sums of losses. Of
values: sums of errors. Everything but the order of scores within a bin is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from holdfast.domain.profile import Bins
from holdfast.domain.schema import Task
from holdfast.domain.watch import SCORE, Baseline, coarse
from holdfast.monitors.contract import Fold, Rows, Seen
from holdfast.monitors.counting import places
from holdfast.monitors.outcome._arrival import STEPS, Arrivals, ages, step_of, step_within

Array = NDArray[np.float64]

SCORE_BINS = 128
LOSSES = 7
"""Of classes: n, Brier loss, its square, log loss, its square. Of values: n, |e|, e, e², e⁴, y - c and its square."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Some rows whose label came: `counts` and sums of `stated` scores by bin of the score (one more for none),
    decision and label, float64 (bins + 1, classes, classes), and the sums of `losses` (see `LOSSES`).
    """

    counts: Array
    stated: Array
    losses: Array

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.losses[0])

    def positive(self, favourable: int) -> tuple[Array, Array, Array]:
        """By bin of the score: rows, sums of scores and how many are `favourable`, each (bins,)."""
        counts, stated = self.counts[:-1], self.stated[:-1]
        return counts.sum(axis=(1, 2)), stated.sum(axis=(1, 2)), counts[:, :, favourable].sum(axis=1)


@dataclass(frozen=True, eq=False)
class History:
    """The batches judged by the labels that came up to `step`: `each` batch, None where it is too young, or no labels
    came at all. The first `past` are of held-out data.
    """

    step: int
    each: tuple[Judged | None, ...]
    past: int

    def latest(self, window: int) -> list[Judged]:
        """The latest `window` batches of decisions that can be judged, at most."""
        return [judged for judged in self.each[self.past :] if judged is not None and judged.rows][-window:]


def total(parts: Sequence[Judged]) -> Judged:
    """Of all together; there is one at least."""
    sums = ([getattr(part, name) for part in parts] for name in ("counts", "stated", "losses"))
    return Judged(*(np.sum(one, axis=0) for one in sums))


def score_bins(baseline: Baseline) -> Bins | None:
    """Bins of the score, coarse enough to keep by day; None where the model gives none that says something of one
    class among two.
    """
    bins = baseline.bins(SCORE)
    if bins is None or len(baseline.schema.classes) != 2 or not bins.is_number:
        return None
    place = baseline.usual.profile.bins.index(bins)
    return coarse(bins, baseline.usual.profile.counts[place].cells, SCORE_BINS)


def states_chances(baseline: Baseline) -> bool:
    """Whether scores lie between 0 and 1, so that they can be taken for probabilities."""
    bins = score_bins(baseline)
    return bins is not None and bins.edges[0] >= 0 and bins.edges[-1] <= np.nextafter(1.0, 2.0)


def asked_class(baseline: Baseline) -> int:
    """The class that the score speaks of: the favourable one, else the last."""
    schema = baseline.schema
    return len(schema.classes) - 1 if schema.favourable is None else schema.favourable


def _fold(baseline: Baseline, rows: Rows, _params: Any) -> dict[str, dict[str, list[float]]]:
    step = step_of(rows)
    if baseline.schema.task is Task.REGRESSION:
        known = (step >= 0) & np.isfinite(rows.decision) & np.isfinite(rows.label)
        return {"losses": _sums(step[known], _errors(baseline, rows.take(known)))}
    known = (step >= 0) & (rows.label >= 0) & (rows.decision >= 0)
    judged, step = rows.take(known), step[known]
    bins = score_bins(baseline)
    place = np.zeros(len(step), dtype=np.int64) if bins is None else places(baseline.schema, judged.score, bins)
    stated = np.where(np.isfinite(judged.score), judged.score, 0.0)
    key = np.column_stack([step, place, judged.decision.astype(np.int64), judged.label.astype(np.int64)])
    cells = _sums(key, np.column_stack([np.ones(len(step)), stated]))
    return {"cells": cells, "losses": _sums(step, _surprises(baseline, judged))}


def _surprises(baseline: Baseline, rows: Rows) -> Array:
    losses = np.zeros((len(rows), 5))
    losses[:, 0] = 1
    if states_chances(baseline):
        has = np.isfinite(rows.score)
        said = np.where(rows.label == asked_class(baseline), rows.score, 1 - rows.score)[has]
        brier, log = 2 * (1 - said) ** 2, -np.log(np.clip(said, np.finfo(np.float64).eps, 1))
        losses[has, 1:] = np.column_stack([brier, brier**2, log, log**2])
    return losses


def _errors(baseline: Baseline, rows: Rows) -> Array:
    e, y = rows.decision - rows.label, rows.label - centre(baseline)
    return np.column_stack([np.ones(len(e)), np.abs(e), e, e**2, e**4, y, y**2])


def centre(baseline: Baseline) -> float:
    """The mean label of the baseline; 0 where none is known."""
    bins = baseline.bins("label")
    if bins is None:
        return 0.0
    counts = baseline.usual.profile.counts[baseline.usual.profile.bins.index(bins)]
    return sum(counts.sums) / max(1, counts.known - counts.infinite)


def _sums(keys: NDArray[np.int64], values: Array) -> dict[str, list[float]]:
    """Sums of `values` (n, k) by key (n,) or (n, parts)."""
    if not len(keys):
        return {}
    parts = keys.reshape(len(keys), -1).T
    shape = tuple((parts.max(axis=1) + 1).tolist())
    flat = np.ravel_multi_index(tuple(parts), shape)
    found = np.flatnonzero(np.bincount(flat))
    sums = np.column_stack([np.bincount(flat, weights=column)[found] for column in values.T])
    named = np.column_stack(np.unravel_index(found, shape))
    return {",".join(map(str, key)): total for key, total in zip(named.tolist(), sums.tolist(), strict=True)}


def _plus(a: dict[str, dict[str, list[float]]], b: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    return {name: _added(a.get(name, {}), b.get(name, {})) for name in sorted({*a, *b})}


def _added(a: dict[str, list[float]], b: dict[str, list[float]]) -> dict[str, list[float]]:
    one = {
        key: [x + y for x, y in zip(values, b[key], strict=True)] if key in b else values for key, values in a.items()
    }
    return one | {key: values for key, values in b.items() if key not in a}


FOLD = Fold(_fold, _plus)


def history(seen: Seen, monitor: str, *, within_days: float, whole: float) -> History:
    """The batches of `Seen`, judged by the labels that came within the horizon.

    The horizon is `within_days`, or where that is 0 the first step by which the share `whole` of all labels that come
    has come, by the ordinary batches where somebody said which those are.
    """
    facts = [orjson.loads(batch.fact(monitor) or "{}") for batch in seen.batches]
    counts = np.zeros((len(facts), len(STEPS) + 1), dtype=np.int64)
    for place, fact in enumerate(facts):
        for step, sums in fact.get("losses", {}).items():
            counts[place, int(step)] = round(sums[0])
    arrivals = Arrivals(np.array([batch.rows for batch in seen.batches], dtype=np.int64), counts, ages(seen))
    step = step_within(within_days) if within_days else arrivals.usual(seen).horizon(whole)
    if step is None:
        return History(0, (None,) * len(facts), seen.past)
    old = arrivals.old_enough(step)
    each = (_read(seen.baseline, fact, step) if ok else None for fact, ok in zip(facts, old, strict=True))
    return History(step, tuple(each), seen.past)


def _read(baseline: Baseline, fact: dict[str, Any], last: int) -> Judged:
    bins, classes = score_bins(baseline), len(baseline.schema.classes)
    shape = ((1 if bins is None else bins.count) + 1, classes, classes)
    counts, stated, losses = np.zeros(shape), np.zeros(shape), np.zeros(LOSSES)
    cells = fact.get("cells", {})
    if cells:
        keys = np.array(",".join(cells).split(","), dtype=np.int64).reshape(len(cells), -1)
        early = keys[:, 0] <= last
        n, said = np.array(list(cells.values()))[early].T
        np.add.at(counts, tuple(keys[early, 1:].T), n)
        np.add.at(stated, tuple(keys[early, 1:].T), said)
    for step, sums in fact.get("losses", {}).items():
        if int(step) <= last:
            losses[: len(sums)] += sums
    return Judged(counts, stated, losses)
