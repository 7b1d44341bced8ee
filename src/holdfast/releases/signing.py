"""Signatures on models in the OpenSSF Model Signing format, by the `model-signing` package with elliptic-curve keys."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from holdfast.domain.errors import FixInput, Tampered, Unavailable

SIGNATURE = "model.sig"
KEY_ERRORS = (ValueError, TypeError, AttributeError)
"""What the library raises for a key that it cannot use, the last for one that is not on a curve."""


def signature_beside(model: Path) -> Path:
    """Where a model's signature lies unless somebody says otherwise: in its folder, or beside its file."""
    return model / SIGNATURE if model.is_dir() else model.with_name(f"{model.name}.sig")


def sign_model(model: Path, key: Path, signature: Path) -> None:
    """Sign a model's file or folder with an unencrypted private key (PEM); the bundle is written to `signature`."""
    library = _library()
    _require(model, key)
    try:
        signing = library.signing.Config().use_elliptic_key_signer(private_key=key)
        signing.set_hashing_config(_hashing(library, signature)).sign(model, signature)
    except KEY_ERRORS as error:
        hint = "It must be an EC key in PEM, P-256 to P-521."
        raise FixInput("signing.key", f"{key} cannot sign: {error}.", hint) from error


def verify_model(model: Path, signature: Path, key: Path) -> tuple[str, ...]:
    """The names of the files that the signature covers: all that the model consists of.

    Tampered unless `key` (a public key in PEM) signed exactly these files, with none changed, missing or added.
    """
    library = _library()
    _require(model, signature, key)
    try:
        verifying = library.verifying.Config().use_elliptic_key_verifier(public_key=key)
    except KEY_ERRORS as error:
        raise FixInput("signing.key", f"{key} is no public EC key: {error}.", "It must be a PEM file.") from error
    try:
        verifying.set_hashing_config(_hashing(library, signature)).verify(model, signature)
        covered = _covered(signature)
    except Exception as error:  # a hostile bundle can break the library's parsers in any way, and none is a yes
        hint = "Do not load the model; ask whoever signed it."
        raise Tampered("signing.refuted", f"The signature does not hold: {_first_line(error)}.", hint) from error
    # The signer may have told the library to pass over files; what nobody signed must not come in with the rest.
    unsigned = sorted(_names(model, signature) - set(covered))
    if unsigned and model.is_dir():
        raise Tampered("signing.uncovered", f"Nobody signed {unsigned[0]}.", "Remove it, or have all files signed.")
    return covered


def _library() -> Any:
    try:
        import model_signing
        import model_signing.hashing
        import model_signing.signing
        import model_signing.verifying
    except ModuleNotFoundError as error:
        hint = "pip install 'holdfast[signing]'"
        raise Unavailable("signing.extra", f"The package {error.name} is not installed.", hint) from error
    return model_signing


def _hashing(library: Any, signature: Path) -> Any:
    return library.hashing.Config().set_ignored_paths(paths=[signature], ignore_git_paths=False)


def _require(*paths: Path) -> None:
    absent = next((path for path in paths if not path.exists()), None)
    if absent is not None:
        raise FixInput("signing.absent", f"There is no {absent}.", "Check the path.")


def _covered(signature: Path) -> tuple[str, ...]:
    """The names in a bundle whose signature was verified."""
    bundle = json.loads(signature.read_text(encoding="utf-8"))
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    return tuple(str(resource["name"]) for resource in statement["predicate"]["resources"])


def _names(model: Path, signature: Path) -> set[str]:
    files = (path for path in model.rglob("*") if path.is_file() and path.resolve() != signature.resolve())
    return {path.relative_to(model).as_posix() for path in files}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
