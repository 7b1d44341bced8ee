"""Texts beside each other: another language, other words; and no alarm where both are as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.domain.drift import Standing
from holdfast.domain.verdict import Outcome
from holdfast.flows.drift import compare
from holdfast.reports.drift_html import render
from holdfast.reports.drift_reading import change

USUAL = [
    "account",
    "balance",
    "statement",
    "transfer",
    "branch",
    "mortgage",
    "interest",
    "savings",
    "deposit",
    "cheque",
]
OTHER = ["refund", "parcel", "courier", "delivery", "warehouse", "tracking"]
SAID = {
    "en": "please tell me why the {} and the {} of this year are not what they were for {}",
    "de": "bitte sagen Sie mir warum {} und {} in diesem Jahr nicht so sind wie {} es war",
}


def texts(n: int, seed: int, *, other: float = 0.0, german: float = 0.0) -> pd.DataFrame:
    """Three words of a topic in a sentence, and a name that occurs once."""
    rng, found = np.random.default_rng(seed), []
    for i in range(n):
        topic = OTHER if rng.random() < other else USUAL
        said = SAID["de" if rng.random() < german else "en"].format(*rng.choice(topic, 3))
        letters = "".join(chr(97 + int(c)) for c in rng.integers(0, 26, 9))
        found.append(f"{said}, asks {letters} {i}" if i % 9 else None)
    return pd.DataFrame({"asked": found})


def by_name(drift):
    return {column.name: column for column in drift.columns}


def test_texts_as_they_were_are_steady_in_all_three():
    found = by_name(compare(texts(4_000, 1), texts(3_000, 2)))
    assert set(found) == {"length of asked", "language of asked", "vocabulary of asked"}
    assert {column.standing for column in found.values()} == {Standing.STEADY}
    assert not found["vocabulary of asked"].vocabulary.came
    looks = [compare(texts(250, seed), texts(200, seed + 500)) for seed in range(20)]
    assert sum(bool(look.of(Standing.DRIFTED) or look.of(Standing.MOVED)) for look in looks) <= 4, "5 %, and chance"


def test_another_subject_shows_in_the_words_alone():
    found = by_name(compare(texts(3_000, 1), texts(3_000, 2, other=0.3)))
    column = found["vocabulary of asked"]
    assert column.standing is Standing.DRIFTED
    assert column.difference.distance == pytest.approx(0.3, abs=0.06), "about the share of texts that are others"
    assert found["language of asked"].standing is Standing.STEADY
    told = column.vocabulary
    assert {one.word for one in told.came} <= set(OTHER)
    assert {one.word for one in told.went} <= set(USUAL)
    assert told.unseen > told.usual + 0.02
    assert "new to it" in change(column)
    assert b"vocabulary of asked" in render(compare(texts(300, 1), texts(300, 2, other=0.5)))


def test_another_language_is_told():
    found = by_name(compare(texts(2_000, 1), texts(2_000, 2, german=0.25)))
    column = found["language of asked"]
    assert (column.standing, column.unseen) == (Standing.DRIFTED, pytest.approx(0.25, abs=0.03))
    assert "25" in change(column)
    assert set(column.bins.labels) == {"en", "de"}


def test_no_word_is_named_that_few_texts_have():
    then, now = texts(2_000, 1), texts(2_000, 2)
    now.loc[:8, "asked"] = "please tell me why the account of Mr Featherstonehaugh is not what it was"
    told = by_name(compare(then, now))["vocabulary of asked"].vocabulary
    assert "featherstonehaugh" not in {one.word for one in told.came}


@pytest.mark.parametrize("now", [["x"] * 3, ["", " "] * 60, ["名前は何ですか" * 9_000] * 60, ["\x00\ud7ff a b c"] * 60])
def test_odd_texts_end_in_an_outcome(now):
    found = compare(texts(300, 1), pd.DataFrame({"asked": now}), together=True)
    assert found.outcome in (Outcome.BREACH, Outcome.INCONCLUSIVE)
