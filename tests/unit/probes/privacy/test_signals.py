from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.domain.schema import Task
from holdfast.probes.privacy._rows import Audit, draw
from holdfast.probes.privacy._signals import Outsider, attack, rmia, signals, study, unexpected
from holdfast.statistics import auc
from holdfast.testing.tables import credit_rows, credit_schema


@pytest.fixture(scope="module")
def outsider() -> Outsider:
    audit, background = draw(credit_rows(300, 1), credit_rows(300, 2), 300, np.random.default_rng(0))
    return study(audit, background, credit_schema(), 1, np.random.default_rng(1))


def test_rmia_by_sort_equals_its_pairwise_definition():
    rng = np.random.default_rng(0)
    ratio, population = np.round(rng.normal(size=200), 1), np.arange(0, 200, 3)
    pairwise = (ratio[:, None] >= ratio[population][None, :]).mean(axis=1)
    np.testing.assert_allclose(rmia(ratio, population), pairwise)


def test_references_do_not_favour_members(outsider: Outsider):
    for answer in outsider.reference:
        area, influence = auc(outsider.confidence(answer), outsider.audit.member)
        assert abs(area - 0.5) < 4 * np.sqrt(np.mean(influence**2) / len(influence))


def test_an_attack_on_answers_that_know_nothing_of_membership_guesses(outsider: Outsider):
    areas = []
    for seed in range(4):
        yes = np.random.default_rng(seed).uniform(0.05, 0.95, len(outsider.audit))
        guess = attack(signals(np.column_stack([1 - yes, yes]), outsider), outsider, seed)
        areas.append(auc(guess, outsider.audit.member)[0])
    assert abs(np.mean(areas) - 0.5) < 0.035


def test_an_attack_on_answers_that_favour_members_finds_them(outsider: Outsider):
    audit = outsider.audit
    right = np.clip(outsider.reference.mean(axis=0)[np.arange(len(audit)), audit.y] + 0.15 * audit.member, 0, 1)
    yes = np.where(audit.y == 1, right, 1 - right)
    guess = attack(signals(np.column_stack([1 - yes, yes]), outsider), outsider, 0)
    assert auc(guess, audit.member)[0] > 0.9


def test_unexpected_confidence_is_centred_on_non_members_it_was_not_fitted_on(outsider: Outsider):
    strangers = np.flatnonzero(~outsider.audit.member)
    own = outsider.facts()[:, 0] / 50
    beyond = unexpected(own, outsider.facts(), strangers, outsider.schema, 0)
    assert np.abs(beyond[strangers]).mean() < 0.3 * own.std()


def test_confidence_in_regression_grows_as_the_error_falls():
    schema = replace(credit_schema(), task=Task.REGRESSION, classes=(), favourable=None)
    audit = Audit(np.zeros((3, 7)), np.array([1.0, 1.0, 1.0]), np.array([True, False, True]))
    confidence = Outsider(audit, np.zeros((2, 3, 1)), schema, 1.0).confidence(np.array([[1.0], [1.1], [3.0]]))
    assert np.all(np.diff(confidence) < 0)
    assert np.isfinite(confidence).all()
