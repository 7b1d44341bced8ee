"""Windows leave nothing out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.text.windows import windows


@given(st.text("ab \n你\u00a0", max_size=400), st.integers(1, 8), st.integers(1, 8))
@settings(max_examples=300, deadline=None)
def test_together_they_hold_every_character(text, words, step):
    step = min(step, words)
    found = list(windows(text, words, step))
    assert found[0][0] == 0
    assert found[-1][1] == len(text)
    assert all(later[0] <= earlier[1] for earlier, later in pairwise(found))
    assert all(later[0] > earlier[0] for earlier, later in pairwise(found))


@given(st.integers(0, 300), st.integers(1, 30))
@settings(max_examples=100, deadline=None)
def test_what_is_as_long_as_the_overlap_lies_whole_in_one(at, length):
    text = " ".join(f"w{n}" for n in range(400))
    begin = text.index(f"w{at}")
    needle = text[begin : text.index(f"w{at + length}") - 1]
    assert any(needle in text[start:end] for start, end in windows(text, 60, 30))


def test_a_word_without_an_end_is_cut():
    assert max(end - start for start, end in windows("x" * 100_000)) <= 60 * 40
    assert max(end - start for start, end in windows("你好世界" * 9_000)) <= 60 * 2


def test_windows_that_would_leave_words_out_are_refused():
    with pytest.raises(ValueError, match="step"):
        list(windows("a b", 2, 3))
