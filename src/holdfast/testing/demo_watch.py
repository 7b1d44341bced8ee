"""Demo data, on request only: fifteen weeks of made-up loan decisions, of which the last two are of richer people.

The decisions are counted and forgotten: there is no log of them, so that no page leads to one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import numpy as np

from holdfast.domain.release import Deployment
from holdfast.domain.watch import Batch
from holdfast.flows.count_decisions import Counter
from holdfast.flows.desk import Desk, every
from holdfast.flows.file_baseline import file_baseline
from holdfast.flows.watch import Post, watch_of, watch_release
from holdfast.ledger.envelope import seal
from holdfast.monitors.contract import Rows
from holdfast.releases.baseline import make_baseline
from holdfast.releases.plan import Tables
from holdfast.targets.direct import DirectTarget
from holdfast.testing.desk import Clock, Office
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.watched import DAY, answered, scorecard

DAYS, CHANGED, ROWS = 105, 91, 250


def furnish_decisions(desk: Desk, post: Post) -> None:
    """Let the demo's running release have decided for weeks, and look at it."""
    running = next(iter(every(desk.store, Deployment, state="running")), None)
    if running is None:
        return
    release, schema = running.record.release, credit_schema()
    target = DirectTarget(scorecard().predict_proba, schema)
    tables = Tables(credit_rows(3_000, 2), credit_rows(4_000, 1))
    baseline = make_baseline(release, schema, target, tables, post.monitors)
    house, sealer = Office(desk, Clock(desk.now)), desk.signer.public_bytes().hex()
    file_baseline(desk, house.caller("developer"), seal(baseline, desk.signer), sealer)
    counter = Counter(
        desk.store, post.batches, post.observing, post.monitors, baseline, watch_of(desk, running.record.system)
    )
    post.batches.begin(release, counter.asked)
    found = {batch.start: batch for batch in _days(counter, desk.now)}
    post.batches.add(release, found, ["demo"], lambda one, _other: one)
    watch_release(desk, post, release)


def _days(counter: Counter, now: datetime) -> Iterator[Batch]:
    today = datetime.combine(now.date(), time(), UTC)
    for number in range(DAYS):
        begun = today - timedelta(days=DAYS - number)
        yield from counter.batches_of(_rows(number, begun.timestamp(), now.timestamp())).values()


def _rows(number: int, begun: float, now: float) -> Rows:
    """A day's decisions; what became of them is known after a month, of nine in ten."""
    rng = np.random.default_rng(number)
    data = credit_rows(int(rng.poisson(ROWS)), 50_000 + number)
    X = data.X.copy()
    X[:, 0] *= 1.25 if number >= CHANGED else 1.0
    rows = answered(replace(data, X=X))
    at = begun + rng.uniform(0, DAY, len(rows))
    told = at + 30 * DAY
    is_known = (told < now) & (rng.random(len(rows)) < 0.9)
    label, label_at = np.where(is_known, rows.label, np.nan), np.where(is_known, told, np.nan)
    branch = np.array([f"branch-{n}" for n in rng.integers(0, 6, len(rows))], dtype=object)
    ids = np.array([f"demo-{number}-{n}" for n in range(len(rows))], dtype=object)
    return replace(rows, at=at, label=label, label_at=label_at, principal=branch, id=ids)
