from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.datasets.dataset import Attribute, Dataset
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case
from holdfast.probes.fairness._groups import groupings
from holdfast.probes.fairness._outcomes import tabulate
from holdfast.probes.fairness.group_outcomes import run
from holdfast.targets.direct import DirectTarget


def case(X, y, protected, *, task=Task.BINARY, favourable=1, classes=("no", "yes"), scores=None):
    """A model that answers with its only feature: a class code or a value, unless `scores` maps rows to scores."""
    schema = Schema(
        task=task,
        features=(Feature("answer", Kind.NUMBER),),
        target="approved",
        classes=() if task is Task.REGRESSION else classes,
        favourable=favourable,
        protected=tuple(protected),
    )
    target = DirectTarget(scores or (lambda rows: rows[:, 0]), schema, gives_scores=scores is not None)
    return Case(target=target, schema=schema, test=Dataset(X=np.asarray(X, float)[:, None], y=y, protected=protected))


def records(given):
    found = list(run.run(given, run.params("standard")))
    measured = {(m.measure.partition(".")[2], dict(m.scope)["group"]): m for m in found if isinstance(m, Measurement)}
    return measured, {f.slug: f for f in found if isinstance(f, Finding)}


def two_groups(first, second, *, rows=500):
    """Answers with exactly these shares of 1 among the first and second `rows`."""
    answers = np.concatenate([np.arange(rows) < first * rows, np.arange(rows) < second * rows]).astype(np.int64)
    return answers, {"sex": Attribute(np.repeat([0, 1], rows), ("female", "male"))}


def test_rates_ratio_and_sentence():
    answers, protected = two_groups(0.3, 0.5)
    measured, findings = records(case(answers, answers, protected))
    assert measured["selection_rate", "sex=female"].value == pytest.approx(0.3)
    ratio = measured["impact_ratio", "sex=female"]
    assert ratio.value == pytest.approx(0.6)
    assert ratio.n == 500
    assert measured["impact_ratio", "sex=male"].value == 1
    finding = findings["unequal-approval"]
    assert finding.severity is Severity.HIGH
    assert finding.sentence == (
        "People with sex = female get approved = yes 60 % as often as people with sex = male "
        "(95 % interval 51 to 70 %); the four-fifths mark is 80 %."
    )
    assert finding.where == "sex=female"


def test_a_difference_that_could_be_chance_is_measured_but_not_called():
    answers, protected = two_groups(0.3, 0.5, rows=40)
    measured, findings = records(case(answers, answers, protected))
    assert measured["impact_ratio", "sex=female"].value == pytest.approx(0.6)
    assert measured["impact_ratio", "sex=female"].interval.high == 1
    assert not findings


def test_a_sure_but_small_difference_is_not_called():
    answers, protected = two_groups(0.48, 0.5, rows=40_000)
    measured, findings = records(case(answers, answers, protected))
    assert measured["impact_ratio", "sex=female"].interval.high < 1
    assert not findings


def test_below_four_fifths_by_the_point_only_is_medium():
    answers, protected = two_groups(0.37, 0.5, rows=300)
    _, findings = records(case(answers, answers, protected))
    assert findings["unequal-approval"].severity is Severity.MEDIUM


def test_equal_opportunity_looks_only_at_the_deserving():
    answers, protected = two_groups(0.5, 0.5, rows=1_000)
    labels = np.ones(2_000, np.int64)
    labels[800:1_000] = 0  # 200 refused women deserved it; all refused men did
    measured, findings = records(case(answers, labels, protected))
    assert measured["impact_ratio", "sex=male"].value == 1
    assert measured["tpr_difference", "sex=male"].value == pytest.approx(500 / 800 - 500 / 1_000)
    assert findings["unequal-opportunity"].where == "sex=male"
    assert "unequal-approval" not in findings


def test_calibration_gap_is_relative_to_everyone_else():
    sex = Attribute(np.repeat([0, 1], 1_000), ("female", "male"))
    labels = np.concatenate([np.arange(1_000) < 800, np.arange(1_000) < 500]).astype(np.int64)
    stated = np.array([[0.4, 0.6]])
    given = case(np.zeros(2_000), labels, {"sex": sex}, scores=lambda rows: np.repeat(stated, len(rows), axis=0))
    measured, findings = records(given)
    gap = measured["calibration_gap", "sex=female"]
    assert gap.value == pytest.approx(0.3)
    assert gap.interval.low < 0.3 < gap.interval.high
    assert "underrates" in findings["unequal-calibration"].sentence
    assert findings["unequal-calibration"].severity is Severity.HIGH


