"""The gate on feedback: which rows may become training data, and which are held back, with the reasons.

A pure function over rows with labels and sources, scored by a model that was frozen before they came. It stands here
and not among the readers of tables because it asks what the monitors of feedback ask, with their own means: labels that
a source turned, or that several turned together on a part of the people; labels that the model gave itself; and which
part of all decisions never gets a label. The first two hold rows back, the last only says how far the rest can be
trusted. On clean labels nothing is held back, but for one table in a hundred.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.profile import Bins
from holdfast.domain.verdict import Outcome
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Rows, Vector
from holdfast.monitors.feedback import sources as monitor
from holdfast.monitors.feedback._sources import (
    Sources,
    expected,
    is_labelled,
    is_one,
    ordinary,
    places_of,
    score_bins,
    wanted,
)
from holdfast.monitors.feedback.own_data import OwnData, own_data
from holdfast.monitors.feedback.sources import Agreement, Turned, Way, agreeing, cells_of, suspicious

BATCH = 500
"""Rows that are looked at together, in order of time."""

FEWEST = 200
"""Labelled rows that say enough to let any pass."""

DOUBT = 0.2
"""A label that is wrong with this chance or more is held back."""


class Why(StrEnum):
    """Why a row is held back."""

    TURNED = "its source turned labels, and this one contradicts the model"
    AGREED = "its source and others turned labels on this part of the people"
    OWN = "its label is the model's own decision, and nobody else vouches for it"


@dataclass(frozen=True, slots=True)
class Held:
    """A `row` (its place) that is held back: why, who gave the label, and the chance that it is wrong (or its own)."""

    row: int
    why: Why
    source: str
    chance: float


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the gate says of n rows: those that are `held` back, and the sources that are `named`.

    Without enough `labelled` rows of several `sources` nothing can be told. `produced` is the least share of labels,
    among those that nobody vouches for, that only the model can have given. `unlabelled` is the share of ordinary
    decisions with scores of which no label came: of them the rows teach nothing.
    """

    rows: int
    labelled: int = 0
    sources: int = 0
    held: tuple[Held, ...] = ()
    named: tuple[Turned, ...] = ()
    agreed: tuple[Agreement, ...] = ()
    produced: float = 0.0
    unlabelled: float = 0.0

    @property
    def outcome(self) -> Outcome:
        """Whether all rows may become training data."""
        if self.held or self.named or self.produced > 0:
            return Outcome.BREACH
        enough = self.labelled >= FEWEST and self.sources >= monitor.FEWEST_SOURCES
        return Outcome.PASS if enough else Outcome.INCONCLUSIVE

    @property
    def reasons(self) -> tuple[str, ...]:
        """What a person should know, in sentences."""
        said = [f"{sum(one.why is why for one in self.held):,} rows: {why}." for why in Why]
        said += [f"Labels of {one.name} seem turned." for one in self.named]
        if self.produced > 0:
            said.append(f"At least {self.produced:.0%} of the labels that nobody vouches for are the model's own.")
        if self.unlabelled > 0:
            said.append(f"No label came back for {self.unlabelled:.0%} of the range of scores.")
        if self.outcome is Outcome.INCONCLUSIVE:
            said.append(f"{self.labelled:,} labelled rows of {self.sources} sources say too little.")
        return tuple(sentence for sentence in said if not sentence.startswith("0 rows"))


def judge(
    baseline: Baseline, rows: Rows, log: Rows | None = None, *, margin: float = monitor.MARGIN, doubt: float = DOUBT
) -> Admitted:
    """Judge rows with labels, sources and the frozen model's scores; `log` are rows that the model decided before.

    Rows are taken in the order of when their labels came, then of their decisions, then as they stand. Rows without
    a label are neither held back nor admitted: they teach nothing.
    """
    few = score_bins(baseline)
    if few is None or not len(rows):
        return Admitted(len(rows))
    order = np.lexsort([rows.at, rows.label_at])
    batch = np.empty(len(rows), dtype=np.int64)
    batch[order] = np.arange(len(rows)) // BATCH
    told = [monitor.of(baseline, rows.take(batch == t)) for t in range(int(batch.max()) + 1)]
    found = Sources.told(told, 0, few.count, cells_of(baseline)[2])
    named, agreed = suspicious(found, baseline, margin), agreeing(found, baseline)
    doubts = _Doubts(baseline, rows, _chances(found, baseline, few, rows, batch), doubt)
    for one in named:
        doubts.turned(one, batch)
    for agreement in agreed:
        doubts.agreed(agreement)
    own = None if log is None else own_data(rows, log, _right(baseline, few, rows))
    produced = own.produced.low if own is not None else 0.0
    if own is not None and produced >= doubt:
        doubts.own(own)
    return Admitted(
        len(rows),
        int(found.labels.sum()),
        len(found.names),
        doubts.held(),
        tuple(named),
        tuple(agreed),
        produced,
        _unlabelled(baseline, few, rows),
    )


