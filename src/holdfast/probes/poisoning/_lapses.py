"""How many labels are wrong, told apart from classes that merely overlap.

A label that nobody could have known and a label that is wrong look alike, row by row. They differ where the data is
purest: overlap fades out there, wrong labels do not. So wrong labels are a floor under the curve that the truth would
follow, one for each class, and can be counted as far as there are rows that lie on the floor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.measure import Interval
from holdfast.probes.poisoning._reference import fit
from holdfast.statistics import clopper_pearson

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

PURE = 0.98
"""A row lies on the floor when its true class is this sure."""
SIGNIFICANT = 5.0
"""Log-likelihood that the floors must win: by the chi-square law for two rates, a chance below 1 %."""
ON_FLOOR = 0.2
"""Share of the rows concerned that must lie on the floor; with fewer, the floor is extrapolated, not seen."""
BINS = 200
PUREST = (0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True, eq=False)
class Floor:
    """One class against the rest: which rows are `marked` with it, its true log-odds `z` (n,), and two rates.

    `gained` is the share of rows of other classes that carry this label, `lost` the share of its own that do not; `won`
    the log-likelihood that the two rates win.
    """

    code: int
    marked: Mask
    z: Vector
    gained: float
    lost: float
    won: float

    @property
    def truth(self) -> Vector:
        """Chance that a row truly is of the class, (n,)."""
        from scipy.special import expit

        return np.asarray(expit(self.z))

    @property
    def share(self) -> float:
        """Share of all rows that truly are of the class."""
        return float(np.clip((self.marked.mean() - self.gained) / (1 - self.gained - self.lost), 0, 1))

    def other_side(self, code: int) -> Floor:
        """The same for the other of two classes."""
        return Floor(code, ~self.marked, -self.z, self.lost, self.gained, self.won)

    @property
    def wrongly_marked(self) -> float:
        """Of the rows that carry the label, the share that belongs elsewhere."""
        return float(min(1.0, self.gained * (1 - self.share) / max(float(self.marked.mean()), 1e-12)))


def floors(Z: Any, y: Codes) -> list[Floor]:
    """A floor for each class that occurs, by Copas 1988 (see `fit`); two classes are the two sides of one fit.

    The penalty bends the curve away from its floor, so the two rates are fitted once more without it, along the curve.
    """
    present = np.unique(y)
    if len(present) == 2:
        one = _floor(Z, y, int(present[1]))
        return [one.other_side(int(present[0])), one]
    return [_floor(Z, y, int(code)) for code in present]


def _floor(Z: Any, y: Codes, code: int) -> Floor:
    marked = y == code
    curve, plain = fit(Z, marked, lapses=True), fit(Z, marked)
    z = curve.logit(Z)
    line = fit(z[:, None], marked, lapses=True, ridge=0.0)
    return Floor(code, marked, line.logit(z[:, None]), line.gained, line.lost, max(plain.loss - curve.loss, 0.0))


@dataclass(frozen=True)
class Count:
    """Wrong labels as a share of all rows, with the interval; the difference between the most and the least mislabelled
    class (share of a class's true rows that carry another label), with its own; and `by_label`, for each class code the
    share of the rows labelled so that belong elsewhere.

    `known`: the data is pure enough somewhere to tell wrong labels from overlap. Where it is not, the interval runs
    from what can be seen to what cannot be excluded. `on_floor` is the share of the rows concerned that lie on the
    floor, `won` the log-likelihood that speaks for it.
    """

    share: float
    interval: Interval
    spread: float
    spread_interval: Interval
    by_label: dict[int, tuple[float, Interval]]
    known: bool
    on_floor: float
    won: float

    @property
    def shown(self) -> bool:
        """Whether the data shows that there are wrong labels."""
        return self.known and self.won >= SIGNIFICANT


def count(found: list[Floor], p: NDArray[np.float64], rng: np.random.Generator, draws: int) -> Count:
    """The wrong labels that the floors imply. `p` (n, classes), out of fold, bounds what cannot be excluded.

    The interval is from a bootstrap of the rows along each curve, the curve itself held.
    """
    share, spread = wrong_share(found), _spread(found)
    redrawn = _redrawn(found, rng, draws)
    interval = around(share, [wrong_share(sample) for sample in redrawn])
    on_floor = _on_floor(found)
    won = max(floor.won for floor in found)
    known = on_floor >= ON_FLOOR
    if not known:
        interval = Interval(interval.low * on_floor, max(interval.high, _not_excluded(found, p)))
    by_label = {
        floor.code: (floor.wrongly_marked, around(floor.wrongly_marked, [s[i].wrongly_marked for s in redrawn]))
        for i, floor in enumerate(found)
    }
    spread_interval = around(spread, [_spread(sample) for sample in redrawn])
    return Count(share, interval, spread, spread_interval, by_label, known, on_floor, won)


def wrong_share(found: list[Floor]) -> float:
    """Share of all rows whose label the rates make wrong."""
    return float(np.clip(sum(floor.share * floor.lost for floor in found), 0, 1))


def _spread(found: list[Floor]) -> float:
    lost = [floor.lost for floor in found]
    return max(lost) - min(lost)


def around(point: float, drawn: list[float]) -> Interval:
    """The middle 95 % of the draws, and the point."""
    low, high = np.quantile([point, *drawn], [0.025, 0.975])
    return Interval(min(float(low), point), max(float(high), point))


def _redrawn(found: list[Floor], rng: np.random.Generator, draws: int) -> list[list[Floor]]:
    """The floors, fitted again along their curves to resampled rows, `draws` times."""
    if len(found) == 2:
        return [[s[0].other_side(found[0].code), s[0]] for s in _redrawn(found[1:], rng, draws)]
    columns = [_refit(floor, rng, draws) for floor in found]
    return [list(sample) for sample in zip(*columns, strict=True)]


def _refit(floor: Floor, rng: np.random.Generator, draws: int) -> list[Floor]:
    """Rows are taken together in bins of the curve, so that a draw costs the same however many rows there are."""
    n = len(floor.z)
    order = np.argsort(floor.z, kind="stable")
    number = np.empty(n, np.int64)
    number[order] = np.arange(n) * BINS // n
    rows = np.bincount(number, minlength=BINS)
    z = np.bincount(number, floor.z, minlength=BINS) / np.maximum(rows, 1)
    marked = np.bincount(number, floor.marked, minlength=BINS)
    cells = np.concatenate([marked, rows - marked])
    both, side = np.concatenate([z, z])[:, None], np.arange(2 * BINS) < BINS
    refitted = []
    for drawn in rng.multinomial(n, cells / n, size=draws).astype(np.float64):
        line = fit(both, side, lapses=True, weight=drawn, ridge=0.0)
        refitted.append(replace(floor, gained=line.gained, lost=line.lost))
    return refitted


def _on_floor(found: list[Floor]) -> float:
    """Share of each class's true rows that are pure, averaged over the classes by their wrong labels."""
    pure, weight = [], []
    for floor in found:
        truth = floor.truth
        pure.append(float(truth[truth >= PURE].sum() / max(float(truth.sum()), 1e-12)))
        weight.append(floor.share * floor.lost)
    return float(np.average(pure, weights=weight if sum(weight) > 0 else None))


def _not_excluded(found: list[Floor], p: NDArray[np.float64]) -> float:
    """An upper bound without any curve: labels are no more often wrong than they disagree where the class is purest.

    Scott, Blanchard and Handy 2013 (COLT), §3, with the purest set picked by an out-of-fold model and an exact bound on
    its disagreement.
    """
    total = 0.0
    for floor in found:
        order = np.argsort(-p[:, floor.code], kind="stable")
        sizes = {max(int(len(order) * part), min(30, len(order))) for part in PUREST}
        bound = min(clopper_pearson(int((~floor.marked[order[:size]]).sum()), size).high for size in sorted(sizes))
        total += bound * float(floor.marked.mean())
    return min(total, 1.0)


def wrong_chance(found: list[Floor], y: Codes, truth: NDArray[np.float64], least: float) -> Vector:
    """For each row the chance that its label is wrong, by Bayes' rule, (n,).

    `truth` (n, classes) is the chance of each true class; rates below `least` are raised to it, so that rows are ranked
    also where no wrong label was counted.
    """
    chance = np.zeros(len(y))
    for floor in found:
        here = y == floor.code
        gained, lost = max(floor.gained, least), max(floor.lost, least)
        true = truth[here, floor.code]
        chance[here] = gained * (1 - true) / np.maximum(gained * (1 - true) + (1 - lost) * true, 1e-12)
    return chance
