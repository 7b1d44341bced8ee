"""The audit trail: acts as the database has them, and the ledger that proves them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, Any

from fastapi import Path, Query, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from holdfast.domain.access import Permission
from holdfast.domain.act import Trail
from holdfast.flows import audit
from holdfast.ledger.acts import Reconciled
from holdfast.ledger.note import Key
from holdfast.ledger.tiles import encode_bundle
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("", "ledger")

Index = Annotated[int, Path(ge=0, le=2**53, description="The entry's place, from 0.")]
TEXT, BYTES, LINES = "text/plain; charset=utf-8", "application/octet-stream", "application/x-ndjson"
MOST_ENTRIES = 4096


def _raw(media_type: str, what: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {
        "response_class": Response,
        "responses": {200: {"content": {media_type.partition(";")[0]: {"schema": schema}}, "description": what}},
    }


@router.get("/acts", **needs(Permission.READ))
def list_acts(
    platform: Here,
    kind: Annotated[str, Query(max_length=20, description="Only acts on records of this kind.")] = "",
    key: Annotated[str, Query(max_length=200, description="Only acts on the record with this key.")] = "",
    actor: Annotated[str, Query(max_length=80, description="Only what this person did.")] = "",
    after: Annotated[str, Query(max_length=40, description="`after` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=200, description="Acts on the page.")] = 50,
) -> Trail:
    """What was done, the latest first."""
    return platform.desk.store.acts(kind=kind, key=key, actor=actor, after=after, limit=limit)


@router.get("/ledger/checkpoint", **_raw(TEXT, "A C2SP signed note."), **needs(Permission.READ))
def show_checkpoint(platform: Here) -> Response:
    """The signed checkpoint over everything that is in the ledger now. Keep one: it shows a later rollback."""
    return Response(platform.desk.ledger.checkpoint(), media_type=TEXT)


@router.get("/ledger/vkey", **_raw(TEXT, "The key, as name+id+key."), **needs(Permission.READ))
def show_vkey(platform: Here) -> Response:
    """The ledger's public key. Whoever verifies should have it from somewhere else, too."""
    signer = platform.desk.signer
    return Response(Key(signer.name, signer.public_bytes()).vkey + "\n", media_type=TEXT)


@router.get("/ledger/entries", **_raw(BYTES, "Entries, each behind its length."), **needs(Permission.READ))
def read_entries(
    platform: Here,
    start: Annotated[int, Query(ge=0, le=2**53, description="The first entry's place, from 0.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES, description="How many; fewer come at the end.")] = 256,
) -> Response:
    """Entries from `start`, byte for byte, each behind its length as a big-endian uint16 (a C2SP entry bundle)."""
    stop = min(start + limit, platform.desk.ledger.head()[0])
    entries = list(platform.desk.ledger.read(start, stop)) if start < stop else []
    return Response(encode_bundle(entries), media_type=BYTES)


@router.get("/ledger/rows", **_raw(LINES, "Acts, then heads."), **needs(Permission.EXPORT_LEDGER))
def read_rows(platform: Here) -> Response:
    """Every act with its record, and every head, as of one moment, for `holdfast verify URL` to hold to the ledger."""
    return Rows(audit.stream_rows(platform.desk))


class Rows(StreamingResponse):
    """Rows as they are read. Whoever hangs up in the middle leaves no transaction open."""

    def __init__(self, rows: Generator[bytes, None, None]) -> None:
        super().__init__(rows, media_type=LINES)
        self._rows = rows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them, and let go of the database however that ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._rows.close()


@router.get("/ledger/entries/{index}", **_raw(BYTES, "The entry's bytes."), **needs(Permission.READ))
def show_entry(platform: Here, index: Index) -> Response:
    """One entry, byte for byte: what its leaf in the Merkle tree is the hash of."""
    return Response(b"".join(platform.desk.ledger.read(index, index + 1)), media_type=BYTES)


@router.get("/ledger/entries/{index}/proof", **_raw(TEXT, "A C2SP tlog-proof."), **needs(Permission.READ))
def show_proof(platform: Here, index: Index) -> Response:
    """The proof that the entry is in the ledger, under a signed checkpoint."""
    return Response(platform.desk.ledger.proof(index), media_type=TEXT)


@router.post("/ledger/verify", **needs(Permission.VERIFY_LEDGER))
def verify_ledger(platform: Here, caller: Asking) -> Reconciled:
    """Hold every row against the ledger, and the ledger against its root; 409 names the first difference."""
    return audit.verify_ledger(platform.desk, caller)
