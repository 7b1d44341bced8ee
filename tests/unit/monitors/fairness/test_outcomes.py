"""Groups by day: the probe's figures from counts, small groups named, late outcomes left for later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.datasets.dataset import Attribute
from holdfast.domain.finding import Finding
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.monitors.contract import Rows, Series
from holdfast.monitors.fairness import outcomes
from holdfast.probes.fairness import group_outcomes
from holdfast.testing.tables import case_of
from holdfast.testing.trials.watched_fairness import people_with_groups, schema_with_groups
from holdfast.testing.watched import answered, credit_days, scorecard, seen

PEOPLE = people_with_groups(6_000, 11)


def figures(records):
    return {(r.measure, dict(r.scope).get("group")): r for r in records if isinstance(r, Measurement)}


@pytest.fixture(scope="module")
def probed():
    race = Attribute(PEOPLE.X[:, -1].astype(np.int64), ("Asian", "Black", "white"))
    people = replace(PEOPLE, protected={"sex": PEOPLE.protected["sex"], "race": race})
    case = case_of(scorecard(), schema_with_groups(), None, people)
    return figures(group_outcomes.run.run(case, group_outcomes.Params()))


@pytest.fixture(scope="module")
def told():
    parts = np.array_split(np.arange(len(PEOPLE)), 5)
    days = [answered(PEOPLE.take(part)) for part in parts]
    what = seen(outcomes.run, schema_with_groups(), answered(people_with_groups(4_000, 12)), days, ordinary=0)
    return figures(outcomes.run.run(what, outcomes.run.params))


@pytest.mark.parametrize("name", ["selection_rate", "impact_ratio", "tpr_difference", "fpr_difference"])
def test_rates_are_those_of_the_probe(told, probed, name):
    ours = {group: m for (measure, group), m in told.items() if measure == f"fairness.{name}"}
    theirs = {group: m for (measure, group), m in probed.items() if measure == f"fairness.{name}"}
    assert set(ours) == set(theirs)
    assert len(ours) == 2 + 3 + 6
    for group, m in ours.items():
        assert m.value == pytest.approx(theirs[group].value, abs=1e-12)
        assert m.n == theirs[group].n
        assert (m.interval.low, m.interval.high) == pytest.approx(
            (theirs[group].interval.low, theirs[group].interval.high), abs=1e-9
        )
        assert dict(m.scope)["batches"] == "5"


def test_calibration_is_that_of_the_probe_up_to_bins_of_the_score(told, probed):
    ours = {group: m for (measure, group), m in told.items() if measure == "fairness.calibration_gap"}
    assert len(ours) == 11
    for group, m in ours.items():
        theirs = probed["fairness.calibration_gap", group]
        assert m.value == pytest.approx(theirs.value, abs=0.002)
        assert m.interval.high - m.interval.low == pytest.approx(theirs.interval.high - theirs.interval.low, rel=0.02)


def test_small_groups_are_named_not_judged():
    schema = Schema(Task.BINARY, (Feature("sex", Kind.CATEGORY, categories=("a", "b", "c")),), "y", ("no", "yes"),
                    favourable=1, protected=("sex",))  # fmt: skip
    rng = np.random.default_rng(0)
    sex = np.where(np.arange(2_000) < 20, 2, rng.integers(0, 2, 2_000)).astype(np.float64)
    sex[20:25] = np.nan
    rows = Rows.of(sex[:, None], decision=rng.integers(0, 2, 2_000) * 1.0, label=rng.integers(0, 2, 2_000) * 1.0)
    records = list(outcomes.run.run(seen(outcomes.run, schema, rows, [rows], ordinary=0), outcomes.run.params))
    small = next(r for r in records if isinstance(r, Finding))
    assert dict(small.exhibits[0].rows) == {"sex=c": 20, "sex not recorded": 5}
    assert ("fairness.impact_ratio", "sex=c") not in figures(records)
    assert figures(records)["fairness.selection_rate", "sex=c"].n == 20
    assert ("fairness.calibration_gap", "sex=a") not in figures(records)  # there are no scores


def test_a_number_is_judged_in_bands():
    people = people_with_groups(4_000, 3)
    schema = replace(schema_with_groups(), protected=("age",))
    found = figures(outcomes.run.run(seen(outcomes.run, schema, answered(people), [answered(people)], ordinary=0),
                                     outcomes.run.params))  # fmt: skip
    bands = {group: m.n for (measure, group), m in found.items() if measure == "fairness.selection_rate"}
    assert len(bands) == 4
    assert sum(bands.values()) == 4_000
    assert all(name.startswith("age=") for name in bands)


def test_of_two_groups_one_series_tells():
    def days(rows, _day, _rng):
        return rows

    schema = replace(schema_with_groups(), protected=("sex",))
    stream = credit_days(outcomes.run, 0, days, days=40, rows=200, schema=schema, people=people_with_groups)
    records = list(outcomes.run.run(stream, outcomes.run.params))
    assert len([r for r in records if isinstance(r, Series)]) == 1
    gap = figures(records)["fairness.selection_gap", next(r for r in records if isinstance(r, Series)).scope[0][1]]
    assert dict(gap.scope)["batches"] == "40"
    assert gap.interval.low <= 0 <= gap.interval.high


def test_rates_of_outcomes_wait_for_late_ones():
    """On the latest days a tenth of the outcomes is known, all of women who were refused."""

    def late(rows, day, _rng):
        women = rows.X[:, -2] == 0
        known = (women & (rows.decision == 0)) | (np.arange(len(rows)) % 10 == 0)
        return replace(rows, label=np.where(known, rows.label, np.nan)) if day >= 30 else rows

    stream = credit_days(outcomes.run, 0, late, days=40, rows=300, ordinary=0, schema=schema_with_groups(),
                         people=people_with_groups)  # fmt: skip
    found = figures(outcomes.run.run(stream, outcomes.run.params))
    assert found["fairness.tpr_difference", "sex=female"].value < 0.05
    assert dict(found["fairness.impact_ratio", "sex=female"].scope)["batches"] == "28"
    assert dict(found["fairness.tpr_difference", "sex=female"].scope)["batches"] == "28"
    only_late = replace(stream, batches=stream.batches[:31])
    assert figures(outcomes.run.run(only_late, outcomes.run.params))


def test_of_an_outcome_that_test_data_never_had_nothing_is_said():
    rows = answered(people_with_groups(2_000, 3))
    refused = replace(rows, decision=np.zeros(len(rows)))
    what = seen(outcomes.run, schema_with_groups(), refused, [rows], ordinary=0)
    decision = next(bins for bins in what.baseline.usual.profile.bins if bins.name == "decision")
    only_no = replace(decision, labels=("no",))
    bins = tuple(only_no if one is decision else one for one in what.baseline.usual.profile.bins)
    profile = replace(what.baseline.usual.profile, bins=bins)
    baseline = replace(what.baseline, usual=replace(what.baseline.usual, profile=profile))
    told = list(outcomes.run.run(replace(what, baseline=baseline), outcomes.run.params))
    assert not any(isinstance(record, Measurement) for record in told)
