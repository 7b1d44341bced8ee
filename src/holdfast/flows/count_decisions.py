"""Watch: decisions of registered segments become batches of counts, each file once, and again where labels came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import numpy as np

from holdfast import canonical
from holdfast.domain.act import Kept
from holdfast.domain.decision import Segment
from holdfast.domain.errors import HoldfastError
from holdfast.domain.retention import Removal
from holdfast.domain.watch import Baseline, Batch, Span, Watch
from holdfast.engines.known import folds_of, merge
from holdfast.flows.desk import MOST, every
from holdfast.ledger.decided import DECISIONS, LABELS
from holdfast.monitors.contract import Asks, MonitorSpec, Rows
from holdfast.monitors.counting import count
from holdfast.ports import Batches, Store
from holdfast.releases.baseline import asks_of, facts_of

Plus = Callable[[Batch, Batch], Batch]


class Observed(Protocol):
    """A system's decisions with what is known of them at one moment."""

    def rows(self, segment: Segment, baseline: Baseline, watch: Watch) -> Rows:
        """The decisions of the baseline's release in a segment; a HoldfastError where it cannot be read."""

    def labelled_days(self, segment: Segment) -> frozenset[str]:
        """The days of the decisions that a segment of labels is about."""


class Observing(Protocol):
    """Where decisions of segments are read."""

    def now(self, system: str) -> Observed:
        """A system's decisions, with what is known of them now."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many files and days were counted now, and what could not be read, in words."""

    files: int
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counter:
    """How the decisions of one release are counted."""

    store: Store
    batches: Batches
    observing: Observing
    monitors: tuple[MonitorSpec, ...]
    baseline: Baseline
    watch: Watch

    @property
    def asks(self) -> Asks:
        """What is counted together."""
        return asks_of(self.monitors, self.baseline)

    @property
    def asked(self) -> str:
        """The digest of all that counts depend on."""
        monitors = [(spec.id, spec.version, spec.params) for spec in self.monitors]
        how = {"span": self.watch.span, "score": self.watch.score, "decision": self.watch.decision}
        return canonical.digest({"baseline": canonical.digest(self.baseline), "monitors": monitors, **how})

    @property
    def _plus(self) -> Plus:
        return partial(merge, folds=folds_of(self.monitors))

    def catch_up(self) -> Counted:
        """Count what is registered and not counted yet."""
        release, troubles = self.baseline.release, list[str]()
        self.batches.begin(release, self.asked)
        known = self.batches.counted(release)
        decided, told = self._registered()
        fresh = [one for one in decided if one.file not in known]
        news = [one for one in told if one.file not in known]
        if not fresh and not news:
            return Counted(0)
        seen = self.observing.now(self.watch.system)
        again = self._relabelled(seen, news, {one.day for one in decided if one.file in known}, troubles)
        for day in sorted(again):
            self._recount(day, [one for one in decided if one.day == day], seen, troubles)
        for segment in fresh:
            if segment.day not in again:
                self._add(segment, seen, self._plus, troubles)
        self.batches.add(release, {}, [one.file for one in news], self._plus)
        files = len(self.batches.counted(release) - known) + len(again)
        return Counted(files, tuple(dict.fromkeys(troubles)))

    def _registered(self) -> tuple[list[Segment], list[Segment]]:
        """The segments of decisions, and those of labels, that were not removed."""
        kept = list(every(self.store, Segment, system=self.watch.system))
        gone = set[str]()
        for start in range(0, len(kept), MOST):
            gone |= self.store.many(Removal, [one.key for one in kept[start : start + MOST]]).keys()
        return _of(kept, gone, DECISIONS.format), _of(kept, gone, LABELS.format)

    def _relabelled(self, seen: Observed, news: Sequence[Segment], counted: set[str], troubles: list[str]) -> set[str]:
        """The days, counted already, of whose decisions something new is known."""
        days = set[str]()
        for segment in news:
            try:
                days |= seen.labelled_days(segment) & counted
            except HoldfastError as error:
                troubles.append(str(error))
        return days

    def _recount(self, day: str, segments: Sequence[Segment], seen: Observed, troubles: list[str]) -> None:
        """A day anew, all of it or as it was."""
        plus, found = self._plus, dict[str, Batch]()
        try:
            for segment in segments:
                for start, batch in self._counted(segment, seen).items():
                    found[start] = plus(found[start], batch) if start in found else batch
        except HoldfastError as error:
            troubles.append(str(error))
            return
        self.batches.replace(self.baseline.release, day, found, [one.file for one in segments])

    def _add(self, segment: Segment, seen: Observed, plus: Plus, troubles: list[str]) -> None:
        try:
            found = self._counted(segment, seen)
        except HoldfastError as error:
            troubles.append(str(error))
            return
        self.batches.add(self.baseline.release, found, [segment.file], plus)

    def _counted(self, segment: Segment, seen: Observed) -> Mapping[str, Batch]:
        return self.batches_of(seen.rows(segment, self.baseline, self.watch))

    def batches_of(self, rows: Rows) -> dict[str, Batch]:
        """Rows as batches, by their start."""
        return {start: self._batch(start, some) for start, some in spans(rows, self.watch.span)}

    def _batch(self, start: str, rows: Rows) -> Batch:
        bins = self.baseline.usual.profile.bins
        batch = count(start, self.baseline.schema, rows, bins, self.asks)
        return replace(batch, facts=tuple(facts_of(self.monitors, self.baseline, rows)))


def _of(kept: Iterable[Kept[Segment]], gone: set[str], format: str) -> list[Segment]:
    return [one.record for one in kept if one.record.format == format and one.key not in gone]


def spans(rows: Rows, span: Span) -> Iterator[tuple[str, Rows]]:
    """Rows by the batch in which they were decided, with its start."""
    seconds = 86_400 if span is Span.DAY else 3_600
    which = np.floor(rows.at / seconds).astype(np.int64)
    for one in np.unique(which).tolist():
        yield start_of(datetime.fromtimestamp(one * seconds, UTC), span), rows.take(which == one)


def start_of(moment: datetime, span: Span) -> str:
    """The start of the batch in which a moment (aware, UTC) lies."""
    return moment.strftime("%Y-%m-%d" if span is Span.DAY else "%Y-%m-%dT%H")
