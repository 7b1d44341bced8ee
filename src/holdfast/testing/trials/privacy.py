"""Trials of the probes for leakage."""

from __future__ import annotations

from holdfast.probes.contract import Case
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trial import Trial


def _memorised(seed: int) -> Case:
    """A forest grown to the last row on noisy labels: it knows its training rows by heart."""
    from sklearn.ensemble import RandomForestClassifier

    train, test = credit_rows(600, 3 * seed + 1, noise=2.0), credit_rows(600, 3 * seed + 2, noise=2.0)
    model = RandomForestClassifier(60, random_state=seed).fit(train.X, train.y)
    return case_of(model, credit_schema(), train, test, seed=seed)


def _generalised(seed: int) -> Case:
    """A regularised linear model of a dozen parameters: it cannot remember single rows."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = credit_rows(600, 3 * seed + 1, noise=2.0), credit_rows(600, 3 * seed + 2, noise=2.0)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(train.X, train.y)
    return case_of(model, credit_schema(), train, test, seed=seed)


membership = Trial(planted=_memorised, clean=_generalised, finds="membership-leak")
