"""Are people of every protected group still given the good outcome alike?

The protected attributes that the model is given, and every pair of them; for those that may not be stored with
decisions see `fairness.proxies`. Figures are those of the probe `fairness.group_outcomes`, from counts, over the latest
batches: their intervals hold for all groups of all attributes at once, and for all pairs at once (Tukey within an
attribute, Bonferroni over attributes), at one look. Somebody who looks every day needs another kind: the gap between a
group and everyone else comes with a confidence sequence over all batches so far, a batch being one observation, which
holds for all groups at all looks together.

Rates among those whose outcome came, and calibration, rest on batches of which nearly as many outcomes came as usual:
outcomes that come early are not like those that come late. Scores of one of 20 bins are taken for their mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.measure import Interval, Measurement
from holdfast.domain.schema import Task
from holdfast.domain.watch import Baseline, Batch
from holdfast.groups import (
    mean_contrasts,
    rate_contrasts,
    selection_rates,
    too_small,
)
from holdfast.measures import (
    CALIBRATION_GAP,
    FPR_DIFFERENCE,
    IMPACT_RATIO,
    PARITY_DIFFERENCE,
    SELECTION_GAP,
    SELECTION_RATE,
    TPR_DIFFERENCE,
)
from holdfast.monitors.contract import Asks, Need, Seen, Series, Yielded, monitor
from holdfast.monitors.fairness._tables import Counted, Days, asked, counted, mean_scores, outcomes, place_of, read
from holdfast.statistics import confidence_sequence

Array = NDArray[np.float64]

LEVEL = 0.95
ENOUGH_BATCHES = 28
"""From so many batches on a confidence sequence is given: its promise is that of large numbers."""


@dataclass(frozen=True)
class Params:
    """`window`: rates are of so many batches, the latest. A batch says nothing of a group with fewer than `fewest` rows
    in it. Outcomes of a batch count where their share is at least `whole` times the usual one.
    """

    window: int = 28
    fewest: int = 20
    whole: float = 0.9


def asks(baseline: Baseline, _params: Params) -> Asks:
    """Each attribute, and each pair of them, with score, decision and label."""
    return asked(baseline)


@monitor(
    title="Outcomes by group",
    question="Are people of every protected group, and of every pair of groups, still given the good outcome alike?",
    measures=(
        SELECTION_RATE,
        IMPACT_RATIO,
        PARITY_DIFFERENCE,
        TPR_DIFFERENCE,
        FPR_DIFFERENCE,
        CALIBRATION_GAP,
        SELECTION_GAP,
    ),
    params=Params(),
    needs={Need.PROTECTED},
    tasks={Task.BINARY, Task.MULTICLASS},
    asks=asks,
    cost="counts alone",
    trial="holdfast.testing.trials.watched_fairness:outcomes",
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Rates and contrasts of the latest batches; gaps to everyone else as series, with a confidence sequence."""
    tables = asked(seen.baseline)
    recent = [batch for batch in seen.batches[seen.past :] if batch.rows][-params.window :]
    if not tables or not recent:
        return
    judged = _judged(seen, params)
    days = [read(seen, by, recent, judged) for by in tables]
    yield from _latest(seen, days, len(recent), len(judged))
    if judged:
        yield from _calibration(seen, days, judged)
    small = too_small(
        [day.recent.compared for day in days],
        where="in the latest decisions",
        remedy="Look at more days together, or join groups where that makes sense.",
    )
    if small is not None:
        yield small
    yield from _gaps(seen, days, params.fewest)


def _judged(seen: Seen, params: Params) -> list[Batch]:
    """The latest batches of which about as many outcomes came as usual."""
    live = seen.batches[seen.past :]
    shares = np.array([batch.labelled / batch.rows if batch.rows else 0.0 for batch in live])
    known = shares[: max(0, seen.ordinary - seen.past) or None]
    usual = float(np.median(known[known > 0])) if (known > 0).any() else np.inf
    enough = shares >= params.whole * usual
    return [batch for batch, ok in zip(live, enough, strict=True) if ok][-params.window :]


