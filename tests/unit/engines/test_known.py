"""Batches add up, whatever comes first, and what is known can be kept and gone on from."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engines.making import ASKS, BINS, SCHEMA, all_same, as_rows, in_memory, mixed, row, same

from holdfast import canonical
from holdfast.domain.errors import Conflict
from holdfast.engines.known import Known, merge, merged, with_facts
from holdfast.monitors import counting
from holdfast.monitors.contract import Fold

ROWS = mixed(120, 21)
SUM = Fold(lambda baseline, rows, params: len(rows), lambda a, b: a + b)


def batch(rows):
    return counting.count("2026-11-28", SCHEMA, as_rows(rows), BINS, ASKS)


@given(st.lists(st.integers(0, len(ROWS)), max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_parts_add_up_to_the_whole_in_any_order(cuts, random):
    ends = [0, *sorted(cuts), len(ROWS)]
    parts = [batch(ROWS[start:stop]) for start, stop in pairwise(ends)]
    random.shuffle(parts)
    assert same(reduce(merge, parts), batch(ROWS))


@given(st.lists(st.lists(st.sampled_from(ROWS), max_size=6), min_size=3, max_size=3))
@settings(max_examples=40, deadline=None)
def test_adding_up_is_associative_and_commutative(three):
    a, b, c = map(batch, three)
    assert same(merge(a, b), merge(b, a))
    assert same(merge(merge(a, b), c), merge(a, merge(b, c)))


def test_an_empty_part_changes_nothing():
    assert same(merge(batch(ROWS), batch([])), batch(ROWS))


def test_what_does_not_belong_together_does_not_add_up():
    one = batch(ROWS[:3])
    with pytest.raises(ValueError, match="began together"):
        merge(one, replace(one, start="2026-11-29"))
    with pytest.raises(ValueError, match="same tables"):
        merge(one, replace(one, crosses=one.crosses[:1]))
    with pytest.raises(ValueError, match="same bins"):
        merge(one, replace(one, profile=replace(one.profile, bins=(), counts=())))
    told = replace(one, facts=(("misuse.tally", "3"),))
    with pytest.raises(ValueError, match=r"facts of misuse\.tally"):
        merge(told, told)


def test_facts_add_up_as_their_monitors_say():
    a, b = batch(ROWS[:3]), batch(ROWS[3:8])
    told = [with_facts({("s", "r"): one}, {("s", "r"): (("m", json.dumps(one.rows)),)})["s", "r"] for one in (a, b)]
    assert merge(*told, {"m": SUM}).fact("m") == "8"
    assert merge(told[0], b).fact("m") == "3"
    assert merge(a, told[1]).fact("m") == "5"


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5, unique=True), st.integers(0, 4))
@settings(max_examples=25, deadline=None)
def test_going_on_from_what_is_known_is_no_other_than_never_having_stopped(order, stop):
    parts = {f"segment-{place}": in_memory(ROWS[place * 20 : place * 20 + 20]) for place in range(6)}
    known = Known()
    for at, place in enumerate(order):
        known = known.plus([f"segment-{place}"], parts[f"segment-{place}"])
        if at == stop:
            known = canonical.decode(Known, canonical.encode(known))
    rows = [one for place in order for one in ROWS[place * 20 : place * 20 + 20]]
    assert all_same(known.by_key, in_memory(rows))
    assert known.fresh(parts) == sorted(set(parts) - {f"segment-{place}" for place in order})


def test_no_segment_counts_twice():
    known = Known().plus(["a", "b"], in_memory(ROWS[:5]))
    with pytest.raises(Conflict, match="b was counted before"):
        known.plus(["b", "c"], in_memory(ROWS[5:9]))
    assert known.fresh(["c", "a"]) == ["c"]


def test_a_day_that_outcomes_came_late_for_is_replaced_and_others_stay():
    today = [row(number) for number in range(4)]
    tomorrow = [row(number, decided_at=one["decided_at"] + timedelta(days=1)) for number, one in enumerate(today)]
    known = Known().plus(["a"], in_memory([one | {"outcome": None} for one in [*today, *tomorrow]]))
    again = in_memory([*today, *tomorrow[:1]])  # what was read again has a part of its neighbour
    after = known.anew({"2026-11-28"}, again, ["labels-1"])
    assert [(batch.start, batch.rows, batch.labelled) for batch in after.of("sha256:one")] == [
        ("2026-11-28", 4, 2),
        ("2026-11-29", 4, 0),
    ]
    assert after.counted == ("a", "labels-1")


def test_batches_of_releases_stay_apart():
    found = merged([in_memory([row(0)]), in_memory([row(1, release="two")]), in_memory([row(2)])])
    assert {key: batch.rows for key, batch in found.items()} == {
        ("2026-11-28", "sha256:one"): 2,
        ("2026-11-28", "two"): 1,
    }
