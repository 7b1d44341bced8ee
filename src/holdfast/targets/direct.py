"""A model in this very process: for trials, tests, and callables that live only in a notebook's memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import BudgetSpent, HoldfastError, ModelFailed
from holdfast.domain.schema import Schema, Task
from holdfast.ports import Target
from holdfast.targets.spec import Additive

Matrix = NDArray[np.float64]


class DirectTarget:
    """Answers from a function of row matrices.

    `answer` maps float64 (n, features) to class probabilities (n, classes), for regression (n,) values, and with
    `gives_scores=False` to class codes (n,). `threshold` is the score of the favourable class from which a binary
    decision is favourable.
    """

    def __init__(
        self,
        answer: Callable[[Matrix], NDArray[np.generic]],
        schema: Schema,
        *,
        gives_scores: bool = True,
        threshold: float = 0.5,
    ) -> None:
        self._answer = answer
        self._schema = schema
        self.threshold = threshold
        self._gives_scores = gives_scores or schema.task is Task.REGRESSION
        self._queries = 0

    @property
    def task(self) -> Task:
        """What the model answers."""
        return self._schema.task

    @property
    def gives_scores(self) -> bool:
        """Whether `scores` works."""
        return self._gives_scores

    @property
    def queries(self) -> int:
        """Rows asked about so far."""
        return self._queries

    def predict(self, rows: Matrix) -> NDArray[np.int64] | NDArray[np.float64]:
        """Class codes (n,), or values (n,) for regression."""
        answer = self._ask(rows)
        if self.task is Task.REGRESSION:
            return answer.reshape(-1)
        if not self._gives_scores:
            return answer.reshape(-1).astype(np.int64)
        return decide(answer, self._schema, self.threshold)

    def scores(self, rows: Matrix) -> Matrix:
        """Class probabilities (n, classes); regression values (n, 1)."""
        if not self._gives_scores:
            raise ModelFailed("model.no-scores", "This model gives decisions only.", "Use `predict`.")
        answer = self._ask(rows)
        return answer.reshape(len(rows), -1)

    def _ask(self, rows: Matrix) -> Matrix:
        self._queries += len(rows)
        if not len(rows):
            width = len(self._schema.classes) if self._gives_scores and self.task.is_classification else 1
            return np.empty((0, width))
        try:
            answer = np.asarray(self._answer(rows), dtype=np.float64)
        except HoldfastError:
            raise
        except Exception as error:  # whatever a model raises is its failure, not the probe's
            raise ModelFailed("model.raised", f"The model raised {type(error).__name__}: {error}") from error
        return checked(answer, rows, self._schema, self._gives_scores)


def decide(scores: Matrix, schema: Schema, threshold: float) -> NDArray[np.int64]:
    """Class codes from scores: the threshold on the favourable class for two classes, else the largest score."""
    if schema.task is Task.BINARY:
        favourable = 1 if schema.favourable is None else schema.favourable
        return np.where(scores[:, favourable] >= threshold, favourable, 1 - favourable)
    return np.asarray(np.argmax(scores, axis=1), dtype=np.int64)


def checked(answer: Matrix, rows: Matrix, schema: Schema, gives_scores: bool) -> Matrix:
    """The answer, if its shape and values are what was asked for; ModelFailed otherwise."""
    width = len(schema.classes) if gives_scores and schema.task.is_classification else 1
    if answer.size != len(rows) * width or answer.shape[:1] != (len(rows),):
        raise ModelFailed(
            "model.wrong-shape",
            f"The model answered {answer.shape} for {len(rows)} rows; expected {(len(rows), width)}.",
            "Check `task` and `classes` in the manifest against the model.",
        )
    if not np.isfinite(answer).all():
        bad = int(np.flatnonzero(~np.isfinite(answer.reshape(len(rows), -1)).all(axis=1))[0])
        raise ModelFailed("model.not-finite", f"The model answered NaN or infinity (first at row {bad} of a batch).")
    return answer


@runtime_checkable
class Contributing(Protocol):
    """A target whose model's structure may tell what its columns contribute."""

    @property
    def additive(self) -> Additive | None:
        """How contributions add up; None where nothing tells."""

    def contributions(self, rows: Matrix) -> Matrix:
        """What columns contribute, (n, outputs, features + 1), columns in schema order, the base last."""


class Metered:
    """Another target with a budget: raises `BudgetSpent` before a query would exceed `limit` rows."""

    def __init__(self, target: Target, limit: int) -> None:
        self._target = target
        self._limit = limit
        self._start = target.queries

    @property
    def task(self) -> Task:
        """What the model answers."""
        return self._target.task

    @property
    def gives_scores(self) -> bool:
        """Whether `scores` works."""
        return self._target.gives_scores

    @property
    def queries(self) -> int:
        """Rows asked through this meter."""
        return self._target.queries - self._start

    @property
    def left(self) -> int:
        """Rows that may still be asked."""
        return self._limit - self.queries

    def predict(self, rows: Matrix) -> NDArray[np.int64] | NDArray[np.float64]:
        """As the target's."""
        self._charge(rows)
        return self._target.predict(rows)

    def scores(self, rows: Matrix) -> Matrix:
        """As the target's."""
        self._charge(rows)
        return self._target.scores(rows)

    @property
    def additive(self) -> Additive | None:
        """As the target's."""
        return self._target.additive if isinstance(self._target, Contributing) else None

    def contributions(self, rows: Matrix) -> Matrix:
        """As the target's."""
        self._charge(rows)
        if not isinstance(self._target, Contributing):
            raise ModelFailed("model.no-contributions", "This model does not say what its columns contribute.")
        return self._target.contributions(rows)

    def _charge(self, rows: Matrix) -> None:
        if len(rows) > self.left:
            raise BudgetSpent("target.budget-spent", f"{len(rows)} rows asked, {self.left} of {self._limit} left.")
