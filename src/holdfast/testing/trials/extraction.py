"""Trials of the probes for theft."""

from __future__ import annotations

from dataclasses import replace

from holdfast.probes.contract import Case
from holdfast.targets.direct import DirectTarget
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trial import Trial


def _open_book(seed: int) -> Case:
    """A formula that shows its scores in full, of an outcome so noisy that labels alone teach little."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = credit_rows(2_000, 3 * seed + 1, noise=4.0), credit_rows(800, 3 * seed + 2, noise=4.0)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train.X, train.y)
    case = case_of(model, credit_schema(), train, test, seed=seed)
    return replace(case, decisions_per_year=40_000)


def _closed_book(seed: int) -> Case:
    """A jagged forest that says yes or no and nothing else."""
    from sklearn.ensemble import RandomForestClassifier

    train, test = credit_rows(1_000, 3 * seed + 1, noise=4.0), credit_rows(800, 3 * seed + 2, noise=4.0)
    model = RandomForestClassifier(30, random_state=seed).fit(train.X, train.y)
    case = case_of(model, credit_schema(), train, test, seed=seed)
    return replace(case, target=DirectTarget(model.predict, case.schema, gives_scores=False))


surrogate = Trial(planted=_open_book, clean=_closed_book, finds="cheap-copy")
