"""Selective labels: which come back is counted, bounds hold, and a loop that feeds itself is said to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.domain.finding import Finding
from holdfast.domain.measure import Measurement
from holdfast.plugins import find_monitor
from holdfast.testing.traffic import seen_of
from holdfast.testing.trials import feedback as trials

SPEC = find_monitor("feedback.selective")


def told(days, ordinary=0):
    return list(SPEC.run(seen_of(SPEC, trials._baseline(SPEC, 4), days, ordinary=ordinary), SPEC.params))


def measured(found, measure, **scope):
    (one,) = [
        m for m in found if isinstance(m, Measurement) and m.measure == measure and m.scope == tuple(scope.items())
    ]
    return one


def days_of(n=20):
    return [trials.labelled(200, 7_000 + day, day) for day in range(n)]


def refused_lost(rows, keep=0.0, seed=0):
    rng = np.random.default_rng(seed)
    lost = (rows.decision == 0) & (rng.random(len(rows)) >= keep)
    return trials.changed(rows, label=np.where(lost, np.nan, rows.label))


def test_shares_are_those_that_were_planted():
    found = told([refused_lost(rows, keep=0.25, seed=day) for day, rows in enumerate(days_of())])
    assert measured(found, "feedback.labelled_share", decision="yes").value == 1.0
    assert measured(found, "feedback.labelled_share", decision="no").value == pytest.approx(0.25, abs=0.03)
    assert not [one for one in found if isinstance(one, Finding)]


def test_the_bounds_hold_what_is_true():
    days = days_of()
    right = np.mean([np.mean(rows.decision == rows.label) for rows in days])
    found = told([refused_lost(rows) for rows in days])
    least, most = (measured(found, f"feedback.accuracy_at_{word}").value for word in ("least", "most"))
    assert least < right < most
    complete = told(days)
    for word in ("least", "most"):
        assert measured(complete, f"feedback.accuracy_at_{word}").value == pytest.approx(right)


def test_a_range_without_labels_is_measured_and_found():
    days = days_of()
    found = told([refused_lost(rows) for rows in days])
    refused = np.mean(np.concatenate([rows.decision == 0 for rows in days]))
    assert measured(found, "feedback.unlabelled_range").value == pytest.approx(refused, abs=0.09)
    (one,) = [one for one in found if isinstance(one, Finding)]
    assert one.slug == "range-without-labels"
    assert sum(row[1] for row in one.exhibits[0].rows) == 20 * 200


def test_a_loop_that_feeds_itself_is_found():
    """Labels come of the approved alone; after retraining on them fewer are approved, and then fewer again."""

    def made(shrinks):
        days = []
        for day in range(140):
            rows = trials.labelled(400, 8_000 + day, day)
            bar = 0.5 + (0.15 * (1 + (day >= 98)) if shrinks and day >= 84 else 0)
            rows = trials.changed(rows, decision=(rows.score >= bar).astype(float))
            days.append(refused_lost(rows))
        return days

    found, calm = told(made(True), ordinary=70), told(made(False), ordinary=70)
    assert "reinforces-itself" in {one.slug for one in found if isinstance(one, Finding)}
    assert "reinforces-itself" not in {one.slug for one in calm if isinstance(one, Finding)}
    assert measured(found, "feedback.approvals_with_labels").value > 0.8


def test_labels_that_are_still_on_their_way_are_no_range_without_labels():
    """Outcomes come after thirty days: of the latest month there are none, and nothing is wrong."""
    days = days_of(60)
    young = [trials.changed(rows, label=np.full(len(rows), np.nan)) for rows in days[30:]]
    found = told([*days[:30], *young])
    assert not [one for one in found if isinstance(one, Finding)]
    usual = measured(told(days[:16]), "feedback.labelled_share")
    assert measured(found, "feedback.labelled_share").value == usual.value, "of the first sixteen days alone"


def test_no_labels_no_batches_and_one_class_alone():
    days = days_of(5)
    none = [trials.changed(rows, label=np.full(len(rows), np.nan)) for rows in days]
    one = [trials.changed(rows, decision=np.ones(len(rows)), label=np.ones(len(rows))) for rows in days]
    assert not told(none)
    assert not [found for found in told(one) if isinstance(found, Finding)]
    seen = seen_of(SPEC, trials._baseline(SPEC, 4), days)
    assert not list(SPEC.run(replace(seen, batches=()), SPEC.params))
