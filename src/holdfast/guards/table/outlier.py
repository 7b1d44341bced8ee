"""Rows unlike any that the model learned from."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.reference import Reference
from holdfast.guards.contract import Looked, Prepared, Rows, fields_of, guard


@dataclass(frozen=True)
class Params:
    """None: the threshold alone says how odd is too odd."""


@guard(
    title="Out of distribution",
    question="Is the row unlike those that the model learned from?",
    params=Params(),
    threshold=0.995,
    unit="share of ordinary rows that are less odd",
    cost="a lookup a cell, and one product with a matrix of the numeric features",
    trial="holdfast.testing.trials.guards:outlier",
    catalogue=("ATLAS:AML.T0015", "ATLAS:AML.T0043"),
)
def run(reference: Reference, params: Params) -> Prepared:  # noqa: ARG001
    """The share of ordinary rows that are less odd than this one; `holdfast.guards.oddity` says how odd a row is.

    One less the threshold is the share of ordinary rows that are flagged: 5 in 1,000 as it stands. Where the reference
    was learned from n rows, no score is above 1 - 1 / (n + 1). It does not see rows that are wrong but not odd.
    """

    def look(rows: Rows) -> Looked:
        return Looked(rows.less_odd, lambda _row: "unlike the rows of training, as a whole")

    return Prepared(fields_of(reference.schema, reference.oddity.columns), look)
