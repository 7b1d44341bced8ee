"""Ledger: what was recorded, each entry with a proof that is verified as the page is made."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from holdfast import canonical
from holdfast.domain.act import Act, Kept
from holdfast.domain.errors import Tampered
from holdfast.domain.kinds import KINDS
from holdfast.flows.audit import verify_ledger
from holdfast.flows.desk import Desk
from holdfast.ledger.acts import act_in
from holdfast.ledger.note import Key
from holdfast.ledger.verify import verify_proof
from holdfast.server.console.acts import phrase
from holdfast.server.console.pages import Visit, Visitor
from holdfast.server.console.tables import As, export

router = APIRouter(prefix="/ledger")
PAGE = 50
COLUMNS = ("index", "verb", "kind", "key", "revision", "record", "actor", "at")


@router.get("")
def show_ledger(visit: Visitor, before: Annotated[int | None, Query(ge=0)] = None, as_: As = "") -> Response:
    """The signed head, and the entries below `before`, the newest first."""
    return _show(visit, before, as_)


def _show(visit: Visit, before: int | None, as_: str = "", **result: Any) -> Response:
    desk = visit.desk
    size, root = desk.ledger.head()
    stop = min(before if before is not None else size, size)
    start = max(stop - PAGE, 0)
    found = [(index, act_in(entry)) for index, entry in enumerate(desk.ledger.read(start, stop), start)][::-1]
    if as_:
        return export("ledger", as_, COLUMNS, [_exported(index, act) for index, act in found])
    return visit.page(
        "ledger.html",
        size=size,
        root=root,
        url=visit.platform.url,
        origin=desk.ledger.origin,
        vkey=log_key(desk).vkey,
        checkpoint=_checkpoint(desk, size),
        entries=found,
        start=start,
        before=before,
        page=PAGE,
        pending=len(desk.store.pending(100)),
        **({"verified": None, "tampered": None} | result),
    )


def log_key(desk: Desk) -> Key:
    """The key that signs the ledger's checkpoints; an auditor needs it and nothing else from us."""
    return Key(desk.signer.name, desk.signer.public_bytes())


def _exported(index: int, act: Act | None) -> list[object]:
    return [index, *(str(getattr(act, name)) if act else "" for name in COLUMNS[1:])]


def _checkpoint(desk: Desk, size: int) -> str:
    """The signed note over the whole log, which stands at the end of every proof."""
    if not size:
        return ""
    proof = desk.ledger.proof(size - 1).decode()
    return proof.partition("\n\n")[2]


@router.post("/verify")
def verify_now(visit: Visitor) -> Response:
    """Recompute everything, and say what was found."""
    try:
        return _show(visit, None, verified=verify_ledger(visit.desk, visit.caller))
    except Tampered as error:
        return _show(visit, None, tampered=error)


@router.get("/{index}")
def show_entry(visit: Visitor, index: int) -> Response:
    """One entry: its act, its row, and whether the proof of it holds."""
    desk = visit.desk
    entry, proof = _entry(desk, index), desk.ledger.proof(index)
    act = act_in(entry)
    problem, checkpoint = "", None
    try:
        _, checkpoint = verify_proof(proof, entry, log_key(desk), origin=desk.ledger.origin)
    except Tampered as error:
        problem = str(error)
    return visit.page(
        "entry.html",
        index=index,
        act=act,
        entry=entry.decode("utf-8", "replace"),
        steps=len(re.findall(r"(?m)^[A-Za-z0-9+/]{43}=$", proof.decode().partition("\n\n")[0])),
        size=desk.ledger.head()[0],
        checkpoint=checkpoint,
        problem=problem,
        row=_row(desk, act) if act else None,
        phrase=phrase,
    )


def _entry(desk: Desk, index: int) -> bytes:
    return next(iter(desk.ledger.read(index, index + 1)))


def _row(desk: Desk, act: Act) -> dict[str, Any]:
    """The record behind an act as the database has it, and whether its digest is the one in the ledger."""
    history: tuple[Kept[Any], ...] = desk.store.history(KINDS[act.kind].type, act.key)
    kept = next((one for one in history if one.revision == act.revision), None)
    if kept is None:
        return {"holds": False, "digest": "", "text": ""}
    digest = canonical.digest(kept.record)
    text = json.dumps(canonical.plain(kept.record), ensure_ascii=False, indent=2)
    return {"holds": digest == act.record, "digest": digest, "text": text}


@router.get("/{index}/entry.json")
def download_entry(visit: Visitor, index: int) -> Response:
    """The entry's bytes, for `python -m holdfast.ledger.verify`."""
    return _file(_entry(visit.desk, index), f"entry-{index}.json", "application/json")


@router.get("/{index}/proof")
def download_proof(visit: Visitor, index: int) -> Response:
    """The entry's inclusion proof, a C2SP tlog-proof."""
    return _file(visit.desk.ledger.proof(index), f"entry-{index}.tlog-proof", "text/plain; charset=utf-8")


def _file(data: bytes, name: str, media_type: str) -> Response:
    return Response(data, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
