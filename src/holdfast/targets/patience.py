"""Asking a server for something over HTTP, within bounds: how long, how much, and how often while it is busy."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from holdfast.domain.errors import ModelFailed, Unavailable

ATTEMPTS = 5
FIRST_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class Patience:
    """How a server is asked. `what` begins the codes of errors, and `who` is called so in them; statuses in `busy` are
    asked again, after a pause of up to `longest_pause_s`; a call takes at most `seconds`.
    """

    what: str
    who: str
    busy: tuple[int, ...]
    seconds: float
    longest_pause_s: float

    def send(
        self, client: httpx.Client, method: str, url: str, most: int, content: bytes | None = None
    ) -> tuple[int, bytes]:
        """Status and body; again after a pause while the server is busy or does not accept connections.

        Unavailable where nothing answers, ModelFailed where the answer is late or has more than `most` bytes.
        """
        pause = FIRST_PAUSE_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status, data, wait = self._send_once(client, method, url, most, content)
            except httpx.ConnectTimeout as error:
                raise self._unreachable(url, "it does not accept the connection") from error
            except httpx.TimeoutException as error:
                late = f"{self.who} did not answer within {self.seconds:g} s."
                raise ModelFailed(f"{self.what}.timed-out", late, "Raise `seconds_per_call`.") from error
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if attempt == ATTEMPTS or not isinstance(error, httpx.ConnectError | httpx.RemoteProtocolError):
                    raise self._unreachable(url, str(error)) from error
            else:
                if status not in self.busy or attempt == ATTEMPTS:
                    return status, data
                pause = max(pause, wait)
            time.sleep(min(pause, self.longest_pause_s))
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _send_once(
        self, client: httpx.Client, method: str, url: str, most: int, content: bytes | None
    ) -> tuple[int, bytes, float]:
        """Status, body and the pause that the server asks for; never more than `most` bytes, nor longer than a call."""
        deadline = time.monotonic() + self.seconds
        kind = {"content-type": "application/json"} if content else {}
        with client.stream(method, url, content=content, headers=kind) as response:
            data = bytearray()
            for piece in response.iter_bytes():
                data += piece
                if len(data) > most:
                    what = f"{self.who}'s answer is longer than {most:,} bytes."
                    raise ModelFailed(f"{self.what}.endless-answer", what)
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer came too slowly")
            wait = response.headers.get("retry-after", "")
            return response.status_code, bytes(data), float(wait) if wait.isdigit() else 0.0

    def parsed(self, data: bytes) -> Any:
        """The JSON in an answer; ModelFailed where it is none."""
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ModelFailed(f"{self.what}.malformed", f"{self.who}'s answer is not JSON.", excerpt(data)) from error

    def _unreachable(self, url: str, why: str) -> Unavailable:
        hint = "Is the server up, is the URL right?"
        return Unavailable(f"{self.what}.unreachable", f"Nothing answers at {url}: {why}.", hint)


def excerpt(data: bytes) -> str:
    """The server's own words, for the person at the terminal, cut short."""
    words = " ".join(data[:2000].decode(errors="replace").split())
    return f"It said: {words[:300]}" if words else ""
