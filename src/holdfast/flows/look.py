"""Watch: batches of counts, looked at by every monitor, and every series bet on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from holdfast import canonical
from holdfast.domain.act import Kept
from holdfast.domain.alert import Alert
from holdfast.domain.appetite import Limit
from holdfast.domain.evidence import Failed, Skipped
from holdfast.domain.finding import Finding
from holdfast.domain.look import Look
from holdfast.domain.measure import Measurement
from holdfast.domain.watch import SCORE, Baseline, Batch, Span, Watch
from holdfast.flows.bets import fewest, lines_of
from holdfast.monitors.contract import MonitorSpec, Need, Seen, Series


@dataclass(frozen=True)
class Ground:
    """What a look at a release rests on, beside its batches: what is usual of it, how it is watched and by whom, what
    it may not leave, and what people `settled` of earlier alarms on it.
    """

    system: str
    baseline: Baseline
    watch: Watch
    monitors: tuple[MonitorSpec, ...]
    limits: tuple[Limit, ...] = ()
    settled: tuple[Kept[Alert], ...] = ()

    @property
    def past(self) -> tuple[Batch, ...]:
        """Held-out data by day, which comes before what was decided since."""
        return self.baseline.past if self.watch.span is Span.DAY else ()

    def seen(self, batches: Sequence[Batch]) -> Seen:
        """What monitors see. Where there is no past, the first weeks of decisions are taken for usual."""
        ordinary = len(self.past) or min(len(batches), fewest(self.watch.span))
        return Seen(self.baseline, (*self.past, *batches), self.watch.span, ordinary, past=len(self.past))


def look_at(ground: Ground, batches: Sequence[Batch], *, troubles: tuple[str, ...], at: str) -> Look:
    """Ask every monitor, and bet on every series that they yield."""
    seen = ground.seen(batches)
    measurements, findings, unmet = list[Measurement](), list[Finding](), list[Skipped | Failed]()
    series = list[tuple[str, Series]]()
    for spec in ground.monitors:
        reason = without(spec, ground.baseline, seen.batches)
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
    return Look(
        ground.system,
        ground.baseline.release,
        seen.span,
        starts=tuple(batch.start for batch in seen.batches),
        rows=tuple(batch.rows for batch in seen.batches),
        labelled=tuple(batch.labelled for batch in seen.batches),
        past=seen.past,
        ordinary=seen.ordinary,
        needed=fewest(seen.span),
        lines=lines_of(seen, series, ground.limits, ground.settled),
        measurements=tuple(measurements),
        findings=tuple(findings),
        unmet=tuple(unmet),
        troubles=troubles,
        baseline=canonical.digest(ground.baseline),
        at=at,
    )


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
