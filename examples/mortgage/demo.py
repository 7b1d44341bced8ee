"""The demo: train the model, check it, and say what was found. A breach is what it is meant to show, so it exits 0."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BREACH = 1


def main() -> int:
    """Run both steps; 0 if the check ended in the breach that this model deserves."""
    subprocess.run([sys.executable, HERE / "train.py"], check=True)
    check = subprocess.run([Path(sys.executable).with_name("holdfast"), "check", HERE], check=False)
    if check.returncode != BREACH:
        print(f"The check ended with {check.returncode}; the demo expects a breach ({BREACH}).", file=sys.stderr)
        return check.returncode or 2
    report = max((HERE / ".holdfast" / "runs").glob("*/report.html"), key=lambda path: path.stat().st_mtime)
    print("That is the demo: a model that is right nine times in ten, and may not ship.")
    print(f"Open the report: {report}")
    print(f"Look closer:     .venv/bin/holdfast explain latest nearest-flip --project {HERE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
