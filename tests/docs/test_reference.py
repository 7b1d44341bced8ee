"""Reference pages say what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from holdfast.appetite import AppetiteDocument, LimitSection
from holdfast.manifest import Column, DataSection, Manifest, ModelSection, ProbesSection, Query, SystemSection

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["api.md", "cli.md", "probes.md"])
def test_generated_pages_are_current(name):
    assert (DOCS / "reference" / name).read_text() == generator().pages()[name], "run `make docs`"


@pytest.mark.parametrize(
    ("page", "sections"),
    [
        ("manifest.md", [Manifest, SystemSection, ModelSection, DataSection, Query, Column, ProbesSection]),
        ("appetite.md", [AppetiteDocument, LimitSection]),
    ],
)
def test_every_key_is_documented(page, sections):
    text = (DOCS / "reference" / page).read_text()
    for section in sections:
        for key in section.model_fields:
            assert re.search(rf"\b{key}\b", text), f"{page} does not mention `{key}` of {section.__name__}"


def test_every_setting_is_documented():
    read = set(re.findall(r"HOLDFAST_[A-Z_]+", (ROOT / "src/holdfast/settings.py").read_text())) - {"HOLDFAST_"}
    options = "".join(path.read_text() for path in (ROOT / "src/holdfast/cli").glob("*.py"))
    read |= set(re.findall(r'envvar="(HOLDFAST_[A-Z_]+)"', options))
    documented = set(re.findall(r"HOLDFAST_[A-Z_]+", (DOCS / "reference/settings.md").read_text()))
    assert read == documented


def test_nothing_else_reads_the_environment():
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "src").rglob("*.py")
        if re.search(r"os\.environ|getenv", path.read_text())
    ]
    # A worker gets an environment of its own, and a URL's headers name the variables that hold their values.
    assert set(readers) <= {
        "src/holdfast/settings.py",
        "src/holdfast/targets/process.py",
        "src/holdfast/targets/http.py",
    }


def test_links_between_pages_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
