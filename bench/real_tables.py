"""Every probe on four real tables and four model libraries: planted flaws found or missed, clean twins quiet or not.

    python -m bench.real_tables [--quick]

`--quick` takes two of the sixteen columns. Each cell is about the planted release, then about its clean twin: `found`
or `MISSED`, `quiet` or `ALARM`; `true` where what is said of the sound model is so
(`tests.trips.real_releases.TRUE_OF_SOUND_MODELS` says why).
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from joblib import Parallel, delayed
from tests.trips.real_models import LIBRARIES
from tests.trips.real_releases import PLANTED, SEED, Plan, Release, plain
from tests.trips.real_tables import TABLES, Table, real_table

from holdfast.plugins import find_probes

QUICK = (("loanapp", "sklearn"), ("german_credit", "lightgbm"))
PACKAGES = ("scikit-learn", "xgboost", "lightgbm", "onnxruntime", "skl2onnx")


def planted_cells(plant: Callable[[Table], Plan], table: Table, library: str) -> dict[str, str]:
    """By probe, whether the planted flaw was found."""
    with TemporaryDirectory() as folder, Release(plant(table), library, Path(folder)) as release:
        return {probe: "found" if slug in release.loud(probe) else "MISSED" for probe, slug in PLANTED[plant].items()}


def clean_cells(table: Table, library: str) -> dict[str, str]:
    """By probe, whether the sound model raised an alarm."""
    with TemporaryDirectory() as folder, Release(plain(table), library, Path(folder)) as release:
        return {spec.id: _quiet(release, spec.id) for spec in find_probes()}


def _quiet(release: Release, probe: str) -> str:
    if release.false_alarms(probe):
        return "ALARM"
    return "true" if release.loud(probe) else "quiet"


def column(name: str, library: str) -> dict[str, str]:
    """One column of the matrix: ``found quiet`` by probe."""
    warnings.simplefilter("ignore")
    table = real_table(name)
    found = {probe: cell for plant in PLANTED for probe, cell in planted_cells(plant, table, library).items()}
    quiet = clean_cells(table, library)
    return {probe: f"{found[probe]} {quiet[probe]}" for probe in quiet}


def show(matrix: dict[str, dict[str, str]]) -> None:
    """The matrix as a table, probes down."""
    width = max(map(len, matrix)) + 2
    print(" " * 28 + "".join(f"{name:<{width}}" for name in matrix))
    for probe in next(iter(matrix.values())):
        print(f"{probe:<28}" + "".join(f"{cells[probe]:<{width}}" for cells in matrix.values()), flush=True)


def _is_here(name: str) -> bool:
    try:
        real_table(name)
    except FileNotFoundError:
        print(f"{name} is not here (../shared/data/tables); left out")
        return False
    return True


def main(quick: bool) -> None:
    """Print the matrix, then one line of JSON."""
    os.environ["OMP_NUM_THREADS"] = "1"
    pairs = [(name, library) for name in TABLES if _is_here(name) for library in LIBRARIES]
    pairs = [pair for pair in pairs if not quick or pair in QUICK]
    cells = Parallel(n_jobs=2)(delayed(column)(*pair) for pair in pairs)
    matrix = {"/".join(pair): cell for pair, cell in zip(pairs, cells, strict=True)}
    show(matrix)
    counts = Counter(word for cells in matrix.values() for cell in cells.values() for word in cell.split())
    versions = {package: metadata.version(package) for package in PACKAGES}
    print(json.dumps({"bench": "real_tables", "counts": counts, "matrix": matrix, "seed": SEED, "versions": versions}))


if __name__ == "__main__":
    main("--quick" in sys.argv)
