"""A row as bytes for the journal: JSON, as Python writes and reads it, which keeps every number exactly."""

from __future__ import annotations

import json
from typing import Any

from holdfast.domain.errors import FixInput, Unavailable
from holdfast.domain.ids import day_of
from holdfast.ledger.decided import FORMS, Form, Row

MAX_BYTES = 16 * 1024 * 1024
_INT64 = 2**63
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_KINDS = (str, int, float, bool, type(None))


def encode(form: Form, row: Row) -> bytes:
    """The payload of a row; FixInput for a value that no segment can hold."""
    day_of(str(row["id"]))
    for name, value in row.items():
        kind = type(value)
        if kind not in _KINDS or (kind is int and not -_INT64 <= value < _INT64):  # type: ignore[operator]
            raise _unfit(f"{name} is {value!r:.60}, of type {kind.__name__}")
    if not row["system"]:
        raise _unfit("system is empty")
    try:
        payload = _ENCODE([form.folder, row]).encode("utf-8")
    except UnicodeEncodeError as error:
        raise _unfit(f"a text holds half a character at {error.start}") from error
    if len(payload) > MAX_BYTES:
        raise _unfit(f"it takes {len(payload):,} bytes, more than {MAX_BYTES:,}")
    return payload


def decode(payload: bytes) -> tuple[str, dict[str, Any]]:
    """The name of the form, and the row."""
    form, row = json.loads(payload)
    if form not in FORMS:
        raise Unavailable(
            "decisions.newer", f"The journal holds {form!r}, which is newer than this.", "Upgrade Holdfast."
        )
    return form, row


def _unfit(what: str) -> FixInput:
    return FixInput(
        "decision.value",
        f"The log cannot keep this: {what}.",
        "Values are text, int64, double, boolean or None; content beyond that is logged by its digest.",
    )
