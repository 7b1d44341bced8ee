"""A worker that is handed on, and one that is not."""

from __future__ import annotations

import joblib
import pytest
from sklearn.linear_model import LogisticRegression

from holdfast.domain.errors import ModelFailed
from holdfast.targets.reuse import borrow_target, release_target
from holdfast.targets.spec import TargetSpec
from holdfast.testing.tables import credit_rows, credit_schema

SCHEMA = credit_schema().with_features(credit_schema().features[:5])
X = credit_rows(50, 0).X[:, :5]
Y = credit_rows(50, 0).y


@pytest.fixture
def spec(tmp_path):
    joblib.dump(LogisticRegression(max_iter=2_000).fit(X, Y), tmp_path / "m.joblib")
    yield TargetSpec("joblib", str(tmp_path / "m.joblib"))
    release_target()


def test_the_next_in_line_gets_the_same_worker_and_a_count_of_its_own(spec):
    with borrow_target(spec, SCHEMA) as first:
        first.predict(X)
        inner = first._target
    with borrow_target(spec, SCHEMA) as second:
        assert second.queries == 0
        second.predict(X[:3])
        assert second.queries == 3
        assert second._target is inner


def test_a_worker_is_not_handed_on_after_an_error(spec):
    lent = borrow_target(spec, SCHEMA)
    inner = lent.__enter__()._target
    with pytest.raises(RuntimeError):
        lent.gen.throw(RuntimeError("the probe crashed"))
    with pytest.raises(ModelFailed):
        inner.predict(X)
    with borrow_target(spec, SCHEMA) as second:
        assert second._target is not inner


def test_another_model_or_schema_gets_another_worker(spec):
    from dataclasses import replace

    with borrow_target(spec, SCHEMA) as first:
        inner = first._target
    with borrow_target(replace(spec, threshold=0.7), SCHEMA) as second:
        assert second._target is not inner
    with pytest.raises(ModelFailed):
        inner.predict(X)
