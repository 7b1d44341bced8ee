from __future__ import annotations

import contextlib
import datetime
import io
import pickle
import pickletools
import struct
from collections import Counter, OrderedDict, defaultdict
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdfast.artifacts.allowlist import native_name
from holdfast.artifacts.walker import Walk, walk, walk_plainly

ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

BENIGN: list[Any] = [
    None,
    [1, 2.5, "a", b"b", True, None, 2**70, -1],
    {"nested": [({"a": (1, 2, 3, 4)},)], "set": {1, 2}, "frozen": frozenset([1])},
    [bytearray(b"x"), complex(1, 2), range(3), slice(1, 2)],
    [OrderedDict(a=1), defaultdict(list, a=[1]), Counter("aab")],
    [datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC), datetime.timedelta(1), Decimal("1.5")],
    [np.arange(6).reshape(2, 3), np.float64(2), np.array(["a", None], object), np.zeros(2, [("a", "f4")])],
    [np.random.RandomState(0), np.random.default_rng(0)],
    "long text " * 1000,
    ["é", "\ud800", "line\nbreak", "back\\slash"],
]


def read(data: bytes) -> Walk:
    return walk(io.BytesIO(data))


class Recorder(pickle.Unpickler):
    """CPython's reader with stand-ins for every import; keeps the names."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.names: set[tuple[str, str]] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.names.add((module, name))
        return Stand


class Stand:
    def __new__(cls, *_: Any, **__: Any) -> Stand:
        return object.__new__(cls)

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        pass

    def __call__(self, *_: Any) -> Stand:
        return self


class PythonRecorder(pickle._Unpickler):  # type: ignore[name-defined, misc]
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.names: set[tuple[str, str]] = set()

    find_class = Recorder.find_class


def names_that_cpython_imports(data: bytes) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for kind in (Recorder, PythonRecorder):
        reader = kind(data)
        with contextlib.suppress(Exception):  # whatever hostile bytes raise
            reader.load()
        found |= reader.names
    return found


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", BENIGN, ids=range(len(BENIGN)))
def test_plain_data_is_allowed(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    for written in (data, pickletools.optimize(data)):
        assert read(written).reasons == ()
        assert read(written).end == len(written)


def test_names_the_import_and_where_it_stands() -> None:
    data = pickle.dumps([1, print])
    (reason,) = read(data).reasons
    assert reason.rule == "pickle.unlisted-import"
    assert reason.name == "builtins.print"
    assert data[reason.offset : reason.offset + 1] == b"\x93"


def test_user_may_vouch_for_own_classes() -> None:
    data = pickle.dumps(Stand())
    assert read(data).reasons
    assert walk(io.BytesIO(data), frozenset({f"{__name__}.Stand"})).reasons == ()


def test_long_strings_are_sought_over_and_not_read() -> None:
    class Counted(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    stream = Counted(pickle.dumps([bytes(50_000_000), 1]))
    assert walk(stream).reasons == ()
    assert stream.taken < 5_000_000


def test_windows_do_not_matter() -> None:
    """Opcodes, names and lines are read the same wherever the boundaries of the view fall."""
    for size in (*range((1 << 20) - 4200, (1 << 20) - 4000, 7), *range((1 << 20) - 60, (1 << 20) + 20, 3)):
        data = pickle.dumps(["x" * size, print, np.zeros(1)], 4)
        assert [r.name for r in read(data).reasons] == ["builtins.print"]
    line = b"V" + b"y" * 3_000_000 + b"\n0cposix\ngetcwd\n(tR."
    assert [r.name for r in read(line).reasons] == ["posix.getcwd"]


@pytest.mark.parametrize("cut", range(1, 200, 3))
def test_cut_short_is_refused(cut: int) -> None:
    data = pickle.dumps(BENIGN[6], 4)
    assert read(data[: len(data) * cut // 200]).reasons


def frames(body: bytes, claimed: int) -> bytes:
    return b"\x80\x04\x95" + struct.pack("<Q", claimed) + body


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"\x80\x04K\x01K\x02.", "pickle.leftovers"),
        (b"\x80\x04(.", "pickle.underflow"),
        (b"\x80\x040.", "pickle.underflow"),
        (b"\x80\x04h\x05.", "pickle.memo"),
        (b"\x80\x04K\x01q\x09.", "pickle.memo"),
        (b"\x80\x04K\x01.K", "pickle.trailing-data"),
        (b"\x80\x04" + b"\xff", "pickle.invalid-opcode"),
        (b"\x80\x07N.", "pickle.protocol"),
        (b"\x80\x04N0\x80\x04N.", None),
        (b"\x80\x04N\x80\x02.", "pickle.protocol"),
        (frames(b"N.", 2), None),
        (frames(b"N.", 1), None),
        (frames(b"N.", 9), "pickle.truncated"),
        (frames(b"K\x01.", 1), "pickle.frame"),
        (frames(b"N." + b"N" * 7, 9), "pickle.frame"),
        (frames(b"\x95" + bytes(8) + b"N.", 11), "pickle.frame"),
        (b"I1_0\n.", "pickle.number"),
        (b"I12\n.", None),
        (b"T\xff\xff\xff\xff.", "pickle.length"),
        (b"\x80\x04]N)e.", "pickle.underflow"),
        (b"\x80\x04}(Nu.", "pickle.underflow"),
        (b"\x80\x04\x97.", "pickle.outside"),
    ],
)
def test_what_cpython_would_read_otherwise_is_refused(data: bytes, rule: str | None) -> None:
    assert [reason.rule for reason in read(data).reasons] == ([rule] if rule else [])


FRAGMENTS = [
    *(b"(", b")", b"]", b"}", b"\x8f", b"N", b"0", b"1", b"2", b"a", b"b", b"d", b"e", b"l", b"o", b"s", b"t", b"u"),
    *(b"R", b"Q", b"\x81", b"\x85", b"\x86", b"\x87", b"\x88", b"\x89", b"\x90", b"\x91", b"\x92", b"\x93", b"\x94"),
    *(b"K\x01", b"M\x01\x00", b"J\xff\xff\xff\xff", b"I01\n", b"L5L\n", b"F1.5\n", b"G" + bytes(8), b"\x8a\x01\x05"),
    *(b"q\x00", b"q\x01", b"r\x02\x00\x00\x00", b"p0\n", b"h\x00", b"h\x01", b"j\x02\x00\x00\x00", b"g0\n"),
    *(b"\x8c\x05posix", b"\x8c\x06getcwd", b"X\x05\x00\x00\x00numpy", b"V\\u0070osix\n", b"U\x05posix", b"S'getcwd'\n"),
    *(b"\x8c\x07ndarray", b"\x8c\x05numpy", b"\x8c\x05dtype", b"C\x01x", b"B\x01\x00\x00\x00y"),
    *(b"cnumpy\nndarray\n", b"ccollections\nOrderedDict\n", b"cposix\ngetcwd\n", b"c__builtin__\neval\n"),
    *(
        b"icollections\nCounter\n",
        b"csklearn.base\nBaseEstimator\n",
        b"ccopyreg\n_reconstructor\n",
        b"cbuiltins\nset\n",
    ),
    *(b"\x80\x02", b"\x80\x04", b"\x95\x04\x00\x00\x00\x00\x00\x00\x00", b"P1\n", b"\x82\x01", b"."),
]


def check_against_cpython(data: bytes) -> None:
    """What the walker allows makes CPython's two readers import nothing that it did not see: nothing unlisted."""
    done = read(data)
    if not done.reasons:
        for module, name in names_that_cpython_imports(data):
            natives = {".".join(native_name(module, name, protocol)) for protocol in (2, 3)}
            assert natives & set(done.imports), (module, name)


