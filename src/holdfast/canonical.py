"""The one encoding of a record to bytes, and its digest: RFC 8785 (JSON Canonicalization Scheme) and SHA-256.

Records are frozen dataclasses of `holdfast.domain`. `encode` and `decode` are inverse on them; equal records have equal
bytes on every platform and Python version. A field that joined its record later carries ``metadata={"added": True}``:
`encode` leaves it out while it has its default, so that records from before keep their bytes and their digest.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from holdfast.domain.errors import FixInput

T = TypeVar("T")
_SAFE_INTEGER = 2**53 - 1
_PLAIN = frozenset({str, bool, int, float, type(None)})
"""Types that JSON has, and that are what they are."""

_QUOTED = json.JSONEncoder(ensure_ascii=False).encode


def digest(record: object) -> str:
    """``sha256:<hex>`` of a record's canonical bytes."""
    return digest_bytes(encode(record))


def digest_bytes(data: bytes) -> str:
    """``sha256:<hex>`` of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def encode(record: object) -> bytes:
    """RFC 8785 bytes of a record, mapping, sequence or scalar.

    ValueError for NaN, infinity and integers beyond 2^53 - 1, on which JSON readers disagree (RFC 8785 §3.2.2.3).
    """
    return _text(_plain(record, lean=True)).encode("utf-8")


def plain(record: object) -> Any:
    """The record as JSON types, with every field: dataclasses and mappings to dict, enums to their value, tuples to
    list.
    """
    return _plain(record, lean=False)


def _plain(record: object, *, lean: bool) -> Any:
    if type(record) in _PLAIN:
        return record
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        named = ((f, getattr(record, f.name)) for f in dataclasses.fields(record))
        return {f.name: _plain(value, lean=lean) for f, value in named if not (lean and _is_left_out(f, value))}
    if isinstance(record, Enum):
        return record.value
    if isinstance(record, Mapping):
        return {str(key): _plain(value, lean=lean) for key, value in record.items()}
    if isinstance(record, list | tuple):
        if _PLAIN.issuperset(map(type, record)):
            return list(record)
        return [_plain(item, lean=lean) for item in record]
    if isinstance(record, str | int | float):
        return record
    raise TypeError(f"{type(record).__name__} has no canonical form; use dataclasses, mappings, sequences or scalars")


def _is_left_out(field: dataclasses.Field[Any], value: object) -> bool:
    return bool(field.metadata.get("added")) and value == field.default


def _text(value: Any) -> str:
    if isinstance(value, dict):
        # RFC 8785 §3.2.3: sort by UTF-16 code units, which for big-endian bytes is plain byte order.
        items = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_string(key)}:{_text(item)}" for key, item in items) + "}"
    if isinstance(value, list):
        if {type(item) for item in value} == {int} and min(value) >= -_SAFE_INTEGER and max(value) <= _SAFE_INTEGER:
            return "[" + ",".join(map(str, value)) + "]"
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return _integer(value) if isinstance(value, int) else _number(value)


def _string(value: str) -> str:
    value.encode("utf-8")  # a lone surrogate has no UTF-8 form: UnicodeEncodeError, a ValueError
    return _QUOTED(value)


def _integer(value: int) -> str:
    if abs(value) > _SAFE_INTEGER:
        raise ValueError(f"{value} is beyond 2^53 - 1 and has no exact JSON number; encode it as text")
    return str(value)


def _number(value: float) -> str:
    """ECMAScript's shortest form of a double (RFC 8785 §3.2.2.3), from Python's, which has the same digits."""
    if not math.isfinite(value):
        raise ValueError(f"{value} has no JSON form")
    if value == 0:
        return "0"
    short = float.__repr__(value)  # a subclass may print otherwise
    if "e" not in short:
        return short.removesuffix(".0")
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = short.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    return sign + _place(digits, point)


def _place(digits: str, point: int) -> str:
    """Decimal `0.digits × 10^point` as ECMA-262 Number::toString writes it."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    exponent = point - 1
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{tail}e{'+' if exponent > 0 else '-'}{abs(exponent)}"


