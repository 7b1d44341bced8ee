"""scikit-learn through joblib, pickle and skops: the isolated answers are the direct ones, bit for bit."""

from __future__ import annotations

import importlib
import pickle
import sys
from dataclasses import replace

import joblib
import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC

from holdfast.datasets.encode import decode
from holdfast.domain.errors import FixInput, ModelFailed, RefusedArtifact
from holdfast.domain.schema import Task
from holdfast.targets.isolated import describe, open_target
from holdfast.targets.spec import TargetSpec


def saved(model, path, kind="joblib"):
    if kind == "skops":
        skops = pytest.importorskip("skops.io")
        skops.dump(model, path)
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(model))
    else:
        joblib.dump(model, path, compress=3)
    return TargetSpec(kind, str(path))


@pytest.mark.parametrize(
    ("task", "kind"), [(Task.BINARY, "joblib"), (Task.MULTICLASS, "pickle"), (Task.REGRESSION, "skops")]
)
def test_isolated_answers_equal_direct_ones(tmp_path, of_task, task, kind):
    schema, rows, labels = of_task(task)
    forest = RandomForestClassifier if task.is_classification else RandomForestRegressor
    model = forest(8, random_state=0).fit(rows, labels)
    with open_target(saved(model, tmp_path / "model", kind), schema) as target:
        expected = model.predict_proba(rows) if task.is_classification else model.predict(rows).reshape(-1, 1)
        assert np.array_equal(target.scores(rows), expected)
        assert target.gives_scores
        if task is not Task.BINARY:
            assert np.array_equal(target.predict(rows), model.predict(rows))
        assert target.facts.task is task
        assert target.facts.library.startswith("scikit-learn ")
        assert target.facts.n_features == 3
        assert target.facts.classes == schema.classes


@pytest.fixture
def pipeline(mixed):
    schema, rows, labels = mixed
    text = ["housing type"]
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), text), remainder="passthrough")
    return make_pipeline(encode, StandardScaler(), LogisticRegression()).fit(decode(rows, schema), labels)


def test_a_pipeline_over_text_columns_in_the_model_s_own_order(tmp_path, mixed, pipeline):
    schema, rows, _ = mixed
    spec = saved(pipeline, tmp_path / "model.joblib")
    direct = pipeline.predict_proba(decode(rows, schema))
    shuffled = schema.with_features(schema.features[::-1])
    with open_target(replace(spec, threshold=0.7), shuffled) as target:
        assert np.array_equal(target.scores(rows[:, ::-1]), direct)
        assert np.array_equal(target.predict(rows[:, ::-1]), (direct[:, 1] >= 0.7).astype(int))
        assert target.facts.features == schema.names
        assert target.facts.estimator == "Pipeline with LogisticRegression"
        assert target.facts.classes == ("no", "yes")
        unseen = rows[:1, ::-1].copy()
        unseen[0, 1] = -1
        assert target.scores(unseen).shape == (1, 2)


def test_class_order_follows_the_schema_not_the_model(tmp_path, mixed, pipeline, in_process):
    schema, rows, _ = mixed
    spec = saved(pipeline, tmp_path / "model.joblib")
    turned = replace(schema, classes=("yes", "no"), favourable=0)
    assert np.array_equal(in_process(spec, turned).ask(rows), in_process(spec, schema).ask(rows)[:, ::-1])


def test_a_class_that_the_model_never_saw_has_probability_zero(tmp_path, schema_of, rows, labels_of, in_process):
    model = RandomForestClassifier(3, random_state=0).fit(rows, labels_of(Task.MULTICLASS) * 2)
    schema = schema_of(Task.MULTICLASS, classes=(0, 1, 2, 4))
    answer = in_process(saved(model, tmp_path / "m"), schema).ask(rows)
    assert np.array_equal(answer[:, [0, 2, 3]], model.predict_proba(rows))
    assert not answer[:, 1].any()


def test_unknown_classes_and_features_are_named(tmp_path, mixed, pipeline, schema_of, in_process):
    schema, rows, _ = mixed
    spec = saved(pipeline, tmp_path / "model.joblib")
    with pytest.raises(FixInput, match="classes are no, yes; the data has good, bad"):
        in_process(spec, replace(schema, classes=("good", "bad"))).ask(rows)
    with pytest.raises(FixInput, match="housing type"):
        in_process(spec, schema.with_features((*schema.features[:2], schema.features[3])))
    model = LogisticRegression().fit(rows, np.arange(len(rows)) % 2)
    with pytest.raises(FixInput, match="takes 4 features; the data has 3"):
        in_process(saved(model, tmp_path / "m"), schema_of(Task.BINARY))


