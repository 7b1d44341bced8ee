"""Watch: every series is bet on, for a change of its level and against its limits; which alarm is chosen among all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.act import Kept
from holdfast.domain.alert import Alert
from holdfast.domain.alert import Seen as Kind
from holdfast.domain.appetite import Limit
from holdfast.domain.look import Line, Look
from holdfast.domain.verdict import parse_time
from holdfast.domain.watch import Span
from holdfast.flows.count_decisions import start_of
from holdfast.monitors.contract import Seen, Series
from holdfast.monitors.false_discovery import evidence, first_alarms, pooled
from holdfast.monitors.seasons import DAY, WEEK, Season, season
from holdfast.monitors.streams import DELAY, EACH, LAGS, Watched, above, below, watch

Vector = NDArray[np.float64]

TOGETHER = 2
"""Batches by which the beginnings of changes may differ that count as one."""

ALL = (("over", "all columns"),)
"""The scope of the mean over series of one measure."""


def lines_of(
    seen: Seen, series: Sequence[tuple[str, Series]], limits: Sequence[Limit], settled: Sequence[Kept[Alert]]
) -> tuple[Line, ...]:
    """Every series, and the mean of those that pool, with what betting on it showed.

    Whether one changed, and whether one lies beyond a limit, are two families; of each, those that alarm are chosen
    among all of the release.
    """
    ground = _Ground([batch.start for batch in seen.batches], seen.span, seen.ordinary, seen.seed, limits, settled)
    lines = [ground.line(monitor, one) for monitor, one in (*series, *_pools(seen, series))]
    changes = [ground.change(line) for line in lines]
    return tuple(_held(ground, _chosen(lines, changes, _with_change)))


def held_to(look: Look, limits: Sequence[Limit]) -> tuple[Line, ...]:
    """The lines of a look as if these limits had held all along, and no other."""
    ground = _Ground(look.starts, look.span, look.ordinary, 0, limits, ())
    free = {"floor": None, "ceiling": None, "beyond": (), "out_alarm": None, "out_since": None}
    return tuple(_held(ground, [ground.limited(replace(line, **free)) for line in look.lines]))  # type: ignore[arg-type]


def _held(ground: _Ground, lines: Sequence[Line]) -> list[Line]:
    return _chosen(lines, [ground.beyond(line) for line in lines], _with_beyond)


def fewest(span: Span) -> int:
    """Batches that it takes to say what is usual: each phase of the season four times, and all that predicts a batch
    learned from those that are old enough to teach.
    """
    phases = WEEK if span is Span.DAY else DAY + 1
    return max(season((), span).fewest, EACH * (phases + LAGS) + DELAY)


@dataclass(frozen=True, eq=False)
class _Ground:
    """What bets on a release depend on, beside the values."""

    starts: Sequence[str]
    span: Span
    ordinary: int
    seed: int
    limits: Sequence[Limit]
    settled: Sequence[Kept[Alert]]

    @cached_property
    def season(self) -> Season:
        return season(self.starts, self.span)

    def line(self, monitor: str, one: Series) -> Line:
        values = tuple(float(value) if np.isfinite(value) else None for value in one.values)
        line = Line(monitor, one.measure, one.scope, values, tuple(one.rows.tolist()))
        return self.limited(replace(line, floor=one.floor, ceiling=one.ceiling))

    def limited(self, line: Line) -> Line:
        """With the tightest of the limits that speak of it, its own among them."""
        meant = [one for one in self.limits if one.measure == line.measure and set(one.scope) <= set(line.scope)]
        floors = [value for value in (line.floor, *(one.minimum for one in meant)) if value is not None]
        ceilings = [value for value in (line.ceiling, *(one.maximum for one in meant)) if value is not None]
        return replace(line, floor=max(floors, default=None), ceiling=min(ceilings, default=None))

    def change(self, line: Line) -> Watched | None:
        """Whether its level changed. What shows late of a change that was settled on its family is no news."""
        values, own = _floats(line), self._regimes(line)
        if not self._is_known(values):
            return None
        found = watch(values, self.season, self.ordinary, regimes=own, seed=self.seed)
        settled = self._settled_nearby(line, found.since)
        if found.alarm is None or not settled - set(own):
            return found
        return watch(values, self.season, self.ordinary, regimes=sorted({*own, *settled}), seed=self.seed)

    def _settled_nearby(self, line: Line, since: int | None) -> set[int]:
        """Where settled changes of other series of the same family began at about the same time."""
        family = line.measure.partition(".")[0]
        alike = [one for one in self.settled if one.record.measure.partition(".")[0] == family]
        began = self._began([one for one in alike if one.record.kind is Kind.CHANGED])
        return {place for place in began if since is not None and abs(place - since) <= TOGETHER}

    def beyond(self, line: Line) -> Watched | None:
        """Against the limit that is nearer to being left, where it has two; None without one."""
        values = self._since_settled(line)
        if (line.floor is None and line.ceiling is None) or not self._is_known(values):
            return None
        found = list[Watched]()
        if line.floor is not None:
            found.append(below(values, self.season, self.ordinary, line.floor, seed=self.seed))
        if line.ceiling is not None:
            found.append(above(values, self.season, self.ordinary, line.ceiling, seed=self.seed))
        return max(found, key=lambda one: evidence(one)[-1])

    def _is_known(self, values: Vector) -> bool:
        """Whether enough of the ordinary batches have rows, and something came after them."""
        ordinary = self.ordinary
        return int(np.isfinite(values[:ordinary]).sum()) >= self.season.fewest and len(values) > ordinary

    def _regimes(self, line: Line) -> list[int]:
        """The places of batches at which another level began that somebody settled, in order."""
        return sorted(self._began(self._about(line, Kind.CHANGED)))

    def _began(self, settled: Iterable[Kept[Alert]]) -> set[int]:
        first, place = self.ordinary + 1, {start: at for at, start in enumerate(self.starts)}
        began = {max(first, place[one.record.since]) for one in settled if one.record.since in place}
        return {at for at in began if at <= len(self.starts)}

    def _since_settled(self, line: Line) -> Vector:
        """The values, without those after the ordinary ones up to when somebody last settled that they were beyond."""
        values, ends = _floats(line), [self._start(one) for one in self._about(line, Kind.BEYOND)]
        if ends:
            over = np.array([start <= max(ends) for start in self.starts])
            over[: self.ordinary] = False
            values[over] = np.nan
        return values

    def _about(self, line: Line, kind: Kind) -> Iterator[Kept[Alert]]:
        for kept in self.settled:
            alert = kept.record
            if (alert.measure, alert.scope, alert.kind) == (line.measure, line.where, kind):
                yield kept

    def _start(self, kept: Kept[Alert]) -> str:
        return start_of(parse_time(kept.at), self.span)


def _pools(seen: Seen, series: Sequence[tuple[str, Series]]) -> Iterator[tuple[str, Series]]:
    """The mean over series of one measure, each by how it varies ordinarily: what moves all a little shows there."""
    together: dict[tuple[str, str], list[Series]] = {}
    for monitor, one in series:
        if one.pools:
            together.setdefault((monitor, one.measure), []).append(one)
    for (monitor, measure), some in together.items():
        if len(some) > 1 and seen.ordinary:
            rows = np.max([one.rows for one in some], axis=0)
            yield monitor, Series(measure, pooled([one.values for one in some], seen.ordinary), rows, ALL)


def _floats(line: Line) -> Vector:
    return np.array([np.nan if value is None else value for value in line.values], dtype=np.float64)


def _chosen(
    lines: Sequence[Line], watched: Sequence[Watched | None], put: Callable[[Line, Watched, int | None], Line]
) -> list[Line]:
    """The lines with what betting showed, where there was any, and when each was named among all."""
    alarms = iter(first_alarms([one for one in watched if one is not None]))
    return [line if one is None else put(line, one, next(alarms)) for line, one in zip(lines, watched, strict=True)]


def _with_change(line: Line, found: Watched, alarm: int | None) -> Line:
    line = replace(line, money=_money(found), wanders=found.wanders)
    if alarm is None:
        return line
    return replace(line, alarm=alarm, since=found.since, shift=found.shift, error=found.error)


def _with_beyond(line: Line, found: Watched, alarm: int | None) -> Line:
    line = replace(line, beyond=_money(found))
    if alarm is None:
        return line
    return replace(line, out_alarm=alarm, out_since=found.since, level=found.level, level_error=found.error)


def _money(found: Watched) -> tuple[float, ...]:
    """The evidence after each batch; 0, which is none, where the stream wanders."""
    return tuple(np.where(np.isfinite(evidence(found)), evidence(found), 0.0).tolist())
