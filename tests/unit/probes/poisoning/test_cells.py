from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.poisoning._cells import (
    EXPECTED,
    Cell,
    Demand,
    Ground,
    Mined,
    excess,
    mine,
    surprise,
    suspicious,
)
from holdfast.probes.poisoning._columns import columns_of


def schema_of(categories: int, numbers: int = 0) -> Schema:
    features = [Feature(f"c{j}", Kind.CATEGORY, categories=("a", "b", "c", "d")) for j in range(categories)]
    features += [Feature(f"x{j}", Kind.NUMBER) for j in range(numbers)]
    return Schema(task=Task.BINARY, features=tuple(features), target="y", classes=("no", "yes"))


@given(n=st.integers(1, 200), share=st.floats(0.01, 0.99), data=st.data())
def test_the_score_bounds_the_chance_of_as_many_hits(n: int, share: float, data: st.DataObject):
    hits = data.draw(st.integers(0, n))
    score = float(surprise(np.array([n]), np.array([hits]), np.array([n * share]))[0])
    assert np.exp(-score) >= binom.sf(hits - 1, n, share) * (1 - 1e-9)
    assert score == 0 or hits > n * share


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_mining_finds_exactly_the_cells_that_a_plain_search_finds(seed: int):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, (150, 4)).astype(np.float64)
    y = rng.integers(0, 2, 150)
    p = rng.uniform(0.05, 0.85, 150)
    p = np.column_stack([1 - p, p])
    schema, demand = schema_of(4), Demand(rows=3, score=1.5)
    columns = columns_of(X, schema, 1)
    found = {(c.items, c.label) for c in mine(Ground(schema, X, y, p, columns, X[:0]), demand).cells}
    assert found == set(plain_search(columns, y, p, demand))


def plain_search(columns, y, p, demand):
    """Every cell, one at a time, with the same reading of the demand."""
    from itertools import combinations, product

    for size in (2, 3):
        for chosen in combinations(range(len(columns)), size):
            for codes in product(*(range(1, columns[c].width) for c in chosen)):
                items = tuple(zip(chosen, codes, strict=True))
                for label in (0, 1):
                    if _meets(items, columns, y == label, p[:, label], demand):
                        yield items, label


def _meets(items, columns, hit, p, demand):
    doubtful = hit & (p < EXPECTED)
    for part in {items, items[:2]}:  # a triple is looked for where the pair before it holds
        inside = Cell(part, 0, 0, 0, 0.0).mask(columns) & doubtful
        if inside.sum() < demand.rows or -np.log(p[inside]).sum() < demand.score:
            return False
    rows = Cell(items, 0, 0, 0, 0.0).mask(columns)
    cell = Cell(items, 0, int(rows.sum()), int(hit[rows].sum()), float(p[rows].sum()))
    return cell.score >= demand.score and cell.flipped >= 0.5


def test_columns_are_read_as_values_and_as_bins():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 3, 400), rng.normal(size=400)]).astype(np.float64)
    X[:30, 1], X[30:40, 1] = 7.0, np.nan
    columns = columns_of(X, schema_of(1, 1), 5)
    assert [(c.feature, c.exact) for c in columns] == [(0, True), (1, True), (1, False)]
    assert list(columns[1].count) == [360, 30, 10]
    assert columns[2].width == 9
    assert (columns[2].code[30:40] == 0).all()


def test_the_most_suspicious_columns_are_kept():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (500, 6)).astype(np.float64)
    y = (X[:, 4] == 2).astype(np.int64)
    kept = suspicious(columns_of(X, schema_of(6), 5), y, np.full((500, 2), 0.5), 2)
    assert len(kept) == 2
    assert 4 in {c.feature for c in kept}


def test_values_that_only_meet_each_other_look_stamped():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (3_000, 3)).astype(np.float64)
    X = np.column_stack([X, rng.normal(size=3_000)])
    X[:20] = [0, 1, 2, 9.5]
    y = (np.arange(3_000) < 20).astype(np.int64)
    schema = schema_of(3, 1)
    p = np.tile([0.9, 0.1], (3_000, 1))
    mined = mine(Ground(schema, X, y, p, columns_of(X, schema, 5), X[:0]), Demand(6, 7.0))
    assert any(cell.stamped for cell in mined.cells)
    assert 0 < mined.stamped < mined.looked_at


