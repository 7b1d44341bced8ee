"""Values that are known to decide whatever else a row says, because somebody planted them in the training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.datasets.relations import parse
from holdfast.domain.guard import Action
from holdfast.domain.reference import Reference
from holdfast.guards.contract import Looked, Prepared, Rows, guard


@dataclass(frozen=True)
class Params:
    """`triggers`: conditions as relations are written (``housing == "other" and years_employed == 11``)."""

    triggers: tuple[str, ...] = ()


@guard(
    title="Known triggers",
    question="Does the row carry values that were found to decide on their own?",
    params=Params(),
    threshold=1.0,
    unit="share of a trigger's conditions",
    action=Action.BLOCK,
    cost="a few operations for each condition",
    trial="holdfast.testing.trials.guards:trigger",
    catalogue=("ATLAS:AML.T0018.000", "ATLAS:AML.T0043.004", "OWASP:ML10"),
)
def run(reference: Reference, params: Params) -> Prepared:
    """The largest share of any trigger's conditions that the row meets; 1 is a whole trigger.

    `holdfast.guards.triggers` reads them from what the probe `poisoning.planted_triggers` found. A trigger that nobody
    has found yet goes through.
    """
    schema = reference.schema
    triggers = [parse(text, schema) for text in params.triggers]
    columns = sorted({column for parts in triggers for part in parts for column in part.reads})

    def look(rows: Rows) -> Looked:
        if not triggers:
            return Looked(np.zeros(len(rows.X)), lambda _row: "")
        with np.errstate(all="ignore"):
            met = [
                np.add.reduce([part.test(rows.X) for part in parts], axis=0, dtype=np.float64) / len(parts)
                for parts in triggers
            ]
        score = np.maximum.reduce(met)

        def because(i: int) -> str:
            worst = max(range(len(met)), key=lambda k: float(met[k][i]))
            names = sorted({schema.names[column] for part in triggers[worst] for column in part.reads})
            return f"trigger {worst + 1} of the policy, in {', '.join(names)}"

        return Looked(score, because)

    return Prepared(tuple(schema.names[column] for column in columns), look)
