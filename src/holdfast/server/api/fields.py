"""The fields that bodies of several routes have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Body
from pydantic import AfterValidator, AwareDatetime


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("no moment that a calendar has") from error


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
"""An RFC 3339 time with its offset."""

Until = Annotated[Moment, Body(description="When it ends, with the offset: 2027-01-31T00:00:00Z.")]
Reason = Annotated[str, Body(max_length=4000, description="Why, in a sentence; others will rely on it.")]
OnlyReason = Annotated[str, Body(embed=True, max_length=4000, description="Why, in a sentence.")]
Yes = Annotated[bool, Body(description="False for dissent, which is kept and never counts.")]
