"""Changes that nobody may make alone: the appetite, the committee and its rules, people, their roles and new links.

One person proposes, another enacts. Until a second person could enact it, a change of people takes effect at once, or
the first administrator could never add a second; the ledger shows that it did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from holdfast import canonical
from holdfast.domain.access import Permission, permissions
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.appetite import Appetite
from holdfast.domain.errors import Conflict, FixInput, Forbidden
from holdfast.domain.gate import Committee
from holdfast.domain.kinds import KINDS, NAMES
from holdfast.domain.person import Person, Proposal, Reset
from holdfast.flows.desk import APPETITE, COMMITTEE, Caller, Desk, as_left, every, random_id, require, stated


@dataclass(frozen=True, slots=True)
class _Subject:
    """What may be proposed: by whom, who else may enact it, and the act that follows."""

    propose: Permission
    enact: Permission
    verb: Verb


SUBJECTS: dict[type, _Subject] = {
    Appetite: _Subject(Permission.PROPOSE_APPETITE, Permission.ENACT_APPETITE, Verb.SET_APPETITE),
    Committee: _Subject(Permission.PROPOSE_APPETITE, Permission.ENACT_APPETITE, Verb.SET_COMMITTEE),
    Person: _Subject(Permission.PROPOSE_PEOPLE, Permission.ENACT_PEOPLE, Verb.SET_PERSON),
    Reset: _Subject(Permission.PROPOSE_PEOPLE, Permission.ENACT_PEOPLE, Verb.RESET_PERSON),
}
Record = Appetite | Committee | Person | Reset


def propose(desk: Desk, caller: Caller, record: Record, *, reason: str, alone: bool = False) -> Kept[Proposal]:
    """Propose that the record take effect; somebody else with the right to must enact it, unless it harms nobody when
    one person does it `alone`.
    """
    subject = SUBJECTS[type(record)]
    require(caller, subject.propose)
    key = _key(record)
    current = desk.store.find(type(record), key)
    base = current.revision if current else 0
    body = canonical.encode(record).decode()
    proposal = Proposal(NAMES[type(record)], key, body, base, caller.person.id, stated(reason, "reason"))
    new = random_id()
    drafts = [Draft(Verb.PROPOSE, new, proposal)]
    if alone or (isinstance(record, Person) and not _others_who_may(desk, caller.person, subject.enact)):
        enacted = replace(proposal, state="enacted", enacted_by=caller.person.id)
        drafts = [Draft(Verb.PROPOSE, new, enacted), Draft(subject.verb, key, record, base)]
    desk.do(caller, *drafts)
    return desk.store.get(Proposal, new)


def _key(record: Record) -> str:
    if isinstance(record, Person):
        return record.id
    if isinstance(record, Reset):
        return record.person
    return APPETITE if isinstance(record, Appetite) else COMMITTEE


def _others_who_may(desk: Desk, person: Person, permission: Permission) -> list[Person]:
    people = [kept.record for kept in every(desk.store, Person, state="active")]
    return [other for other in people if other.id != person.id and permission in permissions(other)]


def enact(desk: Desk, caller: Caller, key: str) -> Kept[Any]:
    """Let a proposal take effect. Forbidden for who made it; Conflict where what it was made on has changed."""
    kept, record = opened(desk, key)
    subject, proposal = SUBJECTS[type(record)], kept.record
    require(caller, subject.enact)
    if proposal.proposer == caller.person.id:
        raise Forbidden("proposal.own", "You made this proposal.", "Somebody else must enact it.")
    current = desk.store.find(type(record), proposal.key)
    if (current.revision if current else 0) != proposal.base:
        raise Conflict("proposal.void", "What the proposal was made on has changed.", "Drop it and propose anew.")
    enacted = replace(proposal, state="enacted", enacted_by=caller.person.id)
    made = desk.do(
        caller,
        Draft(Verb.ENACT, key, enacted, kept.revision),
        Draft(subject.verb, proposal.key, record, proposal.base),
    )
    return as_left(made[1], record)


def drop(desk: Desk, caller: Caller, key: str) -> Kept[Proposal]:
    """Take a proposal off the table: its proposer, or whoever could enact it."""
    kept, record = opened(desk, key)
    if kept.record.proposer != caller.person.id:
        require(caller, SUBJECTS[type(record)].enact)
    desk.do(caller, Draft(Verb.DROP_PROPOSAL, key, replace(kept.record, state="dropped"), kept.revision))
    return desk.store.get(Proposal, key)


def opened(desk: Desk, key: str) -> tuple[Kept[Proposal], Any]:
    """An open proposal and the record that it would put in force."""
    kept = desk.store.get(Proposal, key)
    if kept.record.state != "open":
        raise FixInput("proposal.closed", f"The proposal was {kept.record.state}.", "Propose anew.")
    return kept, canonical.decode(KINDS[kept.record.kind].type, kept.record.body)
