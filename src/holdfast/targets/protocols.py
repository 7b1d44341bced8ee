"""How the two inference protocols write rows and answers as JSON. No network here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, TypeGuard

import numpy as np

from holdfast.domain.errors import FixInput, ModelFailed
from holdfast.domain.schema import Kind
from holdfast.targets.model import Batch
from holdfast.targets.spec import ModelFacts, TargetSpec

Metadata = Callable[[str], dict[str, Any] | None]


class InferenceProtocol(Protocol):
    """One way to ask a server."""

    url: str

    def request(self, batch: Batch) -> dict[str, Any]:
        """The body of a request."""

    def answer(self, reply: Any) -> Any:
        """The answer in a reply, as something that `np.asarray` takes; ModelFailed where the reply has none."""

    def facts(self, gives_scores: bool) -> ModelFacts:
        """What the server tells of the model."""


def choose(spec: TargetSpec, metadata: Metadata) -> InferenceProtocol:
    """The protocol of the spec's format."""
    return MLflow(spec) if spec.format == "mlflow" else OpenInference(spec, metadata)


class MLflow:
    """MLflow's scoring server: ``{"dataframe_split": ...}`` in, ``{"predictions": ...}`` out."""

    def __init__(self, spec: TargetSpec) -> None:
        base = spec.location.rstrip("/")
        self.url = base if base.endswith("/invocations") else base + "/invocations"

    def request(self, batch: Batch) -> dict[str, Any]:
        """Columns by name; missing values as null."""
        columns = [_plain(batch.frame.iloc[:, j].tolist()) for j in range(batch.frame.shape[1])]
        rows = [list(row) for row in zip(*columns, strict=True)]
        return {"dataframe_split": {"columns": list(batch.schema.names), "data": rows}}

    def answer(self, reply: Any) -> Any:
        """Scalars, lists or named columns."""
        answer = reply.get("predictions") if isinstance(reply, dict) else reply
        if not isinstance(answer, list) or not answer:
            raise ModelFailed("model.malformed", "The server's answer has no list of predictions.")
        return _table(answer) if all(isinstance(row, dict) for row in answer) else _array(answer)

    def facts(self, gives_scores: bool) -> ModelFacts:
        """The scoring server tells nothing of its model."""
        return ModelFacts(library="MLflow scoring server", gives_scores=gives_scores)


_DATATYPES = {"FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"}
_DATATYPES |= {"BOOL", "BYTES"}


