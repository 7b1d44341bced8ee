"""What models answer, of whatever library: to columns for guards and the log, and back to what the caller expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import ModelFailed
from holdfast.domain.schema import Scalar
from holdfast.flows.exchange import Matrix, Places, Reply

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One array of an answer: as the model gave it, and as `values`, (m,) or (m, k).

    Numbers with fractions are scores (or values of a regression), which a policy may round; all else are decisions.
    """

    raw: Any
    values: Array

    @property
    def is_scores(self) -> bool:
        """Whether it holds numbers with fractions."""
        return self.values.dtype.kind == "f"

    def columns(self, labels: Sequence[Scalar]) -> list[tuple[str, Array]]:
        """Its columns by name: ``prediction``, or ``score`` with the class where there are as many."""
        stem = "score" if self.is_scores else "prediction"
        if self.values.ndim == 1:
            return [(stem, self.values)]
        width = self.values.shape[1]
        names = labels if len(labels) == width else range(width)
        return [(f"{stem}_{name}", column) for name, column in zip(names, self.values.T, strict=True)]

    def whole(self, shown: Array) -> Any:
        """Other values for the same rows, in the model's own type."""
        raw = self.raw
        if shown is self.values:
            return raw
        if _is_maps(raw):
            return [dict(zip(raw[0], row, strict=True)) for row in shown.tolist()]
        if hasattr(raw, "new_tensor"):
            return raw.new_tensor(shown)
        if hasattr(raw, "columns"):
            return type(raw)(shown, index=raw.index, columns=raw.columns)
        if hasattr(raw, "index") and hasattr(raw, "name"):
            return type(raw)(shown, index=raw.index, name=raw.name)
        return shown.tolist() if isinstance(raw, list) else shown


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """All that the model gave: one part, or several in a list as an ONNX session has them."""

    parts: tuple[Part, ...]
    listed: bool

    def reply(self, labels: Sequence[Scalar]) -> Reply:
        """As the flow takes it: the scores where there are any, decisions beside them."""
        columns = [column for part in self.parts if not part.is_scores for column in part.columns(labels)]
        scores = next((part for part in self.parts if part.is_scores), None)
        if scores is None:
            names, values = zip(*columns, strict=True)
            return Reply(names, values)
        named = scores.columns(labels)
        matrix = scores.values.reshape(len(scores.values), -1).astype(np.float64)
        return Reply(tuple(name for name, _ in named), tuple(matrix.T), matrix, tuple(columns))

    def to_caller(self, scores: Matrix | None, asked: Places | None, kept: Places | None, n: int, fill: Any) -> Any:
        """What the caller gets for `n` rows: of the rows `asked` the model about, those `kept`, scores as shown.

        Where rows are missing that is a masked array of NumPy, or `fill` (if not None) where a row has one value.
        """
        found = [self._shown(part, scores, asked, kept) for part in self.parts]
        pairs = list(zip(self.parts, found, strict=True))
        if kept is None:
            given = [part.whole(values) for part, values in pairs]
        else:
            given = [masked(values, kept, n, fill if values.ndim == 1 else None) for part, values in pairs]
        return given if self.listed else given[0]

    def _shown(self, part: Part, scores: Matrix | None, asked: Places | None, kept: Places | None) -> Array:
        if part.is_scores and scores is not None:
            same = scores.reshape(len(scores), *part.values.shape[1:]).astype(part.values.dtype)
            return part.values if same.shape == part.values.shape and np.array_equal(same, part.values) else same
        if kept is None:
            return part.values
        return part.values[kept if asked is None else np.searchsorted(asked, kept)]


def read_answer(raw: Any, rows: int, *, listed: bool = False) -> Answer:
    """The answer to so many rows; ModelFailed where it is not one value or one row of values for each."""
    parts = tuple(Part(item, _values(item)) for item in (raw if listed else (raw,)))
    for part in parts:
        if part.values.ndim not in (1, 2) or len(part.values) != rows:
            raise ModelFailed("model.wrong-shape", f"The model answered {part.values.shape} for {rows} rows.")
    if sum(part.is_scores for part in parts) > 1:
        raise ModelFailed("model.many-scores", "The model gives more than one array of scores.", "Ask for one of them.")
    return Answer(parts, listed)


def masked(values: Array, kept: Places, n: int, fill: Any = None) -> Any:
    """An array of `n` rows with `values` at the places `kept`, masked elsewhere, or with `fill` there."""
    shape = (n, *values.shape[1:])
    if fill is not None:
        own, other = values.dtype, np.asarray(fill).dtype
        alike = (own.kind in "fiub") == (other.kind in "fiub") and own.kind != "O"
        filled = np.full(shape, fill, dtype=np.result_type(own, other) if alike else object)
        filled[kept] = values
        return filled
    wide = np.ma.MaskedArray(np.zeros(shape, dtype=values.dtype), mask=np.ones(shape, dtype=bool))
    wide[kept] = values
    return wide


def _is_maps(raw: Any) -> bool:
    """Whether it is a list of {label: probability}, as ONNX's ZipMap gives it."""
    return isinstance(raw, list) and bool(raw) and isinstance(raw[0], dict)


def _values(raw: Any) -> Array:
    if _is_maps(raw):
        return np.array([list(row.values()) for row in raw], dtype=np.float64)
    if hasattr(raw, "detach"):  # torch
        raw = raw.detach().cpu()
    return np.asarray(raw.to_numpy() if hasattr(raw, "to_numpy") else raw)
