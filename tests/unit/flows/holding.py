"""A decision that waits for a person, for tests of what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.unit.flows.journey import SYSTEM

from holdfast.domain.decision import Decision, Ended, Lane
from holdfast.domain.guard import Action, GuardVerdict, Mode
from holdfast.domain.ids import Ids
from holdfast.domain.review import Held
from holdfast.domain.verdict import timestamp
from holdfast.testing.desk import START

IDS = Ids()
WHO = "Ada Lovelace"
"""What nobody may find anywhere once the review is over."""
LOOK = GuardVerdict("table.range", "1", Mode.ENFORCE, Action.REVIEW, 2.0, 1.0, ("age",), "age is beyond what was seen")
DECISION = Decision(
    id="",
    at=timestamp(START),
    system=SYSTEM.name,
    release="sha256:" + "1" * 64,
    environment="production",
    lane=Lane.LIVE,
    ended=Ended.REVIEW,
    gateway="g1",
    principal="",
    subject="5b2c",
    inputs=(("name", WHO), ("age", 93)),
    outputs=(("predict", "no"), ("yes", 0.25)),
    verdicts=(LOOK,),
)


def held(*, principal: str = "", hours: float = 24.0, **terms: Any) -> Held:
    """One that the model would have answered with no."""
    terms = {"proposal": "no", "choices": ("no", "yes"), **terms}
    decision = replace(DECISION, id=IDS.next(), principal=principal)
    return Held(decision, "loans 1", timestamp(START + timedelta(hours=hours)), **terms)
