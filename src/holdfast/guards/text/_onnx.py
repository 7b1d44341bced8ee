"""A model in ONNX that an operator hands to a guard: scanned before any of it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from holdfast.artifacts.scan import scan_file
from holdfast.domain.errors import FixInput, RefusedArtifact


def open_session(file: Path) -> Any:
    """The model, ready to be asked on one thread.

    RefusedArtifact where the artefact scan does not allow the file; FixInput where it is no ONNX, or nothing reads it.
    It answers in this process, since a guard has milliseconds: ONNX is data, and operators of its own are refused.
    """
    if not file.is_file():
        raise FixInput("guard.onnx", f"There is no file {file}.", "Name a file in ONNX.")
    report = scan_file(file)
    if not report.allowed:
        why = report.reasons[0].message if report.reasons else "It cannot be shown to be safe."
        raise RefusedArtifact("guard.artifact", f"{report.name} was not loaded. {why}", "Run: holdfast scan FILE")
    try:
        import onnxruntime
    except ImportError as error:
        raise FixInput("guard.onnx", "ONNX Runtime is not installed.", "Run: pip install 'holdfast[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own errors have no common base
        raise FixInput("guard.onnx", f"{file.name} cannot be read as ONNX.", "Export it again.") from error
