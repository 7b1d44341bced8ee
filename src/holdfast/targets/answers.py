"""From whatever a model answers to the one matrix form: probabilities in schema order, class codes, or values.

Everything that does not fit is `ModelFailed`, with the reason: never a guess, never a silent repair.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput, ModelFailed
from holdfast.domain.schema import Kind, Scalar, Schema, Task

Matrix = NDArray[np.float64]

ROUNDING = 1e-3
"""How far probabilities may be from summing to 1: single precision and servers that round to three digits."""


def to_matrix(raw: Any, n: int, schema: Schema, classes: tuple[Scalar, ...], gives_scores: bool) -> Matrix:
    """Float64 (n, classes) probabilities in schema order, (n, 1) class codes, or (n, 1) values.

    `classes` are the labels of the columns of `raw` in order, empty where they are the schema's.
    """
    answer, labels = _as_array(raw, schema)
    if answer.ndim == 0 or len(answer) != n:
        raise _wrong_shape(answer, f"{n} rows")
    if not schema.task.is_classification:
        return _values(answer)
    if not gives_scores:
        return _codes(answer, schema, classes)
    return _probabilities(answer, schema, labels or classes)


def gives_scores(raw: Any, n: int, schema: Schema) -> bool:
    """Whether an answer holds probabilities rather than decisions.

    A column a class: probabilities. One column for two classes: floating point is the probability of the second class,
    anything else a decision. One column for more classes: decisions.
    """
    answer, _ = _as_array(raw, schema)
    if answer.ndim == 0 or len(answer) != n:
        raise _wrong_shape(answer, f"{n} rows")
    if answer.size > n:
        return True
    return schema.task is Task.REGRESSION or (schema.task is Task.BINARY and answer.dtype.kind == "f")


def typical_rows(schema: Schema) -> Matrix:
    """Two equal rows, (2, features), in the middle of every range: to learn in which form a model answers."""
    row = [_middle(f.low, f.high, f.kind) for f in schema.features]
    return np.array([row, row], dtype=np.float64).reshape(2, len(row))


def _middle(low: float | None, high: float | None, kind: Kind) -> float:
    if kind is Kind.CATEGORY:
        return 0.0
    middle = ((low or 0.0) + (high if high is not None else low or 0.0)) / 2
    return float(np.rint(middle)) if kind is Kind.INTEGER else middle


def _as_array(raw: Any, schema: Schema) -> tuple[NDArray[Any], tuple[Scalar, ...]]:
    """The answer as an array, and its columns' labels where a table carries the classes as names."""
    columns = tuple(getattr(raw, "columns", ()))
    labels = columns if columns and set(map(str, columns)) == set(map(str, schema.classes)) else ()
    if hasattr(raw, "toarray"):
        raw = raw.toarray()
    try:
        return np.asarray(raw), labels
    except ValueError as error:
        raise ModelFailed("model.wrong-shape", f"The model's answer is no array: {error}.") from error


def _values(answer: NDArray[Any]) -> Matrix:
    if answer.size != len(answer):
        raise _wrong_shape(answer, "one value a row")
    return _numbers(answer).reshape(-1, 1)


def _numbers(answer: NDArray[Any]) -> Matrix:
    try:
        return answer.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise ModelFailed(
            "model.not-a-number",
            f"The model answered {answer.dtype} where numbers were expected: {error}.",
            "Check `data.task` in the manifest.",
        ) from error


def _codes(answer: NDArray[Any], schema: Schema, classes: tuple[Scalar, ...]) -> Matrix:
    """Labels as class codes. A model whose classes are not known may answer codes where the labels are words."""
    if answer.size != len(answer):
        raise _wrong_shape(answer, "one label a row")
    counts = answer.dtype.kind in "iu" and all(isinstance(label, str) for label in schema.classes)
    own = classes or (tuple(range(len(schema.classes))) if counts else schema.classes)
    code_of = {_key(label): code for label, code in zip(own, align(own, schema.classes), strict=True)}
    labels = answer.reshape(-1).tolist()
    unknown = [label for label in set(labels) if _key(label) not in code_of]
    if unknown:
        raise ModelFailed(
            "model.unknown-class",
            f"The model answered {unknown[0]!r:.60}, which is none of the classes.",
            f"The classes are: {', '.join(map(str, schema.classes[:12]))}.",
        )
    codes = {label: float(code_of[_key(label)]) for label in set(labels)}
    return np.array([codes[label] for label in labels]).reshape(-1, 1)


