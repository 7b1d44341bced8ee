from __future__ import annotations

import pytest

from holdfast import words
from holdfast.domain.appetite import Limit
from holdfast.domain.measure import Interval
from holdfast.domain.verdict import Outcome
from holdfast.testing.runs import sample_run


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.41, "share", "41 %"),
        (0.0018, "share", "0.18 %"),
        (1.0, "share", "100 %"),
        (0.9999, "share", "100 %"),
        (1_200, "USD", "1,200 USD"),
        (1_234_567, "rows", "1,234,567 rows"),
        (1, "imports", "1 import"),
        (1, "USD", "1 USD"),
        (2, "imports", "2 imports"),
        (0.793, "AUC", "0.793 AUC"),
        (0.8, "ratio", "0.8"),
        (0, "", "0"),
        (-3.14159, "", "-3.14"),
        (1.2e-7, "", "1.2e-07"),
        (5e15, "", "5.00e+15"),
    ],
)
def test_numbers_carry_their_unit(value, unit, said):
    assert words.number(value, unit) == said


def test_intervals_name_shares_and_leave_other_units_to_the_value():
    assert words.interval(Interval(0.342, 0.478), "share") == "34.2 to 47.8 %"
    assert words.interval(Interval(900, 1_640), "USD") == "900 to 1,640"
    assert words.interval(None, "USD") == ""


def test_bounds_say_both_ends():
    assert words.bound(Limit("m", "", minimum=0.2, maximum=0.25), "share") == "at least 20 % and at most 25 %"


@pytest.mark.parametrize(
    ("n", "said"), [(0, "no limits"), (1, "one limit"), (2, "two limits"), (1_300, "1,300 limits")]
)
def test_counts_are_spelled_as_text_sets_them(n, said):
    assert words.count(n, "limit") == said


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ("2026-11-23T21:40:30Z", "under a minute"),
        ("2026-11-23T21:39:00Z", "1 minute"),
        ("2026-11-23T18:40:33Z", "3 hours"),
        ("2026-08-01T00:00:00Z", "114 days"),
        ("2026-11-24T00:00:00Z", "dated in the future"),
    ],
)
def test_age_is_relative_to_the_judgement(taken, said):
    assert words.age(taken, "2026-11-23T21:40:33Z") == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-23T21:40:00Z", "just now"),
        ("2026-11-21T21:40:33Z", "2 days ago"),
        ("2026-11-23T23:40:33Z", "in 2 hours"),
    ],
)
def test_times_are_told_from_now(text, said):
    assert words.ago(text, "2026-11-23T21:40:33Z") == said


def test_reasons_speak_in_titles_and_units():
    said = [words.because(r, sample_run().evidence) for r in sample_run().verdict.reasons]
    assert said[1] == "Refused applicants who can flip the decision: 41 %; the limit is at most 25 %."
    unmeasured = [
        words.because(r, sample_run(Outcome.INCONCLUSIVE).evidence)
        for r in sample_run(Outcome.INCONCLUSIVE).verdict.reasons
        if r.limit and r.outcome is Outcome.INCONCLUSIVE
    ]
    assert unmeasured[0].startswith("Recognition of training rows was not measured")


def test_digests_show_twelve_characters():
    assert words.short("sha256:" + "ab" * 32) == "ab" * 6


def test_numbers_hold_on_to_their_units():
    assert words.typeset("31 % of 1,200 USD in 62 cases") == "31\u00a0% of 1,200\u00a0USD in 62 cases"


def test_sizes_are_in_powers_of_ten():
    assert [words.size(n) for n in (12, 612_004, 4_812_330)] == ["12 B", "612 kB", "4.81 MB"]
