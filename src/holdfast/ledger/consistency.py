"""Whether one checkpoint of a log extends another: what a witness, or whoever keeps checkpoints, checks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.domain.errors import Tampered
from holdfast.ledger.merkle import EMPTY_ROOT, node_hash
from holdfast.ledger.note import Checkpoint, Key, open_checkpoint
from holdfast.ledger.verify import HASH_LINES, NUMBER, check_origin, decode_path

_PROOF = re.compile(rf"old {NUMBER}\n{HASH_LINES}\n(.*)".encode(), re.DOTALL)


def verify_consistency(
    old: bytes, proof: bytes, key: Key, *, origin: str | None = None
) -> tuple[Checkpoint, Checkpoint]:
    """That the checkpoint in `proof` (as `Log.consistency` and C2SP tlog-witness write it) extends the note `old`."""
    match = _PROOF.fullmatch(proof)
    if match is None:
        raise Tampered("ledger.consistency", "This is no consistency proof, or it was cut short.")
    first = open_checkpoint(old, key, what="older checkpoint")
    second = open_checkpoint(match[3], key, what="newer checkpoint")
    for checkpoint in (first, second):
        check_origin(checkpoint, origin or key.name)
    path = decode_path(match[2])
    if first.size != int(match[1]):
        raise Tampered(
            "ledger.consistency", f"The proof starts at size {int(match[1])}, the checkpoint at {first.size}."
        )
    if not _extends(first, second, path):
        raise Tampered(
            "ledger.consistency", f"The log of {second.size} entries does not extend the one of {first.size}."
        )
    return first, second


def _extends(first: Checkpoint, second: Checkpoint, path: Sequence[bytes]) -> bool:
    if first.size == 0:
        return not path and first.root == EMPTY_ROOT
    if first.size == second.size:
        return not path and first.root == second.root
    return roots_from_consistency(first.size, first.root, second.size, path) == (first.root, second.root)


def roots_from_consistency(old: int, old_root: bytes, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """The two roots that the proof leads to; None where its length does not fit (RFC 9162 §2.1.4.2). 0 < old < new."""
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not 0 < old < new or not steps:
        return None
    index, last = old - 1, new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if not last:
            return None
        if index & 1 or index == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            second = node_hash(second, step)
        index, last = index >> 1, last >> 1
    return (first, second) if not last else None
