"""What turned out to be true of decisions. Labels arrive late, twice and in any order; the log keeps each once said.

The same label again (decision, outcome, when observed, by whom) says nothing new. A different one for the same decision
corrects what was said before, which stays as its history. Which one is the latest goes by when each first arrived.
"""

from __future__ import annotations

from typing import Any

from holdfast.decisions.columns import rows_in
from holdfast.decisions.read import Reader
from holdfast.domain.decision import Label
from holdfast.ledger.decided import LABELS, label_of

_CURRENT = """
WITH said AS (
    SELECT * EXCLUDE (id, received_at), min(id) AS id, min(received_at) AS received_at FROM labels GROUP BY ALL
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY decision ORDER BY id DESC) AS place,
        count(*) OVER (PARTITION BY decision) - 1 AS corrections
    FROM said
)
SELECT * EXCLUDE (place) FROM ranked WHERE place = 1
"""


def current(reader: Reader, connection: Any, *, system: str) -> Any:
    """The label in force of each decision of a system, as a DuckDB relation: one row a decision.

    Columns: decision, outcome, observed_at, source, system, when it arrived (`received_at`, `id`), and how often it was
    corrected (`corrections`). Outcomes of several types stand side by side, as inputs do.
    """
    return reader.relation(connection, system=system, form=LABELS).query("labels", _CURRENT)


def history(reader: Reader, decision: str, *, system: str) -> tuple[Label, ...]:
    """All that was said of a decision, the first first, each once; the last one is in force."""
    import pyarrow as pa
    from pyarrow.dataset import field

    batches = list(reader.batches(system=system, form=LABELS, where=field("decision") == decision))
    rows = rows_in(pa.Table.from_batches(batches)) if batches else ()
    return tuple(dict.fromkeys(label_of(row) for row in sorted(rows, key=lambda row: str(row["id"]))))
