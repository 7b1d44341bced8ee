"""Data contracts as people write them: YAML, read with errors that name line and fix."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from holdfast.documents import Section, read_document
from holdfast.domain.contract import ColumnKind, ColumnTerms, Contract


class ColumnSection(Section):
    """What is agreed for one column."""

    kind: ColumnKind
    low: float | None = None
    high: float | None = None
    categories: list[str | int | float | bool] = []
    pattern: str = ""
    missing_at_most: float = Field(default=0.0, ge=0, le=1)
    unique: bool = False
    personal: bool = False

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"this is no regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _fits_its_kind(self) -> ColumnSection:
        numeric = self.kind in (ColumnKind.NUMBER, ColumnKind.INTEGER)
        if (self.low is not None or self.high is not None) and not numeric:
            raise ValueError(f"`low` and `high` are for numbers, not for a column of kind {self.kind}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("`low` is above `high`")
        if bool(self.categories) != (self.kind is ColumnKind.CATEGORY):
            raise ValueError("a column of kind category lists its `categories`, and no other does")
        if self.pattern and self.kind is not ColumnKind.TEXT:
            raise ValueError("`pattern` is for columns of kind text")
        return self

    def record(self, name: str) -> ColumnTerms:
        """The domain record."""
        return ColumnTerms(
            name=name,
            kind=self.kind,
            low=self.low,
            high=self.high,
            categories=tuple(self.categories),
            pattern=self.pattern,
            missing_at_most=self.missing_at_most,
            unique=self.unique,
            personal=self.personal,
        )


class RowsSection(Section):
    """How many rows."""

    at_least: int = Field(default=1, ge=1)
    at_most: int | None = Field(default=None, ge=1)


class ContractDocument(Section):
    """The whole document."""

    name: str = Field(min_length=1)
    version: str
    columns: dict[str, ColumnSection] = Field(min_length=1)
    target: str = ""
    rows: RowsSection = RowsSection()
    extra_columns: bool = False
    failing_rows_at_most: float = Field(default=0.0, ge=0, le=1)
    label_shift_at_most: float = Field(default=0.05, ge=0, le=1)
    copies_at_most: float = Field(default=0.01, ge=0, le=1)
    no_baseline_because: str = ""

    @model_validator(mode="after")
    def _target_is_agreed(self) -> ContractDocument:
        if self.target and self.target not in self.columns:
            raise ValueError(f"the target {self.target!r} is not among `columns`")
        return self

    def record(self) -> Contract:
        """The domain record."""
        return Contract(
            name=self.name,
            version=self.version,
            columns=tuple(section.record(name) for name, section in self.columns.items()),
            target=self.target,
            rows_at_least=self.rows.at_least,
            rows_at_most=self.rows.at_most,
            extra_columns=self.extra_columns,
            failing_rows_at_most=self.failing_rows_at_most,
            label_shift_at_most=self.label_shift_at_most,
            copies_at_most=self.copies_at_most,
            no_baseline_because=self.no_baseline_because,
        )


def read_contract(path: Path) -> Contract:
    """The contract in the YAML file at `path`."""
    return read_document(path, ContractDocument).record()
