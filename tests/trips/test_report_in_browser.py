"""The report as a reader gets it: opened from disk in Chromium, light and dark, on a phone, printed, by keyboard."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from tests.trips.chromium import CHROMIUM, open_page, violations

from holdfast.domain.verdict import Outcome
from holdfast.reports import html
from holdfast.testing.runs import sample_run

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reports")
    for outcome in Outcome:
        (folder / f"{outcome.value}.html").write_bytes(html.render(sample_run(outcome)))
    return {outcome.value: (folder / f"{outcome.value}.html").as_uri() for outcome in Outcome}


def unfold(page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")


def test_the_page_asks_the_network_for_nothing_and_the_console_stays_silent(browser, reports):
    page = browser.new_context().new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(reports["breach"])
    assert asked == [reports["breach"]]
    assert said == []


def test_it_reads_the_same_without_javascript(browser, reports):
    page = open_page(browser, reports["breach"], java_script_enabled=False)
    assert page.get_by_role("heading", level=1).inner_text() == (
        "Three of eleven limits are breached; the release may not ship."
    )
    page.locator("summary", has_text="Stealing the model").click()
    assert page.get_by_text("thief owns similar rows, asks nothing").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("outcome", [o.value for o in Outcome])
def test_axe_finds_nothing(browser, reports, axe, scheme, outcome):
    page = open_page(browser, reports[outcome], color_scheme=scheme, bypass_csp=True)
    unfold(page)
    assert violations(page, axe) == []


@pytest.mark.parametrize(("width", "scale"), [(320, 1), (390, 1), (768, 1), (1280, 1), (640, 2)])
def test_nothing_spills_sideways_on_a_phone_or_at_200_percent(browser, reports, width, scale):
    viewport = {"width": width, "height": 800}
    page = open_page(browser, reports["breach"], viewport=viewport, device_scale_factor=scale)
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_mode_reaches_the_charts(browser, reports):
    colour = "getComputedStyle(document.querySelector('.chart text[fill=\"#1b1d20\"]')).fill"
    light = open_page(browser, reports["breach"], color_scheme="light").evaluate(colour)
    dark = open_page(browser, reports["breach"], color_scheme="dark").evaluate(colour)
    assert (light, dark) == ("rgb(27, 29, 32)", "rgb(231, 232, 234)")


def test_the_keyboard_reaches_the_skip_link_first_and_focus_is_seen(browser, reports):
    page = open_page(browser, reports["breach"])
    page.keyboard.press("Tab")
    focused = page.evaluate("[document.activeElement.className, getComputedStyle(document.activeElement).outlineStyle]")
    assert focused == ["skip", "solid"]
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")


def test_print_opens_every_detail_on_light_paper(browser, reports, tmp_path):
    page = open_page(browser, reports["breach"], color_scheme="dark")
    page.emulate_media(media="print")
    paper = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()")
    assert paper == "#ffffff"
    page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    printed = subprocess.run(["pdftotext", tmp_path / "report.pdf", "-"], capture_output=True, text=True, check=True)
    flat = " ".join(printed.stdout.split())
    assert "Copies were trained" in flat
    assert "thief owns similar rows, asks nothing" in flat
    assert "The same application gets the same answer." in flat
    assert sample_run().evidence.materials[0].digest[:60] in flat
