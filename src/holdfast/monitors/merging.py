"""Batches of the same span, counted from different decisions, as one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from holdfast.domain.watch import Batch
from holdfast.monitors.contract import MonitorSpec


def adding(monitors: Sequence[MonitorSpec]) -> Callable[[Batch, Batch], Batch]:
    """How two batches of these monitors become one; ValueError where they are of other spans or bins."""
    plus = {spec.id: spec.fold.plus for spec in monitors if spec.fold is not None}

    def merged(id: str, first: str, second: str) -> str:
        if not first or not second:
            return first or second
        return json.dumps(plus[id](json.loads(first), json.loads(second)), separators=(",", ":"))

    def add(first: Batch, second: Batch) -> Batch:
        if first.start != second.start:
            raise ValueError("batches add up over the same span")
        ids = dict.fromkeys(id for batch in (first, second) for id, _ in batch.facts)
        return Batch(
            first.start,
            first.rows + second.rows,
            first.labelled + second.labelled,
            first.profile + second.profile,
            tuple(a + b for a, b in zip(first.crosses, second.crosses, strict=True)),
            tuple((id, merged(id, first.fact(id), second.fact(id))) for id in ids),
        )

    return add
