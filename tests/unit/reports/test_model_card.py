from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from holdfast.domain.evidence import Material
from holdfast.domain.verdict import Outcome
from holdfast.reports import model_card
from holdfast.testing.runs import sample_run


def card_of(run) -> str:
    return model_card.render(run).decode("utf-8")


SECTIONS = [
    "Model details",
    "Intended use",
    "Factors",
    "Metrics and limits",
    "Evaluation data and training data",
    "Quantitative analyses",
    "Ethical considerations and findings",
    "Caveats and recommendations",
    "Where it is evidence",
]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_card_has_the_sections_of_the_paper(outcome):
    assert re.findall(r"^## (.+)$", card_of(sample_run(outcome)), re.M) == SECTIONS


def test_every_table_row_has_as_many_cells_as_its_head():
    lines = card_of(sample_run()).splitlines()
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    for above, below, count in zip(lines, lines[1:], cells[1:], strict=False):
        if above.startswith("|") and below.startswith("|"):
            assert count == len(re.findall(r"(?<!\\)\|", above)), below


def test_a_table_follows_a_blank_line():
    lines = card_of(sample_run()).splitlines()
    assert all(not a or a.startswith("|") for a, b in itertools.pairwise(lines) if b.startswith("|"))


def test_the_card_says_who_owns_it_what_was_not_tested_and_that_it_proves_no_duty():
    card = card_of(sample_run())
    assert "- Owner of monitoring: nobody" in card
    assert "It needs gradients" in card
    assert "Evidence towards" in card
    assert "satisf" not in card


def test_names_from_strangers_add_no_markup():
    hostile = "a|b\n# owned\n<script>x</script> [l](http://e) ![i](x) `c` *b* _i_ https://evil.example www.evil.example"
    run = sample_run()
    evidence = replace(run.evidence, materials=(Material("model", hostile, "sha256:" + "0" * 64, 1),))
    card = card_of(replace(run, system=replace(run.system, name=hostile), evidence=evidence))
    assert re.findall(r"^## (.+)$", card, re.M) == SECTIONS
    assert "# owned" not in re.sub(r"\\#", "", card)
    assert not re.search(r"(?<!\\)[<`]|(?<!\\)\[|https://|www\.", card)


def test_a_run_without_files_schema_or_measurements_still_renders():
    run = sample_run()
    evidence = replace(run.evidence, materials=(), schema=None, outcomes=())
    card = card_of(replace(run, evidence=evidence, verdict=replace(run.verdict, reasons=())))
    assert "Nothing was measured." in card
    assert "No protected attribute is declared" in card


def test_the_same_run_gives_the_same_card():
    assert card_of(sample_run()) == card_of(sample_run())
