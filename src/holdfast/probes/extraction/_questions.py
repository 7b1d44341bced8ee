"""Which rows the thief asks about, and what the target tells him."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.ports import Target
from holdfast.probes._learners import Matrix
from holdfast.probes.extraction._copy import Answers, sketch

FLOOR = 1e-6

GROWTH = 3
"""Each round asks about a third of what was asked before: few rounds, each better aimed."""

POOL = 10
"""Candidates considered for each question."""

EXPLORED = 0.02
"""Chance that a category of a made-up row is any that the column allows."""


@dataclass(frozen=True)
class View:
    """What the target shows: scores with `digits` decimals (None: all), or `decisions` only; `name` in words."""

    name: str
    digits: int | None = None
    decisions: bool = False

    @property
    def floor(self) -> float:
        """The smallest score that is not read as "nothing"."""
        return FLOOR if self.digits is None else 0.5 * 10.0**-self.digits


def ask(target: Target, rows: Matrix, view: View, schema: Schema) -> Answers:
    """The target's answers about `rows` under `view`; scores as their logs, not yet read (see `read`)."""
    if schema.task is Task.REGRESSION:
        values = target.predict(rows).astype(np.float64)
        return Answers(values, values.reshape(-1, 1))
    decision = target.predict(rows)
    if view.decisions:
        return Answers(decision)
    scores = target.scores(rows)
    if view.digits is not None:
        scores = np.round(scores, view.digits)
    return Answers(decision, np.log(np.clip(scores, view.floor, 1 - view.floor)))


def read(answers: Answers, view: View, schema: Schema) -> Answers:
    """`Answers.graded` from the logs of scores: a class that is never given any does not count."""
    if answers.graded is None or schema.task is Task.REGRESSION:
        return answers
    above = answers.graded > np.log(view.floor)
    live = above.any(axis=0)
    clear = above[:, live].all(axis=1)
    if schema.task is Task.BINARY:
        odds = answers.graded[:, 1] - answers.graded[:, 0]
        return replace(answers, graded=(odds - _turn(odds, answers.decision == 1)).reshape(-1, 1), clear=clear)
    centre = answers.graded[:, live].mean(axis=1, keepdims=True)
    return replace(answers, graded=answers.graded - centre, clear=clear)


def _turn(odds: NDArray[np.float64], yes: NDArray[np.bool_]) -> float:
    """The log odds at which the decision turns, as far as the answers show it."""
    return 0.0 if yes.all() or not yes.any() else float(odds[~yes].max() + odds[yes].min()) / 2


def joined(first: Answers, then: Answers) -> Answers:
    """Both, one after the other."""
    decision = np.concatenate([first.decision, then.decision])
    if first.graded is None or then.graded is None:
        return Answers(decision)
    return Answers(decision, np.concatenate([first.graded, then.graded]))


def crossed(own: Matrix, n: int, schema: Schema, rng: Generator) -> Matrix:
    """`n` made-up rows (n, features): the thief's `own` with up to 60 % of the cells from other rows of his.

    Of the numbers that change, half go only part of the way; a few cells take any value that the column allows.
    """
    rows = own[rng.integers(0, len(own), n)].copy()
    donor = own[rng.integers(0, len(own), rows.shape), np.arange(rows.shape[1])]
    swap = rng.random(rows.shape) < rng.uniform(0, 0.6, (n, 1))
    share = np.where(rng.random(rows.shape) < 0.5, 1.0, rng.random(rows.shape))
    for j, feature in enumerate(schema.features):
        number = feature.kind is not Kind.CATEGORY
        known = ~(np.isnan(rows[:, j]) | np.isnan(donor[:, j]))
        between = rows[:, j] + share[:, j] * (donor[:, j] - rows[:, j])
        mixed = np.where(swap[:, j], np.where(known & number, between, donor[:, j]), rows[:, j])
        explore = np.flatnonzero(rng.random(n) < EXPLORED)
        mixed[explore] = _anything(feature, mixed[explore], rng)
        rows[:, j] = np.rint(mixed) if _whole(own[:, j]) else mixed
    return rows


def _anything(feature: Feature, values: NDArray[np.float64], rng: Generator) -> NDArray[np.float64]:
    """Values anywhere in the column's range, most of them low, where most columns of amounts have most to tell."""
    if feature.kind is Kind.CATEGORY:
        return rng.integers(0, max(1, len(feature.categories)), len(values)).astype(np.float64)
    if feature.low is None or feature.high is None:
        return values
    return np.asarray(feature.low + (feature.high - feature.low) * rng.random(len(values)) ** 3, dtype=np.float64)


def _whole(values: NDArray[np.float64]) -> bool:
    known = values[~np.isnan(values)]
    return bool((known == np.rint(known)).all())


@dataclass(frozen=True, eq=False)
class Thief:
    """What the thief has: access to `target` under `view`, and a few rows of his `own`, (n, features).

    Of his questions a share `aimed` goes where a sketch of the copy is least sure, the rest wherever made-up rows fall
    (uncertainty sampling, Lewis and Gale 1994; for model theft Chandrasekaran et al. 2020).
    """

    target: Target
    schema: Schema
    own: Matrix
    view: View
    aimed: float

    def interrogate(self, checkpoints: tuple[int, ...], rng: Generator) -> Iterator[tuple[Matrix, Answers]]:
        """All rows asked so far and their answers, at each of the `checkpoints` (numbers of questions, ascending)."""
        rows = self.own[: checkpoints[0]]
        answers = self._ask(rows)
        for checkpoint in checkpoints:
            while len(rows) < checkpoint:
                n = min(checkpoint - len(rows), max(50, len(rows) // GROWTH))
                chosen = self._aim(rows, answers, n, rng)
                rows, answers = np.concatenate([rows, chosen]), joined(answers, self._ask(chosen))
            yield rows, read(answers, self.view, self.schema)

    def _ask(self, rows: Matrix) -> Answers:
        return ask(self.target, rows, self.view, self.schema)

    def _aim(self, rows: Matrix, answers: Answers, n: int, rng: Generator) -> Matrix:
        fresh = self.own[len(rows) : len(rows) + n]
        pool = crossed(self.own, POOL * n, self.schema, rng)
        copy = sketch(rows, read(answers, self.view, self.schema), self.schema, int(rng.integers(2**31)))
        order = np.argsort(-copy.doubt(pool), kind="stable")
        near, far = np.split(order, [len(order) // 5])
        aimed = round(self.aimed * (n - len(fresh)))
        chosen = [rng.choice(near, aimed, replace=False), rng.choice(far, n - len(fresh) - aimed, replace=False)]
        return np.concatenate([fresh, pool[np.concatenate(chosen)]])
