"""Outcomes that came back say what the probes said, whatever comes late."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.domain.watch import Span
from holdfast.monitors.contract import Rows, Series
from holdfast.monitors.outcome import calibration, performance
from holdfast.probes.performance import calibration as calibration_probe
from holdfast.probes.performance import discrimination
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trials.outcomes import delayed
from holdfast.testing.watched import DAY, answered, credit_days, scorecard, seen

LABELS_WITHIN = 0.0001
"""Days: outcomes that are there at once need no time to come."""


def told(spec, what, **params):
    return list(spec.run(what, replace(spec.params, **params)))


def figures(records):
    return {record.measure: record for record in records if isinstance(record, Measurement)}


def series(records, measure):
    return next(record for record in records if isinstance(record, Series) and record.measure == measure)


@pytest.fixture(scope="module")
def day():
    return credit_rows(3_000, 5)


@pytest.fixture(scope="module")
def probed(day):
    case = case_of(scorecard(), credit_schema(), None, day)
    return figures([*discrimination.run.run(case, discrimination.Params()),
                    *calibration_probe.run.run(case, calibration_probe.Params())])  # fmt: skip


def watched(spec, day):
    return seen(spec, credit_schema(), answered(credit_rows(4_000, 6)), [answered(day)], ordinary=0)


def same_day(spec, day):
    return figures(told(spec.run, watched(spec.run, day), within_days=LABELS_WITHIN))


class TestSameAsTheProbes:
    @pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "gain_over_majority", "brier", "log_loss"])
    def test_from_sums(self, day, probed, name):
        ours, theirs = same_day(performance, day)[f"performance.{name}"], probed[f"performance.{name}"]
        assert ours.value == pytest.approx(theirs.value, abs=1e-12)
        assert ours.interval.low == pytest.approx(theirs.interval.low, abs=1e-9)
        assert ours.interval.high == pytest.approx(theirs.interval.high, abs=1e-9)
        assert (ours.n, ours.unit, ours.direction) == (theirs.n, theirs.unit, theirs.direction)
        assert ours.scope == (("batches", "1"),)

    def test_area_up_to_what_bins_hide(self, day, probed):
        ours, theirs = same_day(performance, day)["performance.auc"], probed["performance.auc"]
        assert ours.value == pytest.approx(theirs.value, abs=5e-4)
        assert ours.interval.low <= theirs.interval.low
        assert ours.interval.high >= theirs.interval.high
        assert ours.interval.high - ours.interval.low < theirs.interval.high - theirs.interval.low + 0.01

    def test_calibration(self, day, probed):
        ours = same_day(calibration, day)
        bias, theirs = ours["performance.calibration_bias"], probed["performance.calibration_bias"]
        assert bias.value == pytest.approx(theirs.value, abs=1e-12)
        assert bias.interval.low == pytest.approx(theirs.interval.low, abs=1e-9)
        for name, near in (("slope", 0.01), ("error", 0.01)):
            found = ours[f"performance.calibration_{name}"]
            assert found.value == pytest.approx(probed[f"performance.calibration_{name}"].value, abs=near)

    def test_values(self):
        schema, days, usual = regression_days(1)
        found = figures(told(performance.run, seen(performance.run, schema, usual, days, ordinary=0),
                             within_days=LABELS_WITHIN))  # fmt: skip
        rows = days[0]
        errors = rows.decision - rows.label
        assert found["performance.mae"].value == pytest.approx(np.abs(errors).mean())
        assert found["performance.rmse"].value == pytest.approx(np.sqrt((errors**2).mean()))
        assert found["performance.mean_error"].value == pytest.approx(errors.mean())
        assert found["performance.r2"].value == pytest.approx(1 - (errors**2).mean() / rows.label.var())
        assert found["performance.r2"].interval is None


def regression_days(number):
    schema = Schema(Task.REGRESSION, (Feature("x", Kind.NUMBER),), "price")
    rng = np.random.default_rng(0)

    def rows(n, day):
        x = rng.normal(0, 1, n)
        at = (date(2026, 1, 5) - date(1970, 1, 1)).days * DAY + day * DAY + rng.uniform(0, DAY, n)
        label = 100 + 2 * x + rng.normal(0, 1, n)
        return Rows.of(x[:, None], score=100 + 2 * x, decision=100 + 2 * x, label=label, at=at, label_at=at)

    return schema, [rows(500, day) for day in range(number)], rows(2_000, 0)


def test_intervals_of_values_hold_the_truth():
    schema, days, usual = regression_days(40)
    held = {"performance.r2": [], "performance.rmse": []}
    for first in range(0, 40, 10):
        part = seen(performance.run, schema, usual, days[first : first + 10], ordinary=0)
        for name, record in figures(told(performance.run, part, within_days=LABELS_WITHIN)).items():
            truth = {"performance.r2": 1 - 1 / 5, "performance.rmse": 1.0}.get(name)
            if truth is not None:
                held[name].append(record.interval.low <= truth <= record.interval.high)
    assert all(sum(inside) >= 3 for inside in held.values())


@pytest.fixture(scope="module")
def stream():
    return credit_days(performance.run, 3, delayed, rows=1_000)


class TestLateOutcomes:
    def test_young_batches_are_not_judged(self, stream):
        found = series(told(performance.run, stream), "performance.accuracy")
        young = np.isnan(found.values)
        assert young[-21:].all()
        assert not young[:-28].any()

    def test_what_came_first_does_not_make_the_latest_days_look_bad(self, stream):
        """Bad outcomes come first: of what came of the last week, far more is bad than ever will be."""
        calibrated = credit_days(calibration.run, 3, delayed, rows=1_000)
        hasty = series(told(calibration.run, calibrated, within_days=1.0), "performance.calibration_bias").values
        patient = series(told(calibration.run, calibrated), "performance.calibration_bias").values
        assert np.nanmean(hasty) < -0.2
        assert abs(np.nanmean(patient)) < 0.01
        assert np.nanmean(patient[-60:]) == pytest.approx(np.nanmean(patient[:60]), abs=0.01)

    def test_the_horizon_can_be_stated(self, stream):
        found = series(told(performance.run, stream, within_days=60.0), "performance.accuracy")
        assert np.isnan(found.values[-60:]).all()
        assert np.isfinite(found.values[:-60]).all()

    def test_without_an_outcome_nothing_is_said(self):
        def untold(rows, _day, _rng):
            return replace(rows, label=np.full(len(rows), np.nan))

        found = told(performance.run, credit_days(performance.run, 0, untold, days=40, rows=60))
        assert found == []


def test_in_the_first_week_nobody_knows_how_long_outcomes_take():
    stream = credit_days(performance.run, 0, lambda rows, _day, _rng: rows, days=6, rows=60, ordinary=0)
    assert told(performance.run, stream) == []
    assert figures(told(performance.run, stream, within_days=LABELS_WITHIN))


def test_few_outcomes_say_nothing_of_a_batch():
    stream = credit_days(performance.run, 0, lambda rows, _day, _rng: rows, days=40, rows=60)
    assert np.isnan(series(told(performance.run, stream, fewest=1_000), "performance.accuracy").values).all()
    assert figures(told(performance.run, stream, fewest=10_000)) == {}


def test_of_several_classes_decisions_are_judged():
    schema = Schema(Task.MULTICLASS, (Feature("x", Kind.NUMBER),), "kind", ("a", "b", "c"))
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 900).astype(np.float64)
    decision = np.where(rng.random(900) < 0.7, label, 0.0)
    decision[:5], label[5:9] = -1, np.nan
    rows = Rows.of(rng.normal(0, 1, (900, 1)), score=rng.random(900), decision=decision, label=label)
    what = seen(performance.run, schema, rows, [rows], ordinary=0)
    found = figures(told(performance.run, what, within_days=LABELS_WITHIN))
    known = (decision >= 0) & ~np.isnan(label)
    assert found["performance.accuracy"].value == pytest.approx((decision == label)[known].mean())
    assert found["performance.accuracy"].n == 891
    assert "performance.auc" not in found


def test_hours_are_older_by_hours():
    rows = [answered(credit_rows(200, number)) for number in range(30)]
    rows = [replace(each, at=np.full(200, hour * 3600.0), label_at=np.full(200, hour * 3600.0 + 4 * 3600.0))
            for hour, each in enumerate(rows)]  # fmt: skip
    daily = seen(performance.run, credit_schema(), answered(credit_rows(1_000, 99)), rows, ordinary=0)
    starts = [f"2026-01-{5 + hour // 24:02d}T{hour % 24:02d}" for hour in range(30)]
    batches = tuple(replace(batch, start=start) for batch, start in zip(daily.batches, starts, strict=True))
    found = series(told(performance.run, replace(daily, batches=batches, span=Span.HOUR)), "performance.accuracy")
    assert np.isfinite(found.values).sum() == 30 - 6


def test_scores_that_are_no_probabilities_have_no_log_loss():
    rows = answered(credit_rows(2_000, 4))
    margin = replace(rows, score=10 * rows.score - 5)
    what = seen(performance.run, credit_schema(), margin, [margin], ordinary=0)
    found = figures(told(performance.run, what, within_days=LABELS_WITHIN))
    assert "performance.auc" in found
    assert "performance.log_loss" not in found
    assert not list(calibration.run.run(seen(calibration.run, credit_schema(), margin, [margin], ordinary=0),
                                        calibration.run.params))  # fmt: skip


def test_held_out_days_are_part_of_the_series_and_of_nothing_else():
    """Their outcomes were there from the start: that tells nothing of how long outcomes of decisions take."""

    def first_held_out(rows, day, rng):
        return rows if day < 60 else delayed(rows, day, rng)

    stream = credit_days(performance.run, 3, first_held_out, rows=300, ordinary=60)
    accuracy = series(told(performance.run, replace(stream, past=60)), "performance.accuracy").values
    assert np.isfinite(accuracy[:-28]).all()
    assert np.isnan(accuracy[-21:]).all()
    unaware = series(told(performance.run, replace(stream, past=0)), "performance.accuracy").values
    assert np.isnan(unaware[60:]).all()  # it waits for an hour, since everything it learned from came at once
    young = replace(stream, batches=stream.batches[:90], past=60)
    batches = dict(figures(told(performance.run, young))["performance.accuracy"].scope)["batches"]
    assert 0 < int(batches) <= 30
