"""What is measured of outcomes by group, from counts and sums alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.measure import Direction, Measure, Measurement
from holdfast.domain.schema import Schema
from holdfast.probes.fairness._contrasts import (
    Estimates,
    against_everyone_else,
    critical_value,
    ratio_to_best,
    shares,
    shortfall_from_best,
)
from holdfast.probes.fairness._groups import MINIMUM_ROWS, Grouping
from holdfast.statistics import wilson

SELECTION_RATE = Measure(
    "fairness.selection_rate",
    "Selection rate",
    "share",
    Direction.NEUTRAL,
    "The share of a group that is given the favourable outcome.",
    (0, 1),
)
IMPACT_RATIO = Measure(
    "fairness.impact_ratio",
    "Impact ratio",
    "ratio",
    Direction.HIGHER_IS_BETTER,
    "A group's selection rate divided by that of the group with the highest one (6 RCNY § 5-300); 1 is equal. Below "
    "0.8 is generally regarded as evidence of adverse impact (29 CFR 1607.4(D)).",
    (0, 1),
)
PARITY_DIFFERENCE = Measure(
    "fairness.parity_difference",
    "Difference in how often an outcome is given",
    "share",
    Direction.LOWER_IS_BETTER,
    "How much less often a group is given an outcome than the group that is given it most often; 0 is equal.",
    (0, 1),
)
TPR_DIFFERENCE = Measure(
    "fairness.tpr_difference",
    "Difference in true positive rate",
    "share",
    Direction.LOWER_IS_BETTER,
    "Of those whose label is the outcome: how much less often a group is given it than the group that is given it most "
    "often (equal opportunity, Hardt et al. 2016); 0 is equal.",
    (0, 1),
)
FPR_DIFFERENCE = Measure(
    "fairness.fpr_difference",
    "Difference in false positive rate",
    "share",
    Direction.LOWER_IS_BETTER,
    "Of those whose label is another outcome: how much less often a group is given the favourable one all the same "
    "than the group that is given it most often; 0 is equal.",
    (0, 1),
)
CALIBRATION_GAP = Measure(
    "fairness.calibration_gap",
    "Calibration gap",
    "share",
    Direction.NEUTRAL,
    "How much more often the favourable outcome is true in a group than its scores say, minus the same for everyone "
    "else; 0 is equal, above 0 the model underrates the group.",
    (-2, 2),
)
MEAN_PREDICTION_GAP = Measure(
    "fairness.mean_prediction_gap",
    "Gap in mean prediction",
    "standard deviations",
    Direction.NEUTRAL,
    "A group's mean prediction minus that of everyone else, in standard deviations of the predictions; 0 is equal.",
)
MEAN_ERROR_GAP = Measure(
    "fairness.mean_error_gap",
    "Gap in mean error",
    "standard deviations",
    Direction.NEUTRAL,
    "A group's mean of label minus prediction, minus that of everyone else, in standard deviations of the labels; 0 is "
    "equal, above 0 the model underrates the group.",
)
MEASURES = (
    SELECTION_RATE,
    IMPACT_RATIO,
    PARITY_DIFFERENCE,
    TPR_DIFFERENCE,
    FPR_DIFFERENCE,
    CALIBRATION_GAP,
    MEAN_PREDICTION_GAP,
    MEAN_ERROR_GAP,
)
NOT_KNOWN = 2
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of one grouping by group, label and decision on one outcome, float64 (groups, 3, 2).

    Label 0: another outcome, 1: this one, 2: not known. Decision 0: another outcome, 1: this one.
    """

    grouping: Grouping
    outcome: int
    counts: Array

    @property
    def decided(self) -> Array:
        """Rows by group and decision, float64 (groups, 2)."""
        return np.asarray(self.counts.sum(axis=1))


@dataclass(frozen=True, eq=False)
class Contrast:
    """One measure over the judged groups of one grouping.

    `index` are their positions in `grouping.groups`; `rows` what each rests on, `rates` their plain rates or means and
    `against` the contrast, all (judged,); `labelled` the same rates in the labels, where every judged group has labels.
    """

    measure: Measure
    grouping: Grouping
    index: NDArray[np.int64]
    rows: Array
    rates: Array
    against: Estimates
    outcome: int | None = None
    labelled: Array | None = None

    def group(self, position: int) -> str:
        """The name of a judged group."""
        return self.grouping.groups[int(self.index[position])]

    def words(self, position: int) -> str:
        """The same for a sentence."""
        return self.grouping.words[int(self.index[position])]

    def measurements(self, schema: Schema) -> Iterator[Measurement]:
        """One measurement for each judged group."""
        for position, rows in enumerate(self.rows):
            yield self.measure.of(
                self.against.value[position],
                n=int(rows),
                interval=self.against.interval(position),
                **_scope(self.group(position), self.outcome, schema),
            )


