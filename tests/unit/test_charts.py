from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from holdfast import charts, marks
from holdfast.domain.appetite import Limit
from holdfast.domain.measure import Direction, Interval, Measure
from holdfast.testing.runs import FIDELITY, FLIP, IMPACT, ROBUST, SELECTION, sample_run

TOKENS = Path(charts.__file__).parent / "reports/templates/tokens.css"
HOSTILE = ' class="x" role="<b>"><script>alert(1)</script>&amp; é\u202e \' aria-label="'


def measured(measure: Measure):
    return [m for m in sample_run().evidence.measurements if m.measure == measure.id]


def kinds(chart: charts.Chart) -> set[str]:
    return {layer["mark"]["type"] for layer in chart.spec["layer"]}


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("text")]


def test_a_scope_that_counts_up_makes_a_curve_with_a_band():
    assert {"line", "area", "point"} <= kinds(charts.draw(ROBUST, measured(ROBUST)))


def test_groups_make_rows_with_whiskers_worst_first():
    chart = charts.draw(IMPACT, measured(IMPACT), width=charts.WIDE)
    assert "line" not in kinds(chart)
    assert [t for t in texts(charts.svg(chart)) if "=" in t][:2] == ["sex=female, race=black", "race=black"]


def test_a_neutral_measure_keeps_its_order():
    said = texts(charts.svg(charts.draw(SELECTION, measured(SELECTION), width=charts.WIDE)))
    assert said[0] == "sex=male"


def test_a_single_value_makes_a_bullet_with_its_numbers():
    limit = Limit(FLIP.id, "why", maximum=0.25)
    said = texts(charts.svg(charts.draw(FLIP, measured(FLIP), limit)))
    assert said == ["limit: at most 25 %", "41 % (34.2 to 47.8 %)"]


def test_nothing_measured_says_why():
    assert texts(charts.svg(charts.draw(FLIP, []))) == ["Nothing was measured."]


@pytest.mark.parametrize("measure", [FLIP, ROBUST, IMPACT, FIDELITY])
def test_the_limit_is_in_every_chart(measure):
    limit = Limit(measure.id, "why", minimum=0.5)
    chart = charts.draw(measure, measured(measure), limit)
    assert any(t.startswith("limit: at least") for t in texts(charts.svg(chart)))
    assert "Limit: at least" in chart.alt


def test_what_breaches_differs_in_shape_and_not_only_in_colour():
    limit = Limit(IMPACT.id, "why", minimum=0.8)
    shapes = [
        layer["mark"]["shape"]
        for layer in charts.draw(IMPACT, measured(IMPACT), limit).spec["layer"]
        if layer["mark"]["type"] == "point"
    ]
    assert shapes == ["diamond", "diamond", "circle", "circle", "circle", "circle"]


def test_a_group_too_small_for_the_limit_is_not_called_a_breach():
    limit = Limit(IMPACT.id, "why", minimum=0.8, sample=10_000)
    layers = charts.draw(IMPACT, measured(IMPACT), limit).spec["layer"]
    assert {layer["mark"].get("shape") for layer in layers} <= {None, "circle"}


def test_a_baseline_without_a_place_on_the_axis_is_a_line_with_its_name():
    said = texts(charts.svg(charts.draw(FIDELITY, measured(FIDELITY))))
    assert "thief owns similar rows, asks nothing: 90 %" in said


def test_a_wide_range_is_drawn_on_a_logarithmic_axis_and_ticks_are_the_measured_points():
    chart = charts.draw(FIDELITY, measured(FIDELITY))
    axis = next(layer["encoding"]["x"] for layer in chart.spec["layer"] if layer["mark"]["type"] == "line")
    assert axis["scale"]["type"] == "log"
    assert axis["axis"]["values"] == [100, 250, 500, 1_000, 2_000, 4_000]


def test_several_series_are_labelled_at_their_end():
    many = [
        ROBUST.of(v / (2 + s), n=9, budget=b, attacker=name)
        for s, name in enumerate(("blind", "scores"))
        for b, v in ((1, 0.9), (2, 0.7), (3, 0.5))
    ]
    assert {"attacker blind", "attacker scores"} <= set(texts(charts.svg(charts.draw(ROBUST, many))))


def test_what_a_picture_leaves_out_is_said():
    many = [IMPACT.of(k / 100, n=50, group=f"g={k}") for k in range(40)]
    assert charts.draw(IMPACT, many).note == "The 14 worst of 40 are drawn; the table has all."


