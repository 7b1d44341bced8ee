"""Requests and answers: how records travel, what is tried again, and errors made of problem documents."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import quote

import httpx

from holdfast import canonical
from holdfast.domain import errors
from holdfast.domain.errors import FixInput, HoldfastError, TooMany, Unavailable

T = TypeVar("T")
V_co = TypeVar("V_co", covariant=True)
TRIES = 3
TIMEOUT_S = 60.0


class Paged(Protocol[V_co]):
    """One page of a list, and where the next starts."""

    @property
    def items(self) -> tuple[V_co, ...]:
        """What is on the page."""

    @property
    def after(self) -> str:
        """Where the next page starts; empty at the end."""


class Transport:
    """A connection to one control plane."""

    def __init__(self, url: str, token: str, *, http: httpx.Client | None = None) -> None:
        self._http = http or httpx.Client(timeout=TIMEOUT_S)
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"}

    def close(self) -> None:
        """Let the connection go."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def every(self, list: Callable[..., Paged[T]], **filters: Any) -> Iterator[T]:
        """All items of a list, page after page."""
        page = list(**filters)
        yield from page.items
        while page.after:
            page = list(**filters | {"after": page.after})
            yield from page.items

    def _get(self, kind: type[T], path: str, /, **query: Any) -> T:
        return _record(kind, self._send("GET", path, query=query))

    def _raw(self, path: str) -> bytes:
        return self._send("GET", path).content

    @contextmanager
    def _lines(self, path: str) -> Iterator[Iterator[bytes]]:
        """The lines of a long answer, each with its end, as they arrive; memory does not grow with their number."""
        try:
            with self._http.stream("GET", f"{self._url}/api/v1{path}", headers=self._headers) as answer:
                if not answer.is_success:
                    answer.read()
                    raise error_of(answer)
                yield _split(answer.iter_bytes())
        except httpx.TransportError as error:
            hint = "Nothing was changed. Try again."
            raise Unavailable("client.cut-off", f"The answer of {self._url} broke off ({error}).", hint) from error

    def _make(self, kind: type[T], path: str, /, *, method: str = "POST", **body: Any) -> T:
        return self._send_record(kind, path, body, method=method)

    def _send_record(self, kind: type[T], path: str, record: object, *, method: str = "POST") -> T:
        return _record(kind, self._send(method, path, body=canonical.plain(record)))

    def _send(self, method: str, path: str, *, query: dict[str, Any] | None = None, body: Any = None) -> httpx.Response:
        """The answer; a `HoldfastError` where the control plane says no, or says nothing."""
        headers = self._headers | ({"idempotency-key": secrets.token_hex(16)} if method in ("POST", "PUT") else {})
        for left in reversed(range(TRIES)):
            try:
                answer = self._http.request(
                    method, f"{self._url}/api/v1{path}", params=query, json=body, headers=headers
                )
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeEncodeError) as error:
                hint = "The address starts https:// and the token is plain text."
                raise FixInput("client.url", f"{self._url!r} cannot be asked: {error}.", hint) from error
            except httpx.TransportError as error:
                if left:
                    continue
                hint = "Check the address, and that the control plane runs. Nothing was done twice."
                raise Unavailable("client.unreachable", f"{self._url} did not answer ({error}).", hint) from error
            if not answer.is_success:
                raise error_of(answer)
            return answer
        raise AssertionError("the last try returns or raises")


def _record(kind: type[T], answer: httpx.Response) -> T:
    found: T = canonical.rebuild(kind, answer.json())
    return found


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest


def segment(text: str) -> str:
    """A name or key as one segment of a path."""
    return quote(text, safe="")


def error_of(answer: httpx.Response) -> HoldfastError:
    """The error that a problem document stands for; Unavailable for any other document."""
    try:
        said = answer.json()
        kind, code, message, hint = (str(said[name]) for name in ("kind", "code", "title", "hint"))
    except (ValueError, KeyError, TypeError):
        hint = "Is it a Holdfast control plane, and is a proxy before it well?"
        return Unavailable("client.answer", f"{answer.url.host} answered {answer.status_code}, no problem.", hint)
    found = getattr(errors, kind, HoldfastError)
    if found is TooMany:
        return TooMany(code, message, hint, int(answer.headers.get("retry-after", "1")))
    is_error = isinstance(found, type) and issubclass(found, HoldfastError)
    return found(code, message, hint) if is_error else HoldfastError(code, message, hint)
