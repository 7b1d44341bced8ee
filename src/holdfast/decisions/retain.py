"""Deleting segments whose time is over. The ledger keeps what they were, and that they went."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from holdfast import canonical
from holdfast.decisions.registrar import LedgerRegistrar
from holdfast.decisions.segments import Segments
from holdfast.domain.decision import Segment
from holdfast.domain.retention import Hold, Removal, Retention


def retain(
    kept: Segments,
    registrar: LedgerRegistrar,
    registered: Iterable[Segment],
    policies: Iterable[Retention],
    *,
    holds: Iterable[Hold] = (),
    now: datetime,
) -> list[Removal]:
    """Delete the registered segments that their system's policy lets go and no hold keeps; what was removed.

    A system without a policy keeps everything. The removal is registered first, so that a crash leaves a file too
    many, never one that is gone without a word; the next call deletes it.
    """
    terms = {policy.system: policy for policy in policies}
    stays = tuple(holds)
    removals = []
    for segment in registered:
        policy = terms.get(segment.system)
        day = datetime.fromisoformat(segment.day).date()
        is_held = any(hold.covers(segment.system, segment.day) for hold in stays)
        if policy is None or is_held or not policy.is_over(day, now.date()):
            continue
        removals.append(_remove(kept, registrar, segment, policy, now))
    return [removal for removal in removals if removal is not None]


def _remove(
    kept: Segments, registrar: LedgerRegistrar, segment: Segment, policy: Retention, now: datetime
) -> Removal | None:
    """Register and delete; None where the segment is gone already."""
    if segment.place not in kept.places(segment.place.rpartition("/")[0]):
        return None
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    removal = Removal(canonical.digest(segment), segment.place, policy.days, policy.because, at)
    registrar.register(removal)
    kept.delete(segment.place)
    return removal
