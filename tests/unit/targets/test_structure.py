"""What columns contribute, from the structure of real models: it adds up to their answers, and agrees with `shap`."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from holdfast.datasets.encode import decode
from holdfast.domain.errors import ModelFailed
from holdfast.domain.schema import TABULAR, Task
from holdfast.explanations.score import linked
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import Link, TargetSpec
from holdfast.targets.structure import read_structure
from holdfast.testing.tables import credit_rows, credit_schema

SCHEMA, DATA = credit_schema(), credit_rows(500, 1)
FRAME, LABELS = decode(DATA.X, SCHEMA), np.array(SCHEMA.classes)[DATA.y]
WORDS, NUMBERS = ["housing", "purpose"], list(SCHEMA.names[:5])


def encoded(**how):
    return make_column_transformer((OneHotEncoder(**how), WORDS), (StandardScaler(), NUMBERS))


def ordinal():
    return make_column_transformer((OrdinalEncoder(), WORDS), remainder="passthrough")


PIPELINES = {
    "linear": make_pipeline(encoded(), LogisticRegression(max_iter=500)),
    "linear, first category dropped": make_pipeline(encoded(drop="first"), LogisticRegression(max_iter=500)),
    "linear, rare categories together": make_pipeline(encoded(min_frequency=0.3), LogisticRegression(max_iter=500)),
    "imputed": make_pipeline(
        make_column_transformer((make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS)), LogisticRegression()
    ),
    "selected": make_pipeline(ordinal(), SelectKBest(k=3), LogisticRegression(max_iter=500)),
    "boosted": make_pipeline(encoded(), GradientBoostingClassifier(n_estimators=20)),
    "histogram boosted": make_pipeline(ordinal(), HistGradientBoostingClassifier(max_iter=20)),
    "forest": make_pipeline(ordinal(), RandomForestClassifier(20, max_depth=5, random_state=0)),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_what_a_pipelines_columns_contribute_adds_up_to_its_answer(name):
    model = PIPELINES[name].fit(FRAME, LABELS)
    additive, contribute = read_structure(model)
    assert additive is not None
    told = contribute(FRAME)
    assert told.shape == (500, additive.outputs, 8)
    assert linked(told.sum(axis=2), additive.link, 1) == pytest.approx(model.predict_proba(FRAME)[:, 1], abs=1e-9)
    left_out = {"imputed": [5, 6]}.get(name, [])
    assert not told[:, :, left_out].any(), "what the model never sees contributes nothing"


def test_trees_agree_with_shap_and_linear_models_with_their_coefficients():
    import shap

    X, y = DATA.X[:, :5], DATA.y
    for model in (RandomForestClassifier(10, max_depth=4, random_state=0), GradientBoostingClassifier(n_estimators=10)):
        _, contribute = read_structure(model.fit(X, y))
        theirs = np.asarray(shap.TreeExplainer(model).shap_values(X))
        ours = contribute(X)[:, -1, :-1]
        assert ours == pytest.approx(theirs[:, :, -1] if theirs.ndim == 3 else theirs, abs=1e-12)
    linear = LinearRegression().fit(X, X @ [1.0, 2, 0, 0, 3])
    _, contribute = read_structure(linear)
    theirs = shap.LinearExplainer(linear, X).shap_values(X)
    told = contribute(X)[:, 0, :-1]
    assert told - told.mean(axis=0) == pytest.approx(theirs - theirs.mean(axis=0), abs=1e-6)


def test_regressions_and_many_classes_add_up_on_their_own_scales():
    X, values = DATA.X[:, :5], DATA.X[:, 0] / 10
    for model, link in (
        (ExtraTreesRegressor(10, max_depth=4), Link.IDENTITY),
        (PoissonRegressor(max_iter=500), Link.EXP),
    ):
        additive, contribute = read_structure(model.fit(X, values))
        assert additive.link is link
        assert linked(contribute(X).sum(axis=2), link, None) == pytest.approx(model.predict(X), rel=1e-6)
    three = np.digitize(DATA.X[:, 0], [40, 70])
    for model in (LogisticRegression(max_iter=2_000), HistGradientBoostingClassifier(max_iter=10)):
        additive, contribute = read_structure(model.fit(StandardScaler().fit_transform(X), three))
        assert (additive.link, additive.outputs) == (Link.SOFTMAX, 3)
        answers = model.predict_proba(X)
        for k in range(3):
            assert linked(contribute(X).sum(axis=2), Link.SOFTMAX, k) == pytest.approx(answers[:, k], abs=1e-9)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), PCA(3), LogisticRegression()),
        CalibratedClassifierCV(LogisticRegression(max_iter=500), cv=2),
        make_pipeline(SimpleImputer(add_indicator=True), LogisticRegression(max_iter=500)),
    ],
)
def test_a_model_whose_structure_does_not_tell_says_nothing(model):
    assert read_structure(model.fit(DATA.X[:, :5], DATA.y)) == (None, None)


def test_a_model_that_raises_where_it_is_looked_at_can_still_be_asked():
    class Shy(LogisticRegression):
        @property
        def n_features_in_(self):
            raise RuntimeError("not you")

    assert read_structure(Shy()) == (None, None)
    assert read_structure(object()) == (None, None)


def test_native_files_say_what_their_columns_contribute(tmp_path, of_task, in_process):
    xgboost, lightgbm = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    for task in TABULAR:
        schema, rows, labels = of_task(task)
        objective = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}
        params = {"objective": objective[task], "nthread": 1, "max_depth": 3}
        params |= {"num_class": 3} if task is Task.MULTICLASS else {}
        xgboost.train(params, xgboost.DMatrix(rows, labels), 5).save_model(tmp_path / "m.ubj")
        params = {"objective": str(task), "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
        params |= {"num_class": 3} if task is Task.MULTICLASS else {}
        lightgbm.train(params, lightgbm.Dataset(rows, labels), 5).save_model(tmp_path / "m.txt")
        for format, file in (("xgboost", "m.ubj"), ("lightgbm", "m.txt")):
            opened = in_process(TargetSpec(format, str(tmp_path / file)), schema)
            additive, batch = opened.model.additive, opened.layout.batch(rows)
            told = np.asarray(opened.model.contribute(batch), dtype=np.float64)
            answers = opened.ask(rows)
            for k in range(answers.shape[1]):
                outcome = None if task is Task.REGRESSION else k
                assert linked(told.sum(axis=2), additive.link, outcome) == pytest.approx(answers[:, k], abs=1e-5)


def test_a_worker_answers_in_the_order_of_the_datas_classes(tmp_path):
    """Labels sorted the other way round than the schema has them: the sum is about the schema's second class."""
    from dataclasses import replace

    schema = replace(SCHEMA, classes=("yes", "no"), favourable=0)
    model = make_pipeline(encoded(), LogisticRegression(max_iter=500)).fit(FRAME, LABELS)
    joblib.dump(model, tmp_path / "m.joblib")
    with open_target(TargetSpec("joblib", str(tmp_path / "m.joblib")), schema) as target:
        told = target.contributions(DATA.X[:50])
        assert linked(told.sum(axis=2), Link.LOGISTIC, 1) == pytest.approx(target.scores(DATA.X[:50])[:, 1])
        assert target.queries == 100


def test_a_model_that_does_not_tell_refuses_and_stays_alive(tmp_path):
    model = make_pipeline(ordinal(), PCA(3), LogisticRegression()).fit(FRAME, LABELS)
    joblib.dump(model, tmp_path / "m.joblib")
    with open_target(TargetSpec("joblib", str(tmp_path / "m.joblib")), SCHEMA) as target:
        assert target.additive is None
        with pytest.raises(ModelFailed, match="does not say"):
            target.contributions(DATA.X[:5])
        assert target.predict(DATA.X[:5]).shape == (5,)
