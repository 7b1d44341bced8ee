"""Sealed records on disk, one envelope a file, in a folder per kind; each also has its line in the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from holdfast import canonical
from holdfast.domain.dataset import Admission
from holdfast.domain.errors import Tampered
from holdfast.domain.provenance import Provenance, Source
from holdfast.ledger.envelope import open_sealed, seal
from holdfast.ledger.log import Log
from holdfast.ledger.note import Key
from holdfast.ledger.sealed import VKEY
from holdfast.ports import Signer
from holdfast.storage.cache import write_atomically

FOLDERS: dict[type, str] = {Provenance: "provenance", Source: "sources", Admission: "admissions"}
Record = TypeVar("Record", Provenance, Source, Admission)


class SealedRecords:
    """The records of one installation, under `home`. `origin` names its ledger."""

    def __init__(self, home: Path, signer: Signer, origin: str) -> None:
        self._home = home
        self._signer = signer
        self._origin = origin

    def add(self, record: Provenance | Source | Admission, at: str) -> Path:
        """Seal a record, enter its digest in the ledger as of `at`, keep it and the key; the file that holds it."""
        digest = canonical.digest(record)
        act = FOLDERS[type(record)]
        entry = {"format": "holdfast-entry/1", "act": act, "record": digest, "at": at}
        with Log(self._home / "ledger", self._signer, self._origin) as ledger:
            ledger.append([canonical.encode(entry)])
        path = self._home / act / f"{digest.removeprefix('sha256:')[:16]}.json"
        write_atomically(path, seal(record, self._signer))
        key = Key(self._signer.name, self._signer.public_bytes())
        write_atomically(self._home / VKEY, f"{key.vkey}\n".encode())
        return path

    def all(self, kind: type[Record]) -> tuple[list[Record], list[Path]]:
        """The records of a kind that this installation sealed, and the files that do not verify."""
        records, refused = [], []
        for path in sorted((self._home / FOLDERS[kind]).glob("*.json")):
            try:
                records.append(open_sealed(path.read_bytes(), self._signer.public_bytes(), kind))
            except Tampered:
                refused.append(path)
        return records, refused
