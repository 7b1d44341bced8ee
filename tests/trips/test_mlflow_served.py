"""MLflow's own clients at the gateway, and MLflow's own scoring server behind it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.trips.test_gateway import POLICY, House, free_port
from tests.trips.test_mlflow import MLFLOW
from tests.unit.server.conftest import server  # noqa: F401
from tests.unit.serving import serving

from holdfast import canonical
from holdfast.datasets.encode import decode
from holdfast.guards.learn import learn_reference
from holdfast.testing.tables import credit_rows, credit_schema

DOCUMENT = """\
holdfast: 1
environment: production
gateway: g1
listen: {{port: {port}}}
control_plane: {{url: "{plane}", key: "{key}"}}
systems:
  - system: {system}
    name: loans
    reference: reference.json
    policy: policy.yaml
    releases:
      - {{release: "{release}", upstream: "{upstream}", format: mlflow}}
"""

SAVE = """
import mlflow, pandas, sys
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
train = pandas.read_csv("train.csv")
X, y = train.drop(columns="outcome"), train["outcome"]
text = ["housing", "purpose"]
encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), text), remainder=SimpleImputer())
model = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(X, y)
about = {"pyfunc_predict_fn": "predict_proba", "pip_requirements": ["scikit-learn"]}
mlflow.sklearn.save_model(model, "model", skops_trusted_types=["numpy.dtype"], **about)
pandas.DataFrame(model.predict_proba(X.head(3))).to_json("expected.json", orient="values")
"""

ASK = """
import json, os, sys
import pandas
from mlflow.deployments import get_deploy_client
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
port, rows = sys.argv[1], pandas.read_csv("train.csv").drop(columns="outcome").head(3)
scoring = ScoringServerClient(f":{os.environ['MLFLOW_TRACKING_TOKEN']}@127.0.0.1", port)
scoring.wait_server_ready(timeout=10)
deployments = get_deploy_client(f"http://127.0.0.1:{port}")
frame = {"dataframe_split": json.loads(rows.to_json(orient="split", index=False))}
print(json.dumps([
    scoring.invoke(rows).get_predictions().values.tolist(),
    deployments.predict(endpoint="loans", inputs=frame)["predictions"],
]))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.one_database,
    pytest.mark.skipif(MLFLOW is None, reason="no MLflow here: see .ci/run"),
]


class ScoredHouse(House):
    """The same with a model that MLflow serves."""

    document = DOCUMENT

    def furnish(self):
        data = credit_rows(600, 1)
        train = decode(data.X, credit_schema())
        train.assign(outcome=np.array(credit_schema().classes)[data.y]).to_csv(self.folder / "train.csv", index=False)
        (self.folder / "reference.json").write_bytes(canonical.encode(learn_reference(train, credit_schema())))
        (self.folder / "policy.yaml").write_text(POLICY)


def in_mlflow(folder, *words, **environment):
    python = Path(MLFLOW).parent / "python"
    done = subprocess.run(
        [str(python), "-c", *words],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def scoring(tmp_path):
    """Starts MLflow's scoring server of the folder's model; its address."""
    port, running = free_port(), []

    def start():
        in_mlflow(tmp_path, SAVE)
        command = [str(MLFLOW), "models", "serve", "-m", "model", "--env-manager", "local", "--port", str(port)]
        given = os.environ | {"PATH": f"{Path(MLFLOW).parent}:{os.environ['PATH']}"}
        with (tmp_path / "scoring.log").open("w") as log:
            running.append(
                subprocess.Popen(command, env=given, stdout=log, stderr=log, start_new_session=True, cwd=tmp_path)
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/ping").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise AssertionError((tmp_path / "scoring.log").read_text())

    yield f"http://127.0.0.1:{port}", start
    for process in running:
        os.killpg(process.pid, 9)
        process.wait()


def test_mlflows_clients_and_its_scoring_server(server, tmp_path, scoring):  # noqa: F811
    upstream, start = scoring
    with serving(server.app) as plane:
        house = ScoredHouse(server, plane, tmp_path, upstream=upstream)
        start()
        house.start()
        try:
            told = json.loads(in_mlflow(tmp_path, ASK, str(house.port), MLFLOW_TRACKING_TOKEN=house.secret))
            expected = np.array(json.loads((tmp_path / "expected.json").read_text()))
            for predictions in told:
                np.testing.assert_allclose(np.array(predictions, float), np.round(expected, 2), atol=1e-9)
            spoilt = {"dataframe_records": [{"age": 4000}]}
            assert httpx.post(house.url("/invocations"), json=spoilt, auth=("", house.secret)).status_code == 403
        finally:
            house.stop()
