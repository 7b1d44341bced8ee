"""Near-copies among many texts are found whatever their order, and texts that only share a subject are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.text.copies import near_copies

RNG = np.random.default_rng(5)
WORDS = np.array([f"word{n}" for n in range(3_000)])


def text(words=120):
    return " ".join(RNG.choice(WORDS, words))


def changed(said, share):
    words = said.split()
    places = RNG.choice(len(words), int(share * len(words)), replace=False)
    return " ".join("other" if at in places else word for at, word in enumerate(words))


def test_copies_are_found_among_others_and_nothing_else_is():
    copied = text()
    flood = [changed(copied, 0.03) for _ in range(40)]
    others = [text() for _ in range(300)]
    texts = [*others, *flood, "", "", "Hi."]
    groups = near_copies(texts)
    assert sorted(map(len, groups)) == [2, 40]
    assert set(range(300, 340)) in [set(group) for group in groups]


def test_what_a_reader_does_not_see_makes_no_difference():
    said = text()
    disguised = said.upper().replace("WORD1", "W\u200bord1").replace(" ", "  ") + "!"
    assert near_copies([said, text(), disguised]) == ((0, 2),)


def test_a_shared_beginning_is_no_copy():
    said = text(40)
    assert near_copies([f"{said} {text(100)}" for _ in range(20)]) == ()


@given(st.lists(st.text(max_size=40), max_size=12))
def test_anything_is_compared(texts):
    groups = near_copies(texts)
    flat = [place for group in groups for place in group]
    assert len(flat) == len(set(flat))
    for group in groups:
        assert len(group) > 1
    for a, first in enumerate(texts):
        for b in range(a):
            if texts[b] == first:
                assert any({a, b} <= set(group) for group in groups)


@pytest.mark.parametrize("length", [1, 100_000])
def test_length_is_no_matter(length):
    said = "ab " * length
    assert near_copies([said, said]) == ((0, 1),)
