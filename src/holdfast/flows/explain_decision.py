"""Prove: one decision with all that is known of it, and many in a list. What is personal opens for whoever says why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Protocol

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Verb
from holdfast.domain.approval import Approval
from holdfast.domain.comparison import Comparison
from holdfast.domain.decision import Decision, Field, Label, PersonalReading, Segment
from holdfast.domain.errors import Absent, FixInput, HoldfastError
from holdfast.domain.gate import Request
from holdfast.domain.guard import enforced
from holdfast.domain.ids import day_of
from holdfast.domain.release import Deployment, Release
from holdfast.domain.retention import Removal
from holdfast.domain.schema import Scalar
from holdfast.domain.system import Owners, System
from holdfast.domain.verdict import parse_time
from holdfast.domain.view import Decided, DecidedPage, Explained, Opened
from holdfast.flows.desk import MOST, Caller, Desk, every, random_id, require, stated
from holdfast.flows.register_segments import DeskRegistrar
from holdfast.ledger.decided import DECISIONS
from holdfast.ledger.decision_proof import RowProof

ABSENT = "decision.absent"
"""The code of the error that says that no segment holds a decision, all of them having been looked through."""

EXACT = 2**53
SHOWN = 20
"""Segments that are named where a decision cannot be read, and decisions that belong to one."""


class Archive(Protocol):
    """Where decisions of registered segments are read."""

    def find(self, id: str, registered: Sequence[Segment]) -> tuple[Decision, Segment]:
        """The decision, and the segment that holds it; a HoldfastError where it cannot be read."""

    def prove(self, id: str, registered: Sequence[Segment], registrar: DeskRegistrar) -> RowProof:
        """The proof of a decision."""

    def newest(
        self, registered: Iterable[Segment], *, before: str, limit: int
    ) -> tuple[list[Decision], list[HoldfastError]]:
        """The latest decisions, and what cannot be read."""

    def compare(self, system: str, registered: Iterable[Segment], *, most: int) -> Comparison:
        """Releases beside each other in the latest of these segments; a HoldfastError where one cannot be read."""

    def following(self, decision: Decision, registered: Iterable[Segment], *, most: int) -> list[Decision]:
        """The decisions that belong to this one, the first first."""

    def labels(self, id: str, system: str) -> tuple[Label, ...]:
        """All that was said of an outcome, the first first."""


class Keys(Protocol):
    """The keys under which personal fields are sealed, one a subject."""

    def open(self, decision: Decision) -> Decision:
        """The decision with its sealed fields in place; Absent where its key was destroyed, or is kept elsewhere."""


def explain_decision(desk: Desk, caller: Caller, archive: Archive, id: str) -> Explained:
    """A decision and what was in force when it was made; what the ledger knows of it, where it cannot be read."""
    require(caller, Permission.READ_DECISIONS)
    registered = registered_on(desk, day_of(id))
    try:
        decision, segment = archive.find(id, [kept.record for kept in registered])
    except HoldfastError as error:
        if error.code == ABSENT:
            raise _absent(desk, error, day_of(id)) from error
        return Explained(id, None, None, str(error), registered[:SHOWN])
    labels, trouble = _labels(archive, decision)
    followers = archive.following(decision, _since(desk, decision), most=SHOWN)
    return Explained(
        id=id,
        decision=_sayable(decision),
        segment=next(kept for kept in registered if kept.record == segment),
        trouble=trouble,
        release=desk.store.find(Release, decision.release),
        deployments=tuple(_deployments(desk, decision)),
        approvals=tuple(_approvals(desk, decision)),
        owners=_owners(desk, decision),
        labels=labels,
        followers=tuple(map(_listed, followers)),
    )


def _since(desk: Desk, decision: Decision) -> list[Segment]:
    """The segments of its system on its day and the next one: nothing that belongs to it is made later."""
    day = date.fromisoformat(day_of(decision.id))
    days = (day.isoformat(), (day + timedelta(days=1)).isoformat())
    return [kept.record for one in days for kept in registered_on(desk, one, decision.system)]


def _labels(archive: Archive, decision: Decision) -> tuple[tuple[Label, ...], str]:
    """What was said of the outcome, and why that cannot be read."""
    try:
        return archive.labels(decision.id, decision.system), ""
    except HoldfastError as error:
        return (), str(error)


def prove_decision(desk: Desk, caller: Caller, archive: Archive, id: str) -> RowProof:
    """The proof of a decision, for somebody who has the ledger's public key and nothing else."""
    require(caller, Permission.READ_DECISIONS)
    return archive.prove(id, [kept.record for kept in registered_on(desk, day_of(id))], DeskRegistrar(desk))


