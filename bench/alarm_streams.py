"""Streams on which alarms are measured: daily means of 500 rows, in standard deviations of a row."""

from __future__ import annotations

from math import sqrt

import numpy as np

from holdfast.domain.profile import Counts

ROWS, REFERENCE = 500, 84

KINDS = {
    "independent": 0.02,
    "season and daily effects": 0.02,
    "heavy tails": 0.02,
    "skewed": 0.02,
    "days tied by 0.3": 0.02,
    "days tied by 0.8": 0.05,
    "days tied by 0.8, and chance": 0.05,
    "days tied by 0.95": 0.05,
    "a random walk": 0.05,
}
"""What each may show of false alarms in a thousand looks."""


def made(kind: str, T: int, rng: np.random.Generator) -> np.ndarray:
    """A clean stream (T,)."""
    chance, day = rng.normal(0, 1 / sqrt(ROWS), T), np.arange(T)
    if kind == "season and daily effects":
        return chance + 0.2 * np.sin(2 * np.pi * day / 7) + rng.normal(0, 0.05, T)
    if kind == "heavy tails":
        return 0.05 * rng.standard_t(3, T)
    if kind == "skewed":
        return 0.05 * (rng.exponential(1, T) - 1)
    if kind == "a random walk":
        return np.cumsum(rng.normal(0, 0.05, T))
    if kind.startswith("days tied by "):
        tie, found = float(kind.partition(",")[0].rpartition(" ")[2]), np.zeros(T)
        for t, news in enumerate(rng.normal(0, 0.05 * sqrt(1 - tie**2), T)):
            found[t] = tie * found[t - 1] + news
        return found + chance if kind.endswith("chance") else found
    return chance


def hourly_made(effects: float, T: int, rng: np.random.Generator) -> np.ndarray:
    """A clean stream of hourly means (T,), with a season and what a whole day shares of such a standard deviation."""
    hour = np.arange(T)
    season = 0.3 * np.sin(2 * np.pi * hour / 24) - 0.2 * (hour // 24 % 7 >= 5)
    days = np.repeat(rng.normal(0, effects, T // 24 + 1), 24)[:T]
    return season + days + rng.normal(0, 0.05, T) + rng.normal(0, 1 / sqrt(ROWS), T)


def rows_of(means: np.ndarray, rng: np.random.Generator, spread: np.ndarray | float = 1.0) -> np.ndarray:
    """Rows (T, 500) of batches that have exactly these means (T,)."""
    noise = rng.normal(0, 1, (len(means), ROWS)) * np.broadcast_to(spread, len(means))[:, None]
    return means[:, None] + noise - noise.mean(axis=1, keepdims=True)


def labels(T: int, rng: np.random.Generator, swapped_from: int) -> list[Counts]:
    """Batches of eight labels, of which two neighbours but one in frequency swap places from a day on."""
    weights = np.arange(8, 0, -1) / 36
    first = int(rng.integers(0, 6))
    then = weights.copy()
    then[[first, first + 2]] = weights[[first + 2, first]]
    drawn = [rng.multinomial(ROWS, weights if day < swapped_from else then) for day in range(T)]
    return [Counts((*cells.tolist(), 0)) for cells in drawn]
