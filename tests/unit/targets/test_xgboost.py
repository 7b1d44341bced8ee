"""XGBoost's own files: all objectives that predict, names, categories, missing values, early stopping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.datasets.encode import decode
from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Task
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import TargetSpec

xgboost = pytest.importorskip("xgboost")
OBJECTIVES = {Task.BINARY: "binary:logistic", Task.MULTICLASS: "multi:softprob", Task.REGRESSION: "reg:squarederror"}


def trained(task, rows, labels, objective=None, **more):
    params = {"objective": objective or OBJECTIVES[task], "max_depth": 3, "nthread": 1, "seed": 0}
    if task is Task.MULTICLASS:
        params["num_class"] = 3
    return xgboost.train(params, xgboost.DMatrix(rows, labels, **more), 6)


def direct(booster, rows):
    answer = booster.predict(xgboost.DMatrix(rows)).astype(np.float64)
    return np.column_stack([1 - answer, answer]) if booster.save_config().find("binary:") > 0 else answer


@pytest.mark.parametrize(
    ("task", "suffix"), [(Task.BINARY, "json"), (Task.MULTICLASS, "ubj"), (Task.REGRESSION, "ubj")]
)
def test_isolated_answers_equal_direct_ones(tmp_path, of_task, task, suffix):
    schema, rows, labels = of_task(task)
    booster = trained(task, rows, labels)
    path = tmp_path / f"model.{suffix}"
    booster.save_model(path)
    rows = rows.copy()
    rows[:20, 1] = np.nan
    with open_target(TargetSpec("xgboost", str(path)), schema) as target:
        assert np.array_equal(target.scores(rows), direct(booster, rows).reshape(len(rows), -1))
        assert (target.facts.task, target.facts.estimator) == (task, OBJECTIVES[task])
        assert target.facts.n_features == 3
        assert target.facts.library == f"XGBoost {xgboost.__version__}"


def opened(in_process, booster, tmp_path, schema):
    booster.save_model(tmp_path / "m.ubj")
    return in_process(TargetSpec("xgboost", str(tmp_path / "m.ubj")), schema)


def test_softmax_and_logitraw_answer_probabilities_too(tmp_path, schema_of, rows, labels_of, in_process):
    labels = labels_of(Task.MULTICLASS)
    expected = direct(trained(Task.MULTICLASS, rows, labels), rows)
    booster = trained(Task.MULTICLASS, rows, labels, "multi:softmax")
    answer = opened(in_process, booster, tmp_path, schema_of(Task.MULTICLASS)).ask(rows)
    assert np.allclose(answer, expected, atol=1e-6)
    booster = trained(Task.BINARY, rows, labels_of(Task.BINARY), "binary:logitraw")
    answer = opened(in_process, booster, tmp_path, schema_of(Task.BINARY)).ask(rows)
    assert np.allclose(np.log(answer[:, 1] / answer[:, 0]), booster.predict(xgboost.DMatrix(rows)), atol=1e-5)


def test_hinge_gives_decisions_only(tmp_path, schema_of, rows, labels_of, in_process):
    booster = trained(Task.BINARY, rows, labels_of(Task.BINARY), "binary:hinge")
    target = opened(in_process, booster, tmp_path, schema_of(Task.BINARY))
    assert target.model.gives_scores is False
    assert np.array_equal(target.ask(rows).ravel(), booster.predict(xgboost.DMatrix(rows)))


def test_ranking_is_refused_in_words(tmp_path, schema_of, rows, labels_of, in_process):
    data = xgboost.DMatrix(rows, labels_of(Task.BINARY), group=[150, 150])
    booster = xgboost.train({"objective": "rank:pairwise"}, data, 2)
    with pytest.raises(FixInput, match="rank:pairwise"):
        opened(in_process, booster, tmp_path, schema_of(Task.BINARY))


def test_text_labels_match_the_model_s_counting(tmp_path, schema_of, rows, labels_of, in_process):
    booster = trained(Task.BINARY, rows, labels_of(Task.BINARY))
    schema = schema_of(Task.BINARY, classes=("no", "yes"))
    assert np.array_equal(opened(in_process, booster, tmp_path, schema).ask(rows), direct(booster, rows))


def test_columns_are_matched_by_name(tmp_path, schema_of, rows, labels_of, in_process):
    booster = trained(Task.BINARY, rows, labels_of(Task.BINARY), feature_names=["a", "b", "c"])
    target = opened(in_process, booster, tmp_path, schema_of(Task.BINARY, names=("c", "a", "b")))
    expected = xgboost.DMatrix(rows, feature_names=["a", "b", "c"])
    assert np.array_equal(target.ask(rows[:, [2, 0, 1]])[:, 1], booster.predict(expected).astype(np.float64))


def test_categories_keep_their_codes(tmp_path, mixed, in_process):
    schema, rows, labels = mixed
    features = tuple(replace(f, dtype="category") if f.kind.value == "category" else f for f in schema.features)
    schema = schema.with_features(features)
    frame = decode(rows, schema)
    model = xgboost.XGBClassifier(n_estimators=5, enable_categorical=True).fit(frame, labels == "yes")
    answer = opened(in_process, model, tmp_path, schema).ask(rows)
    assert np.array_equal(answer[:, 1], model.predict_proba(frame)[:, 1].astype(np.float64))


def test_early_stopping_answers_with_the_best_round(tmp_path, schema_of, rows, labels_of, in_process):
    labels = labels_of(Task.BINARY)
    model = xgboost.XGBClassifier(n_estimators=60, learning_rate=1.0, early_stopping_rounds=5, random_state=0)
    noisy = np.random.default_rng(0).permutation(labels)
    model.fit(rows[:200], noisy[:200], eval_set=[(rows[200:], noisy[200:])], verbose=False)
    answer = opened(in_process, model, tmp_path, schema_of(Task.BINARY)).ask(rows)
    assert model.best_iteration < model.get_booster().num_boosted_rounds() - 1
    assert np.array_equal(answer[:, 1], model.predict_proba(rows)[:, 1].astype(np.float64))


@pytest.mark.parametrize("content", [b"", b"{}", b'{"learner": 1}', b"\x00\xff garbage"])
def test_a_broken_file_is_named(tmp_path, schema_of, in_process, content):
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(FixInput, match="cannot read"):
        in_process(TargetSpec("xgboost", str(tmp_path / "m.json")), schema_of(Task.BINARY))
