"""Sealers: whose sealed evidence counts."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.person import Sealer
from holdfast.flows.desk import require
from holdfast.flows.register import trust_sealer
from holdfast.ledger.note import Key
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go

router = APIRouter(prefix="/sealers")


@router.get("")
def list_sealers(visit: Visitor) -> Response:
    """All keys that were ever trusted."""
    return _show(visit, Form())


def _show(visit: Visit, form: Form, status: int = 200) -> Response:
    found = visit.desk.store.list(Sealer, sort="title", descending=False, limit=200).items
    return visit.page("sealers.html", status=status, form=form, sealers=found)


@router.post("")
def trust(visit: Visitor, form: Sent) -> Response:
    """Count evidence under a key."""
    require(visit.caller, Permission.TRUST_SEALERS)
    with form:
        name, text = form.need("name", "The name"), form.need("key", "The key")
        form.settle()
        key = Key.from_vkey(text).public.hex() if "+" in text else text
        trust_sealer(visit.desk, visit.caller, name, key)
        return go("/sealers", f"Evidence that {name} seals counts from now on.")
    return _show(visit, form, 422)


@router.post("/{id}/revoke")
def revoke(visit: Visitor, id: str) -> Response:
    """No longer count evidence under a key."""
    kept = visit.desk.store.get(Sealer, id)
    trust_sealer(visit.desk, visit.caller, kept.record.name, kept.record.key, trusted=False)
    return go("/sealers", f"Evidence of {kept.record.name} counts no longer. Gates that rested on it are shut.")
