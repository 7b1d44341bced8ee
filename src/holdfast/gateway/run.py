"""A gateway as a process: one server, one loop, drained when it is told to stop."""

from __future__ import annotations

import asyncio
import ssl

import uvicorn

from holdfast.gateway.build import Premises, running
from holdfast.gateway.document import GatewayDocument
from holdfast.gateway.door import Door
from holdfast.httpd import Server

DRAIN_SECONDS = 30


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
            ssl_certfile=listen.certificate,
            ssl_keyfile=listen.key,
            ssl_ca_certs=str(listen.clients) if listen.clients else None,
            ssl_cert_reqs=ssl.CERT_OPTIONAL if listen.clients else ssl.CERT_NONE,
        )
        await Server(config).serve()
