"""Counts of decisions by group: which tables are asked for, and how they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.profile import Bins
from holdfast.domain.watch import DECISION, INPUT, LABEL, SCORE, Baseline, Batch, coarse
from holdfast.groups import NOT_KNOWN, Groups, Moments, Table
from holdfast.groups import outcomes as all_outcomes
from holdfast.monitors.contract import Asks, Seen

Array = NDArray[np.float64]

BANDS = 4
"""So many bands of a protected attribute that is a number."""

SCORE_BINS = 20
OTHER = "other"
"""Groups that the held-out data did not have."""


@dataclass(frozen=True, eq=False)
class Counted:
    """Rows of some batches by group, bin of the score, decision and label, float64 (groups, bins + 1, decisions,
    labels + 1); one bin and label more for those that are missing. Rows without a decision are left out. `unknown` are
    those whose group is.
    """

    name: str
    groups: tuple[str, ...]
    words: tuple[str, ...]
    counts: Array
    unknown: int
    by: tuple[Bins, ...]
    order: int

    @property
    def compared(self) -> Groups:
        """The groups with their sizes."""
        sizes = self.counts.sum(axis=(1, 2, 3)).astype(np.int64)
        return Groups(
            name=self.name, groups=self.groups, words=self.words, sizes=sizes, unknown=self.unknown, order=self.order
        )

    def table(self, outcome: int, name: str) -> Table:
        """Rows by group, label and decision on one outcome, whose class is called `name`."""
        *_, decision, label = self.by
        is_given = np.arange(self.counts.shape[2]) == place_of(decision, name)
        true = place_of(label, name)
        counts = np.zeros((len(self.groups), 3, 2))
        for column, which in ((1, is_given), (0, ~is_given)):
            by_label = self.counts[:, :, which].sum(axis=(1, 2))
            counts[:, 1, column] = by_label[:, true]
            counts[:, NOT_KNOWN, column] = by_label[:, -1]
            counts[:, 0, column] = by_label.sum(axis=1) - by_label[:, true] - by_label[:, -1]
        return Table(self.compared, outcome, counts)

    def errors(self, name: str, stated: Array) -> Moments:
        """Truth minus score by group, where the scores of a bin are taken for their mean, `stated` (bins,)."""
        known = self.counts.sum(axis=2)[:, :-1, :]
        true = known[:, :, place_of(self.by[-1], name)]
        false = known[:, :, :-1].sum(axis=2) - true
        sums = true @ (1 - stated) - false @ stated
        squares = true @ (1 - stated) ** 2 + false @ stated**2
        return Moments(self.compared, (true + false).sum(axis=1), sums, squares)


def place_of(bins: Bins, name: str) -> int:
    """Where a class is; the place of all others where the held-out data did not have it."""
    labels = bins.labels or ()
    return labels.index(name) if name in labels else len(labels)


def attributes(baseline: Baseline) -> list[Bins]:
    """The protected attributes that are features, each by its groups."""
    found = []
    for name in baseline.schema.protected:
        bins = baseline.bins(INPUT + name)
        if bins is not None:
            counts = baseline.usual.profile.counts[baseline.usual.profile.bins.index(bins)]
            found.append(coarse(bins, counts.cells, BANDS) if bins.is_number else bins)
    return found


def outcomes(baseline: Baseline) -> list[int]:
    """The outcomes to compare, of those that the held-out decisions had."""
    schema, decision = baseline.schema, baseline.bins(DECISION)
    known = () if decision is None or decision.labels is None else decision.labels
    return [outcome for outcome in all_outcomes(schema) if str(schema.classes[outcome]) in known]


def scores(baseline: Baseline) -> Bins | None:
    """Coarse bins of the score; None where there is none."""
    bins = baseline.bins(SCORE)
    if bins is None:
        return None
    counts = baseline.usual.profile.counts[baseline.usual.profile.bins.index(bins)]
    return coarse(bins, counts.cells, SCORE_BINS)


def asked(baseline: Baseline) -> Asks:
    """Each attribute, and each pair of them, with score, decision and label."""
    decision, label, found = baseline.bins(DECISION), baseline.bins(LABEL), attributes(baseline)
    if decision is None or label is None or decision.labels is None:
        return ()
    score = scores(baseline)
    what = (decision, label) if score is None else (score, decision, label)
    return tuple((*who, *what) for who in (*((one,) for one in found), *combinations(found, 2)))


def counted(seen: Seen, batches: Sequence[Batch], by: tuple[Bins, ...]) -> Counted:
    """These batches together, by the groups of one attribute or of a pair."""
    shape = [bins.count + 1 for bins in by]
    whole = np.sum([seen.table(batch, by) for batch in batches], axis=0) if batches else np.zeros(shape)
    return _counted(whole, by)


@dataclass(frozen=True, eq=False)
class Days:
    """All batches by the groups of one attribute or of a pair: those of the `recent` ones together, those that are
    `judged` by outcomes, and of `each` one the rows by group and decision, float64 (T, groups, decisions).
    """

    recent: Counted
    judged: Counted
    each: Array


def read(seen: Seen, by: tuple[Bins, ...], recent: Sequence[Batch], judged: Sequence[Batch]) -> Days:
    """Each batch is read once."""
    shape = [bins.count + 1 for bins in by]
    late, known, each = np.zeros(shape), np.zeros(shape), list[Array]()
    in_recent, in_judged = {id(batch) for batch in recent}, {id(batch) for batch in judged}
    for batch in seen.batches:
        table = seen.table(batch, by)
        each.append(_by_group(table, by).sum(axis=(1, 3)))
        if id(batch) in in_recent:
            late += table
        if id(batch) in in_judged:
            known += table
    return Days(_counted(late, by), _counted(known, by), np.array(each))


def _who(by: tuple[Bins, ...]) -> tuple[Bins, ...]:
    return tuple(bins for bins in by if bins.name.startswith(INPUT))


def _by_group(table: NDArray[Any], by: tuple[Bins, ...]) -> Array:
    """Rows whose group is known: float64 (groups, bins + 1, decisions, labels + 1). A decision that is no class, or
    none, is left out.
    """
    who = _who(by)
    known = table[tuple(slice(0, bins.count) for bins in who)][..., : by[-2].count - 1, :]
    scored = any(bins.name == SCORE for bins in by)
    counts = known.reshape(-1, known.shape[-3] if scored else 1, *known.shape[-2:]).astype(np.float64)
    return counts if scored else np.concatenate([np.zeros_like(counts), counts], axis=1)


def _counted(table: NDArray[Any], by: tuple[Bins, ...]) -> Counted:
    who, counts = _who(by), _by_group(table, by)
    names = _names(who)
    return Counted(
        name=" & ".join(_name(bins) for bins in who),
        groups=tuple(" & ".join(parts) for parts in names),
        words=tuple(" and ".join(part.replace("=", " = ", 1) for part in parts) for parts in names),
        counts=counts,
        unknown=round(float(table[..., : by[-2].count - 1, :].sum() - counts.sum())),
        by=by,
        order=len(who),
    )


def _name(bins: Bins) -> str:
    return bins.name.removeprefix(INPUT)


def _names(who: tuple[Bins, ...]) -> list[tuple[str, ...]]:
    """What each group is called, a part for each attribute."""
    parts = [[f"{_name(bins)}={value}" for value in _values(bins)] for bins in who]
    if len(parts) == 1:
        return [(part,) for part in parts[0]]
    return [(a, b) for a in parts[0] for b in parts[1]]


def _values(bins: Bins) -> Iterator[str]:
    if bins.labels is not None:
        yield from (*bins.labels, OTHER)
        return
    edges = bins.edges
    yield f"below {edges[0]:g}"
    for low, high in pairwise(edges):
        yield f"{low:g}" if high <= np.nextafter(low, np.inf) else f"{low:g} to {high:g}"
    yield f"{edges[-1]:g} or more"


def mean_scores(seen: Seen, batches: Sequence[Batch]) -> Array | None:
    """The mean score of each coarse bin over all rows of these batches, float64 (bins,); None where there is none."""
    fine, bins = seen.baseline.bins(SCORE), scores(seen.baseline)
    if fine is None or bins is None:
        return None
    place = seen.baseline.usual.profile.bins.index(fine)
    within = np.searchsorted(np.array(bins.edges), np.array([-np.inf, *fine.edges]), side="right")
    rows, sums = np.zeros(bins.count), np.zeros(bins.count)
    for batch in batches:
        counts = batch.profile.counts[place]
        np.add.at(rows, within, counts.cells)
        np.add.at(sums, within, counts.sums)
    return np.asarray(sums / np.maximum(1, rows))
