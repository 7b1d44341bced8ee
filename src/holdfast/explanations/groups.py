"""What a person knows of themselves, and which columns of the model say it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet
from holdfast.datasets.infer import guess_protected
from holdfast.datasets.relations import Derivation
from holdfast.domain.finding import Cell
from holdfast.domain.schema import Kind, Schema

Row = NDArray[np.float64]

UNSEEN = "a value that the model was not trained on"


@dataclass(frozen=True, slots=True)
class Group:
    """One thing that is known: the `columns` that say it, by place, the one that a person would name first.

    `labels` are what the members of a one-hot group stand for, empty for a column alone.
    """

    name: str
    columns: tuple[int, ...]
    labels: tuple[str, ...] = ()

    def value(self, row: Row, schema: Schema) -> Cell:
        """What a row (features,) says, as a person would write it; None for a missing value."""
        if not self.labels:
            return cell(float(row[self.columns[0]]), schema, self.columns[0])
        members = row[list(self.columns[: len(self.labels)])]
        return self.labels[int(np.argmax(members))] if (members == 1).any() else None


def is_protected(group: Group, schema: Schema) -> bool:
    """Whether a group is an attribute that discrimination law protects, by the schema or by its name."""
    names = {group.name, *(schema.names[j] for j in group.columns)}
    return bool(names & {*schema.protected, *guess_protected(tuple(names))})


def group_columns(schema: Schema) -> tuple[Group, ...]:
    """The columns of a schema by what they say, in schema order.

    A one-hot group is one thing; so is a column with what a relation derives from it alone (an age and its square).
    What is derived from several columns (debt over income) stays a thing of its own: no one of them accounts for it.
    """
    owner = {int(j): k for k, columns in enumerate(_one_hot(schema)) for j in columns}
    source = _single_sources(schema)
    groups: dict[tuple[str, int], list[int]] = {}
    for j in range(len(schema.features)):
        first = source.get(j, j)
        key = ("one-hot", owner[first]) if first in owner else ("column", first)
        groups.setdefault(key, []).append(j)
    made = [_group(kind, columns, place, schema) for (kind, place), columns in groups.items()]
    return tuple(sorted(made, key=lambda group: group.columns[0]))


def _one_hot(schema: Schema) -> tuple[NDArray[np.int64], ...]:
    return ConstraintSet(schema).groups


def _group(kind: str, columns: list[int], place: int, schema: Schema) -> Group:
    names = schema.names
    if kind == "column":
        rest = [j for j in columns if j != place]
        return Group(names[place], (place, *rest))
    members = [names[j] for j in _one_hot(schema)[place].tolist()]
    prefix = os.path.commonprefix(members)  # noqa: RUF071 -- letter by letter is what is meant
    prefix = prefix[: max(prefix.rfind(mark) for mark in "_.-=: ") + 1]
    rest = [j for j in columns if names[j] not in members]
    name = prefix.rstrip("_.-=: ") or "one of " + ", ".join(members)
    return Group(name, (*map(schema.index, members), *rest), tuple(member[len(prefix) :] for member in members))


def _single_sources(schema: Schema) -> dict[int, int]:
    """The column from which each derived column follows alone, all the way up."""
    constraints = ConstraintSet(schema)
    found = {
        relation.column: (set(relation.reads) - {relation.column}).pop()
        for relation in constraints.relations
        if isinstance(relation, Derivation) and len(set(relation.reads) - {relation.column}) == 1
    }
    found = {column: source for column, source in found.items() if constraints.derived[column]}
    for column in found:
        seen = {column}
        while found[column] in found and found[column] not in seen:
            seen.add(found[column])
            found[column] = found[found[column]]
    return found


def cell(value: float, schema: Schema, column: int) -> Cell:
    """One value of a row matrix as a person would write it."""
    feature = schema.features[column]
    if np.isnan(value):
        return None
    if feature.kind is Kind.CATEGORY:
        return feature.categories[int(value)] if 0 <= value < len(feature.categories) else UNSEEN
    return int(value) if feature.kind is Kind.INTEGER and value == np.rint(value) else float(value)
