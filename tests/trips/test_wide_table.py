"""A table of thousands of columns is checked in minutes, and what was left out is said."""

from __future__ import annotations

from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from holdfast.datasets.infer import Stated, infer_schema
from holdfast.datasets.load import to_dataset
from holdfast.domain.evidence import Done
from holdfast.plugins import find_probe
from holdfast.releases.attack import Job, attack
from holdfast.releases.plan import Tables
from holdfast.targets.spec import TargetSpec

COLUMNS, DECIDING = 2_000, (3, 700, 1_999)
SECONDS = 90
LEFT_OUT = {
    "explain.reason_codes": "columns-together",
    "extraction.surrogate": "columns-left-out",
    "privacy.membership": "columns-left-out",
}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1_000, COLUMNS))
    X[:, COLUMNS // 2 :] = np.rint(3 * X[:, COLUMNS // 2 :])
    outcome = np.where(X[:, DECIDING] @ [2.0, 2.0, 0.7] + rng.logistic(size=1_000) > 0, "yes", "no")
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(COLUMNS)])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(frame[:600], outcome[:600])
    path = tmp_path_factory.mktemp("wide") / "model.joblib"
    joblib.dump(model, path)
    frame = pd.concat([frame, pd.Series(outcome, name="outcome")], axis=1)
    schema = infer_schema(frame, Stated(target="outcome", favourable="yes"))
    train, test = (to_dataset(part, schema, digest="generated") for part in (frame[:600], frame[600:]))
    return Job(
        probe="",
        plugins=(),
        effort="quick",
        overrides={},
        seed=0,
        digest="generated",
        schema=schema,
        target=TargetSpec("joblib", str(path)),
        tables=Tables(test, train),
        artifact=(),
        allow=(),
        decisions_per_year=None,
        seconds=SECONDS,
    )


@pytest.mark.parametrize("probe", list(LEFT_OUT))
def test_it_ends_in_time_and_says_what_was_left_out(probe, job):
    outcome = attack(replace(job, probe=probe))
    assert isinstance(outcome, Done), outcome.reason
    assert LEFT_OUT[probe] in [finding.slug for finding in outcome.findings]
    if probe == "explain.reason_codes":
        reasons = {dict(m.scope).get("column") for m in outcome.measurements}
        assert {f"c{j}" for j in DECIDING} <= reasons, "the columns that decide are among them"
        assert outcome.queries * COLUMNS < 2 * find_probe(probe).efforts["quick"].cells
