"""An additive reference model of the labels, fitted out of fold, with room for labels that are simply wrong.

One feature at a time is all that it can learn: a rule that needs two values at once stays visible as a surprise. Its
columns are coarse on purpose (a rare value has no weight of its own), so that planted rows cannot teach it anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.schema import Feature, Kind, Schema

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Codes = NDArray[np.int64]

BINS = 12
STEP_RIDGE = 3.0
LINE_RIDGE = 0.1
RARE = 0.01
RARE_ROWS = 50
TINY = 1e-9
CHUNK = 4_096


def labelled(data: Dataset) -> Dataset:
    """The rows that carry a label."""
    if data.y is None:
        return data.take(np.empty(0, np.int64))
    return data.take(np.flatnonzero(np.isfinite(data.y) & ((data.y >= 0) | (data.y.dtype.kind == "f"))))


def basis(X: Matrix, schema: Schema) -> csr_matrix | Matrix:
    """(n, columns), sparse: for each feature its steps and, for numbers, two lines (its value and its normal score).

    Steps of fewer than `RARE_ROWS` rows or the share `RARE` are left out, and lines are held beyond that quantile.

    Columns are scaled so that a ridge penalty of one penalises steps by `STEP_RIDGE` and lines by `LINE_RIDGE`. Lines
    matter: they carry on beyond the data's middle, where steps are shrunk, so that purity at the ends can be told.

    More columns than rows are turned to at most n columns, to which a ridge penalty means the same (`_turned`).
    """
    from scipy.sparse import csr_matrix, hstack

    blocks = [csr_matrix((len(X), 0))]
    for feature, column in zip(schema.features, X.T, strict=True):
        blocks.append(_one_hot(_steps(column, feature)) / np.sqrt(STEP_RIDGE))
        if feature.kind is not Kind.CATEGORY:
            blocks.append(csr_matrix(_lines(column) / np.sqrt(LINE_RIDGE)))
    Z = csr_matrix(hstack(blocks))
    return _turned(Z) if Z.shape[1] > len(X) else Z


def _turned(Z: csr_matrix) -> Matrix:
    """(n, at most n) with the same inner products between rows as `Z`: all that a ridge penalty sees of it.

    Hastie and Tibshirani, "Efficient quadratic regularization for expression arrays" (Biostatistics 2004), §2.
    """
    by_column, gram = Z.tocsc(), np.zeros((Z.shape[0], Z.shape[0]))
    for start in range(0, Z.shape[1], CHUNK):
        part = by_column[:, start : start + CHUNK].toarray()
        gram += part @ part.T
    size, turn = np.linalg.eigh(gram)
    real = size > TINY * size[-1]
    return np.asarray(turn[:, real] * np.sqrt(size[real]))


def _steps(column: Vector, feature: Feature) -> Codes:
    """Level of each row: quantile bins for numbers, values for categories, a level for missing; 0 for a rare level."""
    known = np.isfinite(column)
    level = np.zeros(len(column), np.int64)
    if known.any():
        values = column[known]
        if feature.kind is not Kind.CATEGORY:
            edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS, method="nearest"))
            values = np.searchsorted(edges, values, side="right").astype(np.float64)
        level[known] = np.unique(values, return_inverse=True)[1] + 1
    common = np.bincount(level) >= max(RARE_ROWS, RARE * len(column))
    return np.where(common, np.cumsum(common), 0)[level]


def _one_hot(level: Codes) -> csr_matrix:
    """A column for each level from 1. Level 0 has none: planted rows could fill it, and teach it their label."""
    from scipy.sparse import csr_matrix

    rows = np.flatnonzero(level)
    shape = (len(level), int(level.max(initial=0)))
    return csr_matrix((np.ones(len(rows)), (rows, level[rows] - 1)), shape=shape)


def _lines(column: Vector) -> Matrix:
    """(n, 2): the normal score and the value in standard deviations, both held at the two outer quantiles."""
    from scipy.special import ndtri

    known = np.isfinite(column)
    if not known.any():
        return np.zeros((len(column), 2))
    low, middle, high = np.quantile(column[known], [RARE, 0.5, 1 - RARE])
    value = np.clip(np.where(known, column, middle), low, high)
    ordered = np.sort(value)
    rank = (np.searchsorted(ordered, value, "left") + np.searchsorted(ordered, value, "right")) / (2 * len(value))
    return np.column_stack([_standard(ndtri(np.clip(rank, RARE / 2, 1 - RARE / 2))), _standard(value)])


def _standard(values: Vector) -> Vector:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > TINY else np.zeros_like(values)


@dataclass(frozen=True, eq=False)
class Fit:
    """Probability of a label: ``gained + (1 - gained - lost) · σ(w·z + w0)``.

    `gained` is the share of rows truly of other classes that carry this label, `lost` the share of rows truly of this
    class that carry another; both 0 unless they were asked for. `loss` is the penalised negative log-likelihood.
    """

    weights: Vector
    intercept: float
    gained: float
    lost: float
    loss: float

    def logit(self, Z: Any) -> Vector:
        """Log-odds of the true class, (n,)."""
        return np.asarray(Z @ self.weights + self.intercept, dtype=np.float64)


def fit(
    Z: Any,
    hit: NDArray[np.bool_],
    *,
    lapses: bool = False,
    rates: tuple[float, float] = (0.0, 0.0),
    lapsing: NDArray[np.bool_] | None = None,
    weight: Vector | None = None,
    ridge: float = 1.0,
) -> Fit:
    """Maximum penalised likelihood of `hit` (n,) given `Z` (n, k), rows weighted by `weight`.

    With `lapses` the two rates of wrong labels are fitted too: Copas, "Binary regression models for contaminated
    data" (JRSS B 50, 1988), §3; without, `rates` are the two, known. They apply to the rows of `lapsing` (n,) alone, if
    given: the other rows then anchor the curve.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    n, k = Z.shape
    count = np.ones(n) if weight is None else weight
    total = float(count.sum())
    open_ = 1.0 if lapsing is None else lapsing.astype(np.float64)
    Zt = Z.T.tocsr() if hasattr(Z, "tocsr") else Z.T

    def both(theta: Vector) -> tuple[float, float]:
        return (0.5 * float(expit(theta[k + 1])), 0.5 * float(expit(theta[k + 2]))) if lapses else rates

    def objective(theta: Vector) -> tuple[float, Vector]:
        rate_gained, rate_lost = both(theta)
        gained, lost = open_ * rate_gained, open_ * rate_lost
        truth = expit(Z @ theta[:k] + theta[k])
        p = np.clip(gained + (1 - gained - lost) * truth, TINY, 1 - TINY)
        slope = count * np.where(hit, -1 / p, 1 / (1 - p))
        push = slope * (1 - gained - lost) * truth * (1 - truth)
        gradient = np.empty_like(theta)
        gradient[:k] = Zt @ push + ridge * theta[:k]
        gradient[k] = push.sum()
        if lapses:
            gradient[k + 1] = (slope @ (open_ * (1 - truth))) * rate_gained * (1 - 2 * rate_gained)
            gradient[k + 2] = -(slope @ (open_ * truth)) * rate_lost * (1 - 2 * rate_lost)
        loss = -(count @ np.log(np.where(hit, p, 1 - p))) + ridge / 2 * float(theta[:k] @ theta[:k])
        return loss / total, gradient / total

    start = np.zeros(k + 3 if lapses else k + 1)
    share = float(np.clip(count @ hit / total, 1 / (total + 1), total / (total + 1)))
    start[k] = np.log(share / (1 - share))
    start[k + 1 :] = -3.0
    done = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 1e-9, "gtol": 1e-6})
    return Fit(done.x[:k], float(done.x[k]), *both(done.x), loss=float(done.fun) * total)


