from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize
from scipy.sparse import csr_matrix
from scipy.special import expit

from holdfast.datasets.dataset import Dataset
from holdfast.probes.poisoning._reference import _turned, basis, fit, folds, folds_of_copies, labelled, out_of_fold
from holdfast.testing.tables import credit_rows, credit_schema


def test_the_fit_is_the_maximum_of_its_likelihood():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(400, 2))
    hit = rng.random(400) < 0.05 + 0.9 * expit(2 * Z[:, 0] - Z[:, 1])

    def loss(theta):
        gained, lost = 0.5 * expit(theta[3]), 0.5 * expit(theta[4])
        p = gained + (1 - gained - lost) * expit(Z @ theta[:2] + theta[2])
        return -np.log(np.where(hit, p, 1 - p)).sum() + 0.5 * theta[:2] @ theta[:2]

    found = fit(Z, hit, lapses=True)
    best = min(
        minimize(loss, start, method="Nelder-Mead", options={"maxiter": 4_000}).fun for start in rng.normal(size=(3, 5))
    )
    assert found.loss == pytest.approx(best, abs=0.05)
    assert (
        check_grad(
            loss, lambda t: np.array([loss(t + 1e-6 * e) - loss(t - 1e-6 * e) for e in np.eye(5)]) / 2e-6, np.zeros(5)
        )
        < 1e-3
    )


def test_known_rates_are_kept():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(3_000, 1))
    hit = rng.random(3_000) < 0.1 + 0.8 * expit(3 * Z[:, 0])
    found = fit(Z, hit, rates=(0.1, 0.1), ridge=0.0)
    assert (found.gained, found.lost) == (0.1, 0.1)
    assert abs(found.weights[0] - 3) < 0.4


def test_rates_of_some_rows_are_told_by_the_others():
    rng = np.random.default_rng(1)
    Z, lapsing = rng.normal(size=(20_000, 1)), rng.random(20_000) < 0.5
    true = rng.random(20_000) < expit(Z[:, 0])
    hit = np.where(lapsing & (rng.random(20_000) < np.where(true, 0.05, 0.2)), ~true, true)
    found = fit(Z, hit, lapses=True, lapsing=lapsing, ridge=0.0)
    assert abs(found.gained - 0.2) < 0.03
    assert abs(found.lost - 0.05) < 0.03
    assert abs(found.weights[0] - 1) < 0.1


def test_copies_share_a_fold():
    data = credit_rows(200, 1)
    X = data.X.copy()
    X[:50, 1] = np.nan
    number = folds_of_copies(np.concatenate([X, X[::-1]]), np.tile(np.asarray(data.y), 2), 4, np.random.default_rng(0))
    assert (number[:200] == number[200:][::-1]).all()
    assert np.bincount(number).min() >= 90


def test_weights_count_as_rows():
    rng = np.random.default_rng(0)
    Z, hit, times = rng.normal(size=(60, 2)), rng.random(60) < 0.4, rng.integers(1, 4, 60)
    repeated = fit(np.repeat(Z, times, axis=0), np.repeat(hit, times))
    weighted = fit(Z, hit, weight=times.astype(np.float64))
    assert weighted.weights == pytest.approx(repeated.weights, abs=1e-3)


def test_a_rare_value_has_no_weight_of_its_own():
    data = credit_rows(2_000, 1)
    X = data.X.copy()
    X[:30, 5] = -1
    X[30:60, 1] = np.nan
    assert basis(X, credit_schema()).shape[1] == basis(data.X, credit_schema()).shape[1]


def test_an_interaction_is_not_learnt():
    rng = np.random.default_rng(0)
    X = credit_rows(3_000, 1).X
    X[:, 5], X[:, 6] = rng.integers(0, 2, 3_000), rng.integers(0, 2, 3_000)
    y = (X[:, 5] == X[:, 6]).astype(np.int64)
    p = out_of_fold(basis(X, credit_schema()), y, 2, folds(y, 4, rng))
    assert abs(p[y == 1, 1].mean() - p[y == 0, 1].mean()) < 0.03


def test_folds_spread_every_class():
    y = np.repeat([0, 1, 2], [50, 9, 4])
    number = folds(y, 4, np.random.default_rng(0))
    for code in range(3):
        counts = np.bincount(number[y == code], minlength=4)
        assert counts.max() - counts.min() <= 1


def test_out_of_fold_probabilities_are_probabilities_for_classes_that_occur_and_that_do_not():
    data = credit_rows(300, 1)
    y = np.random.default_rng(0).integers(0, 3, 300)
    p = out_of_fold(basis(data.X, credit_schema()), y, 4, folds(y, 3, np.random.default_rng(0)))
    assert p.shape == (300, 4)
    assert p.sum(axis=1) == pytest.approx(1)
    assert p[:, 3].max() < 0.02


def test_rows_without_a_label_are_left_out():
    data = credit_rows(10, 1)
    assert len(labelled(Dataset(X=data.X, y=None))) == 0
    assert list(labelled(Dataset(X=data.X, y=np.array([0, -1, 1, 0, -1, 1, 1, 0, 0, 1]))).row) == [
        0,
        2,
        3,
        5,
        6,
        7,
        8,
        9,
    ]
    assert len(labelled(Dataset(X=data.X, y=np.array([np.nan, -3.0, *range(8)])))) == 9


def test_more_columns_than_rows_are_turned_without_changing_the_fit():
    data = credit_rows(1_000, 3)
    Z = basis(data.X, credit_schema()).toarray()
    few, hit = np.flatnonzero(np.arange(1_000) % 40 == 0), data.y == 1
    turned = _turned(csr_matrix(Z[few]))
    assert turned.shape[1] <= len(few) < Z.shape[1]
    one, other = fit(Z[few], hit[few]), fit(turned, hit[few])
    assert other.logit(turned) == pytest.approx(one.logit(Z[few]), abs=1e-3)
