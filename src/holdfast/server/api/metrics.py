"""Metrics: what waits and what was seen, for Prometheus to scrape with a token that may read."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from holdfast.domain.access import Permission
from holdfast.domain.alert import Alert, Incident
from holdfast.domain.clearance import Breaker
from holdfast.domain.rounds import Round
from holdfast.domain.verdict import parse_time
from holdfast.flows.desk import every
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Here
from holdfast.server.platform import Platform

router = routes("/metrics", "watching")


TEXT: dict[str, Any] = {
    "response_class": Response,
    "responses": {200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The metrics."}},
}


@router.get("", **TEXT, **needs(Permission.READ))
def show_metrics(platform: Here) -> Response:
    """Open alerts and incidents, tripped breakers, and when each release that runs was last looked at."""
    registry = CollectorRegistry()
    _counted(registry, platform)
    _watched(registry, platform)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _counted(registry: CollectorRegistry, platform: Platform) -> None:
    store = platform.desk.store
    alerts = Counter(
        (kept.record.system, kept.record.owner, kept.record.consequence.value)
        for kept in every(store, Alert, state="open")
    )
    gauge = Gauge("holdfast_alerts_open", "Open alerts.", ["system", "owner", "consequence"], registry=registry)
    for labels, count in alerts.items():
        gauge.labels(*labels).set(count)
    incidents = Counter(kept.record.system for kept in every(store, Incident, state="open"))
    breakers = Counter(kept.record.system for kept in every(store, Breaker, state="tripped"))
    _by_system(registry, "holdfast_incidents_open", "Open incidents.", incidents)
    _by_system(registry, "holdfast_breakers_tripped", "Breakers that stop something.", breakers)


def _by_system(registry: CollectorRegistry, name: str, what: str, found: Counter[str]) -> None:
    gauge = Gauge(name, what, ["system"], registry=registry)
    for system, count in found.items():
        gauge.labels(system).set(count)


def _watched(registry: CollectorRegistry, platform: Platform) -> None:
    labels = ["system", "release"]
    looked = Gauge("holdfast_watched_at_seconds", "When it was last looked at.", labels, registry=registry)
    changed = Gauge("holdfast_series_changed", "Series that changed or lie beyond a limit.", labels, registry=registry)
    rows = Gauge("holdfast_batch_rows", "Decisions of the latest batch that is over.", labels, registry=registry)
    _went_round(registry, platform.watching.round(), labels)
    for look in platform.watching.looks():
        own = look.system, look.release
        looked.labels(*own).set(parse_time(look.at).timestamp())
        changed.labels(*own).set(sum(line.alarm is not None or line.out_alarm is not None for line in look.lines))
        rows.labels(*own).set(look.rows[-1] if look.rows else 0)


def _went_round(registry: CollectorRegistry, done: Round | None, labels: list[str]) -> None:
    what = "What cannot be looked at; without a release, nothing can."
    failing = Gauge("holdfast_watch_failing", what, [*labels, "code"], registry=registry)
    for failure in done.failures if done is not None else ():
        failing.labels(failure.system, failure.release, failure.code).set(1)
    named = Counter(one.system for one in (done.named if done is not None else ()))
    _by_system(registry, "holdfast_series_named_in_fleet", "Series that stand out among those of all systems.", named)
