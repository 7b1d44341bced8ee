"""What killed processes left behind, sealed and delivered by a living neighbour."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from holdfast.decisions.claim import Claim
from holdfast.decisions.registrar import Registrar
from holdfast.decisions.seal import Sealer
from holdfast.decisions.segments import Segments
from holdfast.domain.errors import Conflict, HoldfastError


def adopt_all(root: Path, segments: Segments, registrar: Registrar, *, but: str = "") -> int:
    """Adopt every folder of the log `root` whose process is gone, except the gateway `but`; how many there were.

    A folder that cannot be adopted does not keep the others waiting: its error is raised at the end.
    """
    adopted, errors = 0, []
    folders = sorted((root / "wal").iterdir()) if (root / "wal").is_dir() else []
    for folder in folders:
        if folder.name.startswith("."):
            shutil.rmtree(folder, ignore_errors=True)
        elif folder.name != but and folder.is_dir():
            try:
                adopted += adopt(folder, segments, registrar)
            except HoldfastError as error:
                errors.append(error)
    if errors:
        raise errors[0]
    return adopted


def adopt(folder: Path, segments: Segments, registrar: Registrar) -> bool:
    """Seal and deliver what a process left in its folder, then remove that; False where the process lives.

    Sealing takes no lock that the folder's own process would need: it may come back meanwhile, and keeps the folder.
    """
    try:
        Claim.on(folder / "append.lock").release()
    except (Conflict, FileNotFoundError):
        return False
    sealer = Sealer(folder)
    try:
        sealer.seal()
        sealer.deliver(segments, registrar)
        with suppress(Conflict, FileNotFoundError):
            _remove(folder, sealer)
    except HoldfastError:
        if folder.exists():  # else another neighbour was quicker
            raise
    finally:
        sealer.close()
    return True


def _remove(folder: Path, sealer: Sealer) -> None:
    """Remove a folder in which nothing is left; Conflict where somebody else is at it."""
    writing = Claim.on(folder / "append.lock")
    try:
        sealing = Claim.on(folder / "seal.lock")
        try:
            if sealer.is_empty():
                # Renamed first: whoever wants the name meanwhile gets a folder of their own, not one that is going.
                gone = folder.rename(folder.with_name(f".{folder.name}-{time.time_ns()}"))
                shutil.rmtree(gone, ignore_errors=True)
        finally:
            sealing.release()
    finally:
        writing.release()
