"""`holdfast release import`: a release from a model registry."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.up import DATABASE_OPTION, HOME_OPTION

if TYPE_CHECKING:
    from holdfast.releases.mlflow import ModelVersion, Registry


@command
def import_release(
    uri: str = typer.Argument(help="mlflow:models:/NAME/VERSION, or mlflow:models:/NAME@ALIAS."),
    system: str = typer.Option(..., help="The system that it is a release of."),
    tracking_uri: str = typer.Option(..., envvar="MLFLOW_TRACKING_URI", help="The MLflow server, http(s)."),
    tracking_token: str = typer.Option("", envvar="MLFLOW_TRACKING_TOKEN", help="Its bearer token, if it asks."),
    token: str = typer.Option(..., envvar="HOLDFAST_TOKEN", help="Your Holdfast token: who registers the release."),
    signed_by: Path | None = typer.Option(None, help="A public key (PEM) that must have signed the version's files."),
    parent: str = typer.Option("", help="The digest of the release that it is meant to replace."),
    home: Path = HOME_OPTION,
    database: str = DATABASE_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Register a model version of an MLflow registry as a release, by the digests of its files and its run.

    Example: holdfast release import mlflow:models:/credit/3 --system credit --tracking-uri http://mlflow:5000
    """
    from holdfast import canonical
    from holdfast.domain.errors import Forbidden
    from holdfast.flows.desk import random_id
    from holdfast.flows.import_release import import_model_version
    from holdfast.flows.people import by_token
    from holdfast.releases.mlflow import Registry
    from holdfast.wiring import open_platform

    with Registry(tracking_uri, tracking_token) as registry:
        found = read_signed(registry, uri, signed_by) if signed_by else registry.read(uri)
    with open_platform(home.expanduser(), database=database, url="") as platform:
        caller = by_token(platform.desk, platform.accounts, token, random_id())
        if caller is None:
            raise Forbidden("access.token", "This token is unknown, revoked or expired.", "Issue a new one.")
        kept = import_model_version(platform.desk, caller, system, found, parent=parent)
    if as_json:
        print_json(canonical.plain(kept.record))
    else:
        typer.echo(f"{kept.record.system} {kept.record.version} from {kept.record.source}: {kept.record.digest}")
        for material in kept.record.materials:
            typer.echo(f"  {material.role:18} {material.name}  {material.digest[:19]}")
    return Exit.PASS


def read_signed(registry: Registry, uri: str, key: Path) -> ModelVersion:
    """The version, once the signature among its files (``model.sig``) is verified: the library needs them on disk."""
    from holdfast.releases.signing import SIGNATURE, verify_model

    with tempfile.TemporaryDirectory(prefix="holdfast-") as place:
        folder = Path(place)
        found = registry.read(uri, into=folder)
        verify_model(folder, folder / SIGNATURE, key)
    return found
