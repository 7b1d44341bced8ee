"""Sealing in a process of its own: ``python -m holdfast.decisions.apart FOLDER`` seals one gateway's folder and ends.

Sealing is work for the processor. In the process that answers, it would hold Python's lock for milliseconds at a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from holdfast.domain import errors
from holdfast.domain.errors import HoldfastError, Unavailable

LOWER_PRIORITY = 10


def seal_apart(folder: Path) -> None:
    """Seal what is committed in `folder`, and wait for it; raises what the other process ran into."""
    command = [sys.executable, "-m", "holdfast.decisions.apart", str(folder)]
    try:
        done = subprocess.run(  # noqa: S603 - this module, again
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise Unavailable("decisions.apart", f"No process can be started to seal: {error}.") from error
    if done.returncode:
        raise _told(done)


def _told(done: subprocess.CompletedProcess[str]) -> HoldfastError:
    try:
        name, code, message, hint = json.loads(done.stdout)
        kind: type[HoldfastError] = getattr(errors, name)
    except (ValueError, AttributeError, TypeError):
        return Unavailable("decisions.apart", f"Sealing ended with {done.returncode}: {done.stderr[-500:]}")
    return kind(code, message, hint)


def main(folder: Path) -> int:
    """Seal; errors go to standard output, for whoever asked."""
    from holdfast.decisions.seal import Sealer

    os.nice(LOWER_PRIORITY)
    sealer = Sealer(folder)
    try:
        sealer.seal()
    except HoldfastError as error:
        sys.stdout.write(json.dumps([type(error).__name__, error.code, error.message, error.hint]))
        return 1
    finally:
        sealer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
