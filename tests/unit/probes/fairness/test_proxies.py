from __future__ import annotations

import numpy as np
import pytest

from holdfast.datasets.dataset import Attribute, Dataset
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case
from holdfast.probes.fairness.proxies import run
from holdfast.targets.direct import DirectTarget

NAMES = ("role", "income", "noise")


def case(answer, *, seed=0, n=2_000, extra=(), task=Task.BINARY):
    """`role` is 1 for 80 % of women and 20 % of men; income and noise have nothing to do with sex."""
    rng = np.random.default_rng(seed)
    sex = rng.integers(0, 2, n)
    role = (rng.random(n) < np.where(sex == 0, 0.8, 0.2)).astype(float)
    X = np.column_stack([role, rng.random(n), rng.random(n), *(column(sex) for column in extra)])
    names = (*NAMES, *(f"extra{k}" for k in range(len(extra))))
    schema = Schema(
        task=task,
        features=tuple(Feature(name, Kind.NUMBER) for name in names),
        target="approved",
        classes=() if task is Task.REGRESSION else ("no", "yes"),
        favourable=None if task is Task.REGRESSION else 1,
        protected=("sex",),
    )
    data = Dataset(X=X, y=None, protected={"sex": Attribute(sex, ("female", "male"))})
    return Case(target=DirectTarget(answer, schema, gives_scores=False), schema=schema, test=data)


def records(given):
    found = list(run.run(given, run.params("quick")))
    measured = {
        (m.measure.partition(".")[2], dict(m.scope).get("feature")): m for m in found if not isinstance(m, Finding)
    }
    return measured, [r for r in found if isinstance(r, Finding)]


def test_a_column_that_tells_and_decides_is_a_proxy():
    measured, (finding,) = records(case(lambda rows: (rows[:, 0] == 0) & (rows[:, 1] > 0.3)))
    assert measured["attribute_inferable_auc", None].value == pytest.approx(0.8, abs=0.03)
    assert measured["proxy_strength", "role"].value == pytest.approx(0.6 * 0.7, abs=0.05)
    assert finding.where == "role"
    assert finding.severity in (Severity.MEDIUM, Severity.HIGH)


def test_a_column_that_tells_but_does_not_decide_is_none():
    measured, findings = records(case(lambda rows: rows[:, 1] > 0.3))
    assert measured["proxy_strength", "role"].value == 0
    assert not findings


def test_a_column_that_decides_but_does_not_tell_is_not_asked_about():
    measured, findings = records(case(lambda rows: rows[:, 1] > 0.3))
    assert ("proxy_strength", "income") not in measured
    assert not findings


def test_a_column_that_records_the_attribute_is_left_to_the_flips():
    given = case(lambda rows: rows[:, 3] == 1, extra=(lambda sex: sex.astype(float),))
    measured, findings = records(given)
    assert ("proxy_strength", "extra0") not in measured
    assert measured["attribute_inferable_auc", None].value < 0.9
    assert not findings


def test_regression_counts_moves_of_a_tenth_of_a_standard_deviation():
    measured, (finding,) = records(case(lambda rows: rows[:, 0] + 0.1 * rows[:, 1], task=Task.REGRESSION))
    assert measured["proxy_strength", "role"].value == pytest.approx(0.6, abs=0.06)
    assert finding.slug == "proxy"


def test_quiet_where_nothing_tells_the_group():
    for seed in range(8):
        shuffled = case(lambda rows: rows[:, 0] == 0, seed=seed)
        order = np.random.default_rng(seed).permutation(len(shuffled.test))
        shuffled.test.protected["sex"].codes[:] = shuffled.test.protected["sex"].codes[order]
        measured, findings = records(shuffled)
        assert not findings
        interval = measured["attribute_inferable_auc", None].interval
        assert interval.low < 0.52


def test_columns_that_are_missing_or_constant_throughout_do_not_stop_it():
    holes = (lambda sex: np.full(len(sex), np.nan), lambda sex: np.ones(len(sex)))
    measured, _ = records(case(lambda rows: rows[:, 1] > 0.3, extra=holes))
    assert ("attribute_inferable_auc", None) in measured
