"""Every chart once, as a Vega-Lite specification made from records; pages, print and notebooks draw the same one.

The kind follows from the scopes: one that counts up (a budget, a number of queries) makes a curve, groups make rows of
dots with whiskers, a single value a bullet. Specifications are plain data, so drawing needs vl-convert alone; Altair
would add over a second of import time and say the same.

Colours are named once, in `holdfast.marks`. The SVG carries the light ones, so it stands alone; `stylesheet()` maps
them to a page's custom properties, so it follows the page into dark mode.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from holdfast import marks, words
from holdfast.domain.appetite import Limit
from holdfast.domain.measure import Direction, Measure, Measurement
from holdfast.domain.verdict import margin
from holdfast.marks import Spec

NARROW, WIDE = 340, 680
"""Whole width of a chart in CSS pixels: one fits a phone, the other a page."""

_TAG, _NOISE = (
    re.compile(r'<(?:[^">]|"[^"]*")*>'),
    re.compile(r' (?:role|aria-[a-z]+|class|xmlns:xlink|version)="[^"]*"'),
)
"""A whole tag (text between tags stays as it is, even where it looks like one); attributes that a page does not use."""

_ROWS_SHOWN = 14
_SERIES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Chart:
    """A Vega-Lite `spec`, the same content in words (`alt`), and a `note` on what the picture leaves out."""

    spec: Spec
    alt: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Point:
    x: float
    measurement: Measurement
    breach: bool


def svg(chart: Chart) -> str:
    """The chart as one ``<svg>`` element: no script, no external reference, no id that could clash on a page."""
    import vl_convert

    drawn = vl_convert.vegalite_to_svg(chart.spec, allowed_base_urls=[])
    bare = _TAG.sub(lambda tag: _NOISE.sub("", tag[0]), drawn)
    return bare.replace("<svg", f'<svg class="chart" role="img" aria-label="{escape(chart.alt)}"', 1)


def stylesheet(scope: str = "") -> str:
    """CSS that lets charts follow a page's custom properties (``--ink`` ...) instead of their light colours."""
    return "\n".join(
        f'{scope}.chart [{paint}="{colour}"]{{{paint}:var(--{role})}}'
        for role, colour in marks.COLOURS.items()
        for paint in ("fill", "stroke")
    )


def draw(
    measure: Measure, measurements: Sequence[Measurement], limit: Limit | None = None, *, width: int = NARROW
) -> Chart:
    """The chart that fits these measurements of one measure, with the appetite's `limit` drawn where there is one."""
    if not measurements:
        return empty("Nothing was measured.", width=width)
    if axis := _axis(measurements):
        return _curve(measure, measurements, limit, axis, width)
    if any(m.scope for m in measurements):
        return _rows(measure, measurements, limit, width)
    return _single(measure, measurements[0], limit, width)


def trend(
    measure: Measure, points: Sequence[tuple[str, Measurement]], limit: Limit | None = None, *, width: int = NARROW
) -> Chart:
    """How a measure went from one release to the next: `points` are (version, measurement), the oldest first.

    The limit is drawn and not written: the charts are small, and stand beside each other under their own captions.
    """
    if not points:
        return empty("Nothing was measured yet.", width=width)
    line = [_Point(float(at), m, _breaches(limit, m)) for at, (_, m) in enumerate(points)]
    measurements = [m for _, m in points]
    left, right, last = 52, 18, len(points) - 1
    inner = width - left - right
    named = list(range(0, last + 1, 1 + last // 6))
    labels = {"labelExpr": f"{json.dumps([version for version, _ in points])}[datum.value]", "labelOverlap": "greedy"}
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [0, max(last, 1)], "nice": False, "padding": 10},
        "axis": {"title": None, "values": named, "grid": False, "labelLimit": 90, **labels},
    }
    y = marks.quantitative("y", _domain(measure, measurements, limit), axis=marks.y_axis(measure))
    across = {"x": {"value": 0}, "x2": {"value": inner}}
    zones = _zones(limit, y["scale"]["domain"]) if limit else []
    layers = [marks.zone(zone, "y", y["scale"]["domain"], across, axis=y["axis"]) for zone in zones]
    layers += [
        marks.mark("rule", {**across, "y": y}, [{"y": end}], width=1.5) for end in (_ends(limit) if limit else [])
    ]
    layers += [*_line(line, x, y, quiet=False), *_value_labels(line, x, y, limit)]
    said = "; ".join(f"{version}: {words.number(m.value, m.unit)}" for version, m in points[-_ROWS_SHOWN:])
    bound = f" Limit: {words.bound(limit, measure.unit)}." if limit else ""
    spec = marks.frame(layers, width=inner, height=130, pad=(14, right, 28, left))
    return Chart(spec, f"{measure.title} by release: {said}.{bound}")


