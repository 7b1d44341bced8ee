"""The guards' contract catches guards that break it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from holdfast.guards.contract import Looked, Prepared
from holdfast.guards.table import range as ranges
from holdfast.testing import guard_contract as contract

GOOD = ranges.run


def but(look):
    """The range guard, with another way to look: a function of the good one's answer and the rows."""

    def prepare(reference, params):
        good = GOOD.prepare(reference, params)
        return Prepared(good.fields, lambda rows: look(good.look(rows), rows))

    return replace(GOOD, prepare=prepare)


@dataclass
class Counting:
    rows: int = 0

    def look(self, looked, rows):
        self.rows += 1
        return Looked(looked.score + self.rows, looked.because)


def greedy(looked, rows):
    rows.X[:, 0] = 0
    return looked


BROKEN = {
    "blind": (contract.flags_what_is_planted, lambda looked, rows: Looked(0 * looked.score, looked.because)),
    "alarmist": (contract.stays_quiet_on_clean_traffic, lambda looked, rows: Looked(looked.score + 1, looked.because)),
    "moody": (contract.says_the_same_of_one_row_and_of_many, Counting().look),
    "meddling": (contract.repeats_itself, greedy),
    "unsure": (contract.gives_a_finite_score_to_anything, lambda said, _: Looked(said.score + np.nan, said.because)),
    "lumping": (contract.gives_a_finite_score_to_anything, lambda said, _: Looked(said.score[:1], said.because)),
    "talkative": (contract.never_says_a_value, lambda said, rows: Looked(said.score, lambda i: f"{rows.X[i, 0]:g}")),
    "silent": (contract.never_says_a_value, lambda said, _: Looked(said.score, lambda i: "")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_guard_is_caught(name):
    keeps, look = BROKEN[name]
    keeps(GOOD)
    with pytest.raises(AssertionError):
        keeps(but(look))
