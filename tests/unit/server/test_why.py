"""Why a decision was made, where the control plane has the files of the release that made it."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import joblib
import numpy as np
import pytest
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.unit.flows.journey import SYSTEM

from holdfast import wiring
from holdfast.datasets.encode import decode
from holdfast.datasets.read import digest_file
from holdfast.domain.act import Verb
from holdfast.domain.guard import Mode
from holdfast.domain.policy import GuardTerms, Policy
from holdfast.flows.explain_here import _ONE, explain_here
from holdfast.flows.register_segments import DeskRegistrar
from holdfast.flows.sequence import sequence
from holdfast.guards.learn import learn_reference
from holdfast.releases.shelf import Shelf
from holdfast.server.console import accounts
from holdfast.shielded import shield
from holdfast.testing.tables import credit_rows, credit_schema

from .conftest import form_token

NUMBERS = ["income", "debt", "years_employed", "age", "late_payments"]
REFUSED = {"income": 20.0, "debt": 9.0, "years_employed": 3, "age": 31, "late_payments": 3}
POLICY = Policy("credit", "1", (GuardTerms("table.schema", Mode.SHADOW),), personal=("income",))
TERMS = {"organisation": "First Bank", "contact": "us", "review": "Write to us.", "data": ["your application"],
         "consequence": "No loan."}  # fmt: skip


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder of releases: one that cannot be read, one whose model is another, and the one that decides."""
    folder = tmp_path_factory.mktemp("releases")
    (folder / "broken").mkdir()
    (folder / "broken" / "holdfast.yaml").write_text("holdfast: [")
    own = folder / "credit-2"
    own.mkdir()
    for name, seed in (("train", 1), ("test", 2)):
        rows = credit_rows(300, seed)
        frame = decode(rows.X, credit_schema())[NUMBERS]
        frame.assign(approved=np.array(["no", "yes"])[rows.y]).to_csv(own / f"{name}.csv", index=False)
    rows = credit_rows(300, 1)
    X = decode(rows.X, credit_schema())[NUMBERS]
    joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, rows.y), own / "model.joblib")
    data = {"train": "train.csv", "test": "test.csv", "target": "approved", "favourable": "yes"}
    manifest = {"holdfast": 1, "system": {"name": "credit", "tier": "high"}, "model": {"path": "model.joblib"}}
    (own / "holdfast.yaml").write_text(yaml.safe_dump({**manifest, "data": data}))
    (own / "letter.yaml").write_text(yaml.safe_dump(TERMS))
    return Shelf(folder), joblib.load(own / "model.joblib"), digest_file(own / "model.joblib"), X


def decided(server, shelf, *, seals: bool) -> str:
    """A refusal in the log of the control plane; its id."""
    _, model, digest, X = shelf
    files, registrar = wiring.decision_files(server.folder), DeskRegistrar(server.office.desk)
    with wiring.open_subjects(server.folder) as subjects, wiring.open_decision_log(files, registrar, "g1") as log:
        log.ids.clock = lambda: int(server.office.clock.now.timestamp() * 1000)
        more = {"system": SYSTEM.name, "reference": learn_reference(X), "log": log, "vault": subjects}
        shield(model, policy=POLICY if seals else replace(POLICY, personal=()), release=digest, **more).predict_proba(
            [REFUSED], subjects=["ada"]
        )
        id = files.reader.latest().id
    sequence(server.office.desk.store, server.office.desk.ledger)
    return id


@pytest.fixture
def explaining(server, shelf):
    room = replace(server.platform.room, shelf=shelf[0])
    server.app.state.platform = replace(server.platform, room=room)
    return server


def text(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page)).split())


@pytest.mark.one_database
def test_a_decision_is_explained_for_those_who_may_and_the_letter_is_a_click_away(explaining, shelf, monkeypatch):
    id, browser = decided(explaining, shelf, seals=True), explaining.browser("owner")
    assert f"/decisions/{id}/why" in browser.get(f"/decisions/{id}").text
    asks = browser.get(f"/decisions/{id}/why")
    assert "have been decided by what is personal" in text(asks.text)
    sent = {"csrf": form_token(asks.text)}
    assert browser.post(f"/decisions/{id}/why/letter", data={**sent, "law": "lex"}).status_code == 422
    found = []
    monkeypatch.setattr(accounts, "explain_here", lambda *a, **k: found.append(explain_here(*a, **k)) or found[-1])
    page = browser.post(f"/decisions/{id}/why", data={**sent, "reason": "Article 15, case 4711"})
    said = text(page.text)
    assert page.status_code == 200, said
    assert f"{SYSTEM.name} decided" in said
    assert "late payments" in said
    assert "The model is the one that decided" in said
    assert "<svg" in page.text
    assert next(row.act.verb for row in explaining.office.desk.store.recent(limit=1)) is Verb.READ_PERSONAL
    monkeypatch.setattr(accounts, "explain_here", lambda *_, **__: found[0])
    letter = browser.post(f"/decisions/{id}/why/letter", data={**sent, "law": "gdpr", "reason": "Article 15"})
    assert letter.headers["content-disposition"] == f'attachment; filename="{id}.letter.html"'
    assert "First Bank" in letter.text


@pytest.mark.one_database
def test_where_and_when_nothing_can_be_explained_is_said(explaining, shelf):
    id, browser = decided(explaining, shelf, seals=True), explaining.browser("owner")
    with _ONE:
        busy = browser.get(f"/decisions/{id}/why")
    assert (busy.status_code, "Another decision is being explained" in text(busy.text)) == (429, True)
    asks = browser.get(f"/decisions/{id}")
    empty = browser.post(f"/decisions/{id}/why", data={"csrf": form_token(asks.text), "reason": " "})
    assert empty.status_code == 422
    assert explaining.browser("developer").get(f"/decisions/{id}/why").status_code == 403
    explaining.app.state.platform = explaining.platform
    nowhere = browser.get(f"/decisions/{id}/why")
    assert (nowhere.status_code, "HOLDFAST_RELEASES" in nowhere.text) == (404, True)
