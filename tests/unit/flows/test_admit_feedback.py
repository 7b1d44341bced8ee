"""Labels that came back are judged before a model learns from them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.flows.journey import SYSTEM
from tests.unit.flows.watching import baseline_for, opened

from holdfast.domain.errors import Absent
from holdfast.domain.verdict import Outcome
from holdfast.domain.watch import Watch
from holdfast.flows.admit_feedback import admit_feedback
from holdfast.testing.tables import credit_rows

DAYS, ROWS, SOURCES, COLLUDER = 30, 300, 12, "branch-3"


def told(bank, *, turned: float):
    """Every decision's outcome, by a dozen branches of which one turns a share of the refusals that it reports."""
    rng = np.random.default_rng(5)
    for number in range(DAYS):
        data = credit_rows(ROWS, 1000 + number)
        ids = bank.day(number, data.X)
        who = rng.integers(0, SOURCES, ROWS)
        lies = (who == 3) & (data.y == 0) & (rng.random(ROWS) < turned)
        said = np.where(lies | (data.y == 1), "yes", "no")
        for source in range(SOURCES):
            some = who == source
            bank.label(np.array(ids)[some].tolist(), said[some].tolist(), source=f"branch-{source}")
    bank.drain()
    return bank.post.observing.all(SYSTEM.name, baseline_for(bank.release), Watch(SYSTEM.name))


@pytest.mark.one_database
def test_honest_labels_pass_and_a_source_that_turns_them_is_kept_back(office, tmp_path):
    bank = opened(office, tmp_path)
    with pytest.raises(Absent):
        admit_feedback(baseline_for(bank.release), ())
    found = admit_feedback(baseline_for(bank.release), told(bank, turned=0.9))
    assert found.said.outcome is Outcome.BREACH
    assert [one.name for one in found.said.named] == [COLLUDER]
    kept_back = list(found.quarantined())
    assert kept_back
    assert {one["source"] for one in kept_back} == {COLLUDER}
    assert all(one["decision"] in set(found.rows.id) for one in kept_back)


@pytest.mark.one_database
def test_honest_labels_are_let_in(office, tmp_path):
    bank = opened(office, tmp_path)
    found = admit_feedback(baseline_for(bank.release), told(bank, turned=0.0))
    assert (found.said.outcome, found.said.held, len(found.rows)) == (Outcome.PASS, (), DAYS * ROWS)
