"""Counting is cheap and true, and a trace is taken on only as W3C Trace Context says."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.flows.test_serve import RANGE, asked, post_of, rows

from holdfast.documents import parse_document
from holdfast.domain.decision import Ended
from holdfast.domain.errors import FixInput, SignInFirst
from holdfast.flows.exchange import Reply
from holdfast.flows.serve import before, settle
from holdfast.gateway.access.identity import Identities
from holdfast.gateway.app import Gateway
from holdfast.gateway.observe.exposition import Exposition
from holdfast.gateway.observe.figures import Figures
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.observe.passed import rows_passed
from holdfast.gateway.observe.tracing import Sampler, Trip, parent_of
from holdfast.gateway.setup.sections import ObserveSection

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        (f"00-{TRACE}-{SPAN}-01", (TRACE, SPAN, True)),
        (f"00-{TRACE}-{SPAN}-00", (TRACE, SPAN, False)),
        (f"cc-{TRACE}-{SPAN}-03-what-the-future-holds", (TRACE, SPAN, True)),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE}-{SPAN}", None),
        ("", None),
    ],
)
def test_what_a_traceparent_says(header, taken):
    found = parent_of(header.encode())
    assert (found and (found.trace, found.span, found.is_sampled)) == taken


def test_only_what_is_recorded_gets_a_span_of_its_own():
    headers = [(b"accept", b"*/*"), (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())]
    passed = Sampler(None).begin(headers)
    assert (passed.trace, passed.span, passed.passed_on(headers)) == (TRACE, "", headers)
    recorded = Sampler(0.0).begin(headers)
    assert recorded.passed_on(headers) == [
        (b"accept", b"*/*"),
        (b"traceparent", f"00-{TRACE}-{recorded.asking}-01".encode()),
    ]
    assert Sampler(0.0).begin([]).trace == ""
    assert len(Sampler(1.0).begin([]).trace) == 32


class Seen(list):
    def add(self, sighting):
        self.append(sighting)


def exchange(n, *, spoilt=False):
    """An exchange of so many rows, and when its stages were over."""
    post, X, trip = post_of(RANGE), rows(n), Trip()
    if spoilt:
        X[0, 3] = 900
    about = asked(X)
    judged = before(post, about)
    trip.guarded = time.perf_counter()
    reply = None if spoilt else Reply(("yes",), (np.full(n, 0.5),))
    trip.answered = 0.0 if spoilt else time.perf_counter()
    served = settle(post, about, judged, reply)
    trip.judged = trip.logged = time.perf_counter()
    return trip, rows_passed(post, about, served.judged, served, served.ids)


def test_counts_are_what_happened_and_cost_little():
    observer = Observer(Figures(), sightings=(seen := Seen()))
    quiet = exchange(1)
    for trip, passed in (exchange(1, spoilt=True), exchange(5)):
        observer.passed(trip, passed)
    spent = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(2_000):
            observer.passed(*quiet)
        spent.append((time.process_time() - start) / 2_000)
    assert min(spent) < 20e-6  # 4 us where this was written
    observer.refused(SignInFirst("gateway.unknown", "No."), {"method": "GET", "path": "/x", "client": ("127.0.0.1", 1)})
    observer.replied(401, time.perf_counter())
    assert [(one.sort, one.code) for one in seen] == [
        ("guard", "table.range"),
        ("stranger", "gateway.unknown"),
    ]
    text = TestClient(Exposition(observer.figures, "t")).get("/metrics", headers={"authorization": "Bearer t"}).text
    told = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert told["holdfast_exchanges_total", Ended.ANSWERED, "live", "s"] == 10_001
    assert told["holdfast_decisions_total", Ended.ANSWERED, "live", "s"] == 10_005
    assert told["holdfast_decisions_total", Ended.BLOCKED, "live", "s"] == 1
    assert told["holdfast_refusals_total", "gateway.unknown"] == 1
    assert told["holdfast_request_seconds_bucket", "+Inf", "401"] == 1


def test_no_count_grows_with_what_callers_make_up():
    observer = Observer(Figures(), sightings=Seen())
    gateway = Gateway(
        None,
        identities=lambda: Identities((), lambda: datetime.now(UTC)),
        meter=lambda _: None,
        pseudonym=str,
        observer=observer,
    )

    def series():
        return sum(len(family.samples) for family in observer.figures.families())

    client, counts = TestClient(gateway), []
    for n in range(100):
        client.get(f"/v2/models/secret-{n}", headers={"authorization": f"Bearer {n}", "traceparent": f"00-{n}"})
        client.request(f"MADE{n}", "/v1/chat/completions", content=b"{}")
        counts.append(series())
    assert counts[-1] == counts[0]
    assert "secret" not in str([family.samples for family in observer.figures.families()])


def test_the_metrics_port_is_not_open_to_everybody():
    client = TestClient(Exposition(Figures(), "t0ken"))
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer t0ke"}).status_code == 401
    assert client.get("/", headers={"authorization": "Bearer t0ken"}).status_code == 404
    for text, why in (
        ("metrics: {host: 0.0.0.0}", "token_file"),
        ("metrics: {host: '::'}", "token_file"),
        ("events: {file: a, url: 'http://b'}", "not to both"),
        ("events: {url: 'http://user:secret@siem'}", "pattern"),
    ):
        with pytest.raises(FixInput, match=why):
            parse_document(text, ObserveSection, "gateway.yaml")
    assert parse_document("metrics: {host: '::1'}", ObserveSection, "gateway.yaml").metrics.port == 9464
