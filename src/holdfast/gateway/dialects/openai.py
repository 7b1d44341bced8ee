"""What OpenAI's endpoints have in common: the shape of an error."""

from __future__ import annotations

from holdfast.gateway.dialects.contract import Json

KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def error(status: int, code: str, message: str) -> Json:
    """An error as OpenAI's clients know it (API reference, "Error codes")."""
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
