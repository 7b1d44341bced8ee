"""The same shield around models of several libraries, asked through their own methods."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import holdfast
from holdfast.domain.errors import Blocked
from holdfast.domain.guard import Action, Mode
from holdfast.domain.policy import Disclosure, GuardTerms, Policy

POLICY = Policy(
    "numbers",
    "1",
    (GuardTerms("table.range", Mode.ENFORCE, action=Action.BLOCK),),
    disclosure=Disclosure(digits=2),
)
BAD = 7
GUARDS = ("schema", "range", "outlier", "probing")


def onnx_session(X, y, *, zipmap):
    import onnxruntime
    from skl2onnx import to_onnx

    model = LogisticRegression(max_iter=5_000).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = to_onnx(model, X[:1].astype(np.float32), options={"zipmap": zipmap})
    return onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


def fitted(library, X, y):
    """A model, and a function that asks whatever wears its interface about rows."""
    if library == "xgboost":
        import xgboost

        booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(X, y), 5)
        return booster, lambda m, rows: m.inplace_predict(rows)
    if library == "xgboost, its own matrix":
        import xgboost

        booster = xgboost.train({"objective": "multi:softprob", "num_class": 2, "nthread": 1}, xgboost.DMatrix(X, y), 5)
        return booster, lambda m, rows: m.predict(xgboost.DMatrix(rows) if m is booster else rows)
    if library == "xgboost wrapper":
        import xgboost

        return xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(X, y), lambda m, rows: m.predict_proba(rows)
    if library == "lightgbm":
        import lightgbm

        data = lightgbm.Dataset(X, y)
        booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 5)
        return booster, lambda m, rows: m.predict(rows)
    if library == "regression":
        return LinearRegression().fit(X, X[:, 0] + y), lambda m, rows: m.predict(rows)
    if library == "function":
        return lambda rows: rows[:, 1] / 300, lambda m, rows: m(rows)
    return onnx_session(X, y, zipmap=library == "onnx, zipmap"), lambda m, rows: m.run(
        None, {"X": rows.astype(np.float32)}
    )


LIBRARIES = (
    "xgboost", "xgboost, its own matrix", "xgboost wrapper", "lightgbm", "regression", "function", "onnx",
    "onnx, zipmap",
)  # fmt: skip


def scores_in(answer):
    if isinstance(answer, list) and isinstance(answer[1], list):
        return np.array([list(row.values()) for row in answer[1]])
    return np.asarray(answer[1] if isinstance(answer, list) else answer)


@pytest.mark.parametrize("library", LIBRARIES)
def test_answers_are_the_models_own_rounded_and_blocked_rows_are_masked(library, numbers, log):
    X, y, reference = numbers
    model, ask = fitted(library, X, y)
    guarded = holdfast.shield(model, system="n", reference=reference, policy=POLICY, log=log, on_block="mask")
    rows = X[:20].copy()
    true, shown = ask(model, rows), ask(guarded, rows)
    assert type(shown) is type(true)
    assert scores_in(shown).dtype == scores_in(true).dtype
    assert scores_in(shown).shape == scores_in(true).shape
    assert np.allclose(scores_in(shown), scores_in(true), atol=0.0101)
    assert np.allclose(scores_in(shown) * 100, np.rint(scores_in(shown) * 100), atol=1e-3)
    if isinstance(true, list):
        assert np.array_equal(shown[0], true[0]), "labels are not touched"
    rows[BAD, 1] = 1e6
    part = ask(guarded, rows)
    for array in part if isinstance(part, list) else [part]:
        assert np.flatnonzero(np.ma.getmaskarray(array).reshape(20, -1).any(axis=1)).tolist() == [BAD]
    logged = log.rows()
    assert [i for i, row in enumerate(logged[20:]) if row["ended"] == "blocked"] == [BAD]
    column = next(name for name in ("output_score_1", "output_score_yes", "output_score") if name in logged[0])
    assert np.allclose([row[column] for row in logged[:20]], scores_in(shown).reshape(20, -1)[:, -1])


def test_a_model_that_answers_with_pandas_gets_pandas_back(numbers, log):
    X, _, reference = numbers
    frame = pd.DataFrame(X[:6], columns=list(reference.schema.names), index=list("abcdef"))

    def model(table):
        return pd.Series(table["debt"].to_numpy() / 300, index=table.index, name="risk")

    guarded = holdfast.shield(model, system="n", reference=reference, policy=POLICY, log=log)
    pd.testing.assert_series_equal(guarded(frame), model(frame).round(2))
    frame.loc["b", "debt"] = 1e6
    with pytest.raises(Blocked) as caught:
        guarded(frame)
    assert caught.value.answers.compressed().tolist() == model(frame.drop("b")).round(2).tolist()


class Tensor:
    """As much of a torch tensor as the shield asks of one: torch is no dependency."""

    def __init__(self, values):
        self.values = np.asarray(values, dtype=np.float32)

    def __getitem__(self, rows):
        return Tensor(self.values[rows])

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.values

    def __array__(self, dtype=None, copy=None):
        return self.values

    def new_tensor(self, values):
        return Tensor(values)


def test_a_module_that_takes_tensors_gets_tensors(numbers, log):
    X, _, reference = numbers
    guarded = holdfast.shield(
        lambda t: Tensor(t.values[:, 1:2] / 300), system="n", reference=reference, policy=POLICY, log=log
    )
    answer = guarded(Tensor(X[:5]))
    assert type(answer) is Tensor
    assert np.allclose(answer.values, np.round(X[:5, 1:2] / 300, 2), atol=1e-6)


def test_many_rows_are_scored_by_column(numbers, log):
    X, _, reference = numbers
    rows = np.tile(X, (200, 1))
    rows[1_000, 1] = np.inf
    policy = Policy("n", "1", tuple(GuardTerms(f"table.{name}", Mode.ENFORCE) for name in GUARDS))
    guarded = holdfast.shield(
        lambda r: r[:, 0] > 50, system="n", reference=reference, policy=policy, log=log, on_block="mask"
    )
    answers = guarded(rows)
    assert len(answers) == 300_000
    assert np.flatnonzero(np.ma.getmaskarray(answers)).tolist() == [1_000]
    assert [table.num_rows for table in log.batches] == [200_000, 100_000]
    assert not log.decisions
