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
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from holdfast.domain.errors import FixInput

T = TypeVar("T")
_SAFE_INTEGER = 2**53 - 1
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
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        named = ((f, getattr(record, f.name)) for f in dataclasses.fields(record))
        return {f.name: _plain(value, lean=lean) for f, value in named if not (lean and _is_left_out(f, value))}
    if isinstance(record, Enum):
        return record.value
    if isinstance(record, Mapping):
        return {str(key): _plain(value, lean=lean) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [_plain(item, lean=lean) for item in record]
    if record is None or isinstance(record, str | bool | int | float):
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
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(float(value))).partition("e")  # float(): a subclass may print otherwise
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
    if dataclasses.is_dataclass(kind):
        return _rebuild_dataclass(kind, value)
    origin = get_origin(kind)
    if dataclasses.is_dataclass(origin):
        return _rebuild_dataclass(origin, value, get_args(kind))
    if origin in (Union, types.UnionType):
        return _rebuild_union(get_args(kind), value)
    if origin is tuple:
        return _rebuild_tuple(get_args(kind), value)
    if origin is Literal:
        return _expect(value in get_args(kind), value, kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind is float:
        return float(_expect(isinstance(value, int | float) and not isinstance(value, bool), value, kind))
    return _expect(type(value) is kind, value, kind)


def _expect(fits: bool, value: Any, kind: Any) -> Any:
    if not fits:
        raise TypeError(f"expected {getattr(kind, '__name__', kind)}, found {value!r:.60}")
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _rebuild_dataclass(kind: Any, value: Any, arguments: tuple[Any, ...] = ()) -> Any:
    _expect(isinstance(value, dict), value, kind)
    fields = {f.name for f in dataclasses.fields(kind)}
    unknown = set(value) - fields
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {sorted(unknown)[0]!r}")
    hints = _hints(kind)
    if arguments:
        hints = {
            name: _filled(hint, dict(zip(kind.__parameters__, arguments, strict=True))) for name, hint in hints.items()
        }
    return kind(**{name: rebuild(hints[name], item) for name, item in value.items()})


def _filled(hint: Any, arguments: dict[Any, Any]) -> Any:
    """A generic record's annotation with its type parameters replaced by `arguments`."""
    if hint in arguments:
        return arguments[hint]
    inner = getattr(hint, "__parameters__", ())
    return hint[tuple(arguments[parameter] for parameter in inner)] if inner else hint


def _rebuild_union(kinds: tuple[Any, ...], value: Any) -> Any:
    """The first member that fits; exact types go before floats, so that 1 stays an int where both are allowed."""
    if value is None and type(None) in kinds:
        return None
    for kind in sorted((k for k in kinds if k is not type(None)), key=lambda k: k is float):
        try:
            return rebuild(kind, value)
        except (TypeError, ValueError, KeyError):
            continue
    raise TypeError(f"found {value!r:.60}, which fits none of the allowed types")


def _rebuild_tuple(kinds: tuple[Any, ...], value: Any) -> Any:
    _expect(isinstance(value, list), value, tuple)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(rebuild(kinds[0], item) for item in value)
    if len(kinds) != len(value):
        raise TypeError(f"expected {len(kinds)} items, found {len(value)}")
    return tuple(rebuild(kind, item) for kind, item in zip(kinds, value, strict=True))
