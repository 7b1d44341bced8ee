"""What is usual of a release, from its own data: the baseline that its decisions are watched against."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.profile import Bins, Cross
from holdfast.domain.schema import Schema, Task
from holdfast.domain.watch import DECISION, INPUT, LABEL, SCORE, Baseline, Batch
from holdfast.explanations.weights import weigh_features
from holdfast.monitors.contract import Asks, MonitorSpec, Rows
from holdfast.monitors.counting import column, count, words
from holdfast.monitors.fairness.proxies import proxy_table
from holdfast.monitors.fairness.proxies import run as by_proxies
from holdfast.monitors.profiling import label_bins, number_bins
from holdfast.ports import Target
from holdfast.releases.plan import Tables

MOST_ASKED = 20_000
"""Held-out rows that the model is asked about."""

FEWEST_DAYS = 28
"""Days of held-out data that make a past worth keeping: four weeks, which is when watching can begin."""

MOST_DAYS = 730


def make_baseline(
    release: str,
    schema: Schema,
    target: Target,
    tables: Tables,
    monitors: Sequence[MonitorSpec],
    *,
    seed: int = 0,
) -> Baseline:
    """Count the training data, ask the model about held-out rows and count those with its answers."""
    test = tables.test
    asked = test.sample(MOST_ASKED, np.random.default_rng(seed))
    rows = answered(schema, target, asked)
    learned = Rows.of(test.X if tables.train is None else tables.train.X)
    features = tuple(_bins(schema, learned, INPUT + name) for name in schema.names)
    bins = (*features, *(_bins(schema, rows, name) for name in _told(schema, rows)))
    training = count("", schema, learned, features).profile
    weights = weigh_features(target, schema, asked.X, seed=seed)
    first = Baseline(release, schema, test.digest, training, count("", schema, rows, bins), weights=weights)
    tables_of_proxies = tuple(_proxies(first, rows, asked))
    first = replace(first, usual=replace(first.usual, crosses=tables_of_proxies))
    usual = count("", schema, rows, bins, asks_of(monitors, first))
    facts = tuple(facts_of(monitors, first, rows))
    usual = replace(usual, crosses=(*usual.crosses, *tables_of_proxies), facts=facts)
    past = () if asked.time is None else tuple(_days(first, rows, asked.time, monitors))
    return replace(first, usual=usual, past=past if len(past) >= FEWEST_DAYS else ())


def learned(release: str, schema: Schema, rows: Rows, monitors: Sequence[MonitorSpec]) -> Baseline:
    """What is usual of a release by decisions that nobody had reason to doubt, where there are no data to ask about."""
    features = tuple(_bins(schema, rows, INPUT + name) for name in schema.names)
    bins = (*features, *(_bins(schema, rows, name) for name in _told(schema, rows)))
    first = Baseline(release, schema, "", count("", schema, rows, features).profile, count("", schema, rows, bins))
    usual = count("", schema, rows, bins, asks_of(monitors, first))
    return replace(first, usual=replace(usual, facts=tuple(facts_of(monitors, first, rows))))


def answered(schema: Schema, target: Target, data: Dataset) -> Rows:
    """Rows of a table with what the model answers, as the log would have them."""
    decided = np.asarray(target.predict(data.X), dtype=np.float64)
    score = decided if schema.task is Task.REGRESSION else np.full(len(data), np.nan)
    if schema.task.is_classification and target.gives_scores:
        place = schema.favourable if schema.favourable is not None else len(schema.classes) - 1
        score = target.scores(data.X)[:, place]
    label = np.full(len(data), np.nan) if data.y is None else np.asarray(data.y, dtype=np.float64)
    return Rows.of(data.X, score=score, decision=decided, label=label)


def asks_of(monitors: Sequence[MonitorSpec], baseline: Baseline) -> Asks:
    """Everything that monitors want counted together, once each."""
    return tuple(dict.fromkeys(by for spec in monitors for by in spec.asks(baseline, spec.params)))


def facts_of(monitors: Sequence[MonitorSpec], baseline: Baseline, rows: Rows) -> Iterator[tuple[str, str]]:
    """What monitors that see rows make of these, as `Batch.facts` has it."""
    for spec in monitors:
        if spec.fold is not None:
            yield spec.id, json.dumps(spec.fold.of(baseline, rows, spec.params), separators=(",", ":"))


def _proxies(baseline: Baseline, rows: Rows, data: Dataset) -> Iterator[Cross]:
    """For each group that the model does not see, a table of the features that tell it."""
    for name, attribute in data.protected.items():
        if name not in baseline.schema.names:
            yield proxy_table(baseline, rows, name, attribute, by_proxies.params)


def _told(schema: Schema, rows: Rows) -> list[str]:
    """The columns beside features of which anything is known."""
    wanted = [SCORE, DECISION, LABEL] if schema.task.is_classification else [SCORE, LABEL]
    return [name for name in wanted if not np.isnan(column(schema, rows, name)).all()]


def _bins(schema: Schema, rows: Rows, name: str) -> Bins:
    values, labels = column(schema, rows, name), words(schema, name)
    if labels is None:
        return number_bins(name, values)
    codes = values[~np.isnan(values) & (values >= 0)].astype(np.int64)
    times = np.bincount(codes, minlength=len(labels))
    return label_bins(name, dict(zip(labels, times.tolist(), strict=True)))


def _days(
    baseline: Baseline, rows: Rows, time: NDArray[np.float64], monitors: Sequence[MonitorSpec]
) -> Iterator[Batch]:
    """Held-out rows by UTC day, the oldest first; rows without a time are in none."""
    known = np.flatnonzero(np.isfinite(time))
    day = (time[known] // timedelta(days=1).total_seconds()).astype(np.int64)
    bins, asks = baseline.usual.profile.bins, asks_of(monitors, baseline)
    for which in np.unique(day)[-MOST_DAYS:].tolist():
        start = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=which)).date().isoformat()
        some = rows.take(known[day == which])
        batch = count(start, baseline.schema, some, bins, asks)
        yield replace(batch, facts=tuple(facts_of(monitors, baseline, some)))
