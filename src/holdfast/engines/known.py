"""What is known of a stream of decisions: batches that add up, and which segments they were counted from.

Segments are counted once, in any order, by anybody; whoever goes on from what is known reads only those that are new.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from holdfast.domain.errors import Conflict
from holdfast.domain.watch import Batch, Facts
from holdfast.monitors.contract import Fold, MonitorSpec

Key = tuple[str, str]
"""The start of a batch, and its release."""

Batches = dict[Key, Batch]
Folds = Mapping[str, Fold]
"""How the facts of monitors add up, by their id."""


def folds_of(monitors: Iterable[MonitorSpec]) -> Folds:
    """How the facts of these monitors add up."""
    return {spec.id: spec.fold for spec in monitors if spec.fold is not None}


def merge(a: Batch, b: Batch, folds: Folds | None = None) -> Batch:
    """Both parts of one batch together; ValueError where they began apart, or were counted over other bins."""
    if a.start != b.start or [one.by for one in a.crosses] != [one.by for one in b.crosses]:
        raise ValueError("parts of a batch add up where they began together and ask for the same tables")
    crosses = tuple(one + other for one, other in zip(a.crosses, b.crosses, strict=True))
    facts = _facts(dict(a.facts), dict(b.facts), folds or {})
    return Batch(a.start, a.rows + b.rows, a.labelled + b.labelled, a.profile + b.profile, crosses, facts)


def merged(parts: Iterable[Batches], folds: Folds | None = None) -> Batches:
    """The batches of all parts together."""
    found: Batches = {}
    for part in parts:
        for key, batch in part.items():
            found[key] = merge(found[key], batch, folds) if key in found else batch
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Known:
    """Batches, each behind its release, and the places of the segments that were `counted`. It can be kept as JSON."""

    batches: tuple[tuple[str, Batch], ...] = ()
    counted: tuple[str, ...] = ()
    format: str = "holdfast-known/1"

    @property
    def by_key(self) -> Batches:
        """The batches by start and release."""
        return {(batch.start, release): batch for release, batch in self.batches}

    def of(self, release: str) -> tuple[Batch, ...]:
        """The batches of a release, the oldest first."""
        return tuple(batch for name, batch in self.batches if name == release)

    def fresh(self, places: Iterable[str]) -> list[str]:
        """Which segments nobody counted yet."""
        counted = set(self.counted)
        return sorted(set(places) - counted)

    def plus(self, places: Iterable[str], batches: Batches, folds: Folds | None = None) -> Known:
        """With what was counted in these segments; Conflict where one of them had been counted before."""
        new = set(places)
        if again := new & set(self.counted):
            raise Conflict("known.counted", f"{min(again)} was counted before.", "Count only what is fresh.")
        return _known(merged([self.by_key, batches], folds), {*self.counted, *new})

    def anew(self, starts: Collection[str], batches: Batches, places: Iterable[str] = ()) -> Known:
        """With the batches of these spans as they were counted again, because outcomes or rows of theirs came late.

        Batches of other spans do not count: whoever counts a segment again counts its neighbours' rows, too. `places`
        are the segments that brought what was late.
        """
        kept = {key: batch for key, batch in self.by_key.items() if key[0] not in starts}
        again = {key: batch for key, batch in batches.items() if key[0] in starts}
        return _known(kept | again, {*self.counted, *places})


def with_facts(batches: Batches, facts: Mapping[Key, Facts]) -> Batches:
    """The batches with what monitors that read rows found."""
    return {key: replace(batch, facts=facts.get(key, ())) for key, batch in batches.items()}


def told(found: Mapping[str, Any]) -> Facts:
    """What folds made, by the monitor's id, as facts."""
    return tuple((id, json.dumps(made, sort_keys=True, separators=(",", ":"))) for id, made in sorted(found.items()))


def _known(batches: Batches, counted: set[str]) -> Known:
    return Known(tuple((release, batch) for (_, release), batch in sorted(batches.items())), tuple(sorted(counted)))


def _facts(a: dict[str, str], b: dict[str, str], folds: Folds) -> Facts:
    found: dict[str, Any] = {id: json.loads(made) for id, made in (a | b).items()}
    for id in a.keys() & b.keys():
        if id not in folds:
            raise ValueError(f"nobody says how the facts of {id} add up")
        found[id] = folds[id].plus(json.loads(a[id]), json.loads(b[id]))
    return told(found)