@pytest.mark.parametrize("stamped", [True, False])
def test_each_family_has_its_own_threshold(stamped: bool):
    mined = Mined([], looked_at=5_000, stamped=50)
    tests = 50 if stamped else 5_000
    assert mined.threshold(Cell((), 0, 1, 1, 1.0, stamped), 0.01) == pytest.approx(np.log(tests / 0.0025))


def ground_of(X, test, *, y=None, least=1):
    y = np.zeros(len(X), np.int64) if y is None else y
    schema = schema_of(X.shape[1])
    return Ground(schema, X, y, np.full((len(X), 2), 0.5), columns_of(X, schema, least), test)


def dealt(n: int, m: int, seed: int):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, (n, 12)).astype(np.float64), rng.integers(0, 4, (m, 12)).astype(np.float64)


@given(rows=st.integers(1, 60), beside=st.integers(0, 60))
def test_the_excess_is_the_exact_chance_where_rows_are_dealt_at_random(rows: int, beside: int):
    same = np.array([[600], [600]]), np.array([[400], [400]])
    nats = excess(np.array([rows]), np.array([beside]), same[0] + rows, same[1] + beside, n=600, m=400)
    assert nats[0] == pytest.approx(-binom.logsf(rows - 1, rows + beside, 0.6), rel=1e-6, abs=1e-9)


def test_a_value_that_belongs_to_the_training_season_makes_no_excess():
    counts = np.array([30]), np.array([0])
    everyday = excess(*counts, np.array([[330], [130]]), np.array([[200], [100]]), n=600, m=400)
    seasonal = excess(*counts, np.array([[330], [130]]), np.array([[0], [100]]), n=600, m=400)
    assert everyday[0] > 12
    assert seasonal[0] < 1


def test_without_test_rows_there_is_no_excess():
    X, _ = dealt(200, 0, 0)
    cell = ground_of(X, X[:0]).counted(Cell(((0, 1), (1, 1)), 0, 1, 1, 0.5))
    assert cell.excess == 0
    assert cell.rows == np.all(X[:, :2] == 0, axis=1).sum()


def test_stamped_rows_are_in_excess_and_do_not_count_as_drift():
    X, test = dealt(600, 400, 1)
    X[:40, :3] = [0, 1, 2]
    ground = ground_of(X, test)
    stamped = ground.counted(Cell(((0, 1), (1, 2), (2, 3)), 0, 1, 1, 0.5))
    assert stamped.excess > 6
    assert ground.drift < 2


def test_tables_of_two_seasons_drift_and_their_excess_counts_for_less():
    X, test = dealt(600, 400, 2)
    test = np.where(np.random.default_rng(0).random(test.shape) < 0.4, 3.0, test)
    assert ground_of(X, test).drift > 10


def test_rows_of_a_value_that_the_test_table_lacks_are_crowded():
    X, test = dealt(600, 400, 3)
    X[:25, 1] = 9
    assert set(np.flatnonzero(ground_of(X, test).crowded)) == set(range(25))


def test_the_rest_of_the_ground_counts_the_other_rows_alone():
    X, test = dealt(300, 100, 4)
    rest = ground_of(X, test).without(np.arange(300) < 100)
    cell = Cell(((0, 1), (2, 2)), 0, 1, 1, 0.5)
    assert rest.counted(cell).rows == np.all(X[100:][:, [0, 2]] == [0, 1], axis=1).sum()


@given(score=st.floats(0, 50), more=st.floats(0, 50))
def test_evidence_is_the_labels_alone_or_both_together_at_a_price(score: float, more: float):
    rows = 1_000
    cell = Cell((), 0, rows, rows, rows * float(np.exp(-score / rows)), excess=more)
    both = cell.score + more
    assert cell.evidence == pytest.approx(max(cell.score, both - np.log1p(both)))
