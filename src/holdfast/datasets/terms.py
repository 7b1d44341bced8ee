"""A table held against its contract: which rows fail which terms, and what is wrong with the table as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.contract import ColumnKind, ColumnTerms, Contract
from holdfast.domain.dataset import Objection
from holdfast.domain.verdict import Outcome

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]


@dataclass(eq=False)
class Tally:
    """What was found so far: objections, and for each row (object, (n,)) the reasons why it fails, empty for none."""

    rows: int
    objections: list[Objection] = field(default_factory=list)
    reasons: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reasons = [[] for _ in range(self.rows)]

    def table(self, check: str, sentence: str, *, column: str = "", outcome: Outcome = Outcome.BREACH) -> None:
        """An objection to the table as a whole."""
        self.objections.append(Objection(check, outcome, sentence, column))

    def fail(
        self, check: str, failing: Mask, what: str, *, column: str = "", outcome: Outcome = Outcome.BREACH
    ) -> None:
        """An objection to some rows, of bool (n,); none where no row fails."""
        count = int(failing.sum())
        if count:
            sentence = f"{count:,} of {self.rows:,} rows {what}."
            self.objections.append(Objection(check, outcome, sentence, column, count))
            for row in np.flatnonzero(failing):
                self.reasons[row].append(f"{column}: {what}" if column else what)

    @property
    def failing(self) -> Mask:
        """Bool (n,): rows with a reason."""
        return np.array([bool(reasons) for reasons in self.reasons], dtype=bool)


def hold_to_contract(frame: pd.DataFrame, contract: Contract, tally: Tally) -> None:
    """Add to `tally` what the contract objects to. No value of the table gets into a sentence."""
    _count_rows(len(frame), contract, tally)
    for column in contract.columns:
        if column.name in frame.columns:
            _hold_column(frame[column.name], column, tally)
        else:
            tally.table("columns", f"There is no column {column.name!r}.", column=column.name)
    known = {column.name for column in contract.columns}
    extra = [name for name in map(str, frame.columns) if name not in known]
    if extra and not contract.extra_columns:
        tally.table("columns", f"Not agreed: the columns {', '.join(map(repr, extra[:12]))}.")


def _count_rows(rows: int, contract: Contract, tally: Tally) -> None:
    if rows < contract.rows_at_least:
        tally.table("rows", f"{rows:,} rows; at least {contract.rows_at_least:,} are agreed.")
    if contract.rows_at_most is not None and rows > contract.rows_at_most:
        tally.table("rows", f"{rows:,} rows; at most {contract.rows_at_most:,} are agreed.")


def _hold_column(values: pd.Series, terms: ColumnTerms, tally: Tally) -> None:
    missing = values.isna().to_numpy()
    share = float(missing.mean())
    if terms.missing_at_most == 0:
        tally.fail("missing", missing, "have no value", column=terms.name)
    elif share > terms.missing_at_most:
        sentence = f"{share:.1%} of the values are missing; at most {terms.missing_at_most:.1%} are agreed."
        tally.table("missing", sentence, column=terms.name)
    for check, failing, what in _failing(values, terms):
        tally.fail(check, failing & ~missing, what, column=terms.name)
    if terms.unique:
        tally.fail(
            "unique", values.duplicated(keep=False).to_numpy() & ~missing, "share their value", column=terms.name
        )


def _failing(values: pd.Series, terms: ColumnTerms) -> Iterator[tuple[str, Mask, str]]:
    """(check, bool (n,), words) of each term that is about single values; a missing value may be True or False."""
    import pandas as pd

    match terms.kind:
        case ColumnKind.NUMBER | ColumnKind.INTEGER:
            numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
            yield "kind", ~np.isfinite(numbers), "hold no finite number"
            if terms.kind is ColumnKind.INTEGER:
                yield "kind", np.isfinite(numbers) & (numbers != np.rint(numbers)), "hold no whole number"
            if terms.low is not None:
                yield "range", numbers < terms.low, f"are below {terms.low:g}"
            if terms.high is not None:
                yield "range", numbers > terms.high, f"are above {terms.high:g}"
        case ColumnKind.CATEGORY:
            allowed = {written(value) for value in terms.categories}
            yield "categories", ~values.map(written).isin(allowed).to_numpy(), "hold a value that is not agreed"
        case ColumnKind.TIME:
            moments = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
            yield "kind", moments.isna().to_numpy(), "hold no time in ISO 8601"
        case ColumnKind.TEXT if terms.pattern:
            fits = values.astype(str).str.fullmatch(terms.pattern)
            yield "pattern", ~fits.to_numpy(dtype=bool), "do not fit the pattern"
        case ColumnKind.TEXT:
            pass


def written(value: object) -> str:
    """A value as text, the same for 1 and 1.0: a gap in a column of integers makes them fractions."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
