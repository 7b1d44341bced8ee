"""What each thing that is known about a row contributes to its score, against the rows of other people.

Three ways, one record. Where the structure of the model tells, its own sums are used: TreeSHAP for trees, coefficients
for linear models. They are only believed where they add up to what the model answers; else, and for all other models,
Shapley values are estimated by asking (`walks`). Contributions of all three are against the same people: each way's
mean contribution over them is taken off, so that what is left says how far a feature moves this row from the mean score
of those people, and adds up to just that. (Of Shapley values in the interventional sense that mean is zero already.)

`errors` are standard errors that stem from the sample of people, and, where the model was asked, from the orders
walked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import ModelFailed
from holdfast.domain.schema import Schema
from holdfast.explanations.groups import Group
from holdfast.explanations.score import Scale, answer_of, asked_score, linked, scale_of
from holdfast.explanations.walks import Players, Score, alone, players, walks
from holdfast.ports import FloatMatrix, Target
from holdfast.targets.direct import Contributing
from holdfast.targets.spec import Link

Vector = NDArray[np.float64]

ASKED = "Shapley values by asking"
TOLERANCE = 1e-4
"""How far sums may lie from the model's own answers, relative to the larger of 1 and the answer: single precision."""

WALKS = 8
"""Walks from each of the people, at least, half of them backwards."""

PAIRS = 16
MOST_ALONE = 64
CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class Contributions:
    """Of n rows: `values` and `errors` float64 (n, columns or groups), `scores` (n,) and the people's mean `base`.

    ``values.sum(axis=1) + base`` is `scores`, all on `scale`. `groups` says what each column of `values` is: columns of
    the row matrix that are told apart. `asked` counts the questions.
    """

    values: FloatMatrix
    errors: FloatMatrix
    scores: Vector
    base: float
    scale: Scale
    method: str
    groups: Players
    asked: int = 0


def contributions(
    target: Target,
    schema: Schema,
    rows: FloatMatrix,
    people: FloatMatrix,
    *,
    outcome: int | None,
    rng: np.random.Generator,
    groups: tuple[Group, ...] = (),
    walked: int = WALKS,
) -> Contributions:
    """What moves the score of the class `outcome` (of a regression's value: None) for rows (n, features).

    `people` (k, features), two at least, are those whom they are compared with, and `groups` which columns are told as
    one; without any, each stands alone. A wide table's columns that hardly move the score are told as one where the
    model is asked.
    """
    before = target.queries
    turns = tuple(np.array(group.columns) for group in groups) or alone(rows.shape[1])
    question = _Question(target, schema, outcome, people, turns)
    found = question.by_structure(rows) if len(rows) else None
    return replace(found or question.by_asking(rows, rng, walked), asked=target.queries - before)


@dataclass(frozen=True, eq=False)
class _Question:
    """Which score is explained, against whom, and what is told as one."""

    target: Target
    schema: Schema
    outcome: int | None
    people: FloatMatrix
    turns: Players

    def by_structure(self, rows: FloatMatrix) -> Contributions | None:
        """None where the structure does not tell, or tells something else than the model answers."""
        if not isinstance(self.target, Contributing) or self.target.additive is None:
            return None
        additive, both = self.target.additive, np.concatenate([rows, self.people])
        try:
            told = self.target.contributions(both)
        except ModelFailed:
            return None  # whether the model is alive shows when it is asked
        if not self._adds_up(told, additive.link, both):
            return None
        ours = _of_outcome(told, additive.link, self.outcome)
        parts = np.column_stack([ours[:, turn].sum(axis=1) for turn in self.turns])
        own, others, scores = parts[: len(rows)], parts[len(rows) :], ours.sum(axis=1)
        return Contributions(
            values=own - others.mean(axis=0),
            errors=np.broadcast_to(others.std(axis=0, ddof=1) / np.sqrt(len(others)), own.shape),
            scores=scores[: len(rows)],
            base=float(scores[len(rows) :].mean()),
            scale=scale_of(additive.link, self.schema),
            method=additive.method,
            groups=self.turns,
        )

    def by_asking(self, rows: FloatMatrix, rng: np.random.Generator, walked: int) -> Contributions:
        """Of a wide table's columns the weightiest alone, the others together."""
        score, scale = asked_score(self.target, self.schema, self.outcome)
        turns = self.turns
        if len(turns) > 2 * MOST_ALONE:
            own, donors = (pool[rng.integers(0, len(pool), PAIRS)] for pool in (rows, self.people))
            turns = players(score, own, donors, MOST_ALONE)
        walk = partial(_walked, score, people=self.people, turns=turns, rng=rng, walked=walked)
        found = np.array([walk(row) for row in rows]).reshape(len(rows), 2, len(turns))
        return Contributions(
            values=found[:, 0],
            errors=found[:, 1],
            scores=score(rows),
            base=float(score(self.people).mean()),
            scale=scale,
            method=ASKED,
            groups=turns,
        )

    def _adds_up(self, told: FloatMatrix, link: Link, rows: FloatMatrix) -> bool:
        answers = answer_of(self.target, rows, self.outcome)
        apart = np.abs(linked(told.sum(axis=2), link, self.outcome) - answers)
        return bool((apart <= TOLERANCE * np.maximum(1.0, np.abs(answers))).all())  # NaN is not


def _of_outcome(told: FloatMatrix, link: Link, outcome: int | None) -> FloatMatrix:
    """Contributions (n, features + 1) to the score of one class."""
    if link is Link.SOFTMAX:
        return np.asarray(told[:, outcome or 0] - told.mean(axis=1))
    if told.shape[1] > 1:
        return np.asarray(told[:, outcome or 0])
    return np.asarray(-told[:, 0] if link is Link.LOGISTIC and outcome == 0 else told[:, 0])


def _walked(
    score: Score, row: Vector, *, people: FloatMatrix, turns: Players, rng: np.random.Generator, walked: int
) -> FloatMatrix:
    """Shapley values of one row and their standard errors, (2, players), walked from all people equally often."""
    block = max(1, CELLS // (len(row) * (len(turns) + 1)))
    parts = []
    for start in range(0, len(people), block):
        some = people[start : start + block]
        copies = np.repeat(row[None], len(some), axis=0)
        parts.append(walks(score, copies, some, turns, permutations=walked, rng=rng, dealt=True).mean(axis=0))
    by_person = np.concatenate(parts)
    return np.stack([by_person.mean(axis=0), by_person.std(axis=0, ddof=1) / np.sqrt(len(by_person))])