class OpenInference:
    """The Open Inference Protocol v2: one matrix, or one tensor a column, as the server's metadata ask for it."""

    def __init__(self, spec: TargetSpec, metadata: Metadata) -> None:
        base = spec.location.rstrip("/").removesuffix("/infer")
        if "/v2/models/" not in base:
            raise FixInput(
                "model.wrong-url",
                f"{spec.location} names no model of the Open Inference Protocol.",
                "Write it as https://host/v2/models/NAME, or set `model.format: mlflow`.",
            )
        self.url = base + "/infer"
        told = metadata(base) or {}
        self._inputs = [_tensor(item) for item in _items(told, "inputs")]
        self._output = _wanted([str(item.get("name")) for item in _items(told, "outputs")])
        self._platform = str(told.get("platform", ""))[:80]
        self._model = str(told.get("name", ""))[:80]

    def request(self, batch: Batch) -> dict[str, Any]:
        """All rows as one matrix where one is asked for or nothing is known and all columns are numbers."""
        text = any(f.kind is Kind.CATEGORY for f in batch.schema.features)
        if len(self._inputs) == 1 or (not self._inputs and not text):
            name, datatype = self._inputs[0] if self._inputs else ("input", "FP64")
            inputs = [_input(name, datatype, list(batch.rows.shape), _flat(batch, datatype))]
        else:
            inputs = self._columns(batch)
        body: dict[str, Any] = {"inputs": inputs}
        return body | {"outputs": [{"name": self._output}]} if self._output else body

    def _columns(self, batch: Batch) -> list[dict[str, Any]]:
        asked = self._inputs or [(name, "") for name in batch.schema.names]
        frame = batch.frame
        absent = [name for name, _ in asked if name not in frame.columns]
        if absent:
            known = ", ".join(batch.schema.names[:12])
            raise FixInput("model.feature-names", f"The server asks for {absent[0]!r}.", f"The data has: {known}.")
        tensors = []
        for name, datatype in asked:
            kind = datatype or ("BYTES" if frame[name].dtype == object or str(frame[name].dtype) == "str" else "FP64")
            tensors.append(_input(name, kind, [len(batch), 1], _cast(frame[name].tolist(), kind)))
        return tensors

    def answer(self, reply: Any) -> Any:
        """The output that was asked for, else the one that holds probabilities, else the first."""
        outputs = {str(item.get("name")): item for item in _items(reply, "outputs")}
        name = _wanted(list(outputs)) or next(iter(outputs), None)
        if name is None:
            raise ModelFailed("model.malformed", "The server's answer has no outputs.")
        shape, data = outputs[name].get("shape"), outputs[name].get("data")
        answer = _array(data)
        if not _is_shape(shape) or math.prod(shape) != answer.size:
            raise ModelFailed("model.wrong-shape", f"The server says {shape} but sent {answer.size} values.")
        return answer.reshape(shape)

    def facts(self, gives_scores: bool) -> ModelFacts:
        """Features where every input is one column."""
        names = tuple(name for name, _ in self._inputs) if len(self._inputs) > 1 else None
        return ModelFacts(
            library=f"Open Inference Protocol v2 server{f', {self._platform}' if self._platform else ''}",
            estimator=self._model,
            features=names,
            n_features=len(names) if names else None,
            gives_scores=gives_scores,
        )


def _items(told: Any, name: str) -> list[dict[str, Any]]:
    items = told.get(name) if isinstance(told, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _is_shape(shape: Any) -> TypeGuard[list[int]]:
    return isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)


def _tensor(item: dict[str, Any]) -> tuple[str, str]:
    name, datatype = str(item.get("name")), str(item.get("datatype"))
    if datatype not in _DATATYPES:
        raise FixInput("model.unsupported", f"The server's input {name!r} is {datatype}, which is no column type.")
    return name, datatype


def _wanted(names: list[str]) -> str | None:
    """The output that holds probabilities, by the names that servers give it."""
    return next((name for name in names if "prob" in name.lower()), None)


def _input(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def _flat(batch: Batch, datatype: str) -> list[Any]:
    return _cast(np.asarray(batch.values).reshape(-1).tolist(), datatype)


def _cast(values: list[Any], datatype: str) -> list[Any]:
    """Values as JSON has them for a datatype; a missing value is null, except in text, where it is empty."""
    if datatype == "BYTES":
        return ["" if value is None else str(value) for value in _plain(values)]
    if datatype == "BOOL":
        return [None if value is None else bool(value) for value in _plain(values)]
    if datatype.startswith("FP"):
        return _plain([None if value is None else float(value) for value in values])
    return [None if value is None else int(value) for value in _plain(values)]


def _plain(values: list[Any]) -> list[Any]:
    """JSON has no NaN and no infinity: the first is null, the second the largest double."""
    largest = np.finfo(np.float64).max
    return [_finite(value, largest) if isinstance(value, float) else value for value in values]


def _finite(value: float, largest: np.floating[Any]) -> float | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else math.copysign(float(largest), value)


def _array(data: Any) -> np.ndarray[Any, np.dtype[Any]]:
    try:
        answer = np.asarray(data)
    except ValueError as error:
        raise ModelFailed("model.wrong-shape", "The server's answer has rows of different lengths.") from error
    if answer.dtype == object:
        raise ModelFailed("model.malformed", "The server's answer mixes values of different kinds, or null.")
    return answer


def _table(rows: list[dict[str, Any]]) -> Any:
    """Rows of named columns; the names may be the class labels."""
    import pandas as pd

    return pd.DataFrame(rows)
