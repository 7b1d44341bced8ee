"""A table in the form that probes work on: matrices of float64, with roles kept beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Attribute:
    """A protected attribute: `codes` int64 of shape (n,), each an index into `labels`, -1 where it is not known."""

    codes: NDArray[np.int64]
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of one table.

    Shapes: `X` float64 (n, features) as `Target` takes it; `y` (n,) int64 class codes or float64 values, None without
    labels; `protected` maps an attribute's name to its groups, also where the model does not see it; `ids`, `source`
    and `time` are object, object and float64 (seconds since 1970) arrays of shape (n,), or None. `row` is the 0-based
    row number in the file that was read, int64 (n,). `digest` is that of the file.
    """

    X: NDArray[np.float64]
    y: NDArray[np.int64] | NDArray[np.float64] | None
    protected: Mapping[str, Attribute] = field(default_factory=dict)
    ids: NDArray[np.object_] | None = None
    source: NDArray[np.object_] | None = None
    time: NDArray[np.float64] | None = None
    row: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    digest: str = ""

    def __post_init__(self) -> None:
        if self.row.shape != (len(self.X),):
            object.__setattr__(self, "row", np.arange(len(self.X), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: NDArray[np.int64]) -> Dataset:
        """The given rows, in the given order, with everything that belongs to them."""

        def pick(values: Any) -> Any:
            return None if values is None else values[rows]

        groups = {name: Attribute(a.codes[rows], a.labels) for name, a in self.protected.items()}
        return Dataset(
            X=self.X[rows],
            y=pick(self.y),
            protected=groups,
            ids=pick(self.ids),
            source=pick(self.source),
            time=pick(self.time),
            row=self.row[rows],
            digest=self.digest,
        )

    def sample(self, size: int, rng: np.random.Generator) -> Dataset:
        """At most `size` rows drawn without replacement, in table order."""
        if len(self) <= size:
            return self
        return self.take(np.sort(rng.choice(len(self), size, replace=False)))
