"""Signatures on models: the library's own format, and nothing unsigned comes in with what is signed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from typer.testing import CliRunner

from holdfast.cli.main import app
from holdfast.domain.errors import FixInput, Tampered
from holdfast.releases.signing import sign_model, signature_beside, verify_model

pytest.importorskip("model_signing")


def keys(folder, name, private=None):
    private = private or ec.generate_private_key(ec.SECP256R1())
    secret, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    secret.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return secret, public


@pytest.fixture
def signed(tmp_path):
    """A model's folder with a signature in it, and the public key."""
    model = tmp_path / "model"
    (model / "parts").mkdir(parents=True)
    (model / "model.bin").write_bytes(b"weights")
    (model / "parts" / "more.bin").write_bytes(b"more")
    secret, public = keys(tmp_path, "signer")
    sign_model(model, secret, signature_beside(model))
    return model, public


def test_what_is_signed_verifies_and_says_what_it_covers(signed):
    model, public = signed
    assert set(verify_model(model, model / "model.sig", public)) == {"model.bin", "parts/more.bin"}


def test_the_library_itself_accepts_it(signed):
    model, public = signed
    command = ["verify", "key", str(model), "--signature", str(model / "model.sig"), "--public_key", str(public)]
    script = "import sys; from model_signing._cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda model: (model / "model.bin").write_bytes(b"weightz"),
        lambda model: (model / "parts" / "more.bin").unlink(),
        lambda model: (model / "extra.pkl").write_bytes(b"x"),
        lambda model: (model / ".gitattributes").write_bytes(b"x"),
        lambda model: (model / "model.bin").rename(model / "other.bin"),
        lambda model: (model / "model.sig").write_text("{}"),
        lambda model: (model / "model.sig").write_text(""),
    ],
)
def test_any_change_is_refused(signed, change):
    model, public = signed
    change(model)
    with pytest.raises(Tampered):
        verify_model(model, model / "model.sig", public)


def test_another_key_is_refused(signed, tmp_path):
    model, _ = signed
    _, other = keys(tmp_path, "other")
    with pytest.raises(Tampered):
        verify_model(model, model / "model.sig", other)


def test_what_the_signer_passed_over_does_not_come_in(signed, tmp_path):
    import model_signing

    model, _ = signed
    secret, public = keys(tmp_path, "careless")
    (model / "hidden.pkl").write_bytes(b"x")
    hashing = model_signing.hashing.Config().set_ignored_paths(paths=[model / "hidden.pkl", model / "model.sig"])
    config = model_signing.signing.Config().use_elliptic_key_signer(private_key=secret)
    config.set_hashing_config(hashing).sign(model, model / "model.sig")
    with pytest.raises(Tampered, match=r"hidden\.pkl"):
        verify_model(model, model / "model.sig", public)


def test_keys_of_another_kind_are_named(tmp_path):
    (tmp_path / "m.bin").write_bytes(b"x")
    secret, public = keys(tmp_path, "ed", ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(FixInput, match="cannot sign"):
        sign_model(tmp_path / "m.bin", secret, tmp_path / "m.bin.sig")
    (tmp_path / "m.bin.sig").write_text("{}")
    with pytest.raises(FixInput, match="no public EC key"):
        verify_model(tmp_path / "m.bin", tmp_path / "m.bin.sig", public)


def test_by_command_on_a_single_file(tmp_path):
    model = tmp_path / "m.onnx"
    model.write_bytes(b"x")
    secret, public = keys(tmp_path, "signer")
    run = CliRunner().invoke
    assert run(app, ["release", "sign", str(model), "--key", str(secret)]).exit_code == 0
    assert (tmp_path / "m.onnx.sig").exists()
    done = run(app, ["release", "verify", str(model), "--key", str(public), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["verified"]) == (0, True)
    model.write_bytes(b"y")
    done = run(app, ["release", "verify", str(model), "--key", str(public)])
    assert (done.exit_code, "NOT VERIFIED" in done.stdout) == (1, True)
