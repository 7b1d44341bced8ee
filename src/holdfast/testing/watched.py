"""Days of decisions with known truth, as monitors see them: made as rows, counted, and forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast import canonical
from holdfast.datasets.dataset import Dataset
from holdfast.domain.profile import Bins
from holdfast.domain.schema import Schema
from holdfast.domain.watch import DECISION, INPUT, LABEL, SCORE, Baseline, Batch
from holdfast.monitors.contract import MonitorSpec, Rows, Seen
from holdfast.monitors.counting import column, count, words
from holdfast.monitors.profiling import label_bins, number_bins
from holdfast.testing.tables import credit_rows, credit_schema

FIRST_DAY = date(2026, 1, 5)
"""A Monday."""

DAY = 86_400.0

Spoil = Callable[[Rows, int, np.random.Generator], Rows]
"""What happens to the rows of a day, by its number from 0 on."""


@cache
def scorecard() -> Any:
    """A logistic regression on what approvals of `credit_rows` follow: honest probabilities."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    train = credit_rows(20_000, 10_000)
    model = make_pipeline(FunctionTransformer(_telling), StandardScaler(), LogisticRegression())
    return model.fit(train.X, train.y)


def _telling(X: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.log(X[:, 0]), X[:, 1] / X[:, 0], X[:, 2], X[:, 4], X[:, 5] == 1])


def answered(data: Dataset, *, threshold: float = 0.5) -> Rows:
    """Applicants as the scorecard decides on them; their outcomes are known at once."""
    score = scorecard().predict_proba(data.X)[:, 1]
    label = np.full(len(data), np.nan) if data.y is None else np.asarray(data.y, dtype=np.float64)
    return Rows.of(data.X, score=score, decision=(score >= threshold).astype(np.float64), label=label)


def bins_of(schema: Schema, rows: Rows) -> tuple[Bins, ...]:
    """Bins of every column, at these rows' own values."""
    names = [*(INPUT + name for name in schema.names), SCORE, DECISION, LABEL]
    return tuple(_bins(schema, name, column(schema, rows, name)) for name in names)


def _bins(schema: Schema, name: str, values: NDArray[np.float64]) -> Bins:
    labels = words(schema, name)
    if labels is None:
        return number_bins(name, values)
    known = values[np.isfinite(values) & (values >= 0)].astype(np.int64)
    return label_bins(name, dict(zip(labels, np.bincount(known, minlength=len(labels)).tolist(), strict=True)))


def seen(
    spec: MonitorSpec,
    schema: Schema,
    usual: Rows,
    days: list[Rows],
    *,
    ordinary: int,
    seed: int = 0,
    params: Mapping[str, Any] | None = None,
    more: Callable[[Baseline], Baseline] = lambda baseline: baseline,
) -> Seen:
    """What `spec` sees of these days, with `usual` as held-out data. `more` adds to the baseline what only it can."""
    chosen, bins = spec.with_params(params or {}), bins_of(schema, usual)
    bare = count("", schema, usual, bins)
    baseline = more(Baseline("generated", schema, "generated", bare.profile, bare))
    usual_batch = _counted(spec, baseline, usual, "", chosen)
    crosses = (*usual_batch.crosses, *baseline.usual.crosses)
    whole = Baseline("generated", schema, "generated", bare.profile, _with(usual_batch, crosses))
    starts = [(FIRST_DAY + timedelta(number)).isoformat() for number in range(len(days))]
    batches = [_counted(spec, whole, rows, start, chosen) for start, rows in zip(starts, days, strict=True)]
    return Seen(whole, tuple(batches), ordinary=ordinary, seed=seed)


def _with(batch: Batch, crosses: tuple[Any, ...]) -> Batch:
    return Batch(batch.start, batch.rows, batch.labelled, batch.profile, crosses, batch.facts)


def _counted(spec: MonitorSpec, baseline: Baseline, rows: Rows, start: str, params: Any) -> Batch:
    batch = count(start, baseline.schema, rows, baseline.usual.profile.bins, spec.asks(baseline, params))
    if spec.fold is None:
        return batch
    fact = canonical.encode(spec.fold.of(baseline, rows, params)).decode()
    return Batch(batch.start, batch.rows, batch.labelled, batch.profile, batch.crosses, ((spec.id, fact),))


def credit_days(
    spec: MonitorSpec,
    seed: int,
    spoil: Spoil,
    *,
    days: int = 160,
    rows: int = 400,
    ordinary: int = 84,
    usual: int = 4_000,
    schema: Schema | None = None,
    people: Callable[[int, int], Dataset] = credit_rows,
    more: Callable[[Baseline], Baseline] = lambda baseline: baseline,
) -> Seen:
    """Days of about `rows` credit decisions each, spoilt as `spoil` says."""
    rng = np.random.default_rng([seed, 7])
    held_out = answered(people(usual, 1_000_000 + seed))
    sizes = rng.poisson(rows, days)
    whole = answered(people(int(sizes.sum()), 2_000_000 + seed))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    each = []
    for day in range(days):
        begun = (FIRST_DAY + timedelta(day) - date(1970, 1, 1)).days * DAY
        part = whole.take(np.arange(starts[day], starts[day + 1]))
        at = begun + rng.uniform(0, DAY, len(part))
        part = Rows(**{**vars(part), "at": at, "label_at": at.copy()})
        each.append(spoil(part, day, rng))
    return seen(spec, schema or credit_schema(), held_out, each, ordinary=ordinary, seed=seed, more=more)
