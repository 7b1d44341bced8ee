"""References: what guards know of ordinary rows, learned once from training data. Counts and edges, never a row."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.schema import Schema

Numbers = tuple[float, ...]
Place = tuple[int, int]
"""A feature's column, and one of its levels."""


@dataclass(frozen=True, slots=True)
class Levels:
    """How the cells of one feature become one of few levels; level 0 is missing, unreadable or never seen.

    Of a number, `edges` are the values from which levels 2, 3, ... begin. Of a category, `of_code` is the level of
    each code; categories that are rare share one.
    """

    edges: Numbers = ()
    of_code: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many there are, level 0 too."""
        return max(self.of_code, default=0) + 1 if self.of_code else len(self.edges) + 2


@dataclass(frozen=True, slots=True)
class Oddity:
    """A score of how odd a row is, and how odd ordinary rows are.

    `columns` are those that it looks at. The levels of each follow from those of one other, its `parents` (a Chow-Liu
    tree; the root's parent is itself); `surprise` is -log of each level's chance, parent's level by level. `numeric`
    are the columns whose distance from the middle counts too: asinh of the value less `centre` over `spread`, turned
    by `whiten` (k, k). `surprises`, `distances` and `quantiles` are the quantiles of both parts, and of the two
    together, at the shares of `grid`, in rows that they were not learned from.
    """

    columns: tuple[int, ...]
    parents: tuple[int, ...]
    surprise: tuple[Numbers, ...]
    numeric: tuple[int, ...]
    centre: Numbers
    spread: Numbers
    whiten: tuple[Numbers, ...]
    grid: Numbers
    surprises: Numbers
    distances: Numbers
    quantiles: Numbers


@dataclass(frozen=True, slots=True)
class Reference:
    """What was learned from `rows` training rows of the table with digest `data`.

    By feature: the share that is `missing`, and the `levels`. `apart` lists levels of two features that never meet
    though they should have. `kept` are the relations that hold in training rows; the schema may state others. Two
    rows are `near` when at least so many features have the same level, which chance does to one pair in a thousand;
    `crowd` is the share of near rows among those before it that 999 in 1,000 ordinary rows do not exceed.
    """

    schema: Schema
    data: str
    rows: int
    missing: Numbers
    levels: tuple[Levels, ...]
    apart: tuple[tuple[Place, Place], ...]
    kept: tuple[str, ...]
    oddity: Oddity
    compared: tuple[int, ...]
    near: int
    crowd: float
    format: str = "holdfast-reference/1"