@settings(ANY_SPEED, max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30), st.sampled_from([b"", b"\x80\x02", b"\x80\x04"]))
@example([b"\x8c\x05posix", b"\x94", b"0", b"h\x00", b"\x8c\x06getcwd", b"\x93"], b"\x80\x04")
def test_random_programs_against_cpython(parts: list[bytes], start: bytes) -> None:
    check_against_cpython(start + b"".join(parts) + b".")


@settings(ANY_SPEED, max_examples=200)
@given(
    st.sampled_from(BENIGN), st.integers(0, 5), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4)
)
def test_mutated_pickles_against_cpython(value: Any, protocol: int, changes: list[tuple[float, int]]) -> None:
    data = bytearray(pickle.dumps(value, protocol))
    for place, byte in changes:
        data[int(place * (len(data) - 1))] = byte
    check_against_cpython(bytes(data))


@settings(ANY_SPEED, max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_a_verdict(data: bytes) -> None:
    check_against_cpython(data)
    walk_plainly(io.BytesIO(data))


def test_plain_reading_goes_on_past_oddities() -> None:
    """What a picky reader would stop at must not hide what comes behind."""
    evil = b"\x8c\x05posix\x8c\x06getcwd\x93)R."
    for oddity in (b"K\x01q\x0900", b"K\x0120", b"N0\x80\x02", b"cbuiltins\nset\n)R}b0", b"cbuiltins\nset\n)RK\x01a0"):
        found = walk_plainly(io.BytesIO(b"\x80\x04" + oddity.replace(b"00", b"0") + evil))
        assert [reason.name for reason in found] == ["posix.getcwd"], oddity