def list_decisions(
    desk: Desk, caller: Caller, archive: Archive, system: str, day: str, *, before: str = "", limit: int = 50
) -> DecidedPage:
    """The decisions of a system and UTC day, the latest first."""
    require(caller, Permission.READ_DECISIONS)
    desk.store.get(System, system)
    registered = [kept.record for kept in registered_on(desk, require_day(day), system)]
    found, troubles = archive.newest(registered, before=before, limit=limit)
    after = f"{found[-1].at}/{found[-1].id}" if len(found) == limit else ""
    return DecidedPage(tuple(map(_listed, found)), after, " ".join(dict.fromkeys(map(str, troubles))))


def read_personal(desk: Desk, caller: Caller, archive: Archive, keys: Keys, id: str, *, reason: str) -> Opened:
    """The personal fields of a decision; that they were read, by whom and why, is an act before they are shown."""
    require(caller, Permission.READ_PERSONAL)
    why = stated(reason, "reason")
    decision, _ = archive.find(id, [kept.record for kept in registered_on(desk, day_of(id))])
    if not decision.sealed:
        raise Absent("personal.none", "Nothing personal is sealed in this decision.", "There is nothing to open.")
    opened = keys.open(decision)
    plain = {*decision.inputs, *decision.outputs}
    fields = tuple(_told(field) for field in (*opened.inputs, *opened.outputs) if field not in plain)
    reading = PersonalReading(id, decision.system, caller.person.id, why, desk.at)
    return Opened(desk.keep(caller, Verb.READ_PERSONAL, random_id(), reading), fields)


def registered_on(desk: Desk, day: str, system: str = "") -> tuple[Kept[Segment], ...]:
    """Segments of decisions of a day that were not removed, the latest first."""
    found = _ever_registered(desk, day, system)
    gone = desk.store.many(Removal, [kept.key for kept in found])
    return tuple(kept for kept in found if kept.key not in gone)


def _ever_registered(desk: Desk, day: str, system: str = "") -> list[Kept[Segment]]:
    some = every(desk.store, Segment, system=system, about=day)
    return [kept for kept in some if kept.record.format == DECISIONS.format]


def _absent(desk: Desk, error: HoldfastError, day: str) -> HoldfastError:
    """The same, and how many files of that day it may have gone with at the end of their time."""
    gone = desk.store.many(Removal, [kept.key for kept in _ever_registered(desk, day)])
    if not gone:
        return error
    what = f"{error.message} Files of that day that were removed at the end of their time: {len(gone)}."
    return Absent(error.code, what, "The ledger says which, and under what retention.")


def _deployments(desk: Desk, decision: Decision) -> Iterator[Kept[Deployment]]:
    at = parse_time(decision.at)
    for kept in desk.store.list(Deployment, about=decision.release, limit=MOST).items:
        one = kept.record
        is_there = one.environment == decision.environment and parse_time(one.since) <= at
        if is_there and (not one.until or at < parse_time(one.until)):
            yield kept


def _approvals(desk: Desk, decision: Decision) -> Iterator[Kept[Approval]]:
    """Answers that said yes to this release in this environment and had not ended when the decision was made."""
    at = parse_time(decision.at)
    asked = [
        canonical.digest(replace(kept.record, is_withdrawn=False))
        for kept in desk.store.list(Request, about=decision.release, limit=MOST).items
        if kept.record.environment == decision.environment
    ]
    for some in desk.store.gather(Approval, "about", asked).values():
        for kept in some:
            is_in_time = parse_time(kept.record.given_at) <= at < parse_time(kept.record.expires_at)
            if kept.record.says_yes and is_in_time:
                yield kept


def _owners(desk: Desk, decision: Decision) -> Owners | None:
    at = parse_time(decision.at)
    then = [kept for kept in desk.store.history(System, decision.system) if parse_time(kept.at) <= at]
    return then[-1].record.owners if then else None


def _listed(decision: Decision) -> Decided:
    return Decided(
        decision.id,
        decision.at,
        decision.ended,
        decision.lane,
        decision.release,
        decision.environment,
        enforced(decision.verdicts),
        bool(decision.sealed),
    )


def _sayable(decision: Decision) -> Decision:
    """With text in the place of numbers that JSON has not, or readers disagree on."""
    return replace(decision, inputs=tuple(map(_told, decision.inputs)), outputs=tuple(map(_told, decision.outputs)))


def _told(field: Field) -> Field:
    name, value = field
    is_odd = isinstance(value, float) and not math.isfinite(value)
    is_long = isinstance(value, int) and not -EXACT < value < EXACT
    said: Scalar | None = str(value) if is_odd or is_long else value
    return name, said


def require_day(day: str) -> str:
    """A day as YYYY-MM-DD; FixInput where it is none."""
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError as error:
        raise FixInput("decision.day", f"{day!r:.40} is no day.", "Write it as 2026-11-28.") from error
