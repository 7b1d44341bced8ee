"""The data gate on real files: what passes, what is set aside, and what nobody can tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.datasets.encode import decode
from holdfast.datasets.read import digest_file
from holdfast.domain.contract import ColumnKind, ColumnTerms, Contract
from holdfast.domain.errors import FixInput
from holdfast.domain.verdict import Outcome
from holdfast.flows.admit_data import REASON, Offer, admit, attest
from holdfast.testing.desk import Clock
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.trials.poisoning import flipped, stamped

SCHEMA = credit_schema()
CONTRACT = Contract(
    "applicants",
    "1",
    (
        *(ColumnTerms(f.name, ColumnKind(f.kind), f.low, f.high, f.categories) for f in SCHEMA.features),
        ColumnTerms("approved", ColumnKind.CATEGORY, categories=SCHEMA.classes),
    ),
    target="approved",
)
ALONE = replace(CONTRACT, no_baseline_because="The first table of its kind.")


def frame_of(data):
    return decode(data.X, SCHEMA).assign(approved=np.array(SCHEMA.classes)[data.y])


@pytest.fixture
def gate(tmp_path):
    """Offers a table to the gate, by default beside a baseline that is trusted."""
    baseline = tmp_path / "baseline.csv"
    frame_of(credit_rows(3_000, 77, noise=0.3)).to_csv(baseline, index=False)

    def offer(data, contract=CONTRACT, **asked):
        table = tmp_path / "batch.csv"
        (data if isinstance(data, pd.DataFrame) else frame_of(data)).to_csv(table, index=False)
        given = {"baseline": baseline, "trusted": frozenset({digest_file(baseline)}), **asked}
        return admit(Offer(table, "applicants", contract, "CRM", "internal", "mara", **given), Clock())

    return offer


def checks(answer):
    return {(o.check, o.outcome) for o in answer.admission.objections}


@pytest.mark.parametrize("seed", range(5))
def test_a_clean_batch_passes(gate, seed):
    answer = gate(credit_rows(1_000, seed, noise=0.3))
    assert checks(answer) == set()
    assert answer.admission.outcome is Outcome.PASS
    assert (answer.admission.rows, answer.admission.quarantined, len(answer.kept)) == (1_000, 0, 1_000)


def test_a_planted_trigger_is_a_breach_and_its_rows_are_set_aside(gate):
    clean = credit_rows(2_000, 3)
    answer = gate(stamped(clean, 40, 3))
    planted = np.flatnonzero((stamped(clean, 40, 3).X != clean.X).any(axis=1))
    assert ("planted-trigger", Outcome.BREACH) in checks(answer)
    assert len(set(answer.quarantined.index) & set(planted)) >= 0.9 * len(planted)
    assert answer.admission.quarantined <= 1.5 * len(planted)
    assert answer.quarantined[REASON].str.contains("trigger").all()


def test_labels_that_shift_or_contradict_the_baseline(gate):
    shifted = credit_rows(2_000, 4, noise=0.3)
    few = np.flatnonzero((shifted.y == 0) | (np.arange(2_000) % 3 == 0))
    assert ("label-shift", Outcome.BREACH) in checks(gate(shifted.take(few)))
    assert ("contradictions", Outcome.INCONCLUSIVE) in checks(gate(flipped(shifted, 0.1, 4)))


def test_copies_beyond_chance_are_set_aside_but_for_the_first(gate):
    data = credit_rows(1_000, 6, noise=0.3)
    answer = gate(data.take(np.r_[np.arange(900), np.repeat(np.arange(5), 20)]))
    assert ("near-duplicates", Outcome.BREACH) in checks(answer)
    assert answer.admission.quarantined == 100


def test_a_table_of_one_row_again_and_again(gate):
    answer = gate(credit_rows(500, 6, noise=0.3).take(np.zeros(500, dtype=np.int64)))
    assert checks(answer) == {("near-duplicates", Outcome.BREACH)}
    assert answer.admission.quarantined == 499


def test_without_a_trusted_baseline_nobody_can_tell(gate):
    data = credit_rows(500, 1, noise=0.3)
    assert gate(data, baseline=None).admission.outcome is Outcome.INCONCLUSIVE
    assert gate(data, trusted=frozenset()).admission.outcome is Outcome.INCONCLUSIVE
    assert gate(data.take(np.arange(50))).admission.outcome is Outcome.INCONCLUSIVE
    assert gate(data, ALONE, baseline=None).admission.outcome is Outcome.PASS


def test_rows_that_fail_are_set_aside_and_forgiven_only_as_agreed(gate):
    frame = frame_of(credit_rows(200, 2))
    frame.loc[[3, 8], "age"] = 7
    answer = gate(frame, ALONE, baseline=None)
    assert answer.admission.outcome is Outcome.BREACH
    assert list(answer.quarantined.index) == [3, 8]
    assert list(answer.quarantined[REASON]) == ["age: are below 18"] * 2
    forgiving = replace(ALONE, failing_rows_at_most=0.01)
    answer = gate(frame, forgiving, baseline=None)
    assert (answer.admission.outcome, answer.admission.quarantined) == (Outcome.PASS, 2)


def test_one_row_that_is_no_number_does_not_hide_the_others_from_the_comparison(gate):
    frame = frame_of(stamped(credit_rows(2_000, 3), 40, 3)).astype({"years_employed": object})
    frame.loc[0, "years_employed"] = "many"
    assert {("kind", Outcome.BREACH), ("planted-trigger", Outcome.BREACH)} <= checks(gate(frame))


def test_personal_data_must_be_agreed_and_is_never_repeated(gate):
    frame = frame_of(credit_rows(200, 2)).assign(note="write to mara@mail.example")
    columns = (*CONTRACT.columns, ColumnTerms("note", ColumnKind.TEXT))
    answer = gate(frame, replace(ALONE, columns=columns), baseline=None)
    assert checks(answer) == {("personal-data", Outcome.BREACH)}
    assert "mara@" not in repr(answer.admission)
    agreed = (*CONTRACT.columns, ColumnTerms("note", ColumnKind.TEXT, personal=True))
    assert gate(frame, replace(ALONE, columns=agreed), baseline=None).admission.outcome is Outcome.PASS


def test_a_source_and_a_licence_must_be_stated(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"x")
    with pytest.raises(FixInput, match="licence"):
        attest(tmp_path / "a.bin", name="", where="here", licence=" ", actor="mara", clock=Clock())
    with pytest.raises(FixInput, match="source"):
        admit(Offer(tmp_path / "a.bin", "a", CONTRACT, "", "x", "mara"), Clock())
