"""A shielded model decides, and the decision is explained by the release that made it, from a terminal."""

from __future__ import annotations

import json
import shutil

import joblib
import numpy as np
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from typer.testing import CliRunner

from holdfast import wiring
from holdfast.cli.main import app
from holdfast.datasets.encode import decode
from holdfast.domain.guard import Mode
from holdfast.domain.policy import Disclosure, GuardTerms, Policy
from holdfast.flows.account_for import _established
from holdfast.guards.learn import learn_reference
from holdfast.ledger.bundle import release_of
from holdfast.releases.release import Release
from holdfast.shielded import shield
from holdfast.testing.tables import credit_rows, credit_schema

SCHEMA = credit_schema()
POLICY = Policy(
    "credit", "1", (GuardTerms("table.schema", Mode.SHADOW),), personal=("income",), disclosure=Disclosure(2)
)
REFUSED = {"income": 20.0, "debt": 9.0, "years_employed": 3, "age": 31, "late_payments": 3, "housing": "rent"}
MANIFEST = {
    "holdfast": 1,
    "system": {"name": "credit", "tier": "high"},
    "model": {"path": "model.joblib"},
    "data": {"train": "train.csv", "test": "test.csv", "target": "approved", "favourable": "yes"},
}
TERMS = {
    "organisation": "First Bank",
    "contact": "us",
    "review": "Write to us.",
    "data": ["your application"],
    "consequence": "No loan.",
}


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    """A release in a folder, and a home in which it decided about Ada, once with sealed income, and about nobody."""
    folder = tmp_path_factory.mktemp("release")
    for name, seed in (("train", 1), ("test", 2)):
        rows = credit_rows(400, seed)
        frame = decode(rows.X, SCHEMA).drop(columns=["purpose"])
        frame.assign(approved=np.array(["no", "yes"])[rows.y]).to_csv(folder / f"{name}.csv", index=False)
        if name == "train":
            train, labels = frame, np.array(["no", "yes"])[rows.y]
    numbers = [name for name in train.columns if name != "housing"]
    encode = make_column_transformer((OneHotEncoder(), ["housing"]), (StandardScaler(), numbers))
    model = make_pipeline(encode, LogisticRegression(max_iter=500)).fit(train, labels)
    joblib.dump(model, folder / "model.joblib")
    (folder / "holdfast.yaml").write_text(yaml.safe_dump(MANIFEST))
    (folder / "letter.yaml").write_text(yaml.safe_dump(TERMS))
    release = wiring.open_project(folder).request.release
    plan, _ = _established(release, release.materials())
    digest = release_of(release.materials(), plan.schema)
    home, ids = folder / "home", {}
    reference = learn_reference(train)
    with wiring.open_archive(home) as archive, wiring.open_decision_log(archive, archive.registrar, "g1") as log:
        more = {"system": "credit", "reference": reference, "log": log, "vault": archive.subjects}
        sealing = shield(model, policy=POLICY, release=digest, **more)
        sealing.predict_proba([REFUSED], subjects=["ada"])
        ids["sealed"] = archive.reader.latest().id
        shield(model, release=release.materials()[0].digest, **more).predict([REFUSED])
        ids["by model"] = archive.reader.latest().id
        shield(model, **more).predict([REFUSED])
        ids["unbound"] = archive.reader.latest().id
    return folder, ids


