"""Alarms on a stream of batches that hold their promise however often somebody looks, and however long.

Decisions of one day resemble each other, and Mondays resemble Mondays: tests that count rows alarm on streams in which
nothing happened. So a batch (a day, an hour) is one observation. Each is predicted from what came before it: batches
of its season, and the last three. What the prediction missed is ranked among what earlier ones missed, and bets are
placed on ranks. Where nothing changed ranks are fair coins: whoever bets on them has become a hundred times richer at
any time with a chance of one in a hundred. A gambler starts anew at each batch with a share of the money, so that a
change is found late in a stream, too. Bets are bounded, so that holidays and other single days ruin nothing.

A limit needs no change: where the level lies at a limit, what lies beyond it is ranked fairly among what was missed of
other batches, and where it lies on the right side, lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.monitors.betting import ANY_SIDE, UPWARDS, bet, ranks, ranks_among
from holdfast.monitors.residuals import Residuals, recursive, robust
from holdfast.monitors.seasons import Season

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Places = NDArray[np.int64]

LAGS = 3
DELAY = 28
"""Batches after which one teaches what is usual: what is younger may be the change itself, which comes into sight
slowly where each batch is predicted from the last ones.
"""

SETTLING = 14
"""Batches from which an acknowledged new level is learned before anybody bets on it."""

WARY = 1.25
"""How much wider than they seem new batches are taken to vary after an acknowledged change."""

EACH = 2
"""Batches for each coefficient, beside the youngest ones, from which a stream's first ones are learned."""

AROUND, FEWEST = 14, 20
"""Batches on either side around whose mean one varies, and how many must have so that a limit can be judged."""

LEEWAY = 0.02
"""How much too high ranks are granted to be at a limit, as what they are ranked among was estimated."""

RICH, RICHER = 100.0, 400.0
"""How rich a gambler must become for an alarm: at a limit as rich as one chance in a hundred asks for; at a change, for
which how batches hang together counts more, and was estimated, four times as rich.
"""

HUGE, BEYOND = 1e100, 1e6
"""Where values end, and standard deviations of the reference, so that no square of one overflows."""

