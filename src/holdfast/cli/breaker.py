"""`holdfast breaker`: stop a system wherever it decides, and let it go on."""

from __future__ import annotations

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command
from holdfast.cli.remote import LIMIT_OPTION, TOKEN_OPTION, URL_OPTION, connected, show_page, show_record

app = typer.Typer(help="Breakers: stop a system at once.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
@command
def list_breakers(
    state: str = typer.Option("tripped", help="tripped or reset."),
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List what is stopped, by whom and why.

    Example: holdfast breaker list
    """
    with connected(url, token) as client:
        page = client.list_breakers(state=state, limit=limit)
    columns = {
        "breaker": lambda kept: kept.key,
        "system": lambda kept: kept.record.system,
        "release": lambda kept: kept.record.release or "all",
        "since": lambda kept: kept.record.at,
        "why": lambda kept: kept.record.reason,
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@app.command("trip")
@command
def trip(
    system: str = typer.Argument(help="The system's name."),
    reason: str = typer.Option(..., help="Why, in a sentence."),
    release: str = typer.Option("", help="The digest of one release; all of them where it is left out."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Stop a system, or one release of it: gateways and admission hooks let it decide no more.

    Example: holdfast breaker trip credit --reason "It approves everybody since noon"
    """
    with connected(url, token) as client:
        show_record(client.trip_breaker(system, release=release, reason=reason), as_json=as_json)
    return Exit.PASS


@app.command("reset")
@command
def reset(
    breaker: str = typer.Argument(help="The breaker's key: the system's name, and :RELEASE if it stops one alone."),
    reason: str = typer.Option(..., help="Why it can go on."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Let it go on. Whoever stopped it cannot; an approver for risk or IT can.

    Example: holdfast breaker reset credit --reason "The feed is mended"
    """
    with connected(url, token) as client:
        show_record(client.reset_breaker(breaker, reason=reason), as_json=as_json)
    return Exit.PASS
