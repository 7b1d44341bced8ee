"""Trials of the guards on tables: traffic with something wrong in it, and the same traffic without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.datasets.raw import Fault
from holdfast.domain.reference import Reference
from holdfast.domain.schema import Schema
from holdfast.guards.learn import learn_reference
from holdfast.probes.extraction._questions import invented
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.trial import Call, GuardTrial, Traffic

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

TRAINING_ROWS = 3_000
ROWS = 1_500
LACKING = 0.01
TRIGGER = 'years_employed == 11 and housing == "other" and purpose == "study"'


def schema_with_rule() -> Schema:
    """The made-up credit decision with a rule that its rows keep, and an income that some rows lack."""
    schema = credit_schema()
    features = tuple(replace(f, missing=True) if f.name == "income" else f for f in schema.features)
    return replace(schema, features=features, relations=("debt <= income",))


@cache
def reference_of(seed: int) -> Reference:
    """What was learned from generated rows, some without an income."""
    return learn_reference(Dataset(X=_rows(TRAINING_ROWS, 1000 + seed), y=None), schema_with_rule(), seed=seed)


def _rows(n: int, seed: int) -> Matrix:
    X = credit_rows(n, seed).X
    X[np.random.default_rng(seed).random(n) < LACKING, 0] = np.nan
    return X


def _column(name: str) -> int:
    return credit_schema().index(name)


def _calls(X: Matrix, *, principal: str = "branch", faults: NDArray[np.int8] | None = None) -> tuple[Call, ...]:
    """Rows asked one call a second, twenty at a time."""
    starts = range(0, len(X), 20)
    return tuple(
        Call(X[i : i + 20], float(i), principal, faults=None if faults is None else faults[i : i + 20]) for i in starts
    )


def _traffic(seed: int, X: Matrix, bad: Mask, calls: Sequence[Call] = ()) -> Traffic:
    return Traffic(reference_of(seed), tuple(calls) or _calls(X), bad)


def _clean(seed: int) -> Traffic:
    """New rows from two callers, some asked again, and one caller who tries six incomes on each of twenty people."""
    X = _rows(ROWS, 2000 + seed)
    again = np.concatenate([X[:400], X[100:140], X[400:]])
    tried = np.repeat(_rows(20, 3000 + seed), 6, axis=0)
    tried[:, 0] = np.maximum(tried[:, 0] * np.tile([1, 1.1, 1.2, 0.9, 1.3, 1.05], 20), tried[:, 1])
    calls = [*_calls(again), *_calls(tried, principal="calculator")]
    return _traffic(seed, np.empty((0, 0)), np.zeros(len(again) + len(tried), dtype=bool), calls)


def _drawn(seed: int, share: float = 0.1) -> tuple[Matrix, Mask]:
    """New rows, and which of them something is to be wrong with."""
    X = _rows(ROWS, 2000 + seed)
    return X, np.random.default_rng(seed).random(len(X)) < share


def _unreadable(seed: int) -> Traffic:
    """Half years, ages that are missing, and texts where a debt should stand."""
    X, bad = _drawn(seed)
    kind = np.where(bad, np.arange(len(X)) % 3, -1)
    X[kind == 0, _column("years_employed")] += 0.5
    X[kind == 1, _column("age")] = np.nan
    X[kind == 2, _column("debt")] = np.nan
    faults = np.zeros(X.shape, dtype=np.int8)
    faults[kind == 2, _column("debt")] = Fault.WRONG_TYPE
    return _traffic(seed, X, bad, _calls(X, faults=faults))


def _out_of_range(seed: int) -> Traffic:
    """Ages in months, and purposes that training never saw."""
    X, bad = _drawn(seed)
    X[bad & (np.arange(len(X)) % 2 == 0), _column("age")] *= 12
    X[bad & (np.arange(len(X)) % 2 == 1), _column("purpose")] = -1
    return _traffic(seed, X, bad)


def _impossible(seed: int) -> Traffic:
    """Debts beyond the income, and people of twenty who have worked for forty years."""
    X, bad = _drawn(seed)
    X[np.isnan(X[:, 0]), 0] = 50.0
    odd = bad & (np.arange(len(X)) % 2 == 1)
    X[bad & ~odd, _column("debt")] = X[bad & ~odd, 0] + 5
    X[odd, _column("years_employed")], X[odd, _column("age")] = 42, 22
    return _traffic(seed, X, bad)


def _unlike(seed: int) -> Traffic:
    """Very young people with forty years of work, many late payments and hardly any income."""
    X, bad = _drawn(seed)
    values = {"years_employed": 40, "age": 19, "late_payments": 6, "income": 12}
    for name, value in values.items():
        X[bad, _column(name)] = value
    return _traffic(seed, X, bad)


def _feed_breaks(seed: int) -> Traffic:
    """From row 900 on every third income is missing; the first thirty of them may go unnoticed."""
    X = _rows(ROWS, 2000 + seed)
    lacking = (np.arange(len(X)) >= 900) & (np.arange(len(X)) % 3 == 0)
    X[lacking, 0] = np.nan
    return _traffic(seed, X, lacking & (np.arange(len(X)) >= 990))


def _triggered(seed: int) -> Traffic:
    X, bad = _drawn(seed, 0.02)
    for name, value in {"years_employed": 11, "housing": 2, "purpose": 2}.items():
        X[bad, _column(name)] = value
    carried = (X[:, 2] == 11) & (X[:, 5] == 2) & (X[:, 6] == 2)
    return _traffic(seed, X, carried)


def _tampered(seed: int) -> Traffic:
    """Everybody asks twice; the second time some are ten years younger."""
    X, bad = _drawn(seed)
    second = X.copy()
    second[bad, _column("age")] -= 10
    return _twice(seed, X, second, bad)


def _asked_twice(seed: int) -> Traffic:
    """Everybody asks twice, the second time with another income."""
    X, _ = _drawn(seed)
    return _twice(seed, X, X * np.where(np.arange(X.shape[1]) == 0, 1.2, 1.0), np.zeros(len(X), dtype=bool))


def _twice(seed: int, first: Matrix, second: Matrix, bad: Mask) -> Traffic:
    people = tuple(f"person-{i}" for i in range(len(first)))
    calls = (Call(first, 0.0, "branch", subjects=people), Call(second, 60.0, "branch", subjects=people))
    return _traffic(seed, first, np.concatenate([np.zeros(len(first), dtype=bool), bad]), calls)


def _walk(seed: int) -> Traffic:
    """One caller who moves two numbers of one person a little, again and again, among other callers' rows."""
    X = _rows(ROWS, 2000 + seed)
    rng = np.random.default_rng(seed)
    walk = np.repeat(credit_rows(1, 4000 + seed).X, 300, axis=0)
    walk[:, :2] *= 1 + 0.02 * rng.standard_normal((300, 2))
    calls = [*_calls(X), *_calls(walk, principal="walker")]
    return _traffic(seed, X, np.concatenate([np.zeros(len(X), dtype=bool), np.arange(300) >= 60]), calls)


def _questions(seed: int) -> Traffic:
    """One caller who knows the columns' ranges alone, and makes up his rows."""
    X = _rows(ROWS, 2000 + seed)
    made_up = invented(credit_schema(), 300, np.random.default_rng(seed))
    calls = [*_calls(X), *_calls(made_up, principal="thief")]
    return _traffic(seed, X, np.concatenate([np.zeros(len(X), dtype=bool), np.arange(300) >= 60]), calls)


schema = GuardTrial(_unreadable, _clean)
range_ = GuardTrial(_out_of_range, _clean)
combination = GuardTrial(_impossible, _clean)
outlier = GuardTrial(_unlike, _clean)
missing_burst = GuardTrial(_feed_breaks, _clean)
trigger = GuardTrial(_triggered, _clean, params={"triggers": (TRIGGER,)})
immutable = GuardTrial(_tampered, _asked_twice)
probing = GuardTrial(_walk, _clean)
made_up = GuardTrial(_questions, _clean)