def folds(y: Codes, count: int, rng: np.random.Generator) -> Codes:
    """A fold number for each row, (n,), every class spread evenly over the folds."""
    order = np.lexsort((rng.random(len(y)), y))
    number = np.empty(len(y), np.int64)
    number[order] = np.arange(len(y)) % count
    return number


def folds_of_copies(X: Matrix, y: Codes, count: int, rng: np.random.Generator) -> Codes:
    """The same, with rows alike in every column in one fold, so that no model sees a row's copy, or its label."""
    alike = np.unique(np.nan_to_num(X, nan=np.inf), axis=0, return_index=True, return_inverse=True)
    _, first, group = alike
    return folds(y[first], count, rng)[group.reshape(-1)]


def out_of_fold(
    Z: Any, y: Codes, classes: int, fold: Codes, *, lapses: bool = False, aside: NDArray[np.bool_] | None = None
) -> Matrix:
    """Class probabilities (n, classes) of every row from models that saw neither its fold nor the rows `aside`."""
    p = np.zeros((len(y), classes))
    for number in range(int(fold.max(initial=-1)) + 1):
        here = fold == number
        held = here if aside is None else here | aside
        p[here] = held_out(Z, y, classes, held, lapses=lapses)[here[held]]
    return p


def held_out(Z: Any, y: Codes, classes: int, held: NDArray[np.bool_], *, lapses: bool = False) -> Matrix:
    """Class probabilities (held rows, classes), rows summing to 1, from models that saw the other rows alone.

    One model a class against the rest (two classes need one). With `lapses`, probabilities of the true class.
    """
    from scipy.special import expit

    here, rest = np.flatnonzero(held), np.flatnonzero(~held)
    p = np.zeros((len(here), classes))
    for code in range(1 if classes == 2 else 0, classes):
        p[:, code] = expit(fit(Z[rest], y[rest] == code, lapses=lapses).logit(Z[here]))
    if classes == 2:
        p[:, 0] = 1 - p[:, 1]
    p = np.clip(p, 1e-4, 1)
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def too_few(rows: int, least: int, what: str) -> Finding:
    """Said instead of a figure that a handful of rows, or rows of one class alone, cannot carry."""
    return Finding(
        slug="too-few-rows",
        title="Too few labelled training rows",
        sentence=f"{rows} labelled training rows cannot show {what}; {least} of at least two classes are needed.",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        why="What a label should be has to be learnt from the other rows, and there are too few of them.",
        remedy="Give the whole training data.",
    )
