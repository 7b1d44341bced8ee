"""A row as bytes for the journal: JSON, as Python reads it, which keeps every number exactly."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

import orjson

from holdfast.domain.errors import FixInput, Unavailable
from holdfast.domain.ids import day_of
from holdfast.ledger.decided import FORMS, Form, Row

MAX_BYTES = 16 * 1024 * 1024
_INT64 = 2**63
_KINDS = (str, int, bool, type(None))


def encode(form: Form, row: Row) -> bytes:
    """The payload of a row; FixInput for a value that no segment can hold."""
    day_of(str(row["id"]))
    is_plain = True
    for name, value in row.items():
        kind = type(value)
        if kind is float:
            is_plain = is_plain and isfinite(value)  # type: ignore[arg-type]
        elif kind not in _KINDS or (kind is int and not -_INT64 <= value < _INT64):  # type: ignore[operator]
            raise _unfit(f"{name} is {value!r:.60}, of type {kind.__name__}")
    if not row["system"]:
        raise _unfit("system is empty")
    try:
        payload = orjson.dumps([form.folder, row]) if is_plain else _with_odd_numbers([form.folder, row])
    except (orjson.JSONEncodeError, UnicodeEncodeError) as error:
        raise _unfit("a text holds half a character") from error
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


def _with_odd_numbers(content: object) -> bytes:
    """With NaN and infinity as Python writes and reads them."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _unfit(what: str) -> FixInput:
    return FixInput(
        "decision.value",
        f"The log cannot keep this: {what}.",
        "Values are text, int64, double, boolean or None; content beyond that is logged by its digest.",
    )
