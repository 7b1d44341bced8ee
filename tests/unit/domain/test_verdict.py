"""The three laws, as properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.appetite import LIMITABLE, Appetite, Basis, Limit, Tier
from holdfast.domain.evidence import Done, Environment, Evidence, Failed, Skipped
from holdfast.domain.measure import Direction, Interval, Measurement
from holdfast.domain.verdict import Outcome, judge, margin, timestamp

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MEASURES = ["family.a", "family.b", "other.c"]
numbers = st.floats(-100, 100)


@st.composite
def measurements(draw):
    value = draw(numbers)
    spread = draw(st.floats(0, 10))
    interval = draw(st.sampled_from([None, Interval(value - spread, value + spread)]))
    return Measurement(
        measure=draw(st.sampled_from(MEASURES)),
        value=value,
        unit="share",
        direction=Direction.LOWER_IS_BETTER,
        n=draw(st.integers(0, 1000)),
        interval=interval,
        scope=draw(st.sampled_from([(), (("group", "a"),), (("group", "b"),)])),
    )


@st.composite
def limits(draw):
    low, high = sorted([draw(numbers), draw(numbers)])
    minimum, maximum = draw(st.sampled_from([(low, None), (None, high), (low, high)]))
    return Limit(
        measure=draw(st.sampled_from(MEASURES)),
        why="because",
        minimum=minimum,
        maximum=maximum,
        basis=draw(st.sampled_from(list(Basis))),
        sample=draw(st.integers(0, 500)),
        required=draw(st.booleans()),
        tiers=tuple(draw(st.lists(st.sampled_from(LIMITABLE), min_size=1, unique=True))),
    )


@st.composite
def outcomes(draw):
    kind = draw(st.sampled_from(["done", "done", "done", "skipped", "failed"]))
    if kind == "skipped":
        return Skipped("family.probe", "1", "It needs scores.")
    if kind == "failed":
        return Failed("family.probe", "1", "It crashed.")
    return Done("family.probe", "1", tuple(draw(st.lists(measurements(), max_size=4))), ())


def evidence_of(outcomes=(), taken_at=NOW):
    environment = Environment("0", "3.11", "Linux", (), (), 1, 1000)
    return Evidence(
        system="s", release="sha256:0", materials=(), schema=None, probes=(), outcomes=tuple(outcomes), measures=(),
        environment=environment, effort="quick", seed=0, taken_at=timestamp(taken_at),
    )  # fmt: skip


evidences = st.lists(outcomes(), max_size=3).map(evidence_of)
appetites = st.lists(limits(), max_size=4).map(lambda all: Appetite("a", "1", "board", tuple(all)))
tiers = st.sampled_from(LIMITABLE)
GOOD = Measurement("family.a", 0.1, "share", Direction.LOWER_IS_BETTER, 100)
FITS = Appetite("a", "1", "board", (Limit("family.a", "because", maximum=0.5),))


def test_good_evidence_within_its_limit_passes():
    verdict = judge(evidence_of([Done("family.probe", "1", (GOOD,), ())]), FITS, tier=Tier.HIGH, now=NOW)
    assert verdict.outcome is Outcome.PASS
    assert "family.a is 0.1; the limit is at most 0.5." in verdict.reasons[0].sentence


@given(appetites, tiers)
def test_no_evidence_never_passes(appetite, tier):
    assert judge(None, appetite, tier=tier, now=NOW).outcome is Outcome.INCONCLUSIVE


@given(evidences, tiers)
def test_an_empty_appetite_never_passes(evidence, tier):
    assert judge(evidence, Appetite("a", "1", "board", ()), tier=tier, now=NOW).outcome is not Outcome.PASS


@given(evidences, appetites, tiers, st.integers(91, 5000))
def test_stale_evidence_never_passes(evidence, appetite, tier, days):
    later = NOW + timedelta(days=days)
    assert judge(evidence, appetite, tier=tier, now=later).outcome is not Outcome.PASS


@given(evidences, appetites, tiers)
def test_evidence_from_the_future_never_passes(evidence, appetite, tier):
    assert judge(evidence, appetite, tier=tier, now=NOW - timedelta(hours=1)).outcome is not Outcome.PASS


@given(evidences, appetites, tiers)
def test_a_failed_probe_never_passes(evidence, appetite, tier):
    failed = replace(evidence, outcomes=(*evidence.outcomes, Failed("x.y", "1", "It crashed.")))
    assert judge(failed, appetite, tier=tier, now=NOW).outcome is not Outcome.PASS


@given(evidences, appetites, tiers)
def test_pass_means_that_every_required_limit_was_kept(evidence, appetite, tier):
    verdict = judge(evidence, appetite, tier=tier, now=NOW)
    if verdict.outcome is Outcome.PASS:
        for limit in appetite.binding(tier):
            judged = [m for m in evidence.measurements if limit.covers(m) and m.n >= limit.sample]
            assert judged or not limit.required
            assert all(margin(limit, m) >= 0 for m in judged)


@given(evidences, appetites, tiers)
def test_a_breach_names_a_measurement_beyond_its_limit(evidence, appetite, tier):
    verdict = judge(evidence, appetite, tier=tier, now=NOW)
    assert (verdict.outcome is Outcome.BREACH) == bool(verdict.breaches)
    for reason in verdict.breaches:
        assert margin(reason.limit, reason.measurement) < 0


@given(evidences, appetites, tiers)
def test_removing_evidence_never_turns_a_verdict_into_pass(evidence, appetite, tier):
    """Dropping a breaching probe must not help: what is required stays unmeasured."""
    required = replace(appetite, limits=tuple(replace(limit, required=True) for limit in appetite.limits))
    before = judge(evidence, required, tier=tier, now=NOW)
    nothing = judge(evidence_of(), required, tier=tier, now=NOW)
    assert before.outcome is not Outcome.PASS or nothing.outcome is Outcome.INCONCLUSIVE


def test_the_basis_picks_the_end_of_the_interval():
    measurement = replace(GOOD, value=0.5, interval=Interval(0.4, 0.7))
    limit = Limit("family.a", "because", maximum=0.6)
    assert margin(limit, measurement) == 0.6 - 0.5
    assert margin(replace(limit, basis=Basis.WORST), measurement) == 0.6 - 0.7
    assert margin(replace(limit, basis=Basis.PROVEN), measurement) == 0.6 - 0.4


def test_a_required_limit_that_was_skipped_says_why():
    evidence = evidence_of([Skipped("family.probe", "1", "It needs scores."), Done("o.p", "1", (GOOD,), ())])
    appetite = Appetite("a", "1", "board", (Limit("family.b", "because", maximum=1),))
    verdict = judge(evidence, appetite, tier=Tier.HIGH, now=NOW)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[0].sentence == "family.b was not measured (family.probe: It needs scores)."


def test_too_small_a_sample_is_inconclusive():
    appetite = Appetite("a", "1", "board", (Limit("family.a", "because", maximum=1, sample=500),))
    verdict = judge(evidence_of([Done("family.p", "1", (GOOD,), ())]), appetite, tier=Tier.HIGH, now=NOW)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "rests on 100 rows; this limit asks for 500" in verdict.reasons[0].sentence


@given(st.none() | evidences, appetites)
def test_what_is_prohibited_is_a_breach_whatever_was_measured(evidence, appetite):
    assert judge(evidence, appetite, tier=Tier.PROHIBITED, now=NOW).outcome is Outcome.BREACH


def test_a_limit_binds_the_use_cases_that_it_names():
    evidence = evidence_of([Done("family.p", "1", (GOOD,), ())])
    strict = Limit("family.a", "because", maximum=0.05, use_cases=("credit",))
    appetite = Appetite("a", "1", "board", (*FITS.limits, strict))
    assert judge(evidence, appetite, tier=Tier.HIGH, use_case="credit", now=NOW).outcome is Outcome.BREACH
    assert judge(evidence, appetite, tier=Tier.HIGH, use_case="pricing", now=NOW).outcome is Outcome.PASS
    assert strict in appetite.binding(Tier.HIGH)


def test_a_limit_kept_within_its_warning_band_is_near():
    near = Limit("family.a", "because", maximum=0.15, warn_within=0.1)
    far = Limit("family.a", "because", maximum=0.5, warn_within=0.1)
    breached = Limit("family.a", "because", maximum=0.05, warn_within=0.1)
    evidence = evidence_of([Done("family.p", "1", (GOOD,), ())])
    verdict = judge(evidence, Appetite("a", "1", "board", (near, far, breached)), tier=Tier.HIGH, now=NOW)
    assert [reason.limit for reason in verdict.reasons if reason.is_near] == [near]
