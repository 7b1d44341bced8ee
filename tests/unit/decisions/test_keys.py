"""Keys for a purpose: the same wherever the master key is, and one of the file's own where a KMS holds it."""

from __future__ import annotations

from holdfast.decisions.master import MasterKey
from holdfast.decisions.subjects import Subjects


class Kms:
    """Wraps, and gives nothing else away."""

    def __init__(self):
        self._master = MasterKey(b"m" * 32)

    def wrap(self, key, context):
        return self._master.wrap(key, context)

    def unwrap(self, wrapped, context):
        return self._master.unwrap(wrapped, context)


def keys(tmp_path, name, master, *purposes):
    subjects = Subjects(tmp_path / name, master)
    try:
        return [subjects.key(purpose) for purpose in purposes]
    finally:
        subjects.close()


def test_gateways_with_one_master_key_have_the_same(tmp_path):
    one, other = (keys(tmp_path, name, MasterKey(b"m" * 32), "guards", "else") for name in ("a.db", "b.db"))
    assert one == other
    assert len({*one, b"m" * 32}) == 3
    assert all(len(key) == 32 for key in one)
    assert keys(tmp_path, "c.db", MasterKey(b"n" * 32), "guards") != one[:1]


def test_where_a_kms_holds_it_a_file_has_its_own_and_keeps_it(tmp_path):
    first = keys(tmp_path, "a.db", Kms(), "guards", "else")
    assert keys(tmp_path, "a.db", Kms(), "guards", "else") == first
    assert keys(tmp_path, "b.db", Kms(), "guards") != first[:1]
    assert first[0] != first[1]
