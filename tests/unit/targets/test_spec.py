"""Specs travel as JSON; formats are told by address, suffix or first bytes."""

from __future__ import annotations

import pytest

from holdfast import canonical
from holdfast.domain.errors import FixInput
from holdfast.domain.evidence import Protection
from holdfast.domain.schema import Task
from holdfast.targets.spec import ModelFacts, TargetSpec, infer_format


@pytest.mark.parametrize(
    ("location", "format"),
    [
        ("python:score.predict", "python"),
        ("https://host/v2/models/credit", "open-inference"),
        ("https://host/v2/models/credit/versions/3/infer", "open-inference"),
        ("http://host:5000/invocations/", "mlflow"),
        ("a/model.PKL", "pickle"),
        ("model.joblib", "joblib"),
        ("model.skops", "skops"),
        ("model.ubj", "xgboost"),
        ("model.json", "xgboost"),
        ("model.onnx", "onnx"),
        ("model.txt", "lightgbm"),
    ],
)
def test_a_format_by_its_name(location, format):
    assert infer_format(location) == format


@pytest.mark.parametrize(
    ("opening", "format"),
    [(b"tree\nversion=v4", "lightgbm"), (b"{L\x00", "xgboost"), (b"\x80\x04\x95", "pickle"), (b"PK\x03\x04", "skops")],
)
def test_a_format_by_its_first_bytes(tmp_path, opening, format):
    (tmp_path / "model.bin").write_bytes(opening)
    assert infer_format(str(tmp_path / "model.bin")) == format


def test_what_cannot_be_told_is_asked_for(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"?")
    for name in ("model.bin", "absent.bin"):
        with pytest.raises(FixInput, match=r"model\.format"):
            infer_format(str(tmp_path / name))
    with pytest.raises(FixInput, match="'sklearn' is not"):
        TargetSpec("sklearn", "m")


def test_specs_and_facts_survive_as_json():
    spec = TargetSpec("mlflow", "http://h/invocations", headers=(("A", "B"),), allow=("a.B",), seconds_per_call=0.5)
    facts = ModelFacts("x 1", task=Task.BINARY, classes=("a", 1), features=("f",), protections=(Protection("p", True),))
    for record in (spec, facts):
        assert canonical.decode(type(record), canonical.encode(record)) == record
