"""A whole gateway in this process, with a clock that jumps, a disk that is slow, and a model that is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.trips.gateways import SECRET, TOKEN, Gateway, Model, Plane, key_for, logged, prove_all, question

from holdfast.domain.errors import ModelFailed
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.rows import backends
from holdfast.gateway.rows.backends import Put, Worker
from holdfast.gateway.setup.document import read_gateway
from holdfast.gateway.site import running
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import TargetSpec
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.wiring import open_gateway_premises

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@asynccontextmanager
async def opened(folder, plane, model, clock=lambda: datetime.now(UTC)):
    """A client of a gateway that serves `loans`."""
    gateway = Gateway(folder, plane, {"loans": model.url})
    document = read_gateway(gateway.folder / "gateway.yaml")
    with open_gateway_premises(document, gateway.folder, gateway.home, TOKEN) as premises:
        async with AsyncExitStack() as stack:
            site = await stack.enter_async_context(running(document, replace(premises, clock=clock), Observer()))
            transport = httpx.ASGITransport(site.gateway, raise_app_exceptions=True)
            headers = {"authorization": f"Bearer {SECRET}"}
            yield await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://g", headers=headers)
            )


async def infer(client, n=1, **more):
    return await client.post("/v2/models/loans/infer", content=question(n), **more)


async def ready(client) -> None:
    for _ in range(100):
        if (await client.get("/health/ready")).status_code == 200:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("never ready")


async def test_a_clock_that_jumps_gives_no_budget_twice_and_leaves_the_log_whole(tmp_path):
    now, ids = [NOON], []
    with Model() as model, Plane("loans", credentials=(key_for(SECRET, "loans", rows=4),)) as plane:
        async with opened(tmp_path, plane, model, lambda: now[0]) as client:

            async def spend() -> list[int]:
                await ready(client)
                answers = [await infer(client) for _ in range(6)]
                ids.extend(one.headers["holdfast-decision"] for one in answers if one.status_code == 200)
                return [one.status_code for one in answers]

            assert await spend() == [200] * 4 + [429] * 2
            now[0] += timedelta(days=30)
            assert await spend() == [200] * 4 + [429] * 2
            now[0] -= timedelta(days=30)
            assert (await infer(client)).status_code == 429
            now[0] -= timedelta(days=400)
            assert await spend() == [200] * 4 + [429] * 2
    assert ids == sorted(ids)
    prove_all(plane, tmp_path / "home", ids, ids[::5])


async def test_a_slow_disk_slows_answers_down_and_nothing_else(tmp_path, monkeypatch):
    real = os.fdatasync

    def fdatasync(file):
        time.sleep(0.25)
        real(file)

    with Model() as model, Plane("loans") as plane:
        async with opened(tmp_path, plane, model) as client:
            await ready(client)
            monkeypatch.setattr(os, "fdatasync", fdatasync)
            start = time.perf_counter()
            asking = asyncio.gather(*(infer(client) for _ in range(40)))
            waits = []
            while not asking.done():
                begin = time.perf_counter()
                assert (await client.get("/health/ready")).status_code == 200
                waits.append(time.perf_counter() - begin)
                await asyncio.sleep(0.01)
            answers = await asking
            monkeypatch.undo()
            assert {one.status_code for one in answers} == {200}
            assert time.perf_counter() - start < 40 * 0.25 / 2
            assert max(waits) < 0.2
    assert {one.headers["holdfast-decision"] for one in answers} <= set(logged(tmp_path / "home"))


async def test_rows_in_mlflows_form_reach_an_upstream_in_its_own(tmp_path):
    with Model() as model, Plane("loans") as plane:
        async with opened(tmp_path, plane, model) as client:
            await ready(client)
            row = {"income": 50.5, "debt": None, "age": 40, "housing": "rent", "purpose": None}
            answer = await client.post("/loans/invocations", json={"dataframe_records": [row, row]})
            assert (answer.status_code, answer.json()["predictions"][0]) == (200, [0.25, 0.75])
            inputs = {one["name"]: one for one in json.loads(model.seen[0])["inputs"]}
            assert (inputs["income"]["data"], inputs["debt"]["data"]) == ([50.5, 50.5], [None, None])
            assert (inputs["housing"]["data"], inputs["housing"]["datatype"]) == (["rent", "rent"], "BYTES")


async def test_a_model_whose_process_is_killed_answers_again(tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "REST", 0.0)
    data, schema = credit_rows(300, 1), credit_schema()
    numbers = schema.with_features(tuple(f for f in schema.features if not f.categories))
    X = data.X[:, :5]
    joblib.dump(LogisticRegression(max_iter=500).fit(X, np.array(schema.classes)[data.y]), tmp_path / "m.joblib")
    spec = TargetSpec("joblib", str(tmp_path / "m.joblib"))
    worker = Worker(lambda: open_target(spec, numbers), numbers)
    try:
        before = await worker.answer(X[:3], Put(b"", []))
        os.killpg(worker._target._channel._process.pid, signal.SIGKILL)
        with pytest.raises(ModelFailed, match="SIGKILL"):
            await worker.answer(X[:3], Put(b"", []))
        after = await worker.answer(X[:3], Put(b"", []))
        np.testing.assert_array_equal(before.reply.scores, after.reply.scores)
    finally:
        await worker.close()
