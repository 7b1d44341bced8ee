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
"""Candidates considered for each question, or as many as `CELLS` leave on a wide table."""

CELLS = 20_000_000

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
    """`n` made-up rows (n, features): the thief's `own` with none to all of the cells from other rows of his.

    Of the numbers that change, half go only part of the way; a few cells take any value that the column allows.
    """
    rows = own[rng.integers(0, len(own), n)]
    donor = own[rng.integers(0, len(own), rows.shape), np.arange(rows.shape[1])]
    share = np.where(rng.random(rows.shape) < 0.5, 1.0, rng.random(rows.shape))
    share[:, [feature.kind is Kind.CATEGORY for feature in schema.features]] = 1.0
    between = np.where(share < 1, rows + share * (donor - rows), donor)
    np.copyto(between, donor, where=np.isnan(between))
    np.copyto(rows, between, where=rng.random(rows.shape) < rng.random((n, 1)))
    anything = invented(schema, n, rng)
    np.copyto(rows, anything, where=(rng.random(rows.shape) < EXPLORED) & ~np.isnan(anything))
    whole = np.flatnonzero((np.isnan(own) | (own == np.rint(own))).all(axis=0))
    rows[:, whole] = np.rint(rows[:, whole])
    return rows


def invented(schema: Schema, n: int, rng: Generator) -> Matrix:
    """(n, features) anything that the columns allow; of numbers mostly low values, where amounts tell most.

    NaN where a column's range is not known.
    """
    low, span = np.array([_range(feature) for feature in schema.features]).T
    draw = rng.random((n, len(low)))
    category = np.array([feature.kind is Kind.CATEGORY for feature in schema.features])
    rows = np.where(category, np.floor(draw * span), low + span * draw**3)
    whole = [feature.kind is Kind.INTEGER for feature in schema.features]
    rows[:, whole] = np.rint(rows[:, whole])
    return np.asarray(rows, dtype=np.float64)


def _range(feature: Feature) -> tuple[float, float]:
    """Lowest value and width of a column: of a category 0 and how many there are; NaN where it is not known."""
    if feature.kind is Kind.CATEGORY:
        return 0.0, float(max(1, len(feature.categories)))
    if feature.low is None or feature.high is None:
        return np.nan, np.nan
    return feature.low, feature.high - feature.low


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
        size = min(POOL * n, max(2 * n, CELLS // self.own.shape[1]))
        pool = crossed(self.own, size, self.schema, rng)
        copy = sketch(rows, read(answers, self.view, self.schema), self.schema, int(rng.integers(2**31)))
        order = np.argsort(-copy.doubt(pool), kind="stable")
        near, far = np.split(order, [len(order) // 5])
        aimed = round(self.aimed * (n - len(fresh)))
        chosen = [rng.choice(near, aimed, replace=False), rng.choice(far, n - len(fresh) - aimed, replace=False)]
        return np.concatenate([fresh, pool[np.concatenate(chosen)]])
