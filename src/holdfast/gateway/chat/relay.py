"""An answer that is told piece by piece, on its way from a model's host to the caller: guards read it as it passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import orjson

from holdfast.domain.decision import Ended
from holdfast.domain.guard import Action
from holdfast.gateway.chat.held_calls import HeldCalls
from holdfast.gateway.dialects.contract import Json, Piece, Slot, Stream, read_object
from holdfast.gateway.http.connection import Broken
from holdfast.gateway.http.sse import Event
from holdfast.guards.armed_text import ArmedText, Remark, enforced, redactions
from holdfast.guards.holding import Holding
from holdfast.guards.passages import Passage, redact

DONE = "[DONE]"
MOST_TOLD = 4_000_000
"""Characters of an answer, which are kept for the log until it ends."""

MOST_TEXTS = 2_000
"""Texts that are told beside each other."""

Channel = tuple[object, ...]


class Relay:
    """Takes the host's events and gives those for the caller. `is_over` once the last one was given; `size` is that
    of its texts, in characters. `hides` takes out of an event what is not the caller's to hear.

    Pieces of a text are let out as far as guards have seen them; what was held back at its end goes out in a copy of
    the text's last event. Calls of tools are let out once they are whole, and the policy has nothing against them. Once
    a guard wants more than a redaction the answer is cut.
    """

    def __init__(
        self,
        stream: Stream,
        guards: Sequence[ArmedText],
        calls: HeldCalls | None = None,
        hides: Callable[[Json], None] | None = None,
    ) -> None:
        self.stream = stream
        self._calls = calls
        self.is_over = False
        self.size = 0
        self._guards, self._hides = tuple(guards), hides
        self._holdings: dict[Channel, Holding] = {}
        self._told: dict[Channel, list[str]] = {}
        self._last: dict[Channel, tuple[str, Json, Sequence[Slot], Slot]] = {}
        self._wholes: dict[str, None] = {}
        self._remarks: tuple[Remark, ...] = ()

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What each guard said of the whole of it."""
        parts = [holding.remarks for holding in self._holdings.values() if holding.remarks]
        return _joined([*parts, self._remarks] if self._remarks else parts)

    @property
    def action(self) -> Action:
        """The gravest enforced action so far."""
        said = enforced(chain(self._remarks, *(holding.remarks for holding in self._holdings.values())))
        return max(said, self._calls.action if self._calls else said, key=lambda action: action.rank)

    @property
    def ended(self) -> Ended:
        """How the answer ended."""
        return Ended.ANSWERED if self.action.rank <= Action.REDACT.rank else Ended.BLOCKED

    @property
    def passages(self) -> tuple[Passage, ...]:
        """What the caller was told: its texts, and what stands in none of them."""
        texts = ["".join(parts) for parts in self._told.values()]
        others = [whole for whole in self._wholes if not any(whole in text for text in texts)]
        return tuple(Passage("assistant", text) for text in [*texts, *others] if text)

    def take(self, event: Event) -> list[Event]:
        """What the caller hears of one event; Broken where it cannot be read."""
        if event.data == DONE:
            rest = self.end()
            return rest if self._is_cut else [*rest, event]
        if not event.data:
            return [event]
        told = _read(event)
        if self._hides is not None:
            self._hides(told)
        let_out = self._calls.take(event, told) if self._calls else [(event.name, told)]
        if self._is_cut:
            self.is_over = True
            return self.stream.cut()
        return self._passed(let_out)

    @property
    def _is_cut(self) -> bool:
        return self.action.rank > Action.REDACT.rank

    def _passed(self, let_out: Sequence[tuple[str, Json]]) -> list[Event]:
        out: list[Event] = []
        for name, told in let_out:
            out += self._passed_one(name, told)
            if self.is_over:
                break
        return out

    def _passed_one(self, name: str, told: Json) -> list[Event]:
        piece = self.stream.read(told)
        out = self._flushed(piece.ends, {slot.channel for slot in piece.deltas})
        self._let_through(name, piece)
        if self._is_cut:
            self.is_over = True
            return [*out, *self.stream.cut()]
        if piece.is_last:
            self.is_over = True
        return out if piece.is_dropped else [*out, Event(name, orjson.dumps(piece.told).decode())]

    def end(self) -> list[Event]:
        """What is still held back."""
        let_out = self._calls.end() if self._calls else []
        if self._is_cut:
            self.is_over = True
            return self.stream.cut()
        out = self._passed(let_out)  # which cuts it, too, where a guard wants that
        rest = [] if self.is_over else self._flushed({channel[0] for channel in self._holdings}, set())
        self.is_over = True
        return [*out, *rest]

    def _let_through(self, name: str, piece: Piece) -> None:
        if self._guards:
            without_odds(piece.told)
        for slot in piece.deltas:
            self._measure(len(slot.text))
            holding = self._holdings.setdefault(slot.channel, Holding(self._guards, slot.role))
            slot.put(holding.feed(slot.text, is_last=slot.channel[0] in piece.ends))
            self._told.setdefault(slot.channel, []).append(slot.text)
            self._last[slot.channel] = (name, piece.told, piece.deltas, slot)
        for slot in piece.wholes:
            self._measure(0 if slot.text in self._wholes else len(slot.text))
            remarks = tuple(guard.read([slot.passage]) for guard in self._guards)
            slot.put(redact(slot.text, redactions(remarks, 0)))
            self._remarks = _joined([self._remarks, remarks] if self._remarks else [remarks])
            self._wholes[slot.text] = None

    def _measure(self, more: int) -> None:
        self.size += more
        if self.size > MOST_TOLD or len(self._holdings) + len(self._wholes) > MOST_TEXTS:
            raise Broken("The upstream's answer is too long, or in too many parts.")

    def _flushed(self, groups: set[object] | frozenset[object], here: set[Channel]) -> list[Event]:
        """The rest of the texts that end, but for those that go on in the event itself."""
        ending = [channel for channel in self._holdings if channel[0] in groups and channel not in here]
        return [event for channel in ending for event in self._rest(channel)]

    def _rest(self, channel: Channel) -> list[Event]:
        rest = self._holdings[channel].feed("", is_last=True)
        if not rest or self.action.rank > Action.REDACT.rank:
            return []
        name, told, slots, mine = self._last[channel]
        for slot in slots:
            slot.put("")
        mine.put(rest)
        self._told[channel].append(rest)
        return [Event(name, orjson.dumps(told).decode())]


def without_odds(told: Any) -> None:
    """Take out what spells an answer a second time, token by token: no guard could read it there."""
    if isinstance(told, dict):
        if told.get("logprobs"):
            told["logprobs"] = [] if isinstance(told["logprobs"], list) else None
        told = list(told.values())
    for inner in told:
        if isinstance(inner, dict | list):
            without_odds(inner)


def _joined(parts: Sequence[tuple[Remark, ...]]) -> tuple[Remark, ...]:
    """What each guard said of several texts, as one."""
    if not parts:
        return ()
    first, *others = parts
    for other in others:
        first = tuple(old.and_then(new) for old, new in zip(first, other, strict=True))
    return first


def _read(event: Event) -> Json:
    try:
        return read_object(event.data)
    except ValueError as error:
        raise Broken(f"The upstream sent an event that cannot be read: {error}.") from error
