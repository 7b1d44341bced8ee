"""Misuse: planted callers are named soon, ordinary ones never; what is benign and odd stays quiet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.domain.finding import Finding
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Series
from holdfast.monitors.misuse._oddity import Oddity, pairs
from holdfast.monitors.misuse.scraping import evenness, swept
from holdfast.plugins import find_monitor
from holdfast.probes.extraction._questions import invented
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.traffic import moment
from holdfast.testing.trials import misuse as trials

NAMES = ("extraction", "evasion", "scraping", "sharing", "prompt_attacks")


def findings(name, seen):
    spec = find_monitor(f"misuse.{name}")
    return {one.slug: one for one in spec.run(seen, spec.params) if isinstance(one, Finding)}


def watched(name, seed=5, **extra):
    return findings(
        name, trials.seen(find_monitor(f"misuse.{name}"), seed, {int(day[1:]): make for day, make in extra.items()})
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_planted_one_alone_is_named(name):
    trial = getattr(trials, name)
    assert set(findings(name, trial.planted(7))) == {trial.finds}
    assert not findings(name, trial.clean(7))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_said_of_no_batches_and_of_batches_without_facts(name):
    seen = getattr(trials, name).clean(0)
    bare = tuple(replace(batch, facts=()) for batch in seen.batches)
    for batches in ((), bare):
        assert not findings(name, replace(seen, batches=batches))


@pytest.mark.parametrize("name", ["extraction", "evasion", "prompt_attacks"])
def test_a_finding_says_since_when_and_on_which_day_it_was_made(name):
    (one,) = findings(name, getattr(trials, name).planted(3)).values()
    assert "Since 2026-01-19" in one.sentence  # the first day that is not known to be in order
    assert one.where == trials.THIEF


def test_made_up_rows_are_seen_on_the_first_day_even_without_a_baseline_of_pairs():
    spec = find_monitor("misuse.extraction")

    def make(day, rng):
        return trials.answered(invented(credit_schema(), 60, rng), trials.THIEF, day, rng)

    seen = trials.seen(spec, 5, {14: make})
    assert "copies-thief" in findings("extraction", seen)
    without = replace(seen.baseline, usual=replace(seen.baseline.usual, facts=()))
    told = spec.fold.of(without, make(0, np.random.default_rng(0)), spec.params)
    (_, *counts) = told["callers"]["of"]["thief"]
    degree = np.array(counts).reshape(2, -1).sum(axis=0)
    assert degree[3:].sum() > 0.3 * degree.sum()  # of ordinary rows a tenth


def test_a_caller_whose_customers_all_earn_much_is_no_thief():
    def rich(day, rng):
        X = credit_rows(400, int(rng.integers(2**31))).X
        return trials.answered(X[X[:, 0] > np.quantile(X[:, 0], 0.75)], "private-bank", day, rng)

    assert not watched("extraction", d0=rich)
    assert not watched("extraction", d14=rich)


def test_a_change_for_all_callers_accuses_nobody():
    spec = find_monitor("misuse.extraction")
    seen = trials.seen(spec, 5)
    planted = trials.extraction.planted(5)

    def odd(rng):
        own = credit_rows(200, 12).X
        from holdfast.probes.extraction._questions import crossed

        return crossed(own, trials.QUESTIONS, credit_schema(), rng)

    from holdfast.testing.traffic import batch_of, together

    batches = list(seen.batches)
    for day in range(trials.ORDINARY, trials.DAYS):
        rng = np.random.default_rng(day)
        rows = together([trials.answered(odd(rng), f"branch-{p}", day, rng) for p in range(trials.CALLERS)])
        batches[day] = batch_of(spec, seen.baseline, batches[day].start, rows)
    assert not findings("extraction", replace(seen, batches=tuple(batches)))
    assert findings("extraction", planted)


def test_series_have_a_number_for_each_batch():
    spec, seen = find_monitor("misuse.prompt_attacks"), trials.prompt_attacks.planted(0)
    series = [one for one in spec.run(seen, spec.params) if isinstance(one, Series)]
    assert {one.scope for one in series} == {(), (("guard", "text.phrases"),)}
    assert all(len(one.values) == len(seen.batches) for one in series)


def test_retries_and_corrections_are_no_campaign():
    def retries(day, rng):
        return trials.answered(np.repeat(credit_rows(3, 1).X, 200, axis=0), "retry", day, rng)

    assert not watched("evasion", d0=retries)


def test_a_campaign_about_one_person_under_many_credentials_is_seen():
    def walk(day, rng):
        rows = trials._walk(day, rng)
        names = np.array([f"shop-{k}" for k in range(20)], dtype=object)
        person = np.full(len(rows), "person-1", dtype=object)
        return replace(rows, principal=names[rng.integers(0, 20, len(rows))], subject=person)

    assert "income" in watched("evasion", d14=walk)["tries-person-1"].sentence


def test_a_slow_campaign_is_seen_over_a_week():
    def walk(day, rng):
        return trials._walk(day, rng).take(np.arange(12))

    assert "tries-thief" in watched("evasion", d14=walk)


def test_one_swept_feature_is_told_from_ordinary_rows():
    spec = find_monitor("misuse.scraping")
    baseline = trials.seen(spec, 0).baseline
    one = np.repeat(credit_rows(1, 3).X, 100, axis=0)
    one[:, 0] = np.linspace(10, 300, 100)
    rng = np.random.default_rng(0)
    swept_rows, ordinary = (trials.answered(X, "a", 0, rng) for X in (one, credit_rows(100, 9).X))
    for rows, expect in ((swept_rows, True), (ordinary, False)):
        _, _, whole, rests = spec.fold.of(baseline, rows, spec.params)["callers"]["of"]["a"]
        assert bool(swept(whole, rests, 60)[0] > 20) is expect
        assert swept(whole, rests, 60)[1:].max() < 3


def test_a_program_in_place_of_people_is_seen_and_one_that_always_was_is_not():
    def people(day, rng):
        at = moment(day) + 8 * 3600 + np.sort(rng.random(200)) * 1800
        return trials.answered(credit_rows(200, int(rng.integers(2**31))).X, "desk", day, rng, at=at)

    def program(day, rng):
        at = moment(day) + np.arange(2_000) * 8.0
        return trials.answered(credit_rows(2_000, int(rng.integers(2**31))).X, "desk", day, rng, at=at)

    def first_people(day, rng):
        return people(day, rng) if day < trials.ORDINARY else program(day, rng)

    assert set(watched("scraping", d0=first_people)) == {"bulk-desk"}
    assert not watched("scraping", d0=program)


def test_evenness():
    clock, chance = np.full(96, 10), np.random.default_rng(0).poisson(10, 96)
    assert evenness([bytes(clock.tolist()).hex()]) == 0
    assert 0.6 < evenness([bytes(chance.tolist()).hex()]) < 1.5
    assert evenness([bytes(96).hex()]) == np.inf


def test_somebody_who_moves_to_the_night_does_not_share():
    def moves(day, rng):
        hour = 9 if day < trials.ORDINARY else 21
        at = moment(day) + hour * 3600 + np.sort(rng.random(40)) * 7200
        return trials.answered(credit_rows(40, int(rng.integers(2**31))).X, "mover", day, rng, at=at)

    assert not watched("sharing", d0=moves)


def test_oddity_of_one_column_is_that_of_its_levels():
    codes = np.array([[0]] * 90 + [[1]] * 10)
    counts = np.array([3])
    score = Oddity(pairs(codes, counts), counts)
    assert score.nats(np.array([[0]]))[0] < score.nats(np.array([[1]]))[0] < score.nats(np.array([[2]]))[0]


def test_oddity_sees_levels_that_do_not_go_together():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 2_000)
    codes = np.column_stack([first, first, rng.integers(0, 4, 2_000)])
    counts = np.array([5, 5, 5])
    degree = Oddity(pairs(codes, counts), counts).degree
    assert (degree(codes) <= 4).mean() > 0.9
    assert (degree(np.array([[0, 3, 1], [2, 1, 1]])) >= 5).all()


def test_bad_parameters_are_refused():
    from holdfast.domain.errors import FixInput

    for name, wrong in (("extraction", {"odds": 0.5}), ("evasion", {"fewest": 1}), ("scraping", {"times": 1})):
        with pytest.raises(FixInput):
            find_monitor(f"misuse.{name}").with_params(wrong)


def test_a_baseline_is_a_record():
    from holdfast import canonical

    baseline = trials.seen(find_monitor("misuse.extraction"), 0).baseline
    assert canonical.decode(Baseline, canonical.encode(baseline)) == baseline
