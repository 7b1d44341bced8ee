"""Loading a pickle or a joblib file that the scan allowed. Runs inside the isolated worker, never in the parent.

Two locks on one key: a file is read only if its scan says ALLOW, and while it is read every import is checked once more
against the same list, so scan and load cannot disagree.
"""

from __future__ import annotations

import importlib
import io
import os
import pickle
from pathlib import Path
from typing import Any, BinaryIO, cast

from holdfast.artifacts.allowlist import allowed_use, native_name
from holdfast.artifacts.scan import scan_open
from holdfast.domain.errors import FixInput, RefusedArtifact

_HINT = "Save the model as skops, ONNX or the library's own format; or name your own classes under `model.allow`."


def load_pickle(path: Path, extra: frozenset[str] = frozenset(), mmap_mode: str | None = None) -> Any:
    """The object in a pickle or joblib file, compressed or not.

    `extra` names the user's own classes (``package.module.Class``), as for the scan; `mmap_mode` is joblib's. Raises
    RefusedArtifact if the scan does not say ALLOW, FixInput if the file is no pickle. What the classes themselves raise
    while they are restored (a version that does not fit) is passed on.
    """
    with Path(path).open("rb", buffering=0) as raw:
        report = scan_open(raw.fileno(), str(path), extra)
        if not report.allowed:
            reason = report.reasons[0]
            raise RefusedArtifact("artifact.refused", f"{report.name} was not loaded. {reason.message}", _HINT)
        kind = report.format.partition("+")[0]
        if kind not in ("pickle", "joblib"):
            raise FixInput("artifact.not-a-pickle", f"{report.name} is {report.format}, not a pickle.")
        raw.seek(0)
        if report.format == "pickle":
            return RestrictedUnpickler(io.BufferedReader(raw), extra).load()
        return _load_joblib(io.BufferedReader(raw), os.fspath(path), extra, mmap_mode)


class RestrictedUnpickler(pickle.Unpickler):
    """CPython's own unpickler, which imports only what is on the list or in `extra`."""

    def __init__(self, file: BinaryIO, extra: frozenset[str] = frozenset()) -> None:
        super().__init__(file)
        self._extra = extra

    def find_class(self, module: str, name: str) -> Any:
        """The import, if the list allows it; RefusedArtifact otherwise."""
        return _find(module, name, self._extra)


def _find(module: str, name: str, extra: frozenset[str]) -> Any:
    """The object that (module, name) imports, by its native name or, below protocol 3, by Python 2's."""
    for candidate in dict.fromkeys((native_name(module, name, 3), native_name(module, name, 2))):
        if allowed_use(*candidate, extra) is not None:
            found: Any = importlib.import_module(candidate[0])
            for part in candidate[1].split("."):
                found = getattr(found, part)
            return found
    raise RefusedArtifact("artifact.refused", f"Loading would import {module}.{name}, which is not on the list.", _HINT)


def _load_joblib(file: BinaryIO, name: str, extra: frozenset[str], mmap_mode: str | None) -> Any:
    from joblib.numpy_pickle import NumpyUnpickler
    from joblib.numpy_pickle_utils import _validate_fileobject_and_memmap

    class Restricted(NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            return _find(module, name, extra)

    with _validate_fileobject_and_memmap(file, name, mmap_mode) as (opened, mode):
        restricted = Restricted(name, opened, ensure_native_byte_order=mode is None, mmap_mode=mode)
        return cast(Any, restricted.load())
