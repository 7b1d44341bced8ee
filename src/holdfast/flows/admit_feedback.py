"""Hold: labels that came back from decisions are judged before they become training data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.errors import Absent, FixInput
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Rows, Vector
from holdfast.monitors.feedback.gate import Admitted, judge
from holdfast.monitors.feedback.own_data import own_data


@dataclass(frozen=True, slots=True, eq=False)
class Feedback:
    """What is said of `rows` with labels: who may teach the next model, and who is kept back. `of` says what their ids
    are: a ``decision`` of the log, or the number of a ``row`` in a table, from 0.
    """

    rows: Rows
    said: Admitted
    of: str = "decision"

    def quarantined(self) -> Iterator[dict[str, str]]:
        """The rows that are kept back, by their id, each with the reason."""
        for held in self.said.held:
            yield {
                self.of: str(self.rows.id[held.row]),
                "source": held.source,
                "why": held.why.value,
                "chance": f"{held.chance:.3f}",
            }


def admit_feedback(baseline: Baseline, decisions: Iterable[Rows]) -> Feedback:
    """Judge all labels among `decisions`, in any portions; Absent where none has a label.

    Labels that nobody is named as the source of are held against what the model decided.
    """
    log = _joined(decisions)
    whole = log.take(~np.isnan(log.label))
    if not len(whole):
        what = "No decision of this release has a label."
        raise Absent(
            "feedback.none", what, "Send outcomes with `holdfast decision label`, or check which release it is."
        )
    return Feedback(whole, judge(baseline, whole, log))


def admit_table(baseline: Baseline, decisions: Iterable[Rows], table: Dataset) -> Feedback:
    """Judge a table that a model is to learn from: labels that sources turned, and rows that the model itself decided
    and nobody else vouches for, by what the log's `decisions` say. FixInput where the table has no labels.
    """
    if table.y is None:
        what = f"The table has no column {baseline.schema.target!r}."
        raise FixInput("feedback.unlabelled", what, "Name a table with outcomes: that a model is to learn from.")
    n, log = len(table), _joined(decisions)
    known = {"label": np.asarray(table.y, dtype=np.float64), "id": table.row.astype(str).astype(object)}
    known |= {"at": table.time} if table.time is not None else {}
    known |= {"source": _texts(table.source)} if table.source is not None else {}
    rows = Rows.of(table.X, **known)
    logged = own_data(rows, log, np.ones(n)).logged
    place = {id: at for at, id in enumerate(log.id.tolist())}
    at = np.array([place.get(id, -1) if id else -1 for id in logged.tolist()], dtype=np.int64)
    rows = replace(rows, score=_at(log.score, at), decision=_at(log.decision, at))
    return Feedback(rows, judge(baseline, rows, log), of="row")


def _joined(decisions: Iterable[Rows]) -> Rows:
    parts = list(decisions)
    return Rows.joined(parts) if parts else Rows.of(np.empty((0, 0)))


def _at(values: Vector, places: NDArray[np.int64]) -> Vector:
    """The values at these places, NaN for -1."""
    return np.append(values, np.nan)[places]


def _texts(source: NDArray[np.object_]) -> NDArray[np.object_]:
    named = ["" if one is None or isinstance(one, float) else str(one) for one in source.tolist()]
    return np.array(named, dtype=object)
