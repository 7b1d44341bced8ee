from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case
from holdfast.probes.performance.discrimination import run
from holdfast.targets.direct import DirectTarget


def case(scores, y, *, task=Task.BINARY, gives_scores=True, train=None):
    """A model that answers row k with `scores[k]`."""
    scores = np.asarray(scores, dtype=float)
    schema = Schema(
        task=task,
        features=(Feature("row", Kind.INTEGER),),
        target="y",
        classes=() if task is Task.REGRESSION else tuple(range(scores.shape[1] if gives_scores else int(y.max()) + 1)),
    )
    target = DirectTarget(lambda rows: scores[rows[:, 0].astype(int)], schema, gives_scores=gives_scores)
    return Case(target=target, schema=schema, test=Dataset(np.arange(len(y), dtype=float)[:, None], y), train=train)


def records(given):
    found = list(run.run(given, run.params("standard")))
    measured = {m.measure.partition(".")[2]: m for m in found if not isinstance(m, Finding)}
    return measured, [f for f in found if isinstance(f, Finding)]


@pytest.fixture
def binary():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 2, 800)
    return np.column_stack([1 - p, p]), (rng.random(800) < p).astype(np.int64)


def test_figures_are_scikit_learns(binary):
    scores, y = binary
    measured, findings = records(case(scores, y))
    decided = (scores[:, 1] >= 0.5).astype(int)
    assert measured["auc"].value == pytest.approx(metrics.roc_auc_score(y, scores[:, 1]))
    assert measured["accuracy"].value == pytest.approx(metrics.accuracy_score(y, decided))
    assert measured["balanced_accuracy"].value == pytest.approx(metrics.balanced_accuracy_score(y, decided))
    assert measured["log_loss"].value == pytest.approx(metrics.log_loss(y, scores))
    assert measured["brier"].value == pytest.approx(2 * metrics.brier_score_loss(y, scores[:, 1]))
    assert measured["gain_over_majority"].value == pytest.approx((decided == y).mean() - (y == 0).mean())
    assert not findings


def test_multiclass_auc_is_the_mean_over_one_against_the_rest():
    rng = np.random.default_rng(0)
    scores = rng.dirichlet([1, 1, 1], 600)
    y = np.array([rng.choice(3, p=row) for row in scores])
    measured, _ = records(case(scores, y, task=Task.MULTICLASS))
    assert measured["auc"].value == pytest.approx(metrics.roc_auc_score(y, scores, multi_class="ovr"))


def test_regression_figures_are_scikit_learns():
    rng = np.random.default_rng(0)
    y = rng.normal(100, 20, 500)
    predictions = y + rng.normal(0, 10, 500)
    measured, findings = records(case(predictions, y, task=Task.REGRESSION))
    assert measured["r2"].value == pytest.approx(metrics.r2_score(y, predictions))
    assert measured["mae"].value == pytest.approx(metrics.mean_absolute_error(y, predictions))
    assert not findings


@pytest.mark.parametrize("name", ["auc", "balanced_accuracy", "brier_skill"])
def test_intervals_hold_the_truth_as_often_as_promised(name):
    rng = np.random.default_rng(0)
    p = rng.beta(1, 3, 200_000)
    everyone = np.column_stack([1 - p, p])
    labels = (rng.random(200_000) < p).astype(np.int64)
    truth = records(case(everyone[:50_000], labels[:50_000]))[0][name].value
    held = 0
    for k in range(200):
        part = slice(50_000 + 300 * k, 50_000 + 300 * (k + 1))
        interval = records(case(everyone[part], labels[part]))[0][name].interval
        held += interval.low <= truth <= interval.high
    assert 0.9 <= held / 200 <= 0.99


def test_r2_interval_holds_the_truth_as_often_as_promised():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        y = rng.normal(0, 1, 200)
        interval = records(case(y + rng.normal(0, 0.5, 200), y, task=Task.REGRESSION))[0]["r2"].interval
        held += interval.low <= 0.75 <= interval.high
    assert 0.9 <= held / 200 <= 0.99


def test_a_perfect_model_keeps_an_interval():
    y = (np.arange(200) < 20).astype(np.int64)
    measured, _ = records(case(np.eye(2)[y], y))
    assert measured["auc"].value == 1
    assert 0.9 < measured["auc"].interval.low < 0.97


def test_majority_comes_from_training_where_it_is_given():
    y = np.repeat([0, 1], [40, 60])
    train = Dataset(np.zeros((10, 1)), np.zeros(10, np.int64))
    measured, _ = records(case(np.eye(2)[y], y, train=train))
    assert measured["gain_over_majority"].value == pytest.approx(0.6)


def test_answers_that_know_nothing_are_called_guessing():
    rng = np.random.default_rng(1)
    p = rng.random(1_000)
    _, (finding,) = records(case(np.column_stack([1 - p, p]), rng.integers(0, 2, 1_000)))
    assert finding.slug == "no-better-than-guessing"
    assert finding.severity is Severity.HIGH


def test_on_few_rows_guessing_is_said_not_judged():
    rng = np.random.default_rng(1)
    p = rng.random(60)
    _, (finding,) = records(case(np.column_stack([1 - p, p]), rng.integers(0, 2, 60)))
    assert finding.severity is Severity.INFO


def test_decisions_alone_are_judged_by_balanced_accuracy():
    rng = np.random.default_rng(1)
    y = (rng.random(1_000) < 0.1).astype(np.int64)
    measured, (finding,) = records(case(np.zeros(1_000), y, gives_scores=False))
    assert measured["accuracy"].value > 0.85
    assert finding.measures == ("performance.balanced_accuracy",)


def test_unlabelled_rows_are_left_out(binary):
    scores, y = binary
    hidden = np.where(np.arange(800) % 2 == 0, -1, y)
    assert records(case(scores, hidden))[0]["accuracy"].n == 400


def test_a_handful_of_rows_is_said_to_be_too_few(binary):
    scores, y = binary
    measured, (finding,) = records(case(scores, y[:7]))
    assert not measured
    assert finding.slug == "too-few-rows"
