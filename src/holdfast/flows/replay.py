"""The model's answer to a logged row, held against the logged answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.decision import Decision
from holdfast.domain.errors import Tampered
from holdfast.domain.schema import Schema
from holdfast.ports import Target

DECISIONS = ("prediction", "predict")
"""What shields and gateways call the output that holds the decision."""

SAME = 1e-4
"""How far a score may lie from the logged one beyond its rounding: single precision."""


def require_same_answer(decision: Decision, target: Target, schema: Schema, row: NDArray[np.float64]) -> str:
    """That the model still answers what is logged: a sentence on what was compared."""
    compared = list(_logged_answers(decision, target, schema, row))
    for name, logged, now, is_same in compared:
        if not is_same:
            raise Tampered(
                "explain.other-answer",
                f"The log says {name} = {logged}; the model now answers {now}.",
                "Was the threshold another one, or did something between log and model change the row?",
            )
    if not compared:
        return "The logged answer has a form that cannot be held against the model's."
    return f"The model answers the logged row as the log says ({', '.join(name for name, *_ in compared)})."


def _logged_answers(
    decision: Decision, target: Target, schema: Schema, row: NDArray[np.float64]
) -> list[tuple[str, Any, Any, bool]]:
    """(name, logged, answered now, whether they agree) of the outputs that can be compared."""
    now = target.predict(row[None])[0]
    decided: Any = schema.classes[int(now)] if schema.task.is_classification else float(now)
    scores = target.scores(row[None])[0] if target.gives_scores else None
    found: list[tuple[str, Any, Any, bool]] = []
    for name, logged in decision.outputs:
        if name in DECISIONS:
            found.append((name, logged, decided, _same(logged, decided)))
        elif scores is not None and isinstance(logged, int | float):
            answered = _score_of(name, scores, schema)
            if answered is not None:
                found.append((name, logged, answered, _agree(float(logged), answered)))
    return found


def _same(logged: Any, decided: Any) -> bool:
    """Whether a decision is the logged one; a regression's value may have been rounded."""
    if isinstance(decided, float) and isinstance(logged, int | float):
        return _near(float(logged), decided)
    return str(logged) == str(decided)


def _score_of(name: str, scores: NDArray[np.float64], schema: Schema) -> float | None:
    """The model's score that an output's name means, as shields and gateways name them; None where it means none."""
    if name == "score":
        return float(scores[-1]) if len(scores) <= 2 else None
    labels = [str(label) for label in schema.classes]
    label = name if name in labels else name.removeprefix("score_")
    return float(scores[labels.index(label)]) if label in labels else None


def _agree(logged: float, answered: float) -> bool:
    """Whether a score is the logged one, which a policy may have rounded, or replaced by 0 and 1."""
    if logged in (0.0, 1.0) and 0 <= answered <= 1:  # where a policy lets only the decision be seen
        return abs(logged - answered) <= 0.5
    return _near(logged, answered)


def _near(logged: float, answered: float) -> bool:
    """Up to the logged digits, if they are few. Of rounded scores that tie, the decided one is a unit higher."""
    digits = len(f"{logged:.15g}".partition(".")[2])
    unit = 10.0**-digits if digits <= 4 else 0.0
    return abs(logged - answered) <= 1.5 * unit + SAME * max(1.0, abs(answered))
