"""From committed payloads to segments, so that a crash at any moment neither loses a row nor doubles one.

1. Segments are staged: whole and durable, but nothing counts them yet.
2. One file in the queue makes all of them count, and says up to where the journal is sealed.
3. The journal is trimmed.
4. Segments are delivered: copied to where they belong, registered, and taken off the queue.

What a crash leaves of step 1 is removed by the next sealer; steps 3 and 4 can be done again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.decisions.claim import FOREVER, Claim
from holdfast.decisions.payload import decode
from holdfast.decisions.queue import Batch, Queue
from holdfast.decisions.registrar import Registrar
from holdfast.decisions.segments import Segments
from holdfast.decisions.wal import Payload, Wal
from holdfast.domain.decision import Segment
from holdfast.domain.errors import HoldfastError, Unavailable
from holdfast.domain.ids import day_of
from holdfast.ledger.decided import FORMS, Row

MAX_BYTES = 64 * 1024 * 1024


class Sealer:
    """Seals what lies in a gateway's folder that is there, whether its process lives or not; one sealer at a time."""

    def __init__(self, folder: Path) -> None:
        self._wal = Wal(folder)
        self._queue = Queue(folder)
        self._staged = folder / "staged"

    def seal(self) -> int:
        """Seal all that is committed; how many rows. Unavailable where the disk takes no more."""
        rows = 0
        with self._turn():
            start = self._recover()
            for stop, payloads in _portions(self._wal.read(start)):
                rows += self._seal(payloads, start, stop)
                start = stop
        return rows

    def add(self, staged: list[tuple[Segment, bytes]]) -> None:
        """Make segments count that came past the journal; all or none."""
        from holdfast.decisions.stage import write_staged

        with self._turn():
            self._recover()
            write_staged(self._staged, staged)
            self._queue.add(Batch(tuple(segment for segment, _ in staged)))

    def deliver(self, segments: Segments, registrar: Registrar) -> int:
        """Bring sealed segments to where they belong and into the ledger; how many batches are left.

        Unavailable where the segments' place or the ledger cannot be reached now: what is left stays in the queue.
        What the ledger refuses stays there, too, and holds nothing else back; why is raised once the others are done.
        Sealing goes on meanwhile, however long that place takes.
        """
        refused: list[HoldfastError] = []
        with self._turn("deliver.lock"):
            with self._turn():
                self._recover()
            for path, batch in self._queue.all():
                if batch.sealed > self._wal.sealed:
                    break  # its sealer has not noted yet that these rows are sealed
                try:
                    self._bring(batch, segments, registrar)
                except Unavailable:
                    raise
                except HoldfastError as error:
                    refused.append(error)
                else:
                    self._queue.remove(path)
                    for segment in batch.segments:
                        (self._staged / segment.place).unlink(missing_ok=True)
        if refused:
            raise refused[0]
        return self.left()

    def _bring(self, batch: Batch, segments: Segments, registrar: Registrar) -> None:
        for segment in batch.segments:
            segments.put(segment.place, self._staged / segment.place)
            registrar.register(segment)

    def left(self) -> int:
        """How many sealed batches are still on their way."""
        return sum(1 for _ in self._queue.all())

    def is_empty(self) -> bool:
        """Whether nothing is committed that is not sealed, and nothing sealed that is not delivered."""
        return next(self._wal.read(self._wal.sealed), None) is None and self.left() == 0

    def close(self) -> None:
        """Let go of open files."""
        self._wal.close()

    def _seal(self, payloads: list[bytes], start: int, stop: int) -> int:
        from holdfast.decisions.columns import tabulate
        from holdfast.decisions.stage import stage, write_staged

        name = f"{self._wal.id}-{start:012}-{stop:012}"
        groups = _by_system_and_day(payloads)
        staged = [
            stage(
                tabulate(FORMS[form], rows),
                FORMS[form],
                system=system,
                day=day,
                gateway=self._wal.folder.name,
                name=name,
            )
            for (form, system, day), rows in sorted(groups.items())
        ]
        write_staged(self._staged, staged)
        self._queue.add(Batch(tuple(segment for segment, _ in staged), stop))
        self._wal.trim(stop)
        return sum(map(len, groups.values()))

    def _recover(self) -> int:
        """Finish what a crash interrupted; up to where the journal is sealed."""
        batches = [batch for _, batch in self._queue.all()]
        sealed = max([self._wal.sealed, *(batch.sealed for batch in batches)])
        if sealed > self._wal.sealed:
            self._wal.trim(sealed)
        counted = {self._staged / segment.place for batch in batches for segment in batch.segments}
        for path in list(self._staged.rglob("*.parquet*")):
            if path not in counted:
                path.unlink(missing_ok=True)
        return sealed

    @contextmanager
    def _turn(self, lock: str = "seal.lock") -> Iterator[None]:
        try:
            claim = Claim.on(self._wal.folder / lock, patience=FOREVER)
            try:
                yield
            finally:
                claim.release()
        except OSError as error:
            raise Unavailable(
                "decisions.disk",
                f"Decisions cannot be sealed: {error}.",
                "Make room or mend the disk. Committed decisions stay in the journal until then.",
            ) from error


def _portions(payloads: Iterable[Payload]) -> Iterator[tuple[int, list[bytes]]]:
    """Payloads in portions of a segment's size at most, each with the entry after its last."""
    from holdfast.decisions.stage import MAX_ROWS

    portion: list[bytes] = []
    size = stop = 0
    for _, stop, payload in payloads:
        portion.append(payload)
        size += len(payload)
        if len(portion) >= MAX_ROWS or size >= MAX_BYTES:
            yield stop, portion
            portion, size = [], 0
    if portion:
        yield stop, portion


def _by_system_and_day(payloads: Iterable[bytes]) -> dict[tuple[str, str, str], list[Row]]:
    groups: defaultdict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for payload in payloads:
        form, row = decode(payload)
        groups[form, str(row["system"]), day_of(str(row["id"]))].append(row)
    return groups
