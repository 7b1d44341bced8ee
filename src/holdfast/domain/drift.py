"""What changed between two tables: column by column, how much, and whether chance explains it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from holdfast.domain.measure import Interval
from holdfast.domain.profile import Bins, Counts
from holdfast.domain.verdict import Outcome


class Standing(StrEnum):
    """What can be said of one column."""

    DRIFTED = "drifted"
    """More than the limit, and more than chance explains."""

    MOVED = "moved"
    """More than chance explains, and less than the limit."""

    STEADY = "steady"
    """No more than chance explains, of so many rows that a drift as large as the limit would have shown."""

    UNKNOWN = "unknown"
    """No more than chance explains, of too few rows to say."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two samples of one column lie apart.

    `distance` is between 0 and 1: of numbers the greatest gap between the distribution functions (Kolmogorov-Smirnov),
    of categories the share of rows that would have to change (total variation). `by_chance` is what samples of these
    sizes from one distribution show on average, `p_value` how often they show as much, `detectable` the least distance
    that would have been told from chance.

    `psi` is in nats over at most ten bins, `jensen_shannon` the distance (a square root, base 2) over the same bins;
    `wasserstein` is in the column's own unit, and `in_sd` in standard deviations of the reference: None for categories.
    """

    distance: float
    by_chance: float
    p_value: float
    detectable: float
    psi: float
    jensen_shannon: float
    wasserstein: float | None = None
    in_sd: float | None = None


@dataclass(frozen=True, slots=True)
class WordShift:
    """A word that comes more or less often: the share of texts that had it, and have it now."""

    word: str
    then: float
    now: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Which words the texts of a column use. `unseen` is the share of a text's words that the reference never shows;
    `usual` is what texts of the reference itself show of that. Words are named that came or went, of many texts only.
    """

    usual: float
    unseen: float
    came: tuple[WordShift, ...] = ()
    went: tuple[WordShift, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column of two tables: its values in `bins`, the missing and the unseen.

    `unseen` is the share of the current values that the reference never shows, None for numbers. p-values are adjusted
    for all tests of the comparison (Holm). Of a column of texts there are several, each about one thing: their lengths,
    their languages, and their `vocabulary`, whose values say how much more often a text's words come now (log-odds).
    """

    standing: Standing
    bins: Bins
    reference: Counts
    current: Counts
    difference: Difference
    missing: Interval
    missing_p_value: float
    unseen: float | None = None
    vocabulary: Vocabulary | None = None

    @property
    def name(self) -> str:
        """The column's name."""
        return self.bins.name

    @property
    def missing_gap(self) -> float:
        """How far the shares of missing values lie apart."""
        return abs(self.current.missing_share - self.reference.missing_share)

    @property
    def moved(self) -> float:
        """The share of rows that moved, by their values or by having one."""
        return max(self.difference.distance, self.missing_gap)


@dataclass(frozen=True, slots=True)
class Unlike:
    """A column that cannot be compared, and why; `is_change` where that is itself a change."""

    name: str
    why: str
    is_change: bool


@dataclass(frozen=True, slots=True)
class Joint:
    """All columns together, on samples of so many `rows` of both tables.

    `distance` is the least share of rows that moved, as far as a classifier tells the samples apart; `by_chance` and
    `p_value` are of that. `auc` is its area under the ROC curve, 1/2 where it cannot; `told_by` the columns that it
    goes by, with what shuffling each costs of the area. `mmd_p_value` is of the kernel means, a second opinion.
    """

    rows: tuple[int, int]
    distance: float
    by_chance: float
    p_value: float
    auc: float
    told_by: tuple[tuple[str, float], ...]
    mmd_p_value: float
    standing: Standing = Standing.UNKNOWN


@dataclass(frozen=True, slots=True)
class Drift:
    """Two tables beside each other. `limit` is the least distance that counts as drift, `alpha` how often one of all
    columns is said to have changed where none has. `joint` is of all columns together, where that was asked.
    """

    reference: str
    current: str
    rows: tuple[int, int]
    limit: float
    alpha: float
    columns: tuple[ColumnDrift, ...]
    unlike: tuple[Unlike, ...] = ()
    joint: Joint | None = None
    format: str = "holdfast-drift/1"

    def of(self, standing: Standing) -> tuple[ColumnDrift, ...]:
        """The columns of which this can be said."""
        return tuple(column for column in self.columns if column.standing is standing)

    @property
    def outcome(self) -> Outcome:
        """Breach where a column drifted, vanished, appeared or changed its kind; inconclusive where too few rows, or no
        column in common, leave it open; else pass.
        """
        standings = {column.standing for column in self.columns} | ({self.joint.standing} if self.joint else set())
        if Standing.DRIFTED in standings or any(one.is_change for one in self.unlike):
            return Outcome.BREACH
        return Outcome.INCONCLUSIVE if Standing.UNKNOWN in standings or not self.columns else Outcome.PASS