def outcomes(schema: Schema) -> list[int]:
    """The outcomes to compare: the favourable one; where there is none every class, of two only the second."""
    if schema.favourable is not None:
        return [schema.favourable]
    return [1] if len(schema.classes) == 2 else list(range(len(schema.classes)))


def tabulate(
    compared: Sequence[Grouping],
    decisions: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    outcome: int,
) -> list[Table]:
    """One `Table` for each grouping. `decisions` and `labels` are class codes (n,), labels below 0 not known."""
    known = np.full(len(decisions), NOT_KNOWN) if labels is None else np.where(labels < 0, NOT_KNOWN, labels == outcome)
    cell = known * 2 + (decisions == outcome)
    tables = []
    for grouping in compared:
        size = len(grouping.groups) + 1
        counts = np.bincount((grouping.codes + 1) * 6 + cell, minlength=size * 6).reshape(size, 3, 2)
        tables.append(Table(grouping, outcome, counts[1:].astype(np.float64)))
    return tables


def selection_rates(tables: Sequence[Table], schema: Schema) -> Iterator[Measurement]:
    """The rate of every group that has any row, judged or not, each with its own 95 % interval."""
    for table in tables:
        for group, (not_given, given) in zip(table.grouping.groups, table.decided, strict=True):
            n = int(given + not_given)
            if n:
                scope = _scope(group, table.outcome, schema)
                yield SELECTION_RATE.of(given / n, n=n, interval=wilson(float(given), n), **scope)


def _scope(group: str, outcome: int | None, schema: Schema) -> dict[str, str]:
    """Which group; and which outcome, where none is favourable."""
    if outcome is None or outcome == schema.favourable:
        return {"group": group}
    return {"group": group, "outcome": str(schema.classes[outcome])}


def rate_contrasts(tables: Sequence[Table], schema: Schema) -> Iterator[Contrast]:
    """Every measure of rates on every table; tables of one order share their error between them."""
    for table in tables:
        families = sum(other.grouping.order == table.grouping.order for other in tables)
        if schema.favourable is None:
            yield from _rate_contrast(PARITY_DIFFERENCE, table, table.decided, families)
        else:
            yield from _rate_contrast(IMPACT_RATIO, table, table.decided, families)
            yield from _rate_contrast(FPR_DIFFERENCE, table, table.counts[:, 0], families)
        yield from _rate_contrast(TPR_DIFFERENCE, table, table.counts[:, 1], families)


def _rate_contrast(measure: Measure, table: Table, counts: Array, families: int) -> Iterator[Contrast]:
    """`counts` is (groups, 2): rows not given and given the outcome. Nothing where no rows can be compared."""
    rows = counts.sum(axis=1)
    index = np.flatnonzero(table.grouping.judged & (rows >= MINIMUM_ROWS))
    if len(index) < 2 or not counts[index, 1].any():
        return
    rates = shares(counts[index, 1], rows[index], critical_value(len(index), families))
    against = ratio_to_best(rates) if measure is IMPACT_RATIO else shortfall_from_best(rates)
    labelled = _rates_in_labels(table, index) if measure in (IMPACT_RATIO, PARITY_DIFFERENCE) else None
    yield Contrast(measure, table.grouping, index, rows[index], rates.value, against, table.outcome, labelled)


def _rates_in_labels(table: Table, index: NDArray[np.int64]) -> Array | None:
    labels = table.counts[index, :NOT_KNOWN].sum(axis=2)
    known = labels.sum(axis=1)
    return np.asarray(labels[:, 1] / known) if known.all() else None


def mean_contrasts(
    measure: Measure, compared: Sequence[Grouping], values: Array, outcome: int | None = None
) -> Iterator[Contrast]:
    """Means of `values` (n,) by group against everyone else; NaN is left out."""
    finite = np.isfinite(values)
    filled = np.where(finite, values, 0.0)
    for grouping in compared:
        codes = np.where(finite, grouping.codes, -1) + 1
        size = len(grouping.groups) + 1
        rows, sums, squares = (
            np.bincount(codes, weights=weights, minlength=size)[1:].astype(np.float64)
            for weights in (None, filled, filled**2)
        )
        index = np.flatnonzero(grouping.judged & (rows >= MINIMUM_ROWS))
        if len(index) < 2:
            continue
        families = sum(other.order == grouping.order for other in compared)
        against = against_everyone_else(rows[index], sums[index], squares[index], families)
        yield Contrast(measure, grouping, index, rows[index], sums[index] / rows[index], against, outcome)
