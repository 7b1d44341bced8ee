"""How heads are learned, in small: templates come to an end, the same seed gives the same weights to the byte."""

from __future__ import annotations

import re

import numpy as np
import pytest
from bench.heads.corpus import ATTACKS, ORDINARY, TONGUES, spun
from bench.heads.learning import Windows, highest, learned, with_threshold

WORDS = ("remind", "rules", "filtered", "answers")


@pytest.fixture(scope="module")
def examples():
    return spun(3, WORDS, times=0.06)


def test_templates_are_spun_to_their_end(examples):
    names = {*ATTACKS["names"], *ORDINARY["names"], "telling"}
    for example in examples:
        assert not names & set(re.findall(r"<([a-z_0-9]+)>", example.text)), example.text
        assert "⟦" not in example.text
    assert {example.source for example in examples} >= {f"spun: {tongue}" for tongue in TONGUES}
    assert examples == spun(3, WORDS, times=0.06)


def test_a_head_is_the_same_again_and_tells_what_it_did_not_learn_from(examples):
    made = Windows.made(examples)
    chosen = np.array([not example.is_held_out for example in examples])
    one, other = (learned(examples, made, chosen, seed=1, mixtures=200) for _ in range(2))
    assert (one.words == other.words).all()
    assert (one.characters == other.characters).all()
    held_out = [example for example in examples if example.is_held_out]
    ordinary = [example.text for example in held_out if not example.is_attack]
    head = with_threshold(one, [ordinary], seed=1)
    attacks = highest(head, [example.text for example in held_out if example.is_attack])
    assert (highest(head, ordinary) >= head.threshold).mean() <= 0.02
    assert (attacks >= np.quantile(highest(head, ordinary), 0.9)).mean() > 0.7  # they are few
    assert head.slope >= 0
