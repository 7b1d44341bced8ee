"""How a column was spread and how it is now, as one chart: bars then, lines now; for labels dots that moved."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast import marks, words
from holdfast.charts import NARROW, Chart, empty
from holdfast.domain.drift import ColumnDrift
from holdfast.monitors.profiling import quantile, shares

Vector = NDArray[np.float64]

STEPS = 32
LABELS_SHOWN = 8
OUTLYING = 0.005
"""The share of rows on either side that is left out of the picture, so that a few far values do not flatten it."""


def spread(column: ColumnDrift, *, width: int = NARROW) -> Chart:
    """The chart of one column; one that says why where there is nothing to draw."""
    if not column.reference.known or not column.current.known:
        where = "reference" if not column.reference.known else "current table"
        return empty(f"No value in the {where}.", width=width)
    return _numbers(column, width) if column.bins.is_number else _labels(column, width)


def _numbers(column: ColumnDrift, width: int) -> Chart:
    ends = _ends(column)
    grid = np.linspace(*ends, STEPS + 1)
    then, now = (shares(column.bins, counts, grid) for counts in (column.reference, column.current))
    left, right, height = 46, 12, 130
    inner = width - left - right
    most = float(max(then.max(), now.max())) or 1.0
    x_axis = {"title": None, "tickCount": 5, "format": ",~g", "grid": False, "labelOverlap": "greedy"}
    x = marks.quantitative("from", [float(grid[0]), float(grid[-1])], axis=x_axis)
    share = "format(datum.value * 100, '~g') + ' %'"
    y = marks.quantitative("y", [0.0, 1.08 * most], axis={"title": None, "tickCount": 4, "labelExpr": share})
    across = {"x": x, "x2": {"field": "to"}}
    bars = {**across, "y": y, "y2": {"datum": 0}}
    layers = [
        marks.mark("rect", bars, _steps(grid, then), fill="line"),
        marks.mark("rule", {**across, "y": y}, _steps(grid, now), stroke="accent", width=2),
    ]
    spec = marks.frame(layers, width=inner, height=height, pad=(8, right, 26, left))
    medians = [words.number(quantile(column.bins, counts, 0.5)) for counts in (column.reference, column.current)]
    alt = f"{column.name}: the median was {medians[0]} and is {medians[1]}."
    aside = " Further right: texts of words that come more often now." if column.vocabulary else ""
    return Chart(spec, alt, f"Bars: the reference. Lines: the current table.{aside}")


def _steps(grid: Vector, shares: Vector) -> list[dict[str, float]]:
    rows = zip(grid[:-1].tolist(), grid[1:].tolist(), shares.tolist(), strict=True)
    return [{"from": start, "to": end, "y": share} for start, end, share in rows]


def _ends(column: ColumnDrift) -> tuple[float, float]:
    both = (column.reference, column.current)
    low = min(quantile(column.bins, counts, OUTLYING) for counts in both)
    high = max(quantile(column.bins, counts, 1 - OUTLYING) for counts in both)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _labels(column: ColumnDrift, width: int) -> Chart:
    then, now = (np.array(counts.cells) / counts.known for counts in (column.reference, column.current))
    names = [*(column.bins.labels or ()), "all others"]
    order = np.argsort(-np.maximum(then, now), kind="stable")
    seen = [int(place) for place in order if max(then[place], now[place]) > 0]
    shown = seen[:LABELS_SHOWN]
    left, right, step = 96, 124, 24
    inner, height = width - left - right, step * len(shown)
    most = float(max(then[shown].max(), now[shown].max()))
    x = marks.quantitative("x", [0.0, 1.05 * most], axis=None)
    layers = []
    for at, place in enumerate(shown):
        middle = {"y": {"value": step * (at + 0.5)}}
        was, is_now = float(then[place]), float(now[place])
        said = f"{_percent(was)} → {_percent(is_now)}"
        ends = {"x": {**x, "field": "from"}, "x2": {"field": "to"}, **middle}
        base = {"x": {"value": 0}, "x2": {"value": inner}, **middle}
        layers += [
            marks.mark("rule", base, stroke="line"),
            marks.mark("rule", ends, [{"from": was, "to": is_now}], stroke="accent", width=2),
            marks.point({"x": x, **middle}, [{"x": was}], breach=False, role="muted"),
            marks.point({"x": x, **middle}, [{"x": is_now}], breach=False, role="accent"),
            marks.text(
                {"x": {"value": 2 - left}, **middle, "text": {"value": names[place]}},
                "ink",
                align="left",
                limit=82,
            ),
            marks.text({"x": {"value": inner + 10}, **middle, "text": {"value": said}}, "ink", align="left"),
        ]
    spec = marks.frame(layers, width=inner, height=height, pad=(4, right, 4, left))
    moved = "; ".join(f"{names[place]}: {_percent(then[place])}, now {_percent(now[place])}" for place in shown)
    more = f" {len(seen) - len(shown)} more labels are not drawn." if len(seen) > len(shown) else ""
    return Chart(spec, f"{column.name}: {moved}.", f"Grey: the reference. Blue: the current table.{more}")


def _percent(share: float) -> str:
    return words.number(float(share), "share")