def decode(kind: type[T], data: bytes | str) -> T:
    """The record of type `kind` in JSON `data`; FixInput where the data is not one."""
    try:
        return rebuild(kind, json.loads(data))  # type: ignore[no-any-return]
    except (ValueError, TypeError, KeyError) as error:
        raise FixInput(
            "record.unreadable", f"This is not a {kind.__name__} record: {error}.", "Was the file cut short?"
        ) from error


def rebuild(kind: Any, value: Any) -> Any:
    """JSON types back to the annotated type `kind`: dataclass (generic too), enum, tuple, union, scalar."""
    return _rebuilder(kind)(value)


Rebuilder = Callable[[Any], Any]


@cache
def _rebuilder(kind: Any) -> Rebuilder:
    """What rebuilds one type: its annotations are looked at once, and not for each of a million numbers."""
    if dataclasses.is_dataclass(kind):
        return _of_dataclass(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(origin):
        return _of_dataclass(origin, arguments)
    if origin in (Union, types.UnionType):
        return _of_union(arguments)
    if origin is tuple:
        return _of_items(arguments[0]) if arguments[1:] == (Ellipsis,) else _of_tuple(arguments)
    if origin is Literal:
        return lambda value: _expect(value in arguments, value, kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if kind is float:
        return lambda value: float(_expect(type(value) in (float, int), value, kind))
    return lambda value: _expect(type(value) is kind, value, kind)


def _expect(fits: bool, value: Any, kind: Any) -> Any:
    if not fits:
        raise TypeError(f"expected {getattr(kind, '__name__', kind)}, found {value!r:.60}")
    return value


def _of_dataclass(kind: Any, arguments: tuple[Any, ...] = ()) -> Rebuilder:
    names = frozenset(f.name for f in dataclasses.fields(kind))
    hints = get_type_hints(kind)
    if arguments:
        given = dict(zip(kind.__parameters__, arguments, strict=True))
        hints = {name: _filled(hint, given) for name, hint in hints.items()}

    def rebuilt(value: Any) -> Any:
        _expect(isinstance(value, dict), value, kind)
        unknown = value.keys() - names
        if unknown:
            raise TypeError(f"{kind.__name__} has no field {min(unknown)!r}")
        return kind(**{name: _rebuilder(hints[name])(item) for name, item in value.items()})

    return rebuilt


def _filled(hint: Any, arguments: dict[Any, Any]) -> Any:
    """A generic record's annotation with its type parameters replaced by `arguments`."""
    if hint in arguments:
        return arguments[hint]
    inner = getattr(hint, "__parameters__", ())
    return hint[tuple(arguments[parameter] for parameter in inner)] if inner else hint


def _of_union(kinds: tuple[Any, ...]) -> Rebuilder:
    """The first member that fits; exact types go before floats, so that 1 stays an int where both are allowed."""
    ordered = sorted((k for k in kinds if k is not type(None)), key=lambda k: k is float)

    def rebuilt(value: Any) -> Any:
        if value is None and type(None) in kinds:
            return None
        for kind in ordered:
            try:
                return _rebuilder(kind)(value)
            except (TypeError, ValueError, KeyError):
                continue
        raise TypeError(f"found {value!r:.60}, which fits none of the allowed types")

    return rebuilt


def _of_items(kind: Any) -> Rebuilder:
    """Tuples of any length; those of plain values all at once."""

    def rebuilt(value: Any) -> Any:
        _expect(isinstance(value, list), value, tuple)
        if kind in _PLAIN and {type(item) for item in value} <= {kind}:
            return tuple(value)
        return tuple(map(_rebuilder(kind), value))

    return rebuilt


def _of_tuple(kinds: tuple[Any, ...]) -> Rebuilder:
    def rebuilt(value: Any) -> Any:
        _expect(isinstance(value, list), value, tuple)
        if len(kinds) != len(value):
            raise TypeError(f"expected {len(kinds)} items, found {len(value)}")
        return tuple(_rebuilder(kind)(item) for kind, item in zip(kinds, value, strict=True))

    return rebuilt
