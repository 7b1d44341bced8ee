"""`holdfast credential`: who may ask systems at the gateways."""

from __future__ import annotations

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command
from holdfast.cli.remote import (
    LIMIT_OPTION,
    TOKEN_OPTION,
    URL_OPTION,
    connected,
    in_days,
    one_of,
    show_page,
    show_record,
)

app = typer.Typer(help="Credentials: who may ask at the gateways.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
@command
def list_credentials(
    state: str = typer.Option("live", help="live or revoked."),
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List who may come in, to which systems, and until when.

    Example: holdfast credential list
    """
    with connected(url, token) as client:
        page = client.list_credentials(state=state, limit=limit)
    columns = {
        "credential": lambda kept: kept.key,
        "name": lambda kept: kept.record.name,
        "by": lambda kept: kept.record.way,
        "systems": lambda kept: ", ".join(kept.record.systems),
        "routes": lambda kept: ", ".join(kept.record.routes),
        "until": lambda kept: kept.record.expires_at,
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@app.command("issue")
@command
def issue(
    name: str = typer.Argument(help="What it is for."),
    system: list[str] = typer.Option(..., help="A system that it reaches; repeat for more."),
    route: list[str] = typer.Option(["predict"], help="predict, chat or embed; repeat for more."),
    days: int = typer.Option(90, min=1, max=366, help="For how long."),
    certificate: str = typer.Option("", help="A name in the program's certificate, in place of a key."),
    subject: str = typer.Option("", help="ISSUER|SUBJECT of the program's signed tokens, in place of a key."),
    per_second: float | None = typer.Option(None, min=0.001, help="Exchanges a second on average."),
    at_once: int | None = typer.Option(None, min=1, help="Exchanges under way together."),
    rows: int | None = typer.Option(None, min=1, help="Rows a day."),
    tokens: int | None = typer.Option(None, min=1, help="Tokens a day."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Let a program in at the gateways. A key is shown now and never again.

    Example: holdfast credential issue branch --system credit --rows 100000
    """
    from holdfast.domain.credential import Budget, Route, Way
    from holdfast.domain.errors import FixInput

    if certificate and subject:
        raise FixInput("credential.way", "A credential has one way in.", "Give --certificate or --subject, not both.")
    way = Way.CERTIFICATE if certificate else Way.TOKEN if subject else Way.KEY
    budget = Budget(per_second=per_second, at_once=at_once, rows=rows, tokens=tokens)
    with connected(url, token) as client:
        made = client.issue_credential(
            name,
            systems=tuple(system),
            routes=tuple(one_of(Route, word) for word in route),
            until=in_days(days),
            way=way,
            match=certificate or subject,
            budget=budget,
        )
    show_record(made, as_json=as_json)
    return Exit.PASS


@app.command("revoke")
@command
def revoke(
    credential: str = typer.Argument(help="The credential's id."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Let a program in no longer; gateways know within two seconds. To rotate a key, issue the next one first.

    Example: holdfast credential revoke 3f0c...
    """
    with connected(url, token) as client:
        show_record(client.revoke_credential(credential), as_json=as_json)
    return Exit.PASS
