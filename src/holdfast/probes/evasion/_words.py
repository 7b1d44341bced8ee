"""Flips in words and small tables: only the columns that change, in the units that people write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet
from holdfast.domain.finding import Cell, Exhibit
from holdfast.domain.schema import Kind, Schema

Matrix = NDArray[np.float64]
Answers = NDArray[np.int64] | NDArray[np.float64]

_NAMED = 3


@dataclass(frozen=True, eq=False)
class Flip:
    """One case that was turned: its row `before` and `after` (features,), the answers, what it cost, its table row."""

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    answers: tuple[float, float]
    cost: float | None
    row: int


def changes(flip: Flip, constraints: ConstraintSet) -> list[tuple[str, Cell, Cell]]:
    """(feature, before, after) of what somebody changed, the largest step first; derived columns are left out."""
    steps = constraints.steps(flip.after[None], flip.before[None])[0]
    grouped = {int(group[0]): group for group in constraints.groups}
    told: list[tuple[str, Cell, Cell]] = []
    for j in np.argsort(-steps, kind="stable"):
        if steps[j] == 0 or constraints.derived[j]:
            continue
        if int(j) in grouped:
            members = [constraints.schema.features[k].name for k in grouped[int(j)]]
            now, then = (members[int(np.argmax(row[grouped[int(j)]]))] for row in (flip.before, flip.after))
            told.append(("one of " + ", ".join(members), now, then))
        else:
            told.append(
                (
                    constraints.schema.features[j].name,
                    *(_cell(row[j], constraints.schema, int(j)) for row in (flip.before, flip.after)),
                )
            )
    return told


def sentence(flip: Flip, constraints: ConstraintSet) -> str:
    """``A refused case ("no") is accepted ("yes") by changing debt from 41.2 to 38 at a cost of 3,200 USD``."""
    schema = constraints.schema
    listed = [
        f"{_short(then)} instead of {_short(now)}"
        if name.startswith("one of ")
        else f"{name} from {_short(now)} to {_short(then)}"
        for name, now, then in changes(flip, constraints)
    ]
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    price = "" if flip.cost is None else f" at a cost of {flip.cost:,.0f} {schema.currency}"
    return f"{_turn(flip, schema)} by changing {_joined(listed[:_NAMED])}{more}{price}"


def exhibit(title: str, flips: list[Flip], constraints: ConstraintSet) -> Exhibit:
    """Before and after of the changed columns, one line for each change."""
    rows = [
        (case, name, now, then)
        for case, flip in enumerate(flips, start=1)
        for name, now, then in changes(flip, constraints)[:12]
    ]
    return Exhibit(title, ("case", "feature", "before", "after"), tuple(rows))


def replay(flip: Flip, constraints: ConstraintSet, seed: int) -> str:
    """How to see a flip again: the command, and the change to replay on the model."""
    j = np.flatnonzero(~((flip.before == flip.after) | (np.isnan(flip.before) & np.isnan(flip.after))))
    cells = {constraints.schema.features[k].name: _cell(flip.after[k], constraints.schema, int(k)) for k in j}
    return (
        f"holdfast check --only evasion.decision_based --fresh  # with seed: {seed} in the manifest\n"
        f"# or replay one change in Python, on row {flip.row} of the test table (counted from 0):\n"
        f"row = table.iloc[[{flip.row}]][list(features)]\n"
        f"changed = row.assign(**{cells!r})\n"
        "model.predict(row), model.predict(changed)"
    )


def _turn(flip: Flip, schema: Schema) -> str:
    before, after = flip.answers
    if not schema.task.is_classification:
        return f"A prediction moves from {before:,.4g} to {after:,.4g}"
    now, then = schema.classes[int(before)], schema.classes[int(after)]
    if schema.favourable is None:
        return f'A case decided "{now}" becomes "{then}"'
    return f'A refused case ("{now}") is accepted ("{then}")'


def _cell(value: float, schema: Schema, column: int) -> Cell:
    feature = schema.features[column]
    if np.isnan(value):
        return None
    if feature.kind is Kind.CATEGORY:
        return feature.categories[int(value)] if value >= 0 else "unknown category"
    return int(value) if feature.kind is Kind.INTEGER and value == np.rint(value) else float(value)


def _short(cell: Cell) -> str:
    if cell is None:
        return "missing"
    if isinstance(cell, float):
        return f"{cell:,.4g}" if abs(cell) < 1e4 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else f"{cell}"


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
