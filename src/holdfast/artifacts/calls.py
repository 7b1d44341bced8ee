"""Calls whose arguments matter: the few functions that a pickle may call only in the way that writers do.

A rule takes the function and its literal arguments, and returns what the call makes, or None where no writer passes
such arguments. Everything else with `Use.CALL` is harmless whatever it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from holdfast.artifacts.allowlist import Use
from holdfast.artifacts.values import DATA, Fresh, Global, Item, Mark, Old, Value

Rule = Callable[[Global, tuple[Value, ...]], Value]

WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
BASES = {"builtins.object", "builtins.dict", "builtins.tuple", "builtins.list"}


def _reconstructor(_: Global, args: tuple[Value, ...]) -> Value:
    """``copyreg._reconstructor(cls, base, state)``: ``base.__new__(cls, state)``."""
    cls, base = args[:2] if len(args) == 3 else (None, None)
    if not (isinstance(cls, Global) and isinstance(base, Global)):
        return None
    return cls.made if cls.may(Use.NEW) and base.path in BASES else None


def _encode(_: Global, args: tuple[Value, ...]) -> Value:
    """``_codecs.encode(text, "latin1")``: how protocol 2 writes bytes. Another codec would import a module."""
    return DATA if len(args) == 2 and args[1] == "latin1" else None


def _new_object(_: Global, args: tuple[Value, ...]) -> Value:
    """scikit-learn's ``newObj(cls)``: ``cls.__new__(cls)``."""
    cls = args[0] if len(args) == 1 else None
    return cls.made if isinstance(cls, Global) and cls.may(Use.NEW) else None


def _partial(what: Global, args: tuple[Value, ...]) -> Value:
    """``functools.partial``: only of the one function that scikit-learn's own models wrap."""
    return what.made if len(args) == 1 and _is_check_array(args[0]) else None


def _is_check_array(value: Value) -> bool:
    return isinstance(value, Global) and value.path == "sklearn.utils.validation.check_array"


def _of_numpy_random(what: Global, args: tuple[Value, ...]) -> Value:
    """Constructors of random generators call the classes that they are given."""
    named = [arg for arg in args if isinstance(arg, Global)]
    return what.made if all(arg.module.startswith("numpy.random.") for arg in named) else None


def _of_pandas(what: Global, args: tuple[Value, ...]) -> Value:
    """``_new_Index(cls, state)`` and its kin construct the class that they are given."""
    named = [arg for arg in args if isinstance(arg, Global)]
    return what.made if all(arg.module.partition(".")[0] == "pandas" for arg in named) else None


def _of_arrays(what: Global, args: tuple[Value, ...]) -> Value:
    """Constructors of arrays take the array's class and nothing else that could be called."""
    named = [arg.path for arg in args if isinstance(arg, Global)]
    return what.made if all(path.startswith("numpy.") for path in named) else None


def _dtype(what: Global, args: tuple[Value, ...]) -> Value:
    """``numpy.dtype(code, align, copy)``. Without a copy its state would be set on the type that all arrays share."""
    if len(args) != 3 or not isinstance(args[0], str) or args[1] not in (False, 0) or args[2] not in (True, 1):
        return None
    item = Item.parse(args[0])
    return Fresh(Old(what, item)) if item else None


_BINARY_TREES = ("metrics._dist_metrics", "neighbors._dist_metrics", "neighbors._kd_tree", "neighbors._ball_tree")

RULES: dict[tuple[str, str], Rule] = {
    ("copyreg", "_reconstructor"): _reconstructor,
    ("_codecs", "encode"): _encode,
    ("functools", "partial"): _partial,
    ("numpy", "dtype"): _dtype,
    ("pandas.core.indexes.base", "_new_Index"): _of_pandas,
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): _of_pandas,
    **{(f"sklearn.{module}", "newObj"): _new_object for module in _BINARY_TREES},
    **{("numpy.random._pickle", name): _of_numpy_random for name in ("__generator_ctor", "__bit_generator_ctor")},
    ("numpy.random._pickle", "__randomstate_ctor"): _of_numpy_random,
    ("numpy.core.multiarray", "_reconstruct"): _of_arrays,
    ("numpy._core.multiarray", "_reconstruct"): _of_arrays,
    ("numpy.ma.core", "_mareconstruct"): _of_arrays,
}

_KEYS = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
WORDS = (*_KEYS, "latin1", "C", "F")
"""Strings that a rule compares, so that the walker always keeps them."""


def fits(old: Old, state: Value) -> bool:
    """Whether that state may be set, for the few types where it matters; True for all others."""
    if old.item is not None:
        return _fits_dtype(old, old.item, state)
    if (old.of.module, old.of.name) == ("functools", "partial"):
        return isinstance(state, tuple) and len(state) == 4 and _is_check_array(state[0])
    return True


def _fits_dtype(dtype: Old, item: Item, state: Value) -> bool:
    """The state (``numpy.dtype.__reduce__``) must agree with the code on size; a record's says if it holds objects."""
    if not isinstance(state, tuple) or len(state) not in (8, 9) or state[0] not in (3, 4):
        return False
    within, size, flags = state[2], state[5], state[7]
    if type(size) is not int or type(flags) is not int:
        return False
    holds_objects = bool(flags & 1)
    if item.flexible:
        dtype.item = replace(item, objects=holds_objects)
        return size == item.size
    return within is None and size == -1 and holds_objects == item.objects


def is_array(value: Value) -> bool:
    """Whether it describes an array that joblib writes behind the opcodes."""
    if not isinstance(value, Fresh) or isinstance(value.aged, Mark):
        return False
    return (value.aged.of.module, value.aged.of.name) == WRAPPER


@dataclass(frozen=True, slots=True)
class Layout:
    """What follows the state of a joblib array: `size` bytes after an optional padding, or a pickle of `objects`."""

    size: int
    objects: bool
    padded: bool


@dataclass(slots=True)
class Arrays:
    """joblib's array wrappers, of which at most one is waiting for its state at any time."""

    count: int = 0
    ambiguous: bool = False
    pending: bool = False
    _state: dict[Value, Value] = field(default_factory=dict)
    _plain: bool = True

    def open(self) -> bool:
        """A wrapper was made; False if another still waits."""
        was, self.pending = self.pending, True
        self._state, self._plain = {}, True
        return not was

    def state(self, owner: Value, items: list[Value]) -> None:
        """Items of a fresh dictionary that stands on the stack above `owner`."""
        if not is_array(owner):
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            self._plain &= isinstance(key, str) and key in _KEYS and key not in self._state
            if isinstance(key, str):
                self._state[key] = value

    def close(self) -> Layout | None:
        """The wrapper has its state: what follows. None if the state does not say so plainly."""
        self.pending = False
        self.count += 1
        item, shape = _item(self._state.get("dtype")), self._state.get("shape")
        alignment = self._state.get("numpy_array_alignment_bytes")
        if not self._plain or item is None or not isinstance(shape, tuple) or alignment not in (None, 16):
            return None
        sizes = [n for n in shape if type(n) is int and n >= 0]
        if len(sizes) != len(shape) or math.prod(n for n in sizes if n) * max(item.size, 1) >= 2**62 or not item.size:
            return None
        self.ambiguous |= item.objects or alignment is None
        return Layout(math.prod(sizes) * item.size, item.objects, alignment is not None)


def _item(dtype: Value) -> Item | None:
    if isinstance(dtype, Fresh):
        return None if isinstance(dtype.aged, Mark) else dtype.aged.item
    return dtype.item if isinstance(dtype, Old) else None