def test_a_model_of_a_matrix_without_names_gets_a_matrix(tmp_path, mixed, in_process, recwarn):
    schema, rows, labels = mixed
    frame = decode(rows, schema)
    encode = make_column_transformer((OrdinalEncoder(), [2]), remainder="passthrough")
    text = make_pipeline(encode, LogisticRegression()).fit(frame.to_numpy(), labels)
    assert np.array_equal(
        in_process(saved(text, tmp_path / "t"), schema).ask(rows), text.predict_proba(frame.to_numpy())
    )
    numbers = schema.with_features((schema.features[0], schema.features[3]))
    values = frame[["income", "grade"]].to_numpy(float)
    plain = LogisticRegression().fit(values, labels)
    assert np.array_equal(
        in_process(saved(plain, tmp_path / "p"), numbers).ask(rows[:, [0, 3]]), plain.predict_proba(values)
    )
    assert not [w for w in recwarn if "feature names" in str(w.message)]


def test_without_probabilities_there_are_decisions_only(tmp_path, mixed):
    schema, rows, labels = mixed
    numbers = schema.with_features(schema.features[:2])
    model = LinearSVC().fit(decode(rows[:, :2], numbers), labels)
    with open_target(saved(model, tmp_path / "m"), numbers) as target:
        assert not target.gives_scores
        assert np.array_equal(target.predict(rows[:, :2]), (model.predict(decode(rows[:, :2], numbers)) == "yes") * 1)
        with pytest.raises(ModelFailed, match="decisions only"):
            target.scores(rows[:, :2])


def test_a_search_is_its_best_estimator(tmp_path, schema_of, rows, labels_of, in_process):
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2).fit(rows, labels_of(Task.BINARY))
    opened = in_process(saved(search, tmp_path / "m"), schema_of(Task.BINARY))
    assert opened.model.estimator == "GridSearchCV with LogisticRegression"
    assert np.array_equal(opened.ask(rows), search.predict_proba(rows))


def test_wrappers_of_other_libraries_load_the_same_way(tmp_path, schema_of, rows, labels_of, in_process):
    xgboost, lightgbm = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    names = {
        "XGBoost": xgboost.XGBClassifier(n_estimators=4),
        "LightGBM": lightgbm.LGBMClassifier(n_estimators=4, verbose=-1),
    }
    for library, last in names.items():
        model = make_pipeline(StandardScaler(), last).fit(rows, labels_of(Task.MULTICLASS))
        opened = in_process(saved(model, tmp_path / library), schema_of(Task.MULTICLASS))
        assert opened.model.library.startswith(library + " ")
        assert np.array_equal(opened.ask(rows), model.predict_proba(rows))


@pytest.fixture
def own_class(tmp_path, monkeypatch):
    """A class that no allow-list knows, in a module beside the model."""
    source = "from sklearn.linear_model import LogisticRegression\nclass Own(LogisticRegression):\n    pass\n"
    (tmp_path / "own_module.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("own_module").Own
    sys.modules.pop("own_module", None)


@pytest.mark.parametrize("kind", ["joblib", "skops"])
def test_what_the_allow_list_does_not_know_is_refused_unless_named(tmp_path, of_task, own_class, in_process, kind):
    schema, rows, labels = of_task(Task.BINARY)
    model = own_class().fit(rows, labels)
    spec = saved(model, tmp_path / "m", kind)
    with pytest.raises(RefusedArtifact, match="Own"):
        in_process(spec, schema)
    named = replace(spec, allow=("own_module.Own",), python_path=str(tmp_path))
    with open_target(named, schema) as target:
        assert np.array_equal(target.scores(rows), model.predict_proba(rows))


def test_a_refusal_crosses_from_the_worker(tmp_path):
    (tmp_path / "m.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(RefusedArtifact) as refused:
        describe(TargetSpec("pickle", str(tmp_path / "m.pkl")))
    assert refused.value.hint


@pytest.mark.parametrize(
    ("content", "error"), [(b"", FixInput), (b"not a pickle", FixInput), (b"\x80\x04\x95\xff", FixInput)]
)
def test_a_broken_file_is_the_giver_s_to_mend(tmp_path, schema_of, in_process, content, error):
    (tmp_path / "m.pkl").write_bytes(content)
    with pytest.raises((error, RefusedArtifact)):
        in_process(TargetSpec("pickle", str(tmp_path / "m.pkl")), schema_of(Task.BINARY))


def test_something_else_than_a_predictor_is_named(tmp_path, schema_of, rows, in_process):
    with pytest.raises(FixInput, match="StandardScaler"):
        in_process(saved(StandardScaler().fit(rows), tmp_path / "m"), schema_of(Task.BINARY))
