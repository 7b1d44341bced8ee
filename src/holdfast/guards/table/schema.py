"""Cells that are not what the model was trained on: absent, of the wrong type, missing, in fractions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.domain.guard import Action
from holdfast.domain.reference import Reference
from holdfast.domain.schema import Kind
from holdfast.guards.contract import EVERY, Looked, Prepared, Rows, guard, listed


@dataclass(frozen=True)
class Params:
    """`missing_at_most`: the share of training rows that lack a feature's value from which lacking it is ordinary."""

    missing_at_most: float = 0.0


@guard(
    title="Schema and types",
    question="Does the row have the fields that the model was trained on, each of its type?",
    params=Params(),
    threshold=1.0,
    unit="cells",
    action=Action.BLOCK,
    on_error=Action.BLOCK,
    cost="a few comparisons a cell",
    trial="holdfast.testing.trials.guards:schema",
    catalogue=("OWASP:ML01",),
)
def run(reference: Reference, params: Params) -> Prepared:
    """Count the cells of a row that could not be read, lack a value that training rows have, or are no whole number.

    Fields that nobody asked for count as one cell each. It does not see a wrong value of the right type.
    """
    schema = reference.schema
    whole = np.array([f.kind is Kind.INTEGER for f in schema.features], dtype=bool)
    given = np.array(reference.missing) <= params.missing_at_most
    any_whole = bool(whole.any())

    def look(rows: Rows) -> Looked:
        missing = np.isnan(rows.X)
        bad = missing & given
        if any_whole:
            bad |= (np.rint(rows.X) != rows.X) & whole & ~missing
        if rows.faults is not None:
            bad |= rows.faults > 0
        score = np.add.reduce(bad, axis=1, dtype=np.float64) + rows.extra

        def because(i: int) -> str:
            extra = f"{rows.extra} fields nobody asked for" if rows.extra else ""
            cells = f"not as in training: {listed(schema.names, bad[i])}" if bad[i].any() else ""
            return "; ".join(part for part in (cells, extra) if part)

        return Looked(score, because)

    return Prepared(EVERY, look)
