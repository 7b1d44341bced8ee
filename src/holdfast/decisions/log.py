"""The decision log of one process: implements `ports.DecisionLog`.

A decision is durable in the process's own journal when `append` returns. A thread beside seals what is committed into
segments, brings them to where they belong and has them registered; so it does with what killed processes left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from holdfast.decisions.adopt import adopt_all
from holdfast.decisions.apart import seal_apart
from holdfast.decisions.claim import Claim
from holdfast.decisions.commit import WAITING_BYTES, Committer
from holdfast.decisions.keeper import SEAL_WHEN, Keeper, SealWhen
from holdfast.decisions.payload import encode
from holdfast.decisions.registrar import Registrar
from holdfast.decisions.rows import label_row, row_of
from holdfast.decisions.seal import Sealer
from holdfast.decisions.segments import Segments
from holdfast.decisions.wal import Wal
from holdfast.domain.decision import Decision, Label
from holdfast.domain.errors import FixInput, HoldfastError, Tampered, Unavailable
from holdfast.domain.ids import Ids
from holdfast.domain.schema import Scalar
from holdfast.ledger.decided import DECISIONS, LABELS, micros_of
from holdfast.ledger.files import make_folder

if TYPE_CHECKING:
    import pyarrow as pa

GATEWAY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")

PATIENCE = 2.0
"""Seconds to wait for a neighbour that just looks whether the last process of this name is gone."""


class SegmentLog:
    """`root` is the log's folder, `gateway` this process's name in it; Conflict where a living process has that name.

    `within`: None makes each append durable before it returns. A number of seconds lets it return at once and bounds
    what a crash can take: what was appended in so many seconds before, and what the commit under way held. `apart`
    seals in a process of its own (this Python again, at low priority): a process that answers others should ask for it.
    """

    def __init__(
        self,
        root: Path,
        gateway: str,
        segments: Segments,
        registrar: Registrar,
        *,
        within: float | None = None,
        seal_when: SealWhen = SEAL_WHEN,
        apart: bool = False,
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        if not GATEWAY.fullmatch(gateway):
            raise FixInput("decisions.gateway", f"{gateway!r:.60} is no gateway name.", "Use letters, digits, . _ -")
        self.ids = Ids()
        self.gateway = gateway
        self._claim, self._wal = _claimed(root / "wal" / gateway)
        self._sealer = Sealer(self._wal.folder)
        self._deliver = partial(self._sealer.deliver, segments, registrar)
        seal = partial(seal_apart, self._wal.folder) if apart else self._sealer.seal
        adopt = partial(adopt_all, root, segments, registrar, but=gateway)
        self._keeper = Keeper(seal, self._deliver, adopt, seal_when)
        self._committer = Committer(self._commit, within=within, waiting_bytes=waiting_bytes)

    @property
    def trouble(self) -> HoldfastError | None:
        """What keeps decisions from being sealed or delivered now; None where nothing does."""
        return self._keeper.trouble

    @property
    def waiting_bytes(self) -> int:
        """How much was handed in and is not durable yet."""
        return self._committer.waiting_bytes

    def append(self, decisions: Sequence[Decision]) -> None:
        """Durable when it returns (or within the bound), all or none.

        FixInput for a value that no segment can hold; Unavailable where the disk takes no more, or is too slow.
        """
        self._committer.submit(_decided(decisions))

    async def append_async(self, decisions: Sequence[Decision]) -> None:
        """The same for a coroutine."""
        await self._committer.submit_async(_decided(decisions))

    def append_labels(self, labels: Iterable[Label]) -> None:
        """Take in outcomes, whenever they arrive; the same again changes nothing, a different one corrects."""
        at = datetime.now(UTC).isoformat()
        self._committer.submit([encode(LABELS, label_row(label, self.ids.next(), at)) for label in labels])

    def append_batch(self, values: pa.Table, **constant: Scalar) -> list[str]:
        """Many decisions of one system as columns; their ids, in order. Durable when it returns, all or none.

        `values` has ``input_<name>`` and ``output_<name>``, and other fields of a decision where they differ by row;
        `constant` are the fields that do not, `system` among them, `at` in RFC 3339 (now, where it is left out).
        """
        from holdfast.decisions.batch import portions, table_of
        from holdfast.decisions.stage import stage

        ids = self.ids.take(len(values))
        at = str(constant.pop("at", "")) or datetime.now(UTC).isoformat()
        constant |= {"gateway": self.gateway, "decided_at": micros_of(at)}
        system = constant.get("system")
        if not isinstance(system, str) or not system or "system" in values.column_names:
            raise FixInput("decision.columns", "A batch is of one system.", "Name it: append_batch(..., system=...).")
        table = table_of(values, ids, constant)
        staged = [
            stage(part, DECISIONS, system=system, day=day, gateway=self.gateway, name=f"batch-{ids[0]}-{number}")
            for number, (day, part) in enumerate(portions(table, ids))
        ]
        if staged:
            self._sealer.add(staged)
        return ids

    def seal(self) -> int:
        """Seal and deliver now; how many sealed batches are left, because their place or ledger is out of reach, or
        refuses them.
        """
        self._sealer.seal()
        try:
            return self._deliver()
        except Tampered:
            raise
        except HoldfastError:
            return self._sealer.left()

    def close(self) -> None:
        """Drain: commit, seal, deliver. What cannot be delivered now stays in the queue for the next process."""
        self._keeper.stop()
        try:
            self._committer.close()
            self.seal()
        finally:
            self._wal.close()
            self._sealer.close()
            self._claim.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _commit(self, payloads: list[bytes]) -> None:
        if isinstance(self._keeper.broken, Tampered):
            raise self._keeper.broken
        self._wal.append(payloads)
        self._keeper.note(payloads)


def _claimed(folder: Path) -> tuple[Claim, Wal]:
    try:
        claim = _claim(folder)
        try:
            return claim, Wal.create(folder)
        except BaseException:
            claim.release()
            raise
    except OSError as error:
        what = f"The decision log cannot be opened in {folder}: {error}."
        raise Unavailable("decisions.disk", what, "Check room and rights.") from error


def _claim(folder: Path) -> Claim:
    while True:
        make_folder(folder)
        try:
            return Claim.on(folder / "append.lock", patience=PATIENCE)
        except FileNotFoundError:
            continue  # a neighbour has just removed what the last process of this name left


def _decided(decisions: Sequence[Decision]) -> list[bytes]:
    return [encode(DECISIONS, row_of(decision)) for decision in decisions]
