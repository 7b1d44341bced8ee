"""Fields that nobody can change, changed since the same person was decided about before."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.domain.reference import Reference
from holdfast.domain.schema import Feature, Monotone, Schema
from holdfast.guards.contract import Looked, Prepared, Rows, guard, listed

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Params:
    """`fields` are fixed by a first decision, beside what the schema calls immutable; `most` people are remembered."""

    fields: tuple[str, ...] = ()
    most: int = 100_000


@guard(
    title="Tampering with what cannot change",
    question="Does a field that an earlier decision about this person fixed have another value now?",
    params=Params(),
    threshold=1.0,
    unit="fields",
    cost="one lookup by the subject's pseudonym",
    remembers=(
        "The immutable fields of the last 100,000 people, by pseudonym, some 25 MB. Each process knows the people that "
        "it decided about, until it ends: send one person's requests to one process, or the guard misses some."
    ),
    trial="holdfast.testing.trials.guards:immutable",
    catalogue=("ATLAS:AML.T0043", "OWASP:ML01"),
)
def run(reference: Reference, params: Params) -> Prepared:
    """Count the fields that differ from what was first decided upon, or moved the way that they cannot (a lower age).

    Rows about nobody in particular pass. A value that was first wrong and is then put right is flagged too.
    """
    schema = reference.schema
    columns = _columns(schema, params.fields)
    low, high = np.array([_moves(schema.features[j]) for j in columns]).reshape(-1, 2).T
    names = tuple(schema.names[j] for j in columns)
    people = _People(params.most, len(columns))
    turn = threading.Lock()

    def look(rows: Rows) -> Looked:
        if rows.subjects is None or not columns:
            return Looked(np.zeros(len(rows.X)), lambda _row: "")
        with turn:
            changed = people.changed(rows.subjects, rows.X[:, columns], low, high)
        return Looked(
            np.add.reduce(changed, axis=1, dtype=np.float64),
            lambda i: f"differs from an earlier decision about the same person: {listed(names, changed[i])}",
        )

    return Prepared(names, look)


def _columns(schema: Schema, fields: tuple[str, ...]) -> tuple[int, ...]:
    unknown = [name for name in fields if name not in schema.names]
    if unknown:
        raise FixInput("guard.field", f"There is no feature {unknown[0]!r}.", f"Features: {', '.join(schema.names)}.")
    fixed = {f.name for f in schema.features if f.immutable or f.monotone is not None} | set(fields)
    return tuple(j for j, name in enumerate(schema.names) if name in fixed)


def _moves(feature: Feature) -> tuple[float, float]:
    """How far the value may fall and rise."""
    if feature.monotone is None or feature.immutable:
        return 0.0, 0.0
    return (0.0, np.inf) if feature.monotone is Monotone.INCREASE else (-np.inf, 0.0)


class _People:
    """What is known of each person, the one longest unheard of forgotten first."""

    def __init__(self, most: int, fields: int) -> None:
        self._most = most
        self._nothing = np.full(fields, np.nan)
        self._known: OrderedDict[str, Matrix] = OrderedDict()

    def changed(self, subjects: Sequence[str], values: Matrix, low: Matrix, high: Matrix) -> NDArray[np.bool_]:
        """Which values contradict what is known, (n, fields); what does not is learned. Empty subjects are nobody."""
        if len(subjects) == 1:
            return self._one(subjects[0], values, low, high)
        place: dict[str, int] = {}
        who = [place.setdefault(subject, len(place)) for subject in subjects]
        known = np.array([self._known.get(subject, self._nothing) for subject in place])
        changed = np.zeros(values.shape, dtype=bool)
        for rows in _rounds(who, place.get("", -1)):
            changed[rows] = _judge(known, np.array(who)[rows], values[rows], low, high)
        for subject, k in place.items():
            if subject:
                self._keep(subject, known[k])
        return changed

    def _one(self, subject: str, values: Matrix, low: Matrix, high: Matrix) -> NDArray[np.bool_]:
        """The same for one row."""
        before = self._known.get(subject) if subject else None
        if before is None:
            if subject:
                self._keep(subject, values[0])
            return np.zeros(values.shape, dtype=bool)
        moved = values - before
        changed: NDArray[np.bool_] = (moved < low) | (moved > high)
        if not changed.any() and moved.any():
            self._keep(subject, np.where(np.isnan(values[0]), before, values[0]))
        return changed

    def _keep(self, subject: str, values: Matrix) -> None:
        self._known[subject] = values
        self._known.move_to_end(subject)
        while len(self._known) > self._most:
            self._known.popitem(last=False)


def _rounds(who: list[int], nobody: int) -> list[NDArray[np.int64]]:
    """Rows in rounds in which nobody comes twice, each person's in order."""
    met: dict[int, int] = {}
    rounds: list[list[int]] = []
    for row, person in enumerate(who):
        if person == nobody:
            continue
        turn = met[person] = met.get(person, -1) + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(row)
    return [np.array(rows, dtype=np.int64) for rows in rounds]


def _judge(known: Matrix, people: NDArray[np.int64], values: Matrix, low: Matrix, high: Matrix) -> NDArray[np.bool_]:
    """Which values contradict, (n, fields); the rows without a contradiction are learned into `known`."""
    before = known[people]
    moved = values - before
    changed: NDArray[np.bool_] = (moved < low) | (moved > high)
    fine = ~changed.any(axis=1)
    learned = np.where(np.isnan(values), before, values)
    known[people[fine]] = learned[fine]
    return changed
