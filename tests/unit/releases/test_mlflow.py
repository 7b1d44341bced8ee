"""Reading a registry: what is refused without a server. A real one answers in tests/trips/test_mlflow.py."""

from __future__ import annotations

import pytest

from holdfast.domain.errors import FixInput, Unavailable
from holdfast.releases.mlflow import Registry, _served_path


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("mlflow-artifacts:/0/models/m-1/artifacts", "0/models/m-1/artifacts"),
        ("mlflow-artifacts:/0/r/artifacts/", "0/r/artifacts"),
        ("mlflow-artifacts://mlflow:5000/0/r", "0/r"),
    ],
)
def test_where_the_server_serves_it(location, path):
    assert _served_path(location) == path


@pytest.mark.parametrize("location", ["s3://bucket/model", "file:///models/1", "/models/1"])
def test_what_the_server_does_not_serve_is_refused(location):
    with pytest.raises(FixInput, match="does not serve"):
        _served_path(location)


@pytest.mark.parametrize("address", ["sqlite:///m.db", "/mlruns", ""])
def test_only_a_server_can_be_asked(address):
    with pytest.raises(FixInput, match="no http"):
        Registry(address)


@pytest.mark.parametrize(
    "uri", ["models:/a/1", "mlflow:models:/a", "mlflow:models:/a/b/c", "mlflow:models:/a/latest", ""]
)
def test_a_version_must_be_named(uri):
    with Registry("http://127.0.0.1:9") as registry, pytest.raises(FixInput, match="names no model version"):
        registry.read(uri)


def test_a_server_that_is_not_there():
    with Registry("http://127.0.0.1:9") as registry, pytest.raises(Unavailable, match="does not answer"):
        registry.read("mlflow:models:/a/1")
