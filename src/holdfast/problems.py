"""Errors over HTTP, as every server of ours says them: RFC 9457 problem documents."""

from __future__ import annotations

from typing import Any

from holdfast.domain.errors import (
    Absent,
    Blocked,
    BudgetSpent,
    Conflict,
    FixInput,
    Forbidden,
    HoldfastError,
    ModelFailed,
    RefusedArtifact,
    SignInFirst,
    Tampered,
    TooMany,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
STATUS: dict[type[HoldfastError], int] = {
    SignInFirst: 401,
    Forbidden: 403,
    Blocked: 403,
    Absent: 404,
    Conflict: 409,
    FixInput: 422,
    Tampered: 409,
    Unavailable: 503,
    RefusedArtifact: 422,
    TooMany: 429,
    BudgetSpent: 429,
    ModelFailed: 502,
}


def status_of(error: HoldfastError) -> int:
    """The HTTP status of an error; 500 for one that nobody foresaw."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def document(status: int, code: str, message: str, hint: str, kind: str) -> dict[str, Any]:
    """An RFC 9457 document. `code` is stable, `hint` says what to do next, `kind` is the error's name in Python."""
    said = {"title": message, "status": status, "code": code, "hint": hint, "kind": kind}
    return {"type": f"urn:holdfast:{code}", **said}