def empty(why: str, *, width: int = NARROW) -> Chart:
    """A chart that says why there is nothing to see."""
    text = marks.text({"x": {"value": width / 2}, "y": {"value": 24}, "text": {"value": why}}, "muted", align="center")
    return Chart(marks.frame([text], width=width, height=48), why)


def bullet(measure: Measure, measurement: Measurement, limit: Limit | None, *, width: int = 150) -> Chart:
    """A bullet graph (Few 2006): estimate as a dot, interval as a whisker, limit as a line, the far side shaded.

    The scale is zoomed to what must be compared; the numbers stand beside it in every report.
    """
    domain = _domain(measure, [measurement], limit)
    x = marks.quantitative("x", domain, axis=None)
    layers = [marks.mark("rule", {"x": {"value": 0}, "x2": {"value": width}, "y": {"value": 11}}, stroke="line")]
    if limit is not None:
        layers += [
            marks.zone(zone, "x", domain, {"y": {"value": 3}, "y2": {"value": 19}}) for zone in _zones(limit, domain)
        ]
        ends = {"y": {"value": 2}, "y2": {"value": 20}}
        layers += [marks.mark("rule", {"x": x, **ends}, [{"x": end}], width=2) for end in _ends(limit)]
    breach = _breaches(limit, measurement)
    layers += marks.dot(measurement, x, 11, breach)
    alt = _said(measure, [measurement], limit)
    return Chart(marks.frame(layers, width=width, height=22, pad=(0, 6, 0, 6)), alt)


def _single(measure: Measure, measurement: Measurement, limit: Limit | None, width: int) -> Chart:
    """A bullet that stands alone: the same marks, with limit, value and the ends of the interval written out."""
    inner, height, middle = width - 24, 40, 20
    x = marks.quantitative("x", _domain(measure, [measurement], limit), axis=None)
    layers = _row_limit(measure, limit, x, inner, height) if limit else []
    layers.append(
        marks.mark("rule", {"x": {"value": 0}, "x2": {"value": inner}, "y": {"value": middle}}, stroke="line")
    )
    layers += marks.dot(measurement, x, middle, _breaches(limit, measurement))
    said = words.number(measurement.value, measurement.unit)
    if measurement.interval is not None:
        said += f" ({words.interval(measurement.interval, measurement.unit)})"
    share = (measurement.value - x["scale"]["domain"][0]) / (x["scale"]["domain"][1] - x["scale"]["domain"][0])
    align = "left" if share < 0.3 else "right" if share > 0.7 else "center"
    below = {"x": {"value": share * inner}, "y": {"value": height + 12}, "text": {"value": said}}
    layers.append(marks.text(below, "ink", align=align))
    spec = marks.frame(layers, width=inner, height=height, pad=(20, 12, 24, 12))
    return Chart(spec, _said(measure, [measurement], limit))


