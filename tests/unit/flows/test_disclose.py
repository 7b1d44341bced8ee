"""Scores lose digits and classes, and never a decision."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from holdfast.domain.policy import Disclosure
from holdfast.flows.disclose import disclose

SCORES = st.tuples(st.integers(1, 6), st.integers(2, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(0, 1))
)
TERMS = st.builds(
    Disclosure,
    digits=st.none() | st.integers(0, 4),
    top=st.none() | st.integers(1, 5),
    decision_only=st.booleans(),
)


@given(SCORES, TERMS)
def test_the_decision_stays_what_it_was_and_ties_are_not_made(scores, terms):
    before = scores.copy()
    shown = disclose(scores, terms)
    assert np.array_equal(scores, before)
    assert np.array_equal(shown.argmax(axis=1), scores.argmax(axis=1))
    if terms.digits is not None:
        assert np.array_equal(shown, np.round(shown, terms.digits))
    if terms.decision_only:
        assert np.array_equal(np.sort(shown, axis=1)[:, -2:], np.tile([0.0, 1.0], (len(shown), 1)))
    elif terms.top is not None:
        others = np.sort(shown, axis=1)[:, : max(0, shown.shape[1] - terms.top)]
        assert (others == 0).all()


def test_a_single_column_is_a_chance_or_a_value():
    chance, value = np.array([[0.3], [0.81]]), np.array([[120.4], [99.6]])
    assert disclose(chance, Disclosure(decision_only=True)).tolist() == [[0], [1]]
    assert disclose(value, Disclosure(decision_only=True)) is value
    assert disclose(value, Disclosure(digits=0)).tolist() == [[120], [100]]
