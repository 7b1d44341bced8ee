from __future__ import annotations

import numpy as np
import pytest

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case
from holdfast.probes.performance.calibration import run
from holdfast.targets.direct import DirectTarget


def case(scores, y):
    schema = Schema(
        task=Task.BINARY if scores.shape[1] == 2 else Task.MULTICLASS,
        features=(Feature("row", Kind.INTEGER),),
        target="y",
        classes=tuple(range(scores.shape[1])),
    )
    target = DirectTarget(lambda rows: scores[rows[:, 0].astype(int)], schema)
    return Case(target=target, schema=schema, test=Dataset(np.arange(len(y), dtype=float)[:, None], y))


def records(given):
    found = list(run.run(given, run.params("standard")))
    measured = {m.measure.partition(".")[2]: m for m in found if not isinstance(m, Finding)}
    return measured, [f for f in found if isinstance(f, Finding)]


def binary(n, seed, *, distort=lambda p: p):
    """Labels follow p; the model states `distort(p)`."""
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 2, n)
    stated = distort(p)
    return np.column_stack([1 - stated, stated]), (rng.random(n) < p).astype(np.int64)


def sharper(p):
    """Log odds doubled."""
    return p**2 / (p**2 + (1 - p) ** 2)


def plain_ece(scores, y, bins=12):
    index = np.searchsorted(np.quantile(scores[:, 1], np.linspace(0, 1, bins + 1)[1:-1]), scores[:, 1])
    gaps = [abs(scores[index == b, 1].mean() - y[index == b].mean()) * (index == b).mean() for b in range(bins)]
    return sum(gaps)


def test_error_is_not_inflated_on_few_rows():
    honest = [binary(600, seed) for seed in range(40)]
    found = [records(case(*given))[0]["calibration_error"].value for given in honest]
    assert np.mean([plain_ece(*given) for given in honest]) > 0.045
    assert np.mean(found) < 0.02


def test_true_error_is_within_the_interval():
    rng = np.random.default_rng(0)
    p = rng.beta(2, 2, 1_000_000)
    truth = np.sqrt(np.mean((sharper(p) - p) ** 2))
    held = 0
    for seed in range(100):
        interval = records(case(*binary(1_500, seed, distort=sharper)))[0]["calibration_error"].interval
        held += interval.low <= truth * 1.02 and truth * 0.98 <= interval.high
    assert held >= 90


def test_slope_and_bias_of_doubled_log_odds():
    measured, _ = records(case(*binary(20_000, 0, distort=sharper)))
    assert measured["calibration_slope"].value == pytest.approx(0.5, abs=0.03)
    assert measured["calibration_bias"].value == pytest.approx(0, abs=0.01)
    interval = measured["calibration_slope"].interval
    assert interval.low < 0.5 < interval.high


def test_promising_too_much_is_found_and_told_by_its_worst_bin():
    scores, y = binary(2_000, 0, distort=lambda p: np.clip(p + 0.2, 0, 1))
    measured, (finding,) = records(case(scores, y))
    assert measured["calibration_bias"].value < -0.15
    assert finding.severity is Severity.HIGH
    assert finding.sentence.startswith("When the model says that y = 1 is ")
    assert len(finding.exhibits[0].rows) == 14  # 15 asked; those that state 1 stay together


def test_honest_scores_are_not_called():
    for seed in range(30):
        assert records(case(*binary(1_000, seed)))[1] == []


def test_several_classes_are_judged_by_the_likeliest():
    rng = np.random.default_rng(0)
    scores = rng.dirichlet([1, 1, 1], 3_000)
    y = np.array([rng.choice(3, p=row) for row in scores])
    measured, findings = records(case(scores, y))
    assert measured["calibration_error"].value < 0.03
    assert "calibration_slope" not in measured
    assert not findings
    measured, (finding,) = records(case(np.eye(3)[scores.argmax(axis=1)], y))
    assert measured["calibration_bias"].value == pytest.approx((scores.argmax(axis=1) == y).mean() - 1)
    assert "its answer is right" in finding.sentence


def test_scores_of_one_value_have_no_slope():
    y = np.arange(400) % 2
    measured, findings = records(case(np.full((400, 2), 0.5), y))
    assert "calibration_slope" not in measured
    assert measured["calibration_error"].value == 0
    assert not findings


def test_separated_classes_have_no_slope_and_no_crash():
    y = np.arange(400) % 2
    measured, _ = records(case(np.eye(2)[y], y))
    assert "calibration_slope" not in measured
