"""Watch: batches of counts, looked at by every monitor, and every series bet on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.act import Kept
from holdfast.domain.alert import Alert
from holdfast.domain.appetite import Limit
from holdfast.domain.evidence import Failed, Skipped
from holdfast.domain.finding import Finding
from holdfast.domain.look import Line
from holdfast.domain.measure import Measurement
from holdfast.domain.watch import SCORE, Baseline, Batch, Span
from holdfast.monitors.contract import MonitorSpec, Need, Seen, Series
from holdfast.monitors.streams import FEWEST, watch

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Shown:
    """What monitors showed: lines, and what they yield of the latest batches; and those that could not look."""

    lines: tuple[Line, ...]
    measurements: tuple[Measurement, ...]
    findings: tuple[Finding, ...]
    unmet: tuple[Skipped | Failed, ...]


def look_at(
    seen: Seen, monitors: Sequence[MonitorSpec], limits: Sequence[Limit], settled: Sequence[Kept[Alert]]
) -> Shown:
    """Ask every monitor, and bet on every series it yields; `settled` is what people said of earlier alarms on them."""
    lines, measurements, findings, unmet = list[Line](), list[Measurement](), list[Finding](), list[Skipped | Failed]()
    for spec in monitors:
        reason = without(spec, seen.baseline, seen.batches)
        if reason:
            unmet.append(Skipped(spec.id, spec.version, reason))
            continue
        try:
            yielded = list(spec.run(seen, spec.params))
        except Exception as error:  # a plug-in's own crash must not end the watch, nor count as quiet
            unmet.append(Failed(spec.id, spec.version, f"It crashed: {type(error).__name__}: {error}"))
            continue
        lines += [_line(spec, seen, one, limits, settled) for one in yielded if isinstance(one, Series)]
        measurements += [_stamped(spec, seen, one) for one in yielded if isinstance(one, Measurement)]
        findings += [replace(one, probe=spec.id) for one in yielded if isinstance(one, Finding)]
    return Shown(tuple(lines), tuple(measurements), tuple(findings), tuple(unmet))


def without(spec: MonitorSpec, baseline: Baseline, batches: Iterable[Batch]) -> str:
    """Why a monitor cannot look, in words; empty where it can."""
    if baseline.schema.task not in spec.tasks:
        return f"It does not apply to {baseline.schema.task.value} models."
    met = {
        Need.SCORES: baseline.bins(SCORE) is not None,
        Need.LABELS: any(batch.labelled for batch in batches),
        Need.PROTECTED: bool(baseline.schema.protected),
        Need.PRINCIPALS: True,
    }
    missing = sorted(need.value for need in spec.needs if not met[need])
    return f"It needs {' and '.join(missing)}." if missing else ""


def phases(starts: Sequence[str], span: Span) -> Places:
    """Where each batch stands in its season, counted from a Monday: days, or hours."""
    if span is Span.DAY:
        days = (date.fromisoformat(start).toordinal() - 1 for start in starts)
        return np.fromiter(days, np.int64, len(starts))
    moments = (datetime.fromisoformat(f"{start}:00:00") for start in starts)
    return np.fromiter((24 * (one.toordinal() - 1) + one.hour for one in moments), np.int64, len(starts))


def _stamped(spec: MonitorSpec, seen: Seen, found: Measurement) -> Measurement:
    return found.stamped(digest=seen.baseline.release, probe=spec.id, version=spec.version, seed=seen.seed)


def _line(
    spec: MonitorSpec,
    seen: Seen,
    series: Series,
    limits: Sequence[Limit],
    settled: Sequence[Kept[Alert]],  # noqa: ARG001
) -> Line:
    line = Line(spec.id, series.measure, series.scope, _plain(series.values), tuple(series.rows.tolist()))
    floor, ceiling = _tightest(series, limits)
    line = replace(line, floor=floor, ceiling=ceiling)
    known = int(np.isfinite(series.values[: seen.ordinary]).sum())
    if known < FEWEST:
        return line
    found = watch(series.values, phases([batch.start for batch in seen.batches], seen.span), seen.ordinary)
    return replace(
        line,
        money=tuple(found.money.tolist()),
        since=found.since,
        alarm=found.alarm,
        shift=found.shift if found.alarm is not None else None,
        error=found.error if found.alarm is not None else None,
        wanders=found.wanders,
    )


def _tightest(series: Series, limits: Sequence[Limit]) -> tuple[float | None, float | None]:
    """The limits that a series may not leave: its own, and the appetite's."""
    meant = [one for one in limits if one.measure == series.measure and set(one.scope) <= set(series.scope)]
    floors = [series.floor, *(one.minimum for one in meant)]
    ceilings = [series.ceiling, *(one.maximum for one in meant)]
    return (
        max((one for one in floors if one is not None), default=None),
        min((one for one in ceilings if one is not None), default=None),
    )


def _plain(values: NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in values)


def fewest(span: Span) -> int:
    """Batches that it takes to say what is usual."""
    return FEWEST if span is Span.DAY else 24 * 7
