"""What was seen in production, in Chromium: from the alert over its decisions and its incident to going on again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.trips.chromium import CHROMIUM, violations
from tests.trips.test_console_in_browser import HERE, Somebody, served, somebody_who_may_all
from tests.unit.flows.journey import SYSTEM, filed
from tests.unit.server import looking

from holdfast.domain.clearance import Breaker

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
LINE = f"{HERE}/watch/line?measure=fairness.impact_ratio&about=group%20sex%3Dfemale"
ROOMS = ("/watch", f"{HERE}/watch", LINE, f"{HERE}/watch/set", "/alerts?state=any", "/alerts/ratio", "/alerts/found")
ROOMS += ("/incidents", "/incidents/incident-ratio", "/", "/inbox", HERE)
WIDTHS = (("light", 1280), ("dark", 1280), ("light", 390), ("dark", 320))


@pytest.fixture
def bank(tmp_path):
    """A control plane on which something was seen, with the keys of what came of it."""
    with served(tmp_path) as (office, platform):
        yield office, platform, looking.seen(office, tmp_path), tmp_path


def test_from_an_alert_to_the_release_that_goes_on_without_any_script(browser, bank):
    office, platform, keys, _ = bank
    owner = Somebody(browser, platform, "owner", java_script_enabled=False).go("/")
    assert owner.title == "Two things wait for you"
    owner.page.get_by_role("link", name="Loan approval: Impact ratio").click()
    assert owner.title.startswith("Impact ratio (group sex=female) is 0.66")
    alert = owner.page.url
    owner.page.get_by_role("link", name="2026-10-07", exact=True).click()
    assert owner.page.url.endswith(f"{HERE}/decisions?day=2026-10-07")

    owner.go(alert).page.get_by_label("It was mended").check()
    owner.type(Why="The feed sends euros again.").press("Settle it")
    assert owner.said == "Settled: it was mended. So are 1 that came with it."
    owner.page.get_by_role("link", name="Incident of").click()
    assert "Release 1.0 is stopped." in owner.page.inner_text("main")

    office.clock.now += timedelta(hours=1)
    filed(office)
    risk = Somebody(browser, platform, "risk", java_script_enabled=False).go("/incidents/incident-ratio")
    risk.page.get_by_role("link", name="the form is on the system's page").click()
    risk.type(Why_it_can_go_on="It was checked again, and passed.").press("Let it go on")
    assert not office.desk.store.get(Breaker, f"{SYSTEM.name}:{keys['release']}").record.is_tripped

    owner.go("/incidents/incident-ratio")
    assert owner.page.locator(".chain li.done").count() == 4
    owner.type(How_it_ended="A feed sent dollars for a day.").press("Close it")
    assert owner.said == "The incident is closed."
    assert owner.page.locator(".chain li.done").count() == 5
    assert owner.go("/").title == "One thing waits for you"


def test_how_a_system_is_watched_is_said_by_keyboard_and_form(browser, bank):
    _, platform, _, _ = bank
    owner = Somebody(browser, platform, "owner", java_script_enabled=False).go(f"{HERE}/watch/set")
    owner.page.get_by_label("Measure of rule 1", exact=True).fill("*")
    owner.page.get_by_label("What follows by rule 1", exact=True).select_option("release")
    owner.press("Set it")
    assert owner.page.get_by_text("Why is missing.").is_visible()
    owner.page.get_by_label("Why, of rule 1", exact=True).fill("Nobody watches it at night.")
    owner.press("Set it")
    assert owner.said == "Set. It counts from the next look on."


def test_axe_finds_nothing_and_nothing_spills_in_any_room(browser, bank, axe):
    office, platform, _, _ = bank
    somebody_who_may_all(office.desk)
    for scheme, width in WIDTHS:
        person = Somebody(browser, platform, "all", color_scheme=scheme, viewport={"width": width, "height": 860})
        said: list[str] = []
        person.page.on("console", lambda message, said=said: said.append(message.text))
        for path in ROOMS:
            person.go(path).page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
            assert person.page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            assert violations(person.page, axe) == [], (path, scheme, width)
        assert [line for line in said if "Content Security Policy" in line or "Error:" in line] == []


@pytest.mark.parametrize("state", looking.LOOKS)
def test_each_state_of_a_watched_system_can_be_read_by_everybody(browser, bank, axe, state):
    office, platform, keys, folder = bank
    looking.looked(office, folder, looking.LOOKS[state](keys["release"], office.desk.at))
    for scheme, width in WIDTHS[1:3]:
        person = Somebody(browser, platform, "owner", color_scheme=scheme, viewport={"width": width, "height": 860})
        for path in (f"{HERE}/watch", "/watch"):
            page = person.go(path).page
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            assert violations(page, axe) == [], (path, scheme, width)


def test_the_large_picture_fits_its_page_and_follows_it_into_the_dark(browser, bank):
    _, platform, _, _ = bank
    stroke = "document.querySelector('.{} [stroke=\"#2a4fb5\"]').checkVisibility()"
    for width, shown, hidden in ((1280, "at-width", "at-phone"), (390, "at-phone", "at-width")):
        how = {"viewport": {"width": width, "height": 860}, "color_scheme": "dark"}
        page = Somebody(browser, platform, "viewer", **how).go(LINE).page
        assert page.evaluate(stroke.format(shown))
        assert not page.evaluate(stroke.format(hidden))
        line = f"getComputedStyle(document.querySelector('.{shown} [stroke=\"#2a4fb5\"]')).stroke"
        assert page.evaluate(line) == "rgb(146, 176, 255)"
        spilt = page.evaluate(
            f"[...document.querySelectorAll('.{shown} text')].filter(text => {{"
            "const inner = text.getBoundingClientRect(), outer = text.closest('svg').getBoundingClientRect();"
            "return inner.left < outer.left - 1 || inner.right > outer.right + 1 }).map(text => text.textContent)"
        )
        assert spilt == []
    page.emulate_media(media="print", color_scheme="light")
    assert page.evaluate(stroke.format("at-width"))
