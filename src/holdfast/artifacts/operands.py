"""The walker's opcodes that push values or fill containers: numbers, strings, tuples, lists, dictionaries, sets."""

from __future__ import annotations

import re
import struct
from struct import Struct
from typing import BinaryIO

from holdfast.artifacts import calls
from holdfast.artifacts.allowlist import Use, listed
from holdfast.artifacts.stack import Stack
from holdfast.artifacts.values import (
    DATA,
    DICT,
    FRESH_DICT,
    LIST,
    SET,
    TEXT,
    TUPLE,
    UNLISTED,
    Fresh,
    Mark,
    Value,
)
from holdfast.artifacts.window import SLACK

MOST_NAMES = 1 << 15
LONGEST_NAME = 200
NAME = re.compile(rb"[!-~]{1,200}")

_WHOLE = re.compile(rb"-?[0-9]{1,4000}")
_REAL = re.compile(rb"-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|-?inf|nan", re.IGNORECASE)
_U2, U4, U8, _I4 = Struct("<H"), Struct("<I"), Struct("<Q"), Struct("<i")

SHORT = (IndexError, struct.error)
"""What reading an opcode's argument beyond the stream's end raises."""


class Operands(Stack):
    """The state of one reading, and the opcodes that only move data."""

    def __init__(self, stream: BinaryIO, *, strict: bool) -> None:
        super().__init__(stream, strict=strict)
        self._in_line = False
        self._arrays = calls.Arrays()
        self._names = {word.encode(): word for pair in listed() for word in pair}
        self._names |= {word.encode(): word for word in calls.WORDS}
        self._room = len(self._names) + MOST_NAMES

    # ---- lines and numbers

    def _line(self, at: int) -> tuple[bytes, int]:
        end = self._window.data.find(b"\n", at, at + SLACK)
        if end < 0:
            raise self._broken("line", "A line of the pickle has no end.", at)
        return self._window.data[at:end], end + 1

    def _long_line(self, value: Value, at: int) -> int:
        """Push `value` for a line of any length, and pass over it."""
        self._stack.append(value)
        end = self._window.data.find(b"\n", at)
        if end >= 0:
            return end + 1
        self._in_line = True
        return len(self._window.data)

    def _index_line(self, at: int) -> tuple[int, int]:
        line, end = self._line(at)
        if not (line.isdigit() and len(line) < 10):
            raise self._untraceable("memo", "An index into the memo is not a plain number.", at)
        return int(line), end

    def _op_put(self, at: int) -> int:
        index, at = self._index_line(at)
        return self._put(index, at)

    def _op_get(self, at: int) -> int:
        index, at = self._index_line(at)
        return self._get(index, at)

    def _op_binput(self, at: int) -> int:
        return self._put(self._window.data[at], at + 1)

    def _op_long_binput(self, at: int) -> int:
        return self._put(U4.unpack_from(self._window.data, at)[0], at + 4)

    def _op_binget(self, at: int) -> int:
        return self._get(self._window.data[at], at + 1)

    def _op_long_binget(self, at: int) -> int:
        return self._get(U4.unpack_from(self._window.data, at)[0], at + 4)

    def _get(self, index: int, at: int) -> int:
        at = super()._get(index, at)
        if self._arrays.pending and self._stack[-1] is DICT:
            raise self._untraceable("array", "The state of a joblib array is shared with something else.", at)
        return at

    def _op_int(self, at: int) -> int:
        line, end = self._line(at)
        flags = {b"00": False, b"01": True}
        if line in flags:
            self._stack.append(flags[line])
            return end
        return self._whole(line, at, end)

    def _op_long(self, at: int) -> int:
        line, end = self._line(at)
        return self._whole(line.removesuffix(b"L"), at, end)

    def _whole(self, line: bytes, at: int, end: int) -> int:
        plain = _WHOLE.fullmatch(line)
        if not plain:
            self._doubt("number", "A number of the pickle is written in no usual way.", at)
        self._stack.append(int(line) if plain else DATA)
        return end

    def _op_float(self, at: int) -> int:
        line, end = self._line(at)
        if not _REAL.fullmatch(line):
            self._doubt("number", "A number of the pickle is written in no usual way.", at)
        self._stack.append(DATA)
        return end

    def _op_binint(self, at: int) -> int:
        self._stack.append(_I4.unpack_from(self._window.data, at)[0])
        return at + 4

    def _op_binint2(self, at: int) -> int:
        self._stack.append(_U2.unpack_from(self._window.data, at)[0])
        return at + 2

    def _op_long1(self, at: int) -> int:
        size = self._window.data[at]
        self._stack.append(int.from_bytes(self._window.data[at + 1 : at + 1 + size], "little", signed=True))
        return at + 1 + size

    # ---- strings

    def _text(self, key: bytes) -> Value:
        """A string as a name that could be imported; `TEXT` if it could not, or if there are too many to keep."""
        known = self._names.get(key)
        if known is None and len(self._names) < self._room and NAME.fullmatch(key):
            known = self._names[key] = key.decode("ascii")
        return TEXT if known is None else known

    def _op_unicode(self, at: int) -> int:
        end = self._window.data.find(b"\n", at, at + SLACK)
        if end < 0 or b"\\" in self._window.data[at:end]:
            return self._long_line(TEXT, at)
        self._stack.append(self._text(self._window.data[at:end]))
        return end + 1

    def _op_string(self, at: int) -> int:
        return self._long_line(TEXT, at)

    def _op_binunicode(self, at: int) -> int:
        return self._sized_text(at + 4, U4.unpack_from(self._window.data, at)[0])

    def _op_binunicode8(self, at: int) -> int:
        return self._sized_text(at + 8, U8.unpack_from(self._window.data, at)[0])

    def _sized_text(self, at: int, size: int) -> int:
        self._stack.append(self._text(self._window.data[at : at + size]) if size <= LONGEST_NAME else TEXT)
        return at + size

    def _skip(self, value: Value, length: Struct, at: int) -> int:
        """Push `value` for a byte string, and pass over it without reading it."""
        size = length.unpack_from(self._window.data, at)[0]
        if size < 0:
            raise self._broken("length", "A string of the pickle has a negative length.", at)
        self._stack.append(value)
        return int(at + length.size + size)

    def _op_short_binstring(self, at: int) -> int:
        self._stack.append(TEXT)
        return at + 1 + self._window.data[at]

    def _op_binstring(self, at: int) -> int:
        return self._skip(TEXT, _I4, at)

    def _op_short_binbytes(self, at: int) -> int:
        self._stack.append(DATA)
        return at + 1 + self._window.data[at]

    def _op_binbytes(self, at: int) -> int:
        return self._skip(DATA, U4, at)

    def _op_binbytes8(self, at: int) -> int:
        return self._skip(DATA, U8, at)

    def _op_bytearray8(self, at: int) -> int:
        return self._skip(DATA, U8, at)

    def _op_long4(self, at: int) -> int:
        return self._skip(DATA, _I4, at)

    # ---- containers

    def _op_tuple1(self, at: int) -> int:
        return self._tuple(self._pop_last(1, at), at)

    def _op_tuple2(self, at: int) -> int:
        return self._tuple(self._pop_last(2, at), at)

    def _op_tuple3(self, at: int) -> int:
        return self._tuple(self._pop_last(3, at), at)

    def _op_tuple(self, at: int) -> int:
        return self._tuple(self._pop_mark(at), at)

    def _tuple(self, items: list[Value], at: int) -> int:
        # a tuple within a tuple need not be known, and would keep all of a deep one in memory
        self._stack.append(tuple([TUPLE if type(item) is tuple else item for item in items]))
        return at

    def _op_list(self, at: int) -> int:
        self._pop_mark(at)
        self._stack.append(LIST)
        return at

    def _op_frozenset(self, at: int) -> int:
        self._pop_mark(at)
        self._stack.append(DATA)
        return at

    def _op_dict(self, at: int) -> int:
        items = self._pairs(self._pop_mark(at), at)
        self._stack.append(DICT if items else FRESH_DICT)
        return at

    def _pairs(self, items: list[Value], at: int) -> list[Value]:
        if len(items) % 2:
            raise self._broken("underflow", "A dictionary of the pickle has a key without a value.", at)
        return items

    def _op_append(self, at: int) -> int:
        self._pop(at)
        return self._fill(LIST, at)

    def _op_appends(self, at: int) -> int:
        self._pop_mark(at)
        return self._fill(LIST, at)

    def _op_additems(self, at: int) -> int:
        self._pop_mark(at)
        return self._fill(SET, at)

    def _fill(self, kind: Mark, at: int) -> int:
        target = self._top(at)
        if target is not kind and target is not UNLISTED:
            # CPython calls the object's own `append`, `extend` or `add`, which the pickle may have set before
            self._doubt("fills-object", f"The pickle fills something that is no plain {kind}.", at - 1)
        return at

    def _op_setitem(self, at: int) -> int:
        value = self._pop(at)
        return self._set_items([self._pop(at), value], at)

    def _op_setitems(self, at: int) -> int:
        return self._set_items(self._pairs(self._pop_mark(at), at), at)

    def _set_items(self, items: list[Value], at: int) -> int:
        target = self._top(at)
        if target is FRESH_DICT:
            if self._arrays.pending and len(self._stack) - self._fence > 1:
                self._arrays.state(self._stack[-2], items)
        elif not (target is DICT or target is UNLISTED or _is_mapping(target)):
            self._doubt("fills-object", "The pickle fills something that is no plain dictionary.", at - 1)
        return at


def _is_mapping(value: Value) -> bool:
    return type(value) is Fresh and not isinstance(value.aged, Mark) and value.aged.of.may(Use.ITEMS)
