"""`holdfast prompt`: prompts as versions, kept sealed where only those who write them and gateways read them."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command
from holdfast.cli.remote import LIMIT_OPTION, TOKEN_OPTION, URL_OPTION, connected, show_page, show_record

app = typer.Typer(help="Prompts: versions, kept sealed.", no_args_is_help=True, rich_markup_mode=None)


@app.command("add")
@command
def add(
    file: Path = typer.Argument(help="The prompt, as it was checked: its digest must be that of the release."),
    name: str = typer.Option(..., help="What it is called."),
    version: str = typer.Option(..., help="Which version of it this is."),
    parent: str = typer.Option("", help="The digest of the version that it follows."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Keep a prompt with the control plane, sealed. Gateways fill it in for releases that were checked with it.

    Example: holdfast prompt add prompt.txt --name support --version 3
    """
    from holdfast.domain.errors import FixInput
    from holdfast.domain.prompt import parse_prompt

    if not file.is_file():
        raise FixInput("prompt.file", f"There is no file {file}.", "Name the file that the release was checked with.")
    data = file.read_bytes()
    parse_prompt(data)
    with connected(url, token) as client:
        show_record(client.register_prompt(name, version, data.decode(), parent), as_json=as_json)
    return Exit.PASS


@app.command("list")
@command
def list_prompts(
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List the prompts that are registered, the newest first.

    Example: holdfast prompt list
    """
    with connected(url, token) as client:
        page = client.list_prompts(limit=limit)
    columns = {"prompt": lambda kept: kept.key, "digest": lambda kept: kept.record.digest, "at": lambda kept: kept.at}
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@app.command("show")
@command
def show(
    name: str = typer.Argument(help="What it is called."),
    version: str = typer.Argument(help="Which version."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
) -> Exit:
    """Print the text of a prompt, byte for byte, for those who may read prompts.

    Example: holdfast prompt show support 3
    """
    with connected(url, token) as client:
        text = client.read_prompt(name, version)
    sys.stdout.buffer.write(text)
    return Exit.PASS
