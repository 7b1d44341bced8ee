"""Who is compared with whom: the groups of each protected attribute and pair, and the columns that carry them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Attribute, Dataset
from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.schema import Schema

Codes = NDArray[np.int64]
MINIMUM_ROWS = 30
MINIMUM_SHARE = 0.02
CARRIER_ROWS = 5_000


@dataclass(frozen=True, eq=False)
class Grouping:
    """One protected attribute, or the intersection of two.

    `codes` int64 (n,) index into `groups` (``sex=female``, ``race=Black & sex=female``), -1 where not known; `words`
    are the same for a sentence (``race = Black and sex = female``). `order` is 1 for an attribute, 2 for a pair.
    """

    name: str
    codes: Codes
    groups: tuple[str, ...]
    words: tuple[str, ...]
    order: int = 1

    @cached_property
    def sizes(self) -> Codes:
        """Rows in each group, int64 (groups,)."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.groups))

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """Which groups are large enough to be compared, bool (groups,).

        A group needs 2 % of the rows whose group is known, below which New York's Local Law 144 lets an auditor leave
        a category out (6 RCNY § 5-301), and 30 rows, below which no interval here says anything.
        """
        sizes = self.sizes
        return np.asarray(sizes >= np.maximum(MINIMUM_ROWS, MINIMUM_SHARE * sizes.sum()))


def groupings(data: Dataset) -> list[Grouping]:
    """Every protected attribute, then every pair of them."""
    single = [
        Grouping(
            name,
            attribute.codes,
            groups=tuple(f"{name}={label}" for label in attribute.labels),
            words=tuple(f"{name} = {label}" for label in attribute.labels),
        )
        for name, attribute in data.protected.items()
    ]
    return single + [_intersection(a, b) for a, b in combinations(single, 2)]


def _intersection(a: Grouping, b: Grouping) -> Grouping:
    known = (a.codes >= 0) & (b.codes >= 0)
    codes = np.where(known, a.codes * len(b.groups) + b.codes, -1)
    return Grouping(
        f"{a.name} & {b.name}",
        codes,
        groups=tuple(f"{first} & {second}" for first in a.groups for second in b.groups),
        words=tuple(f"{first} and {second}" for first in a.words for second in b.words),
        order=2,
    )


def too_small(compared: list[Grouping]) -> Finding | None:
    """What could not be judged, for the reader; None where every group was large enough."""
    rows: list[tuple[str, int]] = []
    for grouping in compared:
        sizes = grouping.sizes
        rows += [
            (group, int(size))
            for group, size, judged in zip(grouping.groups, sizes, grouping.judged, strict=True)
            if size and not judged
        ]
        unknown = int((grouping.codes < 0).sum())
        if grouping.order == 1 and unknown:
            rows.append((f"{grouping.name} not recorded", unknown))
    if not rows:
        return None
    return Finding(
        slug="small-groups",
        title="Some groups are too small to judge",
        sentence=f"{len(rows)} groups have too few rows in the test data to say whether they are treated alike.",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        why=f"A group is judged from {MINIMUM_ROWS} rows and {100 * MINIMUM_SHARE:.0f} % of the rows whose group is "
        "known. A smaller one is neither fair nor unfair by this evidence.",
        remedy="Test on more rows of these groups.",
        exhibits=(Exhibit("Groups that were not judged", ("group", "rows"), tuple(rows[:40])),),
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
