"""`holdfast deployment` and `holdfast waiver`: what runs, and what is accepted for a while."""

from __future__ import annotations

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command
from holdfast.cli.remote import LIMIT_OPTION, TOKEN_OPTION, URL_OPTION, connected, in_days, show_page, show_record

app = typer.Typer(help="Deployments: what is in production.", no_args_is_help=True, rich_markup_mode=None)
waivers = typer.Typer(help="Waivers: breaches accepted for a while.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
@command
def list_deployments(
    system: str = typer.Option("", help="Only this system."),
    state: str = typer.Option("running", help="running or ended."),
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List what runs, since when, and who let it in.

    Example: holdfast deployment list --system credit
    """
    with connected(url, token) as client:
        page = client.list_deployments(system=system, state=state, limit=limit)
    columns = {
        "deployment": lambda kept: kept.key,
        "system": lambda kept: kept.record.system,
        "environment": lambda kept: kept.record.environment,
        "since": lambda kept: kept.record.since,
        "until": lambda kept: kept.record.until,
        "release": lambda kept: kept.record.release,
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@app.command("start")
@command
def start(
    request: str = typer.Argument(help="The key of the request whose gate is open."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Record that a release goes into production; what ran there before ends with it.

    Example: holdfast deployment start 4f1c...
    """
    with connected(url, token) as client:
        show_record(client.start_deployment(request), as_json=as_json)
    return Exit.PASS


@app.command("end")
@command
def end(
    deployment: str = typer.Argument(help="The deployment's key."),
    reason: str = typer.Option(..., help="Why, in a sentence."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Record that a release went out of production.

    Example: holdfast deployment end 9a2e... --reason "Too many complaints"
    """
    with connected(url, token) as client:
        show_record(client.end_deployment(deployment, reason=reason), as_json=as_json)
    return Exit.PASS


@waivers.command("list")
@command
def list_waivers(
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List waivers, the newest first; whether one counts is shown with its request.

    Example: holdfast waiver list
    """
    with connected(url, token) as client:
        page = client.list_waivers(limit=limit)
    columns = {
        "waiver": lambda kept: kept.key,
        "measure": lambda kept: kept.record.measure,
        "until": lambda kept: kept.record.expires_at,
        "controls": lambda kept: kept.record.controls,
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@waivers.command("ask")
@command
def ask(
    request: str = typer.Argument(help="The request's key."),
    measure: str = typer.Argument(help="The measure whose limit is breached."),
    reason: str = typer.Option(..., help="Why it should be accepted."),
    controls: str = typer.Option(..., help="What keeps the harm small meanwhile."),
    days: int = typer.Option(30, min=1, max=366, help="For how long."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Ask that a breach be accepted for a while. Answer it with `holdfast approve REQUEST --waiver KEY`.

    Example: holdfast waiver ask 4f1c... evasion.flip_rate --reason "Fixed in May" --controls "Each is looked at"
    """
    with connected(url, token) as client:
        kept = client.ask_waiver(request, measure, reason=reason, controls=controls, until=in_days(days))
    show_record(kept, as_json=as_json)
    return Exit.PASS
