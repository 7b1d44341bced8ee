"""Labels that came back are judged before a model learns from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.flows.journey import SYSTEM
from tests.unit.flows.watching import SCHEMA, baseline_for, model, opened

from holdfast.domain.errors import Absent, FixInput
from holdfast.domain.verdict import Outcome
from holdfast.domain.watch import Watch
from holdfast.flows.admit_feedback import admit_feedback, admit_table
from holdfast.monitors.feedback.gate import Why
from holdfast.releases.baseline import answered
from holdfast.targets.direct import DirectTarget
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


def test_a_table_that_the_model_wrote_itself_is_kept_back():
    data = credit_rows(1_500, 77)
    decided = answered(SCHEMA, DirectTarget(model().predict_proba, SCHEMA, threshold=0.5), data)
    log = replace(decided, label=np.full(len(data), np.nan), id=np.array([f"d{i}" for i in range(1_500)], dtype=object))
    written = np.arange(1_500) < 600
    candidate = replace(data, y=np.where(written, decided.decision, data.y).astype(np.int64))
    found = admit_table(baseline_for("r"), [log.take(~written), log.take(written)], candidate)
    assert (found.said.outcome, found.said.produced > 0.2) == (Outcome.BREACH, True)
    kept_back = list(found.quarantined())
    assert {one["why"] for one in kept_back} == {Why.OWN.value}
    assert {str(i) for i in range(600)} <= {one["row"] for one in kept_back}, (
        "rows that it wrote, and some it got right"
    )
    assert admit_table(baseline_for("r"), [log], data).said.produced == 0
    vouched = replace(candidate, source=np.full(1_500, "registry", dtype=object))
    assert admit_table(baseline_for("r"), [log], vouched).said.produced == 0
    assert admit_table(baseline_for("r"), [], candidate).said.outcome is Outcome.INCONCLUSIVE
    with pytest.raises(FixInput, match="no column"):
        admit_table(baseline_for("r"), [log], replace(data, y=None))
