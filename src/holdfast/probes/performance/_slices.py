"""Slices of rows by one or two conditions on features, and the ones where a loss is highest."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Feature, Kind, Schema

Matrix = NDArray[np.float64]
CUTS = 8
MOST_CONDITIONS = 400
OVERLAP = 0.5


@dataclass(frozen=True, eq=False)
class Condition:
    """One test on one feature, in words, and the rows that meet it, bool (n,)."""

    words: str
    rows: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Slice:
    """Rows that meet one condition or two."""

    conditions: tuple[Condition, ...]

    @property
    def words(self) -> str:
        """``years_employed ≤ 2 and housing = rent``."""
        return " and ".join(condition.words for condition in self.conditions)

    @property
    def rows(self) -> NDArray[np.bool_]:
        """Bool (n,)."""
        return np.asarray(np.logical_and.reduce([condition.rows for condition in self.conditions]))


def conditions(X: Matrix, schema: Schema, half: NDArray[np.bool_], least: int) -> Iterator[Condition]:
    """Every condition that at least `least` rows of the `half` meet; cuts are that half's quantiles."""
    for j, feature in enumerate(schema.features):
        values = X[:, j]
        tests = _categories(values, feature) if feature.kind is Kind.CATEGORY else _cuts(values, feature, half)
        missing = np.isnan(values)
        tests.append((f"{feature.name} is missing", missing))
        yield from (Condition(words, rows) for words, rows in tests if least <= (rows & half).sum() < half.sum())


def _categories(values: Matrix, feature: Feature) -> list[tuple[str, NDArray[np.bool_]]]:
    return [(f"{feature.name} = {category}", values == code) for code, category in enumerate(feature.categories)]


def _cuts(values: Matrix, feature: Feature, half: NDArray[np.bool_]) -> list[tuple[str, NDArray[np.bool_]]]:
    present = values[half & np.isfinite(values)]
    if not len(present):
        return []
    quantiles = np.unique(np.quantile(present, np.linspace(0, 1, CUTS + 1)[1:-1], method="inverted_cdf"))
    low = [(f"{feature.name} ≤ {cut:.6g}", values <= cut) for cut in quantiles]
    high = [(f"{feature.name} > {cut:.6g}", values > cut) for cut in quantiles]
    return low + high


def worst_slices(
    candidates: Iterable[Condition], loss: Matrix, half: NDArray[np.bool_], least: int, most: int
) -> list[Slice]:
    """The slices of the `half` where the mean of `loss` (n,) is surely higher than elsewhere, worst first.

    Ranked by the lower end, three standard errors down, of the difference to the other rows. A pair is kept only where
    it is clearly worse than either of its conditions, and a slice only where it is not half the same as a worse one.
    Pairs are formed of the conditions that are worst alone, so memory does not grow with the columns.
    """
    found = _worst_alone(candidates, loss[half], half)
    if not found:
        return []
    member = np.column_stack([condition.rows[half] for condition in found]).astype(np.float32)
    score = _score(member, loss[half], least)
    single = np.diag(score)
    parent = np.maximum(single[:, None], single[None, :])
    worse = np.eye(len(found), dtype=bool) | (score > np.maximum(parent * 1.25, parent + 0.02))
    order = np.argsort(-np.where(worse, score, -np.inf), axis=None, kind="stable")
    chosen: list[Slice] = []
    for flat in order[: 50 * most]:
        i, j = divmod(int(flat), len(found))
        if i > j or not np.isfinite(score[i, j]) or not worse[i, j]:
            continue
        candidate = Slice((found[i],) if i == j else (found[i], found[j]))
        if all(_overlap(candidate.rows[half], other.rows[half]) < OVERLAP for other in chosen):
            chosen.append(candidate)
        if len(chosen) == most:
            break
    return chosen


def _worst_alone(candidates: Iterable[Condition], loss: Matrix, half: NDArray[np.bool_]) -> list[Condition]:
    """The conditions with the largest z score of their mean loss, in the order in which they came."""
    mean = float(loss.mean())
    heap: list[tuple[float, int, Condition]] = []
    for place, condition in enumerate(candidates):
        inside = loss[condition.rows[half]]
        entry = (float((inside.mean() - mean) * np.sqrt(len(inside))), -place, condition)
        push = heapq.heappush if len(heap) < MOST_CONDITIONS else heapq.heappushpop
        push(heap, entry)
    return [condition for _, _, condition in sorted(heap, key=lambda entry: -entry[1])]


def _score(member: NDArray[np.float32], loss: Matrix, least: int) -> Matrix:
    """Lower end of the difference in mean loss for every pair of conditions, (conditions, conditions).

    `member` is 0 or 1, (n, conditions). A pair of one condition with itself is that condition. -inf below `least` rows
    or above half of all.
    """
    n = len(loss)
    rows = (member.T @ member).astype(np.float64)
    sums = (member.T @ (member * loss[:, None].astype(np.float32))).astype(np.float64)
    others = np.maximum(n - rows, 1)
    gap = sums / np.maximum(rows, 1) - (loss.sum() - sums) / others
    error = loss.std() * np.sqrt(1 / np.maximum(rows, 1) + 1 / others)
    return np.where((rows >= least) & (rows <= n / 2), gap - 3 * error, -np.inf)


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Jaccard's index of two sets of rows."""
    return float((a & b).sum() / max((a | b).sum(), 1))
