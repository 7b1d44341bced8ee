"""Audit: the rows of the database held against the ledger, and the ledger against its own signed root."""

from __future__ import annotations

import base64
from collections.abc import Generator, Iterator
from itertools import islice

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.errors import Tampered
from holdfast.flows.desk import Caller, Desk, require
from holdfast.ledger.acts import Reconciled, reconcile
from holdfast.ledger.merkle import WIDTH, Frontier, leaf_hash


def verify_ledger(desk: Desk, caller: Caller) -> Reconciled:
    """What held; Tampered at the first difference. Reads everything, so it takes as long as there is much.

    The platform examines itself here, which shows a change behind its back and not its own dishonesty: for that,
    `holdfast verify URL` recomputes all of it elsewhere, against a checkpoint that somebody kept.
    """
    require(caller, Permission.VERIFY_LEDGER)
    size, root = desk.ledger.head()
    frontier = Frontier()
    entries = _hashed(desk.ledger.read(0, size), frontier)
    with desk.store.snapshot() as rows:
        found = reconcile(entries, rows.acts, rows.heads, now=desk.now)
    if base64.b64encode(frontier.root()).decode() != root:
        raise Tampered("ledger.root", "The ledger's entries do not hash to its root.", "Restore it from a backup.")
    return found


def _hashed(entries: Iterator[bytes], frontier: Frontier) -> Iterator[bytes]:
    """The entries as they pass, each added to `frontier`."""
    while batch := list(islice(entries, WIDTH)):
        frontier.extend([leaf_hash(entry) for entry in batch])
        yield from batch


def stream_rows(desk: Desk) -> Generator[bytes, None, None]:
    """All acts and then all heads as of one moment, one a line as in an export, an empty line after each of the two.

    For whoever verifies elsewhere: memory does not grow with their number.
    """
    with desk.store.snapshot() as rows:
        for part in (rows.acts, rows.heads):
            lines = (canonical.encode(row) + b"\n" for row in part)
            while batch := b"".join(islice(lines, WIDTH)):
                yield batch
            yield b"\n"
