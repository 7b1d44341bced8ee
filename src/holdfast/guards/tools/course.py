"""What a conversation holds so far: where its contents come from, and what it has used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from hashlib import blake2b

from holdfast.domain.tool import Label
from holdfast.guards.tools.steps import Call, Result
from holdfast.guards.tools.traces import Traces, pieces_of

MOST_CALLS = 10_000
"""Calls that are told apart; who makes more has used up any budget of the same call."""


class Course:
    """Grows with each step, and forgets nothing: a label once there stays. Contents are kept as hashes alone."""

    def __init__(self) -> None:
        self.labels: frozenset[Label] = frozenset()
        self.steps = 0
        self.money = 0
        self._traces: dict[Label, Traces] = {}
        self._tools: Counter[str] = Counter()
        self._same: Counter[bytes] = Counter()
        self._called: dict[str, str] = {}

    def hold(self, labels: Collection[Label], text: str) -> None:
        """Take in content with these labels."""
        self.labels |= frozenset(labels)
        if not labels or not text:
            return
        pieces = pieces_of(text)
        for label in labels:
            self._traces.setdefault(label, Traces()).add(pieces)

    def call(self, call: Call, price: int = 0) -> None:
        """Take in that a tool is called."""
        self.steps += 1
        self.money += price
        self._tools[call.tool] += 1
        if len(self._same) < MOST_CALLS:
            self._same[_short(call)] += 1
            self._called[call.id] = call.tool

    def tool_of(self, result: Result) -> str:
        """Which tool answered; empty where nobody knows."""
        return self._called.get(result.call) or result.tool

    def calls_of(self, tool: str) -> int:
        """How often a tool was called."""
        return self._tools[tool]

    def times(self, call: Call) -> int:
        """How often the same call was made."""
        return self._same[_short(call)] if len(self._same) < MOST_CALLS else MOST_CALLS

    def carries(self, label: Label, text: str) -> bool:
        """Whether a text carries pieces of what has this label."""
        traces = self._traces.get(label)
        return traces is not None and traces.are_in(text)


def _short(call: Call) -> bytes:
    return blake2b(call.key, digest_size=16).digest()
