"""What is learned of ordinary rows, and what the learned guards say of rows that they were not learned from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast import canonical
from holdfast.datasets.dataset import Dataset
from holdfast.datasets.encode import decode
from holdfast.domain.errors import FixInput
from holdfast.domain.reference import Reference
from holdfast.guards.contract import Ground, Rows
from holdfast.guards.learn import learn_reference
from holdfast.guards.table import combination
from holdfast.statistics import clopper_pearson
from holdfast.testing.tables import credit_rows, credit_schema


def test_a_reference_is_data_that_comes_back_and_names_its_rows():
    frame = decode(credit_rows(500, 1).X, credit_schema())
    reference = learn_reference(frame, credit_schema())
    text = canonical.encode(reference)
    assert canonical.decode(Reference, text) == reference
    assert len(text) < 60_000
    assert learn_reference(frame, credit_schema()) == reference
    assert learn_reference(frame.iloc[::-1], credit_schema()).data != reference.data


def test_a_schema_is_inferred_where_none_is_given():
    data = credit_rows(300, 1)
    frame = decode(data.X, credit_schema()).assign(approved=np.where(data.y == 1, "yes", "no"))
    reference = learn_reference(frame, target="approved")
    assert reference.schema.names == credit_schema().names
    assert learn_reference(frame.drop(columns="approved")).schema.names == reference.schema.names
    renamed = frame.rename(columns={"approved": "outcome"})
    assert learn_reference(renamed).schema.names[-1] == "outcome", "no column is taken for the outcome unasked"


def test_too_few_rows_are_refused():
    with pytest.raises(FixInput, match="99 rows"):
        learn_reference(Dataset(X=credit_rows(99, 1).X, y=None), credit_schema())


@pytest.mark.parametrize("rows", [400, 3_000])
def test_the_threshold_is_the_false_positive_rate(rows):
    """Over references and new rows drawn alike: no more is flagged than one less the threshold."""
    flagged = total = 0
    for seed in range(8):
        ground = Ground(learn_reference(Dataset(X=credit_rows(rows, seed).X, y=None), credit_schema(), seed=seed))
        less_odd = Rows(credit_rows(5_000, 100 + seed).X, ground, at=0.0).less_odd
        flagged, total = flagged + int((less_odd >= 0.99).sum()), total + len(less_odd)
    assert clopper_pearson(flagged, total, level=0.999).low <= 0.01
    assert flagged / total > 0.002


def test_rules_are_learned_where_values_never_meet_and_not_where_they_are_rare():
    rng = np.random.default_rng(0)
    kind = rng.choice(["flat", "house", "farm"], 4_000)
    floor = np.where(kind == "flat", rng.integers(1, 9, 4_000), 0)
    frame = pd.DataFrame({"kind": kind, "floor": floor, "noise": rng.choice(list("abcdefgh"), 4_000)})
    reference = learn_reference(frame)
    columns = {(a[0], b[0]) for a, b in reference.apart}
    assert columns == {(0, 1)}
    look = combination.run.prepare(reference, combination.run.params).look
    rows = np.array([[0.0, 5, 0], [1, 0, 1], [1, 5, 0], [2, 0, 2]])  # a farm on the fifth floor, a flat without
    kinds = reference.schema.features[0].categories
    assert kinds == ("farm", "flat", "house")
    looked = look(Rows(rows, Ground(reference), at=0.0))
    assert looked.score.tolist() == [1, 1, 0, 0]
    assert looked.because(0) == "never seen together: the values of kind and floor"


def test_a_wide_table_is_learned_in_seconds_and_stays_small():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 1_000))
    reference = learn_reference(X)
    assert len(reference.oddity.columns) == 200
    assert len(reference.compared) == 64
    assert np.isfinite(Rows(X, Ground(reference), at=0.0).less_odd).all()
