"""Schemas and a way to write Python models that misbehave."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import TargetSpec


def numeric_schema(task: Task, names: tuple[str, ...] = ("a", "b", "c"), classes: tuple = ()) -> Schema:
    features = tuple(Feature(name, Kind.NUMBER, low=-3, high=3) for name in names)
    standard = {Task.BINARY: (0, 1), Task.MULTICLASS: (0, 1, 2), Task.REGRESSION: ()}[task]
    return Schema(task=task, features=features, target="y", classes=classes or standard)


@pytest.fixture
def schema_of():
    return numeric_schema


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(300, 3))


@pytest.fixture
def python_model(tmp_path):
    """Opens a function of a module that is written for the test: `python_model(source, schema)`."""
    opened = []

    def open_it(source: str, schema: Schema | None = None, name: str = "f", **limits):
        (tmp_path / "model_under_test.py").write_text(textwrap.dedent(source))
        spec = TargetSpec("python", f"python:model_under_test.{name}", python_path=str(tmp_path), **limits)
        target = open_target(spec, schema or numeric_schema(Task.REGRESSION))
        opened.append(target)
        return target

    yield open_it
    for target in opened:
        target.close()


class InProcess:
    """The worker's own steps without the process: fast enough for many variants of a format."""

    def __init__(self, spec: TargetSpec, schema: Schema) -> None:
        import importlib

        from holdfast.targets.model import lay_out
        from holdfast.targets.worker import LOADERS

        self.schema = schema
        self.model = importlib.import_module(f"holdfast.targets.{LOADERS[spec.format]}").load(spec)
        self.layout = lay_out(schema, self.model)

    def ask(self, rows):
        from holdfast.targets.answers import gives_scores, to_matrix, typical_rows

        scores = self.model.gives_scores
        if scores is None:
            scores = gives_scores(self.model.ask(self.layout.batch(typical_rows(self.schema))), 2, self.schema)
        raw = self.model.ask(self.layout.batch(rows))
        return to_matrix(raw, len(rows), self.schema, self.model.classes, scores)


@pytest.fixture
def in_process():
    return InProcess


MIXED = Schema(
    task=Task.BINARY,
    features=(
        Feature("income", Kind.NUMBER, low=0, high=9, missing=True),
        Feature("years", Kind.INTEGER, low=0, high=40, dtype="int64"),
        Feature("housing type", Kind.CATEGORY, categories=("own", "rent", "other"), dtype="str"),
        Feature("grade", Kind.CATEGORY, categories=(1, 3, 7), dtype="int64"),
    ),
    target="approved",
    classes=("no", "yes"),
    favourable=1,
)


@pytest.fixture
def mixed():
    """A schema with text and numeric categories, rows in it, and labels."""
    rng = np.random.default_rng(1)
    n = 400
    rows = np.column_stack([rng.normal(4, 2, n), rng.integers(0, 40, n), rng.integers(0, 3, n), rng.integers(0, 3, n)])
    labels = np.where(rows[:, 0] + 2 * (rows[:, 2] == 0) + rng.normal(0, 1, n) > 5, "yes", "no")
    return MIXED, rows.astype(float), labels


@pytest.fixture
def labels_of(rows):
    def make(task: Task):
        score = rows[:, 0] + rows[:, 1] ** 2
        return {
            Task.BINARY: (score > 1).astype(int),
            Task.MULTICLASS: np.digitize(score, [0.3, 1.5]),
            Task.REGRESSION: score,
        }[task]

    return make


@pytest.fixture
def of_task(schema_of, rows, labels_of):
    """Schema, rows and labels of a task."""
    return lambda task: (schema_of(task), rows, labels_of(task))
