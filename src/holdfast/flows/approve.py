"""Decide: people answer a request, accept a breach for a while, or let somebody answer in their place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.appetite import Limit
from holdfast.domain.approval import Approval, Delegation, Discipline, Mandate, Waiver, mandates
from holdfast.domain.errors import Absent, Conflict, FixInput, Forbidden
from holdfast.domain.person import Person
from holdfast.domain.verdict import Outcome, timestamp
from holdfast.flows.desk import Caller, Desk, every, random_id, require, stated
from holdfast.flows.gate import Open, look


def answer(
    desk: Desk, caller: Caller, key: str, discipline: Discipline, *, reason: str, says_yes: bool = True
) -> Kept[Approval]:
    """Answer a request in a discipline that the caller may speak for, bound to the digests that are current now.

    Where no recorded verdict says what judging says now, that verdict is recorded with the answer, so that there is
    one to be bound to.
    """
    opened = look(desk, key)
    mandate = _entitled(desk, caller, opened, discipline, opened.dossier.barred)
    drafts, bound = [], opened.bound
    if opened.unsealed is not None:
        verdict = canonical.digest(opened.unsealed)
        drafts.append(Draft(Verb.GIVE_VERDICT, verdict, opened.unsealed))
        bound = (bound[0], *sorted({*bound[1:], verdict}))
    approval = _approval(desk, opened, mandate, reason, bound, says_yes=says_yes)
    key = random_id()
    desk.do(caller, *drafts, Draft(Verb.APPROVE if says_yes else Verb.REFUSE, key, approval))
    return desk.store.get(Approval, key)


def answer_waiver(
    desk: Desk, caller: Caller, key: str, waiver: str, discipline: Discipline, *, reason: str, says_yes: bool = True
) -> Kept[Approval]:
    """Answer whether a breach may be accepted; whoever asked for that is barred as well."""
    opened = look(desk, key)
    kept = desk.store.get(Waiver, waiver)
    if kept.record.bound_to[0] != opened.bound[0]:
        raise Absent("waiver.absent", "This request has no such waiver.", "Look at the request again.")
    mandate = _entitled(desk, caller, opened, discipline, opened.dossier.barred | {kept.record.person})
    approval = _approval(desk, opened, mandate, reason, (canonical.digest(kept.record),), says_yes=says_yes)
    new = random_id()
    desk.do(caller, Draft(Verb.APPROVE if says_yes else Verb.REFUSE, new, approval))
    return desk.store.get(Approval, new)


def _approval(
    desk: Desk, opened: Open, mandate: Mandate, reason: str, bound: tuple[str, ...], *, says_yes: bool
) -> Approval:
    rule = opened.dossier.rule
    return Approval(
        person=mandate.person,
        role=mandate.discipline,
        reason=stated(reason, "reason"),
        bound_to=bound,
        given_at=desk.at,
        expires_at=timestamp(desk.now + timedelta(days=rule.approval_days if rule else 0)),
        says_yes=says_yes,
        on_behalf_of=mandate.on_behalf_of,
    )


def _entitled(desk: Desk, caller: Caller, opened: Open, discipline: Discipline, barred: frozenset[str]) -> Mandate:
    """The mandate by which the caller may answer; Forbidden where there is none, or the gate bars them."""
    require(caller, Permission.APPROVE)
    if opened.request.record.is_withdrawn:
        raise Conflict("gate.withdrawn", "The request was withdrawn.", "There is nothing to answer.")
    held = mandates_of(desk, caller.person)
    if not any(mandate.discipline == discipline for mandate in held):
        hint = "An approver of that discipline can delegate to you."
        raise Forbidden("approval.no-mandate", f"You do not speak for {discipline}.", hint)
    free = [mandate for mandate in unbarred(held, barred) if mandate.discipline == discipline]
    if not free:
        what = "You asked for this, or built it, so your answer cannot count."
        raise Forbidden("approval.barred", what, "Somebody else must answer.")
    return min(free, key=lambda mandate: mandate.on_behalf_of)


def unbarred(held: Collection[Mandate], barred: frozenset[str]) -> list[Mandate]:
    """The mandates that hold where those who are `barred` may not answer, nor anybody for them."""
    return [mandate for mandate in held if not barred & {mandate.person, mandate.on_behalf_of}]


def mandates_of(desk: Desk, person: Person) -> set[Mandate]:
    """The disciplines that a person may speak for now: by office, or by delegation from somebody who holds one."""
    named = every(desk.store, Delegation, text=person.id)
    given = [kept.record for kept in named if kept.record.delegate == person.id]
    givers = [desk.store.get(Person, delegation.person).record for delegation in given]
    people = [person, *(giver for giver in givers if giver.is_active)]
    offices = {(someone.id, discipline) for someone in people for discipline in someone.disciplines}
    return {mandate for mandate in mandates(offices, given, desk.now) if mandate.person == person.id}


def revoke(desk: Desk, caller: Caller, key: str) -> Kept[Approval]:
    """Take one's own answer back: it ends now."""
    kept = desk.store.get(Approval, key)
    if kept.record.person != caller.person.id:
        raise Forbidden("approval.not-yours", "Somebody else gave this answer.", "Only they can take it back.")
    return desk.keep(caller, Verb.REVOKE_APPROVAL, key, replace(kept.record, expires_at=desk.at), kept.revision)


