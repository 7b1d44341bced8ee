"""The cache: what was kept comes back, and nothing that somebody edited."""

from __future__ import annotations

import pytest

from holdfast.domain.errors import Unavailable
from holdfast.storage.cache import DiskCache, write_atomically


def test_what_was_kept_comes_back(tmp_path):
    cache = DiskCache(tmp_path, b"secret")
    assert cache.get("a") is None
    cache.put("a", b"value")
    assert cache.get("a") == b"value"
    assert DiskCache(tmp_path, b"secret").get("a") == b"value"


def entries(tmp_path):
    return [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_edited_entry_is_absent(tmp_path):
    cache = DiskCache(tmp_path, b"secret")
    cache.put("a", b"breach")
    (entry,) = entries(tmp_path)
    data = entry.read_bytes()
    for position in range(len(data)):
        entry.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        assert cache.get("a") is None
    entry.write_bytes(data[:10])
    assert cache.get("a") is None


def test_an_entry_moved_to_another_key_or_installation_is_absent(tmp_path):
    cache = DiskCache(tmp_path, b"secret")
    cache.put("a", b"pass")
    (a,) = entries(tmp_path)
    cache.put("b", b"breach")
    (b,) = set(entries(tmp_path)) - {a}
    b.write_bytes(a.read_bytes())
    assert cache.get("b") is None
    assert DiskCache(tmp_path, b"other").get("a") is None


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "f"
    write_atomically(path, b"old")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
