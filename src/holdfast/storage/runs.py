"""Runs on disk: one folder each, complete or absent, found by the first digits of their id."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from holdfast.domain.errors import FixInput, Unavailable

RECORD = "run.json"


class RunFolders:
    """The runs kept under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, run: str) -> Path:
        """Where the run with this exact id is kept, whether or not it is."""
        return self._folder / run

    def save(self, run: str, files: Mapping[str, bytes]) -> Path:
        """Write all `files` of a run, then make them visible at once; replaces an earlier copy of the same run."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(dir=self._folder, prefix=".new-"))
            try:
                for name, data in files.items():
                    _write_durably(staging / name, data)
                return self._publish(staging, self.path(run))
            finally:
                shutil.rmtree(staging, ignore_errors=True)
        except OSError as error:
            hint = "Make room or rights and run the same command; finished probes are kept."
            raise Unavailable("storage.write", f"{self._folder} takes no run: {error.strerror}.", hint) from error

    def _publish(self, staging: Path, place: Path) -> Path:
        if place.exists():
            old = Path(tempfile.mkdtemp(dir=self._folder, prefix=".old-"))
            place.rename(old / place.name)
            shutil.rmtree(old, ignore_errors=True)
        staging.chmod(0o755)
        staging.rename(place)
        return place

    def read(self, run: str, name: str) -> bytes | None:
        """One file of a run; None if there is none."""
        try:
            return (self.path(run) / name).read_bytes()
        except OSError:
            return None

    def find(self, prefix: str) -> str:
        """The id of the one run that starts with `prefix` (``latest`` is the newest); FixInput otherwise."""
        runs = self.newest_first()
        if not runs:
            raise FixInput("run.none", f"No run is kept in {self._folder}.", "Run `holdfast check` first.")
        matches = runs[:1] if prefix == "latest" else [run for run in runs if run.startswith(prefix)]
        if len(matches) != 1:
            found = "No run starts" if not matches else f"{len(matches)} runs start"
            raise FixInput("run.unknown", f"{found} with {prefix!r}.", f"Newest: {', '.join(runs[:5])}.")
        return matches[0]

    def newest_first(self) -> list[str]:
        """The ids of all complete runs."""
        if not self._folder.is_dir():
            return []
        records = [path for path in self._folder.glob(f"*/{RECORD}") if not path.parent.name.startswith(".")]
        return [path.parent.name for path in sorted(records, key=lambda path: -path.stat().st_mtime_ns)]


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
