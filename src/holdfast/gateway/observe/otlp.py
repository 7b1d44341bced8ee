"""Traces and counts to an OpenTelemetry collector, by OTLP over HTTP. Loaded only where the document names one.

Both are made of what the gateway keeps anyway, beside the loop that serves: the SDK's batching and exporters are used,
not its tracer, which would cost more than the guards. Sources: OpenTelemetry specification 1.x, "Trace SDK" and
"Metrics data model". Queues are bounded; what does not fit, or cannot be delivered, is dropped and never waited for.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from holdfast.domain.decision import Ended
from holdfast.gateway.observe.figures import Family, Figures, Kind, Spread
from holdfast.gateway.observe.passed import Passed
from holdfast.gateway.observe.tracing import Trip
from holdfast.version import __version__

EVERY = 30.0
"""Seconds between two deliveries of counts."""

SECONDS = 5.0
_SCOPE = InstrumentationScope("holdfast.gateway", __version__)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Otlp:
    """Delivers to the collector at `url`, with `headers`; a context manager that delivers what is left at its end."""

    def __init__(self, url: str, headers: Mapping[str, str], gateway: str, environment: str, figures: Figures) -> None:
        told = {
            "service.name": "holdfast-gateway",
            "service.version": __version__,
            "service.instance.id": gateway,
            "deployment.environment.name": environment,
        }
        self._resource = Resource(told)
        self._figures = figures
        self._since = time.time_ns()
        base, sent, wait = url.rstrip("/"), dict(headers), SECONDS
        self._spans = BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces", headers=sent, timeout=wait))
        self._metrics = OTLPMetricExporter(f"{base}/v1/metrics", headers=sent, timeout=wait)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp-metrics", daemon=True)

    def add(self, trip: Trip, passed: Passed) -> None:
        """Take a recorded exchange; as `observer.Spans` says."""
        for span in self._made(trip, passed):
            self._spans.on_end(span)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()
        self._spans.shutdown()  # type: ignore[no-untyped-call]
        self._metrics.shutdown()

    def _made(self, trip: Trip, passed: Passed) -> Iterator[ReadableSpan]:
        """The exchange's span, and one for each stage below it."""
        top = _context(trip.trace, trip.span)
        parent = _context(trip.trace, trip.parent) if trip.parent else None
        about: dict[str, str | int] = {
            "holdfast.system": passed.system,
            "holdfast.release": passed.release,
            "holdfast.lane": passed.lane,
            "holdfast.ended": passed.ended,
            "holdfast.rows": sum(count for _, count in passed.decisions),
            "holdfast.credential": passed.principal,
            "holdfast.decision": passed.decision,
        }
        status = Status(StatusCode.ERROR if passed.ended is Ended.FAILED else StatusCode.UNSET)
        whole = trip.at(trip.started), trip.at(trip.logged)
        yield self._span("exchange", SpanKind.SERVER, top, parent, whole, attributes=about, status=status)
        for name, kind, id, start, end in _stages(trip):
            times = trip.at(start), trip.at(end)
            model = passed.generated.attributes if passed.generated and kind is SpanKind.CLIENT else {}
            context = _context(trip.trace, id or os.urandom(8).hex())
            yield self._span(_called(name, model), kind, context, top, times, attributes=model)

    def _span(
        self,
        name: str,
        kind: SpanKind,
        context: SpanContext,
        parent: SpanContext | None,
        times: tuple[int, int],
        **more: Any,
    ) -> ReadableSpan:
        return ReadableSpan(
            name=name,
            kind=kind,
            context=context,
            parent=parent,
            resource=self._resource,
            start_time=times[0],
            end_time=times[1],
            instrumentation_scope=_SCOPE,
            **more,
        )

    def _run(self) -> None:
        while True:
            over = self._closing.wait(EVERY)
            self._metrics.export(self._counts())
            if over:
                return

    def _counts(self) -> MetricsData:
        now = time.time_ns()
        metrics = [_metric(family, self._since, now) for family in self._figures.families() if family.samples]
        return MetricsData([ResourceMetrics(self._resource, [ScopeMetrics(_SCOPE, metrics, "")], "")])


def _stages(trip: Trip) -> Iterator[tuple[str, SpanKind, str, float, float]]:
    """Name, kind, id (empty: any), begin and end of each stage that took place."""
    yield "guards before", SpanKind.INTERNAL, "", trip.started, trip.guarded
    if trip.answered:
        yield "upstream", SpanKind.CLIENT, trip.asking, trip.guarded, trip.answered
        yield "guards after", SpanKind.INTERNAL, "", trip.answered, trip.judged
    yield "log", SpanKind.INTERNAL, "", trip.judged, trip.logged


def _called(name: str, model: Mapping[str, Any]) -> str:
    """A span's name: of one that asks a model of language, as the conventions say."""
    return f"{model['gen_ai.operation.name']} {model['gen_ai.request.model']}" if model else name


def _context(trace: str, span: str) -> SpanContext:
    return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=_SAMPLED)


def _metric(family: Family, since: int, now: int) -> Metric:
    whole = AggregationTemporality.CUMULATIVE
    if family.kind is Kind.HISTOGRAM:
        spreads = [_spread(labels, value, since, now) for labels, value in family.samples if isinstance(value, Spread)]
        return Metric(family.name, family.help, family.unit, Histogram(spreads, whole))
    points = [
        NumberDataPoint(dict(labels), since, now, value)
        for labels, value in family.samples
        if not isinstance(value, Spread)
    ]
    is_counter = family.kind is Kind.COUNTER
    return Metric(family.name, family.help, family.unit, Sum(points, whole, True) if is_counter else Gauge(points))


def _spread(labels: Mapping[str, str], value: Spread, since: int, now: int) -> HistogramDataPoint:
    counts, unknown = list(value.counts), None
    return HistogramDataPoint(
        dict(labels),
        since,
        now,
        sum(counts),
        value.total,
        counts,
        value.bounds,
        min=unknown,  # type: ignore[arg-type] # optional in the protocol
        max=unknown,  # type: ignore[arg-type]
    )
