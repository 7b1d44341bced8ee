"""Alarms on a stream of batches that hold their promise however often somebody looks, and however long.

Decisions of one day resemble each other, and Mondays resemble Mondays: tests that count rows alarm on streams in which
nothing happened. So a batch (a day) is one observation. Each is predicted from what came before it: the day of the
week, and where batches resemble their neighbours, the last two. What the prediction missed is ranked among what earlier
ones missed, and bets are placed on ranks. Where nothing changed ranks are fair coins: whoever bets on them has become a
hundred times richer at any time with a chance of one in a hundred (Ville 1939). A gambler starts anew at each batch
with a share of the money, so that a change is found late in a stream, too.

Coefficients are learned with a delay, or a shift would be explained away while it is still news; bets are bounded, so
that holidays and other single days ruin nothing.

Sources: Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world", chapter 7 (betting on ranks); Shin,
Ramdas and Rinaldo 2022, "E-detectors" (arXiv 2203.03532); Brown, Durbin and Evans 1975, "Techniques for testing the
constancy of regression relationships over time" (recursive residuals).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

WEEK = 7
FEWEST = 28
"""Batches of a reference, at least: four weeks."""

DELAY, TIED_DELAY = 14, 28
"""Batches after which one teaches what is usual: what is younger may be the change itself. Longer with lags, through
which a change comes into sight more slowly.
"""

CALM, TIED = 100.0, 400.0
"""How rich a gambler must become for an alarm; more where lags had to be estimated too."""

WANDERING = 0.9
"""Where batches hang together by more than this, the stream has no level of its own that could shift."""

FAR = 6.0
"""Standard deviations by which a batch may be missed and still teach what is usual."""

_STAKES = np.array([side * size for size in (0.5, 1.0, 2.0, 3.0) for side in (-1, 1)])
_TO_UNIT = sqrt(12)


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What a stream of T batches shows.

    `money` (T,) is the logarithm of what betting made of 1, 0 for the batches of the reference. `alarm` is the first
    batch at which it reached `threshold`, None where it never did; `since` when the change most likely began, and
    `shift` how far the level moved since, in the stream's unit, with its standard error. `lags` says how many batches
    before it each was predicted from. A stream that `wanders` is not watched: nothing about its level can be told.
    """

    money: Vector
    threshold: float
    lags: int
    wanders: bool
    alarm: int | None = None
    since: int | None = None
    shift: float = 0.0
    error: float = 0.0


def watch(values: Vector, days: NDArray[np.int64], reference: int, *, seed: int = 0) -> Watched:
    """Watch a stream: `values` (T,) by batch, not finite where one had no rows; `days` (T,), counted from any Monday.

    The first `reference` batches are known to be ordinary. FixInput where they are fewer than four weeks. The same
    batches give the same money: `seed` breaks ties among ranks.
    """
    known = np.flatnonzero(np.isfinite(values))
    y, ordinary = values[known], int(np.searchsorted(known, reference))
    if ordinary < FEWEST or reference > len(values):
        what = f"{ordinary} batches say too little of what is usual."
        raise FixInput("watch.reference", what, f"Give at least {FEWEST} that have rows: four weeks of days.")
    X = _weekdays(days[known], ordinary)
    lags, persistence = _lags(y[:ordinary], X[:ordinary])
    money = np.zeros(len(values))
    threshold = log(TIED if lags else CALM)
    if persistence > WANDERING:
        return Watched(money, threshold, lags, wanders=True)
    if lags:
        X = np.column_stack([X, _shifted(y, 1), _shifted(y, 2)])
    missed = _missed(y, X, TIED_DELAY if lags else DELAY)
    ranks = _ranks(missed, np.random.default_rng(seed))
    path, begun = _bet(ranks[ordinary:])
    money[known[ordinary:]] = path
    money = _carried(money, known, reference)
    first = np.flatnonzero(path >= threshold)
    if not len(first):
        return Watched(money, threshold, lags, wanders=False)
    at = int(first[0])
    start = ordinary + int(begun[at])
    shift, error = _level(y, X, start, ordinary + at)
    return Watched(money, threshold, lags, False, int(known[ordinary + at]), int(known[start]), shift, error)


def _weekdays(days: NDArray[np.int64], ordinary: int) -> Matrix:
    """A column for each day of the week of the reference; another day, should it come, is taken for their mean."""
    which = np.unique(days[:ordinary] % WEEK)
    columns: Matrix = (days[:, None] % WEEK == which).astype(np.float64)
    columns[~columns.any(axis=1)] = 1 / len(which)
    return columns


def _shifted(y: Vector, by: int) -> Vector:
    return np.concatenate([np.full(by, y[: max(1, by)].mean()), y[:-by]])


def _lags(y: Vector, X: Matrix) -> tuple[int, float]:
    """Whether neighbours resemble each other beyond the day of the week, and by how much they hang together."""
    rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    spread = float(rest @ rest)
    if spread <= 0:
        return 0, 0.0
    alike = [float(rest[by:] @ rest[:-by]) / spread for by in (1, 2)]
    if max(alike) <= 2 / sqrt(len(y)):
        return 0, max(alike)
    before = np.column_stack([rest[1:-1], rest[:-2]])
    own = np.linalg.lstsq(before, rest[2:], rcond=None)[0]
    return 2, float(own.sum())


