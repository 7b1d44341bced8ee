"""Series as charts: the limit, the change and the gaps are in the picture and in its words."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from tests.unit.server import looking

from holdfast import charts
from holdfast.domain.measure import Direction, Measure
from holdfast.reports import look_chart
from holdfast.reports.look_reading import loudest_first

SHARE = Measure("fairness.impact_ratio", "Impact ratio", "share", Direction.HIGHER_IS_BETTER, "", (0, 1))
LOOK = looking.look_of("sha256:1", "2026-11-28T00:00:00Z")
BEYOND = look_chart.course_of(LOOK, loudest_first(LOOK.lines)[0], SHARE)
CHANGED = look_chart.course_of(LOOK, loudest_first(LOOK.lines)[1], SHARE)
WIDTHS = pytest.mark.parametrize("width", [charts.NARROW, charts.WIDE])


def texts(chart: charts.Chart) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(charts.svg(chart)).iter() if node.tag.endswith("text")]


def of_kind(chart: charts.Chart, kind: str) -> list[dict]:
    return [layer for layer in chart.spec["layer"] if layer["mark"]["type"] == kind]


@WIDTHS
def test_the_limit_the_change_and_the_latest_value_are_written_in(width):
    said = texts(look_chart.series(BEYOND, width=width))
    assert "limit: at least 80 %" in said
    assert "since 7 Oct" in said
    assert "what is usual" in said
    assert any(text.startswith("65.") for text in said)


@WIDTHS
def test_a_chart_is_as_wide_as_a_phone_or_a_page(width):
    assert ET.fromstring(charts.svg(look_chart.series(BEYOND, width=width))).attrib["width"] == str(width)


def test_the_words_say_what_the_picture_shows():
    assert look_chart.said(BEYOND) == (
        "Impact ratio (group sex=female), 1 Sep to 15 Oct: usually 85.9 %; latest 65.2 %; since 7 Oct about 66 %; "
        "the limit is at least 80 %."
    )
    assert "two batches had too few rows" in look_chart.said(replace(CHANGED, values=(None, *CHANGED.values[2:], None)))


def test_the_level_since_the_change_has_its_interval_and_a_breach_differs_in_colour():
    for course, role in ((BEYOND, charts.marks.COLOURS["breach"]), (CHANGED, charts.marks.COLOURS["accent"])):
        bands = [one for one in of_kind(look_chart.series(course), "rect") if one["mark"]["opacity"] == 0.14]
        (row,) = bands[0]["data"]["values"]
        assert bands[0]["mark"]["color"] == role
        assert row["low"] == pytest.approx(course.level - 1.96 * course.error)
        assert row["high"] == pytest.approx(course.level + 1.96 * course.error)
    assert BEYOND.is_beyond
    assert not CHANGED.is_beyond


def test_a_line_breaks_where_a_batch_had_too_few_rows_and_a_lone_value_is_a_dot():
    values = tuple(None if at in (5, 20, 22) else value for at, value in enumerate(CHANGED.values))
    chart = look_chart.series(replace(CHANGED, values=values))
    rows = of_kind(chart, "line")[0]["data"]["values"]
    runs = [row["run"] for row in rows]
    assert sorted({runs.count(run) for run in runs}) == [1, 5, 14, 22]
    lone = [one for one in of_kind(chart, "point") if one["mark"]["size"] == 20]
    assert [row["x"] for row in lone[0]["data"]["values"]] == [21]
    assert chart.note


def test_a_count_starts_at_zero_and_has_no_fractions():
    course = look_chart.counts("Alarms", looking.STARTS[:4], (0, 0, 1, 1), SHARE)
    chart = look_chart.series(replace(course, measure=replace(SHARE, unit="")))
    assert [text for text in texts(chart) if text in ("0", "0.5", "1")] == ["0", "1", "1"]
    many = look_chart.counts("Rows", looking.STARTS[:3], (340, 300, 2_000), replace(SHARE, unit=""))
    assert {"500", "2,000"} <= set(texts(look_chart.series(many)))


@pytest.mark.parametrize(
    ("course", "why"),
    [
        (replace(CHANGED, values=(None,) * 45), "Every batch has too few rows."),
        (replace(CHANGED, starts=(), values=()), "No batch is over yet."),
    ],
)
def test_an_empty_chart_says_why(course, why):
    assert texts(look_chart.series(course)) == [why]
    assert charts.svg(look_chart.sparkline(course)).startswith("<svg")


@pytest.mark.parametrize("value", [0.0, 1.0, 1e9, -3.5, 1e-12])
def test_one_batch_and_a_flat_line_are_drawn(value):
    free = replace(SHARE, bounds=None)
    one = look_chart.Course("Flat", free, looking.STARTS[:1], (value,), 1, value, since=0, alarm=0)
    for course in (one, replace(one, starts=looking.STARTS[:9], values=(value,) * 9)):
        assert "<path" in charts.svg(look_chart.series(course))
        assert "NaN" not in charts.svg(look_chart.series(course)) + charts.svg(look_chart.sparkline(course))


def test_hostile_names_stay_text():
    name = '"><script>alert(1)</script>'
    drawn = charts.svg(look_chart.series(replace(CHANGED, title=name)))
    assert "<script" not in drawn
    ET.fromstring(drawn)


@pytest.mark.parametrize(("start", "said"), [("2026-11-04", "4 Nov"), ("2026-11-04T09", "4 Nov, 09:00")])
def test_a_batch_is_named_by_its_start(start, said):
    assert look_chart.day(start) == said


def test_labels_above_the_plot_do_not_cover_one_another():
    early = replace(CHANGED, since=3, alarm=5, ordinary=2)
    assert "what is usual" not in texts(look_chart.series(early))
