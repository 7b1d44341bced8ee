"""Verify: the rows of the database against the ledger, here and now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from holdfast.domain.errors import Tampered
from holdfast.flows.desk import Desk
from holdfast.ledger.acts import Reconciled, reconcile
from holdfast.ledger.merkle import Frontier, leaf_hash
from holdfast.ledger.note import Key
from holdfast.ledger.verify import verify_proof


def log_key(desk: Desk) -> Key:
    """The key that signs the ledger's checkpoints; an auditor needs it and nothing else from us."""
    return Key(desk.signer.name, desk.signer.public_bytes())


def verify_rows(desk: Desk) -> Reconciled:
    """Recompute the ledger's root from its entries, then hold every row against its entry; Tampered where one differs.

    The server checks itself here. Somebody who does not trust it runs `holdfast verify` on a copy.
    """
    size, _ = desk.ledger.head()
    signed = None
    if size:
        last = next(iter(desk.ledger.read(size - 1, size)))
        _, signed = verify_proof(desk.ledger.proof(size - 1), last, log_key(desk), origin=desk.ledger.origin)
        size = signed.size
    frontier = Frontier()
    with desk.store.snapshot() as rows:
        entries = _hashed(desk.ledger.read(0, size), frontier)
        found = reconcile(entries, rows.acts, rows.heads, now=desk.now)
    if signed is not None and frontier.root() != signed.root:
        raise Tampered("ledger.root", "The entries do not hash to the signed root.", "Keep a copy; find out who did.")
    return found


def _hashed(entries: Iterable[bytes], frontier: Frontier) -> Iterator[bytes]:
    for entry in entries:
        frontier.extend([leaf_hash(entry)])
        yield entry
