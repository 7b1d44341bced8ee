"""Reference pages say what the code says."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from holdfast.appetite import AppetiteDocument, LimitSection
from holdfast.contracts import ColumnSection, ContractDocument
from holdfast.documents import parse_document
from holdfast.manifest import (
    ChatSection,
    Column,
    DataSection,
    Manifest,
    ModelSection,
    ProbesSection,
    Query,
    SystemSection,
    ThroughSection,
)
from holdfast.policy import DisclosureSection, GuardSection, PolicyDocument
from holdfast.questionnaires import QuestionnaireDocument, RuleSection
from holdfast.tool_policy import ArgumentSection, FlowSection, TaskSection, ToolSection, ToolsSection

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["api.md", "cli.md", "guards.md", "monitors.md", "probes.md"])
def test_generated_pages_are_current(name):
    assert (DOCS / "reference" / name).read_text() == generator().pages()[name], "run `make docs`"


@pytest.mark.parametrize(
    ("page", "sections"),
    [
        (
            "manifest.md",
            [
                Manifest,
                SystemSection,
                ModelSection,
                ChatSection,
                ThroughSection,
                DataSection,
                Query,
                Column,
                ProbesSection,
            ],
        ),
        ("appetite.md", [AppetiteDocument, LimitSection]),
    ],
)
def test_every_key_is_documented(page, sections):
    text = (DOCS / "reference" / page).read_text()
    for section in sections:
        for key in section.model_fields:
            assert re.search(rf"\b{key}\b", text), f"{page} does not mention `{key}` of {section.__name__}"


def test_examples_of_documents_are_read():
    def example(page):
        (text,) = re.findall(r"^```yaml\n(.*?)^```", (DOCS / "how-to" / page).read_text(), re.DOTALL | re.MULTILINE)
        return text

    assert parse_document(example("admit-data.md"), ContractDocument, "contract.yaml").record().target == "approved"
    rules = parse_document(example("classify-a-system.md"), QuestionnaireDocument, "rules.yaml").record().rules
    assert parse_document(example("shield-a-model.md"), PolicyDocument, "policy.yaml").record().subject == "customer"
    assert [rule.clause for rule in rules] == ["Policy 4, Policy 4.1", "Policy 4, Policy 4.2"]


@pytest.mark.parametrize(
    ("page", "sections"),
    [
        ("admit-data.md", [ContractDocument, ColumnSection]),
        ("classify-a-system.md", [QuestionnaireDocument, RuleSection]),
        ("shield-a-model.md", [PolicyDocument, GuardSection, DisclosureSection]),
        ("guard-tools-and-agents.md", [ToolsSection, ToolSection, ArgumentSection, FlowSection, TaskSection]),
    ],
)
def test_every_key_of_a_document_is_explained(page, sections):
    text = (DOCS / "how-to" / page).read_text()
    for section in sections:
        for key in section.model_fields:
            assert re.search(rf"\b{key}\b", text), f"{page} does not mention `{key}` of {section.__name__}"


def test_every_setting_is_documented():
    read = set(re.findall(r"HOLDFAST_[A-Z_]+", (ROOT / "src/holdfast/settings.py").read_text())) - {"HOLDFAST_"}
    options = "".join(path.read_text() for path in (ROOT / "src/holdfast/cli").glob("*.py"))
    read |= set(re.findall(r'envvar="(HOLDFAST_[A-Z_]+)"', options))
    documented = set(re.findall(r"HOLDFAST_[A-Z_]+", (DOCS / "reference/settings.md").read_text()))
    assert read == documented


def _reads_environment(node):
    names = {ast.Attribute: lambda: node.attr, ast.Name: lambda: node.id, ast.alias: lambda: node.name}
    return names.get(type(node), str)() in ("environ", "getenv")


def test_nothing_else_reads_the_environment():
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "src").rglob("*.py")
        if any(map(_reads_environment, ast.walk(ast.parse(path.read_text()))))
    ]
    # A worker gets an environment of its own, a URL's headers name the variables that hold their values, and a
    # recorded step gets the one that it would have had, with a hook that reads where to write.
    assert set(readers) <= {
        "src/holdfast/settings.py",
        "src/holdfast/targets/process.py",
        "src/holdfast/targets/http.py",
        "src/holdfast/cli/record.py",
        "src/holdfast/pipelines/hook/sitecustomize.py",
    }


def test_links_between_pages_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
