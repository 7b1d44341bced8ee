"""A gateway as a process: one server, one loop, drained when it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvicorn

from holdfast.domain.errors import FixInput, Unavailable
from holdfast.gateway.http.server import ServerConnection
from holdfast.gateway.observe.exposition import Exposition
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.observe.observing import observing, read_secret
from holdfast.gateway.setup.document import GatewayDocument, ListenSection
from holdfast.gateway.setup.premises import Premises
from holdfast.gateway.setup.reload import Reloader
from holdfast.gateway.site import running
from holdfast.httpd import Beside, Server

DRAIN_SECONDS = 30
BACKLOG = 2048


def run(document: GatewayDocument, premises: Premises, path: Path) -> None:
    """Serve what the document at `path` says until the process is told to stop (SIGINT or SIGTERM), then finish what is
    under way. It is read again when it changes, and at SIGHUP.
    """
    import uvloop

    with (
        observing(document, premises.folder, premises.home) as observer,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(document, premises, observer, path))


async def _serve(document: GatewayDocument, premises: Premises, observer: Observer, path: Path) -> None:
    async with running(document, premises, observer) as site:
        config = _config(document.listen, site.gateway, premises.folder)
        counts = _counts(document, observer, premises.folder)
        secured = [one for one in (config, counts) if one is not None and one.is_ssl]

        async def take(read: GatewayDocument) -> None:
            for one in secured:
                _take_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), one)
            await site.take(read)
            for one in secured:
                _take_certificate(one.ssl, one)

        reloader = Reloader(path, document, take, observer)
        with ExitStack() as stack:
            listening = stack.enter_context(_listening(config))
            if counts is not None:
                site.attend(Beside(counts).serve(sockets=[stack.enter_context(_listening(counts))]))
            site.attend(reloader.follow())
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.ask)
            await Server(config).serve(sockets=[listening])


def _counts(document: GatewayDocument, observer: Observer, folder: Path) -> uvicorn.Config | None:
    """The metrics port, where the document names one: under the gateway's certificate, where others reach it."""
    section = document.observe.metrics
    if section is None:
        return None
    token = read_secret(folder / section.token_file) if section.token_file else ""
    own = {"host": section.host, "port": section.port, "clients": None}
    listen = document.listen.model_copy(update=own | ({"certificate": None, "key": None} if section.is_here else {}))
    return _config(listen, Exposition(observer.figures, token), folder)


def _listening(config: uvicorn.Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except OSError as error:
        what = f"Nobody can listen on {config.host}:{config.port}: {error.strerror}."
        raise Unavailable("gateway.listen", what, "Is another gateway running there?") from error


def _take_certificate(context: ssl.SSLContext | None, config: uvicorn.Config) -> None:
    """Show the certificate that is in the files now; FixInput where it cannot be used."""
    if context is None or config.ssl_certfile is None:
        return
    try:
        context.load_cert_chain(config.ssl_certfile, config.ssl_keyfile)
    except (OSError, ValueError) as error:
        raise _unusable(error) from error


def _unusable(error: Exception) -> FixInput:
    hint = "Look at `certificate`, `key` and `clients` under `listen`; the key must not need a password."
    return FixInput("gateway.tls", f"The gateway's certificate cannot be used: {error}.", hint)


def _config(listen: ListenSection, app: Any, folder: Path) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        host=listen.host,
        port=listen.port,
        http=ServerConnection,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ssl_certfile=folder / listen.certificate if listen.certificate else None,
        ssl_keyfile=folder / listen.key if listen.key else None,
        ssl_ca_certs=str(folder / listen.clients) if listen.clients else None,
        ssl_cert_reqs=ssl.CERT_OPTIONAL if listen.clients else ssl.CERT_NONE,
    )
    try:
        config.load()
    except (OSError, ValueError) as error:  # of files that are not there, or hold no certificate or key
        raise _unusable(error) from error
    return config