def _missed(y: Vector, X: Matrix, delay: int) -> Vector:
    """What the prediction of each batch from those before it missed, (T,); NaN where there were too few.

    Batches that were missed by very much teach nothing: a holiday must not spoil the Mondays that follow.
    """
    k, T = X.shape[1], len(y)
    missed, teaches = np.full(T, np.nan), np.ones(T)
    start = 2 * k + delay
    first = y[:start] - np.median(y[:start])
    teaches[:start] = np.abs(first) <= FAR * _robust(first)
    for begin in range(start, T, delay):  # what a batch is predicted from lies in an earlier block
        end = min(begin + delay, T)
        weighted = X[:end] * teaches[:end, None]
        squares = np.cumsum(weighted[:, :, None] * X[:end, None, :], axis=0)[begin - delay : end - delay]
        products = np.cumsum(weighted * y[:end, None], axis=0)[begin - delay : end - delay]
        x, A = X[begin:end], squares + 1e-9 * np.eye(k)
        coefficients = np.linalg.solve(A, products[:, :, None])[:, :, 0]
        leverage = np.einsum("ti,ti->t", x, np.linalg.solve(A, x[:, :, None])[:, :, 0])
        missed[begin:end] = (y[begin:end] - np.einsum("ti,ti->t", x, coefficients)) / np.sqrt(1 + leverage)
        usual = _robust(missed[start:end])
        teaches[begin:end] = np.abs(missed[begin:end]) <= FAR * usual
    return missed


def _robust(rest: Vector) -> float:
    """A standard deviation that single values cannot spoil; infinite where most are the same."""
    spread = 1.4826 * float(np.median(np.abs(rest)))
    return spread if spread > 0 else np.inf


def _ranks(missed: Vector, rng: np.random.Generator) -> Vector:
    """Where each stands among those before it, between 0 and 1; 1/2 where nothing is known yet."""
    ranks, ties = np.full(len(missed), 0.5), rng.random(len(missed))
    first = int(np.argmax(~np.isnan(missed))) if not np.isnan(missed).all() else len(missed)
    for t in range(first + 1, len(missed)):
        before = missed[first:t]
        below, same = int((before < missed[t]).sum()), int((before == missed[t]).sum())
        ranks[t] = (below + ties[t] * (same + 1)) / (t - first + 1)
    return ranks


def _bet(ranks: Vector) -> tuple[Vector, NDArray[np.int64]]:
    """The log of the money after each rank, and at which batch the gambler who is richest then had begun."""
    gains = _STAKES * (_TO_UNIT * (ranks[:, None] - 0.5)) - _price(_STAKES)
    T, n = gains.shape
    shares = _shares(T)
    path, begun = np.zeros(T), np.zeros(T, dtype=np.int64)
    money = np.full(n, -np.inf)  # of all who play with a stake together
    best, when = np.full(n, -np.inf), np.zeros(n, dtype=np.int64)
    spent = 0.0
    for t in range(T):
        share = log(shares[t] / n)
        money = np.logaddexp(money, share) + gains[t]
        is_fresh = share > best
        when, best = np.where(is_fresh, t, when), np.maximum(best, share) + gains[t]
        spent += shares[t]
        path[t] = np.logaddexp(np.logaddexp.reduce(money), log(max(1e-300, 1 - spent)))
        begun[t] = when[int(np.argmax(best))]
    return path, begun


def _price(stakes: Vector) -> Vector:
    """What makes a bet on a fair rank fair: the log of the mean of exp(stake * sqrt(12) * (rank - 1/2))."""
    x = np.abs(stakes) * _TO_UNIT / 2
    return np.asarray(np.log(np.sinh(x) / x))


def _shares(T: int) -> Vector:
    """With which share of the money a gambler begins at each batch: they fall slowly, and all of them make 1."""
    place = np.arange(2.0, T + 2.0)
    return np.asarray(1 / np.log(place) - 1 / np.log(place + 1)) * log(2)


def _carried(money: Vector, known: NDArray[np.int64], reference: int) -> Vector:
    """Where a batch had no rows, the money of the one before it."""
    has = np.zeros(len(money), dtype=bool)
    has[known] = True
    last = np.maximum.accumulate(np.where(has, np.arange(len(money)), 0))
    return np.where(np.arange(len(money)) < reference, 0.0, money[last])


def _level(y: Vector, X: Matrix, start: int, end: int) -> tuple[float, float]:
    """How far the level lies from what was predicted, from `start` to `end`, and the standard error of that."""
    before = max(1, start)
    coefficients = np.linalg.lstsq(X[:before], y[:before], rcond=None)[0]
    rest = y - X @ coefficients
    since = rest[start : end + 1]
    spread = float(rest[:before].std(ddof=min(before - 1, X.shape[1])))
    return float(since.mean()), spread / sqrt(len(since))