def ask_waiver(
    desk: Desk, caller: Caller, key: str, measure: str, *, reason: str, controls: str, until: datetime
) -> Kept[Waiver]:
    """Ask that a breached measure be accepted for a while, naming what keeps the harm small meanwhile."""
    require(caller, Permission.ASK_WAIVER)
    opened = look(desk, key)
    limit = _in_the_way(opened, measure)
    if not limit.waivable:
        raise Forbidden("waiver.firm", f"The appetite lets nobody waive {measure}.", "Mitigate it and check again.")
    if until <= desk.now:
        raise FixInput("waiver.past", "The waiver would have ended already.", "Choose a day that is to come.")
    waiver = Waiver(
        measure=measure,
        person=caller.person.id,
        role=Permission.ASK_WAIVER,
        reason=stated(reason, "reason"),
        controls=stated(controls, "compensating control"),
        bound_to=opened.bound,
        given_at=desk.at,
        expires_at=timestamp(until),
    )
    new = random_id()
    desk.do(caller, Draft(Verb.REQUEST_WAIVER, new, waiver))
    return desk.store.get(Waiver, new)


def _in_the_way(opened: Open, measure: str) -> Limit:
    for reason in opened.ruling.reasons:
        if reason.outcome is not Outcome.PASS and reason.limit is not None and reason.limit.measure == measure:
            return reason.limit
    raise FixInput("waiver.kept", f"{measure} does not stand in the way.", "Waive only what does.")


def delegate(
    desk: Desk, caller: Caller, to: str, discipline: Discipline, *, until: datetime, reason: str
) -> Kept[Delegation]:
    """Let somebody else answer in one's discipline until a day. A delegation cannot be passed on."""
    require(caller, Permission.APPROVE)
    if discipline not in caller.person.disciplines:
        what = f"You hold no office in {discipline}."
        raise Forbidden("delegation.no-office", what, "Only who holds an office can delegate.")
    if to == caller.person.id or until <= desk.now:
        raise FixInput("delegation.void", "That would change nothing.", "Name somebody else and a day to come.")
    desk.store.get(Person, to)
    record = Delegation(caller.person.id, to, discipline, desk.at, timestamp(until), stated(reason, "reason"))
    key = random_id()
    desk.do(caller, Draft(Verb.DELEGATE, key, record))
    return desk.store.get(Delegation, key)


def end_delegation(desk: Desk, caller: Caller, key: str) -> Kept[Delegation]:
    """Take a delegation back; only who gave it can."""
    kept = desk.store.get(Delegation, key)
    if kept.record.person != caller.person.id:
        raise Forbidden("delegation.not-yours", "Somebody else gave this delegation.", "Ask them to end it.")
    return desk.keep(caller, Verb.END_DELEGATION, key, replace(kept.record, until=desk.at), kept.revision)
