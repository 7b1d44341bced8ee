"""From a real MLflow server to a release: a model is logged by MLflow's own client, and imported by ours."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.cli.release_import import read_signed
from holdfast.domain.errors import Absent, FixInput, Tampered
from holdfast.domain.release import Release
from holdfast.flows.desk import Caller
from holdfast.flows.import_release import import_model_version
from holdfast.flows.people import issue_token
from holdfast.flows.register import register_system
from holdfast.releases.mlflow import Registry
from holdfast.releases.signing import sign_model
from holdfast.testing.desk import Clock, Office
from holdfast.testing.desk import office as open_office
from holdfast.testing.runs import sample_system
from holdfast.wiring import now, open_platform

ROOT = Path(__file__).parents[2]
HERE = ROOT / ".tools" / "mlflow" / "bin" / "mlflow"
MLFLOW = HERE if HERE.exists() else shutil.which("mlflow")

LOG = """
import sys, mlflow
from sklearn.linear_model import LogisticRegression
mlflow.set_tracking_uri(sys.argv[1])
with mlflow.start_run():
    mlflow.log_params({"depth": 3, "rate": "0.1"})
    mlflow.set_tag("mlflow.source.git.commit", "c" * 40)
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    requirements = ["scikit-learn"]
    mlflow.sklearn.log_model(model, name="model", registered_model_name="credit", pip_requirements=requirements)
mlflow.MlflowClient().set_registered_model_alias("credit", "champion", "1")
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MLFLOW is None, reason="no MLflow here: see .ci/run")]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A tracking server with one registered model: its address, and where its artefacts lie."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [str(MLFLOW), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/m.db", "--artifacts-destination", str(folder / "files")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        _await(address, process, folder / "log")
        python = Path(MLFLOW).parent / "python"
        subprocess.run([str(python), "-c", LOG, address], check=True, capture_output=True, timeout=240, cwd=folder)
        yield address, folder / "files"
    finally:
        process.terminate()
        process.wait(30)


def _await(address, process, log):
    for _ in range(240):
        try:
            if httpx.get(f"{address}/health").is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
        assert process.poll() is None, log.read_text()
    raise AssertionError(log.read_text())


def test_every_file_is_digested_and_the_run_is_known(server):
    address, folder = server
    with Registry(address) as registry:
        found = registry.read("mlflow:models:/credit/1")
        assert registry.read("mlflow:models:/credit@champion") == found
    (written,) = [path.parent for path in folder.rglob("MLmodel")]
    assert {m.name: m.digest for m in found.files} == {
        path.relative_to(written).as_posix(): "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
        for path in written.rglob("*")
        if path.is_file()
    }
    assert found.files[0].role == "model"
    assert found.files[0].name.startswith("model.")
    run = dict(found.run)
    assert (run["git_commit"], run["param.depth"], run["param.rate"]) == ("c" * 40, "3", "0.1")


def test_what_is_not_there(server):
    with Registry(server[0]) as registry, pytest.raises(Absent, match="credit, 99"):
        registry.read("mlflow:models:/credit/99")


def test_a_release_is_bound_to_files_and_run(server, tmp_path):
    with Registry(server[0]) as registry:
        found = registry.read("mlflow:models:/credit/1")
    with open_office(tmp_path) as office:
        office.founded()
        desk, developer = office.desk, office.caller("developer")
        system = sample_system()
        register_system(desk, office.caller("owner"), system)
        kept = import_model_version(desk, developer, system.name, found)
        assert kept.record.source == "mlflow:models:/credit/1"
        assert kept.record.authors == ("developer",)
        again = Caller(developer.person, developer.permissions)
        assert import_model_version(desk, again, system.name, found) == kept
        assert desk.store.list(Release, about=found.files[0].digest).items == (kept,)
        assert json.loads(desk.blobs.get(kept.record.material("run").digest))["git_commit"] == "c" * 40


def test_by_command(server, tmp_path):
    system = sample_system()
    with open_platform(tmp_path, database="", url="") as platform:
        office = Office(platform.desk, Clock(now())).founded()
        register_system(office.desk, office.caller("owner"), system)
        caller, until = office.caller("developer"), now() + timedelta(days=1)
        allowed = tuple(caller.permissions)
        _, secret = issue_token(office.desk, platform.accounts, caller, name="ci", allowed=allowed, until=until)
    words = ["release", "import", "mlflow:models:/credit/1", "--system", system.name, "--home", str(tmp_path), "--json"]
    command = [sys.executable, "-c", "from holdfast.cli.main import run; run()", *words]
    environment = {"MLFLOW_TRACKING_URI": server[0], "HOLDFAST_TOKEN": secret, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads(done.stdout)["source"] == "mlflow:models:/credit/1"
    refused = subprocess.run(
        command, capture_output=True, text=True, env={**environment, "HOLDFAST_TOKEN": "x"}, check=False
    )
    assert refused.returncode == 2


def test_a_version_must_be_signed_where_a_key_is_named(server, tmp_path):
    """The signature is logged beside the model's files, as its author would do."""
    pytest.importorskip("model_signing")
    address, stored = server
    secret, public = tmp_path / "key.pem", tmp_path / "key.pub.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (files,) = [path.parent for path in stored.rglob("MLmodel")]
    with Registry(address) as registry:
        with pytest.raises(FixInput, match=r"model\.sig"):
            read_signed(registry, "mlflow:models:/credit/1", public)
        sign_model(files, secret, files / "model.sig")
        described = (files / "MLmodel").read_text()
        try:
            found = read_signed(registry, "mlflow:models:/credit/1", public)
            assert {m.role for m in found.files} >= {"model", "signature"}
            (files / "MLmodel").write_text(described + "\n")
            with pytest.raises(Tampered):
                read_signed(registry, "mlflow:models:/credit/1", public)
        finally:
            (files / "MLmodel").write_text(described)
            (files / "model.sig").unlink()
