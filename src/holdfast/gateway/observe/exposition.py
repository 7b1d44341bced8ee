"""Counts as Prometheus reads them (text, or OpenMetrics where it asks for that), on a port of their own.

The port is off unless the document names it. Counts tell which systems there are and how busy they are, so off this
machine's own addresses a token is asked for.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator
from contextlib import suppress

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from holdfast.domain.errors import Absent, HoldfastError, SignInFirst
from holdfast.gateway.http.server import Receive, Reply, Scope, Send, problem, send_reply
from holdfast.gateway.observe.figures import Family, Figures, Kind, Spread

_METRICS: dict[Kind, type[CounterMetricFamily | GaugeMetricFamily]] = {
    Kind.COUNTER: CounterMetricFamily,
    Kind.GAUGE: GaugeMetricFamily,
}


class _Collector:
    """What prometheus_client asks."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Called by prometheus_client."""
        return (_metric(family) for family in self._figures.families())


class Exposition:
    """An ASGI application with one address, ``/metrics``; where there is a `token`, only for who sends it."""

    def __init__(self, figures: Figures, token: str = "") -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(figures))
        ProcessCollector(registry=self._registry)
        self._token = token.encode()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """One request; rendering happens beside the loop, in which others are served."""
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        try:
            if (scope["method"], scope["path"]) != ("GET", "/metrics"):
                raise Absent("metrics.path", "There is nothing at this address.", "See /metrics.")
            if self._token and not hmac.compare_digest(headers.get(b"authorization", b""), b"Bearer " + self._token):
                raise SignInFirst("metrics.token", "This needs the token of the metrics port.", "Send it as Bearer.")
            encode, kind = choose_encoder(headers.get(b"accept", b"").decode("latin-1"))
            text = await asyncio.to_thread(encode, self._registry)
            sent = Reply(200, text, ((b"content-type", kind.encode()),))
        except HoldfastError as error:
            sent = problem(error)
        with suppress(OSError):
            await send_reply(send, sent)


def _metric(family: Family) -> Metric:
    """With names as OpenTelemetry's rules for Prometheus make them: no dots, and the unit at the end."""
    name = family.name.replace(".", "_")
    name = f"{name}_seconds" if family.unit == "s" and not name.endswith("_seconds") else name
    labels = tuple(dict.fromkeys(label for told, _ in family.samples for label in told))
    names = [label.replace(".", "_") for label in labels]
    if family.kind is Kind.HISTOGRAM:
        spread = HistogramMetricFamily(name, family.help, labels=names)
        for told, value in family.samples:
            if isinstance(value, Spread):
                spread.add_metric([told.get(label, "") for label in labels], _buckets(value), value.total)
        return spread
    plain = _METRICS[family.kind](name, family.help, labels=names)
    for told, value in family.samples:
        if not isinstance(value, Spread):
            plain.add_metric([told.get(label, "") for label in labels], value)
    return plain


def _buckets(spread: Spread) -> list[tuple[str, float]]:
    """Cumulative counts, as Prometheus has them."""
    buckets, so_far = [], 0
    for bound, count in zip((*(str(float(bound)) for bound in spread.bounds), "+Inf"), spread.counts, strict=True):
        so_far += count
        buckets.append((bound, float(so_far)))
    return buckets
