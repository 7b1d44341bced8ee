"""Sealed segments on their way: durable here until they lie where they belong and stand in the ledger.

A file of the queue is the moment at which its rows count as sealed. It outlives crashes, outages and restarts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from holdfast import canonical
from holdfast.domain.decision import Segment
from holdfast.domain.ids import Ids
from holdfast.ledger.files import replace, sync_folder

_IDS = Ids()


@dataclass(frozen=True, slots=True)
class Batch:
    """Segments that were sealed together; `sealed` is up to which entry of the journal, 0 where they came past it."""

    segments: tuple[Segment, ...]
    sealed: int = 0
    format: str = "holdfast-sealed/1"


class Queue:
    """The batches of one gateway's folder, the oldest first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "queue"

    def add(self, batch: Batch) -> None:
        """Make a batch count."""
        replace(self._folder / f"{_IDS.next()}.json", canonical.encode(batch))

    def all(self) -> Iterator[tuple[Path, Batch]]:
        """What is on its way; passes over what another process brings to its end meanwhile."""
        for path in sorted(self._folder.glob("*.json")):
            with suppress(FileNotFoundError):
                yield path, canonical.decode(Batch, path.read_bytes())

    def remove(self, path: Path) -> None:
        """Take a batch out that has arrived."""
        path.unlink(missing_ok=True)
        sync_folder(self._folder)
