"""Server-sent events as they arrive, in whatever pieces (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.gateway.http.connection import Broken

MOST_EVENT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name (empty for the usual one) and its data, lines joined by newlines."""

    name: str
    data: str

    def __bytes__(self) -> bytes:
        """The event as it goes over the wire."""
        head = f"event: {self.name}\n" if self.name else ""
        return (head + "".join(f"data: {line}\n" for line in self.data.split("\n")) + "\n").encode()


class Reader:
    """Takes bytes and gives events once they are whole. Text that is not UTF-8 is read with replacement characters."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._ended_in_return = False
        self._is_first = True
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that this completes; Broken where one is longer than any that is meant."""
        if not chunk:
            return
        ended_in_return = chunk.endswith(b"\r")
        chunk = chunk[1:] if self._ended_in_return and chunk.startswith(b"\n") else chunk
        self._ended_in_return = ended_in_return
        self._line += chunk
        if b"\n" in chunk or b"\r" in chunk:
            yield from self._lines()
        self._measure(0, held=len(self._line))

    def _lines(self) -> Iterator[Event]:
        *lines, self._line = self._line.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._measure(len(line))
            text = line.decode("utf-8", "replace")
            event = self._take(text.removeprefix("\ufeff") if self._is_first else text)
            self._is_first = False
            if event is not None:
                yield event

    def _measure(self, more: int, held: int = 0) -> None:
        self._size += more
        if self._size + held > MOST_EVENT_BYTES:
            raise Broken("The upstream sent an event that is too long.")

    def _take(self, line: str) -> Event | None:
        if not line:
            name, data, self._name, self._data, self._size = self._name, self._data, "", [], 0
            return Event(name, "\n".join(data)) if data else None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None
