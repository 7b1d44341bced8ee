"""Hold: labels that came back from decisions are judged before they become training data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.domain.errors import Absent
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Rows
from holdfast.monitors.feedback.gate import Admitted, judge


@dataclass(frozen=True, slots=True, eq=False)
class Feedback:
    """What is said of `rows` with labels: who may teach the next model, and who is kept back."""

    rows: Rows
    said: Admitted

    def quarantined(self) -> Iterator[dict[str, str]]:
        """The rows that are kept back, by their decision's id, each with the reason."""
        for held in self.said.held:
            yield {
                "decision": str(self.rows.id[held.row]),
                "source": held.source,
                "why": held.why.value,
                "chance": f"{held.chance:.3f}",
            }


def admit_feedback(baseline: Baseline, decisions: Iterable[Rows]) -> Feedback:
    """Judge all labels among `decisions`, in any portions; Absent where none has a label."""
    parts = [some for rows in decisions if len(some := rows.take(~np.isnan(rows.label)))]
    if not parts:
        what = "No decision of this release has a label."
        raise Absent(
            "feedback.none", what, "Send outcomes with `holdfast decision label`, or check which release it is."
        )
    whole = Rows.joined(parts)
    return Feedback(whole, judge(baseline, whole))
