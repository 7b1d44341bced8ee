"""People: who is here, with which roles, and changing that by two."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast import canonical
from holdfast.domain.access import GRANTS, Permission
from holdfast.domain.act import Kept
from holdfast.domain.kinds import KINDS
from holdfast.domain.person import Person, Proposal, Reset, Role
from holdfast.flows.desk import require
from holdfast.flows.people import LINK_HOURS, invite, renew_link
from holdfast.flows.propose import propose
from holdfast.server.api.paging import Listed
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, can, go
from holdfast.server.console.tables import link

router = APIRouter(prefix="/people")
Waiting = list[tuple[Kept[Proposal], Person | Reset]]
OURS = (Person, Reset)


@router.get("")
def list_people(visit: Visitor, listing: Listed) -> Response:
    """Everybody, and the changes that wait for a second person."""
    require(visit.caller, Permission.READ_PEOPLE)
    page = visit.desk.store.list(Person, **listing.arguments)
    return visit.page(
        "people.html",
        people=page.items,
        profiles=visit.platform.accounts.profiles({kept.key for kept in page.items}),
        proposals=_proposals(visit),
        listing=listing,
        after=page.after,
        link=lambda **changes: link(visit.request, **changes),
    )


def _proposals(visit: Visit) -> Waiting:
    found = visit.desk.store.list(Proposal, state="open", limit=100).items
    kinds = {kept.key: KINDS[kept.record.kind].type for kept in found}
    return [(kept, canonical.decode(kinds[kept.key], kept.record.body)) for kept in found if kinds[kept.key] in OURS]


@router.get("/invite")
def show_invite(visit: Visitor) -> Response:
    """The form."""
    require(visit.caller, Permission.PROPOSE_PEOPLE)
    return _invite_form(visit, Form())


def _invite_form(visit: Visit, form: Form, status: int = 200) -> Response:
    return visit.page("invite.html", status=status, form=form, roles=list(Role), grants=grants())


def grants() -> dict[str, list[str]]:
    """What each role may do beyond what all may, from the one permission table."""
    special = {permission: roles for permission, roles in GRANTS.items() if roles != frozenset(Role)}
    found = {role.value: [can(permission) for permission, roles in special.items() if role in roles] for role in Role}
    return {role: [can(Permission.READ), *more] for role, more in found.items()}


@router.post("/invite")
def send_invite(visit: Visitor, form: Sent) -> Response:
    """Propose a person, and show their link this once."""
    require(visit.caller, Permission.PROPOSE_PEOPLE)
    with form:
        name, email = form.need("name", "The name"), form.need("email", "The address")
        form.settle()
        roles = form.choices("roles", Role)
        proposal, secret = invite(
            visit.desk, visit.platform.accounts, visit.caller, name=name, email=email, roles=roles
        )
        url = f"{visit.platform.url}/welcome/{secret}"
        return visit.page("invited.html", name=name, url=url, hours=LINK_HOURS, proposal=proposal)
    return _invite_form(visit, form, 422)


@router.get("/{id}")
def show_person(visit: Visitor, id: str) -> Response:
    """One person."""
    require(visit.caller, Permission.READ_PEOPLE)
    kept = visit.desk.store.get(Person, id)
    return _show(visit, kept, Form.of(roles=kept.record.roles, active="yes" if kept.record.is_active else "no"))


def _show(visit: Visit, kept: Kept[Person], form: Form, status: int = 200) -> Response:
    return visit.page(
        "person.html",
        status=status,
        kept=kept,
        profile=visit.platform.accounts.profiles({kept.key}).get(kept.key),
        history=visit.desk.store.history(Person, kept.key)[::-1],
        proposals=[(one, record) for one, record in _proposals(visit) if one.record.key == kept.key],
        has_come=visit.platform.accounts.has_come(kept.key),
        form=form,
        roles=list(Role),
        grants=grants(),
    )


@router.post("/{id}")
def propose_roles(visit: Visitor, id: str, form: Sent) -> Response:
    """Propose other roles, or that somebody be let in no longer."""
    require(visit.caller, Permission.PROPOSE_PEOPLE)
    kept = visit.desk.store.get(Person, id)
    with form:
        reason = form.need("reason", "The reason")
        form.settle()
        person = replace(kept.record, roles=form.choices("roles", Role), is_active=form.value("active") != "no")
        made = propose(visit.desk, visit.caller, person, reason=reason).record
        waits = "It is in force now: nobody else could enact it yet." if made.state == "enacted" else ""
        return go(f"/people/{id}", waits or "Proposed. It takes effect once another administrator enacts it.")
    return _show(visit, kept, form, 422)


@router.post("/{id}/link")
def new_link(visit: Visitor, id: str, form: Sent) -> Response:
    """A new link for somebody, shown this once."""
    require(visit.caller, Permission.PROPOSE_PEOPLE)
    kept = visit.desk.store.get(Person, id)
    with form:
        reason = form.need("link_reason", "The reason")
        form.settle()
        forgets = form.value("forgets_factor") == "yes"
        proposal, secret = renew_link(
            visit.desk, visit.platform.accounts, visit.caller, id, reason=reason, forgets_factor=forgets
        )
        profile = visit.platform.accounts.profiles({id})[id]
        url = f"{visit.platform.url}/welcome/{secret}"
        return visit.page("invited.html", name=profile.name, url=url, hours=LINK_HOURS, proposal=proposal)
    said = Form.of(roles=kept.record.roles, active="yes" if kept.record.is_active else "no")
    form.typed = said.typed | form.typed
    return _show(visit, kept, form, 422)
