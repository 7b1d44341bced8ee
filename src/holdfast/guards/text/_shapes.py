"""What a shape of personal data is, and where one stands in a text."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.guards.text._labels import Labelled

Check = Callable[[Labelled, int, int], "Found | None"]

LABELLED = 0.95
"""The score of what has the shape of a kind, and stands behind a word that says so."""


@dataclass(frozen=True, slots=True)
class Found:
    """Personal data in a text: where, of which kind, and how sure that is."""

    start: int
    end: int
    kind: str
    score: float


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kind looks like: a pattern in RE2's syntax, how sure it is `alone`, the label that makes it surer, and
    what checks it: a module of python-stdnum, or a function of the text and the place.
    """

    kind: str
    looks: str
    alone: float
    label: str = ""
    number: str = ""
    holds: Callable[[str], bool] | None = None
    exact: Check | None = None

    def found(self, labelled: Labelled, start: int, end: int) -> Found | None:
        """What stands at a place that matches; None where it only looks like it."""
        if self.exact is not None:
            return self.exact(labelled, start, end)
        text = labelled.text
        if not stands_alone(text, start, end):
            return None
        part = text[start:end]
        if self.number and not is_number(self.number, part):
            return None
        if self.holds is not None and not self.holds(part):
            return None
        is_labelled = self.label and self.label in labelled.before(start)
        return Found(start, end, self.kind, LABELLED if is_labelled else self.alone)


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no longer word or number goes on before or after a place."""
    return not _goes_on(text[max(0, start - 2) : start][::-1]) and not _goes_on(text[end : end + 2])


def _goes_on(beside: str) -> bool:
    return bool(beside) and (beside[0].isalnum() or beside[0] == "_" or (beside[0] in "-./" and beside[1:2].isdigit()))


def is_number(module: str, text: str) -> bool:
    """Whether python-stdnum's module says that it is one of its numbers."""
    try:
        return bool(importlib.import_module(f"stdnum.{module}").is_valid(text))
    except (ValueError, IndexError, KeyError):  # a few modules break on numbers that are not quite theirs
        return False
