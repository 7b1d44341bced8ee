"""`holdfast release`: exact versions of systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.entrance import EXITS, JSON_OPTION, Exit, command
from holdfast.cli.remote import LIMIT_OPTION, TOKEN_OPTION, URL_OPTION, connected, show_page, show_record

if TYPE_CHECKING:
    from holdfast.client import Client
    from holdfast.domain.act import Kept
    from holdfast.domain.verdict import Verdict

app = typer.Typer(
    help="Releases: exact versions of systems, and where they come from.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
@command
def list_releases(
    system: str = typer.Option("", help="Only releases of this system."),
    model: str = typer.Option("", help="Only releases whose model has this digest."),
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List releases, the newest first.

    Example: holdfast release list --system credit
    """
    with connected(url, token) as client:
        page = client.list_releases(system=system, about=model, limit=limit)
    columns = {
        "release": lambda kept: kept.key,
        "system": lambda kept: kept.record.system,
        "version": lambda kept: kept.record.version,
        "came by": lambda kept: kept.record.source,
        "at": lambda kept: kept.at,
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@app.command("show")
@command
def show(
    digest: str = typer.Argument(help="The release's digest."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Show one release.

    Example: holdfast release show sha256:0f3c...
    """
    with connected(url, token) as client:
        show_record(client.show_release(digest), as_json=as_json)
    return Exit.PASS


@app.command("submit")
@command
def submit(
    run: Path = typer.Argument(help="A run's folder, or the --out copy of it."),
    version: str = typer.Option(..., help="What people call the release."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Register a run's release with its evidence; the exit code is the verdict under the appetite in force there.

    Example: holdfast release submit .holdfast/runs/0f3c9a... --version 1.4
    """
    with connected(url, token) as client:
        kept = submit_run(client, run, version)
    show_record(kept, as_json=as_json)
    return EXITS[kept.record.outcome]


def submit_run(client: Client, run: Path, version: str) -> Kept[Verdict]:
    """Send what a run's folder holds; the verdict on it over there."""
    from holdfast.domain.errors import FixInput
    from holdfast.ledger.bundle import BASELINE, EVIDENCE, VKEY
    from holdfast.ledger.note import Key

    try:
        envelope, vkey = (run / EVIDENCE).read_bytes(), (run / VKEY).read_text(encoding="utf-8")
    except OSError as error:
        hint = "Give the whole folder that `holdfast check` left."
        raise FixInput("release.run", f"{run} holds no run: {error.strerror}.", hint) from error
    sealer = Key.from_vkey(vkey).public.hex()
    verdict = client.submit_evidence(envelope, sealer, version)
    if (run / BASELINE).exists():
        _submit_baseline(client, (run / BASELINE).read_bytes(), sealer)
    return verdict


def _submit_baseline(client: Client, envelope: bytes, sealer: str) -> None:
    """What is usual of the release; where nobody trusts the key yet, evidence waits for that just as well."""
    from holdfast.domain.errors import FixInput

    try:
        client.submit_baseline(envelope, sealer)
    except FixInput as error:
        typer.echo(f"Its decisions cannot be watched yet: {error}", err=True)