def test_intersections_find_what_single_attributes_hide():
    sex, race = np.repeat([0, 1, 0, 1], 400), np.repeat([0, 0, 1, 1], 400)
    answers = ((np.arange(1_600) % 400) < np.where(sex == race, 300, 100)).astype(np.int64)
    protected = {"sex": Attribute(sex, ("f", "m")), "race": Attribute(race, ("b", "w"))}
    measured, findings = records(case(answers, None, protected))
    assert measured["impact_ratio", "sex=f"].value == 1
    assert measured["impact_ratio", "sex=f & race=w"].value == pytest.approx(1 / 3)
    assert findings["unequal-approval"].severity is Severity.HIGH
    assert "sex = f and race = w" in findings["unequal-approval"].sentence


def test_small_group_keeps_its_rate_and_gets_no_ratio():
    codes = np.repeat([0, 1, 2], [500, 500, 8])
    answers = (np.arange(1_008) % 2).astype(np.int64)
    given = case(answers, answers, {"race": Attribute(codes, ("a", "b", "c"))})
    measured, findings = records(given)
    assert ("selection_rate", "race=c") in measured
    assert ("impact_ratio", "race=c") not in measured
    assert findings["small-groups"].severity is Severity.INFO


def test_without_a_favourable_outcome_every_class_is_compared():
    answers, protected = two_groups(0.3, 0.5)
    given = case(answers + 1, answers + 1, protected, favourable=None, task=Task.MULTICLASS, classes=("a", "b", "c"))
    found = [r for r in run.run(given, run.params("standard")) if isinstance(r, Measurement)]
    gaps = {dict(m.scope)["outcome"]: m.value for m in found if m.measure == "fairness.parity_difference" and m.value}
    assert gaps == pytest.approx({"b": 0.2, "c": 0.2})
    assert not any(m.measure == "fairness.impact_ratio" for m in found)


def test_regression_compares_predictions_and_errors():
    rng = np.random.default_rng(0)
    sex = Attribute(np.repeat([0, 1], 1_000), ("female", "male"))
    predictions = rng.normal(0, 1, 2_000) + np.repeat([0.0, 1.0], 1_000)
    labels = predictions + rng.normal(0, 0.1, 2_000) + np.repeat([0.5, 0.0], 1_000)
    measured, findings = records(case(predictions, labels, {"sex": sex}, task=Task.REGRESSION, favourable=None))
    assert measured["mean_prediction_gap", "sex=female"].value == pytest.approx(-1 / predictions.std(), abs=0.1)
    assert measured["mean_error_gap", "sex=female"].value == pytest.approx(0.5 / labels.std(), abs=0.05)
    assert findings["unequal-outcomes"].severity is Severity.HIGH
    assert findings["unequal-calibration"].severity is Severity.HIGH


def test_counts_agree_with_a_plain_loop():
    rng = np.random.default_rng(0)
    decisions, labels = rng.integers(0, 3, 500), rng.integers(-1, 3, 500)
    data = Dataset(np.zeros((500, 0)), None, {"g": Attribute(rng.integers(-1, 4, 500), tuple("abcd"))})
    (table,) = tabulate(groupings(data), decisions, labels, 2)
    expected = np.zeros((4, 3, 2))
    for group, decision, label in zip(data.protected["g"].codes, decisions, labels, strict=True):
        if group >= 0:
            expected[group, 2 if label < 0 else int(label == 2), int(decision == 2)] += 1
    assert (table.counts == expected).all()


def test_false_alarms_stay_rare_when_every_group_is_alike():
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        protected = {
            "race": Attribute(rng.integers(0, 5, 1_000), tuple("abcde")),
            "sex": Attribute(rng.integers(0, 2, 1_000), ("f", "m")),
        }
        answers = rng.integers(0, 2, 1_000)
        _, findings = records(case(answers, rng.integers(0, 2, 1_000), protected))
        alarms += any(finding.severity is not Severity.INFO for finding in findings.values())
    assert alarms <= 9  # five true comparisons a run; 15 % of runs at most


def test_unknown_groups_and_labels_do_not_count():
    answers, protected = two_groups(0.3, 0.5)
    padded = {"sex": Attribute(np.concatenate([protected["sex"].codes, np.full(100, -1)]), ("female", "male"))}
    more = np.concatenate([answers, np.ones(100, np.int64)])
    labels = np.where(np.arange(1_100) % 2 == 0, -1, more)
    measured, findings = records(case(more, labels, padded))
    assert measured["impact_ratio", "sex=female"].value == pytest.approx(0.6)
    assert dict(findings["small-groups"].exhibits[0].rows) == {"sex not recorded": 100}


def test_nothing_to_compare_is_no_crash():
    answers, protected = two_groups(0.3, 0.5)
    given = case(answers, None, protected)
    assert list(run.run(replace(given, test=given.test.take(np.arange(0))), run.params("quick"))) == []
