"""The account of one logged decision: why it was made and what would have changed it, bound to what it was made by."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.schema import Scalar
from holdfast.explanations.counterfactuals import Ways
from holdfast.explanations.explanation import Explanation
from holdfast.explanations.reasons import Reasons


@dataclass(frozen=True, slots=True)
class Account:
    """What can be said of the `decision` (its id) that a `release` of a `system` made at a time (RFC 3339).

    `inputs` are what the model was given, by column. `notes` are sentences on what was and was not checked. `ways` is
    None where the decision was the one that people want, or no outcome is.
    """

    decision: str
    system: str
    release: str
    at: str
    inputs: tuple[tuple[str, Scalar | None], ...]
    explanation: Explanation
    reasons: Reasons
    ways: Ways | None
    notes: tuple[str, ...]
    format: str = "holdfast-account/1"
