"""Guards that remember: bounded, forgetting what is old, and the same for one row as for many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from holdfast.domain.errors import FixInput
from holdfast.guards.contract import Ground, Rows
from holdfast.guards.table import immutable, made_up, missing_burst, probing
from holdfast.probes.extraction._questions import invented
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.trials.guards import reference_of

REFERENCE = reference_of(0)
GROUND = Ground(REFERENCE)
DAY = 86_400.0


def looker(spec, **params):
    look = spec.prepare(REFERENCE, spec.with_params(params)).look
    return lambda X, at=0.0, **more: look(Rows(X, GROUND, at=at, **more)).score


def walk(n, seed=1):
    rows = np.repeat(credit_rows(1, seed).X, n, axis=0)
    rows[:, :2] *= 1 + 0.01 * np.random.default_rng(seed).standard_normal((n, 2))
    return rows


def test_probing_counts_each_caller_apart_and_forgets_the_one_longest_unheard_of():
    score = looker(probing.run, callers=2)
    assert score(walk(60), principal="a")[-1] > 50
    assert score(walk(60, 2), principal="b")[0] == 0
    assert score(walk(1), principal="a", at=1.0)[0] > 50
    score(walk(1), principal="c", at=2.0)  # now "b" goes
    assert score(walk(1, 2), principal="b", at=3.0)[0] == 0
    assert score(walk(1), principal="a", at=4.0)[0] == 0


def test_probing_forgets_after_a_day_and_does_not_count_retries():
    score = looker(probing.run)
    score(walk(60))
    assert score(walk(1), at=DAY - 1)[0] > 50
    assert score(walk(1), at=3 * DAY)[0] == 0
    score = looker(probing.run)
    assert score(np.repeat(walk(1), 500, axis=0)).max() == 0
    assert score(np.repeat(walk(1), 1, axis=0)).max() == 0


def test_the_window_slides():
    score = looker(probing.run, window=50)
    score(walk(50))
    other = credit_rows(2_000, 9).X
    score(other)
    assert score(walk(1))[0] == 0


def test_a_burst_is_over_when_it_is_over_and_after_an_hour_of_silence():
    score = looker(missing_burst.run)
    X = credit_rows(400, 3).X
    X[:100, 1] = np.nan
    assert score(X)[99] > missing_burst.run.threshold
    late = X[:1]
    assert score(X[200:])[0] == 0
    assert score(late, at=10.0)[0] < missing_burst.run.threshold, "the last 200 rows lacked nothing"
    score(X[:100], at=11.0)
    assert score(late, at=11.0 + 3_601)[0] < missing_burst.run.threshold


def test_money_won_is_kept_for_a_week():
    score = looker(made_up.run)
    odd = invented(credit_schema(), 100, np.random.default_rng(0))
    won = score(odd)[-1]
    assert won > made_up.run.threshold
    assert score(odd[:1], at=6 * DAY)[0] > won / 2
    assert score(credit_rows(1, 5).X, at=20 * DAY)[0] < 2
    with pytest.raises(FixInput, match="between 0 and 1"):
        made_up.run.with_params({"bet": 1.5})


def test_people_are_forgotten_in_order_and_what_contradicts_is_not_learned():
    score = looker(immutable.run, most=2)
    X = credit_rows(3, 1).X
    age = credit_schema().index("age")
    score(X, subjects=["a", "b", "c"])  # "a" goes
    X[:, age] += 1
    assert score(X, subjects=["a", "b", "c"]).tolist() == [0, 1, 1]
    X[:, age] -= 1
    assert score(X[1:], subjects=["b", "c"]).tolist() == [0, 0], "the first age is still what is known"
    assert score(X, subjects=["", "", ""]).tolist() == [0, 0, 0]


def test_a_field_may_be_fixed_that_the_schema_lets_change_and_a_missing_one_fixes_nothing():
    score = looker(immutable.run, fields=("housing",))
    X = np.repeat(credit_rows(1, 1).X, 4, axis=0)
    X[:, credit_schema().index("housing")] = [np.nan, 1, 1, 2]
    assert score(X, subjects=["a"] * 4).tolist() == [0, 0, 0, 1]
    with pytest.raises(FixInput, match="no feature 'horse'"):
        looker(immutable.run, fields=("horse",))


@pytest.mark.parametrize("spec", [probing.run, made_up.run, missing_burst.run, immutable.run], ids=lambda spec: spec.id)
def test_threads_share_a_memory(spec):
    score = looker(spec)

    def ask(X):
        return score(X, principal="a", subjects=["s"] * len(X))

    with ThreadPoolExecutor(8) as pool:
        scores = np.concatenate(list(pool.map(ask, np.array_split(walk(400), 80))))
    assert np.isfinite(scores).all()
    if spec is probing.run:
        assert ask(walk(1))[0] >= 127 - np.ceil(REFERENCE.crowd * 128), "no row was lost between threads"
