"""Reading a pickle without running it: every import and every call, in one pass, in constant memory.

The walker keeps CPython's stack and memo symbolically (`values`) and follows CPython's own reader opcode by opcode.
What it cannot follow exactly, or what a lenient reader and CPython would read differently, it refuses. joblib's files,
in which raw array bytes stand between the opcodes, are read as joblib reads them.

Memory: 8 bytes for each object in the memo (at most 256 MB) and on the stack (at most some hundred), and some tens of
megabytes beside; long byte strings are sought over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pickletools import opcodes
from typing import BinaryIO

from holdfast.artifacts import calls
from holdfast.artifacts.allowlist import Use, allowed_use, native_name
from holdfast.artifacts.operands import MOST_NAMES, NAME, SHORT, U8, Operands
from holdfast.artifacts.report import Reason, refuse
from holdfast.artifacts.stack import Broken, Memo, SparseMemo, Untraceable
from holdfast.artifacts.values import (
    DATA,
    FRESH_DICT,
    KEPT,
    LIST,
    SET,
    TEXT,
    TUPLE,
    UNLISTED,
    Fresh,
    Global,
    Mark,
    Value,
    aged,
)
from holdfast.artifacts.window import SLACK

DEEPEST = 10_000_000
"""Values and marks on the stack beyond which a pickle is refused rather than followed."""
MOST_MEMOISED = {True: 1 << 25, False: 1 << 20}
"""Values in the memo beyond which it is refused, in a strict and in a plain reading."""

# Opcodes that merely push a value that need not be read: bytes in all (0 for the others), and the value.
_WIDTH = [0] * 256
_PUSHED: list[Value] = [DATA] * 256
for _code, _width, _value in (
    (b"G", 9, DATA),
    (b"N", 1, None),
    (b"\x88", 1, True),
    (b"\x89", 1, False),
    (b")", 1, ()),
    (b"]", 1, LIST),
    (b"}", 1, FRESH_DICT),
    (b"\x8f", 1, SET),
):
    _WIDTH[_code[0]], _PUSHED[_code[0]] = _width, _value

_BININT1, _BINGET, _SHORT_BINUNICODE, _MEMOIZE = 0x4B, 0x68, 0x8C, 0x94
_TURNS = frozenset(b".\x95b")  # STOP, FRAME and BUILD: after them the bounds of the loop may be others
_OUTSIDE = {
    0x50: "The pickle refers to an object outside itself (PERSID).",
    0x51: "The pickle refers to an object outside itself (BINPERSID).",
    0x97: "The pickle refers to a buffer outside itself (NEXT_BUFFER).",
    0x98: "The pickle refers to a buffer outside itself (READONLY_BUFFER).",
}
_KNOWN = frozenset(("numpy", "scipy", "sklearn", "joblib", "pandas", "xgboost", "lightgbm"))


@dataclass(frozen=True, slots=True)
class Walk:
    """What a pickle would do. `end` is the offset after its STOP, or where reading ended early.

    `reasons` is empty if everything is allowed; `broken` says that CPython stops where the last reason stands;
    `arrays` counts joblib arrays, `ambiguous` whether a reader without joblib would take their bytes for opcodes.
    """

    reasons: tuple[Reason, ...]
    imports: tuple[str, ...]
    end: int
    broken: bool
    arrays: int
    ambiguous: bool


def walk(stream: BinaryIO, extra: frozenset[str] = frozenset()) -> Walk:
    """Read the pickle at `stream`'s position, as joblib and as CPython would, to the stream's end.

    `extra` names what the user allows beside the list. Never raises for a pickle's content; what a compressed stream
    raises when it is broken is passed on.
    """
    return Walker(stream, extra, strict=True).run()


def walk_plainly(stream: BinaryIO, extra: frozenset[str] = frozenset()) -> tuple[Reason, ...]:
    """What ``pickle.load``, which knows nothing of joblib's arrays, would run from the same bytes.

    It takes array bytes for opcodes and soon stops at one that does not exist; only what it would call or import before
    that counts. The reading goes on wherever CPython would, so that nothing hides behind an oddity.
    """
    done = Walker(stream, extra, strict=False).run()
    return tuple(
        reason
        for reason in done.reasons
        if reason.rule != "pickle.unlisted-import" or reason.name.partition(".")[0] not in _KNOWN
    )


@dataclass(slots=True)
class _Outer:
    """Where the stream that holds a nested one stands."""

    bottom: int
    fence: int
    marks: list[int]
    memo: Memo | SparseMemo
    protocol: int


class Walker(Operands):
    """One reading of one pickle."""

    def __init__(self, stream: BinaryIO, extra: frozenset[str], *, strict: bool) -> None:
        super().__init__(stream, strict=strict)
        self._extra = extra
        self._protocol = 0
        self._frame_end: int | None = None
        self._stopped = False
        self._outer: _Outer | None = None
        self._globals: dict[tuple[str, str], Global] = {}
        self._handlers: list[Callable[[int], int]] = [self._invalid] * 256
        for opcode in opcodes:
            self._handlers[ord(opcode.code)] = getattr(self, f"_op_{opcode.name.lower()}", self._invalid)

    def run(self) -> Walk:
        """Read to the end, or to where reading has to stop."""
        at, broken = 0, False
        try:
            while not self._stopped:
                at = self._walk_window(self._settle(at))
            if self._strict and at < len(self._window.data):  # STOP is in view, and so is what follows it
                raise self._untraceable("trailing-data", "Bytes follow the pickle's end; a reader may run them.", at)
        except Broken as stop:
            broken = not isinstance(stop, Untraceable)
            if self._strict or not broken:
                self._note(refuse(stop.rule, stop.message, stop.at))
        return Walk(
            reasons=tuple(self._reasons.values()),
            imports=tuple(known.path for known in self._globals.values()),
            end=self._window.base + at,
            broken=broken,
            arrays=self._arrays.count,
            ambiguous=self._arrays.ambiguous,
        )

    def _settle(self, at: int) -> int:
        """Let the window begin at `at`, or behind the long line that begins there; close a frame that ends there."""
        window = self._window
        while self._in_line:
            end = window.data.find(b"\n", at)
            self._in_line = end < 0
            at = end + 1 if end >= 0 else len(window.data)
            if end < 0 and (not window.advance(at) or not window.data):
                raise self._broken("truncated", "The file ends in the middle of a line.", 0)
            at = 0 if end < 0 else at
        if not window.advance(at) or not window.data:
            raise self._broken("truncated", "The file ends before the pickle does.", 0)
        if self._frame_end is not None and window.base >= self._frame_end:
            if window.base > self._frame_end:
                raise self._untraceable("frame", "An opcode crosses the end of its frame.", 0)
            self._frame_end = None
        if len(self._stack) + len(self._marks) > DEEPEST or len(self._memo) > MOST_MEMOISED[self._strict]:
            raise self._untraceable("too-large", "The pickle holds more at once than this scan follows.", 0)
        return 0

    def _walk_window(self, at: int) -> int:
        """Follow opcodes until the window runs short, a frame ends, or the pickle stops."""
        window = self._window
        try:
            while not self._stopped:
                limit = len(window.data) if window.final else max(1, len(window.data) - SLACK)
                if self._frame_end is not None:
                    limit = min(limit, self._frame_end - window.base)
                if at >= limit:
                    break
                at = self._follow(at, limit)
        except SHORT as short:
            raise self._broken("truncated", "The file ends in the middle of an opcode.", at) from short
        return at

    def _follow(self, at: int, limit: int) -> int:
        """The inner loop: opcodes up to `limit`, or to one after which it may change. Common ones stand in line."""
        data, stack, handlers, names = self._window.data, self._stack, self._handlers, self._names
        push, widths, pushed, arrays = stack.append, _WIDTH, _PUSHED, self._arrays
        memo = self._memo if isinstance(self._memo, Memo) and not self._memo.from_one else None
        while at < limit:
            op = data[at]
            if width := widths[op]:
                push(pushed[op])
                at += width
            elif op == _BININT1:
                push(data[at + 1])
                at += 2
            elif op == _SHORT_BINUNICODE:
                end = at + 2 + data[at + 1]
                key = data[at + 2 : end]
                push(names[key] if key in names else self._text(key))
                at = end
            elif op == _MEMOIZE and memo is not None and len(stack) > self._fence:
                value = stack[-1]
                memo.append(value if type(value) in KEPT else aged(value))
                at += 1
            elif op == _BINGET and memo is not None and data[at + 1] < len(memo) and not arrays.pending:
                push(memo[data[at + 1]])
                at += 2
            else:
                at = handlers[op](at + 1)
                if op in _TURNS:
                    break
        return at

    def _invalid(self, at: int) -> int:
        op = self._window.data[at - 1]
        raise self._broken("invalid-opcode", f"Byte 0x{op:02x} is no pickle opcode.", at - 1)

    # ---- imports

    def _op_global(self, at: int) -> int:
        start = at - 1
        module, at = self._line(at)
        name, at = self._line(at)
        if not (NAME.fullmatch(module) and NAME.fullmatch(name)):
            raise self._broken("name", "The pickle imports something that has no proper name.", start)
        self._stack.append(self._import(module.decode(), name.decode(), start))
        return at

    def _op_stack_global(self, at: int) -> int:
        name, module = self._pop(at), self._pop(at)
        if type(module) is str and type(name) is str:
            self._stack.append(self._import(module, name, at - 1))
            return at
        may_be_names = all(type(part) is str or part is TEXT or part is UNLISTED for part in (module, name))
        if self._strict or may_be_names:
            raise self._untraceable("dynamic-import", "The pickle computes the name of what it imports.", at - 1)
        raise self._broken("dynamic-import", "The pickle imports something that is not named by strings.", at - 1)

    def _import(self, module: str, name: str, at: int) -> Global:
        key = native_name(module, name, self._protocol)
        known = self._globals.get(key)
        if known is None:
            if len(self._globals) >= MOST_NAMES:
                raise self._untraceable("too-many-imports", "The pickle imports more names than any model needs.", at)
            use = allowed_use(*key, self._extra)
            known = self._globals[key] = Global(*key, use)
            if use is None:
                message = f"It imports {known.path}, which is not on the list of what a model needs."
                self._note(refuse("pickle.unlisted-import", message, self._window.base + at, known.path))
        return known

    def _op_ext1(self, at: int) -> int:
        message = "The pickle names an import by a number of the copyreg extension registry."
        raise self._untraceable("extension-registry", message, at - 1)

    _op_ext2 = _op_ext4 = _op_ext1

    def _op_persid(self, at: int) -> int:
        op = self._window.data[at - 1]
        raise (self._untraceable if self._strict else self._broken)("outside", _OUTSIDE[op], at - 1)

    _op_binpersid = _op_next_buffer = _op_readonly_buffer = _op_persid

    # ---- calls

    def _unlisted_call(self, what: Global, message: str, at: int) -> Value:
        self._note(refuse("pickle.unlisted-call", message, self._window.base + at - 1, what.path))
        return UNLISTED

    def _op_reduce(self, at: int) -> int:
        args, what = self._pop(at), self._pop(at)
        if type(what) is Global:
            self._stack.append(self._call(what, args, at))
            return at
        self._doubt("dynamic-call", "The pickle calls something that it computed.", at - 1)
        self._stack.append(UNLISTED)
        return at

    def _call(self, what: Global, args: Value, at: int) -> Value:
        if what.use is None:
            return self._unlisted_call(what, f"It calls {what.path}.", at)
        if not what.may(Use.CALL):
            message = f"It calls {what.path}, which a model only names or restores and never calls."
            return self._unlisted_call(what, message, at)
        if type(args) is not tuple:
            raise self._untraceable("dynamic-call", f"The pickle computes what it passes to {what.path}.", at - 1)
        rule = calls.RULES.get((what.module, what.name))
        made = rule(what, args) if rule else what.made
        if made is None:
            return self._unlisted_call(what, f"It calls {what.path} with arguments that no model needs.", at)
        return self._made(made, at)

    def _made(self, made: Value, at: int) -> Value:
        if self._strict and calls.is_array(made) and not self._arrays.open():
            raise self._untraceable("array", "A joblib array stands within another.", at - 1)
        return made

    def _op_newobj(self, at: int) -> int:
        args, what = self._pop(at), self._pop(at)
        if type(what) is not Global or type(args) is not tuple:
            self._doubt("dynamic-call", "The pickle makes an object of something that it computed.", at - 1)
            self._stack.append(UNLISTED)
        elif what.may(Use.NEW):
            self._stack.append(self._made(what.made, at))
        else:
            how = "makes an instance of" if what.use is None else "makes an instance in an unusual way of"
            self._stack.append(self._unlisted_call(what, f"It {how} {what.path}.", at))
        return at

    def _op_newobj_ex(self, at: int) -> int:
        self._doubt("unusual-opcode", "The pickle passes arguments by name (NEWOBJ_EX), which no model needs.", at - 1)
        self._pop(at)
        return self._op_newobj(at)

    def _op_inst(self, at: int) -> int:
        start = at
        self._pop_mark(at)
        at = self._op_global(at)
        what = self._stack.pop()
        if isinstance(what, Global):
            message = f"It calls {what.path} in a way that no current writer uses (INST)."
            self._stack.append(self._unlisted_call(what, message, start))
        return at

    def _op_obj(self, at: int) -> int:
        items = self._pop_mark(at)
        what = items[0] if items else None
        if type(what) is Global:
            message = f"It calls {what.path} in a way that no current writer uses (OBJ)."
            self._stack.append(self._unlisted_call(what, message, at))
            return at
        self._doubt("dynamic-call", "The pickle calls something that it computed.", at - 1)
        self._stack.append(UNLISTED)
        return at

    def _op_build(self, at: int) -> int:
        state, target = self._pop(at), self._top(at)
        if target is UNLISTED:
            return at
        if not isinstance(target, Fresh) or isinstance(target.aged, Mark):
            # the state of a class, of a function, or of an object that has its state already
            self._doubt("sets-attributes", "The pickle sets attributes of something that is finished.", at - 1)
            return at
        old = target.aged
        pair = state is TUPLE or (type(state) is tuple and len(state) == 2)
        if pair and not old.of.may(Use.PAIR):
            self._doubt("sets-attributes", f"The pickle sets attributes of {old.of.path} one by one.", at - 1)
        if not calls.fits(old, state):
            self._doubt("state", f"The pickle gives {old.of.path} a state that no writer gives it.", at - 1)
        if self._strict and calls.is_array(target):
            return self._array(at)
        self._stack[-1] = old
        return at

    # ---- joblib's arrays, nested streams, frames

    def _array(self, at: int) -> int:
        """An array's description is complete: its bytes follow, or a nested pickle of its objects."""
        if self._frame_end not in (None, self._window.base + at):
            raise self._untraceable("frame", "A joblib array begins in the middle of a frame.", at)
        if self._outer:  # joblib reads these with a plain reader, to which a wrapper is an object like any other
            raise self._untraceable("array", "A joblib array stands within a nested pickle.", at)
        layout = self._arrays.close()
        if layout is None:
            raise self._untraceable("array", "A joblib array does not say plainly how long it is.", at)
        self._stack.pop()
        self._frame_end = None
        if layout.objects:
            self._enter()
            return at
        self._stack.append(DATA)
        if layout.padded:
            padding = self._window.data[at]
            if not 1 <= padding <= 16:  # none of these is an opcode, so that a reader without joblib stops here
                raise self._untraceable("array", "The padding before a joblib array has an unusual length.", at)
            at += 1 + padding
        return at + layout.size

    def _enter(self) -> None:
        self._outer = _Outer(self._bottom, self._fence, self._marks, self._memo, self._protocol)
        self._bottom = self._fence = len(self._stack)
        self._marks, self._memo, self._protocol = [], self._new_memo(), 0

    def _op_stop(self, at: int) -> int:
        value = self._pop(at)
        if self._marks or len(self._stack) != self._bottom:
            self._doubt("leftovers", "The pickle ends with values left on its stack.", at - 1)
        if self._arrays.pending:
            raise self._untraceable("array", "A joblib array has no description.", at - 1)
        if self._strict and self._frame_end not in (None, self._window.base + at):
            raise self._untraceable("frame", "The pickle stops in the middle of a frame.", at)
        outer = self._outer
        if outer is None:
            self._stopped = True
            return at
        self._bottom, self._fence, self._marks = outer.bottom, outer.fence, outer.marks
        self._memo, self._protocol, self._outer = outer.memo, outer.protocol, None
        self._stack.append(aged(value))
        return at

    def _op_proto(self, at: int) -> int:
        protocol = self._window.data[at]
        if protocol > 5:
            raise self._broken("protocol", f"There is no pickle protocol {protocol}.", at)
        if len(self._stack) != self._bottom or self._marks or self._memo:
            self._doubt("protocol", "The pickle changes its protocol midway.", at)
        self._protocol = protocol
        return at + 1

    def _op_frame(self, at: int) -> int:
        end = self._window.base + at + 8 + U8.unpack_from(self._window.data, at)[0]
        rest = self._window.rest
        if rest is not None and end - self._window.base > rest:
            raise self._broken("truncated", "A frame of the pickle is longer than the file.", at)
        if self._strict:
            if self._frame_end is not None:
                raise self._untraceable("frame", "A frame of the pickle begins within another.", at)
            self._frame_end = end
        return at + 8
