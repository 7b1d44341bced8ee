"""scikit-learn estimators and pipelines, and whatever keeps their interface (XGBoost's and LightGBM's wrappers)."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.domain.errors import FixInput, RefusedArtifact
from holdfast.domain.schema import Task
from holdfast.targets.model import Batch, Model, plain_labels
from holdfast.targets.spec import TargetSpec
from holdfast.targets.structure import read_structure


def load(spec: TargetSpec) -> Model:
    """Load the estimator through the allow-list; RefusedArtifact where the file holds anything else."""
    estimator = _load_skops(spec) if spec.format == "skops" else _load_pickle(spec)
    task = _task(estimator)
    classes = (
        plain_labels(np.asarray(getattr(estimator, "classes_", ())).tolist()) if task is not Task.REGRESSION else ()
    )
    names = _attribute(estimator, "feature_names_in_")
    scores = task is Task.REGRESSION or hasattr(estimator, "predict_proba")
    answer = estimator.predict_proba if scores and task is not Task.REGRESSION else estimator.predict

    def table(batch: Batch) -> Any:
        return batch.values if names is None else batch.frame

    def ask(batch: Batch) -> Any:
        return answer(table(batch))

    additive, contribute = read_structure(estimator)
    return Model(
        library=_library(estimator),
        ask=ask,
        estimator=_name(estimator),
        task=task,
        classes=classes,
        features=None if names is None else tuple(map(str, names)),
        n_features=_attribute(estimator, "n_features_in_"),
        gives_scores=scores,
        additive=additive,
        contribute=None if contribute is None else lambda batch: contribute(table(batch)),
    )


def _load_pickle(spec: TargetSpec) -> Any:
    from holdfast.artifacts.unpickler import load_pickle

    return load_pickle(Path(spec.location), extra=frozenset(spec.allow))


def _load_skops(spec: TargetSpec) -> Any:
    """skops constructs only what it trusts by itself or is told to trust: what is on the same list as for pickles."""
    import skops.io

    from holdfast.artifacts.allowlist import allowed_use
    from holdfast.artifacts.scan import scan_file

    extra = frozenset(spec.allow)
    report = scan_file(Path(spec.location), extra)
    if not report.allowed:
        hint = "Read the source of what it names; if you trust it, list it under `model.allow` in the manifest."
        raise RefusedArtifact("artifact.refused", f"{report.name} was not loaded. {report.reasons[0].message}", hint)
    data = Path(spec.location).read_bytes()
    names = skops.io.get_untrusted_types(data=data)
    return skops.io.loads(data, trusted=[name for name in names if allowed_use(*_module_and_name(name), extra)])


def _module_and_name(path: str) -> tuple[str, str]:
    module, _, name = path.rpartition(".")
    return module, name


def _task(estimator: Any) -> Task:
    from sklearn.base import is_classifier, is_regressor

    if is_classifier(estimator):
        return Task.BINARY if len(_attribute(estimator, "classes_") or ()) == 2 else Task.MULTICLASS
    if is_regressor(estimator):
        return Task.REGRESSION
    raise FixInput(
        "model.not-a-predictor",
        f"The file holds a {type(estimator).__name__}, which is neither a classifier nor a regressor.",
        "Save the whole fitted pipeline with its final estimator.",
    )


def _attribute(estimator: Any, name: str) -> Any:
    """A fitted attribute as plain Python; None where the estimator has none (some wrappers raise their own errors)."""
    try:
        value = getattr(estimator, name)
    except Exception:
        return None
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _last(estimator: Any) -> Any:
    """The estimator at the end of a pipeline or search."""
    for name in ("best_estimator_", "steps"):
        inner = _attribute(estimator, name)
        if inner is not None:
            return _last(inner[-1][1] if name == "steps" else inner)
    return estimator


def _name(estimator: Any) -> str:
    last = type(_last(estimator)).__name__
    own = type(estimator).__name__
    return own if own == last else f"{own} with {last}"


def _library(estimator: Any) -> str:
    """The distribution that the last estimator comes from, with its version."""
    package = type(_last(estimator)).__module__.partition(".")[0]
    names = {"sklearn": "scikit-learn", "xgboost": "XGBoost", "lightgbm": "LightGBM"}
    distribution = "scikit-learn" if package == "sklearn" else package
    try:
        return f"{names.get(package, package)} {metadata.version(distribution)}"
    except metadata.PackageNotFoundError:
        return package
