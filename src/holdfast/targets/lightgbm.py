"""LightGBM's own text files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Task
from holdfast.targets.model import Batch, Model
from holdfast.targets.spec import METHOD, Additive, Link, TargetSpec

_AUTOMATIC = re.compile(r"Column_\d+")
_TASKS = {
    "binary": Task.BINARY,
    "cross_entropy": Task.BINARY,
    "multiclass": Task.MULTICLASS,
    "multiclassova": Task.MULTICLASS,
}
_REGRESSIONS = (
    "regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie",
)  # fmt: skip


def load(spec: TargetSpec) -> Model:
    """Load the booster; FixInput where the file is not one, or ranks rather than predicts."""
    import lightgbm

    objective = _objective(Path(spec.location))
    try:
        booster = lightgbm.Booster(model_file=spec.location)
    except lightgbm.basic.LightGBMError as error:
        raise FixInput("model.unreadable", f"LightGBM cannot read the model: {error}.") from error
    task = _TASKS.get(objective, Task.REGRESSION)
    names = booster.feature_name()
    named = not all(_AUTOMATIC.fullmatch(name) for name in names)

    def ask(batch: Batch) -> NDArray[Any]:
        answer = np.asarray(booster.predict(batch.frame if named else batch.values, num_threads=1))
        return answer / answer.sum(axis=1, keepdims=True) if objective == "multiclassova" else answer

    def contribute(batch: Batch) -> NDArray[Any]:
        return contributions(booster, batch.frame if named else batch.values)

    return Model(
        library=f"LightGBM {lightgbm.__version__}",
        ask=ask,
        estimator=objective,
        task=task,
        classes=() if task is Task.REGRESSION else tuple(range(max(2, booster.num_model_per_iteration()))),
        features=tuple(names) if named else None,
        n_features=booster.num_feature(),
        gives_scores=True,
        additive=additive(objective, booster.num_model_per_iteration()),
        contribute=contribute,
    )


def additive(objective: str, outputs: int) -> Additive | None:
    """On which scale the trees add up; None where that is not what the model answers from."""
    links = dict.fromkeys(("binary", "cross_entropy"), Link.LOGISTIC) | {"multiclass": Link.SOFTMAX}
    links |= dict.fromkeys(("poisson", "gamma", "tweedie"), Link.EXP)
    if objective == "multiclassova":
        return None
    return Additive(METHOD, links.get(objective, Link.IDENTITY), outputs)


def contributions(booster: Any, rows: Any) -> NDArray[Any]:
    """TreeSHAP by the library itself, (n, outputs, features + 1)."""
    found = np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))
    return found.reshape(len(found), booster.num_model_per_iteration(), -1)


def _objective(path: Path) -> str:
    """The word after ``objective=`` at the head of the file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(1 << 16)
    found = re.search(r"^objective=(\S+)", head, re.MULTILINE)
    if not head.startswith("tree") or found is None:
        raise FixInput("model.unreadable", f"{path.name} is not a LightGBM text model.", "Write it with `save_model`.")
    objective = found[1]
    if objective not in _TASKS and objective not in _REGRESSIONS:
        raise FixInput("model.unsupported", f"Holdfast does not attack models with the objective {objective}.")
    return objective
