"""ONNX models through onnxruntime: one matrix or one input a column; a label with a tensor or maps of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput, ModelFailed
from holdfast.domain.schema import Kind, Scalar, Task
from holdfast.targets.model import Batch, Model
from holdfast.targets.spec import TargetSpec

_TYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}
_LABELS = ("tensor(int64)", "tensor(string)", "tensor(int32)", "tensor(bool)")


def load(spec: TargetSpec) -> Model:
    """Open a session on one thread; FixInput for a file or an input type that cannot be used."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(spec.location, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen error classes, all of them "this file is not usable"
        raise FixInput("model.unreadable", f"onnxruntime cannot read the model: {str(error)[:300]}") from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    widths = _widths(inputs)
    chosen = _score_output(outputs)
    classes = _classes(spec.location) if any(o.type in _LABELS or _is_maps(o) for o in outputs) else ()
    wanted = [(chosen or outputs[0]).name]

    def ask(batch: Batch) -> Any:
        answer = session.run(wanted, _feed(inputs, widths, batch))[0]
        return _from_maps(answer, classes) if isinstance(answer, list) else answer

    return Model(
        library=f"ONNX Runtime {onnxruntime.__version__}",
        ask=ask,
        estimator=session.get_modelmeta().producer_name or "ONNX",
        task=_task(chosen, classes),
        classes=classes,
        features=_names(inputs, widths),
        n_features=sum(w for w in widths if w) if all(widths) else None,
        gives_scores=_gives_scores(outputs, chosen),
    )


def _widths(inputs: Sequence[Any]) -> list[int]:
    """Columns that each input takes; 0 for a single input that takes as many as there are."""
    for item in inputs:
        if item.type not in _TYPES or len(item.shape) > 2:
            raise FixInput("model.unsupported", f"Its input {item.name!r} is {item.type} {item.shape}, not a table.")
    sizes = [item.shape[1] if len(item.shape) == 2 else 1 for item in inputs]
    unknown = 0 if len(inputs) == 1 else 1
    return [size if isinstance(size, int) and size > 0 else unknown for size in sizes]


def _names(inputs: Sequence[Any], widths: list[int]) -> tuple[str, ...] | None:
    """Feature names where every input is one column."""
    return tuple(item.name for item in inputs) if len(inputs) > 1 and set(widths) == {1} else None


def _is_maps(output: Any) -> bool:
    return str(output.type).startswith("seq(map(")


def _score_output(outputs: Sequence[Any]) -> Any:
    """The output that holds a probability for every class, if there is one: maps (ZipMap), or a matrix of floats."""
    labelled = any(output.type in _LABELS for output in outputs)
    floats = [o for o in outputs if o.type in ("tensor(float)", "tensor(double)") and len(o.shape) == 2]
    wide = [o for o in floats if labelled or (isinstance(o.shape[1], int) and o.shape[1] > 1)]
    return next((o for o in outputs if _is_maps(o)), wide[0] if wide else None)


def _gives_scores(outputs: Sequence[Any], chosen: Any) -> bool | None:
    if chosen is not None:
        return True
    return False if outputs[0].type in _LABELS else None


def _classes(path: str) -> tuple[Scalar, ...]:
    """The class labels that the graph's classifier names, in the order of its scores; empty where it names none."""
    try:
        import onnx
    except ModuleNotFoundError:
        return ()
    graph = onnx.load(path, load_external_data=False).graph
    for node in reversed(graph.node):
        for attribute in node.attribute:
            if attribute.name == "classlabels_strings" and attribute.strings:
                return tuple(label.decode("utf-8") for label in attribute.strings)
            if attribute.name in ("classlabels_int64s", "classlabels_ints") and attribute.ints:
                return tuple(attribute.ints)
    return ()


def _task(chosen: Any, classes: tuple[Scalar, ...]) -> Task | None:
    """None for a lone column of floats, which may be a value or a probability."""
    width = len(classes) or (chosen.shape[1] if chosen is not None and not _is_maps(chosen) else 0)
    if isinstance(width, int) and width > 0:
        return Task.BINARY if width == 2 else Task.MULTICLASS
    return None


def _feed(inputs: Sequence[Any], widths: list[int], batch: Batch) -> dict[str, NDArray[Any]]:
    """The batch as the session's inputs: columns in order, as many as each input takes."""
    total = batch.rows.shape[1]
    sizes = [width or total for width in widths]
    if sum(sizes) != total:
        raise FixInput("model.feature-count", f"The model takes {sum(sizes)} features; the data has {total}.")
    ends = np.cumsum(sizes)
    return {
        item.name: _block(item, batch, range(end - size, end))
        for item, size, end in zip(inputs, sizes, ends, strict=True)
    }


def _block(item: Any, batch: Batch, columns: range) -> NDArray[Any]:
    if item.type == "tensor(string)":
        table = batch.frame[list(batch.schema.names[columns.start : columns.stop])].astype(object)
        block: NDArray[Any] = table.where(table.notna(), "").astype(str).to_numpy(dtype=object)
    else:
        block = _numbers(item, batch, columns).astype(_TYPES[item.type])
    return block.reshape(-1) if len(item.shape) == 1 else block


def _numbers(item: Any, batch: Batch, columns: range) -> NDArray[np.float64]:
    features = batch.schema.features[columns.start : columns.stop]
    if any(feature.kind is Kind.CATEGORY for feature in features):
        numbers = batch.frame[[feature.name for feature in features]].to_numpy(dtype=np.float64)
    else:
        numbers = batch.rows[:, columns.start : columns.stop]
    if item.type not in ("tensor(float)", "tensor(double)") and not np.isfinite(numbers).all():
        raise ModelFailed(
            "model.cannot-be-missing",
            f"The input {item.name!r} takes {item.type}, which has no form for a missing or infinite value.",
        )
    return numbers


def _from_maps(answer: list[dict[Any, float]], classes: tuple[Scalar, ...]) -> NDArray[np.float64]:
    """ZipMap's list of {label: probability} as a matrix, columns in the order of `classes`, else of sorted labels."""
    labels = classes or tuple(sorted(answer[0]))
    return np.array([[row[label] for label in labels] for row in answer], dtype=np.float64)
