"""People: who comes in, by which link, with which roles, and the tokens by which their programs act."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from holdfast.domain.access import Permission, permissions
from holdfast.domain.account import Profile
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.errors import Absent, FixInput, Forbidden
from holdfast.domain.person import Person, Proposal, Reset, Role, Token
from holdfast.domain.verdict import parse_time, timestamp
from holdfast.flows.desk import Caller, Desk, every, random_id, require, stated
from holdfast.flows.propose import propose
from holdfast.ports import Accounts

LINK_HOURS = 72
LONGEST_TOKEN = timedelta(days=366)
WELCOME, RESET, TOKEN = "welcome", "reset", "token"
FOUNDER = "p-founder"

Invited = tuple[Kept[Proposal], str]
"""The proposal of a person or of a new link, and the secret in the link."""


def found(desk: Desk, accounts: Accounts) -> str | None:
    """The first administrator's one-time secret; None where an administrator can sign in already.

    As long as nobody has set the first password, each start makes a new link and ends the one before.
    """
    known = desk.store.find(Person, FOUNDER)
    if _somebody_administers(desk, accounts):
        return None
    if known is None:
        first = Person(FOUNDER, (Role.ADMIN,))
        caller = Caller(first, permissions(first))
        desk.do(caller, Draft(Verb.SET_PERSON, FOUNDER, first))
    accounts.revoke(WELCOME, FOUNDER)
    return accounts.issue(WELCOME, FOUNDER, desk.now + timedelta(hours=LINK_HOURS))


def _somebody_administers(desk: Desk, accounts: Accounts) -> bool:
    active = (kept.record for kept in every(desk.store, Person, state="active"))
    return any(Role.ADMIN in person.roles and accounts.can_sign_in(person.id) for person in active)


def invite(
    desk: Desk, accounts: Accounts, caller: Caller, *, name: str, email: str, roles: tuple[Role, ...]
) -> Invited:
    """Propose a person; the link by which they set a password works once somebody else has enacted it."""
    require(caller, Permission.PROPOSE_PEOPLE)
    person = Person(f"p-{random_id()}", roles)
    accounts.add(Profile(person.id, name, email))
    proposal = propose(desk, caller, person, reason=f"Roles: {', '.join(roles) or 'none'}")
    link = accounts.issue(WELCOME, person.id, desk.now + timedelta(hours=LINK_HOURS))
    return proposal, link


def renew_link(
    desk: Desk, accounts: Accounts, caller: Caller, id: str, *, reason: str, forgets_factor: bool = False
) -> Invited:
    """A new link for somebody who never came, or who lost what they sign in with; the one before ends.

    Whoever opens the link is that person. So it works once somebody else has enacted it; at once for somebody who never
    came, whose first link was one admin's word, too.
    """
    require(caller, Permission.PROPOSE_PEOPLE)
    if not desk.store.get(Person, id).record.is_active:
        raise FixInput("person.inactive", "This person is let in no longer.", "Propose to let them in again first.")
    if id not in accounts.profiles({id}):
        raise FixInput("person.erased", "Nobody knows any more who this was.", "Invite them anew.")
    is_new = not accounts.has_come(id)
    proposal = propose(desk, caller, Reset(id, forgets_factor), reason=reason, alone=is_new)
    if is_new:
        accounts.revoke(WELCOME, id)
    return proposal, accounts.issue(RESET, proposal.key, desk.now + timedelta(hours=LINK_HOURS))


def welcome(desk: Desk, accounts: Accounts, secret: str, *, name: str, email: str, password: str) -> Person:
    """Set a password by a one-time link; every session of the person ends. The founder says who they are, too."""
    purpose, reset = _linked(desk, accounts, secret)
    person = reset.person
    known = desk.store.find(Person, person)
    if known is None or not known.record.is_active:
        raise Forbidden("person.waiting", "Your roles wait for a second person's consent.", "Try again later.")
    if person not in accounts.profiles({person}):
        accounts.add(Profile(person, name, email))
    accounts.set_password(person, password)
    accounts.spend(purpose, secret, desk.now)
    if reset.forgets_factor:
        accounts.forget_totp(person)
    return known.record


def _linked(desk: Desk, accounts: Accounts, secret: str) -> tuple[str, Reset]:
    """What kind of link this is, and what it does; Absent once it is used, expired, or another has taken its place."""
    person = accounts.subject(WELCOME, secret, desk.now)
    if person is not None:
        return WELCOME, Reset(person)
    key = accounts.subject(RESET, secret, desk.now)
    proposal = desk.store.get(Proposal, key).record if key else None
    if proposal is not None and proposal.state == "open":
        raise Forbidden("link.waiting", "This link waits for a second person's consent.", "Try again later.")
    in_force = desk.store.find(Reset, proposal.key) if proposal and proposal.state == "enacted" else None
    if proposal is None or in_force is None or in_force.revision != proposal.base + 1:
        raise Absent("link.spent", "This link was used already, or has expired.", "Ask an admin for a new one.")
    return RESET, in_force.record


def change_profile(
    desk: Desk, accounts: Accounts, caller: Caller, *, name: str, email: str, password: str = "", code: str = ""
) -> Profile:
    """Say anew what one is called and where one is reached. People sign in by their address: another one asks for the
    password, and for the code where there is a second factor.
    """
    me = caller.person.id
    if caller.permissions != permissions(caller.person):
        raise Forbidden("token.narrow", "This token may do less than you.", "Change your profile in the console.")
    known = accounts.profiles({me}).get(me)
    if known is None:
        raise Absent("person.unknown", "There is no profile.", "It was erased, or this is a service.")
    if email.strip().lower() != known.email:
        if not accounts.can_sign_in(me):
            raise FixInput("person.vouched", "Your organisation says who you are.", "Have an admin invite you anew.")
        if accounts.check(known.email, password, code, desk.now) != me:
            hint = "A code counts once: wait for the next."
            raise FixInput("password.wrong", "The password or the code is not right.", hint)
    accounts.change(Profile(me, name, email))
    return accounts.profiles({me})[me]


def erase(desk: Desk, accounts: Accounts, caller: Caller, id: str) -> Kept[Person]:
    """Forget who a pseudonym was, with all that they signed in by; every act and proof stays valid.

    Only for somebody who is no longer active, on which two people agreed: a name that is gone cannot be brought back.
    """
    require(caller, Permission.ENACT_PEOPLE)
    kept = desk.store.get(Person, id)
    if kept.record.is_active:
        raise FixInput("person.active", "This person is still active.", "Propose to deactivate them first.")
    accounts.erase(id)
    return kept


def issue_token(
    desk: Desk, accounts: Accounts, caller: Caller, *, name: str, allowed: tuple[Permission, ...], until: datetime
) -> tuple[Kept[Token], str]:
    """A token for the caller's programs, which can do what it names as long as the caller can; and its secret, once."""
    beyond = sorted(set(allowed) - caller.permissions)
    if beyond:
        raise Forbidden("token.beyond", f"You may not do {beyond[0]} yourself.", "A token can do no more than you can.")
    if not desk.now < until <= desk.now + LONGEST_TOKEN:
        raise FixInput("token.expiry", "A token lasts a year at most, and ends in the future.", "Choose another day.")
    token = Token(f"t-{random_id()}", caller.person.id, stated(name, "name"), tuple(sorted(allowed)), timestamp(until))
    secret = accounts.issue(TOKEN, token.id, until)
    desk.do(caller, Draft(Verb.ISSUE_TOKEN, token.id, token))
    return desk.store.get(Token, token.id), secret


