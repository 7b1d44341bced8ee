"""Tallies: exact while there are few keys, bounded by what is promised where there are many, in any order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.monitors.tally import counts_of, plus, tally


def counted(keys, most=4):
    keys = np.array(keys, dtype=object)
    place = np.array([len(key) % 3 for key in keys], dtype=np.int64)
    return tally(keys, [(place, None), (place, np.full(len(keys), -2))], 3, most)


words = st.lists(st.sampled_from(["", "a", "bb", "ccc", "dddd"]), max_size=40)


@given(words, words, words)
def test_few_keys_add_up_exactly_in_any_order(a, b, c):
    whole = counted(a + b + c)
    assert plus(plus(counted(a), counted(b), 4), counted(c), 4) == whole
    assert plus(counted(c), plus(counted(b), counted(a), 4), 4) == whole


def test_rows_of_nobody_are_left_out():
    assert counted(["", ""]) == {"rows": 0, "lost": 0, "of": {}}
    assert counted([]) == {"rows": 0, "lost": 0, "of": {}}


def test_what_is_counted_is_what_was_there():
    assert {key: counts.tolist() for key, counts in counts_of(counted(["a", "a", "bb"])).items()} == {
        "a": [0, -2, 0],
        "bb": [0, 0, -1],
    }


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=60), min_size=1, max_size=12), st.randoms())
def test_of_many_keys_nobody_loses_more_than_is_promised(parts, random):
    most = 5
    true: dict[str, int] = {}
    for key in (str(key) for part in parts for key in part):
        true[key] = true.get(key, 0) + 1
    told = [tally(np.array(part, dtype=str).astype(object), [(np.zeros(len(part), dtype=np.int64), None)], 1, most)
            for part in parts]  # fmt: skip
    while len(told) > 1:
        random.shuffle(told)
        told.append(plus(told.pop(), told.pop(), most))
    (whole,) = told
    rows = sum(true.values())
    assert whole["rows"] == rows
    assert len(whole["of"]) <= most
    for key, count in true.items():
        found = int(counts_of(whole)[key][0]) if key in whole["of"] else 0
        assert count - rows / (most + 1) <= found <= count
