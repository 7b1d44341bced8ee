from __future__ import annotations

import numpy as np

from holdfast.datasets.dataset import Dataset
from holdfast.probes.privacy._rows import draw, folds, matched, ranks, shift
from holdfast.testing.tables import credit_rows


def test_a_row_that_occurs_twice_anywhere_is_left_out_on_both_sides():
    inside = Dataset(np.array([[1.0], [2.0], [2.0], [3.0], [np.nan]]), np.array([0, 0, 0, 1, 1]))
    outside = Dataset(np.array([[3.0], [4.0], [np.nan], [5.0]]), np.array([1, 0, 1, 1]))
    audit, _ = draw(inside, outside, 10, np.random.default_rng(0))
    assert audit.X[audit.member].tolist() == [[1.0]]
    assert audit.X[~audit.member, 0].tolist()[0] in {4.0, 5.0}


def test_the_same_features_with_another_label_are_another_row():
    inside, outside = Dataset(np.array([[1.0]]), np.array([0])), Dataset(np.array([[1.0]]), np.array([1]))
    assert draw(inside, outside, 10, np.random.default_rng(0))[0].side == 1


def test_unlabelled_rows_are_left_out():
    inside = Dataset(np.arange(4.0).reshape(-1, 1), np.array([0, -1, 1, 0]))
    outside = Dataset(np.arange(10.0, 14).reshape(-1, 1), np.array([0, 1, -1, -1]))
    audit, _ = draw(inside, outside, 10, np.random.default_rng(0))
    assert audit.side == 2
    assert (audit.y >= 0).all()


def test_the_rest_of_the_training_data_is_apart_from_the_audited_rows():
    train, test = credit_rows(300, 1), credit_rows(100, 2)
    audit, (rest, labels) = draw(train, test, 100, np.random.default_rng(0))
    assert audit.side == 100
    assert len(rest) == len(labels) == 200
    assert not set(map(bytes, rest)) & set(map(bytes, audit.X))


def test_tables_of_one_kind_are_not_called_shifted_and_others_are():
    train, test = credit_rows(400, 1), credit_rows(400, 2)
    audit, _ = draw(train, test, 400, np.random.default_rng(0))
    assert not shift(audit.X, audit.member, 0).present
    audit.X[~audit.member, 3] += 8
    found = shift(audit.X, audit.member, 0)
    assert found.present
    assert found.auc > 0.6


def test_matching_evens_the_sides_out():
    train, test = credit_rows(600, 1), credit_rows(600, 2)
    audit, _ = draw(train, test, 600, np.random.default_rng(0))
    audit.X[~audit.member, 3] += 10
    found = shift(audit.X, audit.member, 0)
    rows = matched(found.guess, audit.member, np.random.default_rng(0))
    assert audit.member[rows].mean() == 0.5
    assert shift(audit.X[rows], audit.member[rows], 1).auc < found.auc - 0.05


def test_every_row_is_judged_once_by_an_attack_that_never_saw_it():
    member = np.arange(40) < 20
    pairs = folds(member, 0)
    assert np.array_equal(np.sort(np.concatenate([judge for _, judge in pairs])), np.arange(40))
    assert all(not set(learn) & set(judge) for learn, judge in pairs)


def test_ranks_share_a_scale():
    assert ranks(np.array([3.0, 1.0, 1.0])).tolist() == [0.75, 0.375, 0.375]
