"""`holdfast up` and `holdfast serve`: the control plane, on a laptop or on servers."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json

if TYPE_CHECKING:
    from holdfast.httpd import Server
    from holdfast.server.platform import Platform

HOME_OPTION = typer.Option(
    Path("~/.holdfast"), envvar="HOLDFAST_HOME", help="Where key, ledger and blobs lie; one for one database."
)
DATABASE_OPTION = typer.Option("", envvar="HOLDFAST_DATABASE", help="postgresql://… (else SQLite in --home).")


@command
def up(
    port: int = typer.Option(8710, min=1, max=65535, help="The port to listen on, on this machine alone."),
    home: Path = HOME_OPTION,
    demo: bool = typer.Option(False, "--demo", help="Fill an empty --home with made-up data and people first."),
    gateway: Path | None = typer.Option(None, help="A gateway.yaml: run that gateway beside it, under HOLDFAST_TOKEN."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Start the whole platform, with nothing to install, for this machine.

    Example: holdfast up --port 8710
    """
    place = _Place("127.0.0.1", port, f"http://127.0.0.1:{port}")
    return _run(home.expanduser(), "", place, demo=demo, gateway=gateway, as_json=as_json)


@command
def serve(
    database: str = DATABASE_OPTION,
    home: Path = HOME_OPTION,
    host: str = typer.Option("127.0.0.1", help="The address to listen on."),
    port: int = typer.Option(8710, min=1, max=65535, help="The port to listen on."),
    url: str = typer.Option("", help="Where people reach it, such as https://holdfast.example."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Serve the platform to an organisation: run as many processes as you need on one database and one --home.

    Example: holdfast serve --database postgresql://holdfast@db/holdfast --home /srv/holdfast --url https://hf.example
    """
    place = _Place(host, port, url.rstrip("/") or f"http://{host}:{port}")
    return _run(home.expanduser(), database, place, demo=False, as_json=as_json)


@dataclass(frozen=True)
class _Place:
    """Where to listen, and where people reach that."""

    host: str
    port: int
    url: str


def _run(home: Path, database: str, place: _Place, *, demo: bool, as_json: bool, gateway: Path | None = None) -> Exit:
    from holdfast.domain.errors import Unavailable

    try:
        import uvicorn

        from holdfast.flows.people import found
        from holdfast.httpd import Server
        from holdfast.server.app import create_app
        from holdfast.wiring import open_platform
    except ModuleNotFoundError as error:
        raise Unavailable(
            "server.extra", f"The package {error.name} is not installed.", "pip install 'holdfast[server]'"
        ) from error
    with _listening(place) as door, open_platform(home, database=database, url=place.url) as platform:
        password = _furnish(platform) if demo else ""
        link = found(platform.desk, platform.accounts)
        _announce(home, place.url, f"{place.url}/welcome/{link}" if link else "", password, as_json=as_json)
        config = uvicorn.Config(create_app(platform), log_level="warning", server_header=False)
        _serve(Server(config), door, gateway, home)
    return Exit.PASS


def _serve(server: Server, door: socket.socket, gateway: Path | None, home: Path) -> None:
    """Serve until told to stop; a gateway beside it finishes first, while it can still be answered."""
    if gateway is None:
        server.run(sockets=[door])
        return
    from holdfast.cli.beside import GatewayBeside

    beside = GatewayBeside(gateway, home, server.end)
    server.first = beside.stop
    server.run(sockets=[door])
    beside.require_fine()


def _listening(place: _Place) -> socket.socket:
    """The port, taken before anything else is opened."""
    from holdfast.domain.errors import Unavailable

    try:
        return socket.create_server((place.host, place.port))
    except OSError as error:
        what = f"Nothing can listen on {place.host}:{place.port}: {error.strerror}."
        raise Unavailable("server.port", what, "Choose another --port, or stop what listens there.") from error


def _furnish(platform: Platform) -> str:
    from holdfast.testing.demo import furnish
    from holdfast.testing.demo_watch import furnish_decisions

    password = furnish(platform.desk, platform.accounts, platform.questionnaires)
    furnish_decisions(platform.desk, platform.watching.post)
    return password


def _announce(home: Path, url: str, link: str, password: str, *, as_json: bool) -> None:
    if as_json:
        said = {"url": url, "home": str(home), "first_administrator": link or None, "demo_password": password or None}
        print_json(said)
        sys.stdout.flush()
        return
    typer.echo(f"Holdfast at {url}, kept in {home}. Ctrl-C stops it.")
    if link:
        typer.echo(f"First administrator, once within three days: {link}")
    if password:
        typer.echo(f"Demo people: owner@demo.example, legal@demo.example, … with the password {password}")
