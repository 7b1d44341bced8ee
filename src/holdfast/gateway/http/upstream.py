"""An upstream: where it is, the connections to it, how long it may take, and when it is left alone to recover."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from holdfast.domain.errors import FixInput, Unavailable
from holdfast.gateway.http.connection import Answer, Broken, Connection, Headers

HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding"
    b" upgrade".split()
)
"""Headers that speak of one connection alone (RFC 9110 section 7.6.1), and are never passed on."""

RETRY_SHARE = 0.1
RETRY_BURST = 10.0
"""Connections may be tried again for this share of the exchanges, and for so many at a moment: where everything fails,
trying again must not double the load."""

_NOT_PASSED_ON = HOP_BY_HOP | {b"host", b"content-length", b"expect"}


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for a connection, and for an answer to begin or go on; how many exchanges at once, and how many
    may wait for their turn; after how many failures in a row an upstream is left alone, and for how many seconds.
    """

    connect: float = 2.0
    answer: float = 60.0
    at_once: int = 256
    waiting: int = 1024
    failures: int = 5
    rest: float = 5.0


class Origin:
    """The scheme, host and port of an upstream, and the path below which it serves."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        parts = _parts(url)
        self.url = url.rstrip("/")
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~").encode("ascii")
        self.authority = parts.netloc.encode("idna")
        self.tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None


def _parts(url: str) -> SplitResult:
    """An upstream's address in its parts; FixInput where it is none, or carries a secret."""
    hint = "Write it as https://host:port/path."
    try:
        parts = urlsplit(url)
        is_one = parts.port != 0 and all(32 < byte < 127 for byte in parts.netloc.encode("idna"))
    except ValueError as error:  # a port or a host that cannot be
        raise FixInput("upstream.url", "An upstream's address cannot be read.", hint) from error
    if parts.username is not None or parts.password is not None:
        raise FixInput("upstream.secret", "An upstream's address carries a secret.", "Name a header for it.")
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    if not is_one or not is_web or parts.query or parts.fragment:
        raise FixInput("upstream.url", f"{url!r:.200} is no upstream.", hint)
    return parts


class Upstream:
    """Asks one origin. Failures in a row open a circuit: then Unavailable at once, until a rest is over.

    `under_way` and `waiting` count exchanges of now, `failures` and `retries` all that there were.
    """

    def __init__(self, origin: Origin, patience: Patience | None = None) -> None:
        self.origin = origin
        self.patience = patience or Patience()
        self._loop = asyncio.get_running_loop()
        self._free: list[Connection] = []
        self._turns = asyncio.Semaphore(self.patience.at_once)
        self.under_way = self.waiting = self.failures = self.retries = 0
        self._may_retry = RETRY_BURST
        self._failed = 0
        self._rests_until = 0.0

    @property
    def is_resting(self) -> bool:
        """Whether it failed so often that nobody asks it for a while."""
        return self._failed >= self.patience.failures and self._loop.time() < self._rests_until

    async def ask(self, method: bytes, path: bytes, headers: Headers, body: bytes) -> Answer:
        """The answer, once its headers are there; its body is still to be read.

        Unavailable where the upstream rests or too many wait for it; Broken where it does not answer in time, or not in
        HTTP. A request goes out twice only where a connection from earlier turns out to be closed before anything came;
        a connection that cannot be made is tried once more, within a budget.
        """
        if self.is_resting:
            raise Unavailable("upstream.resting", f"{self.origin.host} failed too often.", "Try again in a moment.")
        request = self._written(method, path, headers, body)
        await self._turn()
        self.under_way += 1
        self._may_retry = min(RETRY_BURST, self._may_retry + RETRY_SHARE)
        try:
            answer = await self._asked(request)
        except BaseException as error:
            self._release()
            if isinstance(error, Broken):
                self._note_failure()
            raise
        self._failed = 0
        answer.ended = self._ended
        return answer

    def close(self) -> None:
        """Close the connections that are free."""
        while self._free:
            self._free.pop().abort()

    def _written(self, method: bytes, path: bytes, headers: Headers, body: bytes) -> bytes:
        lines = [b"%b %b%b HTTP/1.1\r\nhost: %b\r\n" % (method, self.origin.path, path, self.origin.authority)]
        lines += [b"%b: %b\r\n" % (name, value) for name, value in headers if name not in _NOT_PASSED_ON]
        lines.append(b"content-length: %d\r\n\r\n" % len(body))
        lines.append(body)
        return b"".join(lines)

    async def _turn(self) -> None:
        if self._turns.locked() and self.waiting >= self.patience.waiting:
            raise Unavailable("upstream.busy", f"Too many wait for {self.origin.host}.", "Try again in a moment.")
        self.waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self.waiting -= 1

    async def _asked(self, request: bytes) -> Answer:
        old = self._taken()
        if old is not None:
            try:
                return await old.ask(request)
            except Broken as error:
                if not error.is_untouched:
                    raise
        return await (await self._opened_at_last()).ask(request)

    def _taken(self) -> Connection | None:
        """The connection that was used last, so that those which are not needed fall idle and are closed."""
        while self._free:
            connection = self._free.pop()
            if connection.is_free:
                return connection
        return None

    async def _opened_at_last(self) -> Connection:
        """A new connection; where it cannot be made, a second try, as long as not too many need one."""
        try:
            return await self._opened()
        except Broken:
            if self._may_retry < 1:
                raise
            self._may_retry -= 1
            self.retries += 1
        return await self._opened()

    async def _opened(self) -> Connection:
        origin, wait = self.origin, self.patience.connect
        name = origin.host if origin.tls else None
        try:
            async with asyncio.timeout(wait):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self.patience.answer),
                    origin.host,
                    origin.port,
                    ssl=origin.tls,
                    server_hostname=name,
                )
        except (OSError, TimeoutError) as error:
            why = str(error) or f"it did not answer within {wait:g} s"
            raise Broken(f"{origin.host}:{origin.port} cannot be reached: {why}.") from error
        return connection

    def _release(self) -> None:
        self.under_way -= 1
        self._turns.release()

    def _ended(self, connection: Connection) -> None:
        self._release()
        if connection.is_free:
            self._free.append(connection)

    def _note_failure(self) -> None:
        self._failed += 1
        self.failures += 1
        self._rests_until = self._loop.time() + self.patience.rest
