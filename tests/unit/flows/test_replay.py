"""The model's answer held against the logged one, by the names that shields and gateways give outputs."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.decisions.making import decision

from holdfast.domain.errors import Tampered
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.flows.replay import require_same_answer
from holdfast.targets.direct import DirectTarget

ROW = np.array([0.3])
BINARY = Schema(Task.BINARY, (Feature("x", Kind.NUMBER),), "y", classes=("no", "yes"), favourable=1)
THREE = Schema(Task.MULTICLASS, (Feature("x", Kind.NUMBER),), "y", classes=("a", "b", "c"))
VALUE = Schema(Task.REGRESSION, (Feature("x", Kind.NUMBER),), "y")


def said(schema, answer, **outputs):
    target = DirectTarget(lambda rows: np.tile(answer, (len(rows), 1)), schema)
    return require_same_answer(decision(outputs=tuple(outputs.items())), target, schema, ROW)


def test_what_agrees_is_named():
    assert "(prediction)" in said(BINARY, [0.4, 0.6], prediction="yes")
    assert "(predict, no, yes)" in said(BINARY, [0.4, 0.6], predict="yes", no=0.4, yes=0.6)
    assert "(score_no, score_yes)" in said(BINARY, [0.4, 0.6], score_no=0.4, score_yes=0.6)
    assert "(score)" in said(BINARY, [0.4, 0.6], score=0.6)
    assert "(score_c, prediction)" in said(THREE, [0.2, 0.3, 0.5], score_c=0.5, prediction="c")
    assert "(score)" in said(VALUE, [1234.5678], score=1234.57)
    assert "(predict)" in said(VALUE, [1234.5678], predict=1234.5678)
    assert "cannot be held against" in said(BINARY, [0.4, 0.6], text="words")


def test_rounding_by_a_policy_is_no_difference():
    assert said(BINARY, [0.3961, 0.6039], score_no=0.4, score_yes=0.6)
    assert said(BINARY, [0.498, 0.502], score_no=0.5, score_yes=0.51), "of scores that tie the decided is a unit higher"
    assert said(BINARY, [0.3961, 0.6039], score_no=0.0, score_yes=1.0), "only the decision is seen"


@pytest.mark.parametrize(
    ("schema", "answer", "outputs"),
    [
        (BINARY, [0.4, 0.6], {"prediction": "no"}),
        (BINARY, [0.4, 0.6], {"score_yes": 0.61234}),
        (BINARY, [0.4, 0.6], {"score_no": 1.0, "score_yes": 0.0}),
        (THREE, [0.2, 0.3, 0.5], {"predict": "b"}),
        (VALUE, [1234.5678], {"score": 1230.57}),
        (VALUE, [1234.5678], {"predict": "high"}),
    ],
)
def test_what_differs_is_refused(schema, answer, outputs):
    with pytest.raises(Tampered, match="The log says"):
        said(schema, answer, **outputs)
