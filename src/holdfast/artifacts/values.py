"""What the walker knows of a value on a pickle's stack: just enough to know each import and each call.

None, True, False, small integers, literal tuples and names that could be imports stand for themselves. Everything else
is one of the marks below, or an object of the classes below, of which there is one per import.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from holdfast.artifacts.allowlist import Use


class Mark:
    """A value of which only the kind is known."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


DATA = Mark("data")
TEXT = Mark("text")
TUPLE = Mark("tuple")
LIST = Mark("list")
DICT = Mark("dict")
SET = Mark("set")
UNLISTED = Mark("unlisted")
"""What came of calling something that is not on the list."""
UNSET = Mark("unset")


@dataclass(eq=False, slots=True)
class Global:
    """An import. `use` is None if it is not on the list."""

    module: str
    name: str
    use: Use | None
    made: Fresh = field(init=False)

    def __post_init__(self) -> None:
        self.made = Fresh(Old(self))

    @property
    def path(self) -> str:
        """``module.name``."""
        return f"{self.module}.{self.name}"

    def may(self, use: Use) -> bool:
        """Whether the list allows that use."""
        return self.use is not None and use in self.use


@dataclass(eq=False, slots=True)
class Old:
    """An instance that came from the memo, or has its state. `item` is set for a numpy dtype."""

    of: Global
    item: Item | None = None


@dataclass(eq=False, slots=True)
class Fresh:
    """Something just made and not yet remembered or given its state; `aged` is what it is from then on."""

    aged: Old | Mark


FRESH_DICT = Fresh(DICT)

Value = None | bool | int | str | tuple["Value", ...] | Mark | Global | Old | Fresh


KEPT = frozenset((str, Mark, Global, Old, type(None), bool))
"""Types of values that the memo keeps as they are."""


def aged(value: Value) -> Value:
    """What the memo keeps of a value."""
    kind = type(value)
    if kind is Fresh:
        return value.aged  # type: ignore[union-attr]
    if kind is tuple:
        return TUPLE
    return DATA if kind is int else value


_NUMERIC = re.compile(r"[biufc](1|2|4|8|12|16|24|32)|[mM]8")
_FLEXIBLE = re.compile(r"([SVU])(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Item:
    """The element of a numpy array: its size in bytes, and whether elements are Python objects (then pickled)."""

    size: int
    objects: bool = False
    flexible: bool = False

    @classmethod
    def parse(cls, code: str) -> Item | None:
        """From a dtype's code without byte order (``f8``, ``U5``, ``V64``, ``O8``); None for any other."""
        if code in ("O8", "O"):
            return cls(8, objects=True)
        if _NUMERIC.fullmatch(code):
            return cls(int(code[1:]))
        if flexible := _FLEXIBLE.fullmatch(code):
            return cls(int(flexible[2]) * (4 if flexible[1] == "U" else 1), flexible=True)
        return None
