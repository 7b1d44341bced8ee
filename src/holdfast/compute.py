"""Running jobs side by side through joblib: processes here, or a Dask or Ray cluster with the same code and results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from holdfast.domain.errors import Unavailable
from holdfast.settings import Settings

J = TypeVar("J")
R = TypeVar("R")


def side_by_side(settings: Settings, memory_mb: int) -> int:
    """How many jobs of `memory_mb` each run at once: as many as workers and the stated memory allow, at least one."""
    return max(1, min(settings.workers, settings.memory_mb // max(memory_mb, 1)))


def run_all(function: Callable[[J], R], jobs: Sequence[J], settings: Settings, memory_mb: int) -> Iterator[R]:
    """Each job's result as soon as it is there, in any order. `function` must be importable where the jobs run.

    Interrupting the iterator ends the workers; what was already yielded is the caller's.
    """
    from joblib import Parallel, delayed

    workers = side_by_side(settings, memory_mb)
    if settings.backend == "loky" and (workers == 1 or len(jobs) == 1):
        yield from map(function, jobs)
        return
    with _cluster(settings), _backend(settings, workers):
        results = Parallel(n_jobs=min(workers, len(jobs)), return_as="generator_unordered", max_nbytes="4M")(
            delayed(function)(job) for job in jobs
        )
        try:
            yield from results
        except BrokenExecutor as error:
            hint = "It may have run out of memory: lower HOLDFAST_WORKERS and run again; finished probes are kept."
            raise Unavailable("compute.worker", "A worker ended before its probe did.", hint) from error
        finally:
            _end_workers(settings)


def _backend(settings: Settings, workers: int) -> AbstractContextManager[Any]:
    from joblib import parallel_config

    if settings.backend == "loky":
        return parallel_config(backend="loky", n_jobs=workers, inner_max_num_threads=1)  # type: ignore[no-any-return]
    return parallel_config(backend=settings.backend, n_jobs=workers)  # type: ignore[no-any-return]


def _cluster(settings: Settings) -> AbstractContextManager[Any]:
    """The connection to the cluster that the backend needs, if any."""
    if settings.backend == "dask":
        try:
            from distributed import Client
        except ImportError as error:
            raise Unavailable("compute.no-dask", "Dask is not installed.", "pip install 'holdfast[dask]'") from error
        if not settings.scheduler:
            raise Unavailable(
                "compute.no-scheduler", "No Dask scheduler is named.", "Set HOLDFAST_SCHEDULER=tcp://host:8786."
            )
        try:
            return Client(settings.scheduler, timeout="10s")  # type: ignore[no-untyped-call]
        except OSError as error:
            hint = "Start it, or unset HOLDFAST_BACKEND."
            raise Unavailable("compute.no-scheduler", f"{settings.scheduler} does not answer.", hint) from error
    return nullcontext()


def _end_workers(settings: Settings) -> None:
    if settings.backend == "loky":
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True, kill_workers=True)
