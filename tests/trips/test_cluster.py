"""The same check on a real local Dask cluster: same seed, same evidence."""

from __future__ import annotations


def measured(document):
    return [{k: v for k, v in o.items() if k != "seconds"} for o in document["evidence"]["outcomes"]]


def test_dask_gives_the_same_evidence_as_this_machine(project):
    from distributed import LocalCluster

    only = ("--only", "stress", "--only", "performance", "--fresh")
    here, _ = project.check(*only)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        there, code = project.check(*only, HOLDFAST_BACKEND="dask", HOLDFAST_SCHEDULER=cluster.scheduler_address)
    assert code in (0, 1, 3)
    assert measured(there) == measured(here)
    assert {o["kind"] for o in there["evidence"]["outcomes"]} == {"done"}
