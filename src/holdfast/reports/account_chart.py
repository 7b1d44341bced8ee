"""What each fact contributed to a score, as one chart: bars from the mean of other people, with errors as whiskers."""

from __future__ import annotations

from holdfast import marks
from holdfast.charts import NARROW, Chart, empty
from holdfast.explanations.explanation import Explanation, Part
from holdfast.explanations.wording import plainly

MOST_BARS = 12
STEP = 24


def contributed(explanation: Explanation, *, width: int = NARROW) -> Chart:
    """The weightiest facts, the largest first; bars to the left pull the score down."""
    shown = [part for part in explanation.parts[:MOST_BARS] if part.contribution]
    if not shown:
        return empty("No fact moved the score.", width=width)
    left, right = 132, 60
    inner, height = width - left - right, STEP * len(shown)
    reach = [end for part in shown for end in (*_ends(part), 0.0)]
    x = marks.quantitative("x", [1.05 * min(reach), 1.05 * max(reach)], axis=None)
    layers = []
    for place, part in enumerate(shown):
        low, high = _ends(part)
        middle = {"y": {"value": STEP * (place + 0.5)}}
        bar = {"x": {**x, "field": "from"}, "x2": {"field": "to"}}
        box = {**bar, "y": {"value": STEP * (place + 0.25)}, "y2": {"value": STEP * (place + 0.75)}}
        name = {"x": {"value": 2 - left}, **middle, "text": {"value": plainly(part.feature)}}
        value = {"x": {"value": inner + 8}, **middle, "text": {"value": f"{part.contribution:+.2f}"}}
        layers += [
            marks.mark("rect", box, [{"from": 0.0, "to": part.contribution}], fill="line"),
            marks.mark("rule", {**bar, **middle}, [{"from": low, "to": high}], stroke="ink", width=1),
            marks.text(name, "ink", align="left", limit=122),
            marks.text(value, "ink", align="left"),
        ]
    zero = {"x": {**x, "field": "x"}, "y": {"value": 0}, "y2": {"value": height}}
    layers.append(marks.mark("rule", zero, [{"x": 0.0}], stroke="muted"))
    spec = marks.frame(layers, width=inner, height=height, pad=(4, right, 4, left))
    said = "; ".join(f"{plainly(part.feature)} {part.contribution:+.2f}" for part in shown)
    rest = len(explanation.parts) - len(shown)
    more = f" {rest} that moved it less are in the table." if rest else ""
    return Chart(spec, f"Contributions: {said}.", f"Whiskers: two standard errors.{more}")


def _ends(part: Part) -> tuple[float, float]:
    return part.contribution - 2 * part.error, part.contribution + 2 * part.error
