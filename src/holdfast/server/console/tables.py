"""Tables: links that filter, sort and turn pages by URL, and exports of just what is shown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response

As = Annotated[Literal["", "csv", "json"], Query(alias="as", description="Download what is shown in this format.")]
Rows = Sequence[Sequence[object]]


def link(request: Request, **changes: object) -> str:
    """This page with some parameters changed; from its first rows unless `after` is among them. None drops one."""
    kept = {name: value for name, value in request.query_params.items() if name not in ("after", "as")}
    wanted = {**kept, **{name: _written(value) for name, value in changes.items() if value is not None}}
    query = urlencode(
        {name: value for name, value in wanted.items() if value != "" and changes.get(name, "") is not None}
    )
    return f"{request.url.path}?{query}" if query else request.url.path


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def export(name: str, kind: str, columns: Sequence[str], rows: Rows) -> Response:
    """The rows as a download named `name`, CSV or JSON."""
    body = _csv(columns, rows) if kind == "csv" else _json(columns, rows)
    types = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    return Response(body, media_type=types[kind], headers=headers)


def _json(columns: Sequence[str], rows: Rows) -> str:
    return json.dumps([dict(zip(columns, row, strict=True)) for row in rows], ensure_ascii=False, indent=1)


def _csv(columns: Sequence[str], rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return text.getvalue()


def _inert(cell: object) -> object:
    """Spreadsheets run what begins like a formula (OWASP: CSV injection), so such text gets an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
