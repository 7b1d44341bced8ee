"""A control plane behind a real HTTP server on a port of this machine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import uvicorn

from holdfast.flows.people import issue_token


@contextmanager
def serving(app, port: int = 0) -> Iterator[str]:
    """The URL at which `app` is served while the block lasts; on some free port where none is named."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def secret_of(office, platform, who: str) -> str:
    """A token for all that somebody may."""
    caller = office.caller(who)
    until, allowed = office.clock.now + timedelta(days=1), tuple(caller.permissions)
    return issue_token(platform.desk, platform.accounts, caller, name="test", allowed=allowed, until=until)[1]
