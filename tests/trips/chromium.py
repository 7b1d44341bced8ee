"""What the trips that look at pages share besides their fixtures."""

from __future__ import annotations

import shutil
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TOOLS = Path(__file__).parents[2] / ".tools"
AXE_VERSION = "4.14.1"


def open_page(browser, uri: str, **how):
    page = browser.new_context(**how).new_page()
    page.goto(uri)
    return page


def violations(page, axe: str) -> list[tuple[str, list[str]]]:
    """What axe finds on a page: rules broken, with the first elements that break them."""
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in found]
