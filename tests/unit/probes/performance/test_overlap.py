from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Finding
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case
from holdfast.probes.performance.overlap import run


def case(train, test, labels=None):
    schema = Schema(
        task=Task.BINARY,
        features=tuple(Feature(f"x{k}", Kind.NUMBER) for k in range(train.shape[1])),
        target="y",
        classes=("no", "yes"),
    )
    a, b = (None, None) if labels is None else labels
    return Case(target=None, schema=schema, test=Dataset(test, b), train=Dataset(train, a))


def records(given):
    found = list(run.run(given, run.params("standard")))
    measured = {m.measure.partition(".")[2]: m for m in found if not isinstance(m, Finding)}
    return measured, [f for f in found if isinstance(f, Finding)]


def test_shared_rows_are_counted_and_called():
    rng = np.random.default_rng(0)
    train, test = rng.random((2_000, 4)), rng.random((500, 4))
    test[:100] = train[500:600]
    measured, (finding,) = records(case(train, test))
    assert measured["train_test_overlap"].value == pytest.approx(0.2)
    assert finding.slug == "test-rows-in-training"
    assert finding.sentence.startswith("100 of 500 test rows")


@pytest.mark.parametrize("seed", range(8))
def test_a_fair_split_of_a_coarse_table_is_not_called(seed):
    rng = np.random.default_rng(seed)
    everyone = rng.integers(0, 6, (3_000, 4)).astype(float)
    measured, findings = records(case(everyone[:2_000], everyone[2_000:]))
    assert measured["train_test_overlap"].value > 0.5
    assert abs(measured["train_test_overlap_excess"].value) < 0.05
    assert not findings


def test_copies_are_found_in_a_coarse_table_too():
    rng = np.random.default_rng(0)
    everyone = rng.integers(0, 8, (3_000, 5)).astype(float)
    train, test = everyone[:2_000], everyone[2_000:].copy()
    test[:300] = train[:300]
    _, (finding,) = records(case(train, test))
    assert "test rows also stand in the training data" in finding.sentence


def test_missing_values_and_minus_zero_are_equal_to_themselves():
    train = np.array([[np.nan, 0.0], [1.0, 2.0]] * 50)
    test = np.array([[np.nan, -0.0], [7.0, 7.0]])
    assert records(case(train, test))[0]["train_test_overlap"].value == 0.5


def test_another_label_makes_another_row():
    X = np.random.default_rng(0).random((200, 3))
    y = np.zeros(200, np.int64)
    assert records(case(X, X, (y, 1 - y)))[0]["train_test_overlap"].value == 0
    assert records(case(X, X, (y, y)))[0]["train_test_overlap"].value == 1


def test_empty_tables_are_no_crash():
    given = case(np.zeros((1, 2)), np.zeros((3, 2)))
    assert records(given) == ({}, [])
    assert records(replace(given, test=given.test.take(np.arange(0)))) == ({}, [])
