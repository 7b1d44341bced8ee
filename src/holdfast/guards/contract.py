"""What a guard is: frozen parameters and one function that prepares it; what it prepares then looks at rows.

    @dataclass(frozen=True)
    class Params:
        slack: float = 0.1

    @guard(title=..., question=..., params=Params(), threshold=1.0, trial="package.module:name", ...)
    def run(reference: Reference, params: Params) -> Prepared:
        low = np.array(...)

        def look(rows: Rows) -> Looked:
            return Looked(score, because)

        return Prepared(fields, look)

The id comes from the file's place: ``holdfast/guards/table/range.py`` is ``table.range``. Whatever can be worked out
before the first row is worked out by the decorated function; `look` is numpy on whole columns, so that one row and a
million take the same way. A row is flagged where its score reaches the threshold. A guard that remembers keeps its
memory in what it prepared, bounds it, and takes the time from `Rows.at`: each process has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast import canonical
from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, Stage
from holdfast.domain.reference import Reference
from holdfast.domain.schema import Schema
from holdfast.guards.bins import Bins, Codes
from holdfast.guards.oddity import OddityScore

Matrix = NDArray[np.float64]


class Ground:
    """A reference made ready for what several guards ask of each row."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.bins = Bins(reference.levels)
        self.oddity = OddityScore(reference.oddity, reference.levels)

    @cached_property
    def digest(self) -> str:
        """The digest of the reference."""
        return canonical.digest(self.reference)


class Rows:
    """Rows of one call, as guards see them.

    `X` is float64 (n, features) in schema order: codes for categories (-1 unseen), NaN for missing and for what could
    not be read, never infinite. `faults` is int8 (n, features) of `holdfast.datasets.raw.Fault`, None where all was
    readable; `extra` counts columns that nobody asked for. `at` is the time in seconds since 1970, `principal` the id
    of the credential that asks, `subjects` (n,) the pseudonyms of whom the rows are about. After the model, `outputs`
    is its answer, float64 (n, k): scores, values or class codes.
    """

    __slots__ = ("X", "_codes", "_ground", "_less_odd", "at", "extra", "faults", "outputs", "principal", "subjects")

    def __init__(
        self,
        X: Matrix,
        ground: Ground,
        *,
        at: float,
        faults: NDArray[np.int8] | None = None,
        extra: int = 0,
        principal: str = "",
        subjects: Sequence[str] | None = None,
        outputs: Matrix | None = None,
    ) -> None:
        self.X = X
        self.faults = faults
        self.extra = extra
        self.at = at
        self.principal = principal
        self.subjects = subjects
        self.outputs = outputs
        self._ground = ground
        self._codes: Codes | None = None
        self._less_odd: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.X)

    @property
    def codes(self) -> Codes:
        """Each cell as one of few levels, uint8 (n, features), worked out once for all guards; see `Bins`."""
        if self._codes is None:
            self._codes = self._ground.bins.codes(self.X)
        return self._codes

    @property
    def less_odd(self) -> NDArray[np.float64]:
        """The share of ordinary rows that are less odd, (n,), worked out once; see `holdfast.guards.oddity`."""
        if self._less_odd is None:
            self._less_odd = self._ground.oddity.share_less_odd(self.X, self.codes)
        return self._less_odd


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What a guard saw: `score` float64 (n,), and `because(i)`, a sentence on row `i` that never carries content."""

    score: NDArray[np.float64]
    because: Callable[[int], str]


EVERY = ("*",)
"""All features, as the fields that a guard looks at: their names would be most of a decision's record."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A guard made ready for one reference: the `fields` that it looks at (`EVERY`, or by name), and how."""

    fields: tuple[str, ...]
    look: Callable[[Rows], Looked]


class Reads(StrEnum):
    """What a guard looks at: rows of a table, or passages of text."""

    ROWS = "rows"
    TEXT = "text"


Prepare = Callable[..., Any]
"""``(Reference, Params) -> Prepared`` for rows; ``(Params) -> holdfast.guards.passages.Reading`` for text."""


@dataclass(frozen=True)
class GuardSpec:
    """A declared guard.

    `action` is what a flagged row gets and `on_error` what every row gets where the guard breaks or misses its
    deadline, unless a policy says otherwise. `unit` says what its score counts. `deadline_ms` is for one row, or for
    each thousand of many, or for each thousand characters of text. `remembers` says in words what it keeps between
    calls, and what that means where several processes serve; empty for a guard that does not.
    """

    id: str
    version: str
    title: str
    question: str
    stage: Stage
    action: Action
    threshold: float
    unit: str
    params: Any
    on_error: Action
    cost: str
    deadline_ms: float
    remembers: str
    catalogue: tuple[str, ...]
    trial: str
    prepare: Prepare = field(compare=False)
    reads: Reads = Reads.ROWS

    def with_params(self, overrides: Mapping[str, Any]) -> Any:
        """The guard's parameters, some of them as a policy has them; FixInput for a name or value that cannot be."""
        try:
            return type(self.params)(**{**vars(self.params), **overrides})
        except (TypeError, ValueError) as error:
            raise FixInput(
                "guard.parameter",
                f"The guard {self.id} cannot be used like this: {error}.",
                f"Its parameters are: {', '.join(vars(self.params)) or 'none'}.",
            ) from error


def guard(
    *,
    title: str,
    question: str,
    params: Any,
    trial: str,
    threshold: float,
    unit: str,
    cost: str,
    stage: Stage = Stage.BEFORE,
    action: Action = Action.FLAG,
    on_error: Action = Action.FLAG,
    deadline_ms: float = 50.0,
    remembers: str = "",
    catalogue: tuple[str, ...] = (),
    version: str = "1",
    reads: Reads = Reads.ROWS,
) -> Callable[[Prepare], GuardSpec]:
    """Declare a function that prepares a guard; see the module's docstring."""
    if not is_dataclass(params) or isinstance(params, type):
        raise TypeError("params is an instance of the guard's Params dataclass")

    def declare(prepare: Prepare) -> GuardSpec:
        return GuardSpec(
            id=".".join(prepare.__module__.split(".")[-2:]),
            version=version,
            title=title,
            question=question,
            stage=stage,
            action=action,
            threshold=threshold,
            unit=unit,
            params=params,
            on_error=on_error,
            cost=cost,
            deadline_ms=deadline_ms,
            remembers=remembers,
            catalogue=catalogue,
            trial=trial,
            prepare=prepare,
            reads=reads,
        )

    return declare


def fields_of(schema: Schema, columns: Sequence[int]) -> tuple[str, ...]:
    """The fields at these columns, as `Prepared` has them."""
    return EVERY if len(columns) == len(schema.features) else tuple(schema.names[j] for j in columns)


def listed(names: Sequence[str], flags: NDArray[np.bool_]) -> str:
    """The names that are flagged, bool (len(names),), at most five of them: ``income, debt and 3 more``."""
    found = [name for name, flag in zip(names, flags.tolist(), strict=True) if flag]
    more = len(found) - 5
    shown = ", ".join(found[:5])
    return f"{shown} and {more} more" if more > 0 else shown
