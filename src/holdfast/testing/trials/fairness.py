"""Applicants whose sex decides, through a column or by itself, and twins where it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.schema import Feature, Kind
from holdfast.probes.contract import Case
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trial import Trial

STUDY = 2
"""Code of the purpose ``study``."""


def _forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(40, min_samples_leaf=5, random_state=0)


def _case(seed: int, *, biased: bool) -> Case:
    train, test = credit_rows(2_000, 2 * seed), credit_rows(1_500, 2 * seed + 1)
    if biased:
        train, test = _women_study(train, 2 * seed), _women_study(test, 2 * seed + 1)
    return case_of(_forest().fit(train.X, train.y), credit_schema(), train, test, seed=seed)


def _women_study(rows: Dataset, seed: int) -> Dataset:
    """Two of three women borrow to study, few men do, and most of those who study are refused whatever they earn."""
    rng = np.random.default_rng([seed, 1])
    X, y = rows.X.copy(), np.asarray(rows.y).copy()
    women = rows.protected["sex"].codes == 0
    purpose = X[:, credit_schema().index("purpose")]
    purpose[women & (rng.random(len(X)) < 2 / 3)] = STUDY
    y[(purpose == STUDY) & (rng.random(len(X)) < 0.7)] = 0
    return replace(rows, X=X, y=y)


def _case_with_sex(seed: int, *, biased: bool) -> Case:
    """The model is given sex. Biased: it learnt from labels that refuse half of the women; else it drops the column."""
    schema = credit_schema()
    sex = Feature("sex", Kind.CATEGORY, categories=("female", "male"), immutable=True, dtype="str")
    wide = schema.with_features((*schema.features, sex))
    train, test = (_with_sex(credit_rows(n, 2 * seed + k)) for n, k in ((2_000, 0), (800, 1)))
    labels = np.asarray(train.y)
    if biased:
        labels = labels * _men_and_half_of_the_women(train, seed)
    seen = len(wide.features) if biased else len(schema.features)
    model = _forest().fit(train.X[:, :seen], labels)
    return case_of(
        model, wide, replace(train, y=labels), test, seed=seed, answer=lambda X: model.predict_proba(X[:, :seen])
    )


def _with_sex(rows: Dataset) -> Dataset:
    return replace(rows, X=np.column_stack([rows.X, rows.protected["sex"].codes]))


def _men_and_half_of_the_women(rows: Dataset, seed: int) -> NDArray[np.int64]:
    """1 for these, 0 for the other women."""
    rng = np.random.default_rng([seed, 2])
    men = rows.protected["sex"].codes == 1
    return np.asarray(men | (rng.random(len(rows)) < 0.5), dtype=np.int64)


group_outcomes = Trial(
    planted=lambda seed: _case(seed, biased=True),
    clean=lambda seed: _case(seed, biased=False),
    finds="unequal-approval",
)
proxies = Trial(
    planted=lambda seed: _case(seed, biased=True),
    clean=lambda seed: _case(seed, biased=False),
    finds="proxy",
)
attribute_flips = Trial(
    planted=lambda seed: _case_with_sex(seed, biased=True),
    clean=lambda seed: _case_with_sex(seed, biased=False),
    finds="protected-attribute-decides",
)
