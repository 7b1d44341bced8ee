"""Run folders: complete or absent."""

from __future__ import annotations

import pytest

from holdfast.domain.errors import FixInput, Unavailable
from holdfast.storage import runs as module
from holdfast.storage.runs import RECORD, RunFolders


@pytest.fixture
def runs(tmp_path):
    return RunFolders(tmp_path / "runs")


def test_a_saved_run_is_found_by_its_first_digits(runs):
    runs.save("abc123", {RECORD: b"{}", "report.html": b"<p>"})
    runs.save("abd456", {RECORD: b"{}"})
    assert runs.find("abc") == "abc123"
    assert runs.find("latest") == "abd456"
    assert runs.read("abc123", "report.html") == b"<p>"
    assert runs.read("abc123", "other") is None


def test_unclear_and_unknown_prefixes_are_errors(runs):
    with pytest.raises(FixInput, match="No run is kept"):
        runs.find("a")
    runs.save("abc123", {RECORD: b"{}"})
    runs.save("abd456", {RECORD: b"{}"})
    with pytest.raises(FixInput, match="2 runs start"):
        runs.find("ab")
    with pytest.raises(FixInput, match="No run starts"):
        runs.find("x")


def test_saving_again_replaces_the_whole_folder(runs):
    runs.save("abc123", {RECORD: b"1", "old": b"1"})
    runs.save("abc123", {RECORD: b"2"})
    assert runs.read("abc123", RECORD) == b"2"
    assert runs.read("abc123", "old") is None


def test_a_write_that_fails_shows_no_run(runs, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write_durably", full)
    with pytest.raises(Unavailable, match=r"No space left.*finished probes are kept"):
        runs.save("abc123", {RECORD: b"{}"})
    assert runs.newest_first() == []
    assert list(runs.path("x").parent.iterdir()) == []
