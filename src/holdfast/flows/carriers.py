"""How events reach whoever watches over security: a file that a shipper reads, an address of a SIEM, or syslog."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from holdfast.domain.errors import FixInput

SECONDS = 5.0
REFUSES = frozenset({400, 413, 422})
"""Statuses by which an endpoint says that it will never take these events as they are."""


class Refused(Exception):
    """The endpoint will never take these events."""


class Carrier(Protocol):
    """Delivers events, each as JSON: all or none, or some of them twice."""

    def deliver(self, events: Sequence[bytes]) -> None:
        """Bring them there; OSError or httpx.HTTPError where that fails now, `Refused` where it always will."""


class FileCarrier:
    """Appends JSON lines to the file at `path`, which may be moved away at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def deliver(self, events: Sequence[bytes]) -> None:
        """As `Carrier` says."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(b"".join(event + b"\n" for event in events))
            file.flush()
            os.fsync(file.fileno())


class SyslogCarrier:
    """Sends each event as a message of RFC 5424 over TCP, with TLS if `tls`, framed by its length (RFC 6587).

    Syslog answers nothing: what the receiver's machine took from the wire counts as delivered.
    """

    PRIORITY = 13 * 8 + 4
    """Facility 13, audit; severity 4, warning: what it is says the event."""

    def __init__(self, host: str, port: int, *, tls: bool) -> None:
        self._place, self._tls = (host, port), tls

    def deliver(self, events: Sequence[bytes]) -> None:
        """As `Carrier` says."""
        at, host = datetime.now(UTC).isoformat(), socket.gethostname()
        head = f"<{self.PRIORITY}>1 {at} {host} holdfast {os.getpid()} ocsf - ".encode()
        messages = [head + event for event in events]
        with socket.create_connection(self._place, SECONDS) as plain, self._wrapped(plain) as wire:
            wire.sendall(b"".join(b"%d %b" % (len(message), message) for message in messages))

    def _wrapped(self, plain: socket.socket) -> socket.socket:
        if not self._tls:
            return plain
        return ssl.create_default_context().wrap_socket(plain, server_hostname=self._place[0])


def carrier_to(where: str, authorization: str = "") -> Carrier:
    """The carrier to a place: ``https://siem.example/in``, ``syslog+tls://siem.example:6514``, ``syslog+tcp://…``, or
    the path of a file. `authorization` is what that header says to an address. FixInput for what is none of them.
    """
    scheme, _, rest = where.partition("://")
    if not rest:
        return FileCarrier(Path(where))
    if scheme in ("http", "https") and "@" not in urlsplit(where).netloc:
        return HttpCarrier(where, {"authorization": authorization} if authorization else {})
    try:
        place = urlsplit(where)
        host, port = place.hostname, place.port
    except ValueError:
        host, port = None, None
    if scheme not in ("syslog+tcp", "syslog+tls") or not host or port is None:
        hint = "Name a file, https://HOST/PATH, syslog+tls://HOST:PORT or syslog+tcp://HOST:PORT, without a password."
        raise FixInput("events.address", f"Events cannot be sent to {scheme}://….", hint)
    return SyslogCarrier(host, port, tls=scheme == "syslog+tls")


class HttpCarrier:
    """Posts a JSON array to `url`, with `headers`."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = url
        self._client = httpx.Client(timeout=SECONDS, headers={"content-type": "application/json", **headers})

    def deliver(self, events: Sequence[bytes]) -> None:
        """As `Carrier` says."""
        answer = self._client.post(self._url, content=b"[" + b",".join(events) + b"]")
        if answer.status_code in REFUSES:
            raise Refused(f"It answered {answer.status_code}.")
        if not answer.is_success:
            raise OSError(f"It answered {answer.status_code}.")