def revoke_token(desk: Desk, accounts: Accounts, caller: Caller, id: str) -> Kept[Token]:
    """End a token: one's own, or as an admin anybody's."""
    kept = desk.store.get(Token, id)
    if kept.record.person != caller.person.id:
        require(caller, Permission.ENACT_PEOPLE)
    accounts.revoke(TOKEN, id)
    desk.do(caller, Draft(Verb.REVOKE_TOKEN, id, replace(kept.record, is_revoked=True), kept.revision))
    return desk.store.get(Token, id)


def by_token(desk: Desk, accounts: Accounts, secret: str, request: str) -> Caller | None:
    """Who acts by a token: the person, with no more than the token allows and they still may."""
    id = accounts.subject(TOKEN, secret, desk.now)
    kept = desk.store.find(Token, id) if id else None
    if kept is None or kept.record.is_revoked or desk.now >= parse_time(kept.record.expires_at):
        return None
    person = desk.store.get(Person, kept.record.person).record
    allowed = {Permission(name) for name in kept.record.permissions}
    return Caller(person, permissions(person) & allowed, request)


def by_session(desk: Desk, person: str, request: str) -> Caller | None:
    """Who acts in a signed-in browser; None for somebody who is no longer active."""
    kept = desk.store.find(Person, person)
    if kept is None or not kept.record.is_active:
        return None
    return Caller(kept.record, permissions(kept.record), request)
