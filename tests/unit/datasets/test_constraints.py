from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.datasets.constraints import ConstraintSet
from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Feature, Kind, Monotone, Schema, Task
from holdfast.testing.tables import credit_rows, credit_schema

SCHEMA = Schema(
    Task.BINARY,
    (
        Feature("a", Kind.NUMBER, low=0, high=100, cost=2.0),
        Feature("b", Kind.NUMBER, low=0, high=100, monotone=Monotone.INCREASE, missing=True),
        Feature("total", Kind.NUMBER, low=0, high=180),
        Feature("share", Kind.NUMBER),
        Feature("n", Kind.INTEGER, low=0, high=10, missing=True),
        Feature("m", Kind.INTEGER, low=0, high=10, monotone=Monotone.DECREASE),
        Feature("age", Kind.INTEGER, low=18, high=90, immutable=True),
        Feature("housing", Kind.CATEGORY, categories=("own", "rent", "other"), cost=50.0),
        Feature("h1", Kind.INTEGER, low=0, high=1, cost=5.0),
        Feature("h2", Kind.INTEGER, low=0, high=1, cost=7.0),
        Feature("h3", Kind.INTEGER, low=0, high=1, immutable=True),
    ),
    target="y",
    one_hot=(("h1", "h2", "h3"),),
    relations=("total == a + b", "a <= 0.9 * b", 'housing == "own" or n >= 2', "share == a / total", "m <= n + 5"),
)
SET = ConstraintSet(SCHEMA)
WIDTH = len(SCHEMA.features)
CELL = st.one_of(
    st.floats(-200, 400), st.integers(-3, 20).map(float), st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.0])
)
ROW = st.lists(CELL, min_size=WIDTH, max_size=WIDTH)
ROWS = st.lists(st.tuples(ROW, ROW, st.lists(st.booleans(), min_size=WIDTH, max_size=WIDTH)), min_size=1, max_size=8)


def column(name: str) -> int:
    return SCHEMA.index(name)


