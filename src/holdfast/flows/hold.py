"""Hold: what a person has to see of each row that a policy sends to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import isfinite

import numpy as np

from holdfast.domain.decision import Decision, Ended, Field, Lane
from holdfast.domain.policy import Review
from holdfast.domain.review import Held
from holdfast.domain.schema import Scalar
from holdfast.domain.verdict import timestamp
from holdfast.flows.exchange import ENDS, Asked, Post, Served
from holdfast.flows.serve_log import decided, values_of, without_personal

_REVIEW = ENDS.index(Ended.REVIEW)


def held(post: Post, asked: Asked, served: Served) -> tuple[Held, ...]:
    """What waits for a person of an exchange that is in the log; personal fields are sealed as they are there.

    Nothing where a release only listens: nobody waits for what it says.
    """
    rows = np.flatnonzero(served.ended == _REVIEW).tolist()
    if not rows or asked.lane is Lane.SHADOW:
        return ()
    made = [_whole(post, asked, served, row) for row in rows]
    decisions = without_personal(post.vault, post.policy.personal, made)
    return tuple(_held(post, served, made, row) for made, row in zip(decisions, rows, strict=True))


def _whole(post: Post, asked: Asked, served: Served, row: int) -> Decision:
    """The decision with what the model proposed, which is not the caller's to see."""
    made, place = decided(post, asked, served, row, served.ids[row]), _place(served, row)
    known = () if served.proposed is None or place is None else values_of(served.proposed, place)
    verdicts = tuple(replace(one, score=_finite(one.score), threshold=_finite(one.threshold)) for one in made.verdicts)
    return replace(made, inputs=tuple(map(_readable, made.inputs)), outputs=known, verdicts=verdicts)


def _readable(field: Field) -> Field:
    """As text what JSON has no number for."""
    name, value = field
    return name, str(value) if isinstance(value, float) and not isfinite(value) else value


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _held(post: Post, served: Served, decision: Decision, row: int) -> Held:
    policy, due = post.policy, served.judged.now + timedelta(hours=post.policy.review_hours)
    return Held(
        decision=decision,
        policy=f"{policy.name} {policy.version}",
        due_at=timestamp(due),
        unanswered=policy.unanswered,
        fallback=policy.fallback,
        proposal=_proposal(served, row),
        choices=post.reader.schema.classes,
        was_answered=policy.review is Review.ANSWER and served.reply is not None,
    )


def _proposal(served: Served, row: int) -> Scalar | None:
    """What the model decided of a row; None where it was not asked, or gave scores alone."""
    reply, place = served.proposed, _place(served, row)
    if reply is None or place is None or not (reply.decisions or reply.scores is None):
        return None
    return values_of(reply, place)[0][1]


def _place(served: Served, row: int) -> int | None:
    """Where the model's answer to a row stands; None where it was not asked about it."""
    if served.asked is None:
        return row
    place = int(np.searchsorted(served.asked, row))
    return place if place < len(served.asked) and served.asked[place] == row else None
