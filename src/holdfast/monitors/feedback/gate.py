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

from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Rows, Vector
from holdfast.monitors.feedback import sources as monitor
from holdfast.monitors.feedback._sources import (
    SCORE_BINS,
    Sources,
    expected,
    is_labelled,
    is_one,
    places_of,
    score_bins,
)
from holdfast.monitors.feedback.own_data import OwnData, own_data
from holdfast.monitors.feedback.sources import Agreement, Turned, agreeing, cells_of, suspicious

BATCH = 500
"""Rows that are looked at together, in order of time."""

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

    `passes` where none is. `unlabelled` is the share of ordinary decisions with scores of which no label came, of which
    the rows can teach nothing.
    """

    rows: int
    held: tuple[Held, ...]
    named: tuple[Turned, ...]
    agreed: tuple[Agreement, ...]
    unlabelled: float

    @property
    def passes(self) -> bool:
        """Whether all rows may become training data."""
        return not self.held and not self.named

    @property
    def reasons(self) -> tuple[str, ...]:
        """What a person should know, in sentences."""
        said = [f"{sum(one.why is why for one in self.held):,} rows: {why}." for why in Why]
        said += [f"About {one.share:.0%} of the labels of {one.name} seem turned." for one in self.named]
        if self.unlabelled > 0:
            said.append(f"No label came back for {self.unlabelled:.0%} of the range of scores.")
        return tuple(sentence for sentence in said if not sentence.startswith("0 rows"))


def judge(
    baseline: Baseline, rows: Rows, log: Rows | None = None, *, margin: float = 0.3, doubt: float = DOUBT
) -> Admitted:
    """Judge rows with labels, sources and the frozen model's scores; `log` are rows that the model decided before.

    Rows are taken in the order of when their labels came, then of their decisions, then as they stand. Rows without
    a label are neither held back nor admitted: they teach nothing.
    """
    few = score_bins(baseline)
    if few is None or not len(rows):
        return Admitted(len(rows), (), (), (), 0.0)
    order = np.lexsort([rows.at, rows.label_at])
    batch = np.empty(len(rows), dtype=np.int64)
    batch[order] = np.arange(len(rows)) // BATCH
    told = [monitor.of(baseline, rows.take(batch == t), None) for t in range(int(batch.max()) + 1)]
    found = Sources.told(told, 0, few.count, cells_of(baseline)[2])
    chances = _chances(found, baseline, rows, batch)
    named, agreed = suspicious(found, baseline, margin), agreeing(found, baseline)
    own = None if log is None else own_data(rows, log, np.maximum(_usual(baseline, rows), 1 - _usual(baseline, rows)))
    held = _held(baseline, rows, batch, chances, named, agreed, own, doubt)
    return Admitted(len(rows), held, tuple(named), tuple(agreed), _unlabelled(baseline, rows))


def _usual(baseline: Baseline, rows: Rows) -> Vector:
    """How often labels are ones where the model scores like this, in held-out data, (n,)."""
    few = score_bins(baseline)
    known, ones = expected(baseline)
    places = places_of(few, rows.score) if few is not None else np.zeros(len(rows), dtype=np.int64)
    return np.asarray(((ones + 0.5) / (known + 1.0))[places])


def _chances(found: Sources, baseline: Baseline, rows: Rows, batch: NDArray[np.int64]) -> Vector:
    """How often other sources say one of decisions with this score, (n,); of a row without a source the usual."""
    few, chances = score_bins(baseline), _usual(baseline, rows)
    known = is_labelled(rows) & np.isin(rows.source.astype(str), found.names)
    if few is None or not known.any():
        return chances
    others, _ = found.chances(expected(baseline))
    who = np.searchsorted(np.array(found.names), rows.source[known].astype(str))
    chances[known] = others[batch[known], who, places_of(few, rows.score[known])]
    return chances


def _held(
    baseline: Baseline,
    rows: Rows,
    batch: NDArray[np.int64],
    chances: Vector,
    named: list[Turned],
    agreed: list[Agreement],
    own: OwnData | None,
    doubt: float,
) -> tuple[Held, ...]:
    wrong, why = np.zeros(len(rows)), np.full(len(rows), "", dtype=object)
    ones, labelled = is_one(baseline.schema, rows), is_labelled(rows)

    def suspect(which: NDArray[np.bool_], into: bool, share: float, reason: Why) -> None:
        right = chances if into else 1 - chances
        chance = share * (1 - right) / np.maximum(share * (1 - right) + right, 1e-9)
        more = which & (ones == into) & (chance > wrong) & (chance >= doubt)
        wrong[more], why[more] = chance[more], reason

    for one in named:
        suspect(labelled & (rows.source == one.name) & (batch >= one.since), one.into, one.share, Why.TURNED)
    codes = cells_of(baseline)[0].codes(rows.X)
    for agreement in agreed:
        theirs = labelled & np.isin(rows.source.astype(str), agreement.names)
        there = theirs & (codes[:, agreement.feature] == agreement.level)
        suspect(there, agreement.into, _share(chances, ones, there, agreement.into), Why.AGREED)
    if own is not None and own.is_too_good:
        wrong[own.own], why[own.own] = own.produced.low, Why.OWN
    return tuple(
        Held(int(i), why[i], str(rows.source[i]), round(float(wrong[i]), 6)) for i in np.flatnonzero(why != "")
    )


def _share(chances: Vector, ones: NDArray[np.bool_], which: NDArray[np.bool_], into: bool) -> float:
    """About which share of the labels that could be turned were turned."""
    more = (ones[which] - chances[which]).sum() * (1 if into else -1)
    could = ((1 - chances[which]) if into else chances[which]).sum()
    return float(np.clip(more / max(could, 1e-9), 0, 1))


def _unlabelled(baseline: Baseline, rows: Rows) -> float:
    """The share of ordinary decisions whose bin of the score has no label among the rows."""
    few = score_bins(baseline)
    if few is None:
        return 0.0
    got = np.bincount(places_of(few, rows.score[~np.isnan(rows.label) & np.isfinite(rows.score)]), minlength=SCORE_BINS)
    counts = next(c for b, c in zip(baseline.usual.profile.bins, baseline.usual.profile.counts, strict=True) if b.name == few.name)
    score = baseline.bins(few.name)
    if score is None or not counts.known:
        return 0.0
    usual = np.zeros(SCORE_BINS)
    np.add.at(usual, np.searchsorted(np.array(few.edges), [-np.inf, *score.edges], side="right"), counts.cells)
    return float(usual[got == 0].sum() / counts.known)