def lawful(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    b = rng.uniform(20, 80, n)
    a = rng.uniform(0, 0.9, n) * b
    X = np.zeros((n, WIDTH))
    X[:, 0], X[:, 1], X[:, 2], X[:, 3] = a, b, a + b, a / (a + b)
    X[:, 4], X[:, 5], X[:, 6] = rng.integers(2, 11, n), rng.integers(0, 6, n), rng.integers(18, 91, n)
    X[:, 7], X[:, 8:] = rng.integers(0, 3, n), np.eye(3)[rng.integers(0, 3, n)]
    return X


def matrices(drawn: list[tuple[list[float], list[float], list[bool]]]) -> tuple[np.ndarray, np.ndarray]:
    """Candidates and originals; the flags copy cells of the original, so that sparse changes occur too."""
    candidates, originals = np.array([c for c, _, _ in drawn]), np.array([o for _, o, _ in drawn])
    return np.where(np.array([keep for _, _, keep in drawn]), originals, candidates), originals


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_repair_is_valid_and_idempotent_whatever_the_rows(drawn: list) -> None:
    candidates, originals = matrices(drawn)
    assert SET.valid(originals, originals).all()
    repaired = SET.repair(candidates, originals)
    assert SET.valid(repaired, originals).all()
    np.testing.assert_array_equal(SET.repair(repaired, originals), repaired)
    fixed = [column("age"), column("h3")]
    np.testing.assert_array_equal(repaired[:, fixed], originals[:, fixed])


@settings(max_examples=30, deadline=None)
@given(ROWS, st.integers(0, 1000))
def test_repair_from_lawful_rows_stays_lawful(drawn: list, seed: int) -> None:
    candidates, _ = matrices(drawn)
    originals = lawful(len(candidates), seed)
    repaired = SET.repair(candidates, originals)
    assert SET.lawful(repaired).all()
    assert SET.violations(repaired, originals) == [()] * len(repaired)
    assert (repaired[:, column("m")] <= originals[:, column("m")]).all()
    assert not (repaired[:, column("b")] < originals[:, column("b")]).any()


@settings(max_examples=30, deadline=None)
@given(ROWS, st.integers(0, 1000))
def test_a_row_is_valid_exactly_when_nothing_is_said_against_it(drawn: list, seed: int) -> None:
    candidates, _ = matrices(drawn)
    originals = lawful(len(candidates), seed)
    words = SET.violations(candidates, originals)
    assert [not w for w in words] == SET.valid(candidates, originals).tolist()


def test_a_relation_in_the_way_is_met_half_way_not_given_up() -> None:
    original = lawful(1, 0)
    wish = original.copy()
    wish[0, column("a")] = 100.0
    repaired = SET.repair(wish, original)[0]
    assert repaired[column("a")] == pytest.approx(0.9 * original[0, column("b")], rel=1e-2)
    assert repaired[column("total")] == pytest.approx(repaired[column("a")] + repaired[column("b")])
    assert repaired[column("share")] == pytest.approx(repaired[column("a")] / repaired[column("total")])


def test_only_the_columns_of_a_broken_relation_step_back() -> None:
    original = lawful(1, 1)
    original[0, [column("n"), column("housing")]] = 8, 1
    wish = original.copy()
    wish[0, [column("a"), column("n")]] = 100.0, 3.0
    assert SET.repair(wish, original)[0, column("n")] == 3


def test_values_beyond_the_declared_range_widen_it_for_that_row_alone() -> None:
    originals = lawful(2, 2)
    originals[0, column("n")] = 14
    originals[:, column("housing")] = 0
    wish = originals.copy()
    wish[:, column("n")] = 13
    assert SET.valid(wish, originals).tolist() == [True, False]
    assert SET.repair(wish, originals)[:, column("n")].tolist() == [13, 10]


def test_violations_are_said_in_words() -> None:
    original, row = lawful(1, 3), lawful(1, 3)
    row[0, [column("age"), column("housing"), column("n"), column("m")]] = 17, 7, 2.5, 9
    row[0, 8:] = 1, 1, 0
    words = " | ".join(SET.violations(row, original)[0])
    assert "age cannot change" in words
    assert "housing has no category 7" in words
    assert "n = 2.5 is not a whole number" in words
    assert "was not lowered" in words
    assert "exactly one of h1, h2, h3 must be 1" in words


def test_masks_and_units() -> None:
    names = np.array(SCHEMA.names)
    assert set(names[SET.derived]) == {"total", "share"}
    assert set(names[~SET.mutable]) == {"age", "h3"}
    assert [tuple(names[unit]) for unit in SET.units()][-1] == ("h1", "h2", "h3")
    assert ("total",) not in [tuple(names[unit]) for unit in SET.units()]


def test_distance_counts_a_category_and_a_one_hot_group_once() -> None:
    original = lawful(1, 4)
    original[0, 8:] = 1, 0, 0
    row = original.copy()
    row[0, 8:] = 0, 1, 0
    assert SET.distance(row, original).tolist() == [1.0]
    row[0, column("housing")] = (row[0, column("housing")] + 1) % 3
    assert SET.distance(row, original)[0] == pytest.approx(np.sqrt(2))
    row[0, column("a")] += 10
    assert SET.distance(row, original, 1)[0] == pytest.approx(2.1)
    assert SET.distance(row, original, np.inf)[0] == 1


def test_cost_is_money_and_unknown_where_something_unpriced_moves() -> None:
    originals = np.repeat(lawful(1, 5), 3, axis=0)
    originals[:, 8:] = 1, 0, 0
    rows = originals.copy()
    rows[0, column("a")] += 10
    rows[0, 8:] = 0, 1, 0
    rows[1, column("n")] += 1
    rows[2, column("total")] += 1  # derived: follows from what was paid for
    cost = SET.cost(rows, originals)
    assert cost is not None
    assert cost[0] == pytest.approx(20 + 7)
    assert np.isnan(cost[1])
    assert cost[2] == 0


def test_without_prices_there_is_no_cost() -> None:
    schema = Schema(Task.BINARY, (Feature("a", Kind.NUMBER),), "y")
    assert ConstraintSet(schema).cost(np.ones((1, 1)), np.zeros((1, 1))) is None


def test_the_scale_comes_from_reference_rows_where_no_range_is_stated() -> None:
    schema = Schema(Task.BINARY, (Feature("a", Kind.NUMBER), Feature("k", Kind.NUMBER), Feature("e", Kind.NUMBER)), "y")
    reference = np.array([[1.0, 5.0, np.nan], [5.0, 5.0, np.nan]])
    assert ConstraintSet(schema, reference).scale.tolist() == [4.0, 1.0, 1.0]
    assert ConstraintSet(schema, reference).valid(np.array([[99.0, 5, 5]]), reference[:1]).all()


def test_circular_equalities_are_checked_but_derive_one_way_only() -> None:
    features = tuple(Feature(name, Kind.NUMBER) for name in "abc")
    constraints = ConstraintSet(Schema(Task.BINARY, features, "y", relations=("a == b + c", "b == a - c")))
    assert constraints.derived.tolist() == [True, False, False]
    original, wish = np.array([[3.0, 1.0, 2.0]]), np.array([[0.0, 5.0, 2.0]])
    assert constraints.repair(wish, original).tolist() == [[7.0, 5.0, 2.0]]


def test_an_unknown_member_of_a_group_is_named() -> None:
    with pytest.raises(FixInput, match="'z'"):
        ConstraintSet(Schema(Task.BINARY, (Feature("a", Kind.INTEGER),), "y", one_hot=(("a", "z"),)))


def test_the_made_up_credit_table_keeps_its_own_constraints() -> None:
    constraints, data = ConstraintSet(credit_schema()), credit_rows(200, 0)
    assert constraints.lawful(data.X).all()
    shuffled = data.X[np.random.default_rng(0).permutation(200)]
    repaired = constraints.repair(shuffled, data.X)
    kept = constraints.mutable
    np.testing.assert_array_equal(repaired[:, kept], shuffled[:, kept])
    np.testing.assert_array_equal(repaired[:, ~kept], data.X[:, ~kept])


def test_no_rows_are_no_problem() -> None:
    nothing = np.empty((0, WIDTH))
    assert SET.repair(nothing, nothing).shape == (0, WIDTH)
    assert SET.valid(nothing, nothing).shape == (0,)
