"""ONNX: every form of inputs and outputs that converters of tabular models write. Equal within single precision."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from holdfast.datasets.encode import decode
from holdfast.domain.errors import FixInput, ModelFailed
from holdfast.domain.schema import TABULAR, Task
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import TargetSpec

pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")
PRECISION = 1e-6


def converted(model, example, path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path.write_bytes(skl2onnx.to_onnx(model, example, options=options or None).SerializeToString())
    return TargetSpec("onnx", str(path))


@pytest.mark.parametrize("task", list(TABULAR))
def test_isolated_answers_equal_direct_ones(tmp_path, schema_of, rows, labels_of, task):
    forest = RandomForestClassifier if task.is_classification else RandomForestRegressor
    rows = rows.astype(np.float32).astype(np.float64)
    model = forest(5, max_depth=4, random_state=0).fit(rows, labels_of(task))
    options = {"zipmap": False} if task.is_classification else {}
    spec = converted(model, rows[:1].astype(np.float32), tmp_path / "m.onnx", **options)
    expected = model.predict_proba(rows) if task.is_classification else model.predict(rows).reshape(-1, 1)
    with open_target(spec, schema_of(task)) as target:
        assert np.allclose(target.scores(rows), expected, atol=PRECISION)
        assert target.facts.classes == schema_of(task).classes
        assert target.facts.n_features == 3
        assert target.facts.task is (task if task.is_classification else None)
        assert target.facts.library.startswith("ONNX Runtime ")


def test_maps_of_probabilities_are_read_by_label(tmp_path, schema_of, rows, labels_of, in_process):
    labels = np.array(["b", "c", "a"])[labels_of(Task.MULTICLASS)]
    model = LogisticRegression().fit(rows, labels)
    spec = converted(model, rows[:1].astype(np.float32), tmp_path / "m.onnx")
    opened = in_process(spec, schema_of(Task.MULTICLASS, classes=("c", "a", "b")))
    assert opened.model.classes == ("a", "b", "c")
    assert np.allclose(opened.ask(rows), model.predict_proba(rows)[:, [2, 0, 1]], atol=1e-5)


def test_labels_alone_are_decisions(tmp_path, schema_of, rows, labels_of, in_process):
    from onnx import load, save

    model = LogisticRegression().fit(rows, np.array(["no", "yes"])[labels_of(Task.BINARY)])
    converted(model, rows[:1].astype(np.float32), tmp_path / "m.onnx", zipmap=False)
    graph = load(tmp_path / "m.onnx")
    del graph.graph.output[1]
    save(graph, tmp_path / "m.onnx")
    opened = in_process(TargetSpec("onnx", str(tmp_path / "m.onnx")), schema_of(Task.BINARY, classes=("yes", "no")))
    assert opened.model.gives_scores is False
    assert np.array_equal(opened.ask(rows).ravel(), (model.predict(rows) == "no").astype(float))


def test_one_input_a_column_with_text_and_whole_numbers(tmp_path, mixed, in_process):
    schema, rows, labels = mixed
    frame = decode(rows, schema)
    text = ["housing type"]
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), text), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression(max_iter=500)).fit(frame, labels)
    spec = converted(model, frame[:1].astype({"income": "float32"}), tmp_path / "m.onnx", zipmap=False)
    opened = in_process(spec, schema.with_features(schema.features[::-1]))
    assert opened.model.features == ("income", "years", "housing_type", "grade")
    rows[0, 2], rows[1, 2] = -1, np.nan
    assert np.allclose(opened.ask(rows[:, ::-1]), model.predict_proba(decode(rows, schema)), atol=1e-4)
    rows[0, 1] = np.nan
    with pytest.raises(ModelFailed, match="no form for a missing"):
        opened.ask(rows[:, ::-1])


def test_blocks_of_columns_are_filled_in_order(tmp_path, mixed, in_process):
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    schema, rows, labels = mixed
    frame = decode(rows, schema).astype({"years": float, "grade": float})
    columns = ["income", "years", "grade", "housing type"]
    encode = make_column_transformer(("passthrough", [0, 1, 2]), (OneHotEncoder(handle_unknown="ignore"), [3]))
    model = make_pipeline(encode, LogisticRegression(max_iter=500)).fit(frame[columns].to_numpy(object), labels)
    types = [("numbers", FloatTensorType([None, 3])), ("words", StringTensorType([None, 1]))]
    graph = skl2onnx.convert_sklearn(model, initial_types=types, options={"zipmap": False})
    (tmp_path / "m.onnx").write_bytes(graph.SerializeToString())
    ordered = schema.with_features(tuple(schema.features[i] for i in (0, 1, 3, 2)))
    answer = in_process(TargetSpec("onnx", str(tmp_path / "m.onnx")), ordered).ask(rows[:, [0, 1, 3, 2]])
    assert np.allclose(answer, model.predict_proba(frame[columns].to_numpy(object)), atol=1e-4)


def test_boosters_that_were_converted(tmp_path, schema_of, rows, labels_of, in_process):
    tools, xgboost = pytest.importorskip("onnxmltools"), pytest.importorskip("xgboost")
    lightgbm = pytest.importorskip("lightgbm")
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("input", FloatTensorType([None, 3]))]
    values = rows.astype(np.float32)
    models = (
        (tools.convert_xgboost, xgboost.XGBClassifier(n_estimators=4), Task.BINARY),
        (tools.convert_xgboost, xgboost.XGBRegressor(n_estimators=4), Task.REGRESSION),
        (tools.convert_lightgbm, lightgbm.LGBMClassifier(n_estimators=4, verbose=-1), Task.MULTICLASS),
    )
    for convert, model, task in models:
        model.fit(values, labels_of(task))
        (tmp_path / "m.onnx").write_bytes(convert(model, initial_types=types).SerializeToString())
        answer = in_process(TargetSpec("onnx", str(tmp_path / "m.onnx")), schema_of(task)).ask(values.astype(float))
        expected = model.predict_proba(values) if task.is_classification else model.predict(values).reshape(-1, 1)
        assert np.allclose(answer, expected, atol=1e-5)


def test_a_wrong_width_and_a_broken_file_are_named(tmp_path, schema_of, rows, labels_of, in_process):
    model = LogisticRegression().fit(rows, labels_of(Task.BINARY))
    spec = converted(model, rows[:1].astype(np.float32), tmp_path / "m.onnx", zipmap=False)
    with pytest.raises(FixInput, match="takes 3 features; the data has 2"):
        in_process(spec, schema_of(Task.BINARY, names=("a", "b")))
    (tmp_path / "m.onnx").write_bytes(b"\x08\x07garbage")
    with pytest.raises(FixInput, match="cannot read"):
        in_process(spec, schema_of(Task.BINARY))
