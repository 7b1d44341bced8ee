"""What an attack is given and what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Answers = NDArray[np.int64] | NDArray[np.float64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Size = Callable[[Matrix, Matrix], Vector]
"""What the attack makes small: (rows, originals) → (n,); infinite where a change is not to be considered."""


@dataclass(frozen=True, eq=False)
class Goal:
    """What counts as success, for victims whose present answers are `baseline` (n,).

    A class code `wanted`; or, where that is None, any other class, or a prediction that moves by more than `tolerance`.
    """

    baseline: Answers
    wanted: int | None = None
    tolerance: float = 0.0

    def reached(self, answers: Answers, victim: Rows) -> Mask:
        """Whether the answers (k,) for changed rows of these victims (k,) are what the attacker wants."""
        if self.wanted is not None:
            return np.asarray(answers == self.wanted)
        if self.tolerance:
            return np.asarray(np.abs(answers - self.baseline[victim]) > self.tolerance)
        return np.asarray(answers != self.baseline[victim])

    def of(self, victim: Rows) -> Goal:
        """The same goal for some of the victims."""
        return replace(self, baseline=self.baseline[victim])


@dataclass(frozen=True, eq=False)
class Owned:
    """The attacker's own `rows` (k, features) and the model's `answers` (k,) to them."""

    rows: Matrix
    answers: Answers


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result by victim: the nearest `rows` found (n, features), their `size`, `flipped`, and `queries` spent.

    A victim that was not flipped keeps its own row, with infinite size. Every flipped row was asked about once more at
    the end and is a permitted change.
    """

    rows: Matrix
    size: Vector
    flipped: Mask
    queries: Rows
