"""A credit model that decides day after day, for tests of what is seen in that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.unit.flows.journey import SYSTEM, filed, registered

from holdfast.decisions.log import SegmentLog
from holdfast.decisions.observe import Observations
from holdfast.domain.act import Draft, Verb
from holdfast.domain.decision import Label
from holdfast.domain.ids import Ids
from holdfast.domain.release import Deployment
from holdfast.domain.schema import Kind
from holdfast.domain.watch import Watch
from holdfast.flows.file_baseline import file_baseline
from holdfast.flows.register_segments import DeskRegistrar
from holdfast.flows.watch import Post, watch_release
from holdfast.ledger.envelope import seal
from holdfast.plugins import find_measures, find_monitors
from holdfast.releases.baseline import make_baseline
from holdfast.releases.plan import Tables
from holdfast.storage.batches import SqlBatches
from holdfast.targets.direct import DirectTarget
from holdfast.testing.desk import Office
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.wiring import decision_files

SCHEMA = credit_schema()
FIRST = date(2026, 9, 7)
"""A Monday."""


@cache
def model():
    train = credit_rows(4000, 1)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(train.X, train.y)


@cache
def baseline_for(release: str):
    target = DirectTarget(model().predict_proba, SCHEMA, threshold=0.5)
    tables = Tables(credit_rows(3000, 2), credit_rows(4000, 1))
    return make_baseline(release, SCHEMA, target, tables, find_monitors())


def columns(X, score) -> pa.Table:
    """Rows as the gateway's log has them."""
    named = {}
    for j, feature in enumerate(SCHEMA.features):
        known = ~np.isnan(X[:, j])
        if feature.kind is Kind.CATEGORY:
            words = np.array([*feature.categories, "other"], dtype=object)
            values = words[np.where(known, X[:, j], -1).astype(int)]
        else:
            values = X[:, j]
        named[f"input_{feature.name}"] = pa.array(values, mask=~known, from_pandas=True)
    named |= {"output_no": pa.array(1 - score), "output_yes": pa.array(score)}
    named["output_predict"] = pa.array(np.where(score >= 0.5, "yes", "no"))
    return pa.table(named)


@dataclass
class Bank:
    """A release that runs, its log, and whoever watches it."""

    office: Office
    folder: Path
    release: str
    log: SegmentLog
    post: Post
    first: date = FIRST

    def day(self, number: int, X=None, *, rows: int = 300, hour: int = 12, principals=()) -> list[str]:
        """What is decided on a day, counted from the first; the ids."""
        X = credit_rows(rows, 1000 + number).X if X is None else X
        at = datetime.combine(self.first + timedelta(days=number), datetime.min.time(), UTC) + timedelta(hours=hour)
        self.log.ids = Ids(lambda: int(at.timestamp() * 1000))
        told = columns(X, model().predict_proba(X)[:, 1])
        if len(principals):
            told = told.append_column("principal", pa.array(principals))
        said = {"system": SYSTEM.name, "release": self.release, "environment": "production", "lane": "live"}
        return self.log.append_batch(told, at=at.isoformat(), ended="answered", **said)

    def label(self, ids, outcomes, source: str = "collections") -> None:
        """What became of decisions."""
        at = self.office.clock().isoformat()
        self.log.append_labels(
            [Label(SYSTEM.name, id, str(said), at, source) for id, said in zip(ids, outcomes, strict=True)]
        )

    def drain(self) -> None:
        """Seal and register what was decided, as minutes do; the log goes on under the same name."""
        self.log.close()
        self.log = open_log(self.office, self.folder)

    def watch(self, after: int):
        """Look at it in the night after a day."""
        self.drain()
        night = datetime.combine(self.first + timedelta(days=after + 1), datetime.min.time(), UTC)
        self.office.clock.now = night + timedelta(hours=2)
        return watch_release(self.office.desk, self.post, self.release)


def open_log(office: Office, folder: Path) -> SegmentLog:
    files = decision_files(folder)
    return SegmentLog(files.root, "g2", files.segments, DeskRegistrar(office.desk))


def post_of(office: Office, folder: Path) -> Post:
    files = decision_files(folder)
    observing = Observations(files.segments, files.reader)
    return Post(observing, SqlBatches(office.desk.store), find_monitors(), find_measures())


def file_usual(office: Office, release: str) -> None:
    sealer = office.desk.signer.public_bytes().hex()
    file_baseline(office.desk, office.caller("developer"), seal(baseline_for(release), office.desk.signer), sealer)


def opened(office: Office, folder: Path, watch: Watch | None = None) -> Bank:
    """A bank whose release was let in, with what is usual of it."""
    office.clock.now = datetime.combine(FIRST, datetime.min.time(), UTC)
    registered(office)
    release = filed(office).filed.record.release
    desk = office.desk
    file_usual(office, release)
    running = Deployment(SYSTEM.name, release, "production", desk.at, "request", ())
    drafts = [Draft(Verb.DEPLOY, f"{SYSTEM.name}:production:1", running)]
    if watch is not None:
        drafts.append(Draft(Verb.SET_WATCH, SYSTEM.name, replace(watch, system=SYSTEM.name)))
    desk.store.commit(drafts, actor="owner", at=desk.at, id="running")
    return Bank(office, folder, release, open_log(office, folder), post_of(office, folder))
