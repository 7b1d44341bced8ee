"""Watch: decisions in somebody's own warehouse, counted where they lie and looked at once, with nothing kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.domain.errors import Absent
from holdfast.domain.look import Look
from holdfast.engines.counts import count
from holdfast.engines.folds import fold
from holdfast.engines.view import View
from holdfast.flows.look import Ground, look_at
from holdfast.releases.baseline import asks_of

if TYPE_CHECKING:
    from ibis import Table


def watch_table(ground: Ground, decisions: Table, view: View, *, labels: Table | None, before: str, at: str) -> Look:
    """What a table of decisions shows, by whichever release made them; batches from `before` on are not over yet.

    `labels` are outcomes in force, ``decision`` and ``outcome``, where the table has none itself. Absent where no batch
    is over.
    """
    bins, asks, span = ground.baseline.usual.profile.bins, asks_of(ground.monitors, ground.baseline), ground.watch.span
    found = count(decisions, view, bins, asks, labels=labels, span=span)
    folds = {spec.id: (spec.fold, spec.params) for spec in ground.monitors if spec.fold is not None}
    facts = fold([decisions], view, ground.baseline, folds, labels=labels, span=span)
    named = {release for _, release in found}
    release = ground.baseline.release if ground.baseline.release in named else ""
    own = {key: batch for key, batch in found.items() if key[1] == release and key[0] < before}
    if not own:
        what = f"The table has no decisions by this release in a {span} that is over."
        raise Absent("watch.nothing", what, "Check which release it names, and the column of times.")
    batches = [replace(batch, facts=facts.get(key, ())) for key, batch in sorted(own.items())]
    return look_at(ground, batches, troubles=(), at=at)
