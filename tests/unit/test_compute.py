"""Jobs side by side: here, and on a real Dask cluster."""

from __future__ import annotations

import math
import os

import pytest

from holdfast.compute import run_all, side_by_side
from holdfast.domain.errors import Unavailable
from holdfast.settings import Settings, read_settings


def test_memory_bounds_how_many_run_at_once():
    assert side_by_side(Settings(workers=8, memory_mb=4_000), 1_000) == 4
    assert side_by_side(Settings(workers=2, memory_mb=4_000), 1_000) == 2
    assert side_by_side(Settings(workers=2, memory_mb=100), 1_000) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_gives_its_result(workers):
    settings = Settings(workers=workers, memory_mb=10_000)
    assert sorted(run_all(math.factorial, range(10), settings, 10)) == sorted(map(math.factorial, range(10)))


def test_a_worker_that_dies_is_an_error_that_says_what_to_do():
    with pytest.raises(Unavailable, match="worker ended"):
        list(run_all(os._exit, [3, 3, 3], Settings(workers=2, memory_mb=10_000), 10))


def test_a_scheduler_that_does_not_answer_is_an_error():
    with pytest.raises(Unavailable, match="No Dask scheduler"):
        list(run_all(math.sqrt, [1], Settings(backend="dask"), 1))
    with pytest.raises(Unavailable, match="does not answer"):
        list(run_all(math.sqrt, [1], Settings(backend="dask", scheduler="tcp://127.0.0.1:9"), 1))


def test_settings_name_the_variable_that_cannot_be_read():
    from holdfast.domain.errors import FixInput

    with pytest.raises(FixInput, match="HOLDFAST_WORKERS='many'"):
        read_settings({"HOLDFAST_WORKERS": "many"})
    assert read_settings({"HOLDFAST_PLUGINS": "a,b"}).plugins == ("a", "b")
