"""Performance before outcomes: right where scores mean what they meant, and blind to the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.domain.finding import Finding
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.monitors.contract import Rows
from holdfast.monitors.outcome import estimated
from holdfast.statistics import auc
from holdfast.testing.watched import seen

SCHEMA = Schema(Task.BINARY, (Feature("x", Kind.NUMBER),), "good", ("no", "yes"), favourable=1)


def rows(n, rng, *, a=2.0, b=2.0, threshold=0.5, honest=True):
    """Scores from a beta distribution; the truth follows them, or (not `honest`) their square."""
    score = rng.beta(a, b, n)
    label = (rng.random(n) < (score if honest else score**2)).astype(np.float64)
    return Rows.of(score[:, None], score=score, decision=(score >= threshold).astype(np.float64), label=label)


def told(usual, days, **params):
    hidden = [replace(day, label=np.full(len(day), np.nan)) for day in days]
    what = seen(estimated.run, SCHEMA, usual, hidden, ordinary=0)
    records = list(estimated.run.run(what, replace(estimated.run.params, **params)))
    return {r.measure.removeprefix("performance."): r for r in records if isinstance(r, Measurement)}, records


@pytest.mark.parametrize("usual_rows", [600, 5_000])
@pytest.mark.parametrize(("a", "b", "threshold"), [(2, 2, 0.5), (5, 2, 0.5), (1, 4, 0.5), (2, 2, 0.7)])
def test_intervals_hold_what_outcomes_show(usual_rows, a, b, threshold):
    """Populations and thresholds that the test data never had; scores that are wrong, but in the same way."""
    held = {"accuracy": 0, "auc": 0, "least": 0}
    for seed in range(60):
        rng = np.random.default_rng([seed, usual_rows, a, b])
        usual = rows(usual_rows, rng, honest=False)
        day = rows(800, rng, a=a, b=b, threshold=threshold, honest=False)
        found, _ = told(usual, [day])
        right, (area, _) = float((day.decision == day.label).mean()), auc(day.score, day.label == 1)
        accuracy, order = found["estimated_accuracy"].interval, found["estimated_auc"].interval
        held["accuracy"] += accuracy.low <= right <= accuracy.high
        held["auc"] += order.low <= area <= order.high
        held["least"] += found["estimated_accuracy_at_least"].value <= right
    assert held["accuracy"] >= 52
    assert held["auc"] >= 52
    assert held["least"] >= 57


def test_it_cannot_see_that_scores_come_to_mean_something_else():
    rng = np.random.default_rng(0)
    usual, day = rows(5_000, rng), rows(5_000, rng)
    turned = replace(day, label=1 - day.label)
    assert told(usual, [day])[0]["estimated_accuracy"] == told(usual, [turned])[0]["estimated_accuracy"]


def test_scores_that_the_test_data_never_had_are_said_and_counted_as_wrong():
    rng = np.random.default_rng(0)
    usual = rows(4_000, rng, a=20, b=4)
    usual = replace(usual, label=np.where(usual.score < 0.7, np.nan, usual.label))
    found, records = told(usual, [rows(1_000, rng, a=4, b=20)])
    assert found["estimate_without_support"].value > 0.5
    assert found.get("estimated_accuracy_at_least") is None or found["estimated_accuracy_at_least"].value < 0.3
    assert any(isinstance(r, Finding) and r.slug == "scores-outside-test-data" for r in records)


def test_without_labelled_test_data_nothing_is_said():
    rng = np.random.default_rng(0)
    usual = rows(2_000, rng)
    assert told(replace(usual, label=np.full(len(usual), np.nan)), [rows(500, rng)])[1] == []
