"""`holdfast appetite`: the limits, and why each is what it is."""

from __future__ import annotations

from pathlib import Path

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import TOKEN_OPTION, URL_OPTION, connected, show_record

app = typer.Typer(help="The limits that a release is held to.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _root() -> None:
    """The limits that a release is held to."""


@app.command("explain")
@command
def explain(
    appetite: Path | None = typer.Argument(None, help="An appetite document; the default one if not given."),
    tier: str | None = typer.Option(None, help="Only the limits that bind this tier: minimal, limited or high."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say what each limit is, what it measures, why it is what it is, and who answers for it.

    Example: holdfast appetite explain --tier high
    """
    from holdfast import canonical
    from holdfast.appetite import read_appetite
    from holdfast.domain.appetite import LIMITABLE, Tier
    from holdfast.domain.errors import FixInput
    from holdfast.plugins import find_measures
    from holdfast.settings import read_settings

    record = read_appetite(appetite)
    if tier is not None and tier not in LIMITABLE:
        raise FixInput("appetite.tier", f"No limit binds a tier {tier!r}.", f"There are: {', '.join(LIMITABLE)}.")
    limits = record.limits if tier is None else record.binding(Tier(tier))
    measures = find_measures(read_settings().plugins)
    if as_json:
        rows = [
            {**canonical.plain(limit), "title": measures[limit.measure].title if limit.measure in measures else None}
            for limit in limits
        ]
        print_json({**canonical.plain(record), "digest": canonical.digest(record), "limits": rows})
    else:
        from rich.console import Console

        from holdfast.reports.terminal import render_appetite

        Console().print(render_appetite(record, limits, measures))
    return Exit.PASS


@app.command("propose")
@command
def propose(
    document: Path = typer.Argument(help="The appetite document to be put in force."),
    reason: str = typer.Option(..., help="Why, in a sentence; whoever enacts it relies on it."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Propose an appetite to the control plane; somebody else must enact it.

    Example: holdfast appetite propose appetite.yaml --reason "Decided on 3 March"
    """
    from holdfast.appetite import read_appetite

    record = read_appetite(document)
    with connected(url, token) as client:
        show_record(client.propose_appetite(record, reason=reason), as_json=as_json)
    return Exit.PASS


@app.command("enact")
@command
def enact(
    proposal: str = typer.Argument(help="The proposal's key."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Let somebody else's proposal take effect.

    Example: holdfast appetite enact 4f1c...
    """
    with connected(url, token) as client:
        show_record(client.enact_proposal(proposal), as_json=as_json)
    return Exit.PASS


@app.command("backtest")
@command
def backtest(
    appetite: Path = typer.Argument(help="An appetite document."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say what an appetite would have made of the decisions that were watched. Ends with 1 where a limit was crossed.

    Example: holdfast appetite backtest stricter.yaml
    """
    from holdfast import canonical
    from holdfast.appetite import read_appetite

    record = read_appetite(appetite)
    with connected(url, token) as client:
        found = client.backtest(record)
    if as_json:
        print_json([canonical.plain(one) for one in found])
    for one in found if not as_json else ():
        typer.echo(f"{one.system}: {len(one.crossings)} of {one.limited} limited series in {one.batches} batches")
        for crossing in one.crossings:
            where = f" ({crossing.where})" if crossing.where else ""
            what = f"{crossing.measure}{where} at {crossing.level:.4g}, limit {crossing.limit:.4g}"
            typer.echo(f"  {what}: since {crossing.since}, known after {crossing.known}")
    if not found:
        typer.echo("No release that runs was watched yet.", err=True)
    return Exit.BREACH if any(one.crossings for one in found) else Exit.PASS if found else Exit.INCONCLUSIVE
