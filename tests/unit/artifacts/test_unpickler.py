from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, SGDClassifier, TweedieRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC

from holdfast.artifacts.report import Verdict
from holdfast.artifacts.scan import scan_file
from holdfast.artifacts.unpickler import load_pickle
from holdfast.domain.errors import FixInput, RefusedArtifact

RNG = np.random.default_rng(0)
X = RNG.random((60, 3)) + 0.1
Y = (X[:, 0] > 0.6).astype(int)
COMPRESSIONS: tuple[Any, ...] = (0, 3, ("gzip", 3), ("bz2", 3), ("xz", 1), ("lzma", 1))


def boosters() -> list[Any]:
    found: list[Any] = []
    try:
        from xgboost import XGBClassifier

        found.append(XGBClassifier(n_estimators=3, n_jobs=1))
    except ImportError:
        pass
    try:
        from lightgbm import LGBMClassifier

        found.append(LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1))
    except ImportError:
        pass
    return found


MODELS: list[Any] = [
    LogisticRegression(),
    make_pipeline(StandardScaler(), SVC()),
    RandomForestClassifier(4, random_state=np.random.RandomState(0)),
    GradientBoostingClassifier(n_estimators=3, random_state=0),
    HistGradientBoostingClassifier(max_iter=3, categorical_features=[2], early_stopping=False),
    make_pipeline(FunctionTransformer(np.log1p), SplineTransformer(), SGDClassifier(random_state=0)),
    make_pipeline(make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [0])), LogisticRegression()),
    make_pipeline(SelectKBest(f_classif, k=2), KNeighborsClassifier(algorithm="kd_tree")),
    CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=3),
    StackingClassifier([("a", GaussianNB())], final_estimator=LogisticRegression(), cv=2),
    GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2),
    GaussianProcessClassifier(1.0 * RBF() + WhiteKernel()),
    MLPClassifier((3,), max_iter=3, random_state=0),
    IsolationForest(n_estimators=3, random_state=0),
    TweedieRegressor(),
    *boosters(),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("index", range(len(MODELS)), ids=[type(m).__name__ for m in MODELS])
def test_benign_models_load_and_answer_the_same(index: int, tmp_path: Path) -> None:
    model = MODELS[index].fit(X, Y)
    paths = [tmp_path / "model.pkl", tmp_path / "model.joblib"]
    paths[0].write_bytes(pickle.dumps(model, protocol=index % 4 + 2))
    joblib.dump(model, paths[1], compress=COMPRESSIONS[index % len(COMPRESSIONS)])
    for path in paths:
        assert scan_file(path).reasons == ()
        np.testing.assert_array_equal(load_pickle(path).predict(X), model.predict(X))


@pytest.mark.parametrize("compress", COMPRESSIONS, ids=str)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_joblib_arrays_of_all_kinds(compress: Any, protocol: int, tmp_path: Path) -> None:
    arrays = [
        np.arange(5),
        np.asfortranarray(X),
        np.zeros((0, 3)),
        np.array(["a", "é"]),
        np.array([b"x"]),
        np.array([None, "a", {"b": np.arange(2)}], object),
        X.astype(">f4"),
        np.zeros(3, [("a", "f4"), ("b", "i8")]),
        np.array(["2020-01-01"], "M8[D]"),
        np.array(5.0),
        IsotonicRegression().fit(X[:, 0], Y),
    ]
    path = tmp_path / "arrays.joblib"
    joblib.dump(arrays, path, compress=compress, protocol=protocol)
    report = scan_file(path)
    assert report.reasons == ()
    assert report.format.startswith("joblib")
    assert repr(load_pickle(path)) == repr(joblib.load(path))


def test_arrays_can_be_mapped(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump({"weights": X}, path)
    weights = load_pickle(path, mmap_mode="r")["weights"]
    assert isinstance(weights, np.memmap)
    np.testing.assert_array_equal(weights, X)


class Winsorizer:
    limit = 0.05


def test_own_classes_load_once_they_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"first": Winsorizer(), "then": LogisticRegression()}))
    with pytest.raises(RefusedArtifact, match="Winsorizer"):
        load_pickle(path)
    assert load_pickle(path, extra=frozenset({f"{__name__}.Winsorizer"}))["first"].limit == 0.05


def test_a_model_that_is_no_pickle_is_an_input_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(FixInput, match="not a pickle"):
        load_pickle(path)


def test_what_the_scan_refuses_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    marker = tmp_path / "marker"

    class Attack:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(marker),)

    joblib.dump([X, Attack()], path, compress=3)
    assert scan_file(path).verdict is Verdict.REFUSE
    with pytest.raises(RefusedArtifact, match=r"posix\.mkdir"):
        load_pickle(path)
    assert not marker.exists()


def test_the_loader_checks_each_import_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second lock holds even if the first were picked."""
    from holdfast.artifacts import unpickler
    from holdfast.artifacts.report import FileReport

    for name, dump in (("pickle", pickle.dump), ("joblib", joblib.dump)):
        path = tmp_path / name
        with path.open("wb") as file:
            dump([os.getcwd], file)
        monkeypatch.setattr(unpickler, "scan_open", lambda *_, kind=name: FileReport("x", kind, 1))
        with pytest.raises(RefusedArtifact, match=r"posix\.getcwd"):
            load_pickle(path)