@pytest.fixture
def place(furnished, tmp_path, monkeypatch):
    for name in ("HOLDFAST_HOME", "HOLDFAST_SEGMENTS", "HOLDFAST_MASTER_KEY", "HOLDFAST_URL"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "release"
    shutil.copytree(furnished[0], folder)
    return folder, furnished[1]


def run(id, folder, *words):
    home = ["--home", str(folder / "home"), "--release", str(folder)]
    done = CliRunner().invoke(app, ["decision", "explain", id, *home, *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def test_a_decision_is_explained_by_its_release_and_sealed_fields_are_opened_on_record(place):
    folder, ids = place
    code, _, said = run(ids["sealed"], folder)
    assert (code, "--because" in said) == (2, True)
    code, said, _ = run(ids["sealed"], folder, "--because", "Request 4711", "--json")
    account = json.loads(said)
    assert code in (0, 1)
    explanation = account["explanation"]
    assert (explanation["decided"], explanation["is_adverse"], explanation["method"]) == ("no", True, "linear")
    assert account["reasons"]["principal"][0]["feature"] in ("income", "late_payments")
    total = explanation["base"] + sum(part["contribution"] for part in explanation["parts"])
    assert total == pytest.approx(explanation["score"])
    assert dict(account["inputs"])["income"] == 20.0
    assert account["ways"]["found"]
    with wiring.open_archive(folder / "home") as archive:
        size, _ = archive.ledger.head()
        acts = [json.loads(e) for e in archive.ledger.read(0, size) if b'"act":"personal.read"' in e]
    assert [(act["reason"], act["decision"]) for act in acts] == [("Request 4711", ids["sealed"])]
    assert run_verify(folder) == 0


def run_verify(folder):
    return CliRunner().invoke(app, ["decision", "verify", "--home", str(folder / "home")]).exit_code


def test_an_erased_person_cannot_be_explained(place):
    folder, ids = place
    with wiring.open_archive(folder / "home") as archive:
        archive.subjects.erase(archive.subjects.pseudonym("ada"), "2026-11-28T00:00:00Z")
    code, _, said = run(ids["sealed"], folder, "--because", "Request 4711")
    assert (code, "destroyed" in said) == (2, True)


def test_the_models_digest_alone_binds_the_model_and_says_so(place):
    folder, ids = place
    code, said, _ = run(ids["by model"], folder)
    flat = " ".join(said.split())
    assert code in (0, 1)
    assert "the tables are bound to nothing in the decision" in flat
    assert "The model answers the logged row as the log says (prediction)." in flat
    assert "Principal reasons" in said


def test_another_release_or_none_is_refused(place):
    folder, ids = place
    code, _, said = run(ids["unbound"], folder)
    assert (code, "does not say which release" in said) == (2, True)
    model = joblib.load(folder / "model.joblib")
    model[-1].coef_ = model[-1].coef_ + 1e-9
    joblib.dump(model, folder / "model.joblib")
    for id in (ids["sealed"], ids["by model"]):
        code, _, said = run(id, folder, "--because", "x")
        assert (code, "The decision was made by" in said) == (2, True)


def test_a_model_that_runs_code_when_loaded_is_never_loaded(place):
    folder, ids = place
    (folder / "model.joblib").write_bytes(b"\x80\x04cos\nsystem\n\x8c\x04true\x85R.")
    code, _, said = run(ids["by model"], folder)
    assert (code, "artefact scan did not allow" in said) == (2, True)


def test_an_answer_that_is_not_the_logged_one_is_refused(place):
    folder, ids = place
    manifest = {**MANIFEST, "model": {"path": "model.joblib", "threshold": 0.001}}
    (folder / "holdfast.yaml").write_text(yaml.safe_dump(manifest))
    code, _, said = run(ids["by model"], folder)
    assert (code, "The log says prediction = no; the model now answers yes" in said) == (2, True)


def test_the_letter_is_written_as_text_and_page_and_tells_no_score_without_the_policy(place, tmp_path):
    folder, ids = place
    (folder / "letter.yaml").write_text(yaml.safe_dump({**TERMS, "scores": True}))
    words = ("--because", "Request", "--letter", folder / "letter.yaml", "--html", tmp_path / "letter.html")
    code, said, _ = run(ids["sealed"], folder, *words)
    assert code in (0, 1)
    assert said.startswith("First Bank")
    assert "WHAT MATTERED MOST" in said
    assert "The score for" not in said
    assert b"What mattered most" in (tmp_path / "letter.html").read_bytes()
    policy = {"name": "credit", "version": "1", "guards": {"table.schema": {"mode": "shadow"}}}
    policy |= {"personal": ["income"], "disclosure": {"digits": 2}}
    (folder / "policy.yaml").write_text(yaml.safe_dump(policy))
    _, said, _ = run(ids["sealed"], folder, *words, "--policy", folder / "policy.yaml")
    assert "The score for the outcome yes was 0." in said
    (folder / "policy.yaml").write_text(yaml.safe_dump({**policy, "version": "2"}))
    _, said, _ = run(ids["sealed"], folder, *words, "--policy", folder / "policy.yaml")
    assert "The score for" not in said
    assert run(ids["sealed"], folder, *words, "--law", "nowhere")[0] == 2


def test_latest_is_the_newest_decision_and_an_empty_home_says_that_there_is_none(place, tmp_path):
    folder, _ = place
    assert "does not say which release" in run("latest", folder)[2]
    home = ["--home", str(tmp_path / "empty"), "--release", str(folder)]
    done = CliRunner().invoke(app, ["decision", "explain", "latest", *home])
    assert (done.exit_code, "There is no decision yet" in done.stderr) == (2, True)


def test_the_release_is_read_as_check_reads_it(place):
    """The digest by which a decision is bound is the one that `holdfast check` prints."""
    folder, ids = place
    from holdfast.flows.attack import Silence, TableAttack
    from holdfast.storage.cache import DiskCache

    project = wiring.open_project(folder)
    with project.house() as house:
        attack = TableAttack(
            request=project.request,
            settings=house.settings,
            clock=house.clock,
            cache=DiskCache(folder / "cache", b"x" * 32),
            watcher=Silence(),
            probes=(),
            materials=project.request.release.materials(),
        )
        digest = attack.digest
    assert isinstance(project.request.release, Release)
    with wiring.open_archive(folder / "home") as archive:
        assert archive.reader.find(ids["sealed"]).release == digest
