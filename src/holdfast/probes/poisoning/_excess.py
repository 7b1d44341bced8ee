"""Wrong labels in the training data beyond those in the test data, told even where classes overlap throughout.

Overlap is a matter of the columns and the same in both tables; wrong labels of the training data are not. So rows of
both tables are laid beside each other in cells of like chance, and the labels compared within each cell. What is
found is a difference between the tables: if the outcome itself changed between them, that is one, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.measure import Interval
from holdfast.probes.poisoning._lapses import Floor, around, wrong_share
from holdfast.probes.poisoning._reference import Fit, fit

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

LEVEL = 0.01
"""Chance of a false finding, of all classes together."""
POWER = 0.8
TAIL = 0.025
DRIFT_LEVEL = 0.001
CELL_ROWS = 50
CELLS = (10, 200)
KNOTS = (0.25, 0.5, 0.75)
DRAWS = 1_999
PUREST = 0.005
"""Chances are held this far from 0 and 1, so that a handful of rows in the purest cell do not decide alone."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Rows by table (0 test, 1 training), label (0 another, 1 the class's) and cell of like chance of the class.

    `count` is (2, 2, cells), `z` (cells,) the mean log-odds.
    """

    count: Codes
    z: Vector

    @property
    def p(self) -> Vector:
        """Chance of the class, (cells,)."""
        from scipy.special import expit

        return np.asarray(np.clip(expit(self.z), PUREST, 1 - PUREST))


@dataclass(frozen=True, eq=False)
class Excess:
    """Labels wrong in training beyond those in test, as a `share` of training rows, and the rates of each class.

    `luck` is the chance of such a difference if both tables were labelled alike, `won` the log-likelihood that the
    rates win, `shift_won` that which other odds of the classes win instead, `columns_differ` whether the tables' rows
    themselves do. Symmetric errors on the share `visible` of rows would have been found with the chance `POWER`.
    """

    share: float
    interval: Interval
    found: list[Floor]
    luck: float
    won: float
    shift_won: float
    columns_differ: bool
    visible: float

    @property
    def shown(self) -> bool:
        """Whether the training data shows to have more wrong labels than the test data."""
        return self.luck <= LEVEL


def excess(z: Matrix, y: Codes, training: Mask, rng: np.random.Generator, draws: int) -> Excess:
    """Compare the labels `y` (n,) of the rows in `training` (n,) with those of the others, all with log-odds `z`.

    `z` (n, classes) comes from models that saw neither the row nor its copies, and that were not told which table a row
    is from. The interval is from a bootstrap of the cells, of `draws`.
    """
    codes = np.unique(y[training])
    asked = [int(code) for code in (codes[1:] if len(codes) == 2 else codes)]
    tables = [cells(z[:, code], y == code, training) for code in asked]
    luck = min(1.0, len(asked) * min(by_luck(table, rng) for table in tables))
    fits = [anchored(table) for table in tables]
    sides = [_floor(code, fits[i], tables[i], z[training, code], y[training]) for i, code in enumerate(asked)]
    found = _both_sides(sides, codes)
    share = wrong_share(found)
    redrawn = [
        _both_sides([_refit(*pair, rng) for pair in zip(sides, tables, strict=True)], codes) for _ in range(draws)
    ]
    interval = around(share, [wrong_share(sample) for sample in redrawn])
    plain = [anchored(table, lapses=False) for table in tables]
    best = int(np.argmax([before.loss - after.loss for before, after in zip(plain, fits, strict=True)]))
    return Excess(
        share,
        # Rates are not negative, so that draws alone would never reach the 0 which the test does not rule out.
        Interval(0.0 if luck > TAIL else interval.low, interval.high),
        found,
        luck=luck,
        won=max(plain[best].loss - fits[best].loss, 0.0),
        shift_won=max(plain[best].loss - anchored(tables[best], lapses=False, shift=True).loss, 0.0),
        columns_differ=any(_differ(z[training, code], z[~training, code], len(asked)) for code in asked),
        visible=min(visible(table, len(codes)) for table in tables),
    )


def cells(z: Vector, marked: Mask, training: Mask) -> Cells:
    """The rows in cells of some `CELL_ROWS`, by `z`."""
    number = int(np.clip(len(z) // CELL_ROWS, *CELLS))
    cell = np.empty(len(z), np.int64)
    cell[np.argsort(z, kind="stable")] = np.arange(len(z)) * number // len(z)
    flat = (2 * training + marked) * number + cell
    count = np.bincount(flat, minlength=4 * number).reshape(2, 2, number)
    return Cells(count, np.bincount(cell, z, minlength=number) / count.sum(axis=(0, 1)))


def by_luck(table: Cells, rng: np.random.Generator) -> float:
    """Chance of labels in training that speak as much for wrong ones, if both tables were labelled alike.

    Within each cell the labels are dealt to the two tables anew: the exact conditional test of Mantel and Haenszel
    (1959), with each cell weighted as the likelihood asks (the score of Copas' two rates, neither of them negative). It
    holds however wrong the chances are.
    """
    training, rows, hits = _margins(table)
    share, weight = hits / rows, np.column_stack([1 / table.p, -1 / (1 - table.p)])
    spread = training * (rows - training) * share * (1 - share) / np.maximum(rows - 1, 1)
    covariance = weight.T @ (spread[:, None] * weight) + 1e-9 * np.eye(2)
    dealt = rng.hypergeometric(hits, rows - hits, training, size=(DRAWS, len(rows)))
    by_chance = _towards_errors((dealt - training * share) @ weight, covariance)
    seen = _towards_errors((table.count[1, 1] - training * share)[None] @ weight, covariance)[0]
    return float((1 + (by_chance >= seen - 1e-9).sum()) / (1 + DRAWS))


def _margins(table: Cells) -> tuple[Codes, Codes, Codes]:
    """Of each cell the training rows, all rows, and all rows with the label."""
    return table.count[1].sum(axis=0), table.count.sum(axis=(0, 1)), table.count[:, 1].sum(axis=0)


def _towards_errors(score: Matrix, covariance: Matrix) -> Vector:
    """Likelihood-ratio statistic (draws,) of two rates that are not negative, from their score (draws, 2).

    Kudo, "A multivariate analogue of the one-sided test" (Biometrika 50, 1963).
    """
    rates = np.linalg.solve(covariance, score.T).T
    one = (np.maximum(score, 0) ** 2 / np.diag(covariance)).max(axis=1)
    return np.asarray(np.where((rates >= 0).all(axis=1), (score * rates).sum(axis=1), one))


def anchored(table: Cells, *, lapses: bool = True, shift: bool = False) -> Fit:
    """A curve through the labels of both tables, with rates of wrong ones in training alone; or with a `shift` of the
    odds in training, as if the outcome had become more or less frequent.
    """
    count = len(table.z)
    curve = np.tile(_spline(table.z, table.z), (4, 1))
    training, marked = np.repeat([False, True], 2 * count), np.tile(np.repeat([False, True], count), 2)
    if shift:
        curve = np.column_stack([curve, training])
    weight = table.count.reshape(-1).astype(np.float64)
    return fit(curve, marked, lapses=lapses, lapsing=training, weight=weight, ridge=0.01)


def _spline(z: Vector, cells: Vector) -> Matrix:
    """Columns (n, 4) of a curve of straight pieces, joined at quartiles of the `cells`."""
    middle, spread = cells.mean(), max(float(cells.std()), 1e-9)
    knots = np.quantile(cells, KNOTS)
    return np.column_stack([z - middle, np.maximum(z[:, None] - knots, 0)]) / spread


def _floor(code: int, one: Fit, table: Cells, z: Vector, y: Codes) -> Floor:
    """The curve and its rates over the training rows, with log-odds `z` (n,) and labels `y` (n,)."""
    return Floor(code, y == code, one.logit(_spline(z, table.z)), one.gained, one.lost, 0.0)


def _refit(side: Floor, table: Cells, rng: np.random.Generator) -> Floor:
    """The rates from as many rows of each table, drawn again."""
    drawn = [rng.multinomial(half.sum(), half.reshape(-1) / half.sum()).reshape(half.shape) for half in table.count]
    again = anchored(Cells(np.array(drawn), table.z))
    return replace(side, gained=again.gained, lost=again.lost)


def _both_sides(sides: list[Floor], codes: Codes) -> list[Floor]:
    return sides if len(codes) > 2 else [sides[0].other_side(int(codes[0])), *sides]


def _differ(here: Vector, there: Vector, comparisons: int) -> bool:
    """Whether two samples come from different distributions (Kolmogorov and Smirnov)."""
    from scipy.stats import ks_2samp

    return bool(ks_2samp(here, there, method="asymp").pvalue * comparisons < DRIFT_LEVEL)


def visible(table: Cells, classes: int) -> float:
    """The share of symmetric errors that `by_luck` finds with the chance `POWER`; 1 if no share is large enough."""
    training, rows, _ = _margins(table)
    p, among = table.p, training / rows
    per_rate = (1 - p) / (classes - 1) - p
    weight = per_rate / (p * (1 - p))

    def distance(rate: float) -> float:
        q = p + among * rate * per_rate
        shift = rate * (rows * among * (1 - among)) @ (weight * per_rate)
        return float(shift / np.sqrt((rows * among * (1 - among)) @ (weight**2 * q * (1 - q))))

    comparisons = 1 if classes == 2 else classes
    return _smallest(distance, comparisons)


def visible_to_oracle(p: Matrix) -> float:
    """The share of symmetric errors that the best of all tests would find, if it knew each row's chances `p`.

    From the divergence between the labels with errors and without (Wilks, Ann. Math. Stat. 9, 1938): `p` is (n,
    classes), no test that sees these labels alone can do better.
    """
    p = np.clip(p, PUREST, 1 - PUREST)
    p = p / p.sum(axis=1, keepdims=True)

    def distance(rate: float) -> float:
        q = p * (1 - rate) + (1 - p) * rate / (p.shape[1] - 1)
        return float(np.sqrt(2 * (q * np.log(q / p)).sum()))

    return _smallest(distance, 1)


def _smallest(distance: Callable[[float], float], comparisons: int) -> float:
    """The rate at which the `distance` in standard errors reaches what level and power ask for."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    needed = float(norm.isf(LEVEL / comparisons) + norm.ppf(POWER))
    if distance(1.0) < needed:
        return 1.0
    return float(brentq(lambda rate: distance(rate) - needed, 0.0, 1.0, xtol=1e-5))
