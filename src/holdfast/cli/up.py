"""`holdfast up` and `holdfast serve`: the control plane, on a laptop or on servers."""

from __future__ import annotations

from pathlib import Path

import typer

from holdfast.cli.entrance import Exit, command

HOME_OPTION = typer.Option(Path("~/.holdfast"), help="Where key, ledger and blobs lie; one for one database.")
DATABASE_OPTION = typer.Option("", envvar="HOLDFAST_DATABASE", help="postgresql://… (else SQLite in --home).")


@command
def up(
    port: int = typer.Option(8710, min=1, max=65535, help="The port to listen on, on this machine alone."),
    home: Path = HOME_OPTION,
) -> Exit:
    """Start the whole platform in one process, with nothing to install, for this machine.

    Example: holdfast up --port 8710
    """
    return _run(home.expanduser(), database="", host="127.0.0.1", port=port, url=f"http://127.0.0.1:{port}")


@command
def serve(
    database: str = DATABASE_OPTION,
    home: Path = HOME_OPTION,
    host: str = typer.Option("127.0.0.1", help="The address to listen on."),
    port: int = typer.Option(8710, min=1, max=65535, help="The port to listen on."),
    url: str = typer.Option("", help="Where people reach it, such as https://holdfast.example."),
) -> Exit:
    """Serve the platform to an organisation: run as many processes as you need on one database and one --home.

    Example: holdfast serve --database postgresql://holdfast@db/holdfast --home /srv/holdfast --url https://hf.example
    """
    return _run(home.expanduser(), database=database, host=host, port=port, url=url or f"http://{host}:{port}")


def _run(home: Path, *, database: str, host: str, port: int, url: str) -> Exit:
    from holdfast.domain.errors import Unavailable

    try:
        import uvicorn

        from holdfast.flows.people import found
        from holdfast.server.app import create_app
        from holdfast.wiring import open_platform
    except ModuleNotFoundError as error:
        raise Unavailable(
            "server.extra", f"The package {error.name} is not installed.", "pip install 'holdfast[server]'"
        ) from error
    with open_platform(home, database=database, url=url) as platform:
        link = found(platform.desk, platform.accounts)
        typer.echo(f"Holdfast at {url}, kept in {home}. Ctrl-C stops it.")
        if link:
            typer.echo(f"First administrator, once within three days: {url}/welcome/{link}")
        uvicorn.run(create_app(platform), host=host, port=port, log_level="warning", server_header=False)
    return Exit.PASS
