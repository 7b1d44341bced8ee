"""Health: whether this process runs, and whether it can do its work. For whoever starts and stops it; no secrets."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from holdfast.domain.errors import HoldfastError
from holdfast.server.callers import Here

router = APIRouter()


@router.get("/healthz")
def healthz() -> JSONResponse:
    """It runs."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def readyz(platform: Here) -> JSONResponse:
    """The database answers, the ledger can be read, and acts get into it; 503 with the code of what does not."""
    failure = platform.sequencer.failure
    try:
        platform.desk.store.last_index()
        platform.desk.ledger.head()
    except HoldfastError as error:
        failure = failure or error
    if failure is not None:
        return JSONResponse({"status": "failing", "code": failure.code}, 503)
    return JSONResponse({"status": "ready"})
