"""Settings: who I am here, how I sign in, what my programs may do, and who answers in my place."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.approval import Delegation, Discipline
from holdfast.domain.errors import Absent
from holdfast.domain.person import Person, Token
from holdfast.domain.verdict import parse_time
from holdfast.flows.approve import delegate, end_delegation
from holdfast.flows.people import change_profile, issue_token, revoke_token
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go

router = APIRouter(prefix="/settings")
WRONG = "The password or the code is not right. A code counts once: wait for the next."


@router.get("")
def show_settings(visit: Visitor) -> Response:
    """All that is mine."""
    return _show(visit, Form.of(token_until=(visit.desk.now + timedelta(days=90)).date().isoformat()))


def _show(visit: Visit, form: Form, status: int = 200, **more: Any) -> Response:
    desk, me = visit.desk, visit.caller.person
    profile = visit.platform.accounts.profiles({me.id}).get(me.id)
    if profile is not None:
        form.typed = {"called": [profile.name], "email": [profile.email]} | form.typed
    people = desk.store.list(Person, state="active", limit=200).items
    return visit.page(
        "settings.html",
        status=status,
        form=form,
        me=me,
        profile=profile,
        has_password=visit.platform.accounts.can_sign_in(me.id),
        has_totp=visit.platform.accounts.has_totp(me.id),
        permissions=sorted(visit.caller.permissions),
        tokens=desk.store.list(Token, about=me.id, limit=100).items,
        delegations=[k for k in desk.store.list(Delegation, about=me.id, limit=50).items if _runs(visit, k.record)],
        stand_ins=[k for k in desk.store.list(Delegation, limit=200).items if _for_me(visit, k.record)],
        others=[kept.record for kept in people if kept.key != me.id],
        **({"secret": "", "totp": None} | more),
    )


def _runs(visit: Visit, delegation: Delegation) -> bool:
    return visit.desk.now < parse_time(delegation.until)


def _for_me(visit: Visit, delegation: Delegation) -> bool:
    return delegation.delegate == visit.caller.person.id and _runs(visit, delegation)


@router.post("/profile")
def set_profile(visit: Visitor, form: Sent) -> Response:
    """Say anew what I am called and where I am reached."""
    with form:
        name, email = form.need("called", "Your name"), form.need("email", "Your address")
        form.settle()
        proof = {"password": form.value("proof"), "code": form.value("proof_code")}
        change_profile(visit.desk, visit.platform.accounts, visit.caller, name=name, email=email, **proof)
        return go("/settings", "Your profile is changed.")
    return _show(visit, form, 422)


@router.post("/password")
def set_password(visit: Visitor, form: Sent) -> Response:
    """Set another password; all sessions end."""
    accounts, me = visit.platform.accounts, visit.caller.person.id
    with form:
        if form.value("new") != form.value("again"):
            form.wrong["again"] = "This is not the same as the new one."
        form.settle()
        if not _knows_password(visit, form.value("current"), form.value("old_code")):
            form.wrong["current"] = WRONG
        form.settle()
        accounts.set_password(me, form.value("new"))
        return go("/sign-in", "Your password is changed. Sign in with it.")
    return _show(visit, form, 422)


def _knows_password(visit: Visit, password: str, code: str) -> bool:
    """Whether it is really the person who sits at their open session, who changes how they sign in."""
    accounts, me = visit.platform.accounts, visit.caller.person.id
    profile = accounts.profiles({me}).get(me)
    return profile is not None and accounts.check(profile.email, password, code, visit.desk.now) == me


@router.post("/second-factor")
def start_totp(visit: Visitor) -> Response:
    """Show a new secret; it counts once a first code is right."""
    profile = visit.platform.accounts.profiles({visit.caller.person.id}).get(visit.caller.person.id)
    secret, uri = visit.platform.accounts.new_totp(profile.email if profile else visit.caller.person.id)
    return _show(visit, Form(), totp=(secret, uri, picture(uri)))


def picture(uri: str) -> str:
    """The QR code of an address, as an image in a `data:` address; dark on light, as cameras want it."""
    import segno

    return segno.make_qr(uri).svg_data_uri(scale=4, border=4, dark="#000", light="#fff")


@router.post("/second-factor/confirm")
def confirm_totp(visit: Visitor, form: Sent) -> Response:
    """Put the second factor in force."""
    with form:
        accounts, secret = visit.platform.accounts, form.value("secret")
        form.need("code", "The code")
        form.settle()
        if not _knows_password(visit, form.value("password"), form.value("old_code")):
            form.wrong["password"] = WRONG
        form.settle()
        accounts.confirm_totp(visit.caller.person.id, secret, form.value("code"), visit.desk.now)
        return go("/settings", "From now on, signing in asks for a code from your app.")
    uri = form.value("uri")[:500]
    return _show(visit, form, 422, totp=(form.value("secret"), uri, picture(uri)))


@router.post("/tokens")
def new_token(visit: Visitor, form: Sent) -> Response:
    """A token for my programs; its secret is shown this once."""
    with form:
        name, until = form.need("name", "The name"), form.day("token_until", "The last day")
        allowed = form.choices("allowed", Permission)
        if not allowed:
            form.wrong["allowed"] = "Choose what it may do."
        form.settle()
        accounts = visit.platform.accounts
        _, secret = issue_token(visit.desk, accounts, visit.caller, name=name, allowed=allowed, until=until)
        return _show(visit, Form(), secret=secret)
    return _show(visit, form, 422)


@router.post("/tokens/{id}/revoke")
def end_token(visit: Visitor, id: str) -> Response:
    """End a token."""
    revoke_token(visit.desk, visit.platform.accounts, visit.caller, id)
    return go("/settings#tokens", "The token is revoked. Programs that hold it are refused from now on.")


@router.post("/delegations")
def stand_in(visit: Visitor, form: Sent) -> Response:
    """Let somebody answer in my place."""
    with form:
        form.need("delegate", "Who answers in your place")
        discipline = form.choice("discipline", Discipline, "The discipline")
        until, reason = form.day("until", "The last day"), form.need("reason", "The reason")
        form.settle()
        try:
            delegate(visit.desk, visit.caller, form.value("delegate"), discipline, until=until, reason=reason)
        except Absent:
            form.wrong["delegate"] = "There is nobody of that name."
            form.settle()
        return go("/settings#delegation", "They can answer in your place until then. You still can, too.")
    return _show(visit, form, 422)


@router.post("/delegations/{key}/end")
def end_stand_in(visit: Visitor, key: str) -> Response:
    """Take a delegation back."""
    end_delegation(visit.desk, visit.caller, key)
    return go("/settings#delegation", "The delegation has ended. Answers given under it no longer count.")
