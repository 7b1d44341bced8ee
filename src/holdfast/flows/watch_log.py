"""Watch: the decisions of a log without a control plane, counted and looked at once, with nothing kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from holdfast.domain.errors import Absent
from holdfast.domain.look import Look
from holdfast.domain.watch import Batch
from holdfast.engines.known import folds_of, merge
from holdfast.flows.count_decisions import spans
from holdfast.flows.look import Ground, look_at
from holdfast.monitors.contract import Rows
from holdfast.monitors.counting import count
from holdfast.releases.baseline import asks_of, facts_of


def watch_log(ground: Ground, decisions: Iterable[Rows], *, before: str, at: str) -> Look:
    """What decisions show, `decisions` in any portions; batches that began at `before` or later are not over yet.

    Absent where there is none.
    """
    bins, asks = ground.baseline.usual.profile.bins, asks_of(ground.monitors, ground.baseline)
    folds, found = folds_of(ground.monitors), dict[str, Batch]()
    for rows in decisions:
        for start, some in spans(rows, ground.watch.span):
            facts = tuple(facts_of(ground.monitors, ground.baseline, some))
            batch = replace(count(start, ground.baseline.schema, some, bins, asks), facts=facts)
            found[start] = merge(found[start], batch, folds) if start in found else batch
    over = [found[start] for start in sorted(found) if start < before]
    if not over:
        what = f"The log has no decisions of {ground.system} by this release in a {ground.watch.span} that is over."
        raise Absent("watch.nothing", what, "Check the system's name, and which release the log's decisions name.")
    return look_at(ground, over, troubles=(), at=at)
