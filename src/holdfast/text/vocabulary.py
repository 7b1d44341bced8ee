"""Which words texts use, and whether two samples of texts use the same.

Words of one text are no independent draws: they follow from what it is about. So a text is one observation. Which words
tell the samples apart is learned from one half of each, and every text of the other half gets one number: how much
more often its words come in the second sample. Those numbers can be compared like any column.

Sources: Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests" (arXiv 1610.06545); Monroe, Colaresi and
Quinn 2008, "Fightin' words" (log-odds with a prior).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Words = frozenset[str]

TOLD = 2.0
"""Standard errors by which a word must come more or less often before it counts at all."""

NAMED, LEAST_TEXTS, MOST_NAMED = 4.5, 10, 5
"""The same before it is named, of so many texts at least, so that nobody is known by a name; and how many are."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A word, in which share of the texts it came then, and comes now."""

    word: str
    then: float
    now: float


@dataclass(frozen=True, slots=True, eq=False)
class Vocabularies:
    """Two samples of texts beside each other, by the halves from which nothing was learned.

    `then` and `now` are a number for each text, (n,), NaN for one without words. `unseen` is the share of its words
    that the first sample's other half never has, averaged over texts: `unseen_then` is what is usual of that. `came`
    and `went` are words that come more often now, and less often, those first that are told most surely.
    """

    then: Vector
    now: Vector
    unseen_then: float
    unseen: float
    came: tuple[Shift, ...]
    went: tuple[Shift, ...]


def terms_of(words: Sequence[str]) -> Words:
    """Which words a text has; of scripts without spaces, which pairs of letters."""
    found = set[str]()
    for word in words:
        is_run = "\u0e00" <= word[0] <= "\u0eff" or "\u1780" <= word[0] <= "\u17ff" or "\u3040" <= word[0] <= "\u9fff"
        found.update(map("".join, pairwise(word)) if is_run and len(word) > 2 else (word,))
    return frozenset(found)


def compare(first: Sequence[Words], second: Sequence[Words], rng: np.random.Generator) -> Vocabularies:
    """What two samples of texts, each as its words, show; each has two texts at least."""
    (learn_first, ask_first), (learn_second, ask_second) = _halves(first, rng), _halves(second, rng)
    then, now = (Counter(word for text in texts for word in text) for texts in (learn_first, learn_second))
    weights = _weights(then, now, len(learn_first), len(learn_second))
    came, went = _named(first, second)
    return Vocabularies(
        _scores(ask_first, weights),
        _scores(ask_second, weights),
        _unseen(ask_first, then),
        _unseen(ask_second, then),
        came,
        went,
    )


def _halves(texts: Sequence[Words], rng: np.random.Generator) -> tuple[list[Words], list[Words]]:
    order, middle = rng.permutation(len(texts)).tolist(), len(texts) // 2
    return [texts[place] for place in order[:middle]], [texts[place] for place in order[middle:]]


def _weights(first: Counter[str], second: Counter[str], n: int, m: int) -> dict[str, float]:
    """By how much the odds of each word grew, where that is told from chance at all."""
    found = dict[str, float]()
    for word in first.keys() | second.keys():
        a, b = first[word], second[word]
        change = log((b + 0.5) / (m - b + 0.5)) - log((a + 0.5) / (n - a + 0.5))
        if abs(change) > TOLD * sqrt(1 / (a + 0.5) + 1 / (b + 0.5)):
            found[word] = change
    return found


def _scores(texts: Sequence[Words], weights: dict[str, float]) -> Vector:
    """Of each text the mean over its words."""
    return np.array([sum(weights.get(word, 0.0) for word in sorted(text)) / len(text) if text else np.nan
                     for text in texts])  # fmt: skip


def _unseen(texts: Sequence[Words], known: Counter[str]) -> float:
    shares = [sum(word not in known for word in text) / len(text) for text in texts if text]
    return float(np.mean(shares)) if shares else 0.0


def _named(first: Sequence[Words], second: Sequence[Words]) -> tuple[tuple[Shift, ...], tuple[Shift, ...]]:
    """Words by how surely the share of texts that have them changed (two proportions, one sample each)."""
    then, now = (Counter(word for text in texts for word in text) for texts in (first, second))
    n, m = len(first), len(second)
    sure = list[tuple[float, Shift]]()
    for word in then.keys() | now.keys():
        a, b = then[word], now[word]
        both = (a + b) / (n + m)
        error = sqrt(both * (1 - both) * (1 / n + 1 / m))
        z = (b / m - a / n) / error if error > 0 else 0.0
        if abs(z) >= NAMED and max(a, b) >= LEAST_TEXTS:
            sure.append((z, Shift(word, a / n, b / m)))
    sure.sort(key=lambda one: (-abs(one[0]), one[1].word))
    return tuple(s for z, s in sure if z > 0)[:MOST_NAMED], tuple(s for z, s in sure if z < 0)[:MOST_NAMED]
