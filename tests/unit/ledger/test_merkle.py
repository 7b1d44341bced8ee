"""RFC 6962 trees and proofs against the definitions, written out naively here, and published vectors."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.ledger.consistency import roots_from_consistency
from holdfast.ledger.merkle import Frontier, leaf_hash, root, root_from_inclusion
from holdfast.ledger.prove import consistency, inclusion

VECTOR = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
VECTOR_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def mth(entries: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    n = len(entries)
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = max(2**i for i in range(n.bit_length()) if 2**i < n)
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.1."""
    n = len(entries)
    if n == 1:
        return []
    k = max(2**i for i in range(n.bit_length()) if 2**i < n)
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m: int, entries: list[bytes], whole: bool) -> list[bytes]:
    """RFC 6962 §2.1.2."""
    n = len(entries)
    if m == n:
        return [] if whole else [mth(entries)]
    k = max(2**i for i in range(n.bit_length()) if 2**i < n)
    if m <= k:
        return [*subproof(m, entries[:k], whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


def make_entries(n: int) -> list[bytes]:
    return [b"entry %d" % i for i in range(n)]


@pytest.mark.parametrize("size", VECTOR_ROOTS)
def test_root_equals_the_published_vector(size: int) -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in VECTOR[:size]]
    assert root(leaves).hex() == VECTOR_ROOTS[size]


@given(st.integers(0, 1200), st.lists(st.integers(1, 300), max_size=6))
def test_frontier_root_equals_the_definition_however_leaves_arrive(n: int, steps: list[int]) -> None:
    entries = make_entries(n)
    leaves = [leaf_hash(entry) for entry in entries]
    frontier, at = Frontier(), 0
    while at < n:
        step = min(steps.pop() if steps else 256, 256 - frontier.size % 256)
        frontier.extend(leaves[at : at + step])
        at += step
    assert frontier.size == n
    assert frontier.root() == mth(entries) == root(leaves)


def test_frontier_fills_tiles_of_every_level() -> None:
    frontier, filled = Frontier(), []
    for at in range(0, 65_536, 256):
        filled += frontier.extend([leaf_hash(b"%d" % i) for i in range(at, at + 256)])
    assert [(level, index) for level, index, _ in filled][-2:] == [(0, 255), (1, 0)]
    assert sum(level == 0 for level, _, _ in filled) == 256
    assert [(level, index, len(hashes)) for level, index, hashes in frontier.partial()] == [(2, 0, 1)]
    assert root(filled[-1][2]) == frontier.root()


@given(st.data())
def test_inclusion_paths_equal_the_definition_and_verify(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 200))
    m = data.draw(st.integers(0, n - 1))
    entries = make_entries(n)
    proof = inclusion(m, n, lambda low, high: mth(entries[low:high]))
    assert proof == path(m, entries)
    assert root_from_inclusion(leaf_hash(entries[m]), m, n, proof) == mth(entries)


@given(st.data())
def test_inclusion_refuses_every_other_index_entry_and_length(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 64))
    m = data.draw(st.integers(0, n - 1))
    other = data.draw(st.integers(-1, n).filter(lambda i: i != m))
    entries = make_entries(n)
    proof, expected, leaf = path(m, entries), mth(entries), leaf_hash(entries[m])
    assert root_from_inclusion(leaf, other, n, proof) != expected
    assert root_from_inclusion(leaf_hash(b"another"), m, n, proof) != expected
    assert root_from_inclusion(leaf, m, n, proof[:-1]) != expected
    assert root_from_inclusion(leaf, m, n, [*proof, bytes(32)]) is None
    changed = data.draw(st.integers(0, len(proof) - 1))
    assert root_from_inclusion(leaf, m, n, [*proof[:changed], bytes(32), *proof[changed + 1 :]]) != expected


@given(st.data())
def test_consistency_proofs_equal_the_definition_and_verify(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 200))
    old = data.draw(st.integers(0, new))
    entries = make_entries(new)
    proof = consistency(old, new, lambda low, high: mth(entries[low:high]))
    assert proof == ([] if old == 0 else subproof(old, entries, True))
    if 0 < old < new:
        roots = (mth(entries[:old]), mth(entries))
        assert roots_from_consistency(old, roots[0], new, proof) == roots


@given(st.data())
def test_consistency_refuses_a_rewritten_log_and_damaged_proofs(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 64))
    old = data.draw(st.integers(1, new - 1))
    rewritten = data.draw(st.integers(0, old - 1))
    entries = make_entries(new)
    forged = [*entries[:rewritten], b"forged", *entries[rewritten + 1 :]]
    wanted = (mth(entries[:old]), mth(forged))
    proof = consistency(old, new, lambda low, high: mth(forged[low:high]))
    assert roots_from_consistency(old, wanted[0], new, proof) != wanted
    good, honest = subproof(old, entries, True), (mth(entries[:old]), mth(entries))
    for damaged in (good[:-1], [*good, bytes(32)], [bytes(32), *good[1:]]):
        assert roots_from_consistency(old, honest[0], new, damaged) != honest
