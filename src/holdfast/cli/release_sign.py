"""`holdfast release sign` and `verify`: OpenSSF signatures on models."""

from __future__ import annotations

from pathlib import Path

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json


@command
def sign(
    model: Path = typer.Argument(help="The model: a file, or a folder with all that belongs to it."),
    key: Path = typer.Option(..., help="The private key: elliptic curve, PEM, unencrypted."),
    signature: Path | None = typer.Option(None, help="Where to write it; model.sig in the folder, or FILE.sig."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Sign a model in the OpenSSF Model Signing format.

    Example: holdfast release sign models/credit --key signing.pem
    """
    from holdfast.releases.signing import sign_model, signature_beside

    place = signature or signature_beside(model)
    sign_model(model, key, place)
    if as_json:
        print_json({"signature": str(place)})
    else:
        typer.echo(f"Signed in {place}")
    return Exit.PASS


@command
def verify(
    model: Path = typer.Argument(help="The model: a file, or a folder with all that belongs to it."),
    key: Path = typer.Option(..., help="The signer's public key, PEM; from somewhere other than the model's folder."),
    signature: Path | None = typer.Option(None, help="The signature; model.sig in the folder, or FILE.sig."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say whether a key signed exactly this model. Exit code 0: it did. 1: it did not, or something was changed.

    Example: holdfast release verify models/credit --key signing.pub.pem
    """
    from holdfast.domain.errors import Tampered
    from holdfast.releases.signing import signature_beside, verify_model

    try:
        covered = verify_model(model, signature or signature_beside(model), key)
    except Tampered as error:
        if as_json:
            print_json({"verified": False, "error": {"code": error.code, "message": error.message, "hint": error.hint}})
        else:
            typer.echo(f"NOT VERIFIED: {error.message}\n{error.hint}")
        return Exit.BREACH
    if as_json:
        print_json({"verified": True, "files": list(covered)})
    else:
        typer.echo(f"Verified: {len(covered)} files, all signed.")
    return Exit.PASS