def align(own: tuple[Scalar, ...], classes: tuple[Scalar, ...]) -> NDArray[np.int64]:
    """The schema's code of each of the model's own classes; FixInput where a class is unknown.

    By label (1, 1.0 and "1" are one label); a model that counts 0, 1, ... is matched by place.
    """
    codes = {_key(label): code for code, label in enumerate(classes)}
    found = [codes.get(_key(label)) for label in own]
    if None not in found:
        return np.array(found, dtype=np.int64)
    if [_key(label) for label in own] == [str(i) for i in range(len(classes))]:
        return np.arange(len(classes), dtype=np.int64)
    raise FixInput(
        "model.unknown-class",
        f"The model's classes are {', '.join(map(str, own[:12]))}; the data has {', '.join(map(str, classes[:12]))}.",
        "Check `data.target` in the manifest against the column that the model was trained on.",
    )


def by_class(contributions: Matrix, schema: Schema, classes: tuple[Scalar, ...]) -> Matrix:
    """Contributions (n, outputs, features + 1) by the schema's classes; a single output of two is about its second."""
    if not schema.task.is_classification or not classes:
        return contributions
    place = align(classes, schema.classes)
    if contributions.shape[1] == 1:
        return contributions if place[-1] == 1 else -contributions
    if len(place) != contributions.shape[1] or len(place) != len(schema.classes):
        raise ModelFailed("model.no-contributions", "The model knows other classes than the data.")
    placed = np.empty_like(contributions)
    placed[:, place] = contributions
    return placed


def _key(label: object) -> str:
    if isinstance(label, bool | int | float | np.generic) and float(label).is_integer():
        return str(int(label))
    return str(label)


def _probabilities(answer: NDArray[Any], schema: Schema, labels: tuple[Scalar, ...]) -> Matrix:
    wide = len(schema.classes)
    scores = _numbers(answer)
    if scores.size == len(scores) and schema.task is Task.BINARY:
        second = scores.reshape(-1)
        scores = np.column_stack([1 - second, second])
    own = labels or schema.classes
    if scores.ndim != 2 or scores.shape[1] != len(own):
        raise _wrong_shape(answer, f"{len(scores)} rows of {len(own)} probabilities")
    _require_probabilities(scores)
    place = align(own, schema.classes)
    if len(own) == wide and (place == np.arange(wide)).all():
        return scores
    placed = np.zeros((len(scores), wide))
    placed[:, place] = scores
    return placed


def _require_probabilities(scores: Matrix) -> None:
    """Between 0 and 1, summing to 1. NaN is left to the check of finiteness, which names the row."""
    outside = (scores < -ROUNDING) | (scores > 1 + ROUNDING)
    sums = np.abs(scores.sum(axis=1) - 1) > ROUNDING
    if outside.any() or sums.any():
        row = int(np.flatnonzero(outside.any(axis=1) | sums)[0])
        shown = ", ".join(f"{value:.4g}" for value in scores[row, :6])
        raise ModelFailed(
            "model.not-a-probability",
            f"The model answered [{shown}] for a row, which is no set of probabilities that sum to 1.",
            "Let it answer class probabilities, or whole-number or text labels for decisions alone.",
        )


def _wrong_shape(answer: NDArray[Any], expected: str) -> ModelFailed:
    return ModelFailed(
        "model.wrong-shape",
        f"The model answered an array of shape {answer.shape}; expected {expected}.",
        "Check `data.task` and `data.target` in the manifest against the model.",
    )