def _usual(baseline: Baseline, few: Bins, rows: Rows) -> Vector:
    """How often labels are ones where the model scores like this, in held-out data, (n,)."""
    known, ones = expected(baseline)
    return np.asarray(((ones + 0.5) / (known + 1.0))[places_of(few, rows.score)])


def _right(baseline: Baseline, few: Bins, rows: Rows) -> Vector:
    """How often what the model decides here is true, in held-out data, (n,)."""
    chance = _usual(baseline, few, rows)
    decided = np.where(np.isnan(rows.decision), chance >= 0.5, rows.decision == wanted(baseline.schema))
    return np.where(decided, chance, 1 - chance)


def _chances(found: Sources, baseline: Baseline, few: Bins, rows: Rows, batch: NDArray[np.int64]) -> Vector:
    """How often other sources say one of decisions with this score, (n,); of a row without a source the usual."""
    chances = _usual(baseline, few, rows)
    known = is_labelled(rows) & np.isin(rows.source.astype(str), found.names)
    if known.any():
        others, _ = found.chances(expected(baseline))
        who = np.searchsorted(np.array(found.names), rows.source[known].astype(str))
        chances[known] = others[batch[known], who, places_of(few, rows.score[known])]
    return chances


class _Doubts:
    """The greatest chance, for each row, that its label is wrong, and why; `chances` (n,) is that of a one."""

    def __init__(self, baseline: Baseline, rows: Rows, chances: Vector, doubt: float) -> None:
        self._rows, self._chances, self._doubt = rows, chances, doubt
        self._ones, self._labelled = is_one(baseline.schema, rows), is_labelled(rows)
        self._codes = cells_of(baseline)[0].codes(rows.X)
        self._wrong, self._why = np.zeros(len(rows)), np.full(len(rows), "", dtype=object)

    def turned(self, one: Turned, batch: NDArray[np.int64]) -> None:
        """Labels of a source that turned some, in either direction."""
        theirs = self._labelled & (self._rows.source == one.name) & (batch >= one.since)
        for share, into in ((one.into_ones, True), (one.into_zeros, False)):
            self._suspect(theirs, share, Why.TURNED, into=into)

    def agreed(self, agreement: Agreement) -> None:
        """Labels of several sources on one level of a feature."""
        theirs = self._labelled & np.isin(self._rows.source.astype(str), agreement.names)
        there = theirs & (self._codes[:, agreement.feature] == agreement.level)
        for into, way in ((True, Way.ONES), (False, Way.ZEROS)):
            if agreement.way in {way, Way.EITHER}:
                right = self._chances if into else 1 - self._chances
                few = there & (right < 0.5)
                more, could = ((self._ones == into) - right)[few].sum(), (1 - right)[few].sum()
                self._suspect(there, float(np.clip(more / max(could, 1e-9), 0, 1)), Why.AGREED, into=into)

    def own(self, own: OwnData) -> None:
        """Labels that the model gave itself."""
        self._wrong[own.own], self._why[own.own] = own.produced.low, Why.OWN

    def held(self) -> tuple[Held, ...]:
        """What is held back, in the order of the rows."""
        places = np.flatnonzero(self._why != "")
        sources = self._rows.source
        return tuple(Held(int(i), self._why[i], str(sources[i]), round(float(self._wrong[i]), 6)) for i in places)

    def _suspect(self, which: NDArray[np.bool_], share: float, why: Why, *, into: bool) -> None:
        """Of labels in one direction, of which `share` of those that should be others were turned (Bayes)."""
        right = self._chances if into else 1 - self._chances
        wrong = share * (1 - right) / np.maximum(share * (1 - right) + right, 1e-9)
        more = which & (self._ones == into) & (wrong > self._wrong) & (wrong >= self._doubt)
        self._wrong[more], self._why[more] = wrong[more], why


def _unlabelled(baseline: Baseline, few: Bins, rows: Rows) -> float:
    """The share of ordinary decisions whose bin of the score has no label among the rows."""
    has = ~np.isnan(rows.label) & np.isfinite(rows.score)
    got = np.bincount(places_of(few, rows.score[has]), minlength=few.count)
    usual = ordinary(baseline, few)
    return float(usual[got == 0].sum() / max(usual.sum(), 1.0))
