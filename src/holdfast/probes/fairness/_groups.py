"""Who is compared with whom: the groups of each protected attribute and pair, and the columns that carry them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Attribute, Dataset
from holdfast.domain.schema import Schema
from holdfast.groups import Groups

Codes = NDArray[np.int64]
CARRIER_ROWS = 5_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Grouping(Groups):
    """The same of rows: `codes` int64 (n,) index into `groups`, -1 where not known."""

    codes: Codes


def groupings(data: Dataset) -> list[Grouping]:
    """Every protected attribute, then every pair of them."""
    single = [
        _grouping(
            name,
            attribute.codes,
            groups=tuple(f"{name}={label}" for label in attribute.labels),
            words=tuple(f"{name} = {label}" for label in attribute.labels),
        )
        for name, attribute in data.protected.items()
    ]
    return single + [_intersection(a, b) for a, b in combinations(single, 2)]


def _grouping(name: str, codes: Codes, groups: tuple[str, ...], words: tuple[str, ...], order: int = 1) -> Grouping:
    sizes = np.bincount(codes[codes >= 0], minlength=len(groups))
    return Grouping(
        name=name,
        groups=groups,
        words=words,
        sizes=sizes,
        unknown=int((codes < 0).sum()),
        order=order,
        codes=codes,
    )


def _intersection(a: Grouping, b: Grouping) -> Grouping:
    known = (a.codes >= 0) & (b.codes >= 0)
    codes = np.where(known, a.codes * len(b.groups) + b.codes, -1)
    return _grouping(
        f"{a.name} & {b.name}",
        codes,
        groups=tuple(f"{first} & {second}" for first in a.groups for second in b.groups),
        words=tuple(f"{first} and {second}" for first in a.words for second in b.words),
        order=2,
    )


def carriers(X: NDArray[np.float64], attribute: Attribute, name: str, schema: Schema) -> tuple[int, ...]:
    """Columns of `X` that record the attribute: the one of that `name`, and any whose values hold one group each.

    One-hot columns count together. A column with nearly as many values as rows says nothing by holding one group each.
    """
    known = np.flatnonzero(attribute.codes >= 0)[:CARRIER_ROWS]
    values, codes = np.nan_to_num(X[known], nan=np.inf), attribute.codes[known]
    names = schema.names
    found = [unit for unit in units(schema) if name in {names[j] for j in unit} or _determines(values[:, unit], codes)]
    return tuple(sorted(j for unit in found for j in unit))


def units(schema: Schema) -> list[tuple[int, ...]]:
    """The columns that change together: each one-hot group, and each other feature alone."""
    names = schema.names
    blocks = [tuple(names.index(member) for member in block) for block in schema.one_hot]
    taken = {j for block in blocks for j in block}
    return blocks + [(j,) for j in range(len(names)) if j not in taken]


def _determines(values: NDArray[np.float64], codes: Codes) -> bool:
    """Whether each distinct row of `values` (n, columns) holds a single group, on ten rows a value or more."""
    if len(np.unique(codes)) < 2 or len(np.unique(values[:, 0])) * 10 > len(codes):
        return False
    patterns = np.unique(values, axis=0, return_inverse=True)[1].reshape(-1)
    distinct = int(patterns.max()) + 1
    return distinct * 10 <= len(codes) and len(np.unique(patterns * (codes.max() + 1) + codes)) == distinct
