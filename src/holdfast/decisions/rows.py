"""A decision or a label as the values of one row; `holdfast.ledger.decided` reads them back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

import orjson

from holdfast.domain.decision import Decision, Field, Label
from holdfast.domain.errors import FixInput
from holdfast.domain.guard import GuardVerdict
from holdfast.domain.ids import time_of
from holdfast.domain.schema import Scalar
from holdfast.ledger.decided import Row, micros_of


def row_of(decision: Decision) -> Row:
    """The row of a decision; FixInput where a time, a name or a number has no place in one."""
    row: Row = {
        "id": decision.id,
        "decided_at": micros_of(decision.at),
        "system": decision.system,
        "release": decision.release,
        "environment": decision.environment,
        "lane": decision.lane.value,
        "ended": decision.ended.value,
        "gateway": decision.gateway,
        "principal": decision.principal,
        "subject": decision.subject,
        "reasons": _json(decision.reasons) if decision.reasons else "[]",
        "verdicts": _verdicts(decision.verdicts) if decision.verdicts else "[]",
        "sealed": decision.sealed,
        "snapshot": decision.snapshot,
        "micros": decision.micros,
        "trace": decision.trace,
        "follows": decision.follows,
        "policy": decision.policy,
        "reference": decision.reference,
    }
    row.update(_named("input_", decision.inputs))
    row.update(_named("output_", decision.outputs))
    return row


def label_row(label: Label, id: str, at: str) -> Row:
    """The row of a label that arrived at `at` under the id `id`; FixInput where it says nothing, or of no decision."""
    time_of(label.decision)
    if label.outcome is None:
        raise FixInput("label.outcome", f"The label of {label.decision} has no outcome.", "Send it once there is one.")
    return {
        "id": id,
        "received_at": micros_of(at),
        "system": label.system,
        "decision": label.decision,
        "observed_at": micros_of(label.observed_at),
        "source": label.source,
        "outcome": label.outcome,
    }


def _named(prefix: str, fields: Iterable[Field]) -> Iterable[tuple[str, Scalar | None]]:
    return ((prefix + (name.replace(":", "::") if ":" in name else name), value) for name, value in fields)


def _verdicts(verdicts: Sequence[GuardVerdict]) -> str:
    """As JSON, which has neither NaN nor infinity."""
    for verdict in verdicts:
        for number in (verdict.score, verdict.threshold):
            if number is not None and not isfinite(number):
                raise _unsaid(f"{verdict.guard} says {number}")
    return _json(verdicts)


def _json(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise _unsaid(str(error)) from error


def _unsaid(what: str) -> FixInput:
    return FixInput("decision.verdicts", f"Verdicts and reasons have no JSON form: {what}.")