def _curve(measure: Measure, measurements: Sequence[Measurement], limit: Limit | None, axis: str, width: int) -> Chart:
    series, references = _series(measurements, axis, limit)
    shown = dict(list(series.items())[:_SERIES_SHOWN])
    left, right = 52, 18 if len(shown) == 1 else 96
    inner, height = width - left - right, 170 if width <= NARROW else 250
    xs = sorted({p.x for points in shown.values() for p in points})
    domain = _domain(measure, [*measurements], limit)
    scale = marks.x_scale(xs)
    x = {"field": "x", "type": "quantitative", "scale": scale, "axis": marks.x_axis(axis, xs)}
    y = marks.quantitative("y", domain, axis=marks.y_axis(measure))
    layers = _limit_lines(measure, limit, y, inner, next(iter(shown.values())))
    layers += [layer for m in references for layer in _reference_line(m, y, inner)]
    for at, (name, points) in enumerate(shown.items()):
        layers += _line(points, x, y, quiet=at > 0)
        layers += _end_label(name, points, x, y) if len(shown) > 1 else _value_labels(points, x, y, limit)
    layers += [layer for m in references for layer in _reference_label(m, y, inner)]
    note = f"{len(shown)} of {len(series)} series are drawn; the table has all." if len(series) > len(shown) else ""
    spec = marks.frame(layers, width=inner, height=height, pad=(14, right, 44, left))
    return Chart(spec, _said(measure, measurements, limit), note)


def _series(
    measurements: Sequence[Measurement], axis: str, limit: Limit | None
) -> tuple[dict[str, list[_Point]], list[Measurement]]:
    """Points by what else their scope says, each in order of x; and what has no place on the axis."""
    series: dict[str, list[_Point]] = {}
    references: list[Measurement] = []
    for m in measurements:
        scope = dict(m.scope)
        if axis not in scope:
            references.append(m)
            continue
        name = ", ".join(words.part(key, value) for key, value in m.scope if key != axis)
        series.setdefault(name, []).append(_Point(float(scope[axis]), m, _breaches(limit, m)))
    return {name: sorted(points, key=lambda p: p.x) for name, points in series.items()}, references[:_SERIES_SHOWN]


def _line(points: list[_Point], x: Spec, y: Spec, *, quiet: bool) -> list[Spec]:
    data = [{"x": p.x, "y": p.measurement.value, **marks.whisker(p.measurement)} for p in points]
    role = "muted" if quiet else "accent"
    known = [row for row, p in zip(data, points, strict=True) if p.measurement.interval is not None]
    band = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    layers = [marks.mark("area", band, known, fill=role, opacity=0.14)] if len(known) > 1 else []
    layers.append(marks.mark("line", {"x": x, "y": y}, data, stroke=role, width=2, dash=[5, 3] if quiet else None))
    for breach in (False, True):
        part = [row for row, p in zip(data, points, strict=True) if p.breach is breach]
        layers += [marks.point({"x": x, "y": y}, part, breach, role)] if part else []
    return layers


def _limit_lines(measure: Measure, limit: Limit | None, y: Spec, width: int, points: list[_Point]) -> list[Spec]:
    """The limit across the plot, its far side shaded where it binds the whole curve, its label where there is room."""
    if limit is None:
        return []
    across = {"x": {"value": 0}, "x2": {"value": width}}
    domain = y["scale"]["domain"]
    zones = [] if limit.scope else _zones(limit, domain)
    layers = [marks.zone(zone, "y", domain, across, axis=y["axis"]) for zone in zones]
    for end in _ends(limit):
        right = abs(points[-1].measurement.value - end) >= abs(points[0].measurement.value - end)
        place = {
            "x": {"value": width - 4 if right else 4},
            "y": y,
            "text": {"value": _limit_words(limit, end, measure.unit)},
        }
        near = points[-1] if right else points[0]
        above = near.measurement.value < end
        layers += [
            marks.mark("rule", {**across, "y": y}, [{"y": end}], width=1.5, dash=[2, 2] if limit.scope else None),
            *marks.label(place, "ink", [{"y": end}], align="right" if right else "left", dy=-8 if above else 11),
        ]
    return layers


