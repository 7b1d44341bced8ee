"""Groups of people compared, from counts and sums alone: who is large enough, and what is measured of each.

The intervals of a measure hold for all groups of all attributes at once, and again for all pairs of attributes at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from holdfast.contrasts import (
    Estimates,
    against_everyone_else,
    critical_value,
    ratio_to_best,
    shares,
    shortfall_from_best,
)
from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Measure, Measurement
from holdfast.domain.schema import Schema
from holdfast.measures import FPR_DIFFERENCE, IMPACT_RATIO, PARITY_DIFFERENCE, SELECTION_RATE, TPR_DIFFERENCE
from holdfast.statistics import wilson

MINIMUM_ROWS = 30
MINIMUM_SHARE = 0.02
NOT_KNOWN = 2
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Groups:
    """One protected attribute, or the intersection of two.

    `groups` are called ``sex=female`` or ``race=Black & sex=female``; `words` are the same for a sentence (``race =
    Black and sex = female``). `sizes` int64 (groups,) are their rows, `unknown` those whose group is not known; `order`
    is 1 for an attribute, 2 for a pair.
    """

    name: str
    groups: tuple[str, ...]
    words: tuple[str, ...]
    sizes: NDArray[np.int64]
    unknown: int = 0
    order: int = 1

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """Which groups are large enough to be compared, bool (groups,).

        A group needs 2 % of the rows whose group is known, below which New York's Local Law 144 lets an auditor leave
        a category out (6 RCNY § 5-301), and 30 rows, below which no interval here says anything.
        """
        sizes = self.sizes
        return np.asarray(sizes >= np.maximum(MINIMUM_ROWS, MINIMUM_SHARE * sizes.sum()))


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of one grouping by group, label and decision on one outcome, float64 (groups, 3, 2).

    Label 0: another outcome, 1: this one, 2: not known. Decision 0: another outcome, 1: this one.
    """

    grouping: Groups
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
    grouping: Groups
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


@dataclass(frozen=True, eq=False)
class Moments:
    """Of some value in each group of one grouping: `rows`, `sums` and sums of `squares`, float64 (groups,)."""

    grouping: Groups
    rows: Array
    sums: Array
    squares: Array


def mean_contrasts(measure: Measure, compared: Sequence[Moments], outcome: int | None = None) -> Iterator[Contrast]:
    """Means by group against everyone else; groupings of one order share their error between them."""
    for found in compared:
        index = np.flatnonzero(found.grouping.judged & (found.rows >= MINIMUM_ROWS))
        if len(index) < 2:
            continue
        rows, sums, squares = found.rows[index], found.sums[index], found.squares[index]
        families = sum(other.grouping.order == found.grouping.order for other in compared)
        against = against_everyone_else(rows, sums, squares, families)
        yield Contrast(measure, found.grouping, index, rows, sums / rows, against, outcome)


def too_small(
    compared: Sequence[Groups], where: str = "in the test data", remedy: str = "Test on more rows of these groups."
) -> Finding | None:
    """What could not be judged, for the reader; None where every group was large enough."""
    rows: list[tuple[str, int]] = []
    for grouping in compared:
        sizes = grouping.sizes
        rows += [
            (group, int(size))
            for group, size, judged in zip(grouping.groups, sizes, grouping.judged, strict=True)
            if size and not judged
        ]
        if grouping.order == 1 and grouping.unknown:
            rows.append((f"{grouping.name} not recorded", grouping.unknown))
    if not rows:
        return None
    return Finding(
        slug="small-groups",
        title="Some groups are too small to judge",
        sentence=f"{len(rows)} groups have too few rows {where} to say whether they are treated alike.",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        why=f"A group is judged from {MINIMUM_ROWS} rows and {100 * MINIMUM_SHARE:.0f} % of the rows whose group is "
        "known. A smaller one is neither fair nor unfair by this evidence.",
        remedy=remedy,
        exhibits=(Exhibit("Groups that were not judged", ("group", "rows"), tuple(rows[:40])),),
    )
