from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from holdfast.artifacts.report import Verdict
from holdfast.artifacts.scan import scan_file

BENIGN = pickle.dumps({"weights": [1, 2, 3]})
EVIL = pickle.dumps(print)


class Pipe(io.BytesIO):
    """Something that a zip is written to without going back."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError

    def seek(self, *_: Any) -> int:
        raise OSError


def zip_of(body: bytes, into: io.BytesIO | None = None, *, compression: int = zipfile.ZIP_STORED, **how: Any) -> bytes:
    held = into or io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        archive.mkdir("folder")
        with archive.open("folder/model.pkl", "w", **how) as member:
            member.write(body)
        archive.writestr("notes.md", "words")
    return held.getvalue()


def tar_of(body: bytes, mode: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("folder/model.pkl")
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
    return held.getvalue()


WRITERS = {
    "stored": zip_of,
    "deflated": lambda body: zip_of(body, compression=zipfile.ZIP_DEFLATED),
    "bzip2": lambda body: zip_of(body, compression=zipfile.ZIP_BZIP2),
    "lzma": lambda body: zip_of(body, compression=zipfile.ZIP_LZMA),
    "zip64": lambda body: zip_of(body, force_zip64=True),
    "streamed": lambda body: zip_of(body, Pipe()),
    "streamed and deflated": lambda body: zip_of(body, Pipe(), compression=zipfile.ZIP_DEFLATED),
    "tar": lambda body: tar_of(body, "w"),
    "tar.gz": lambda body: tar_of(body, "w:gz"),
    "tar.xz": lambda body: tar_of(body, "w:xz"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_archives_as_people_write_them(writer: str, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    path.write_bytes(WRITERS[writer](BENIGN))
    assert scan_file(path).reasons == ()
    path.write_bytes(WRITERS[writer](EVIL))
    assert [(r.name, r.member) for r in scan_file(path).reasons] == [("builtins.print", "folder/model.pkl")]


def rules(path: Path, data: bytes) -> list[str]:
    path.write_bytes(data)
    report = scan_file(path)
    assert report.verdict is not Verdict.ALLOW
    return [reason.rule for reason in report.reasons]


def test_a_name_that_appears_twice(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("model.pkl", BENIGN)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("model.pkl", BENIGN)
    assert rules(tmp_path / "m.zip", held.getvalue()) == ["zip.duplicate-name"]


def test_an_encrypted_member(tmp_path: Path) -> None:
    data = bytearray(zip_of(BENIGN))
    local, central = data.index(b"folder/model.pkl") - 24, data.rindex(b"folder/model.pkl") - 38
    data[local] |= 1
    data[central] |= 1
    assert "zip.encrypted" in rules(tmp_path / "m.zip", bytes(data))


def test_a_bomb(tmp_path: Path) -> None:
    data = bytearray(zip_of(BENIGN))
    at = data.rindex(b"folder/model.pkl") - 22
    data[at : at + 4] = struct.pack("<I", 2**32 - 2)
    assert "zip.bomb" in rules(tmp_path / "m.zip", bytes(data))


def test_an_archive_cut_short(tmp_path: Path) -> None:
    assert rules(tmp_path / "m.zip", zip_of(BENIGN)[:-30]) == ["zip.broken"]
    assert rules(tmp_path / "m.tar", tar_of(BENIGN * 100, "w")[:900]) == ["tar.broken"]
