"""Learning a head: a logistic regression over the runs of windows, its weights rounded, its threshold fixed on texts
that it did not learn from.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix, diags, vstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bench.heads.corpus import Example, mixed_from
from holdfast.text.grams import BITS, grams
from holdfast.text.heads import SHORT, STEP, WORDS, Head, score_windows
from holdfast.text.normalise import normalise
from holdfast.text.windows import windows

SIZE = 1 << BITS
STRENGTH = 10.0
ATTACKS_COUNT = 1.5
FALSE_ALARMS = 0.0075
OFTEN = 2
"""A place that fewer windows than these have has no weight: one text proves nothing of its words."""

MIXTURES = 16_000
STEPS = 24
"""Rounding: weights beyond 127 of these steps of their standard deviation are as the last."""


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of examples as rows of runs, and the example that each is of."""

    rows: csr_matrix
    of: np.ndarray

    @classmethod
    def made(cls, examples: Sequence[Example]) -> Windows:
        places, values, ends, of = [], [], [0], []
        for number, example in enumerate(examples):
            text = normalise(example.text).text
            for start, end in windows(text, WORDS, STEP):
                found = _runs(text[start:end])
                places += [at for at, _ in found]
                values += [value for _, value in found]
                ends.append(ends[-1] + sum(len(at) for at, _ in found))
                of.append(number)
        shape = (len(of), 2 * SIZE)
        rows = csr_matrix((np.concatenate(values), np.concatenate(places), ends), shape=shape)
        rows.sum_duplicates()
        return cls(rows, np.array(of))


def _runs(window: str) -> list[tuple[np.ndarray, np.ndarray]]:
    found = grams(window)
    made = []
    for table, (runs, short) in enumerate(zip((found.words, found.characters), SHORT, strict=True)):
        places = np.concatenate(runs)
        made.append((places + table * SIZE, np.full(len(places), 1 / np.sqrt(len(places) + short), dtype=np.float32)))
    return made


def learned(
    examples: Sequence[Example], made: Windows, chosen: np.ndarray, seed: int, mixtures: int = MIXTURES
) -> Head:
    """A head learned from the chosen examples, bool (n,), and from mixtures of them; it has no threshold yet.

    `made` are the windows of all examples.
    """
    mixed = mixed_from(
        [example for example, is_chosen in zip(examples, chosen, strict=True) if is_chosen], seed, mixtures
    )
    more = Windows.made(mixed)
    mine = np.flatnonzero(chosen[made.of])
    of = np.concatenate([made.of[mine], more.of + len(examples)])
    attack = np.array([example.is_attack for example in [*examples, *mixed]])[of]
    weight = np.where(attack, ATTACKS_COUNT, 1.0) / np.sqrt(np.bincount(of)[of])
    often = np.bincount(made.rows[mine].indices, minlength=2 * SIZE) >= OFTEN
    rows = vstack([made.rows[mine], more.rows]) @ diags(often.astype(np.float32))
    model = LogisticRegression(solver="liblinear", dual=True, C=STRENGTH, max_iter=60, tol=0.02, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows.tocsr(), attack, sample_weight=weight)
    return _rounded(model.coef_[0], float(model.intercept_[0]))


def _rounded(weights: np.ndarray, bias: float) -> Head:
    step = float(weights[weights != 0].std()) / STEPS
    rounded = np.clip(np.rint(weights / step), -127, 127).astype(np.int8)
    return Head(rounded[:SIZE], rounded[SIZE:], step, bias, 0.0, 0.0)


def highest(head: Head, texts: Sequence[str]) -> np.ndarray:
    """The highest score of each text's windows."""
    return np.array([score_windows(normalise(text).text, {"": head}).scores[""].max() for text in texts])


def with_threshold(head: Head, groups: Sequence[Sequence[str]], seed: int) -> Head:
    """The head, with the threshold that `FALSE_ALARMS` of each group of ordinary texts reach, and its slope.

    The slope is seen on texts of 8 and of 32 windows, which are texts of the first group one after another.
    """
    ordinary = groups[0]
    threshold = max(_reached(head, group) for group in groups)
    beyond = []
    for windows_ in (8, 32):
        long = [joined(ordinary, windows_ * STEP + WORDS - STEP, random.Random(seed + n)) for n in range(400)]
        beyond.append((_reached(head, long) - _reached(head, ordinary)) / np.log2(windows_))
    return replace(head, threshold=threshold, slope=max(0.0, float(np.mean(beyond))))


def _reached(head: Head, texts: Sequence[str]) -> float:
    return float(np.quantile(highest(head, texts), 1 - FALSE_ALARMS))


def joined(texts: Sequence[str], words: int, rng: random.Random) -> str:
    """Texts at random, one after another, of so many words at least."""
    parts: list[str] = []
    while words > 0:
        parts.append(rng.choice(texts))
        words -= len(parts[-1].split())
    return " ".join(parts)
