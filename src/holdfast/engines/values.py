"""Values as Ibis expressions that mean the same on every engine: numbers in bins, and text that compares as text."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from holdfast.domain.profile import Bins

_SPELLED = {True: ("True", "1"), False: ("False", "0")}


def place(value: Any, bins: Bins) -> Any:
    """In which of a number's bins a value lies, NULL for a missing one: a balanced tree of comparisons."""
    import ibis

    edges = [literal(edge) for edge in bins.edges]

    def between(low: int, high: int) -> Any:
        if low == high:
            return ibis.literal(low, "int16")
        middle = (low + high) // 2
        return (value < edges[middle]).ifelse(between(low, middle), between(middle + 1, high))

    return value.isnull().ifelse(ibis.null("int16"), between(0, len(edges)))


def literal(value: float) -> Any:
    """A float64 that every engine reads to the last bit: written bare, some take it for a decimal."""
    import ibis

    return ibis.literal(repr(float(value))).cast("float64")


def first(values: Sequence[Any], kind: str) -> Any:
    """The first that is not NULL; NULL of a `kind` where there are none."""
    import ibis

    if not values:
        return ibis.null(kind)
    return values[0] if len(values) == 1 else ibis.coalesce(*values)


def as_number(column: Any) -> Any:
    """As float64. PostgreSQL casts no boolean to one."""
    import ibis

    if column.type().is_boolean():
        return ibis.cases((column, literal(1.0)), (~column, literal(0.0)), else_=None)
    return column.cast("float64")


def as_text(column: Any, labels: Sequence[str]) -> Any:
    """As text; numbers by their value (1 is 1.0), as engines write them differently."""
    import ibis

    kind = column.type()
    if kind.is_boolean():
        yes, no = (next((one for one in _SPELLED[value] if one in labels), str(value)) for value in (True, False))
        return ibis.cases((column, yes), (~column, no), else_=None)
    if kind.is_floating() or kind.is_decimal():
        value = as_number(column)
        same = [(value == literal(known), label) for known, label in _numbers(labels)]
        other = "?" * (1 + max(map(len, labels), default=0))  # not its text: some engines write 15 digits
        return ibis.cases((value.isnull(), ibis.null("string")), *same, else_=other)
    text = column.cast("string")
    if kind.is_integer():
        odd = [(column == int(known), label) for known, label in _numbers(labels) if _is_odd(known, label)]
        return ibis.cases(*odd, else_=text) if odd else text
    return text


def spelled(value: bool | float, labels: Sequence[str]) -> str:
    """A value in this process as text: what `as_text` gives of one in an engine."""
    if isinstance(value, bool):
        return next((one for one in _SPELLED[value] if one in labels), str(value))
    same = (label for known, label in _numbers(labels) if known == value)
    if isinstance(value, int):
        return next((label for label in same if _is_odd(float(value), label)), str(value))
    return next(same, "?" * (1 + max(map(len, labels), default=0)))


def _numbers(labels: Sequence[str]) -> list[tuple[float, str]]:
    """The labels that are numbers."""
    found = []
    for label in labels:
        try:
            found.append((float(label), label))
        except ValueError:
            continue
    return [pair for pair in found if isfinite(pair[0])]


def _is_odd(known: float, label: str) -> bool:
    """Whether a label stands for an integer that is written otherwise, as 1.0 is."""
    return known.is_integer() and abs(known) < 2**53 and str(int(known)) != label
