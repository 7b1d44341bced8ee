"""`holdfast gateway`: let only released models decide, guard each exchange, and log each decision."""

from __future__ import annotations

from pathlib import Path

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import TOKEN_OPTION


@command
def gateway(
    document: Path = typer.Argument(Path("gateway.yaml"), help="What is served, and how."),
    home: Path = typer.Option(Path("~/.holdfast"), envvar="HOLDFAST_HOME", help="Where the decision log lies."),
    token: str = TOKEN_OPTION,
    name: str = typer.Option("", envvar="HOLDFAST_GATEWAY", help="Its name in the decision log [the document's]."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Serve what the control plane has cleared, until Ctrl-C; what is under way is finished first.

    Example: holdfast gateway gateway.yaml
    """
    from holdfast.domain.errors import FixInput, Unavailable

    try:
        from holdfast.gateway.run import run
        from holdfast.gateway.setup.document import named, read_gateway
    except ModuleNotFoundError as error:
        what = f"The package {error.name} is not installed."
        raise Unavailable("gateway.extra", what, "pip install 'holdfast[gateway]'") from error
    from holdfast.wiring import open_gateway_premises

    if not token:
        hint = "Issue one in the console that may gateway.run, and set HOLDFAST_TOKEN."
        raise FixInput("gateway.token", "No token says who runs this gateway.", hint)
    read = read_gateway(document)
    read = named(read, name) if name else read
    where = f"{'https' if read.listen.certificate else 'http'}://{read.listen.host}:{read.listen.port}"
    with open_gateway_premises(read, document.parent, home.expanduser(), token) as premises:
        if as_json:
            print_json({"url": where, "gateway": premises.log.gateway})
        else:
            typer.echo(f"Gateway at {where} for {read.environment}. Ctrl-C stops it.")
        run(read, premises, document)
    return Exit.PASS
