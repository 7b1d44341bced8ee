"""The letter as a person gets it, in Chromium: light and dark, on a phone, printed; hostile text does nothing."""

from __future__ import annotations

import pytest
from tests.trips.chromium import CHROMIUM, open_page, violations
from tests.unit.explanations.test_letter import HOSTILE, TERMS, WORDING, account, written
from tests.unit.explanations.test_reasons import explained, part

from holdfast.reports import account_html
from holdfast.reports.letter import to_html

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
LONG = "a_column_without_any_space_" * 6


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("letters")
    hostile = explained(part(HOSTILE + LONG, -1.0, value=HOSTILE, usual="b", above=None))
    made = {
        "plain": written(),
        "notice": written("reg_b"),
        "hostile": written(explanation=hostile, inputs=((HOSTILE, HOSTILE), (LONG, 1)), terms=TERMS),
    }
    pages = {name: to_html(letter) for name, letter in made.items()}
    pages["account"] = account_html.render(account(hostile, inputs=((HOSTILE, HOSTILE), (LONG, 1))), WORDING)
    for name, page in pages.items():
        (folder / f"{name}.html").write_bytes(page)
    return {name: (folder / f"{name}.html").as_uri() for name in pages}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["plain", "notice", "hostile", "account"])
def test_axe_finds_nothing(browser, letters, axe, scheme, name):
    assert violations(open_page(browser, letters[name], color_scheme=scheme, bypass_csp=True), axe) == []


@pytest.mark.parametrize("name", ["plain", "hostile", "account"])
@pytest.mark.parametrize(("width", "scale"), [(320, 1), (640, 2), (1280, 1)])
def test_nothing_spills_sideways(browser, letters, name, width, scale):
    page = open_page(browser, letters[name], viewport={"width": width, "height": 800}, device_scale_factor=scale)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["hostile", "account"])
def test_hostile_text_is_text_and_the_page_asks_for_nothing(browser, letters, name):
    page = browser.new_context().new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(letters[name])
    assert (asked, said) == ([letters[name]], [])
    assert page.get_by_text("<script>alert(1)</script>").first.is_visible()
    assert page.locator("script").count() == 0


def test_it_prints_on_paper_without_the_skip_link(browser, letters):
    page = open_page(browser, letters["plain"])
    page.emulate_media(media="print")
    assert not page.locator(".skip").is_visible()
    assert page.get_by_role("heading", name="Your rights").is_visible()
    assert len(page.pdf(format="A4")) > 5_000
