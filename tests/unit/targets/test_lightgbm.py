"""LightGBM's own text files: objectives, names, categories, missing values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.datasets.encode import decode
from holdfast.domain.errors import FixInput
from holdfast.domain.schema import TABULAR, Task
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import TargetSpec

lightgbm = pytest.importorskip("lightgbm")
OBJECTIVES = {Task.BINARY: "binary", Task.MULTICLASS: "multiclass", Task.REGRESSION: "regression"}


def trained(task, rows, labels, objective=None, **more):
    params = {"objective": objective or OBJECTIVES[task], "num_threads": 1, "verbosity": -1, "seed": 0}
    if task is Task.MULTICLASS:
        params["num_class"] = 3
    return lightgbm.train(params, lightgbm.Dataset(rows, labels, **more), 6)


def opened(in_process, booster, tmp_path, schema):
    booster.save_model(tmp_path / "m.txt")
    return in_process(TargetSpec("lightgbm", str(tmp_path / "m.txt")), schema)


@pytest.mark.parametrize("task", list(TABULAR))
def test_isolated_answers_equal_direct_ones(tmp_path, schema_of, rows, labels_of, task):
    booster = trained(task, rows, labels_of(task))
    booster.save_model(tmp_path / "m.txt")
    rows = rows.copy()
    rows[:20, 1] = np.nan
    expected = booster.predict(rows)
    if task is Task.BINARY:
        expected = np.column_stack([1 - expected, expected])
    with open_target(TargetSpec("lightgbm", str(tmp_path / "m.txt")), schema_of(task)) as target:
        assert np.array_equal(target.scores(rows), expected.reshape(len(rows), -1))
        assert (target.facts.task, target.facts.features, target.facts.n_features) == (task, None, 3)
        assert target.facts.library == f"LightGBM {lightgbm.__version__}"


def test_one_against_all_is_made_to_sum_to_one(tmp_path, schema_of, rows, labels_of, in_process):
    booster = trained(Task.MULTICLASS, rows, labels_of(Task.MULTICLASS), "multiclassova")
    answer = opened(in_process, booster, tmp_path, schema_of(Task.MULTICLASS)).ask(rows)
    assert np.allclose(answer.sum(axis=1), 1)
    assert np.array_equal(answer.argmax(axis=1), booster.predict(rows).argmax(axis=1))


def test_names_with_spaces_and_categories(tmp_path, mixed, in_process):
    schema, rows, labels = mixed
    features = tuple(replace(f, dtype="category") if f.kind.value == "category" else f for f in schema.features)
    schema = schema.with_features(features)
    frame = decode(rows, schema)
    booster = trained(Task.BINARY, frame, (labels == "yes").astype(int))
    target = opened(in_process, booster, tmp_path, schema.with_features(features[::-1]))
    assert target.model.features == ("income", "years", "housing_type", "grade")
    rows[0, 2] = -1
    frame = decode(rows, schema)
    assert np.array_equal(target.ask(rows[:, ::-1])[:, 1], booster.predict(frame))


def test_a_ranker_and_a_broken_file_are_named(tmp_path, schema_of, rows, labels_of, in_process):
    booster = trained(Task.BINARY, rows, labels_of(Task.BINARY), "lambdarank", group=[150, 150])
    with pytest.raises(FixInput, match="lambdarank"):
        opened(in_process, booster, tmp_path, schema_of(Task.BINARY))
    (tmp_path / "m.txt").write_text("a,b\n1,2\n")
    with pytest.raises(FixInput, match="not a LightGBM text model"):
        in_process(TargetSpec("lightgbm", str(tmp_path / "m.txt")), schema_of(Task.BINARY))
    (tmp_path / "m.txt").write_text("tree\nversion=v4\nobjective=binary sigmoid:1\n")
    with pytest.raises(FixInput, match="cannot read"):
        in_process(TargetSpec("lightgbm", str(tmp_path / "m.txt")), schema_of(Task.BINARY))
