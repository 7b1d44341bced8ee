"""What models answer, in every form, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.errors import FixInput, ModelFailed
from holdfast.domain.schema import Task
from holdfast.targets.answers import align, gives_scores, to_matrix, typical_rows


@pytest.fixture
def binary(schema_of):
    return schema_of(Task.BINARY, classes=("no", "yes"))


@pytest.fixture
def three(schema_of):
    return schema_of(Task.MULTICLASS, classes=("a", "b", "c"))


@given(st.permutations(["a", "b", "c", "d"]), st.integers(1, 4))
def test_classes_align_by_label(order, size):
    assert [("a", "b", "c", "d")[code] for code in align(tuple(order[:size]), ("a", "b", "c", "d"))] == order[:size]


@pytest.mark.parametrize(
    ("own", "classes", "codes"),
    [
        ((0, 1), ("no", "yes"), [0, 1]),
        ((0, 1), (1, 2), [0, 1]),
        ((1.0, 0.0), (0, 1), [1, 0]),
        (("1", "0"), (0, 1), [1, 0]),
        ((False, True), (0, 1), [0, 1]),
        ((True,), (False, True), [1]),
    ],
)
def test_labels_of_other_types_and_counting_models_align(own, classes, codes):
    assert align(own, classes).tolist() == codes


def test_unknown_classes_do_not_align():
    for own in (("maybe", "yes"), (0, 1, 2), (1, 2)):
        with pytest.raises(FixInput, match="The model's classes are"):
            align(own, ("no", "yes"))


def test_probabilities_in_any_form(binary):
    second = np.array([0.25, 0.75])
    expected = [[0.75, 0.25], [0.25, 0.75]]
    table = pd.DataFrame({"yes": second, "no": 1 - second})
    for raw in (second, second.reshape(-1, 1), second.tolist(), expected, table, pd.Series(second)):
        assert gives_scores(raw, 2, binary)
        assert to_matrix(raw, 2, binary, (), True).tolist() == expected


def test_decisions_in_any_form(binary, three):
    for raw in (["no", "yes"], np.array([["no"], ["yes"]]), np.array([0, 1]), pd.Series(["no", "yes"])):
        assert not gives_scores(raw, 2, binary)
        assert to_matrix(raw, 2, binary, (), False).tolist() == [[0.0], [1.0]]
    assert not gives_scores(np.array([0.0, 2.0]), 2, three)
    assert to_matrix(["c", "a"], 2, three, ("c", "b", "a"), False).tolist() == [[2.0], [0.0]]
    assert to_matrix([0, 2], 2, three, (0, 1, 2), False).tolist() == [[0.0], [2.0]]


@pytest.mark.parametrize("label", ["maybe", None, float("nan"), 7, True])
def test_a_label_that_is_no_class_is_refused(three, label):
    with pytest.raises(ModelFailed) as failed:
        to_matrix(np.array(["a", label], dtype=object), 2, three, (), False)
    assert failed.value.code == "model.unknown-class"


@pytest.mark.parametrize("scores", [[[0.5, 0.6]], [[1.2, -0.2]], [[3.0, -2.0]], [[0.2, 0.2]], [7.0], [-0.5]])
def test_what_is_no_probability_is_refused(binary, scores):
    with pytest.raises(ModelFailed) as failed:
        to_matrix(scores, 1, binary, (), True)
    assert failed.value.code == "model.not-a-probability"


def test_single_precision_sums_pass_untouched(three):
    scores = np.full((2, 3), 1 / 3, dtype=np.float32)
    assert np.array_equal(to_matrix(scores, 2, three, (), True), scores.astype(np.float64))


@pytest.mark.parametrize("raw", [np.zeros((2, 4)), np.zeros(2), np.zeros((2, 3, 1)), np.zeros((3, 3)), 1.0, None])
def test_wrong_shapes_of_probabilities_are_refused(three, raw):
    with pytest.raises(ModelFailed) as failed:
        to_matrix(raw, 2, three, (), True)
    assert failed.value.code == "model.wrong-shape"


def test_missing_numbers_are_left_to_the_check_that_names_the_row(binary):
    assert np.isnan(to_matrix([[np.nan, 1.0]], 1, binary, (), True)).any()


def test_typical_rows_lie_in_the_middle_of_every_range(mixed):
    assert typical_rows(mixed[0]).tolist() == [[4.5, 20.0, 0.0, 0.0]] * 2
