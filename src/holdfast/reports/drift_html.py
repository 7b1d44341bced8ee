"""The page of a comparison, and what a notebook shows of it: self-contained, without a script."""

from __future__ import annotations

from typing import Any

from holdfast import charts
from holdfast.domain.drift import ColumnDrift, Drift, Joint, Standing
from holdfast.reports import drift_reading as reading
from holdfast.reports.drift_chart import spread
from holdfast.reports.html import environment

MOST_DRAWN = 60
"""Columns that are drawn, the worst first; the table has all."""


def render(drift: Drift) -> bytes:
    """The whole page, UTF-8."""
    page = environment().get_template("drift.html").render(**_told(drift), chart_css=charts.stylesheet())
    return page.encode("utf-8")


def to_notebook(drift: Drift) -> str:
    """A fragment whose styles reach nothing outside it, for ``_repr_html_``."""
    template = environment().get_template("drift_notebook.html")
    return template.render(**_told(drift, drawn=6), chart_css=charts.stylesheet(scope=".holdfast "))


def _told(drift: Drift, drawn: int = MOST_DRAWN) -> dict[str, Any]:
    loud = [column for column in drift.columns if column.standing in (Standing.DRIFTED, Standing.MOVED)]
    first = (loud or list(drift.columns))[:drawn]
    return {
        "drift": drift,
        "sentence": reading.sentence(drift),
        "rows": [_row(column) for column in drift.columns],
        "figures": [_figure(column) for column in first],
        "undrawn": len(drift.columns) - len(first),
        "together": _together(drift.joint) if drift.joint else None,
        "meanings": [(*reading.STATES[standing], reading.MEANS[standing]) for standing in Standing],
    }


def _together(joint: Joint) -> dict[str, Any]:
    shape, word = reading.STATES[joint.standing]
    return {"joint": joint, "shape": shape, "word": word, "sentence": reading.together(joint)}


def _row(column: ColumnDrift) -> dict[str, Any]:
    shape, word = reading.STATES[column.standing]
    return {
        "column": column,
        "shape": shape,
        "word": word,
        "size": reading.size(column),
        "chance": reading.chance(column),
        "change": reading.change(column),
        "p_value": reading.p_value(min(column.difference.p_value, column.missing_p_value)),
    }


def _figure(column: ColumnDrift) -> dict[str, Any]:
    chart = spread(column)
    return {"row": _row(column), "svg": charts.svg(chart), "note": chart.note}
