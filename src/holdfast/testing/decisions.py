"""Decision logs for tests and notebooks: in memory, or a folder of plain files. Neither proves anything."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast import canonical
from holdfast.domain.decision import Decision
from holdfast.domain.errors import Unavailable
from holdfast.domain.ids import Ids
from holdfast.domain.schema import Scalar

if TYPE_CHECKING:
    import pyarrow as pa


class MemoryLog:
    """Keeps what it is given: single `decisions`, and `batches` as tables with a column for each constant too."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.batches: list[pa.Table] = []

    def append(self, decisions: Sequence[Decision]) -> None:
        """As `ports.DecisionLog`."""
        self.decisions += decisions

    def append_batch(self, values: pa.Table, **constant: Scalar) -> Sequence[str]:
        """As `ports.DecisionLog`."""
        table, ids = _with_ids(values, constant)
        self.batches.append(table)
        return ids

    def rows(self) -> list[dict[str, Any]]:
        """Everything as rows of JSON types, single decisions first; inputs and outputs by name."""
        single = [_flat(canonical.plain(decision)) for decision in self.decisions]
        many = [
            row | {"verdicts": json.loads(row["verdicts"]), "reasons": json.loads(row["reasons"])}
            for table in self.batches
            for row in table.to_pylist()
        ]
        return [*single, *many]


class LinesLog:
    """A folder: each process appends decisions to a file of JSON lines of its own, and writes batches as Parquet.

    Durable when an append returns. It can be pickled, so that workers elsewhere write to the same folder.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def append(self, decisions: Sequence[Decision]) -> None:
        """As `ports.DecisionLog`."""
        lines = b"".join(canonical.encode(decision) + b"\n" for decision in decisions)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / f"decisions-{os.uname().nodename}-{os.getpid()}.jsonl").open("ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Unavailable("decisions.disk", f"{self.folder} takes no decisions: {error.strerror}.") from error

    def append_batch(self, values: pa.Table, **constant: Scalar) -> Sequence[str]:
        """As `ports.DecisionLog`."""
        import pyarrow.parquet as pq

        table, ids = _with_ids(values, constant)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, self.folder / f"batch-{ids[0]}.parquet", compression="zstd")
        except OSError as error:
            raise Unavailable("decisions.disk", f"{self.folder} takes no decisions: {error}.") from error
        return ids

    def rows(self) -> list[dict[str, Any]]:
        """Everything in the folder, as `MemoryLog.rows` has it."""
        import pyarrow.parquet as pq

        memory = MemoryLog()
        for path in sorted(self.folder.glob("*.jsonl")):
            memory.decisions += [canonical.decode(Decision, line) for line in path.read_bytes().splitlines()]
        memory.batches = [pq.read_table(path) for path in sorted(self.folder.glob("*.parquet"))]
        return memory.rows()


def _with_ids(values: pa.Table, constant: dict[str, Scalar]) -> tuple[pa.Table, list[str]]:
    import pyarrow as pa

    ids = Ids().take(len(values))
    table = values.add_column(0, "id", pa.array(ids))
    for name, value in constant.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value), len(values)))
    return table, ids


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    named = {f"{way}_{name}": value for way in ("input", "output") for name, value in row.pop(f"{way}s")}
    return row | named
