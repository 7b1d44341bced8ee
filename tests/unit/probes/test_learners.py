from __future__ import annotations

import numpy as np

from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes._learners import MOST_COLUMNS, Narrowed, association, boosted, columns_left_out, fitted
from holdfast.testing.tables import credit_rows, credit_schema

WIDE = 2 * MOST_COLUMNS
RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((300, WIDE))
ROWS[:, -1] = RNG.integers(0, 4, 300)
ROWS[:5, 7] = np.nan
LABELS = (np.nan_to_num(ROWS[:, 7]) + (ROWS[:, -1] == 2) > 0.5).astype(np.int64)
SCHEMA = Schema(
    Task.BINARY,
    (
        *(Feature(f"c{j}", Kind.NUMBER) for j in range(WIDE - 1)),
        Feature("group", Kind.CATEGORY, categories=("a", "b", "c", "d")),
    ),
    "y",
    ("no", "yes"),
)


def test_association_finds_numbers_and_categories_that_tell_something():
    category = np.arange(WIDE) == WIDE - 1
    found = association(ROWS, LABELS, category)
    assert set(np.argsort(-found)[:2]) == {7, WIDE - 1}
    as_values = association(ROWS, ROWS[:, 3].copy(), category)
    assert as_values.argmax() == 3
    assert as_values[3] > 0.99


def test_histogram_trees_see_the_columns_that_tell_most_of_a_wide_table():
    model = fitted(boosted(SCHEMA, seed=0, max_iter=20), ROWS, LABELS)
    assert isinstance(model, Narrowed)
    assert (model.predict(ROWS) == LABELS).mean() > 0.95
    assert model.predict_proba(ROWS).shape == (300, 2)
    assert model.classes_.tolist() == [0, 1]


def test_few_columns_are_all_seen_and_nothing_is_said():
    few = credit_rows(300, 0)
    assert not isinstance(fitted(boosted(credit_schema(), seed=0, max_iter=5), few.X, LABELS), Narrowed)
    assert columns_left_out(credit_schema(), "trees") is None
    said = columns_left_out(SCHEMA, "trees")
    assert said is not None
    assert "512" in said.sentence
    assert "256" in said.sentence
