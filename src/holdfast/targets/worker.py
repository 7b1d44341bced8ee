"""The isolated process: gives up its rights, loads one model, and answers until its parent hangs up.

Requests and replies are JSON lines on two pipes; rows and answers cross in one shared piece of memory as float64.
Nothing is ever pickled between the two. A request is ``{"rows": n, "size": bytes, "place": offset}``: n rows in schema
order lie at the start, the answer goes to `place`. With ``"contributions": true`` the answer is what each column
contributes. A reply is ``{"done": true}`` or ``{"error": {...}}``.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from holdfast import canonical
from holdfast.domain.errors import HoldfastError, ModelFailed, Unavailable
from holdfast.domain.schema import Schema
from holdfast.targets.answers import by_class, gives_scores, to_matrix, typical_rows
from holdfast.targets.isolation import isolate
from holdfast.targets.model import Batch, Layout, Matrix, Model, lay_out
from holdfast.targets.spec import TargetSpec

LOADERS = {
    "pickle": "sklearn",
    "joblib": "sklearn",
    "skops": "sklearn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "onnx": "onnx",
    "python": "callable",
}
MESSAGE_CHARACTERS = 400


def main(requests: int, replies: int, shared: int) -> None:
    """Serve on three inherited file descriptors until the parent hangs up; never returns."""
    lines = _lines(requests)
    try:
        opened = _open(json.loads(next(lines)), shared)
    except BaseException as error:  # a model under test may raise anything as it is loaded, SystemExit included
        _reply(replies, {"error": as_error(error, "while it was loaded")})
        os._exit(1)
    _reply(replies, {"facts": opened.facts})
    for line in lines:
        _reply(replies, _served(opened, json.loads(line)))
    os._exit(0)


def _lines(pipe: int) -> Iterator[bytes]:
    rest = b""
    while more := os.read(pipe, 65536):
        *whole, rest = (rest + more).split(b"\n")
        yield from whole


def _reply(pipe: int, message: object) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(pipe, data) :]


@dataclass(eq=False)
class Opened:
    """A model that is ready to answer. `facts` are the `ModelFacts` as JSON types."""

    model: Model
    facts: Any
    gives_scores: bool
    layout: Layout | None
    schema: Schema | None
    shared: int
    memory: mmap.mmap | None = None

    def answer(self, n: int, size: int, place: int, *, contributions: bool) -> None:
        """Answer about the `n` rows at the start of the shared memory, now of `size` bytes; write at `place`."""
        if self.layout is None or self.schema is None:
            raise ModelFailed("model.no-schema", "The model was opened to be described, not to be asked.")
        if self.memory is None or len(self.memory) != size:
            self.memory = mmap.mmap(self.shared, size)
        width = len(self.schema.features)
        rows = np.frombuffer(self.memory, np.float64, n * width).reshape(n, width)
        batch = self.layout.batch(rows)
        if contributions:
            answer = self.layout.restore(self._contributions(batch), width)
        else:
            answer = to_matrix(self.model.ask(batch), n, self.schema, self.model.classes, self.gives_scores)
        out = np.frombuffer(self.memory, np.float64, answer.size, offset=place)
        out.reshape(answer.shape)[:] = answer

    def _contributions(self, batch: Batch) -> Matrix:
        if self.model.contribute is None or self.model.additive is None:
            raise ModelFailed("model.no-contributions", "This model does not say what its columns contribute.")
        found = np.asarray(self.model.contribute(batch), dtype=np.float64)
        shape = (len(batch), self.model.additive.outputs, batch.rows.shape[1] + 1)
        if found.shape != shape:
            raise ModelFailed("model.wrong-shape", f"Contributions of shape {found.shape}; expected {shape}.")
        return by_class(found, self.layout.schema, self.model.classes) if self.layout else found


def _open(first: dict[str, Any], shared: int) -> Opened:
    """Isolate this process, then load the model and learn in which form it answers."""
    spec = canonical.rebuild(TargetSpec, first["spec"])
    schema = canonical.rebuild(Schema, first["schema"]) if first["schema"] else None
    own_code = Path(spec.python_path) if spec.python_path and (spec.allow or spec.format == "python") else None
    protections = isolate(Path(spec.location) if spec.is_file else None, own_code, spec.memory_mb)
    sys.dont_write_bytecode = True
    if own_code is not None:
        sys.path.append(str(own_code))
    model = _load(spec)
    layout = lay_out(schema, model) if schema else None
    scores = model.gives_scores
    if schema and layout and scores is None:
        scores = gives_scores(model.ask(layout.batch(typical_rows(schema))), 2, schema)
    facts = replace(model.facts, gives_scores=scores is not False, protections=protections)
    return Opened(model, canonical.plain(facts), scores is not False, layout, schema, shared)


def _load(spec: TargetSpec) -> Model:
    loader = import_module(f"holdfast.targets.{LOADERS[spec.format]}")
    try:
        model: Model = loader.load(spec)
    except ModuleNotFoundError as error:
        raise Unavailable(
            "model.missing-library",
            f"The model needs the Python package {error.name!r}, which is not installed.",
            f"Install it beside Holdfast: pip install {(error.name or '').partition('.')[0]}.",
        ) from error
    return model


def _served(opened: Opened, request: dict[str, int]) -> dict[str, Any]:
    try:
        contributions = bool(request.get("contributions"))
        opened.answer(request["rows"], request["size"], request["place"], contributions=contributions)
    except BaseException as error:  # as above: whatever the model raises is its failure, not the worker's
        return {"error": as_error(error, "while it answered")}
    return {"done": True}


def as_error(error: BaseException, when: str) -> dict[str, str]:
    """An error as JSON: Holdfast's own as they are, everything else as the model's failure."""
    if isinstance(error, HoldfastError):
        kind, code, message, hint = type(error).__name__, error.code, error.message, error.hint
    elif isinstance(error, MemoryError):
        kind, code, hint = "ModelFailed", "model.out-of-memory", "Raise `model.memory_mb` in the manifest."
        message = f"The model ran out of memory {when}."
    else:
        kind, code, hint = "ModelFailed", "model.raised", "Does the model answer the same rows outside of Holdfast?"
        message = f"The model raised {type(error).__name__} {when}: {_text(error)}"
    return {"kind": kind, "code": code, "message": message, "hint": hint}


def _text(error: BaseException) -> str:
    """The error's own words on one line, cut to a length that fits a report."""
    try:
        return " ".join(str(error).split())[:MESSAGE_CHARACTERS]
    except Exception:  # the model's exception may fail even to describe itself
        return "(no description)"
