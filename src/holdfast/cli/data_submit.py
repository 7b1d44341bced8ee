"""`holdfast data submit` and `list`: what was sealed here goes to the control plane, and what is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command
from holdfast.cli.remote import LIMIT_OPTION, TOKEN_OPTION, URL_OPTION, connected, show_page, show_record

if TYPE_CHECKING:
    from holdfast.client import Client
    from holdfast.domain.act import Kept


@command
def submit(
    file: Path = typer.Argument(help="A file in .holdfast/provenance, sources or admissions."),
    version: str = typer.Option("", help="Of the data set, for an admission."),
    key: str = typer.Option("", help="The key that sealed it (vkey), where no ledger.vkey is beside its folder."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """File a sealed record with the control plane: a recorded step, an attested source, or a data gate's answer.

    Example: holdfast data submit .holdfast/admissions/0f3c9a5d1e7b2c46.json --version 2026-03
    """
    with connected(url, token) as client:
        show_record(submit_sealed(client, file, version, key), as_json=as_json)
    return Exit.PASS


def submit_sealed(client: Client, file: Path, version: str = "", key: str = "") -> Kept[Any]:
    """Send a sealed file to where its kind belongs; how it is filed there."""
    from holdfast.domain.dataset import Admission
    from holdfast.domain.errors import FixInput
    from holdfast.domain.provenance import Provenance, Source
    from holdfast.ledger.envelope import kind_in
    from holdfast.ledger.note import Key
    from holdfast.ledger.sealed import beside

    if not file.is_file():
        raise FixInput("data.absent", f"There is no file {file}.", "Look in .holdfast/provenance and its neighbours.")
    data, sealer = file.read_bytes(), Key.from_vkey(key) if key else beside(file)
    if sealer is None:
        raise FixInput("data.sealer", f"No ledger.vkey says who sealed {file}.", "Name the key with --key.")
    kind, public = kind_in(data), sealer.public.hex()
    if kind is Provenance:
        return client.file_step(data, public)
    if kind is Source:
        return client.file_source(data, public)
    if kind is not Admission:
        raise FixInput("data.kind", f"{file} is of a run.", "Submit the run: holdfast release submit RUN.")
    if not version:
        raise FixInput("data.version", "A data set is registered as a version.", "Name it with --version.")
    return client.register_dataset(data, public, version)


@command
def list_datasets(
    state: str = typer.Option("", help="Only pass, breach or inconclusive."),
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List the data sets that are registered, the newest first.

    Example: holdfast data list --state pass
    """
    with connected(url, token) as client:
        page = client.list_datasets(state=state, limit=limit)
    columns = {
        "data set": lambda kept: kept.key,
        "gate": lambda kept: kept.record.outcome,
        "digest": lambda kept: kept.record.digest,
        "from": lambda kept: kept.record.source.where,
        "at": lambda kept: kept.at,
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS
