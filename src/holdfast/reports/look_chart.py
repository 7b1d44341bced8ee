"""How something went from batch to batch, as one chart: what is usual, the limit, the change, and where it lies now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast import marks, words
from holdfast.charts import NARROW, Chart, empty
from holdfast.domain.look import Line, Look
from holdfast.domain.measure import Measure
from holdfast.marks import Spec
from holdfast.reports.look_reading import begun, title, usual

SPARK = 120, 28
"""Width and height of a sparkline in CSS pixels."""

TWO_SIDED = 1.96
"""Standard errors on either side, for 95 in a hundred."""

ROOM = 170
"""Pixels that two labels above a plot need beside each other."""

_AIR, _TICKS = 0.12, 6


@dataclass(frozen=True, slots=True)
class Course:
    """Values by batch, None where one had too few rows; the first `ordinary` batches say what is usual.

    `usual` is their mean. `since` is the batch at which the present `level` began, `error` that level's standard
    error, `alarm` the batch at which it was known. `floor` and `ceiling` are limits; None of anything is none. A count
    starts at zero and has no fractions.
    """

    title: str
    measure: Measure
    starts: tuple[str, ...]
    values: tuple[float | None, ...]
    ordinary: int = 0
    usual: float | None = None
    floor: float | None = None
    ceiling: float | None = None
    since: int | None = None
    alarm: int | None = None
    level: float | None = None
    error: float | None = None
    is_count: bool = False

    @property
    def is_beyond(self) -> bool:
        """Whether the level lies on the wrong side of a limit."""
        if self.level is None:
            return False
        low = self.floor is not None and self.level < self.floor
        return low or (self.ceiling is not None and self.level > self.ceiling)

    @property
    def known(self) -> list[tuple[int, float]]:
        """The batches with a value: (place, value)."""
        return [(place, value) for place, value in enumerate(self.values) if value is not None]


def course_of(look: Look, line: Line, measure: Measure) -> Course:
    """How a line of a look went."""
    normal, since = usual(look, line), begun(line)
    level, error, alarm = line.level, line.level_error, line.out_alarm
    if line.out_alarm is None:
        changed = normal is not None and line.alarm is not None and line.shift is not None
        level, error, alarm = (normal or 0.0) + (line.shift or 0.0) if changed else None, line.error, line.alarm
    name = title(line, {measure.id: measure})
    known = Course(name, measure, look.starts, line.values, look.ordinary, normal, line.floor, line.ceiling)
    return replace(known, since=since, alarm=alarm, level=level, error=error)


def series(course: Course, *, width: int = NARROW) -> Chart:
    """The chart; one that says why where there is nothing to draw."""
    if not course.known:
        why = "Every batch has too few rows." if course.starts else "No batch is over yet."
        return empty(why, width=width)
    left, right, height = 56, 56, 170 if width <= NARROW else 260
    inner = width - left - right
    x, y = _x(course, inner), marks.quantitative("y", _domain(course), axis=_y_axis(course))
    layers = [*_ordinary(course, x, y, inner, height), *_limits(course, y, inner), *_level(course, x, y)]
    layers += [*_line(course, x, y, 2), *_change(course, x, height), *_alarm(course, x, y), *_last(course, x, y)]
    note = "A break in the line: too few rows." if len(course.known) < len(course.values) else ""
    spec = marks.frame(layers, width=inner, height=height, pad=(22, right, 28, left))
    return Chart(spec, said(course), note)


def sparkline(course: Course) -> Chart:
    """The same in the height of a table's row: no words, the change and the limit kept."""
    width, height = SPARK
    if not course.known:
        return Chart(marks.frame([], width=width, height=height), said(course))
    x = {"field": "x", "type": "quantitative", "scale": _across(course, 4), "axis": None}
    y = marks.quantitative("y", _domain(course), axis=None)
    lines = [{"y": end} for end in (course.floor, course.ceiling) if end is not None]
    layers = [_shade(course, x, {"y": {"value": 0}, "y2": {"value": height}})] if course.ordinary else []
    layers += [marks.mark("rule", {"x": {"value": 0}, "x2": {"value": width}, "y": y}, lines)] if lines else []
    layers += [*_line(course, x, y, 1.5), *_alarm(course, x, y, size=36, strokeWidth=0)]
    return Chart(marks.frame(layers, width=width, height=height, pad=(2, 2, 2, 2)), said(course))


def counts(title: str, starts: Sequence[str], values: Sequence[int], measure: Measure, ordinary: int = 0) -> Course:
    """Something counted in every batch."""
    return Course(title, measure, tuple(starts), tuple(float(value) for value in values), ordinary, is_count=True)


def said(course: Course) -> str:
    """The chart in words, for those who do not see it."""
    known, unit = course.known, course.measure.unit
    if not known:
        return f"{course.title}: nothing to draw."
    parts = [f"{course.title}, {day(course.starts[0])} to {day(course.starts[-1])}"]
    if course.usual is not None:
        parts.append(f"usually {words.number(course.usual, unit)}")
    parts.append(f"latest {words.number(known[-1][1], unit)}")
    if course.since is not None and course.level is not None:
        parts.append(f"since {day(course.starts[course.since])} about {words.number(course.level, unit)}")
    parts += [f"the limit is {bound}" for bound in (_bound(course, "floor"), _bound(course, "ceiling")) if bound]
    if len(known) < len(course.values):
        gaps = len(course.values) - len(known)
        parts.append(f"{words.spelled(gaps)} batch{'' if gaps == 1 else 'es'} had too few rows")
    return f"{parts[0]}: {'; '.join(parts[1:])}."


def day(start: str) -> str:
    """``24 Nov`` or ``24 Nov, 13:00`` of a batch's start, without its year."""
    when = datetime.fromisoformat(f"{start}:00" if "T" in start else start)
    return f"{when.day} {when:%b}, {when:%H:%M}" if "T" in start else f"{when.day} {when:%b}"


def _bound(course: Course, which: str) -> str:
    end: float | None = getattr(course, which)
    if end is None:
        return ""
    return f"at {'least' if which == 'floor' else 'most'} {words.number(end, course.measure.unit)}"


def _across(course: Course, padding: int) -> Spec:
    ends = [-0.5, max(len(course.starts) - 0.5, 0.5)]
    return {"domain": ends, "nice": False, "zero": False, "padding": padding}


def _x(course: Course, width: int) -> Spec:
    last = len(course.starts) - 1
    step = 1 + last // max(min(_TICKS, width // 60), 1)
    names = json.dumps([day(start) for start in course.starts])
    labels = {"labelExpr": f"{names}[datum.value]", "labelOverlap": "greedy"}
    axis = {"title": None, "values": list(range(0, last + 1, step)), "grid": False, **labels}
    return {"field": "x", "type": "quantitative", "scale": _across(course, 0), "axis": axis}


def _y_axis(course: Course) -> Spec:
    axis = marks.y_axis(course.measure)
    if "format" in axis:  # written out, or Vega shortens 340 to 3.4e+2
        axis = {"title": None, "tickCount": 5, "labelExpr": "format(datum.value, ',~g')"}
    if course.is_count:  # so that no tick lies between whole numbers
        return axis | {"tickCount": max(min(int(max(value for _, value in course.known)), 5), 1)}
    return axis


def _domain(course: Course) -> list[float]:
    """Wide enough for every value, limit and level with its interval, within the measure's bounds."""
    values = [value for _, value in course.known]
    values += [end for end in (course.floor, course.ceiling, *_ends(course)) if end is not None]
    low, high = min(values), max(values)
    if course.is_count:
        return [0.0, max(1.15 * high, 1.0)]
    air = _AIR * (high - low) or 0.2 * abs(high) or 1.0
    bottom, top = low - air, high + air
    if course.measure.bounds is not None:
        bottom, top = max(bottom, course.measure.bounds[0]), min(top, course.measure.bounds[1])
    elif low >= 0:
        bottom = max(bottom, 0.0)
    return [bottom, top] if bottom < top else [bottom - 0.5, bottom + 0.5]


def _ends(course: Course) -> tuple[float, ...]:
    """The ends of the level's interval."""
    if course.level is None:
        return ()
    reach = TWO_SIDED * (course.error or 0.0)
    return course.level - reach, course.level + reach


def _shade(course: Course, x: Spec, down: Spec) -> Spec:
    span = [{"x": -0.5, "to": course.ordinary - 0.5}]
    return marks.mark("rect", {"x": x, "x2": {"field": "to"}, **down}, span, fill="line", opacity=0.4)


