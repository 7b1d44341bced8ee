"""Chromium and axe-core, for the trips that look at pages."""

from __future__ import annotations

import shutil
import subprocess
import tarfile

import pytest
from tests.trips.chromium import AXE_VERSION, CHROMIUM, TOOLS


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core's source, from the npm registry once, then from ``.tools``."""
    kept = TOOLS / f"axe-core-{AXE_VERSION}.js"
    if not kept.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed, so axe-core cannot be fetched")
        TOOLS.mkdir(exist_ok=True)
        fetched = subprocess.run(
            ["npm", "pack", f"axe-core@{AXE_VERSION}", "--silent"],
            cwd=TOOLS,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if fetched.returncode:
            pytest.skip(f"axe-core cannot be fetched: {fetched.stderr.strip()[-200:]}")
        packed = TOOLS / fetched.stdout.strip().splitlines()[-1]
        with tarfile.open(packed) as archive:
            kept.write_bytes(archive.extractfile("package/axe.min.js").read())
        packed.unlink()
    return kept.read_text(encoding="utf-8")
