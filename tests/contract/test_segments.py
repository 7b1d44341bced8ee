"""Where segments can lie: a folder, and a bucket of a real S3 server. Both keep the same promises."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from tests.unit.decisions.making import decision, ledger, segment_log
from tests.unit.decisions.test_proof import KEY

from holdfast.decisions.prove import prove
from holdfast.decisions.read import Reader
from holdfast.decisions.registrar import LedgerRegistrar
from holdfast.decisions.segments import BucketSegments, FolderSegments, read_segment, segments_at
from holdfast.decisions.verify import records_in, verify_segments
from holdfast.domain.errors import FixInput, Tampered, Unavailable
from holdfast.ledger.decision_proof import verify_decision

HERE = Path(__file__).parents[2] / ".tools" / "moto" / "bin" / "moto_server"
MOTO = HERE if HERE.exists() else shutil.which("moto_server")
PLACE = "decisions/system=a b%3D/day=2026-11-28/x.parquet"


@pytest.fixture(scope="module")
def s3():
    """The address of an S3 server of this machine's own."""
    if MOTO is None:
        pytest.skip("there is no moto_server: make .tools/moto/bin/moto_server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen([str(MOTO), "-p", str(port)], stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(300):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.fixture(params=["folder", "bucket"])
def kept(request, tmp_path, monkeypatch):
    if request.param == "folder":
        return segments_at(str(tmp_path / "segments"))
    address = request.getfixturevalue("s3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    from pyarrow.fs import S3FileSystem

    name = f"bucket-{os.getpid()}-{time.time_ns()}"
    S3FileSystem(endpoint_override=address, scheme="http", allow_bucket_creation=True).create_dir(name)
    return segments_at(f"s3://{name}/log?scheme=http&endpoint_override={address}")


def test_a_segment_is_put_found_read_and_deleted(kept, tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    assert kept.places() == []
    kept.put(PLACE, tmp_path / "file")
    kept.put(PLACE, tmp_path / "file")
    assert kept.places() == kept.places("decisions/system=a b%3D") == [PLACE]
    assert kept.places("labels") == []
    assert read_segment(kept, PLACE) == b"content"
    kept.delete(PLACE)
    kept.delete(PLACE)
    assert kept.places() == []
    with pytest.raises(FileNotFoundError):
        read_segment(kept, PLACE)


def test_a_log_lives_there(kept, tmp_path):
    made = [decision(number) for number in range(30)]
    with segment_log(tmp_path, segments=kept) as log:
        log.append(made)
        assert log.seal() == 0
        log.append([last := decision(system="fraud")])
    reader = Reader(tmp_path / "log", kept)
    assert reader.find(last.id).system == "fraud"
    assert sum(batch.num_rows for batch in reader.batches(system="credit")) == 30
    with ledger(tmp_path) as log:
        registrar = LedgerRegistrar(log)
        assert verify_decision(prove(made[5].id, reader, registrar).encode(), KEY).record.id == made[5].id
        segments, _ = records_in(log.read(0, log.head()[0]))
    assert verify_segments(kept, segments).rows == 31
    kept.delete(segments[0].place)
    with pytest.raises(Tampered, match="is missing"):
        verify_segments(kept, segments)


def test_a_place_that_cannot_be_reached_delays(tmp_path, monkeypatch):
    from pyarrow.fs import S3FileSystem

    nobody = {"endpoint_override": "127.0.0.1:9", "scheme": "http", "connect_timeout": 1, "region": "us-east-1"}
    away = BucketSegments(S3FileSystem(access_key="k", secret_key="s", **nobody), "bucket")
    monkeypatch.setattr(away, "places", lambda below="": [])
    with segment_log(tmp_path, segments=away) as log:
        log.append([made := decision()])
        assert log.seal() == 1
        assert Reader(tmp_path / "log", away).find(made.id).id == made.id
    with segment_log(tmp_path) as log:
        assert log.seal() == 0
    assert FolderSegments(tmp_path / "segments").places()
    (tmp_path / "blocked").write_bytes(b"")
    with pytest.raises(Unavailable):
        FolderSegments(tmp_path / "blocked").put(PLACE, tmp_path / "blocked")


def test_what_is_no_place_is_refused():
    with pytest.raises(FixInput, match="no place"):
        segments_at("ftp://example.com/log")
