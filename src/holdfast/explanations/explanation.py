"""One decision, explained: what its score is made of, against other people's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.domain.finding import Cell
from holdfast.domain.schema import Kind, Schema
from holdfast.explanations.contributions import Contributions, contributions
from holdfast.explanations.groups import Group, cell, group_columns, is_protected
from holdfast.explanations.score import Scale, answer_of, at_threshold
from holdfast.ports import FloatMatrix, Target

MOST_PEOPLE = 100
FEWEST_PEOPLE = 10
OTHERS = "all other columns together"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is known, with its `value` and what is `usual` among the people compared with.

    `contribution` is how far it moves the score, with its standard `error`, on the explanation's scale. `above` says
    whether a number is higher than usual; None for what is no number, or missing. `columns` are the model's own.
    `is_protected` names an attribute that discrimination law protects; `is_fixed` what the person cannot change.
    """

    feature: str
    columns: tuple[str, ...]
    value: Cell
    usual: Cell
    above: bool | None
    contribution: float
    error: float
    is_protected: bool
    is_fixed: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a row was decided as it was.

    `decided` is the decision; `answer` is the model's own score of the class `outcome` (empty for a regression, whose
    answer is the value), and `score` the same on `scale`.
    ``base + sum of contributions`` is `score`; `base` is the mean score of the `compared` people. `threshold` is where
    two classes part, on the same scale, None where it has no single place. `pull` is -1 where the decision went against
    the outcome that people want, and its reasons are what pulled the score down; else 1. `parts` come by the size of
    their contributions. `method` says how they were found, with how many questions (`asked`).
    """

    decided: Cell
    outcome: Cell
    is_adverse: bool
    pull: int
    scale: str
    answer: float
    score: float
    base: float
    threshold: float | None
    parts: tuple[Part, ...]
    method: str
    compared: int
    asked: int


def explain_row(
    target: Target,
    schema: Schema,
    row: NDArray[np.float64],
    people: FloatMatrix,
    *,
    threshold: float = 0.5,
    rng: np.random.Generator,
) -> Explanation:
    """Explain the model's answer to one row (features,), against at most `MOST_PEOPLE` of these people (k, features).

    FixInput for fewer than ten people. Of a model that gives decisions only, the decision itself is explained.
    """
    if len(people) < FEWEST_PEOPLE:
        raise FixInput(
            "explain.too-few-people", f"{len(people)} rows are too few to compare with.", "Give ten, better a hundred."
        )
    some = people if len(people) <= MOST_PEOPLE else people[np.sort(rng.permutation(len(people))[:MOST_PEOPLE])]
    answer = target.predict(row[None])[0]
    outcome = _outcome(schema, answer)
    groups = group_columns(schema)
    found = contributions(target, schema, row[None], some, outcome=outcome, rng=rng, groups=groups)
    is_adverse = schema.favourable is not None and schema.task.is_classification and int(answer) != schema.favourable
    score = float(found.scores[0])
    return Explanation(
        decided=schema.classes[int(answer)] if schema.task.is_classification else float(answer),
        outcome="" if outcome is None else schema.classes[outcome],
        is_adverse=is_adverse,
        pull=-1 if is_adverse or (outcome is None and score < found.base) else 1,
        scale=found.scale.value,
        answer=float(answer_of(target, row[None], outcome)[0]),
        score=score,
        base=found.base,
        threshold=_threshold(threshold, outcome, schema, found.scale),
        parts=_parts(found, schema, row, people, groups),
        method=found.method,
        compared=len(some),
        asked=found.asked,
    )


def _threshold(threshold: float, outcome: int | None, schema: Schema, scale: Scale) -> float | None:
    """Where two classes part, on a scale of the score of the class `outcome`."""
    if not schema.task.is_classification or len(schema.classes) != 2:
        return None
    favourable = 1 if schema.favourable is None else schema.favourable
    return at_threshold(threshold if outcome == favourable else 1 - threshold, scale)


def _outcome(schema: Schema, answer: np.generic) -> int | None:
    """The class whose score is explained: the favourable one; where none is, the one that was decided."""
    if not schema.task.is_classification:
        return None
    return int(answer) if schema.favourable is None else schema.favourable


def _parts(
    found: Contributions, schema: Schema, row: NDArray[np.float64], people: FloatMatrix, groups: Sequence[Group]
) -> tuple[Part, ...]:
    by_columns = {group.columns: group for group in groups}
    parts = []
    for k, columns in enumerate(found.groups):
        places = tuple(columns.tolist())
        alone = Group(schema.names[places[0]], places) if len(places) == 1 else Group(OTHERS, places)
        group = by_columns.get(places, alone)
        contribution, error = float(found.values[0, k]), float(found.errors[0, k])
        parts.append(_part(group, schema, row, people, contribution=contribution, error=error))
    return tuple(sorted(parts, key=lambda part: (-abs(part.contribution), part.feature)))


def _part(
    group: Group,
    schema: Schema,
    row: NDArray[np.float64],
    people: FloatMatrix,
    *,
    contribution: float,
    error: float,
) -> Part:
    names = tuple(schema.names[j] for j in group.columns)
    is_rest = group.name == OTHERS
    value = None if is_rest else group.value(row, schema)
    usual = None if is_rest else _usual(group, schema, people)
    return Part(
        feature=group.name,
        columns=names,
        value=value,
        usual=usual,
        above=_above(value, usual, schema.features[group.columns[0]].kind, group),
        contribution=contribution,
        error=error,
        is_protected=not is_rest and is_protected(group, schema),
        is_fixed=all(schema.features[j].immutable for j in group.columns),
    )


def _usual(group: Group, schema: Schema, people: FloatMatrix) -> Cell:
    """The median of a number, the most frequent of labels; None where nobody has a value."""
    first = group.columns[0]
    if group.labels or schema.features[first].kind is Kind.CATEGORY:
        values = [group.value(person, schema) for person in people]
        known = [value for value in values if value is not None]
        return max(dict.fromkeys(known), key=known.count) if known else None
    known_numbers = people[np.isfinite(people[:, first]), first]
    if not len(known_numbers):
        return None
    return cell(float(np.quantile(known_numbers, 0.5, method="lower")), schema, first)


def _above(value: Cell, usual: Cell, kind: Kind, group: Group) -> bool | None:
    if (
        group.labels
        or kind is Kind.CATEGORY
        or not isinstance(value, int | float)
        or not isinstance(usual, int | float)
    ):
        return None
    return None if value == usual else value > usual