def _reference_line(m: Measurement, y: Spec, width: int) -> list[Spec]:
    """A measurement without a place on the axis (a baseline, the whole) as a line across."""
    across = {"x": {"value": 0}, "x2": {"value": width}, "y": y}
    return [marks.mark("rule", across, [{"y": m.value}], stroke="muted", width=1, dash=[4, 4])]


def _reference_label(m: Measurement, y: Spec, width: int) -> list[Spec]:
    text = f"{words.scope(m) or 'overall'}: {words.number(m.value, m.unit)}"
    place = {"x": {"value": width - 4}, "y": y, "text": {"value": text}}
    return marks.label(place, "muted", [{"y": m.value}], align="right", dy=11, limit=width - 8)


def _value_labels(points: list[_Point], x: Spec, y: Spec, limit: Limit | None) -> list[Spec]:
    """The first, the last and every judged value beside its point, on the side away from the limit."""
    ends = (points[0], points[-1])
    named = [p for p in points if p in ends or (limit is not None and limit.scope and limit.covers(p.measurement))]
    layers = []
    for p in named:
        m = p.measurement
        below = limit is not None and limit.minimum is not None and m.value < limit.minimum
        text = {"x": x, "y": y, "text": {"value": words.number(m.value, m.unit)}}
        align = "right" if p is points[-1] and len(points) > 1 else "left"
        data = [{"x": p.x, "y": m.value}]
        layers += marks.label(text, "ink", data, align=align, dx=4 if align == "right" else -2, dy=15 if below else -14)
    return layers


def _end_label(name: str, points: list[_Point], x: Spec, y: Spec) -> list[Spec]:
    end = [{"x": points[-1].x, "y": points[-1].measurement.value}]
    return [
        marks.text({"x": x, "y": y, "text": {"value": name or "overall"}}, "ink", end, align="left", dx=8, limit=86)
    ]


def _rows(measure: Measure, measurements: Sequence[Measurement], limit: Limit | None, width: int) -> Chart:
    ordered = _worst_first(measure, measurements)
    shown = ordered[:_ROWS_SHOWN]
    narrow = width <= NARROW
    left, right = (132, 62) if narrow else (230, 80)
    names = [_name_lines(words.scope(m) or "all", split=narrow) for m in shown]
    step = 32 if any(len(lines) > 1 for lines in names) else 24
    inner, height = width - left - right, step * len(shown)
    domain = _domain(measure, shown, limit)
    x = marks.quantitative("x", domain, axis=None)
    layers = _row_limit(measure, limit, x, inner, height) if limit else []
    for at, (m, lines) in enumerate(zip(shown, names, strict=True)):
        middle = step * (at + 0.5)
        name = {"x": {"value": 2 - left}, "y": {"value": middle - 7 * (len(lines) - 1)}, "text": {"value": lines}}
        value = {"x": {"value": inner + 10}, "y": {"value": middle}, "text": {"value": words.number(m.value, m.unit)}}
        layers += [
            marks.mark("rule", {"x": {"value": 0}, "x2": {"value": inner}, "y": {"value": middle}}, stroke="line"),
            *marks.dot(m, x, middle, _breaches(limit, m)),
            marks.text(name, "ink", align="left", limit=left - 14, lineHeight=14),
            marks.text(value, "ink", align="left", limit=right - 10),
        ]
    note = (
        f"The {len(shown)} worst of {len(ordered):,} are drawn; the table has all." if len(ordered) > len(shown) else ""
    )
    spec = marks.frame(layers, width=inner, height=height, pad=(20 if limit else 4, right, 4, left))
    return Chart(spec, _said(measure, shown, limit), note)


def _name_lines(name: str, *, split: bool) -> list[str]:
    """An intersection of groups on two lines where one is too narrow for it."""
    first, _, rest = name.partition(", ")
    return [first, rest] if split and rest else [name]


