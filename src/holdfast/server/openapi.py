"""The API's description: OpenAPI 3.1, with every error that a route can answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from holdfast.server.api.known import close
from holdfast.server.limits import ADDRESS, PERSON

MEDIA_TYPE = "application/problem+json"
ERRORS = {
    400: "The body is not JSON.",
    401: "Nobody is signed in, or the token is unknown, revoked or expired.",
    403: "The caller may not do this; the hint says who can.",
    404: "There is no such thing.",
    409: "Somebody else changed it first, or a record does not verify.",
    413: "The request is too long.",
    422: "What was given cannot be used; the hint says what to mend.",
    429: "Too many requests; `Retry-After` says how long to wait.",
    503: "Something that Holdfast needs is missing now; nothing was changed.",
}
PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "An RFC 9457 problem document.",
    "required": ["type", "title", "status", "code", "hint", "kind"],
    "properties": {
        "type": {"type": "string", "description": "urn:holdfast: and the code."},
        "title": {"type": "string", "description": "What happened."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable, for programs."},
        "hint": {"type": "string", "description": "What to do next."},
        "kind": {
            "type": "string",
            "description": "The error's name in the Python client, by what one can do about it.",
        },
    },
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status, text in ERRORS.items()
}
IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 200},
    "description": "The same key with the same request does it once; a repetition is answered with what it made.",
}
ABOUT = f"""The control plane's API: everything that its console does. A control plane serves this description, with
fields and types, at `/api/openapi.json`.

Send `Authorization: Bearer TOKEN`. Lists come in pages: pass `after` of one as `after` of the next. Errors are RFC 9457
problem documents: `code` is stable, `hint` says what to do, `kind` is the error's name in the Python client. A key or a
query parameter that is not described here is refused, not read over. A request with an `Idempotency-Key` is done once;
sent again, it is answered with what it made, without secrets. Each process lets through {PERSON.per_second:g} requests
a second for a person and {ADDRESS.per_second:g} for an address, and more at once; beyond that it answers 429 with
`Retry-After`.

`x-permission` is what a caller must be allowed to do, which follows from their roles and from what their token allows;
`signed-in` leaves it to whose the thing is."""


def operation_id(route: APIRoute) -> str:
    """The name of the route's function: stable, and unique (a test holds it to that)."""
    return route.name


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; made once. Open to all: the source that it follows from is public."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
        parts = made.setdefault("components", {})
        parts["schemas"] = {**parts.get("schemas", {}), "Problem": PROBLEM}
        for unused in ("HTTPValidationError", "ValidationError"):
            parts["schemas"].pop(unused, None)
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        close(made)
        for operations in made["paths"].values():
            for method, operation in operations.items():
                operation["security"] = [{"token": []}]
                if method in ("post", "put"):
                    operation.setdefault("parameters", []).append(IDEMPOTENCY)
        app.openapi_schema = made
    return app.openapi_schema
