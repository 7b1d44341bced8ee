"""Paths and encodings of C2SP tlog-tiles, with the examples of its text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.errors import Tampered
from holdfast.ledger.tiles import decode_bundle, encode_bundle, read_hashes, read_tile, tile_name, width_at


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (tile_name(0, 1234067), "tile/0/x001/x234/067"),
        (tile_name(0, 0), "tile/0/000"),
        (tile_name(1, 999, 17), "tile/1/999.p/17"),
        (tile_name("entries", 1000), "tile/entries/x001/000"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert name == expected


def test_widths_of_the_tree_of_70000_in_the_specification() -> None:
    assert [width_at(0, n, 70_000) for n in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [width_at(1, n, 70_000) for n in (0, 1, 2)] == [256, 17, 0]
    assert width_at(2, 0, 70_000) == 1
    assert (width_at(0, 0, 256), width_at(1, 0, 256)) == (256, 1)


@given(st.lists(st.binary(max_size=700), max_size=300))
def test_bundles_come_back(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), "b") == entries


def test_bundle_is_length_prefixed_big_endian() -> None:
    assert encode_bundle([b"", b"ab", bytes(65_535)])[:6] == b"\0\0\0\2ab"
    assert len(encode_bundle([bytes(65_535)])) == 65_537


@pytest.mark.parametrize("data", [b"\0", b"\0\5abc", b"\0\1a\0"])
def test_a_bundle_cut_short_is_caught(data: bytes) -> None:
    with pytest.raises(Tampered, match="tile/entries/000 is cut short"):
        decode_bundle(data, "tile/entries/000")


def test_a_full_tile_stands_in_for_its_partials(tmp_path: Path) -> None:
    (tmp_path / "tile/0").mkdir(parents=True)
    (tmp_path / "tile/0/000").write_bytes(bytes(8192))
    assert read_tile(tmp_path, 0, 0, 7) == ("tile/0/000", bytes(8192))
    assert read_hashes(tmp_path, 0, 0, 7) == [bytes(32)] * 7
    with pytest.raises(Tampered, match=r"tile/0/001\.p/3 is missing"):
        read_tile(tmp_path, 0, 1, 3)
