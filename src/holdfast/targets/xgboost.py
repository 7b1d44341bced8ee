"""XGBoost's own files (JSON and UBJSON), with or without the scikit-learn wrapper that wrote them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Task
from holdfast.targets.model import Batch, Model
from holdfast.targets.spec import METHOD, Additive, Link, TargetSpec

_NOT_PREDICTED = ("rank:", "survival:")


def load(spec: TargetSpec) -> Model:
    """Load the booster. Where training stopped early, the trees up to the best round answer, as XGBoost advises."""
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(spec.location)
    except xgboost.core.XGBoostError as error:
        raise _unreadable(error) from error
    objective, n_classes = _objective(booster)
    task = _task(objective)
    rounds = _rounds(booster)
    names = booster.feature_names

    def matrix(batch: Batch) -> Any:
        table = batch.values if names is None else batch.frame
        return xgboost.DMatrix(table, nthread=1, enable_categorical=names is not None)

    def ask(batch: Batch) -> NDArray[Any]:
        answer = booster.predict(matrix(batch), iteration_range=rounds, output_margin=_needs_margin(objective))
        return _answer(answer, objective)

    def contribute(batch: Batch) -> NDArray[Any]:
        return contributions(booster, matrix(batch), rounds)

    return Model(
        library=f"XGBoost {xgboost.__version__}",
        ask=ask,
        estimator=objective,
        task=task,
        classes=() if task is Task.REGRESSION else tuple(range(n_classes)),
        features=None if names is None else tuple(names),
        n_features=booster.num_features(),
        gives_scores=objective != "binary:hinge",
        additive=additive(objective, n_classes),
        contribute=contribute,
    )


def additive(objective: str, n_classes: int) -> Additive | None:
    """On which scale the trees add up; None where that is not what the model answers from."""
    if objective.startswith("multi:"):
        return Additive(METHOD, Link.SOFTMAX, n_classes)
    if objective in ("binary:logistic", "binary:logitraw"):
        return Additive(METHOD, Link.LOGISTIC, 1)
    if objective in ("count:poisson", "reg:gamma", "reg:tweedie"):
        return Additive(METHOD, Link.EXP, 1)
    is_plain = objective in ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror")
    return Additive(METHOD, Link.IDENTITY, 1) if is_plain else None


def contributions(booster: Any, rows: Any, rounds: tuple[int, int]) -> NDArray[Any]:
    """TreeSHAP by the library itself, (n, outputs, features + 1); `rows` are a DMatrix."""
    found: NDArray[Any] = booster.predict(rows, pred_contribs=True, iteration_range=rounds, strict_shape=True)
    return found


def _unreadable(error: Exception) -> FixInput:
    words = str(error).strip().splitlines() or ["no reason given"]
    return FixInput(
        "model.unreadable",
        f"XGBoost cannot read the model: {words[0][-200:]}.",
        "Write it with `save_model` as .json or .ubj.",
    )


def _objective(booster: Any) -> tuple[str, int]:
    """The objective's name, and the number of classes."""
    learner = json.loads(booster.save_config())["learner"]
    return learner["objective"]["name"], max(2, int(learner["learner_model_param"]["num_class"]))


def _task(objective: str) -> Task:
    if objective.startswith(_NOT_PREDICTED):
        raise FixInput("model.unsupported", f"Holdfast does not attack models with the objective {objective}.")
    if objective.startswith("binary:"):
        return Task.BINARY
    return Task.MULTICLASS if objective.startswith("multi:") else Task.REGRESSION


def _rounds(booster: Any) -> tuple[int, int]:
    best = booster.attr("best_iteration")
    return (0, int(best) + 1) if best is not None else (0, 0)


def _needs_margin(objective: str) -> bool:
    return objective in ("multi:softmax", "binary:logitraw")


def _answer(answer: NDArray[np.float32], objective: str) -> NDArray[Any]:
    """Probabilities; from the margins where the objective alone would give decisions or log-odds."""
    if objective == "multi:softmax":
        powers = np.exp(answer - answer.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    if objective == "binary:logitraw":
        return np.asarray(1 / (1 + np.exp(-answer)))
    return answer.astype(np.int64) if objective == "binary:hinge" else answer
