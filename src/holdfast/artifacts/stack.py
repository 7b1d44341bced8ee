"""The walker's foundation: the pickle machine's stack, marks and memo, and how reading ends early."""

from __future__ import annotations

from typing import BinaryIO

from holdfast.artifacts.report import Reason
from holdfast.artifacts.values import UNSET, Value, aged
from holdfast.artifacts.window import Window

MOST_REASONS = 20


class Broken(Exception):
    """The stream is no pickle from here on: CPython stops here too."""

    def __init__(self, rule: str, message: str, at: int) -> None:
        super().__init__(message)
        self.rule, self.message, self.at = rule, message, at


class Untraceable(Broken):
    """CPython may well go on from here; the walker does not follow."""


class Memo(list[Value]):
    """The memo as picklers write it: numbered without gaps, from zero, or from one by Python 2."""

    @property
    def from_one(self) -> bool:
        """Whether Python 2 wrote it."""
        return bool(self) and self[0] is UNSET

    def remember(self, value: Value) -> bool:
        """MEMOIZE: under the next number. False where that is not the next place in the list."""
        self.append(value)
        return not self.from_one

    def put(self, index: int, value: Value) -> bool:
        """PUT: under `index`. False if that would leave a gap."""
        if not self and index == 1:
            self.append(UNSET)
        if index > len(self):
            return False
        self[index : index + 1] = [value]
        return True

    def recall(self, index: int) -> Value:
        """GET; `UNSET` if nothing was stored there."""
        return self[index] if index < len(self) else UNSET


class SparseMemo(dict[int, Value]):
    """The memo as CPython keeps it, whatever the numbers."""

    def remember(self, value: Value) -> bool:
        """MEMOIZE: under the number of values stored so far."""
        self[len(self)] = value
        return True

    def put(self, index: int, value: Value) -> bool:
        """PUT: under `index`."""
        self[index] = value
        return True

    def recall(self, index: int) -> Value:
        """GET; `UNSET` if nothing was stored there."""
        return self.get(index, UNSET)


class Stack:
    """The state of one reading. With ``strict=False`` it goes on wherever CPython would."""

    def __init__(self, stream: BinaryIO, *, strict: bool) -> None:
        self._window = Window(stream)
        self._strict = strict
        self._stack: list[Value] = []
        self._bottom = 0
        self._fence = 0
        self._marks: list[int] = []
        self._memo = self._new_memo()
        self._reasons: dict[str, Reason] = {}

    def _new_memo(self) -> Memo | SparseMemo:
        return Memo() if self._strict else SparseMemo()

    def _broken(self, rule: str, message: str, at: int) -> Broken:
        return Broken(f"pickle.{rule}", message, self._window.base + at)

    def _untraceable(self, rule: str, message: str, at: int) -> Untraceable:
        return Untraceable(f"pickle.{rule}", message, self._window.base + at)

    def _doubt(self, rule: str, message: str, at: int) -> None:
        """Stop at something that no pickler writes, unless this reading goes on wherever CPython would."""
        if self._strict:
            raise self._untraceable(rule, message, at)

    def _note(self, reason: Reason) -> None:
        key = reason.name or reason.rule
        if key in self._reasons or len(self._reasons) < MOST_REASONS:
            self._reasons[key] = reason

    def _pop(self, at: int) -> Value:
        if len(self._stack) <= self._fence:
            raise self._broken("underflow", "The pickle takes a value from an empty stack.", at)
        return self._stack.pop()

    def _pop_last(self, count: int, at: int) -> list[Value]:
        if len(self._stack) - count < self._fence:
            raise self._broken("underflow", "The pickle takes a value from an empty stack.", at)
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _top(self, at: int) -> Value:
        if len(self._stack) <= self._fence:
            raise self._broken("underflow", "The pickle takes a value from an empty stack.", at)
        return self._stack[-1]

    def _op_mark(self, at: int) -> int:
        self._fence = len(self._stack)
        self._marks.append(self._fence)
        return at

    def _pop_mark(self, at: int) -> list[Value]:
        if not self._marks:
            raise self._broken("underflow", "The pickle closes a group that it did not open.", at)
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        self._fence = self._marks[-1] if self._marks else self._bottom
        return items

    def _op_pop(self, at: int) -> int:
        if self._marks and self._marks[-1] == len(self._stack):
            self._pop_mark(at)
        else:
            self._pop(at)
        return at

    def _op_pop_mark(self, at: int) -> int:
        self._pop_mark(at)
        return at

    def _op_dup(self, at: int) -> int:
        self._doubt("unusual-opcode", "The pickle doubles a value on its stack (DUP), which no writer does.", at - 1)
        self._stack.append(aged(self._top(at)))
        return at

    def _op_memoize(self, at: int) -> int:
        value = self._top(at)
        if not self._memo.remember(aged(value)):
            raise self._untraceable("memo", "The pickle mixes two ways of numbering its memo.", at)
        return at

    def _put(self, index: int, at: int) -> int:
        if not self._memo.put(index, aged(self._top(at))):
            raise self._untraceable("memo", "The pickle leaves gaps in its memo.", at)
        return at

    def _get(self, index: int, at: int) -> int:
        value = self._memo.recall(index)
        if value is UNSET:
            raise self._broken("memo", f"The pickle recalls value {index}, which it never stored.", at)
        self._stack.append(value)
        return at
