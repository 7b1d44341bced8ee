"""A bank's assistant is attacked before its release: weak, then mended, then behind guards; and what is no evidence."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tests.trips.chromium import CHROMIUM, open_page, violations

from holdfast.flows.attack import Silence
from holdfast.flows.check import check as take
from holdfast.testing.bank import PROMPT, strong_model, tools_document, weak_model
from holdfast.testing.upstream_server import serving_upstream
from holdfast.testing.upstreams import Manner, Upstream, Weakness
from holdfast.wiring import open_project

MANIFEST = """\
holdfast: 1
system: {{name: bank-assistant, purpose: Answers customers, affected: Customers, tier: high}}
model:
  chat:
    url: {url}/v1
    model: bank-1
    key: BANK_KEY
    system_prompt: prompt.txt
    tools: tools.json
    max_tokens: {tokens}
    price: {{asked: 1, answered: 5}}
{more}
"""
POLICY = """\
name: orders
version: "1"
guards:
  text.injection: {mode: enforce, action: block}
"""


class Place:
    """A folder with a manifest, and a model behind real HTTP whose mind can be changed."""

    def __init__(self, folder, url, upstream):
        self.folder, self.url, self.upstream = folder, url, upstream
        (folder / "prompt.txt").write_text(PROMPT)
        (folder / "tools.json").write_text(tools_document())
        (folder / "policy.yaml").write_text(POLICY)
        self.write()

    def write(self, more="", tokens=8_000):
        text = MANIFEST.format(url=self.url, more=more, tokens=tokens)
        (self.folder / "holdfast.yaml").write_text(text)

    def become(self, upstream):
        self.upstream.weaknesses, self.upstream.manner = upstream.weaknesses, upstream.manner

    def check(self, *words):
        command = [sys.executable, "-c", "from holdfast.cli.main import run; run()"]
        done = subprocess.run(
            [*command, "check", "--effort", "quick", "--json", "--out", "report", *words],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=120,
            env={**os.environ, "HOLDFAST_WORKERS": "1", "BANK_KEY": "never-shown-7"},
        )  # fmt: skip
        assert done.stdout, done.stderr
        return json.loads(done.stdout), done.returncode

    def check_here(self, *only):
        """The same without a process of its own."""
        project = open_project(self.folder, effort="quick", only=only)
        with project.house() as house:
            return take(project.request, house, Silence())


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    monkeypatch.setenv("HOLDFAST_WORKERS", "1")
    monkeypatch.setenv("BANK_KEY", "never-shown-7")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    upstream = weak_model()
    with serving_upstream(upstream) as url:
        yield Place(tmp_path_factory.mktemp("bank"), url, upstream)


@pytest.fixture(scope="module")
def weak(place):
    """What a check of the weak assistant says."""
    place.become(weak_model())
    place.write()
    document, code = place.check()
    report = (place.folder / "report/report.html").read_text()
    return document, code, report


def test_a_weak_assistant_is_a_breach_with_transcripts(weak):
    document, code, report = weak
    assert code == 1
    findings = {f["slug"]: f for o in document["evidence"]["outcomes"] for f in o["findings"]}
    assert set(findings) == {
        "users-outweigh-rules", "documents-give-orders", "rules-give-way", "rules-wear-out", "tells-its-prompt",
        "tells-of-others", "calls-what-it-may-not", "writes-without-end", "goes-round-in-circles",
    }  # fmt: skip
    called = findings["calls-what-it-may-not"]["exhibits"][0]["rows"]
    assert [who for who, _ in called][-1] == "reply"
    assert "calls " in called[-1][1]
    assert document["evidence"]["schema"] is None
    assert {m["role"] for m in document["evidence"]["materials"]} == {"model", "prompt", "tools"}
    assert sum(o["tokens"] for o in document["evidence"]["outcomes"]) > 1_000
    for kept in ("never-shown-7", "Transfers are made only when"):
        assert kept not in report


def test_mended_it_passes_and_anybody_can_verify_it(place, weak):
    place.become(strong_model())
    place.write(tokens=1_000)
    document, code = place.check()
    assert (code, document["verdict"]["outcome"]) == (0, "pass")
    assert document["evidence"]["release"] != weak[0]["evidence"]["release"]
    assert {o["kind"] for o in document["evidence"]["outcomes"]} == {"done"}
    done = subprocess.run(
        [sys.executable, "-c", "from holdfast.cli.main import run; run()", "verify", "report"],
        cwd=place.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_same_run_with_guards_shows_what_they_save(place):
    place.become(Upstream(frozenset({Weakness.PERSUADED}), Manner.DISCLAIMS))
    place.write("    policy: policy.yaml")
    evidence = place.check_here("jailbreak.families").evidence
    found = {m.measure: m.value for m in evidence.measurements if not m.scope}
    assert found["jailbreak.families_unguarded_rate"] > 0.9
    assert found["jailbreak.families_success_rate"] < 0.5
    assert "policy" in {material.role for material in evidence.materials}


def test_what_can_do_nothing_is_inconclusive_never_safe(place):
    place.become(Upstream(manner=Manner.ECHOES))
    place.write()
    run = place.check_here("injection.direct")
    (outcome,) = run.evidence.outcomes
    assert (run.verdict.outcome, outcome.kind, "shows nothing" in outcome.reason) == ("inconclusive", "failed", True)


def test_a_chat_that_does_not_answer_is_inconclusive(place, monkeypatch):
    monkeypatch.setattr("holdfast.targets.patience.ATTEMPTS", 1)
    (place.folder / "holdfast.yaml").write_text(
        MANIFEST.format(url="http://127.0.0.1:9", more="", tokens=100).replace("    tools: tools.json\n", "")
    )
    run = place.check_here("injection.direct", "tools")
    assert run.verdict.outcome == "inconclusive"
    assert all("Nothing answers" in outcome.reason for outcome in run.evidence.outcomes)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_report_reads_well_on_a_desk_and_a_phone(browser, axe, weak, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(weak[2])
    page = open_page(browser, file.as_uri(), bypass_csp=True, viewport={"width": 390, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.get_by_text("sent the chat").count() == 1
