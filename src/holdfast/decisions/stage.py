"""Rows written as a segment: Parquet with zstd, and the record of it that goes into the ledger."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from holdfast import canonical
from holdfast.decisions.layout import columns_of, leaves
from holdfast.decisions.segments import rows_of
from holdfast.domain.decision import Segment
from holdfast.domain.errors import Tampered
from holdfast.ledger.decided import Form, folder_of, text_of
from holdfast.ledger.files import DurableFiles
from holdfast.ledger.merkle import root
from holdfast.ledger.rows import Type, layout_digest

MAX_ROWS = 2**18
"""Rows of a segment: so many that a proof of one of them is made in a second."""

_ROW_GROUP = 65_536
_TOLD = b"holdfast"


def stage(table: pa.Table, form: Form, *, system: str, day: str, gateway: str, name: str) -> tuple[Segment, bytes]:
    """The segment that holds `table`, and the bytes of its file."""
    told = {"system": system, "day": day, "gateway": gateway, "format": form.format}
    buffer = io.BytesIO()
    described = table.replace_schema_metadata({_TOLD: json.dumps(told)})
    repeated = [field.name for field in table.schema if pa.types.is_string(field.type) and field.name != "id"]
    pq.write_table(described, buffer, compression="zstd", use_dictionary=repeated, row_group_size=_ROW_GROUP)
    data = buffer.getvalue()
    segment = _segment(table, data, f"{folder_of(form, system, day)}/{name}.parquet", leaves(table), told)
    return segment, data


def unfold(data: bytes, place: str) -> tuple[Segment, pa.Table, list[bytes]]:
    """What a file is as a segment, recomputed from its bytes; its rows, and their leaf hashes. Tampered for no segment.

    Nothing in it is trusted: hold the segment against the ledger.
    """
    try:
        table = rows_of(data)
        told = json.loads(table.schema.metadata[_TOLD])
        hashes = leaves(table)
        return _segment(table, data, place, hashes, told), table, hashes
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise Tampered("segment.unreadable", f"{place} is no segment: {error!r:.200}.") from error


def _segment(table: pa.Table, data: bytes, place: str, hashes: list[bytes], told: dict[str, str]) -> Segment:
    columns = columns_of(table.schema)
    time = next(column.name for column in columns if column.type is Type.TIME)
    times = pc.min_max(table.column(time).cast(pa.int64())).as_py()
    return Segment(
        system=told["system"],
        day=told["day"],
        gateway=told["gateway"],
        place=place,
        rows=len(table),
        root=root(hashes).hex(),
        layout=layout_digest(columns),
        file=canonical.digest_bytes(data),
        first=text_of(times["min"]),
        last=text_of(times["max"]),
        format=told["format"],
    )


def write_staged(folder: Path, staged: list[tuple[Segment, bytes]]) -> None:
    """Put the files of segments below `folder`, durably."""
    with DurableFiles() as files:
        for segment, data in staged:
            files.put(folder / segment.place, data)
