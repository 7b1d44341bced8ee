"""The rows of a database held against the ledger: what was edited, inserted, removed, reordered or never recorded.

The ledger itself is verified first (`ledger.verify`). Then every act in it must have its row and every row its act,
every record the digest that its act names, and every head the facets of the record that it stands for. Needs only
`ledger`, `domain` and `canonical`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from holdfast import canonical
from holdfast.domain.act import Act, ActRow, HeadRow
from holdfast.domain.errors import FixInput, Tampered
from holdfast.domain.kinds import KINDS, Facets, facets_of
from holdfast.domain.verdict import parse_time

Place = tuple[str, str]
"""A record's kind and key."""

Made = tuple[Act, Facets]
"""The latest act on a record, and the facets that the record has since."""

OVERDUE = timedelta(minutes=5)
"""How long an act may be out of the ledger before the ledger counts as switched off."""

AHEAD = timedelta(days=1)
"""How far in the future an act outside the ledger may be dated: as long as copying the ledger may take."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What held: `acts` in the ledger, `pending` on their way to it, `records`, and `others` that are no acts."""

    acts: int
    pending: int
    records: int
    others: int


def act_in(entry: bytes) -> Act | None:
    """The act that a ledger entry holds; None for an entry of another kind."""
    try:
        content = json.loads(entry)
        is_act = isinstance(content, dict) and content.get("format") == Act.__dataclass_fields__["format"].default
        return canonical.decode(Act, entry) if is_act else None
    except (ValueError, RecursionError, FixInput):
        return None


def reconcile(
    entries: Iterable[bytes], rows: Iterable[ActRow], heads: Iterable[HeadRow], *, now: datetime
) -> Reconciled:
    """Hold rows against entries; Tampered at the first difference, naming the row and when its act was done.

    `entries` are those of a verified log, from index 0; `rows` and `heads` of one snapshot taken after it, rows in the
    order of their index, those without one last. An act of the last `OVERDUE` may still be on its way to the ledger,
    and so may one that was made since `now`.
    Memory grows with the number of records, not of acts.
    """
    made: dict[Place, Made] = {}
    book = _Book(entries, made)
    acts = pending = 0
    for row in rows:
        found = book.next()
        if found is None:
            _require_recent(row, now)
            pending += 1
        else:
            _require_pair(row, *found)
            acts += 1
        _follow(row, made)
    _require_nothing_left(book)
    return Reconciled(acts, pending, _check_heads(heads, made), book.others)


class _Book:
    """The acts among the entries, one after the other, and how many `others` were passed.

    An act that stands there twice, which two sequencers at once could cause, says nothing new and is passed too.
    """

    def __init__(self, entries: Iterable[bytes], made: dict[Place, Made]) -> None:
        self._entries = enumerate(entries)
        self._made = made
        self.others = 0

    def next(self) -> tuple[int, Act] | None:
        """The next act and its index; None at the end."""
        for index, entry in self._entries:
            act = act_in(entry)
            if act is not None and act != self._made.get((act.kind, act.key), (None,))[0]:
                return index, act
            self.others += 1
        return None


def _require_pair(row: ActRow, index: int, act: Act) -> None:
    if row.index is not None and row.index < index:
        raise Tampered(
            "rows.inserted",
            f"{_named(row.act)} claims index {row.index}, where the ledger has no act.",
            "The row was inserted or moved.",
        )
    if row.index != index and (row.index is not None or row.act != act):
        raise Tampered(
            "rows.removed",
            f"{_named(act)} stands in the ledger at index {index}, but its row is missing.",
            "It was deleted or moved. A backup has it.",
        )
    if row.act != act:
        raise Tampered(
            "rows.edited",
            f"The row of {_named(act)} at index {index} is not as recorded: {', '.join(_differing(row.act, act))}.",
            "The ledger is right; restore the row from a backup.",
        )


def _differing(row: Act, act: Act) -> list[str]:
    return [name for name in Act.__dataclass_fields__ if getattr(row, name) != getattr(act, name)]


def _require_nothing_left(book: _Book) -> None:
    left = book.next()
    if left is not None:
        index, act = left
        raise Tampered(
            "rows.removed",
            f"{_named(act)} stands in the ledger at index {index}, but its row is missing.",
            "The last rows were cut off, or the database was replaced by an older copy.",
        )


def _require_recent(row: ActRow, now: datetime) -> None:
    age = now - parse_time(row.act.at)
    if age > OVERDUE or age < -AHEAD:
        raise Tampered(
            "rows.unrecorded",
            f"{_named(row.act)} is not in the ledger.",
            "The row was inserted by hand, the ledger was switched off, or it was cut back to an older copy.",
        )


def _follow(row: ActRow, made: dict[Place, Made]) -> None:
    """Check the record behind a row, and note it as the latest under its key."""
    act = row.act
    if canonical.digest_bytes(row.body.encode("utf-8", "surrogatepass")) != act.record:
        raise Tampered("rows.record", f"The record of {_named(act)} is not the one that was recorded.", _RESTORE)
    earlier = made[act.kind, act.key][0].revision if (act.kind, act.key) in made else 0
    if act.revision != earlier + 1:
        raise Tampered(
            "rows.order", f"{_named(act)} makes revision {act.revision} after revision {earlier}.", "Acts are missing."
        )
    made[act.kind, act.key] = act, facets_of(act.kind, canonical.decode(KINDS[act.kind].type, row.body), act.at)


_RESTORE = "It was edited in the database; restore it from a backup."


def _check_heads(heads: Iterable[HeadRow], made: dict[Place, Made]) -> int:
    """Every head is that of the latest act on its record, and no record lacks one."""
    seen: set[Place] = set()
    for head in heads:
        place = (head.kind, head.key)
        act, facets = made.get(place, (None, Facets()))
        if act is None or (head.revision, head.facets) != (act.revision, astuple(facets)):
            raise Tampered(
                "rows.head", f"What lists show of {head.kind} {head.key} is not what its acts made.", _RESTORE
            )
        seen.add(place)
    missing = sorted(made.keys() - seen)
    if missing:
        raise Tampered("rows.head", f"{' '.join(missing[0])} is missing from the lists.", _RESTORE)
    return len(seen)


def _named(act: Act) -> str:
    """The act in words, with its time: what a person looks for."""
    return f"The act {act.verb} on {act.kind} {act.key[:60]} of {act.at}"
