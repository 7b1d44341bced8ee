"""Looking for personal data of some kinds: shapes, numbers and codes in one pass, and of what overlaps the surest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from holdfast.guards.text._catalogue import SHAPES
from holdfast.guards.text._labels import Labelled
from holdfast.guards.text._numbers import CODES, NUMBERS, code_at, numbers_in
from holdfast.guards.text._patterns import Patterns, needs_extra
from holdfast.guards.text._shapes import Found

MOST_OVERLAPS = 16
"""Finds that lie across one place, at most."""


class Finder:
    """Looks for some of the kinds."""

    def __init__(self, kinds: frozenset[str], regions: tuple[str, ...]) -> None:
        self._shapes = [shape for shape in SHAPES if shape.kind in kinds]
        self.kinds, self._regions = kinds, regions
        self._patterns = Patterns([*(shape.looks for shape in self._shapes), NUMBERS, CODES])

    def all(self, text: str) -> Iterator[Found]:
        """All that may be personal data, also where two finds overlap."""
        labelled, shapes = Labelled(text), self._shapes
        for which, start, end in self._patterns.find(text):
            if which < len(shapes):
                found = shapes[which].found(labelled, start, end)
            elif which == len(shapes):
                yield from (one for one in numbers_in(labelled, start, end, self._regions) if one.kind in self.kinds)
                continue
            else:
                found = code_at(labelled, start, end)
            if found is not None and found.kind in self.kinds:
                yield found


@cache
def finder_of(kinds: frozenset[str], regions: tuple[str, ...]) -> Finder:
    """The one that looks for these kinds; FixInput where its libraries are not installed."""
    try:
        import phonenumbers  # noqa: F401
        import stdnum  # noqa: F401
    except ImportError as error:
        raise needs_extra() from error
    return Finder(kinds, regions)


def surest(found: Iterable[Found]) -> list[Found]:
    """In the order of the text, without those that lie within one that is as sure; others may overlap."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end, -one.score, one.kind)):
        around = (other for other in kept[-MOST_OVERLAPS:] if other.end >= one.end)
        if all(other.score < one.score for other in around):
            kept.append(one)
    return kept
