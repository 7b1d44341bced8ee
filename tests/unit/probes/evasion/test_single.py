from __future__ import annotations

import numpy as np
import pytest

from holdfast.datasets.dataset import Dataset
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.evasion._single import is_immaterial
from holdfast.targets.direct import DirectTarget


def accused(informs: float, rows: int = 400) -> int:
    """In how many of 20 tables the one feature that decides counts as meaningless; it is right this often."""
    schema = Schema(Task.BINARY, (Feature("x", Kind.NUMBER),), "y", ("no", "yes"), favourable=1)
    target = DirectTarget(lambda X: X[:, 0] > 0, schema, gives_scores=False)
    count = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(rows, 1))
        y = np.where(rng.random(rows) < informs, X[:, 0] > 0, X[:, 0] <= 0).astype(np.int64)
        count += is_immaterial(target, Dataset(X, y), np.array([0]), tolerance=0.0, rng=rng)
    return count


@pytest.mark.parametrize(("informs", "least", "most"), [(0.5, 18, 20), (0.64, 0, 0), (0.8, 0, 0)])
def test_only_a_feature_that_outcomes_do_not_depend_on_is_immaterial(informs: float, least: int, most: int) -> None:
    assert least <= accused(informs) <= most


def test_too_few_changed_answers_accuse_nobody() -> None:
    assert accused(0.5, rows=25) == 0
