"""Answers that depend on how one asks."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from holdfast.domain.finding import Finding
from holdfast.probes.stress.consistency import Params, run
from holdfast.testing.tables import case_of, credit_rows, credit_schema

TRAIN, TEST = credit_rows(500, 1), credit_rows(300, 2)
MODEL = LogisticRegression(max_iter=2_000).fit(TRAIN.X, TRAIN.y)


def slugs(answer, schema=None):
    case = case_of(None, schema or credit_schema(), TRAIN, TEST, answer=answer)
    return [r.slug for r in run.run(case, Params(200, 20)) if isinstance(r, Finding)]


def test_a_plain_model_is_consistent():
    assert slugs(MODEL.predict_proba) == []


def test_draws_at_random_are_caught():
    rng = np.random.default_rng(0)

    def noisy(X):
        yes = np.clip(MODEL.predict_proba(X)[:, 1] + 0.01 * rng.standard_normal(len(X)), 0, 1)
        return np.column_stack([1 - yes, yes])

    assert "answer-depends-on-repeated" in slugs(noisy)


def test_a_model_that_looks_at_its_neighbours_is_caught():
    def neighbours(X):
        return MODEL.predict_proba((X + np.roll(X, 1, axis=0)) / 2)

    assert slugs(neighbours) == ["answer-depends-on-shuffled", "answer-depends-on-alone"]


def test_rounding_of_float32_is_not_a_difference():
    def single(X):
        yes = MODEL.predict_proba(X)[:, 1].astype(np.float32)
        yes = yes * np.float32(1 + 1e-7 * (len(X) % 7))
        return np.column_stack([1 - yes, yes])

    assert slugs(single) == []
