"""What monitors of misuse and feedback make of rows adds up, in any order, and stays small."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast import canonical
from holdfast.monitors.contract import Rows
from holdfast.plugins import find_monitors
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.traffic import baseline_of
from holdfast.testing.trials.feedback import labelled

SPECS = [spec for spec in find_monitors() if spec.family in {"misuse", "feedback"} and spec.fold is not None]
IDS = [spec.id for spec in SPECS]


def made(spec, usual=labelled(800, 5)):  # noqa: B008
    return baseline_of(spec, credit_schema(), credit_rows(800, 4).X, usual)


def rows_of(n, callers, seed=0):
    rng = np.random.default_rng(seed)
    names = np.array([f"caller-{k}" for k in range(callers)], dtype=object)
    flags = np.empty(n, dtype=object)
    flags[:] = [("text.phrases", "table.range") if draw < 0.1 else () for draw in rng.random(n)]
    X = credit_rows(n, seed).X
    X[rng.random(X.shape) < 0.02] = np.nan
    score = rng.random(n)
    return Rows.of(
        X,
        score=score,
        decision=(score > 0.5).astype(float),
        at=1.8e9 + rng.random(n) * 86_400,
        principal=names[rng.integers(0, callers, n)],
        subject=np.array([f"person-{k}" for k in rng.integers(0, n // 3 + 1, n)], dtype=object),
        source=names[rng.integers(0, callers, n)],
        label=np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 2, n).astype(float)),
        flagged=flags,
    )


@pytest.mark.parametrize("spec", SPECS, ids=IDS)
def test_parts_add_up_to_the_whole(spec):
    baseline, rows = made(spec), rows_of(600, 8)
    rows = rows.take(np.argsort(rows.subject.astype(str)))  # persons are not torn apart: few of them are kept
    order = np.random.default_rng(1).permutation(3)
    edges = [0, 150, 420, 600]
    of = [spec.fold.of(baseline, rows.take(np.arange(edges[k], edges[k + 1])), spec.params) for k in range(3)]
    whole = spec.fold.of(baseline, rows, spec.params)
    added = spec.fold.plus(spec.fold.plus(of[order[0]], of[order[1]]), of[order[2]])
    for part in (whole, added):
        part.pop("persons", None)
        for name in ("callers", "all"):  # which of many small crowds are kept hangs on the order
            if spec.id == "misuse.evasion":
                part[name] = {key: [*value[:2], *value[3:]] for key, value in part[name]["of"].items()}
    assert canonical.encode(added) == canonical.encode(whole)


@pytest.mark.parametrize("spec", SPECS, ids=IDS)
def test_a_day_of_thousands_of_callers_stays_small(spec):
    fact = spec.fold.of(made(spec), rows_of(30_000, 5_000), spec.params)
    assert len(canonical.encode(fact)) < 450_000


@pytest.mark.parametrize("spec", SPECS, ids=IDS)
def test_anything_can_be_folded(spec):
    baseline, width = made(spec), len(credit_schema().features)
    for X in (np.empty((0, width)), np.full((3, width), np.nan), np.full((2, width), 1e300)):
        X = X.copy()  # noqa: PLW2901
        X[:, 5:] = np.where(np.isnan(X[:, 5:]), np.nan, -1.0)
        for known in ({}, {"principal": np.full(len(X), "é\n", dtype=object), "at": np.full(len(X), 1.8e9)}):
            fact = spec.fold.of(baseline, Rows.of(X, **known), spec.params)
            assert canonical.encode(spec.fold.plus(fact, fact))


@pytest.mark.parametrize("spec", SPECS, ids=IDS)
def test_a_baseline_without_rows_is_no_obstacle(spec):
    baseline = made(spec, labelled(800, 5).take(np.arange(0)))
    assert canonical.encode(spec.fold.of(baseline, rows_of(200, 5), spec.params))
