"""How events reach whoever watches over security: a file that a shipper reads, or an address of a SIEM."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import httpx

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
