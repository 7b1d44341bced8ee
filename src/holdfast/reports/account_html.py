"""The account of a decision as a page for whoever answers for it: self-contained, without a script."""

from __future__ import annotations

from typing import Any

from holdfast import charts
from holdfast.explanations.account import Account
from holdfast.explanations.wording import Wording, plainly, said
from holdfast.reports.account_chart import contributed
from holdfast.reports.account_reading import part_row, sentence, way_sentence
from holdfast.reports.html import environment


def render(account: Account, wording: Wording) -> bytes:
    """The whole page, UTF-8; every text in it is escaped."""
    page = environment().get_template("account.html").render(**told(account, wording), chart_css=charts.stylesheet())
    return page.encode("utf-8")


def told(account: Account, wording: Wording) -> dict[str, Any]:
    """What the templates of an account need."""
    chart, ways = contributed(account.explanation), account.ways
    return {
        "account": account,
        "sentence": sentence(account),
        "svg": charts.svg(chart),
        "note": chart.note,
        "rows": [part_row(part) for part in account.explanation.parts],
        "ways": [way_sentence(way, wording) for way in ways.found] if ways else [],
        "ways_note": ways.note if ways else "",
        "problems": [plainly(problem) for problem in account.reasons.problems],
        "inputs": [
            (wording.name(name), "not given" if value is None else said(value)) for name, value in account.inputs
        ],
    }
