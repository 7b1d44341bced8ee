"""Values outside of what training saw, or of what a person stated: numbers beyond their range, unseen categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.domain.reference import Reference
from holdfast.domain.schema import Feature, Kind
from holdfast.guards.contract import EVERY, Looked, Prepared, Rows, guard, listed


@dataclass(frozen=True)
class Params:
    """`stated` is added to the score of a value beyond a bound that a person stated, and of an unseen category."""

    stated: float = 1.0


@guard(
    title="Ranges and unseen categories",
    question="Is each value one that the model could have learned from?",
    params=Params(),
    threshold=0.1,
    unit="widths of the range",
    cost="two comparisons a cell",
    trial="holdfast.testing.trials.guards:range_",
    catalogue=("OWASP:ML01", "ATLAS:AML.T0015"),
)
def run(reference: Reference, params: Params) -> Prepared:
    """How far the worst value lies beyond its range, in widths of the range.

    Training rows never show the whole range: the threshold leaves room for that, but not where a person stated a bound.
    """
    features = reference.schema.features
    low, high = np.array([_bounds(feature) for feature in features]).T
    with np.errstate(invalid="ignore"):
        span = high - low
    per_span = np.where(np.isfinite(span) & (span > 0), 1.0 / np.where(span > 0, span, 1.0), 1.0)
    fixed = params.stated * np.array([_is_stated(feature) for feature in features], dtype=np.float64)
    any_fixed = bool(fixed.any())

    def look(rows: Rows) -> Looked:
        beyond = np.maximum(low - rows.X, rows.X - high)
        out = beyond > 0
        if not out.any():
            return Looked(np.zeros(len(rows.X)), _nothing)
        beyond = np.where(out, beyond * per_span, 0.0)
        if any_fixed:
            beyond += out * fixed
        return Looked(
            np.maximum.reduce(beyond, axis=1),
            lambda i: f"out of range or never seen: {listed(reference.schema.names, out[i])}",
        )

    return Prepared(EVERY, look)


def _nothing(_row: int) -> str:
    return ""


def _bounds(feature: Feature) -> tuple[float, float]:
    if feature.kind is Kind.CATEGORY:
        return 0.0, float(max(0, len(feature.categories) - 1))
    low = -np.inf if feature.low is None else feature.low
    return low, np.inf if feature.high is None else feature.high


def _is_stated(feature: Feature) -> bool:
    """Whether going beyond is wrong by however little; a bound that was read off the data was not stated."""
    return feature.kind is Kind.CATEGORY or not {"low", "high"} & set(feature.guessed)
