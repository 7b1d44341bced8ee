"""One probe's attack: whatever the probe does, the outcome is a record."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from holdfast.datasets.dataset import Dataset
from holdfast.domain.evidence import Done, Failed
from holdfast.domain.measure import Direction, Measure
from holdfast.probes.contract import Need, probe
from holdfast.releases import attack as module
from holdfast.releases.attack import Job, attack
from holdfast.releases.plan import Tables
from holdfast.targets.reuse import release_target
from holdfast.targets.spec import TargetSpec
from holdfast.testing.tables import credit_rows, credit_schema

SHARE = Measure("family.share", "A share", "share", Direction.NEUTRAL, "A share of something.")
OTHER = replace(SHARE, id="family.other")


@dataclass(frozen=True)
class Params:
    rows: int = 10


@pytest.fixture
def attacked(tmp_path, monkeypatch):
    """Runs a generator as a probe against a real model in its worker."""
    schema = credit_schema().with_features(credit_schema().features[:5])
    rows = credit_rows(60, 0)
    rows = Dataset(X=rows.X[:, :5], y=rows.y)
    joblib.dump(LogisticRegression(max_iter=2_000).fit(rows.X, rows.y), tmp_path / "m.joblib")

    def run(body, *, needs=(Need.MODEL,), seconds=60, overrides=None):
        efforts = dict.fromkeys(("quick", "standard", "deep"), Params())
        declare = probe(title="t", question="q?", measures=(SHARE,), efforts=efforts, trial="x:y", needs=set(needs))
        spec = declare(body)
        monkeypatch.setattr(module, "find_probe", lambda id, plugins: spec)
        job = Job(
            probe=spec.id,
            plugins=(),
            effort="quick",
            overrides=overrides or {},
            seed=7,
            digest="sha256:d",
            schema=schema,
            target=TargetSpec("joblib", str(tmp_path / "m.joblib")),
            tables=Tables(rows, None),
            artifact=(),
            allow=(),
            decisions_per_year=None,
            seconds=seconds,
            progress=tmp_path / "progress",
        )
        return attack(job)

    yield run
    release_target()


def test_what_a_probe_yields_is_stamped(attacked):
    def good(case, params):
        case.progress(0.5, "half")
        yield SHARE.of(float(np.mean(case.target.predict(case.test.X))), n=params.rows)

    outcome = attacked(good)
    assert isinstance(outcome, Done)
    (measurement,) = outcome.measurements
    assert (measurement.digest, measurement.seed, measurement.probe) == ("sha256:d", 7, outcome.probe)
    assert outcome.queries == 60


def test_parameters_can_be_overridden_and_unknown_ones_fail(attacked):
    def rows(case, params):
        yield SHARE.of(0.5, n=params.rows)

    assert attacked(rows, overrides={"rows": 3}).measurements[0].n == 3
    assert "no such parameter" in attacked(rows, overrides={"cows": 3}).reason


def crashes(case, params):
    yield SHARE.of(0.5, n=1)
    raise ZeroDivisionError("oh")


def yields_nan(case, params):
    yield SHARE.of(float("nan"), n=1)


def yields_what_it_did_not_declare(case, params):
    yield OTHER.of(0.5, n=1)


def yields_a_string(case, params):
    yield "0.5"


def runs_out_of_memory(case, params):
    yield from ()
    raise MemoryError


def never_ends(case, params):
    yield from ()
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (crashes, "ZeroDivisionError: oh"),
        (yields_nan, "must be finite"),
        (yields_what_it_did_not_declare, "family.other, which it does not declare"),
        (yields_a_string, "neither a measurement nor a finding"),
        (runs_out_of_memory, "ran out of memory"),
        (never_ends, "longer than 1 s"),
    ],
)
def test_a_bad_probe_fails_and_never_passes(attacked, body, words):
    outcome = attacked(body, seconds=1 if body is never_ends else 60, needs=(Need.ARTIFACT,))
    assert isinstance(outcome, Failed)
    assert words in outcome.reason


def test_a_probe_that_did_not_declare_the_model_gets_no_answer(attacked):
    def asks(case, params):
        yield SHARE.of(float(np.mean(case.target.predict(case.test.X))), n=1)

    assert "without declaring" in attacked(asks, needs=(Need.ARTIFACT,)).reason
