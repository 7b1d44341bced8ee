"""Search: systems by name, releases by version or digest, evidence by digest, decisions by id."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.kinds import Filed
from holdfast.domain.release import Release
from holdfast.domain.system import System
from holdfast.flows.desk import Desk
from holdfast.server.console.pages import Visitor, go

router = APIRouter()
MOST = 20
_DECISION = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})")


@router.get("/search")
def search(visit: Visitor, q: Annotated[str, Query(max_length=200)] = "") -> Response:
    """What goes by that name or begins with that digest."""
    text = q.strip()
    if visit.may(Permission.READ_DECISIONS) and _DECISION.fullmatch(text):
        return go(f"/decisions/{text}")
    store = visit.desk.store
    return visit.page(
        "search.html",
        q=text,
        systems=store.list(System, text=text, sort="title", descending=False, limit=MOST).items if text else (),
        releases=_releases(visit.desk, text) if text else (),
    )


def _releases(desk: Desk, text: str) -> list[tuple[str, str, str, str]]:
    """(digest, version, system, why it was found) of each release."""
    found = {k.key: (k.record, "its version") for k in desk.store.list(Release, text=text, limit=MOST).items}
    match = _DIGEST.fullmatch(text)
    if match:
        digest = f"sha256:{match[1]}"
        found |= {k.key: (k.record, "its digest") for k in desk.store.list(Release, text=digest, limit=MOST).items}
        models = desk.store.list(Release, about=digest, limit=MOST).items
        found |= {k.key: (k.record, "the digest of its model") for k in models}
        evidence = desk.store.find(Filed, digest)
        kept = desk.store.find(Release, evidence.record.release) if evidence else None
        found |= {kept.key: (kept.record, "the digest of evidence on it")} if kept else {}
    return [(key, release.version, release.system, why) for key, (release, why) in found.items()]
