"""Watch: batches of counts, looked at by every monitor, and every series bet on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from holdfast.domain.act import Kept
from holdfast.domain.alert import Alert
from holdfast.domain.appetite import Limit
from holdfast.domain.evidence import Failed, Skipped
from holdfast.domain.finding import Finding
from holdfast.domain.look import Line
from holdfast.domain.measure import Measurement
from holdfast.domain.watch import SCORE, Baseline, Batch
from holdfast.flows.bets import lines_of
from holdfast.monitors.contract import MonitorSpec, Need, Seen, Series


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
    measurements, findings, unmet = list[Measurement](), list[Finding](), list[Skipped | Failed]()
    series = list[tuple[str, Series]]()
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
        series += [(spec.id, one) for one in yielded if isinstance(one, Series)]
        measurements += [_stamped(spec, seen, one) for one in yielded if isinstance(one, Measurement)]
        findings += [replace(one, probe=spec.id) for one in yielded if isinstance(one, Finding)]
    lines = lines_of(seen, series, limits, settled)
    return Shown(lines, tuple(measurements), tuple(findings), tuple(unmet))


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


def _stamped(spec: MonitorSpec, seen: Seen, found: Measurement) -> Measurement:
    return found.stamped(digest=seen.baseline.release, probe=spec.id, version=spec.version, seed=seen.seed)
