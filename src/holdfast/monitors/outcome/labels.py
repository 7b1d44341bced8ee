"""Do outcomes still come back as usual?

A model whose outcomes stop coming is judged by nobody. Whoever stops telling them may have stopped looking, or tell
only what suits. Shares are of all decisions of a batch that came back within a time after the decision; a batch
counts once all of its decisions are older than that, so that a loss is seen as soon as it can be, and no sooner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from holdfast.domain.measure import Direction, Measure
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Fold, Need, Rows, Seen, Series, Yielded, monitor
from holdfast.monitors.outcome._arrival import STEPS, Arrivals, ages, step_of, words
from holdfast.statistics import wilson

LABELLED = Measure(
    "outcome.labelled_within",
    "Outcomes that came back in time",
    "share",
    Direction.HIGHER_IS_BETTER,
    "The share of decisions whose outcome was known so long after the decision.",
    (0, 1),
)
MARKS = (0.1, 0.5, 0.9)
"""Watched are the times by which these shares of all outcomes that ever come have come."""


@dataclass(frozen=True)
class Params:
    """`window`: figures are of so many batches, the latest that are old enough. A batch with fewer than `fewest`
    decisions says nothing of its own.
    """

    window: int = 28
    fewest: int = 50


def _fold(_baseline: Baseline, rows: Rows, _params: Any) -> dict[str, int]:
    step, times = np.unique(step_of(rows), return_counts=True)
    return {str(key): count for key, count in zip(step.tolist(), times.tolist(), strict=True) if key >= 0}


def _plus(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in sorted({*a, *b})}


@monitor(
    title="Arrival of outcomes",
    question="Do the outcomes of decisions still come back, and as soon as usual?",
    measures=(LABELLED,),
    params=Params(),
    needs={Need.LABELS},
    fold=Fold(_fold, _plus),
    cost="reads the times of decisions and outcomes",
    trial="holdfast.testing.trials.outcomes:labels",
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """One figure and one series for each time that says something: early, middling and late outcomes."""
    counts = np.zeros((len(seen.batches), len(STEPS) + 1), dtype=np.int64)
    for place, batch in enumerate(seen.batches):
        for step, count in orjson.loads(batch.fact("outcome.labels") or "{}").items():
            counts[place, int(step)] = count
    arrivals = Arrivals(np.array([batch.rows for batch in seen.batches], dtype=np.int64), counts, ages(seen))
    is_live = np.arange(len(seen.batches)) >= seen.past
    for step in _steps(arrivals.usual(seen)):
        came, old = arrivals.within(step), arrivals.old_enough(step) & is_live
        latest = np.flatnonzero(old & (arrivals.rows > 0))[-params.window :]
        n, scope = int(arrivals.rows[latest].sum()), {"within": words(step)}
        if n:
            share = float(came[latest].sum())
            yield LABELLED.of(share / n, n=n, interval=wilson(share, n), batches=len(latest), **scope)
        enough = old & (arrivals.rows >= max(1, params.fewest))
        values = np.where(enough, came / np.maximum(1, arrivals.rows), np.nan)
        yield Series(LABELLED.id, values, arrivals.rows, tuple(scope.items()))


def _steps(usual: Arrivals) -> list[int]:
    """The steps by which the `MARKS` are reached."""
    found = [usual.horizon(mark) for mark in MARKS]
    return sorted({step for step in found if step is not None})
