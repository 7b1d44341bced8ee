from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.appetite import Tier
from holdfast.domain.evidence import Done
from holdfast.domain.verdict import Outcome, judge, parse_time
from holdfast.reports import reading
from holdfast.testing.runs import sample_run


def rejudged(run, *, limits=None, evidence=None, at=None):
    appetite = run.appetite if limits is None else replace(run.appetite, limits=limits)
    evidence = evidence or run.evidence
    now = parse_time(at or run.verdict.judged_at)
    return replace(
        run, evidence=evidence, appetite=appetite, verdict=judge(evidence, appetite, tier=Tier.HIGH, now=now)
    )


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (Outcome.PASS, "All eleven limits are kept; nothing that was measured stands in the way of this release."),
        (Outcome.BREACH, "Three of eleven limits are breached; the release may not ship."),
        (Outcome.INCONCLUSIVE, "One of eleven limits could not be judged; the release may not ship on this evidence."),
    ],
)
def test_the_verdict_is_one_sentence(outcome, sentence):
    assert reading.verdict_sentence(sample_run(outcome)) == sentence


def test_one_breach_of_one_is_singular_and_an_empty_appetite_never_passes():
    run = sample_run()
    assert reading.verdict_sentence(rejudged(run, limits=run.appetite.limits[:1])).startswith(
        "One of one limit is breached"
    )
    assert "not enough to decide" in reading.verdict_sentence(rejudged(run, limits=()))


def test_stale_evidence_passes_in_no_words():
    old = sample_run(Outcome.PASS, judged_at="2027-06-01T00:00:00Z")
    assert old.verdict.outcome is Outcome.INCONCLUSIVE
    assert "not enough to decide" in reading.verdict_sentence(old)
    assert {row.state for row in reading.rows(old)} == {"stale"}
    assert any(
        "190 days old" in matter.sentence or "189 days old" in matter.sentence for matter in reading.matters(old)
    )


def test_the_headline_is_the_breach_behind_the_worst_finding():
    assert reading.headline(sample_run()).measurement.measure == "evasion.flip_rate"


def test_without_breach_the_headline_is_the_limit_that_is_closest():
    assert reading.headline(sample_run(Outcome.PASS)).measurement.measure == "extraction.fidelity"


def test_without_a_measurement_there_is_no_headline():
    run = sample_run()
    empty = replace(run.evidence, outcomes=())
    assert reading.headline(rejudged(run, evidence=empty)) is None
    assert reading.groups(rejudged(run, evidence=empty)) == {}


def test_every_breach_and_every_open_limit_matters():
    run = sample_run()
    silent = replace(
        run.evidence,
        outcomes=tuple(replace(o, findings=()) if isinstance(o, Done) else o for o in run.evidence.outcomes),
    )
    sentences = [m.sentence for m in reading.matters(rejudged(run, evidence=silent))]
    assert [s.partition(" ")[0] for s in sentences] == ["Impact", "Refused", "Correct", "The"]
    assert [m.finding.slug for m in reading.matters(run) if m.finding] == ["price-to-flip", "impact-ratio"]


def test_gaps_name_failures_first_then_skips_then_optional_limits():
    gaps = reading.gaps(sample_run())
    assert [(gap.failed, gap.what) for gap in gaps] == [
        (True, "Reason codes (explain.reason_codes)"),
        (False, "evasion.gradient_based"),
        (False, "explain.repeat_stability"),
    ]


def test_rows_are_the_limits_worst_first():
    rows = reading.rows(sample_run())
    assert [row.state for row in rows] == ["breach"] * 3 + ["pass"] * 8
    assert (rows[0].value, rows[0].about, rows[0].limit) == ("0.5", "race=black", "at least 0.8")


def test_groups_hold_every_measurement():
    run = sample_run()
    held = [m for family in reading.groups(run).values() for group in family for m in group.measurements]
    assert sorted(held, key=repr) == sorted(run.evidence.measurements, key=repr)


@given(
    kept=st.lists(st.sampled_from(list(Outcome)), max_size=14),
    standing=st.booleans(),
)
def test_no_words_of_passing_unless_the_verdict_passes(kept, standing):
    run = sample_run()
    limited = [r for r in run.verdict.reasons if r.limit is not None]
    reasons = [replace(limited[k % len(limited)], outcome=outcome) for k, outcome in enumerate(kept)]
    reasons += [r for r in run.verdict.reasons if r.limit is None] if standing else []
    found = {r.outcome for r in reasons}
    outcome = next((o for o in (Outcome.BREACH, Outcome.INCONCLUSIVE) if o in found or not found), Outcome.PASS)
    outcome = outcome if found else Outcome.INCONCLUSIVE
    said = reading.verdict_sentence(replace(run, verdict=replace(run.verdict, outcome=outcome, reasons=tuple(reasons))))
    assert ("kept" in said) == (outcome is Outcome.PASS)
    assert ("may not ship" in said) == (outcome is not Outcome.PASS)
