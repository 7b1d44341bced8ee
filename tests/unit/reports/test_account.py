"""An account in terminal and page: the same sentences, the same numbers, and no text that does harm."""

from __future__ import annotations

import io
import re

from rich.console import Console
from tests.unit.explanations.test_letter import HOSTILE, WORDING, account
from tests.unit.explanations.test_reasons import explained, part

from holdfast.reports import account_html, account_terminal
from holdfast.reports.account_chart import contributed


def printed(made):
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(account_terminal.render(made, WORDING))
    return console.export_text()


def test_terminal_and_page_say_the_same():
    text, page = printed(account()), account_html.render(account(), WORDING).decode()
    for said in (
        "credit decided no; what weighed most against the person: income and late payments.",
        "Your income is low for the amount that you asked for.",
        "Income 40 instead of 22.5, late payments 1 instead of 2 (passes 40% of people)",
        "-1.000 ± 0.020",
        "-1.400",
    ):
        assert said in text
        assert said in page
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=\"(?!#)", page)


def test_hostile_names_are_harmless_in_both():
    hostile = account(
        explained(part(HOSTILE, -1.0, value=HOSTILE, usual="b", above=None)), inputs=((HOSTILE, HOSTILE),)
    )
    page, text = account_html.render(hostile, WORDING).decode(), printed(hostile)
    assert "<script" not in page
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_reason_that_is_about_as_heavy_as_the_next_is_called_so():
    close = account(explained(part("a", -1.0, error=0.5), part("b", -0.9, error=0.5)))
    assert "about as much as the next" in printed(close)
    assert "about as much as the next" in account_html.render(close, WORDING).decode()


def test_the_chart_draws_the_weightiest_and_says_what_it_leaves_out():
    many = explained(*(part(f"f{k}", -1.0 - k) for k in range(20)))
    chart = contributed(many)
    assert "8 that moved it less are in the table" in chart.note
    assert "f0 -1.00" in chart.alt
    assert "No fact moved the score." in contributed(explained(part("a", 0.0))).alt