WANDERING = 0.9
"""Where batches hang together by more than this, the stream has no level of its own that could shift."""


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What a stream of T batches shows.

    `money` (T,) is the logarithm of what betting made of 1, 0 for the batches of the reference; `start` is the first
    batch since which it counts, where the reference ends or the latest regime begins. `alarm` is the first batch from
    there on at which it reached `threshold`, None where it never did; `since` when the change most likely began,
    `level` where the stream lay from then to the alarm, without its season, and `shift` how far that is from what was
    usual, or from the limit, in the stream's unit, with the `error` (a standard error) of both. A stream that `wanders`
    gives no alarm: nothing can be told about its level.
    """

    money: Vector
    start: int
    threshold: float = log(RICHER)
    wanders: bool = False
    alarm: int | None = None
    since: int | None = None
    level: float = 0.0
    shift: float = 0.0
    error: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    """The batches that have rows: their places, values (T,) as so many of a `unit` from `zero`, how many `ordinary`
    ones come first, and the columns X that predict them: `seasonal` ones, a step for each new regime, then the lags.
    """

    known: Places
    y: Vector
    zero: float
    unit: float
    ordinary: int
    X: Matrix
    seasonal: int
    steps: tuple[int, ...]

    @property
    def typical(self) -> Vector:
        """How often each phase comes, (seasonal,)."""
        return np.asarray(self.X[: self.ordinary, : self.seasonal].mean(axis=0))

    @property
    def wanders(self) -> bool:
        """Whether the reference has no level of its own."""
        return _hang(self.y[: self.ordinary], self.X[: self.ordinary, : self.seasonal]) > WANDERING

    def until(self, end: int, steps: tuple[int, ...]) -> _Stream:
        """The first `end` batches, in which only these regimes began."""
        return replace(self, known=self.known[:end], y=self.y[:end], X=self.X[:end], steps=steps)


def watch(values: Vector, season: Season, reference: int, *, regimes: Sequence[int] = (), seed: int = 0) -> Watched:
    """Whether the level of a stream changed: `values` (T,) by batch, not finite where one had no rows.

    The first `reference` batches are known to be ordinary; FixInput where fewer of them have rows than the season asks
    for. `regimes` are the places of batches, in order, with which somebody acknowledged that another level began: it is
    learned from them on, nobody bets meanwhile, and the alarm is one since the latest. `seed` breaks ties among ranks:
    the same batches give the same money, whatever comes after them.
    """
    stream = _stream(values, season, reference, regimes)
    if stream.wanders:
        return Watched(np.zeros(len(values)), reference, wanders=True)
    money, skip = np.zeros(len(stream.y)), np.zeros(len(stream.y), dtype=bool)
    found, dear = Watched(money, reference), 1.0
    for place, end in enumerate((*stream.steps, len(stream.y))):
        part = stream.until(end, stream.steps[:place])
        residuals = _residuals(part, skip[:end])
        begin = (stream.ordinary, *stream.steps)[place]
        ties = np.random.default_rng(seed).random(end)
        missed = _beside(part, residuals, begin) if place else residuals.missed
        ranked = ranks(missed, ~skip[:end], ties)
        dear = dear if place else _dear(ranked[:begin], season.day)
        path, begun = bet(ranked[begin:], ANY_SIDE, dear)
        money[begin:end] = path
        found = _found(part, path, begun + begin, skip[:end])
        if found.since is not None:
            skip[found.since : end] = True
    return _placed(found, money, stream, (reference, *regimes), len(values))


def above(values: Vector, season: Season, reference: int, ceiling: float, *, seed: int = 0) -> Watched:
    """Whether the level of a stream lies above a ceiling, whether or not it ever changed; see `watch`."""
    stream = _stream(values, season, reference)
    if stream.wanders:
        return Watched(np.zeros(len(values)), reference, log(RICH), wanders=True)
    residuals = _residuals(stream, np.zeros(len(stream.y), dtype=bool))
    ties = np.random.default_rng(seed).random(len(stream.y))
    limit = (ceiling - stream.zero) / stream.unit
    excess, usual = _excess(stream, residuals, limit), _centred(residuals)
    ranked = ranks_among(excess, usual, AROUND + 1, FEWEST, ties)
    known = ranks(residuals.missed[: stream.ordinary], residuals.teaches[: stream.ordinary], ties)
    path, begun = bet(ranked[stream.ordinary :] - LEEWAY, UPWARDS, _dear(known, season.day))
    money = np.zeros(len(stream.y))
    money[stream.ordinary :] = path
    found = _found(stream, path, begun + stream.ordinary, ~residuals.teaches, limit)
    return _placed(found, money, stream, (reference,), len(values))


def below(values: Vector, season: Season, reference: int, floor: float, *, seed: int = 0) -> Watched:
    """Whether the level of a stream lies below a floor; see `above`."""
    found = above(-values, season, reference, -floor, seed=seed)
    return replace(found, level=-found.level, shift=-found.shift)


def _stream(values: Vector, season: Season, reference: int, regimes: Sequence[int] = ()) -> _Stream:
    known = np.flatnonzero(np.isfinite(values))
    ordinary = int(np.searchsorted(known, reference))
    if ordinary < season.fewest or reference > len(values):
        what = f"{ordinary} batches say too little of what is usual."
        raise FixInput("watch.reference", what, f"Give at least {season.fewest} that have rows: four of each phase.")
    if list(regimes) != sorted(place for place in set(regimes) if reference < place <= len(values)):
        raise FixInput(
            "watch.regimes", "Regimes begin after the reference, one after the other.", "Give them in order."
        )
    y = np.clip(values[known], -HUGE, HUGE)
    zero = float(np.median(y[:ordinary]))
    spread = robust(y[:ordinary] - zero)
    unit = spread if np.isfinite(spread) else float(y[:ordinary].std()) or 1.0
    y = np.clip((y - zero) / unit, -BEYOND, BEYOND)
    columns = season.take(known).columns(ordinary)
    steps = tuple(int(place) for place in np.searchsorted(known, regimes))
    later = [np.arange(len(y)) >= step for step in steps]
    X = np.column_stack([columns, *later, *(_shifted(y, lag) for lag in range(1, LAGS + 1))]).astype(np.float64)
    return _Stream(known, y, zero, unit, ordinary, X, columns.shape[1], steps)


def _shifted(y: Vector, by: int) -> Vector:
    return np.concatenate([np.full(by, y[:by].mean()), y[:-by]])


def _hang(y: Vector, X: Matrix) -> float:
    """How far batches (T,) hang together beyond what X explains: the sum of the weights by which each follows from the
    last two, and what such an estimate lacks (Marriott and Pope 1954, "Bias in the estimation of autocorrelations").
    """
    rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    own = np.linalg.lstsq(np.column_stack([rest[1:-1], rest[:-2]]), rest[2:], rcond=None)[0]
    hang = float(own.sum())
    return hang + (1 + 3 * hang) / len(y)


def _residuals(stream: _Stream, skip: NDArray[np.bool_]) -> Residuals:
    start = EACH * (stream.seasonal + LAGS) + DELAY
    pauses = [(0, start), *((step, step + SETTLING) for step in stream.steps)]
    return recursive(stream.y, stream.X, DELAY, pauses, skip)


def _beside(stream: _Stream, residuals: Residuals, begin: int) -> Vector:
    """What was missed of each batch, (T,), for ranks in the regime that begins at `begin`.

    What is older is made as wide as the batches that the regime is learned from, and a little wider, as they are few.
    """
    missed, start = residuals.missed.copy(), begin + SETTLING
    old = missed[:begin][np.isfinite(missed[:begin])]
    if start >= len(missed) or not np.isfinite(robust(old)):
        missed[:begin] = np.nan
        return missed
    learned = stream.y[begin:start] - stream.X[begin:start] @ residuals.coefficients[start]
    missed[:begin] *= WARY * float(learned.std(ddof=1)) / robust(old)
    return missed


def _dear(ranked: Vector, day: int) -> float:
    """How many times as much as that of fair ranks the mean of a day's varies, at least 1.

    What hours share with the others of their day is no news of a change.
    """
    known = ranked[np.isfinite(ranked)]
    means = known[len(known) % day :].reshape(-1, day).mean(axis=1)
    return max(1.0, 12 * day * float(np.mean((means - 0.5) ** 2))) if day > 1 else 1.0


def _excess(stream: _Stream, residuals: Residuals, limit: float) -> Vector:
    """What a prediction of each batch missed that takes the level to lie at the limit, (T,)."""
    b = residuals.coefficients
    level = b[:, : stream.seasonal] @ stream.typical
    return np.asarray(stream.y - (stream.X * b).sum(axis=1) + level - (1 - b[:, -LAGS:].sum(axis=1)) * limit)


def _centred(residuals: Residuals) -> Vector:
    """How far each batch was missed beside those around it, (T,): how they vary, whatever the level."""
    counts = residuals.teaches & np.isfinite(residuals.missed)
    window = np.ones(2 * AROUND + 1)
    number = np.convolve(counts, window)[AROUND:-AROUND]
    total = np.convolve(np.where(counts, residuals.missed, 0.0), window)[AROUND:-AROUND]
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = (residuals.missed - total / number) * np.sqrt(number / (number - 1))
    return np.where(counts & (number > AROUND), apart, np.nan)


def _found(
    stream: _Stream, path: Vector, begun: Places, skip: NDArray[np.bool_], limit: float | None = None
) -> Watched:
    """Whether and when the money reached the threshold, in places among the batches that have rows."""
    found = Watched(path, 0, log(RICHER if limit is None else RICH))
    first = np.flatnonzero(path >= found.threshold)
    if not len(first):
        return found
    since, end = int(begun[first[0]]), len(stream.y) - len(path) + int(first[0])
    if _may_wander(stream, since, end + 1):
        return replace(found, wanders=True)
    level, usual, error = _level(stream, since, end + 1, skip)
    shift = level - (usual if limit is None else limit)
    return replace(found, alarm=end, since=since, level=level, shift=shift, error=error)


def _may_wander(stream: _Stream, since: int, end: int) -> bool:
    """Whether the batches until `end` may have no level of their own: within a standard error of how far they hang
    together, beside the step that was found, or before it alone. A step that was looked for takes much of a wandering
    stream for its own.
    """
    X = stream.X[:end, :-LAGS]
    hang = _hang(stream.y[:end], np.column_stack([X, np.arange(end) >= since]))
    if since >= stream.ordinary:
        hang = max(hang, _hang(stream.y[:since], X[:since]))
    return hang + sqrt(max(0.0, 1 - hang * hang) / end) > WANDERING


def _level(stream: _Stream, since: int, end: int, skip: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Where the level of the batches [since, end) lies, where it was expected, and the standard error of the first."""
    X, before = stream.X[:, :-LAGS], np.flatnonzero(~skip[:since])
    b = np.linalg.lstsq(X[before], stream.y[before], rcond=None)[0]
    rest = stream.y[:end] - X[:end] @ b
    usual = float(stream.typical @ b[: stream.seasonal] + X[since, stream.seasonal :] @ b[stream.seasonal :])
    hang = min(max(_hang(stream.y[before], X[before]), 0.0), WANDERING)
    error = float(rest[before].std()) * sqrt((1 + hang) / (1 - hang) / (end - since))
    return usual + float(rest[since:end].mean()), usual, error


def _placed(found: Watched, money: Vector, stream: _Stream, begins: Sequence[int], T: int) -> Watched:
    """The same in places among all batches: one without rows has the money of the one before it, since its regime
    began; `begins` are where the reference ends and regimes begin.
    """
    batches = np.arange(T)
    last = np.maximum(np.searchsorted(stream.known, batches, side="right") - 1, 0)
    begun = np.array([T, *begins])[np.searchsorted(begins, batches, side="right")]
    found = replace(found, money=np.where(stream.known[last] < begun, 0.0, money[last]), start=begins[-1])
    if found.alarm is None or found.since is None:
        return found
    level, shift, error = (value * stream.unit for value in (found.level, found.shift, found.error))
    alarm, since = int(stream.known[found.alarm]), int(stream.known[found.since])
    return replace(found, alarm=alarm, since=since, level=stream.zero + level, shift=shift, error=error)
