"""What every route of the API has: the permission that it asks for, strict JSON, and once for each idempotency key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Act, Kept
from holdfast.domain.errors import HoldfastError
from holdfast.domain.kinds import KINDS
from holdfast.flows.desk import require
from holdfast.ports import Store
from holdfast.server.api.known import refuse_unknown
from holdfast.server.callers import SAFE, Asking, Here
from holdfast.server.limits import PERSON

SAFE_INTEGER = 2**53 - 1
SURROGATE = re.compile("[\ud800-\udfff]")


class Repeated(HoldfastError):
    """This request was made before, and made acts."""


async def body_of(request: Request) -> Any:
    """The JSON that was sent; None without any."""
    try:
        return await request.json()
    except json.JSONDecodeError:
        return None


Said = Annotated[Any, Depends(body_of)]


def needs(permission: Permission | None, *, is_lenient: bool = False) -> dict[str, Any]:
    """A route's permission, enforced before anything else of it and shown in OpenAPI as ``x-permission``.

    None asks only that somebody is signed in: the trip says who may, which depends on whose the thing is. What the
    description does not name is refused, except by a lenient route, whose callers were not made for it.
    """

    def check(request: Request, platform: Here, caller: Asking, said: Said) -> None:
        request.app.state.limits.take(f"person {caller.person.id}", PERSON)
        if permission is not None:
            require(caller, permission)
        if not is_lenient:
            refuse_unknown(request, said)
        if request.method not in SAFE and "idempotency-key" in request.headers:
            request.state.asked = f"{caller.person.id}:{caller.request}"
            if platform.desk.store.made_by(request.state.asked):
                raise Repeated("request.repeated", "This was done already.")

    return {"dependencies": [Depends(check)], "openapi_extra": {"x-permission": permission or "signed-in"}}


class Route(APIRoute):
    """A route that answers a repeated request with what the first one made."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with strict JSON in front and repetition behind it."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(StrictRequest(request.scope, request.receive))
            except HoldfastError:
                # Of two that are sent at once, the one that loses fails in some way or other; it was done all the same.
                found = await run_in_threadpool(self._made, request)
                if found is None:
                    raise
                return JSONResponse(canonical.plain(found), self.status_code or 200)

        return answer

    def _made(self, request: Request) -> Any:
        """What the same request made before or meanwhile; None where it made nothing."""
        asked = getattr(request.state, "asked", None)
        store: Store = request.app.state.platform.desk.store
        acts = store.made_by(asked) if asked else ()
        return remade(store, get_type_hints(self.endpoint)["return"], acts) if acts else None


def remade(store: Store, kind: Any, acts: tuple[Act, ...]) -> Any:
    """The answer of type `kind` that the request of these acts was given: a record as they left it.

    A secret that stood beside the record is not shown again.
    """
    if get_origin(kind) is not Kept:
        field, inner = next((name, hint) for name, hint in get_type_hints(kind).items() if get_origin(hint) is Kept)
        return kind(**{field: remade(store, inner, acts)})
    (record,) = get_args(kind)
    *_, act = (act for act in acts if KINDS[act.kind].type is record)
    return next(kept for kept in store.history(record, act.key) if kept.act == act.id)


class StrictRequest(Request):
    """A request whose JSON every reader understands alike (RFC 7493): numbers that doubles hold, text without NUL."""

    async def json(self) -> Any:
        """The body; a JSONDecodeError where it is not such JSON."""
        if not hasattr(self, "_said"):
            self._said = self._read(await self.body())
        return self._said

    def _read(self, body: bytes) -> Any:
        try:
            found = json.loads(body.decode(), parse_constant=_refuse, parse_int=_integer, parse_float=_number)
        except (UnicodeDecodeError, RecursionError) as error:
            raise json.JSONDecodeError("not JSON that can be kept", "", 0) from error
        if b"\\u" in body and not _is_text(found):
            raise json.JSONDecodeError("a character that is none", "", 0)
        return found


def _refuse(text: str) -> Any:
    raise json.JSONDecodeError(f"{text} is no number that JSON has", "", 0)


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > SAFE_INTEGER:
        _refuse(text[:40])
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    return number if abs(number) != float("inf") else _refuse(text[:40])


def _is_text(value: Any) -> bool:
    """Whether every text in it has a UTF-8 form without NUL, which databases do not keep."""
    if isinstance(value, dict):
        return all(_is_text(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return all(map(_is_text, value))
    return not isinstance(value, str) or ("\0" not in value and not SURROGATE.search(value))


def routes(prefix: str, tag: str) -> APIRouter:
    """A router whose routes are all `Route`."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=Route)
