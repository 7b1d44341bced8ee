"""`holdfast sealer`: whose sealed evidence counts."""

from __future__ import annotations

from pathlib import Path

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command
from holdfast.cli.remote import LIMIT_OPTION, TOKEN_OPTION, URL_OPTION, connected, show_page, show_record

app = typer.Typer(help="Sealers: whose sealed evidence counts.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
@command
def list_sealers(
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List the keys by which evidence is trusted.

    Example: holdfast sealer list
    """
    with connected(url, token) as client:
        page = client.list_sealers(limit=limit)
    columns = {
        "sealer": lambda kept: kept.key,
        "name": lambda kept: kept.record.name,
        "trusted": lambda kept: "yes" if kept.record.is_trusted else "no",
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@app.command("trust")
@command
def trust(
    key: str = typer.Argument(help="The sealer's public key (vkey), or a file that holds it: a run's ledger.vkey."),
    name: str = typer.Option(..., help="What it is: a CI system, a workstation."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Count evidence that this key sealed.

    Example: holdfast sealer trust report/ledger.vkey --name "The build server"
    """
    from holdfast.ledger.note import Key

    text = Path(key).read_text(encoding="utf-8") if Path(key).is_file() else key
    with connected(url, token) as client:
        show_record(client.trust_sealer(name, Key.from_vkey(text).public.hex()), as_json=as_json)
    return Exit.PASS


@app.command("revoke")
@command
def revoke(
    sealer: str = typer.Argument(help="The sealer's id, from `holdfast sealer list`."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Count evidence that this key sealed no longer; gates that rest on it shut.

    Example: holdfast sealer revoke 6a1b...
    """
    with connected(url, token) as client:
        show_record(client.revoke_sealer(sealer), as_json=as_json)
    return Exit.PASS
