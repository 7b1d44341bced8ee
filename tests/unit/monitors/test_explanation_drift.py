"""How much of the score goes with a feature, from counts alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.domain.watch import DECISION, INPUT, LABEL, SCORE, Baseline
from holdfast.monitors.contract import Rows, Seen, Series
from holdfast.monitors.counting import column, count
from holdfast.monitors.explanation.drift import DISTANCE, STRENGTH, run, strength
from holdfast.monitors.profiling import label_bins, number_bins

RANKS = np.array([0.25, 0.75])
SCHEMA = Schema(
    Task.BINARY,
    (
        Feature("income", Kind.NUMBER),
        Feature("home", Kind.CATEGORY, categories=("own", "rent")),
        Feature("noise", Kind.NUMBER),
    ),
    "paid",
    classes=("no", "yes"),
    favourable=1,
)


def test_strength_is_what_lies_between_the_levels():
    assert strength(np.array([[50, 0], [0, 50]]), RANKS) == pytest.approx(1.0)
    assert strength(np.array([[25, 25], [25, 25]]), RANKS) == 0.0
    table = np.array([[40, 10], [10, 40]])
    between, total, n = 100 * 0.15**2, 100 * 0.25**2, 100
    assert strength(table, RANKS) == pytest.approx((between - (total - between) / (n - 2)) / total)


def test_chance_adds_nothing_to_it():
    rng = np.random.default_rng(0)
    ranks = (np.arange(8) + 0.5) / 8
    found = []
    for _ in range(300):
        table = np.zeros((8, 8), dtype=np.int64)
        np.add.at(table, (rng.integers(0, 8, 200), rng.integers(0, 8, 200)), 1)
        found.append(strength(table, ranks))
    assert np.median(found) < 0.01
    assert np.mean(found) < 0.02


@pytest.mark.parametrize("table", [np.zeros((3, 2)), [[5, 5], [0, 0]], [[3, 0], [4, 0]], [[1, 0], [0, 1]]])
def test_too_little_to_tell_is_nothing(table):
    assert strength(np.array(table, dtype=np.int64), RANKS) == 0.0


def rows(n, seed, home=1.0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n), rng.normal(size=n)])
    score = 1 / (1 + np.exp(-(2 * X[:, 0] + home * 2 * (X[:, 1] - 0.5))))
    return Rows.of(X, score=score, decision=(score > 0.5).astype(float))


def seen(days, weights=()):
    usual = rows(3_000, 1)
    names = [*(INPUT + name for name in SCHEMA.names), SCORE]
    numbers = [number_bins(name, column(SCHEMA, usual, name)) for name in names if name != INPUT + "home"]
    labels = [label_bins(INPUT + "home", {"own": 1_500, "rent": 1_500})]
    labels += [label_bins(name, {"no": 1, "yes": 1}) for name in (DECISION, LABEL)]
    bins = (*numbers, *labels)
    bare = count("", SCHEMA, usual, bins)
    baseline = Baseline("r", SCHEMA, "d", bare.profile, bare, weights=weights)
    asked = run.asks(baseline, run.params)
    baseline = replace(baseline, usual=count("", SCHEMA, usual, bins, asked))
    batches = [count(f"2026-01-{day + 1:02d}", SCHEMA, one, bins, asked) for day, one in enumerate(days)]
    return Seen(baseline, tuple(batches), ordinary=len(batches))


def told(found):
    return {r.scope[0][1]: r.value for r in found if not isinstance(r, Series) and r.measure == STRENGTH.id}


def test_what_the_score_goes_with_is_told_and_what_moved():
    same = list(run.run(seen([rows(600, 10 + k) for k in range(5)]), run.params))
    strong = told(same)
    assert strong["income"] > strong["home"] > 5 * strong["noise"]
    distance = next(r.value for r in same if r.measure == DISTANCE.id)
    assert distance < 0.03
    moved = list(run.run(seen([rows(600, 10 + k, home=0.0) for k in range(5)]), run.params))
    assert told(moved)["home"] < 0.01
    assert next(r.value for r in moved if r.measure == DISTANCE.id) > 0.15


def test_only_features_that_weigh_something_are_watched_and_small_batches_say_nothing():
    found = list(run.run(seen([rows(600, 1), rows(40, 2)], weights=(0.7, 0.3, 0.0)), run.params))
    series = [record for record in found if isinstance(record, Series)]
    assert [one.scope[0][1] for one in series] == ["income", "home"]
    assert [np.isnan(one.values).tolist() for one in series] == [[False, True], [False, True]]
    assert [one.rows.tolist() for one in series] == [[600, 40], [600, 40]]


def test_rows_without_a_score_count_for_nothing():
    bare = replace(rows(600, 3), score=np.full(600, np.nan))
    found = list(run.run(seen([bare]), run.params))
    assert all(np.isnan(record.values).all() for record in found if isinstance(record, Series))
    assert not told(found)