def _row_limit(measure: Measure, limit: Limit, x: Spec, width: int, height: int) -> list[Spec]:
    """The limit down the plot with its label on top, and its far side shaded."""
    domain = x["scale"]["domain"]
    span = {"y": {"value": 0}, "y2": {"value": height}}
    layers = [marks.zone(zone, "x", domain, span) for zone in _zones(limit, domain)]
    for end in _ends(limit):
        share = (end - domain[0]) / (domain[1] - domain[0])
        align = "left" if share < 0.35 else "right" if share > 0.65 else "center"
        label = {"value": _limit_words(limit, end, measure.unit)}
        layers += [
            marks.mark("rule", {"x": x, **span}, [{"x": end}], width=1.5),
            marks.text({"x": {"value": share * width}, "y": {"value": -9}, "text": label}, "ink", align=align),
        ]
    return layers


def _limit_words(limit: Limit, end: float, unit: str) -> str:
    where = "".join(f" at {value}" for _, value in limit.scope)
    return f"limit{where}: at {'least' if end == limit.minimum else 'most'} {words.number(end, unit)}"


def _worst_first(measure: Measure, measurements: Sequence[Measurement]) -> list[Measurement]:
    if measure.direction is Direction.NEUTRAL:
        return list(measurements)
    return sorted(measurements, key=lambda m: m.value, reverse=measure.direction is Direction.LOWER_IS_BETTER)


def _axis(measurements: Sequence[Measurement]) -> str | None:
    """The scope to draw along: numeric wherever it appears, with the most distinct values, and at least three."""
    seen: dict[str, set[float]] = {}
    for m in measurements:
        for name, value in m.scope:
            seen.setdefault(name, set()).add(_as_number(value))
    numeric = {name: len(values) for name, values in seen.items() if all(map(math.isfinite, values))}
    best = max(numeric, key=lambda name: numeric[name], default=None)
    return best if best is not None and numeric[best] >= 3 else None


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _breaches(limit: Limit | None, measurement: Measurement) -> bool:
    """Whether this measurement alone would breach, on a sample large enough to be judged."""
    if limit is None or not limit.covers(measurement) or measurement.n < limit.sample:
        return False
    return margin(limit, measurement) < 0


def _ends(limit: Limit) -> list[float]:
    return [end for end in (limit.minimum, limit.maximum) if end is not None]


def _zones(limit: Limit, domain: list[float]) -> list[list[float]]:
    """The parts of the domain beyond the limit."""
    low = [] if limit.minimum is None else [[domain[0], limit.minimum]]
    high = [] if limit.maximum is None else [[limit.maximum, domain[1]]]
    return [zone for zone in low + high if zone[0] < zone[1]]


def _domain(measure: Measure, measurements: Sequence[Measurement], limit: Limit | None) -> list[float]:
    """Wide enough for every value, interval and limit, with air around them, within the measure's bounds."""
    values = [m.value for m in measurements]
    values += [end for m in measurements if m.interval for end in (m.interval.low, m.interval.high)]
    values += _ends(limit) if limit else []
    low, high = min(values), max(values)
    air = 0.18 * (high - low) or 0.2 * abs(high) or 1.0
    low, high = low - air, high + air
    if measure.bounds is not None:
        low, high = max(low, measure.bounds[0]), min(high, measure.bounds[1])
    elif min(values) >= 0:
        low = max(low, 0.0)
    return [low, high] if low < high else [low - 0.5, low + 0.5]


def _said(measure: Measure, measurements: Sequence[Measurement], limit: Limit | None) -> str:
    """The chart in words, for those who do not see it."""
    values = "; ".join(
        f"{words.scope(m)}: {words.number(m.value, m.unit)}" if m.scope else words.number(m.value, m.unit)
        for m in measurements[:_ROWS_SHOWN]
    )
    bound = f" Limit: {words.bound(limit, measure.unit)}." if limit else ""
    return f"{measure.title}: {values}.{bound}"
