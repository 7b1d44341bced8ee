"""Where nobody may write down who belongs to a group: bounds that hold, and a point where it can be known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.datasets.dataset import Attribute
from holdfast.domain.finding import Finding
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.monitors.contract import Rows
from holdfast.monitors.counting import count
from holdfast.monitors.fairness import proxies
from holdfast.monitors.fairness.proxies import proxy_table
from holdfast.testing.watched import seen

TOWNS, HABITS = ("A", "B", "C", "D"), ("x", "y")
SCHEMA = Schema(
    Task.BINARY,
    (Feature("noise", Kind.CATEGORY, categories=HABITS), Feature("town", Kind.CATEGORY, categories=TOWNS)),
    "good",
    ("no", "yes"),
    favourable=1,
)
MEMBER = np.array([0.05, 0.2, 0.5, 0.9])
"""Share of the group in each town."""


def people(n, rng, *, by_town, by_group):
    """Approval hangs on the town, on the group, or on both."""
    town = rng.integers(0, 4, n)
    member = rng.random(n) < MEMBER[town]
    chance = 0.6 - by_town * 0.1 * town - by_group * 0.25 * member
    decision = (rng.random(n) < chance).astype(np.float64)
    X = np.column_stack([rng.integers(0, 2, n), town]).astype(np.float64)
    rows = Rows.of(X, score=np.clip(chance, 0, 1), decision=decision, label=np.full(n, np.nan))
    return rows, Attribute(member.astype(np.int64), ("other", "member"))


def told(usual, attribute, days, **params):
    def with_table(baseline):
        cross = proxy_table(baseline, usual, "origin", attribute, proxies.run.params)
        return replace(baseline, usual=replace(baseline.usual, crosses=(cross,)))

    what = seen(proxies.run, SCHEMA, usual, days, ordinary=0, more=with_table)
    records = list(proxies.run.run(what, replace(proxies.run.params, **params)))
    return {
        r.measure.removeprefix("fairness.proxy_selection_"): r for r in records if isinstance(r, Measurement)
    }, records


def truth(rows, attribute, name):
    inside = attribute.codes == attribute.labels.index(name)
    rate = rows.decision[inside].mean()
    return {"rate": rate, "gap": rate - rows.decision[~inside].mean()}


def test_the_table_takes_what_tells_and_leaves_what_does_not():
    usual, attribute = people(4_000, np.random.default_rng(0), by_town=1, by_group=0)
    _, records = told(usual, attribute, [usual])
    baseline = seen(proxies.run, SCHEMA, usual, [], ordinary=0).baseline
    cross = proxy_table(baseline, usual, "origin", attribute, proxies.run.params)
    assert cross.names == ("protected_origin", "input_town")
    assert cross.rows == 4_000
    assert records


@pytest.mark.parametrize(("by_town", "by_group"), [(1, 0), (0, 1), (1, 1), (0, 0), (1, -1)])
def test_bounds_hold_the_truth_whatever_decides(by_town, by_group):
    held, near = {"rate": 0, "gap": 0}, []
    for seed in range(40):
        rng = np.random.default_rng([seed, 1 + by_town, 1 + by_group])
        usual, attribute = people(2_000, rng, by_town=by_town, by_group=by_group)
        day, groups = people(3_000, rng, by_town=by_town, by_group=by_group)
        found, _ = told(usual, attribute, [day])
        assert dict(found["gap"].scope)["group"] == "origin=member"
        true = truth(day, groups, "member")
        for what, m in found.items():
            held[what] += m.interval.low <= true[what] <= m.interval.high
        near.append(found["gap"].value - true["gap"])
    assert min(held.values()) >= 38
    if by_group == 0:  # people who are alike are treated alike: the point is right
        assert abs(np.mean(near)) < 0.01
    else:  # nothing but the group itself could tell: the point is wrong, towards equality
        assert abs(np.mean(near)) > 0.05


def test_bounds_are_as_wide_as_both_tables_allow_and_no_wider():
    """Two towns, of which one is a group's own: in the other, half of whom belong to it, half are approved."""
    n = 40_000
    town = np.repeat([0.0, 3.0], n // 2)
    member = np.where(town == 3, 1, np.arange(n) % 2)
    decision = np.where(town == 3, 0.0, (np.arange(n) // 2) % 2).astype(np.float64)
    rows = Rows.of(np.column_stack([np.zeros(n), town]), score=decision, decision=decision)
    found, _ = told(rows, Attribute(member.astype(np.int64), ("other", "member")), [rows])
    rate = found["rate"]  # of the "other", all of whom live in the first town
    assert dict(rate.scope)["group"] == "origin=other"
    assert rate.value == pytest.approx(0.5, abs=1e-3)
    assert rate.interval.low == pytest.approx(0.0, abs=0.02)
    assert rate.interval.high == pytest.approx(1.0, abs=0.02)


def test_people_unlike_any_held_out_ones_are_said():
    rng = np.random.default_rng(0)
    usual, attribute = people(2_000, rng, by_town=1, by_group=0)
    here = usual.X[:, 1] < 2
    usual, attribute = usual.take(here), Attribute(attribute.codes[here], attribute.labels)
    day, _ = people(2_000, rng, by_town=1, by_group=0)
    found, records = told(usual, attribute, [day])
    finding = next(r for r in records if isinstance(r, Finding))
    assert finding.slug == "unlike-held-out-people"
    assert "49 %" in finding.sentence
    assert found["rate"].n < 600


def test_without_such_a_table_nothing_is_asked():
    usual, _ = people(500, np.random.default_rng(0), by_town=1, by_group=0)
    what = seen(proxies.run, SCHEMA, usual, [usual], ordinary=0)
    assert proxies.asks(what.baseline, proxies.run.params) == ()
    assert list(proxies.run.run(what, proxies.run.params)) == []
    assert count("", SCHEMA, usual, what.baseline.usual.profile.bins).crosses == ()
