"""The marks that charts are made of, as Vega-Lite layers in the house's colours, type and axes."""

from __future__ import annotations

from typing import Any

from holdfast import words
from holdfast.domain.measure import Measure, Measurement

Spec = dict[str, Any]

COLOURS = {
    "ink": "#1b1d20",
    "muted": "#5a6069",
    "line": "#d8dadd",
    "accent": "#2a4fb5",
    "breach": "#b3261e",
    "paper": "#ffffff",
}
"""Role to light colour; the roles are the custom properties of ``reports/templates/tokens.css``."""

FONT = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Arial, sans-serif"


def whisker(measurement: Measurement) -> dict[str, float]:
    """The interval's ends as the fields ``low`` and ``high``; nothing without an interval."""
    span = measurement.interval
    return {} if span is None else {"low": span.low, "high": span.high}


def dot(measurement: Measurement, x: Spec, y: float, breach: bool) -> list[Spec]:
    """The estimate with its interval as a whisker, at pixel `y`."""
    row, place = {"x": measurement.value, **whisker(measurement)}, {"y": {"value": y}}
    ends = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, **place}
    stroke = "breach" if breach else "accent"
    layers = [mark("rule", ends, [row], stroke=stroke, width=2)] if measurement.interval else []
    return [*layers, point({"x": x, **place}, [row], breach, "accent")]


def point(encoding: Spec, data: list[dict[str, float]], breach: bool, role: str) -> Spec:
    """Breach and kept differ in shape as well as colour."""
    look: Spec = {"type": "point", "shape": "diamond" if breach else "circle", "size": 90 if breach else 56}
    fill = COLOURS["breach" if breach else role]
    look |= {"opacity": 1, "filled": True, "fill": fill, "stroke": COLOURS["paper"], "strokeWidth": 1.5}
    return {"data": {"values": data}, "mark": look, "encoding": encoding}


def zone(ends: list[float], channel: str, domain: list[float], across: Spec, *, axis: Spec | None = None) -> Spec:
    """The far side of a limit, lightly shaded along `channel`."""
    start = quantitative("from", domain, axis=axis)
    encoding = {channel: start, f"{channel}2": {"field": "to"}, **across}
    return mark("rect", encoding, [{"from": ends[0], "to": ends[1]}], fill="breach", opacity=0.09)


def mark(
    kind: str,
    encoding: Spec,
    data: list[dict[str, float]] | None = None,
    *,
    stroke: str = "ink",
    fill: str | None = None,
    width: float = 1,
    opacity: float = 1,
    dash: list[int] | None = None,
) -> Spec:
    """A rule, line, area or rectangle: filled in the role `fill`, or drawn `width` pixels wide in the role `stroke`."""
    look: Spec = {"type": kind, "opacity": opacity}
    look |= {"color": COLOURS[fill]} if fill else {"color": COLOURS[stroke], "strokeWidth": width}
    look |= {"strokeDash": dash} if dash else {}
    return {"data": {"values": data if data is not None else [{}]}, "mark": look, "encoding": encoding}


def label(encoding: Spec, role: str, data: list[dict[str, Any]], **look: Any) -> list[Spec]:
    """Text inside a plot, with a rim in the page's colour so that it stays legible on lines."""
    rim = text(encoding, "paper", data, stroke=COLOURS["paper"], strokeWidth=4, strokeJoin="round", **look)
    return [rim, text(encoding, role, data, **look)]


def text(encoding: Spec, role: str, data: list[dict[str, Any]] | None = None, **look: Any) -> Spec:
    """Text in the colour of `role`; `look` goes to Vega-Lite's text mark as it is."""
    set_as = {"type": "text", "baseline": "middle", "fontSize": 12, "color": COLOURS[role], **look}
    return {"data": {"values": data if data is not None else [{}]}, "mark": set_as, "encoding": encoding}


def quantitative(field: str, domain: list[float], *, axis: Spec | None) -> Spec:
    """A position channel over exactly `domain`."""
    scale = {"domain": domain, "nice": False, "zero": False}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}


def x_scale(xs: list[float]) -> Spec:
    """Logarithmic where the points span more than a factor of thirty."""
    kind = "log" if xs[0] > 0 and xs[-1] / xs[0] > 30 else "linear"
    return {"type": kind, "domain": [xs[0], xs[-1]], "nice": False, "zero": False, "padding": 10}


def x_axis(name: str, xs: list[float]) -> Spec:
    """Ticks only where something was measured."""
    title = words.sentence_case(name.replace("_", " "))
    return {"title": title, "values": xs[:: 1 + len(xs) // 8], "format": ",~g", "grid": False, "labelOverlap": "greedy"}


def y_axis(measure: Measure) -> Spec:
    """Values in the measure's unit; its title stands above the chart, not beside it."""
    axis: Spec = {"title": None, "tickCount": 5}
    if measure.unit == "share":
        return axis | {"labelExpr": "format(datum.value * 100, '~g') + ' %'"}
    return axis | {"format": ",~g"}


def frame(layers: list[Spec], *, width: int, height: int, pad: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Spec:
    """A specification of fixed size: inner `width` and `height` with `pad` (top, right, bottom, left) around."""
    top, right, bottom, left = pad
    ink, muted, line = COLOURS["ink"], COLOURS["muted"], COLOURS["line"]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": width,
        "height": height,
        "padding": {"top": top, "right": right, "bottom": bottom, "left": left},
        "autosize": {"type": "none"},
        "background": None,
        "layer": layers,
        "config": {
            "font": FONT,
            "view": {"stroke": None},
            "axis": {
                "labelFontSize": 12,
                "labelColor": muted,
                "titleColor": muted,
                "titleFontSize": 12,
                "titleFontWeight": "normal",
                "titlePadding": 8,
                "gridColor": line,
                "domain": False,
                "ticks": False,
                "labelPadding": 8,
            },
            "text": {"color": ink},
        },
    }
