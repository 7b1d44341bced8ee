"""Drift: two tables beside each other, column by column, in one scan of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.columns import Columns, Reads, codes, columns_of, lengths, numbers, reads
from holdfast.domain.drift import ColumnDrift, Difference, Drift, Joint, Standing, Unlike
from holdfast.domain.errors import FixInput
from holdfast.domain.measure import Interval
from holdfast.flows.drift_columns import Pair, paired
from holdfast.monitors import distances
from holdfast.monitors.joint import detectable, joint

LIMIT = 0.1
ALPHA = 0.05
FEWEST, FEWEST_TOGETHER = 2, 100
MOST_TOGETHER, MOST_CELLS = 40_000, 8_000_000
"""Rows of each table, and cells of it, that are looked at with all columns together."""

MOST_CODES = 200
HUGE = 1e300


def compare(
    reference: Any,
    current: Any,
    *,
    limit: float = LIMIT,
    alpha: float = ALPHA,
    only: Sequence[str] = (),
    exclude: Sequence[str] = (),
    together: bool = False,
    seed: int = 0,
) -> Drift:
    """What changed from one table to the other; each is a pandas or Arrow table, or the path of a file.

    `together` also asks whether the columns go together as they did, on samples that `seed` draws. Languages and words
    of texts are those of samples, too.

    FixInput where a table cannot be read, a column is named that neither has, or `limit` or `alpha` cannot be.
    """
    for name, value in (("limit", limit), ("alpha", alpha)):
        if not 0 < value < 1:
            raise FixInput(f"drift.{name}", f"{name} is {value:g}.", "It lies between 0 and 1.")
    first, second = columns_of(reference), columns_of(current)
    chosen = _chosen(first, second, only, exclude)
    unlike = [_alone(name, first) for name in chosen if (name in first.names) is not (name in second.names)]
    pairs: list[Pair] = []
    for name in chosen:
        if name in first.names and name in second.names:
            found = paired(name, first, second, np.random.default_rng(seed), is_asked=name in only)
            if isinstance(found, Unlike):
                unlike.append(found)
            else:
                pairs += found
    found_together = _together(pairs, (first, second), limit, alpha, seed) if together and pairs else None
    if together and found_together is None:
        unlike.append(Unlike("all together", "there are too few rows, or no columns, to learn from", is_change=False))
    return Drift(
        reference=first.label,
        current=second.label,
        rows=(first.rows, second.rows),
        limit=limit,
        alpha=alpha,
        columns=tuple(sorted(_judged(pairs, limit, alpha), key=_worst_first)),
        unlike=tuple(sorted(unlike, key=lambda one: not one.is_change)),
        joint=found_together,
    )


def _chosen(first: Columns, second: Columns, only: Sequence[str], exclude: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys([*first.names, *second.names]))
    unknown = next((name for name in (*only, *exclude) if name not in names), None)
    if unknown is not None:
        raise FixInput("drift.column", f"Neither table has a column {unknown!r:.80}.", "Check its name.")
    return [name for name in names if (not only or name in only) and name not in exclude]


def _alone(name: str, first: Columns) -> Unlike:
    return Unlike(name, "it is in the reference alone" if name in first.names else "it is new", is_change=True)


def _together(pairs: Sequence[Pair], tables: Sequence[Columns], limit: float, alpha: float, seed: int) -> Joint | None:
    """All columns together, on samples; None where either is too small to learn from."""
    rng, pairs = np.random.default_rng(seed), [pair for pair in pairs if not pair.is_of_sample]
    reference, current = (_sample(pairs, table, rng) for table in tables)
    if min(len(reference), len(current)) < FEWEST_TOGETHER:
        return None
    labels = np.array([not pair.bins.is_number for pair in pairs])
    found = joint(reference, current, names=[pair.name for pair in pairs], labels=labels, seed=seed)
    is_moved = found.p_value < alpha
    would_show = detectable(found, alpha) <= limit
    return replace(found, standing=_standing(is_moved, is_moved and found.distance >= limit, would_show))


def _sample(pairs: Sequence[Pair], table: Columns, rng: np.random.Generator) -> NDArray[np.float64]:
    """Some rows as numbers and codes, (n, p), NaN for missing."""
    most = min(table.rows, MOST_TOGETHER, MOST_CELLS // len(pairs))
    rows = np.sort(rng.choice(table.rows, most, replace=False))
    X = np.empty((len(rows), len(pairs)))
    for place, pair in enumerate(pairs):
        column = table.get(pair.name).take(rows)
        if pair.bins.labels is not None:
            X[:, place] = codes(column, pair.bins.labels[:MOST_CODES])
        else:
            X[:, place] = lengths(column) if reads(column) is Reads.LABEL else numbers(column)
    return np.clip(X, -HUGE, HUGE)


def _judged(pairs: Sequence[Pair], limit: float, alpha: float) -> list[ColumnDrift]:
    """What can be said of each, at one level for all tests together."""
    level = alpha / max(1, 2 * len(pairs))
    differences = [_difference(pair, level) for pair in pairs]
    missing = [distances.missing_p_value(pair.reference, pair.current) for pair in pairs]
    adjusted = distances.holm([*(one.p_value for one in differences), *missing])
    return [
        _column(pair, replace(found, p_value=adjusted[at]), adjusted[len(pairs) + at], limit, alpha)
        for at, (pair, found) in enumerate(zip(pairs, differences, strict=True))
    ]


def _difference(pair: Pair, level: float) -> Difference:
    """Of the values; where one side has too few, nothing can be told from chance."""
    if min(pair.reference.known, pair.current.known) < FEWEST:
        return Difference(0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    if pair.bins.is_number:
        return distances.number_difference(pair.bins, pair.reference, pair.current, level)
    return distances.label_difference(pair.reference, pair.current, level)


def _column(pair: Pair, found: Difference, missing_p: float, limit: float, alpha: float) -> ColumnDrift:
    low, high = distances.missing_interval(pair.reference, pair.current)
    gap = abs(pair.current.missing_share - pair.reference.missing_share)
    is_moved = found.p_value < alpha, missing_p < alpha
    is_large = found.distance >= limit, gap >= limit
    has_drifted = any(moved and large for moved, large in zip(is_moved, is_large, strict=True))
    standing = _standing(any(is_moved), has_drifted, found.detectable <= limit)
    return ColumnDrift(
        standing,
        pair.bins,
        pair.reference,
        pair.current,
        found,
        Interval(low, high),
        missing_p,
        pair.unseen,
        pair.vocabulary,
    )


def _standing(is_moved: bool, has_drifted: bool, would_show: bool) -> Standing:
    if has_drifted or is_moved:
        return Standing.DRIFTED if has_drifted else Standing.MOVED
    return Standing.STEADY if would_show else Standing.UNKNOWN


def _worst_first(column: ColumnDrift) -> tuple[int, float]:
    return list(Standing).index(column.standing), -column.moved
