"""The same shield inside Spark and Ray, one log; skipped where they are not installed (no extra needs them)."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import holdfast
from holdfast.testing.decisions import LinesLog
from holdfast.testing.tables import credit_rows

COLUMNS = [f"c{j}" for j in range(7)]


def scored(shielded, frames):
    for frame in frames:
        yield frame.assign(score=shielded.predict_proba(frame)[:, 1])


def on_spark(shielded, frame, monkeypatch):
    session = pytest.importorskip("pyspark.sql").SparkSession
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    spark = session.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        schema = ", ".join(f"{column} double" for column in [*COLUMNS, "score"])
        table = spark.createDataFrame(frame).repartition(4)
        return table.mapInPandas(lambda frames: scored(shielded, frames), schema).toPandas()
    finally:
        spark.stop()


def on_ray(shielded, frame, _monkeypatch):
    ray = pytest.importorskip("ray")
    data = pytest.importorskip("ray.data")
    ray.init(num_cpus=2, include_dashboard=False)
    try:
        table = data.from_pandas(frame).repartition(4)
        return table.map_batches(lambda part: next(scored(shielded, [part])), batch_format="pandas").to_pandas()
    finally:
        ray.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [on_spark, on_ray])
def test_workers_answer_as_the_model_does_and_share_a_log(cluster, tmp_path, monkeypatch):
    train = credit_rows(1_000, 1)
    frame = pd.DataFrame(train.X, columns=COLUMNS)
    model = LogisticRegression(max_iter=3_000).fit(frame, train.y)
    log = LinesLog(tmp_path / "log")
    shielded = holdfast.shield(model, system="credit", reference=holdfast.learn_reference(frame), log=log)
    new = pd.DataFrame(credit_rows(2_000, 2).X, columns=COLUMNS)
    expected = np.sort(model.predict_proba(new)[:, 1])
    assert np.allclose(np.sort(cluster(shielded, new, monkeypatch)["score"]), expected)
    rows = log.rows()
    assert np.allclose(sorted(row["output_score_1"] for row in rows), expected)
    assert len({row["id"] for row in rows}) == 2_000