def test_a_chart_stands_alone_and_loads_nothing():
    drawn = charts.svg(charts.draw(ROBUST, measured(ROBUST)))
    assert not re.search(r"(?:href|src|url\(|<script|<image| id=|@import)", drawn)
    root = ET.fromstring(drawn)
    assert root.get("role") == "img"
    assert root.get("aria-label").startswith("Correct decisions under attack: budget 0.01: 86 %")


def test_names_from_strangers_stay_text():
    hostile = [IMPACT.of(0.5, n=50, group=HOSTILE), IMPACT.of(0.9, n=50, group="plain=1")]
    drawn = charts.svg(charts.draw(IMPACT, hostile, width=charts.WIDE))
    tags = {node.tag.rpartition("}")[2] for node in ET.fromstring(drawn).iter()}
    assert tags <= {"svg", "g", "path", "line", "text", "rect", "tspan"}
    measure = Measure(HOSTILE, HOSTILE, HOSTILE, Direction.NEUTRAL, HOSTILE)
    ET.fromstring(charts.svg(charts.draw(measure, [measure.of(1, n=1)], Limit(HOSTILE, "", maximum=2))))


@pytest.mark.parametrize(
    "values",
    [[0.0], [0.0, 0.0, 0.0], [1e-12, 1e12, 3.0], [-5.0, -5.0, -5.0], [1.0, 1.0, 2.0]],
)
@pytest.mark.parametrize("scope", ["budget", "group"])
def test_odd_values_still_draw(values, scope):
    measure = Measure("x.y", "Odd", "", Direction.NEUTRAL, "")
    found = [measure.of(v, n=1, interval=Interval(v, v), **{scope: k}) for k, v in enumerate(values)]
    for limit in (None, Limit("x.y", "", minimum=0, maximum=0)):
        ET.fromstring(charts.svg(charts.draw(measure, found, limit)))


def test_infinite_and_missing_numbers_in_scopes_are_names():
    measure = Measure("x.y", "Odd", "", Direction.NEUTRAL, "")
    found = [measure.of(k, n=1, part=text) for k, text in enumerate(("1", "inf", "nan", "3"))]
    assert "line" not in kinds(charts.draw(measure, found))


def test_the_same_records_give_the_same_picture():
    one, two = (charts.svg(charts.draw(ROBUST, measured(ROBUST))) for _ in range(2))
    assert one == two
    json.dumps(charts.draw(ROBUST, measured(ROBUST)).spec, allow_nan=False)


def test_chart_colours_are_the_light_tokens():
    light = TOKENS.read_text().partition("@media")[0]
    for role, colour in marks.COLOURS.items():
        assert f"--{role}: {colour};" in light


def test_every_colour_follows_the_page():
    used = set(
        re.findall(
            r'(?:fill|stroke)="(#[0-9a-f]{6})"',
            charts.svg(charts.draw(IMPACT, measured(IMPACT), Limit(IMPACT.id, "", minimum=0.8))),
        )
    )
    assert used <= set(marks.COLOURS.values())
    assert all(f'[fill="{colour}"]' in charts.stylesheet() for colour in used)


def test_a_trend_goes_from_release_to_release_with_the_limit_and_marks_what_breaches():
    limit = Limit(FLIP.id, "why", maximum=0.25)
    points = [(f"1.{at}", FLIP.of(value, n=100)) for at, value in enumerate((0.1, 0.2, 0.4))]
    chart = charts.trend(FLIP, points, limit)
    svg = charts.svg(chart)
    assert {"1.0", "1.1", "1.2", "40 %"} <= set(texts(svg))
    assert svg.count(f'fill="{marks.COLOURS["breach"]}"') == 2  # the zone beyond the limit, and one diamond
    assert "by release: 1.0: 10 %; 1.1: 20 %; 1.2: 40 %. Limit: at most 25 %." in chart.alt
    assert " style=" not in svg
    assert charts.trend(FLIP, []).alt == "Nothing was measured yet."


def test_a_trend_of_many_releases_names_some_and_takes_hostile_versions():
    points = [(f"{HOSTILE}{at}", FLIP.of(0.1 + at / 100, n=10)) for at in range(30)]
    svg = charts.svg(charts.trend(FLIP, points))
    assert "<script" not in svg
    assert len([t for t in texts(svg) if "alert" in t]) <= 7
