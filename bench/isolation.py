"""What isolation costs: the same models asked directly and in a worker process.

`python -m bench.isolation [--quick]` prints a table, then one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.targets.isolated import IsolatedTarget, open_target
from holdfast.targets.spec import TargetSpec

SEED = 0
FEATURES = 20
SCHEMA = Schema(
    task=Task.REGRESSION,
    features=tuple(Feature(f"f{i}", Kind.NUMBER, low=-3, high=3) for i in range(FEATURES)),
    target="y",
)
FUNCTIONS = """
def first(table):
    return table["f0"].to_numpy()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    repeats = 100 if parser.parse_args().quick else 1000
    with tempfile.TemporaryDirectory() as folder:
        figures = {name: measure(*case, repeats) for name, case in cases(Path(folder)).items()}
    head = ("model", "start s", "direct µs", "isolated µs", "added µs", "MB/s of rows")
    print(("{:<24}" + "{:>13}" * 5).format(*head))
    for name, row in figures.items():
        print(f"{name:<24}" + "".join(f"{value:>13.4g}" for value in row.values()))
    versions = {name: metadata.version(name) for name in ("numpy", "pandas", "xgboost", "onnxruntime")}
    print(json.dumps({"figures": figures, "versions": versions, "seed": SEED, "machine": platform.machine()}))


def cases(folder: Path) -> dict[str, tuple[TargetSpec, Callable[[Any], Any]]]:
    """Each with the same model in this process."""
    from holdfast.datasets.encode import decode

    (folder / "bench_functions.py").write_text(FUNCTIONS)
    function = TargetSpec("python", "python:bench_functions.first", python_path=str(folder))
    return {
        "function of a table": (function, lambda rows: decode(rows, SCHEMA)["f0"].to_numpy()),
        "XGBoost, 100 trees": booster(folder),
        "ONNX, linear": linear(folder),
    }


def booster(folder: Path) -> tuple[TargetSpec, Callable[[Any], Any]]:
    import xgboost

    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(2000, FEATURES))
    model = xgboost.train({"max_depth": 4, "nthread": 1}, xgboost.DMatrix(X, X[:, 0] * X[:, 1]), 100)
    model.save_model(folder / "model.ubj")
    return TargetSpec("xgboost", str(folder / "model.ubj")), lambda rows: model.predict(
        xgboost.DMatrix(rows, nthread=1)
    )


def linear(folder: Path) -> tuple[TargetSpec, Callable[[Any], Any]]:
    import onnxruntime
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(200, FEATURES)).astype(np.float32)
    path = folder / "model.onnx"
    path.write_bytes(to_onnx(LinearRegression().fit(X, X[:, 0]), X[:1]).SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return TargetSpec("onnx", str(path)), lambda rows: session.run(None, {"X": rows.astype(np.float32)})[0]


def measure(spec: TargetSpec, direct: Callable[[Any], Any], repeats: int) -> dict[str, float]:
    """Start once, then the median of single-row calls, then how fast 64 MB cross."""
    row = np.random.default_rng(SEED).normal(size=(1, FEATURES))
    started = time.perf_counter()
    with open_target(spec, SCHEMA) as target:
        start = time.perf_counter() - started
        alone = median_us(lambda: direct(row), repeats)
        isolated = median_us(lambda: target.scores(row), repeats)
        return {
            "start_s": start,
            "direct_us": alone,
            "isolated_us": isolated,
            "added_us": isolated - alone,
            "mb_per_s": throughput(target),
        }


def throughput(target: IsolatedTarget) -> float:
    rows = np.zeros(((64 << 20) // (8 * FEATURES), FEATURES))
    target.scores(rows)
    started = time.perf_counter()
    for _ in range(5):
        target.scores(rows)
    return 5 * 64 / (time.perf_counter() - started)


def median_us(ask: Callable[[], Any], repeats: int) -> float:
    for _ in range(10):
        ask()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


if __name__ == "__main__":
    main()
