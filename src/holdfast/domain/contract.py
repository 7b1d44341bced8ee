"""Data contracts: what a table must be before it may be used, as its owner and its users agreed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from holdfast.domain.schema import Scalar


class ColumnKind(StrEnum):
    """How a column's values are read."""

    NUMBER = "number"
    INTEGER = "integer"
    CATEGORY = "category"
    TEXT = "text"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class ColumnTerms:
    """What is agreed for one column.

    `low` and `high` are inclusive, in the column's unit. `missing_at_most` is a share; 0 makes each row without a value
    a failing row. `personal` says that the column is meant to hold personal data.
    """

    name: str
    kind: ColumnKind
    low: float | None = None
    high: float | None = None
    categories: tuple[Scalar, ...] = ()
    pattern: str = ""
    missing_at_most: float = 0.0
    unique: bool = False
    personal: bool = False


@dataclass(frozen=True, slots=True)
class Contract:
    """The terms of one data set.

    `target` is the label column, empty where there is none; with one, labels and planted triggers are compared with
    the baseline. `failing_rows_at_most`, `label_shift_at_most` (largest change of a label's share) and
    `copies_at_most` (near-duplicates beyond what the baseline has) are shares. `no_baseline_because` lets in a table
    that has nothing trusted to be compared with, and says why.
    """

    name: str
    version: str
    columns: tuple[ColumnTerms, ...]
    target: str = ""
    rows_at_least: int = 1
    rows_at_most: int | None = None
    extra_columns: bool = False
    failing_rows_at_most: float = 0.0
    label_shift_at_most: float = 0.05
    copies_at_most: float = 0.01
    no_baseline_because: str = ""

    def column(self, name: str) -> ColumnTerms | None:
        """The terms of the column `name`."""
        return next((column for column in self.columns if column.name == name), None)
