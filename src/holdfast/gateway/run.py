"""A gateway as a process: one server, one loop, drained when it is told to stop."""

from __future__ import annotations

import asyncio
import socket
import ssl

import uvicorn

from holdfast.domain.errors import FixInput, Unavailable
from holdfast.gateway.build import Premises, running
from holdfast.gateway.document import GatewayDocument, ListenSection
from holdfast.gateway.door import Door
from holdfast.httpd import Server

DRAIN_SECONDS = 30
BACKLOG = 2048


def run(document: GatewayDocument, premises: Premises) -> None:
    """Serve until the process is told to stop (SIGINT or SIGTERM), then finish what is under way."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(document, premises))


async def _serve(document: GatewayDocument, premises: Premises) -> None:
    async with running(document, premises) as gateway:
        listen = document.listen
        config = uvicorn.Config(
            gateway,
            host=listen.host,
            port=listen.port,
            http=Door,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            ssl_certfile=premises.folder / listen.certificate if listen.certificate else None,
            ssl_keyfile=premises.folder / listen.key if listen.key else None,
            ssl_ca_certs=str(premises.folder / listen.clients) if listen.clients else None,
            ssl_cert_reqs=ssl.CERT_OPTIONAL if listen.clients else ssl.CERT_NONE,
        )
        with _listening(listen) as listening:
            _load(config)
            await Server(config).serve(sockets=[listening])


def _listening(listen: ListenSection) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        return socket.create_server((listen.host, listen.port), family=family, backlog=BACKLOG)
    except OSError as error:
        what = f"Nobody can listen on {listen.host}:{listen.port}: {error.strerror}."
        raise Unavailable("gateway.listen", what, "Is another gateway running there?") from error


def _load(config: uvicorn.Config) -> None:
    try:
        config.load()
    except (OSError, ValueError) as error:  # of files that are not there, or hold no certificate or key
        hint = "Look at `certificate`, `key` and `clients` under `listen`; the key must not need a password."
        raise FixInput("gateway.tls", f"The gateway's certificate cannot be used: {error}.", hint) from error
