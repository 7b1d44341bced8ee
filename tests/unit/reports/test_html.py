from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from holdfast.domain.evidence import Done, Material
from holdfast.domain.verdict import Outcome
from holdfast.reports import filters, html, notebook
from holdfast.testing.runs import sample_run

HOSTILE = (
    """ class="x" role="</style></title></svg>"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}<!--"""
)


def page_of(run) -> str:
    return html.render(run).decode("utf-8")


VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements, attributes and ids of a page; fails on tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] for _, attrs in self.tags if attrs.get(attribute)]


def poisoned(run):
    """The run with hostile text wherever a model, a table, a manifest or a plug-in could have put it."""

    def infect(outcome):
        if not isinstance(outcome, Done):
            return replace(outcome, reason=HOSTILE)
        findings = tuple(
            replace(
                f,
                title=HOSTILE,
                sentence=HOSTILE,
                why=HOSTILE,
                remedy=HOSTILE,
                where=HOSTILE,
                reproduce=HOSTILE,
                catalogue=(HOSTILE,),
                exhibits=tuple(
                    replace(e, title=HOSTILE, columns=(HOSTILE,) * len(e.columns), rows=((HOSTILE,) * len(e.columns),))
                    for e in f.exhibits
                ),
            )
            for f in outcome.findings
        )
        measurements = tuple(
            replace(m, scope=(("group", HOSTILE),)) if dict(m.scope).get("group") else m for m in outcome.measurements
        )
        return replace(outcome, findings=findings, measurements=measurements)

    evidence = replace(
        run.evidence,
        outcomes=tuple(infect(o) for o in run.evidence.outcomes),
        materials=(Material(HOSTILE, HOSTILE, "sha256:" + "0" * 64, 1, HOSTILE),),
        measures=tuple(replace(m, title=HOSTILE + m.id, meaning=HOSTILE) for m in run.evidence.measures),
        environment=replace(run.evidence.environment, platform=HOSTILE, packages=((HOSTILE, HOSTILE),)),
    )
    system = replace(run.system, name=HOSTILE, purpose=HOSTILE, affected=HOSTILE)
    return replace(run, system=system, evidence=evidence, files=(("html", "javascript:alert(1)"), ("x", "//evil/x")))


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_page_is_well_formed_and_its_ids_are_unique(outcome):
    page = Page(page_of(sample_run(outcome)))
    assert len(page.values("id")) == len(set(page.values("id")))


def test_every_inner_link_has_its_target():
    page = Page(page_of(sample_run()))
    inner = {link[1:] for link in page.values("href") if link.startswith("#")}
    assert inner <= set(page.values("id"))
    assert len(inner) > 15


def test_the_page_loads_nothing_and_runs_nothing():
    text = page_of(sample_run())
    page = Page(text)
    assert not page.names() & {"script", "link", "iframe", "object", "embed", "img", "form", "base"}
    assert page.values("src") == []
    assert all(link.startswith(("#", "./")) for link in page.values("href"))
    assert "url(" not in text
    assert "@import" not in text
    policy = next(
        a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_names_from_strangers_stay_text_everywhere():
    text = page_of(poisoned(sample_run()))
    page = Page(text)
    assert not page.names() & {"script", "img"}
    assert [a for _, attrs in page.tags for a in attrs if a.startswith("on")] == []
    assert all(link.startswith(("#", "./")) for link in page.values("href"))
    assert "{{ 7*7 }}" in text
    assert text.count("</style>") == 1


def test_the_notebook_keeps_names_from_strangers_as_text_too():
    page = Page(notebook.to_notebook(poisoned(sample_run())))
    assert not page.names() & {"script", "img"}


def test_the_notebook_styles_reach_nothing_outside():
    fragment = notebook.to_notebook(sample_run())
    css = re.search(r"<style>(.*?)</style>", fragment, re.S)[1]
    css = re.sub(r"/\*.*?\*/|@media[^{]*\{", "", css, flags=re.S)
    selectors = [s.strip() for block in re.findall(r"([^{}]+)\{", css) for s in block.split(",") if s.strip()]
    assert len(selectors) > 20
    assert all(s.startswith(".holdfast") or s.startswith(("td)",)) for s in selectors)


def test_the_reading_order_is_sentence_number_picture_table_proof():
    text = page_of(sample_run())
    marks = ["Three of eleven limits are breached", '<p class="value">41', "<figure>", 'id="matters"', 'id="why"']
    marks += ['id="verdict"', 'id="measurements"', 'id="untested"', 'id="environment"', 'id="materials"', 'id="proof"']
    marks += ['id="limits"']
    assert [text.index(m) for m in marks] == sorted(text.index(m) for m in marks)


def test_headings_never_skip_a_level():
    levels = [int(tag[1]) for tag, _ in Page(page_of(sample_run())).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_digests_are_short_in_view_and_whole_in_the_title():
    run = sample_run()
    text = page_of(run)
    for material in run.evidence.materials:
        assert f'title="{material.digest}"><span>{material.digest[7:19]}</span>' in text


def test_every_measurement_is_on_the_page():
    run = sample_run()
    ids = set(Page(page_of(run)).values("id"))
    assert {filters.anchor(m) for m in run.evidence.measurements} <= ids


def test_a_measure_with_thousands_of_records_is_cut_and_says_so():
    run = sample_run()
    done = next(o for o in run.evidence.outcomes if isinstance(o, Done) and o.probe == "stress.faults")
    noise = next(m for m in done.measurements if m.measure == "stress.noise_flip_rate")
    many = tuple(replace(noise, value=k / 10_000, scope=(("column", f"c{k}"),)) for k in range(5_000))
    outcomes = tuple(replace(o, measurements=many) if o is done else o for o in run.evidence.outcomes)
    text = page_of(replace(run, evidence=replace(run.evidence, outcomes=outcomes)))
    assert "4,800 more are in the sealed evidence." in text
    assert len(text) < 300_000


def test_the_report_says_what_was_not_tested_and_what_protected_the_machine():
    text = page_of(sample_run())
    assert "It needs gradients, and this model gives none." in text
    assert "The kernel does not offer Landlock." in text
    assert "monitoring: nobody" in text


def test_a_run_without_receipt_measurement_or_file_still_renders():
    run = sample_run()
    bare = replace(
        run,
        receipt=None,
        files=(),
        evidence=replace(run.evidence, outcomes=(), materials=(), schema=None),
        verdict=replace(run.verdict, reasons=()),
    )
    text = page_of(bare)
    Page(text)
    assert "no receipt" in text
    assert "No probe measured anything." in text


def test_the_same_run_gives_the_same_page():
    assert page_of(sample_run()) == page_of(sample_run())


def test_words_keep_the_house_rules():
    text = page_of(sample_run())
    shown = re.sub(r"<!DOCTYPE html>|<style>.*?</style>", "", text, flags=re.S)
    assert "!" not in shown
    assert not re.search("[\U0001f300-\U0001faff]", shown)


def test_backticks_become_code_and_stay_escaped():
    assert filters.prose("set `a: <b>` to 5 %") == "set <code>a: &lt;b&gt;</code> to 5\u00a0%"
    assert filters.prose("a lone ` stays <b>") == "a lone ` stays &lt;b&gt;"
