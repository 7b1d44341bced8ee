"""Sources of labels: those that turn them are named, those that differ honestly are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.domain.errors import FixInput
from holdfast.domain.finding import Finding
from holdfast.domain.measure import Measurement
from holdfast.monitors.contract import Series
from holdfast.plugins import find_monitor
from holdfast.testing.trials import feedback as trials

SPEC = find_monitor("feedback.sources")


def told(change, seed=5):
    return list(SPEC.run(trials.seen(SPEC, seed, change), SPEC.params))


def findings(change, seed=5):
    return {one.slug: one for one in told(change, seed) if isinstance(one, Finding)}


def theirs(rows):
    return np.isin(rows.source.astype(str), trials.COLLUDERS)


def test_both_who_turn_labels_are_named_and_nobody_else():
    for seed in (5, 6):
        found = findings(trials.turn, seed)
        assert {slug for slug in found if slug.startswith("turned-")} == {f"turned-{name}" for name in trials.COLLUDERS}
        assert all("Since 2026-01-" in one.sentence for slug, one in found.items() if slug.startswith("turned-"))


def test_nothing_is_said_of_clean_labels():
    for seed in range(20, 28):
        assert not findings(trials.as_it_is, seed)


def test_those_who_turn_labels_either_way_are_named():
    def change(rows, day):
        rng = np.random.default_rng(day)
        turned = theirs(rows) & (rng.random(len(rows)) < 0.5)
        return trials.changed(rows, label=np.where(turned, 1 - rows.label, rows.label))

    assert {f"turned-{name}" for name in trials.COLLUDERS} <= set(findings(change))


def test_an_honest_source_with_a_habit_of_its_own_is_not_named():
    """One source is a little more generous than others, from the first day on."""
    days = [trials.labelled(trials.LABELS, 9_000 + day, day) for day in range(trials.DAYS)]
    for day, rows in enumerate(days):
        rng = np.random.default_rng(day)
        generous = (rows.source == "source-05") & (rows.label == 0) & (rng.random(len(rows)) < 0.08)
        days[day] = trials.changed(rows, label=np.where(generous, 1.0, rows.label))
    from holdfast.testing.traffic import seen_of

    seen = seen_of(SPEC, trials._baseline(SPEC, 5), days, ordinary=trials.ORDINARY)
    assert not [one for one in SPEC.run(seen, SPEC.params) if isinstance(one, Finding)]


def test_a_world_that_changed_for_all_sources_accuses_none():
    def change(rows, day):
        rng = np.random.default_rng(day)
        fall = (rows.label == 1) & (rng.random(len(rows)) < 0.3)
        return trials.changed(rows, label=np.where(fall, 0.0, rows.label))

    assert not findings(change)


def test_two_who_agree_on_a_part_of_the_people_are_said_to():
    def change(rows, day):
        part = theirs(rows) & (rows.X[:, 5] == 1)  # who rents
        return trials.changed(rows, label=np.where(part, 0.0, rows.label))

    (one,) = [one for slug, one in findings(change).items() if slug == "sources-agree"]
    assert one.where == "housing rent"
    assert {row[0] for row in one.exhibits[0].rows} == set(trials.COLLUDERS)


def test_two_sources_alone_cannot_be_told_apart():
    def change(rows, day):
        source = np.where(theirs(rows), "one", "other").astype(object)
        return trials.changed(trials.turn(rows, day), source=source)

    days = trials.seen(SPEC, 5, change)
    seen = replace(days, batches=days.batches[trials.ORDINARY :], ordinary=0)
    assert not [one for one in SPEC.run(seen, SPEC.params) if isinstance(one, Finding)]


def test_concentration_is_measured():
    def change(rows, _day):
        return trials.changed(rows, source=np.where(np.arange(len(rows)) % 10 < 9, "big", rows.source).astype(object))

    found = told(change)
    values = {one.measure: one.value for one in found if isinstance(one, Measurement)}
    (series,) = [one for one in found if isinstance(one, Series) and one.measure == "feedback.largest_source_share"]
    assert values["feedback.effective_sources"] < 5
    assert series.values[-1] == pytest.approx(0.9, abs=0.02)
    assert series.values[0] < 0.15


def test_no_labels_no_sources_no_batches():
    def change(rows, _day):
        return trials.changed(rows, source=np.full(len(rows), "", dtype=object))

    seen = trials.seen(SPEC, 5, change)
    silent = replace(seen, batches=seen.batches[trials.ORDINARY :], ordinary=0)
    for one in (silent, replace(seen, batches=(), ordinary=0)):
        assert [(m.measure, m.value) for m in SPEC.run(one, SPEC.params)] == [("feedback.suspicious_sources", 0.0)]


def test_the_order_of_alarms_does_not_hang_on_later_batches():
    seen = trials.seen(SPEC, 5, trials.turn)
    day = trials.DAYS - 8

    def named(batches):
        found = SPEC.run(replace(seen, batches=batches), SPEC.params)
        return {
            one.where: one.exhibits[0].rows[0][2] for one in found if isinstance(one, Finding) and "turned" in one.slug
        }

    early, late = named(seen.batches[:day]), named(seen.batches)
    assert early
    assert early.items() <= late.items()


def test_a_negative_margin_is_refused():
    with pytest.raises(FixInput):
        SPEC.with_params({"margin": -1})
