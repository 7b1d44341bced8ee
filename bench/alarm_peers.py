"""What Evidently's, NannyML's and river's defaults say of streams of rows, batch by batch, each in its environment."""

from __future__ import annotations

import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

ENVIRONMENTS = {name: Path(f".tools/{name}/bin/python") for name in ("evidently", "nannyml", "river")}
QUIET = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}

EVIDENTLY = """
import sys
import numpy as np, pandas as pd
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
streams, reference, found = np.load(sys.argv[1]), int(sys.argv[2]), {}
for most in (None, 1000):
    told = np.zeros(streams.shape[:2], dtype=bool)
    for place, stream in enumerate(streams):
        usual = pd.Series(stream[:reference].ravel()[:most])
        test = get_stattest(usual, pd.Series(stream[reference]), ColumnType.Numerical, None)
        for day in range(reference, len(stream)):
            told[place, day] = test.func(usual, pd.Series(stream[day]), ColumnType.Numerical, test.default_threshold)[1]
    found[f"evidently, {test.display_name.split(' ')[0]}" + (", 1,000 rows" if most else "")] = told
np.savez(sys.argv[3], **found)
"""
NANNYML = """
import sys
import numpy as np, pandas as pd, nannyml
streams, reference = np.load(sys.argv[1]), int(sys.argv[2])
told = np.zeros(streams.shape[:2], dtype=bool)
for place, stream in enumerate(streams):
    ask = nannyml.UnivariateDriftCalculator(column_names=["x"], chunk_size=streams.shape[2])
    ask.fit(pd.DataFrame({"x": stream[:reference].ravel()}))
    table = ask.calculate(pd.DataFrame({"x": stream[reference:].ravel()})).filter(period="analysis").to_df()
    told[place, reference:] = table[("x", "jensen_shannon", "alert")]
np.savez(sys.argv[3], **{"nannyml, Jensen-Shannon": told})
"""
RIVER = """
import sys
import numpy as np
from river import drift
streams, reference, found = np.load(sys.argv[1]).astype(float), int(sys.argv[2]), {}
def days(detector, batches):
    told = []
    for batch in batches:
        drifted = False
        for value in batch:
            detector.update(value)
            drifted |= detector.drift_detected
        told.append(drifted)
    return told
means = streams.mean(axis=2)
usual = means[:, :reference]
means = (means - usual.mean(axis=1, keepdims=True)) / usual.std(axis=1, keepdims=True)
detectors = {"ADWIN": drift.ADWIN, "Page-Hinkley": drift.PageHinkley, "KSWIN": lambda: drift.KSWIN(seed=0)}
for name, make in detectors.items():
    found[f"river, {name} of means"] = np.array([days(make(), stream[:, None].tolist()) for stream in means])
found["river, ADWIN of rows"] = np.array([days(drift.ADWIN(), stream.tolist()) for stream in streams])
np.savez(sys.argv[3], **found)
"""
SCRIPTS = {"evidently": EVIDENTLY, "nannyml": NANNYML, "river": RIVER}


def told(streams: np.ndarray, reference: int) -> dict[str, np.ndarray]:
    """At which batches each contender alarms, bool (n, T), on rows (n, T, rows), the first of which are known."""
    here = {name: program for name, program in ENVIRONMENTS.items() if program.exists()}
    with tempfile.TemporaryDirectory(prefix="bench-alarms-") as folder, ThreadPoolExecutor() as pool:
        rows = Path(folder) / "rows.npy"
        np.save(rows, streams.astype(np.float32))
        asked = []
        for name, program in here.items():
            command = [str(program), "-c", SCRIPTS[name], str(rows), str(reference), f"{folder}/{name}.npz"]
            asked.append(pool.submit(_run, name, command))
        for each in asked:
            each.result()
        found: dict[str, np.ndarray] = {}
        for name in here:
            with np.load(f"{folder}/{name}.npz") as answers:
                found.update({peer: answers[peer] for peer in answers.files})
    return found


def versions() -> dict[str, str]:
    ask = "import sys; from importlib import metadata; print(metadata.version(sys.argv[1]))"
    here = {name: program for name, program in ENVIRONMENTS.items() if program.exists()}
    return {name: _run(name, [str(program), "-c", ask, name]).strip() for name, program in here.items()}


def _run(name: str, command: list[str]) -> str:
    done: Any = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | QUIET)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    return str(done.stdout)
