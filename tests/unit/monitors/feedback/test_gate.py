"""The gate on feedback: clean labels pass, turned and self-made ones are held back with the reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.domain.verdict import Outcome
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Rows
from holdfast.monitors.feedback.gate import Why, judge
from holdfast.monitors.feedback.own_data import own_data
from holdfast.plugins import find_monitor
from holdfast.testing.traffic import together
from holdfast.testing.trials import feedback as trials

SPEC = find_monitor("feedback.sources")


def baseline(seed=3) -> Baseline:
    return trials._baseline(SPEC, seed)


def labels(seed, days=30):
    return together([trials.labelled(200, 5_000 + 100 * seed + day, day) for day in range(days)])


def with_turned(seed, share=0.4):
    rows, rng = labels(seed, days=60), np.random.default_rng(seed)
    turned = np.isin(rows.source.astype(str), trials.COLLUDERS) & (rows.label == 0) & (rng.random(len(rows)) < share)
    return trials.changed(rows, label=np.where(turned, 1.0, rows.label)), turned


@pytest.mark.parametrize("seed", range(6))
def test_clean_labels_pass_and_no_row_is_held(seed):
    said = judge(baseline(), labels(seed))
    assert said.outcome is Outcome.PASS
    assert said.held == ()
    assert said.labelled == 6_000
    assert not said.reasons


@pytest.mark.parametrize("seed", range(3))
def test_turned_labels_are_held_back(seed):
    rows, turned = with_turned(seed)
    said = judge(baseline(), rows)
    assert said.outcome is Outcome.BREACH
    assert {one.name for one in said.named} == set(trials.COLLUDERS)
    held = np.zeros(len(rows), dtype=bool)
    held[[one.row for one in said.held]] = True
    assert held[turned].mean() > 0.6
    assert turned[held].mean() > 0.45  # of the ones of both, a quarter were turned
    assert {one.why for one in said.held} <= {Why.TURNED, Why.AGREED}
    assert all(one.source in trials.COLLUDERS and 0.2 <= one.chance <= 1 for one in said.held)
    assert len(said.reasons) >= 3


def test_the_order_of_rows_changes_nothing():
    rows, _ = with_turned(1)
    order = np.random.default_rng(0).permutation(len(rows))
    first, second = judge(baseline(), rows), judge(baseline(), rows.take(order))
    assert {one.row for one in first.held} == {int(order[one.row]) for one in second.held}
    assert first.named == second.named


def test_a_higher_doubt_holds_fewer_rows():
    rows, _ = with_turned(0)
    assert len(judge(baseline(), rows, doubt=0.6).held) < len(judge(baseline(), rows, doubt=0.1).held)


def test_too_little_is_no_pass():
    rows = labels(0)
    nobody = trials.changed(rows, source=np.full(len(rows), "", dtype=object))
    for some in (rows.take(np.arange(50)), rows.take(np.arange(0)), nobody):
        said = judge(baseline(), some)
        assert said.outcome is Outcome.INCONCLUSIVE
    assert any("too little" in reason for reason in judge(baseline(), nobody).reasons)


def test_scores_and_labels_that_are_missing_are_no_obstacle():
    rows = labels(0)
    rng = np.random.default_rng(0)
    X = np.where(rng.random(rows.X.shape) < 0.05, np.nan, rows.X)
    some = trials.changed(
        rows,
        X=X,
        score=np.where(rng.random(len(rows)) < 0.1, np.nan, rows.score),
        label=np.where(rng.random(len(rows)) < 0.5, np.nan, rows.label),
        at=np.full(len(rows), np.nan),
        label_at=np.full(len(rows), np.nan),
    )
    said = judge(baseline(), some)
    assert said.outcome is Outcome.PASS
    assert 2_500 < said.labelled < 2_900


def test_what_never_gets_a_label_is_said():
    rows = labels(0)
    said = judge(baseline(), rows.take(rows.score > np.quantile(rows.score, 0.3)))
    assert said.unlabelled == pytest.approx(0.25, abs=0.09)
    assert any("No label came back" in reason for reason in said.reasons)


def log_of(rows):
    return trials.changed(rows, label=np.full(len(rows), np.nan), source=np.full(len(rows), "", dtype=object))


def unsigned(rows, label):
    return trials.changed(rows, label=label, source=np.full(len(rows), "", dtype=object))


def test_labels_that_the_model_gave_itself_are_held_back():
    rows = labels(1, days=10)
    own = np.random.default_rng(0).random(len(rows)) < 0.8
    candidate = unsigned(rows, np.where(own, rows.decision, rows.label))
    said = judge(baseline(), candidate, log_of(rows))
    assert said.outcome is Outcome.BREACH
    assert 0.5 < said.produced <= 0.8  # at least
    held = {one.row for one in said.held}
    assert {one.why for one in said.held} == {Why.OWN}
    assert set(np.flatnonzero(own)) <= held
    assert any("model's own" in reason for reason in said.reasons)


def test_labels_that_merely_agree_are_not():
    rows = labels(1, days=10)
    said = judge(baseline(), unsigned(rows, rows.label), log_of(rows))
    assert said.produced == 0
    assert said.held == ()


def test_rows_that_a_source_vouches_for_are_not_looked_at():
    rows = labels(1, days=10)
    own = trials.changed(rows, label=rows.decision)
    vouched = trials.changed(rows, label=rows.decision)
    assert not own_data(own, log_of(rows), np.full(len(rows), 0.8)).matched.any()  # the candidate names a source
    assert not own_data(unsigned(rows, rows.decision), vouched, np.full(len(rows), 0.8)).matched.any()  # the log does


def test_near_copies_are_found_and_strangers_are_not():
    rows = labels(2, days=5)
    X = rows.X.copy()
    X[::2, 0] += 1.0
    X[1::4, 3] = np.nan
    candidate = replace(unsigned(rows, rows.decision), X=X)
    found = own_data(candidate, log_of(rows), np.full(len(rows), 0.8))
    assert found.own.mean() > 0.99
    assert found.near[::2].mean() > 0.99
    assert not found.near[3::4].any()
    assert (found.logged[3::4] == rows.id[3::4]).all()
    strangers = unsigned(labels(9, days=5), labels(9, days=5).decision)
    assert own_data(strangers, log_of(rows), np.full(len(rows), 0.8)).matched.mean() < 0.01


def test_rounding_in_a_file_does_not_hide_a_copy():
    rows = labels(2, days=2)
    X = np.array([[float(f"{value:.12g}") for value in row] for row in rows.X])
    found = own_data(replace(unsigned(rows, rows.decision), X=X), log_of(rows), np.full(len(rows), 0.8))
    assert found.own.all()
    assert found.near.mean() < 0.02


def test_anything_can_be_looked_up():
    width = trials.labelled(1, 1).X.shape[1]
    odd = Rows.of(np.array([[np.nan] * width, [np.inf] * width, [0.0] * width, [1e-310] * width]))
    empty = Rows.of(np.empty((0, width)))
    for candidate in (odd, empty):
        for log in (odd, empty):
            found = own_data(candidate, log, np.full(len(candidate), 0.9))
            assert not found.matched.any()  # none has a label
            assert found.produced.low == 0
