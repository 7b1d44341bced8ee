"""Clearances: what gateways may let decide, signed, so that they can go on without us."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Header, Query
from fastapi.responses import Response

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.ledger.envelope import seal
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/clearance", "clearance")
SEALED = "application/vnd.dsse.envelope.v1+json"


@router.get("", **needs(Permission.RUN_GATEWAY), response_class=Response, responses={304: {"description": "The same."}})
def show_clearance(
    platform: Here,
    caller: Asking,
    environment: Annotated[str, Query(max_length=100, description="Where the gateway serves.")],
    system: Annotated[list[str], Query(max_length=200, description="A system that it serves; once for each.")],
    if_none_match: Annotated[str, Header(max_length=100, description="The ETag of what the gateway has.")] = "",
) -> Response:
    """What of the named systems may run in an environment, and by which credentials it may be asked: a DSSE envelope
    that the ledger's key signed.
    """
    found = platform.clearances.find(platform.desk, caller, environment, tuple(system))
    tag = f'"{canonical.digest(replace(found, at=""))}"'
    if if_none_match == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(seal(found, platform.desk.signer), media_type=SEALED, headers={"ETag": tag})