def _ordinary(course: Course, x: Spec, y: Spec, width: int, height: int) -> list[Spec]:
    """The batches that say what is usual, shaded; and their mean, all along."""
    if not course.ordinary:
        return []
    name = {"x": x, "y": {"value": -10}, "text": {"value": "what is usual"}}
    layers = [_shade(course, x, {"y": {"value": 0}, "y2": {"value": height}})]
    if course.since is None or course.since * width > ROOM * len(course.starts):
        layers.append(marks.text(name, "muted", [{"x": -0.5}], align="left", dx=2))
    if course.usual is not None:
        across = {"x": {"value": 0}, "x2": {"value": width}, "y": y}
        layers.append(marks.mark("rule", across, [{"y": course.usual}], stroke="muted", dash=[4, 4]))
    return layers


def _limits(course: Course, y: Spec, width: int) -> list[Spec]:
    """Each limit across the plot with its label, and its far side shaded."""
    across, domain = {"x": {"value": 0}, "x2": {"value": width}}, y["scale"]["domain"]
    layers = []
    for which, end in (("floor", course.floor), ("ceiling", course.ceiling)):
        if end is None:
            continue
        zone = [domain[0], end] if which == "floor" else [end, domain[1]]
        place = {"x": {"value": 4}, "y": y, "text": {"value": f"limit: {_bound(course, which)}"}}
        near_top = end - domain[0] > 0.85 * (domain[1] - domain[0])
        layers.append(marks.zone(zone, "y", domain, across, axis=y["axis"]))
        layers.append(marks.mark("rule", {**across, "y": y}, [{"y": end}], width=1.5))
        layers += marks.label(place, "ink", [{"y": end}], align="left", dy=11 if near_top else -9)
    return layers


def _level(course: Course, x: Spec, y: Spec) -> list[Spec]:
    """Where it lies since the change, with its interval."""
    if course.level is None or course.since is None:
        return []
    low, high = _ends(course)
    row = [{"x": course.since - 0.5, "to": len(course.starts) - 0.5, "y": course.level, "low": low, "high": high}]
    across, role = {"x": x, "x2": {"field": "to"}}, "breach" if course.is_beyond else "accent"
    band = {**across, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    layers = [marks.mark("rect", band, row, fill=role, opacity=0.14)] if high > low else []
    return [*layers, marks.mark("rule", {**across, "y": y}, row, stroke=role, width=1.5, dash=[5, 3])]


def _line(course: Course, x: Spec, y: Spec, width: float) -> list[Spec]:
    """The values as a line that breaks where a batch has none; a value between two breaks is a dot."""
    rows, run, before = list[dict[str, float]](), 0, -1
    for place, value in course.known:
        run += place > before + 1
        rows.append({"x": place, "y": value, "run": run})
        before = place
    runs = [row["run"] for row in rows]
    lone = [row for row in rows if runs.count(row["run"]) == 1]
    encoding = {"x": x, "y": y, "detail": {"field": "run", "type": "nominal"}}
    layers = [marks.mark("line", encoding, rows, stroke="accent", width=width)]
    return [*layers, _dots(lone, x, y, 20)] if lone else layers


def _dots(rows: list[dict[str, float]], x: Spec, y: Spec, size: int) -> Spec:
    dots = marks.point({"x": x, "y": y}, rows, breach=False, role="accent")
    return {**dots, "mark": {**dots["mark"], "size": size}}


def _change(course: Course, x: Spec, height: int) -> list[Spec]:
    """When it began, as a line down the plot with its day."""
    if course.since is None:
        return []
    at = [{"x": course.since - 0.5}]
    late = course.since > 0.6 * len(course.starts)
    words_at = {"x": x, "y": {"value": -10}, "text": {"value": f"since {day(course.starts[course.since])}"}}
    name = marks.text(words_at, "ink", at, align="right" if late else "left", fontWeight=600)
    return [marks.mark("rule", {"x": x, "y": {"value": 0}, "y2": {"value": height}}, at, dash=[2, 2]), name]


def _alarm(course: Course, x: Spec, y: Spec, **look: float) -> list[Spec]:
    """The batch at which it was known, as a diamond."""
    value = None if course.alarm is None else course.values[course.alarm]
    if value is None:
        return []
    diamond = marks.point({"x": x, "y": y}, [{"x": float(course.alarm or 0), "y": value}], breach=True, role="breach")
    return [{**diamond, "mark": {**diamond["mark"], **look}}]


def _last(course: Course, x: Spec, y: Spec) -> list[Spec]:
    """The latest value, written out beside its dot."""
    place, value = course.known[-1]
    at = [{"x": float(place), "y": value}]
    text = {"x": x, "y": y, "text": {"value": words.number(value, course.measure.unit)}}
    dots = [] if place == course.alarm else [_dots(at, x, y, 40)]
    return [*dots, marks.text(text, "ink", at, align="left", dx=9)]
