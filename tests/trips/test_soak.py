"""A gateway's memory stays flat under load.

    HOLDFAST_SOAK_MINUTES=30 python -m pytest tests/trips/test_soak.py

soaks for half an hour; CI for a minute.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.trips.gateways import ROOT

MINUTES = os.environ.get("HOLDFAST_SOAK_MINUTES", "1")


def test_memory_stays_flat_at_half_of_peak():
    command = [sys.executable, "-m", "bench.soak", "--minutes", MINUTES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["exchanges"] > 1_000
    assert set(report["statuses"]) == {"200", "401", "422"}