def _latest(seen: Seen, days: list[Days], recent: int, judged: int) -> Iterator[Yielded]:
    schema = seen.baseline.schema
    for outcome in outcomes(seen.baseline):
        name = str(schema.classes[outcome])
        of = [day.recent.table(outcome, name) for day in days]
        yield from _told(selection_rates(of, schema), recent)
        for contrast in rate_contrasts(of, schema):
            if contrast.measure in (IMPACT_RATIO, PARITY_DIFFERENCE):
                yield from _told(contrast.measurements(schema), recent)
        for contrast in rate_contrasts([day.judged.table(outcome, name) for day in days], schema):
            if contrast.measure in (TPR_DIFFERENCE, FPR_DIFFERENCE):
                yield from _told(contrast.measurements(schema), judged)


def _calibration(seen: Seen, days: list[Days], judged: list[Batch]) -> Iterator[Yielded]:
    schema = seen.baseline.schema
    stated = mean_scores(seen, judged)
    if schema.favourable is None or stated is None:
        return
    name = str(schema.classes[schema.favourable])
    errors = [day.judged.errors(name, stated) for day in days]
    for contrast in mean_contrasts(CALIBRATION_GAP, errors, schema.favourable):
        yield from _told(contrast.measurements(schema), len(judged))


def _told(measured: Iterable[Measurement], batches: int) -> Iterator[Measurement]:
    """The same, with the number of batches that they are of."""
    for one in measured:
        yield replace(one, scope=tuple(sorted((*one.scope, ("batches", str(batches))))))


def _gaps(seen: Seen, days: list[Days], fewest: int) -> Iterator[Yielded]:
    """Each judged group's rate minus everyone else's, batch by batch, and its mean so far."""
    schema = seen.baseline.schema
    judged = [_watched(seen, day.recent) for day in days]
    for outcome in outcomes(seen.baseline):
        name = str(schema.classes[outcome])
        watched = [
            (day.recent.groups[group], *_gap(day.each, group, place_of(day.recent.by[-2], name), fewest))
            for day, groups in zip(days, judged, strict=True)
            for group in groups
        ]
        for who, values, rows in watched:
            scope = {"group": who} | ({} if schema.favourable == outcome else {"outcome": name})
            yield Series(SELECTION_GAP.id, values, rows, tuple(sorted(scope.items())))
            known = values[seen.past :][np.isfinite(values[seen.past :])]
            if len(known) >= ENOUGH_BATCHES:
                interval = _clipped(confidence_sequence(known, 1 - (1 - LEVEL) / len(watched)))
                told = {"batches": len(known), **scope}
                yield SELECTION_GAP.of(float(known.mean()), n=int(rows[seen.past :].sum()), interval=interval, **told)


def _watched(seen: Seen, recent: Counted) -> list[int]:
    """The groups that are large enough; of two the one that is smaller in the held-out data: the other mirrors it."""
    judged = np.flatnonzero(recent.compared.judged)
    if len(judged) == 2:
        usual = counted(seen, [seen.baseline.usual], recent.by).compared.sizes
        return [int(judged[np.argmin(usual[judged])])]
    return list(map(int, judged)) if len(judged) > 2 else []


def _gap(each: Array, group: int, given: int, fewest: int) -> tuple[Array, NDArray[np.int64]]:
    """`each` is (T, groups, decisions). The gap and the rows of the group, both (T,)."""
    if given >= each.shape[2]:
        return np.full(len(each), np.nan), np.zeros(len(each), dtype=np.int64)
    rows, hits = each.sum(axis=2), each[:, :, given]
    mine, others = rows[:, group], rows.sum(axis=1) - rows[:, group]
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = hits[:, group] / mine - (hits.sum(axis=1) - hits[:, group]) / others
    return np.where(np.minimum(mine, others) >= max(1, fewest), gap, np.nan), mine.astype(np.int64)


def _clipped(interval: Interval) -> Interval:
    """Its level is that of all groups together."""
    return Interval(max(-1.0, interval.low), min(1.0, interval.high), LEVEL)
