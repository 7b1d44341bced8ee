"""The Open Inference Protocol v2 as a server speaks it: tensors in and out, in JSON or with Triton's binary data.

Source: KServe's Open Inference Protocol v2 (REST), and Triton's binary tensor data extension: JSON first, as long as
the header ``Inference-Header-Content-Length`` says, then the tensors' bytes, little-endian, in the order of the JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import orjson
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput

DTYPES: dict[str, str] = {
    "BOOL": "?",
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
}
"""numpy's name of each datatype; BYTES has none, and is an array of Python strings."""

MOST_AXES = 8
MOST_ALONG_AN_AXIS = 2**31
SHARED_MEMORY = "shared_memory_region"

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A named array of `datatype`; its rows are along the first axis."""

    name: str
    datatype: str
    data: Array


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that is asked for by name, in binary form or not."""

    name: str
    is_binary: bool


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What a client asks: `outputs` are empty where it takes all of them, in binary where `is_binary`.

    `body` is the request as it was understood, `json_length` how much of it is JSON where not all is. An upstream is
    sent that and not the client's own bytes: of a name that stands twice, two readers may take different values.
    """

    id: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Wanted, ...]
    is_binary: bool
    body: bytes
    json_length: int | None


def read_request(body: bytes, header_length: int | None = None) -> InferRequest:
    """The request in a body; FixInput where it is none. `header_length` is how much of it is JSON: all, where None."""
    head, rest = _split(body, header_length)
    inputs = _tensors(_listed(head.get("inputs"), "inputs"), rest)
    if not inputs:
        raise _wrong("it has no inputs")
    wanted = tuple(_wanted(item) for item in _listed(head.get("outputs") or [], "outputs"))
    id, is_binary = head.get("id", ""), _parameter(head, "binary_data_output") is True
    text = orjson.dumps(head)
    whole, length = (text, None) if header_length is None else (text + bytes(rest), len(text))
    return InferRequest(id if isinstance(id, str) else "", inputs, wanted, is_binary, whole, length)


def read_answer(body: bytes, header_length: int | None = None) -> tuple[Tensor, ...]:
    """The outputs in an upstream's answer; FixInput where it has none."""
    head, rest = _split(body, header_length)
    return _tensors(_listed(head.get("outputs"), "outputs"), rest)


def write_answer(
    model: str, version: str, request: InferRequest, outputs: Sequence[Tensor]
) -> tuple[bytes, int | None]:
    """The body of an answer, and how much of it is JSON where not all is."""
    wanted = {output.name: output.is_binary for output in request.outputs}
    shown = [tensor for tensor in outputs if not wanted or tensor.name in wanted]
    heads, tail = [], []
    for tensor in shown:
        head: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.data.shape)}
        if wanted.get(tensor.name, request.is_binary):
            raw = _raw(tensor)
            head["parameters"] = {"binary_data_size": len(raw)}
            tail.append(raw)
        else:
            head["data"] = [_finite(item) for item in tensor.data.reshape(-1).tolist()]
        heads.append(head)
    about = {"id": request.id} if request.id else {}
    text = orjson.dumps({"model_name": model, "model_version": version, **about, "outputs": heads})
    return (text + b"".join(tail), len(text)) if tail else (text, None)


def write_request(inputs: Sequence[Tensor]) -> bytes:
    """A request in JSON that takes all outputs; null stands for NaN, and in text nothing for None."""
    heads = []
    for tensor in inputs:
        values = tensor.data.reshape(-1).tolist()
        data = ["" if item is None else str(item) for item in values] if tensor.datatype == "BYTES" else values
        head = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.data.shape)}
        heads.append({**head, "data": [_finite(item) for item in data]})
    return orjson.dumps({"inputs": heads})


def columns(tensors: Sequence[Tensor], names: Sequence[str]) -> Mapping[str, Array]:
    """The tensors as columns by name, each of shape (rows,): one matrix in the order of `names`, or a tensor a column.

    FixInput where they do not fit one another, or the names.
    """
    first = tensors[0].data
    if len(tensors) == 1 and first.ndim == 2 and (first.shape[1] != 1 or len(names) == 1):
        if first.shape[1] != len(names):
            raise _wrong(f"its matrix has {first.shape[1]} columns, the model {len(names)}")
        return {name: first[:, at] for at, name in enumerate(names)}
    rows = {tensor.data.shape[0] if tensor.data.ndim else -1 for tensor in tensors}
    if len(rows) != 1 or any(tensor.data.size != tensor.data.shape[0] for tensor in tensors if tensor.data.ndim):
        raise _wrong("its inputs are not columns of one value a row")
    if -1 in rows:
        raise _wrong("an input has no axis of rows")
    return {tensor.name: tensor.data.reshape(-1) for tensor in tensors}


def _split(body: bytes, header_length: int | None) -> tuple[dict[str, Any], memoryview]:
    view = memoryview(body)
    cut = len(body) if header_length is None else header_length
    if not 0 <= cut <= len(body):
        raise _wrong("its header is longer than the body")
    try:
        head = orjson.loads(view[:cut])
    except orjson.JSONDecodeError as error:
        raise _wrong(f"it is not JSON: {error}") from error
    if not isinstance(head, dict):
        raise _wrong("it is no JSON object")
    return head, view[cut:]


def _listed(items: Any, what: str) -> list[Any]:
    if not isinstance(items, list):
        raise _wrong(f"it has no list of {what}")
    return items


def _wanted(item: Any) -> Wanted:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise _wrong("an output that it asks for has no name")
    _refuse_shared_memory(item)
    return Wanted(item["name"], _parameter(item, "binary_data") is True)


def _tensors(items: list[Any], rest: memoryview) -> tuple[Tensor, ...]:
    found = []
    with np.errstate(over="ignore"):  # what is too large for its datatype is infinite, which guards see
        for item in items:
            tensor, rest = _tensor(item, rest)
            found.append(tensor)
    if len(rest):
        raise _wrong(f"{len(rest)} bytes belong to no tensor")
    if len({tensor.name for tensor in found}) < len(found):
        raise _wrong("two tensors have the same name")
    return tuple(found)


def _tensor(item: Any, rest: memoryview) -> tuple[Tensor, memoryview]:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise _wrong("a tensor has no name")
    name, datatype, shape = item["name"], item.get("datatype"), item.get("shape")
    if datatype != "BYTES" and datatype not in DTYPES:
        raise _wrong(f"the datatype of {name!r:.80} is not one of the protocol's")
    if not _is_shape(shape):
        raise _wrong(f"the shape of {name!r:.80} is no list of sizes")
    _refuse_shared_memory(item)
    size = _parameter(item, "binary_data_size")
    if size is not None and "data" in item:
        raise _wrong(f"{name!r:.80} has data twice, in JSON and in binary")
    if size is None:
        data = _from_json(name, datatype, item.get("data"))
    elif type(size) is int and 0 <= size <= len(rest):
        data, rest = _from_binary(name, datatype, rest[:size]), rest[size:]
    else:
        raise _wrong(f"the bytes of {name!r:.80} are not there")
    if data.size != math.prod(shape):
        raise _wrong(f"{name!r:.80} says {shape} and has {data.size} values")
    return Tensor(name, datatype, _shaped(name, data, shape)), rest


def _is_shape(shape: Any) -> TypeGuard[list[int]]:
    """A short list of sizes: of a long one, the product alone could take minutes."""
    if not isinstance(shape, list) or len(shape) > MOST_AXES:
        return False
    return all(type(size) is int and 0 <= size <= MOST_ALONG_AN_AXIS for size in shape)


def _shaped(name: str, data: Array, shape: list[int]) -> Array:
    try:
        return data.reshape(shape)
    except ValueError as error:  # no values at all, along axes that together are longer than an array can be
        raise _wrong(f"{name!r:.80} says {shape}, which no array has") from error


def _refuse_shared_memory(item: Mapping[str, Any]) -> None:
    """What lies in an upstream's own memory never passes here, so that nothing can be said of it."""
    if _parameter(item, SHARED_MEMORY) is not None:
        raise _wrong(f"{item['name']!r:.80} lies in shared memory")


def _from_json(name: str, datatype: str, data: Any) -> Array:
    if not isinstance(data, list):
        raise _wrong(f"{name!r:.80} has no data")
    flat = data
    while flat and isinstance(flat[0], list):
        if not all(isinstance(part, list) for part in flat):
            raise _wrong(f"the data of {name!r:.80} are of different depths")
        flat = [item for part in flat for item in part]
    if datatype == "BYTES":
        return _objects(flat)
    if not datatype.startswith("FP") and not all(isinstance(item, int) for item in flat):
        raise _wrong(f"the data of {name!r:.80} are not {datatype}")
    try:
        return np.array(flat, dtype=DTYPES[datatype])  # of floats, numpy reads None as NaN
    except (ValueError, TypeError, OverflowError) as error:
        raise _wrong(f"the data of {name!r:.80} are not {datatype}") from error


def _from_binary(name: str, datatype: str, raw: memoryview) -> Array:
    if datatype != "BYTES":
        width = np.dtype(DTYPES[datatype]).itemsize
        if len(raw) % width:
            raise _wrong(f"{name!r:.80} has {len(raw)} bytes, which are no whole {datatype}")
        return np.frombuffer(raw, dtype=DTYPES[datatype])
    found, at = [], 0
    while at < len(raw):
        end = at + 4 + int.from_bytes(raw[at : at + 4], "little")
        if end > len(raw):
            raise _wrong(f"the strings of {name!r:.80} end too early")
        found.append(bytes(raw[at + 4 : end]))
        at = end
    try:
        return _objects([text.decode() for text in found])
    except UnicodeDecodeError as error:
        raise _wrong(f"the strings of {name!r:.80} are not UTF-8") from error


def _raw(tensor: Tensor) -> bytes:
    if tensor.datatype != "BYTES":
        return np.ascontiguousarray(tensor.data, dtype=DTYPES[tensor.datatype]).tobytes()
    texts = [str(item).encode() for item in tensor.data.reshape(-1).tolist()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def _objects(items: list[Any]) -> Array:
    """An array of Python objects with one axis, whatever the objects are."""
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made


def _finite(item: Any) -> Any:
    """JSON has neither NaN nor infinity: null stands for them."""
    return None if isinstance(item, float) and not math.isfinite(item) else item


def _parameter(item: Mapping[str, Any], name: str) -> Any:
    given = item.get("parameters")
    return given.get(name) if isinstance(given, dict) else None


def _wrong(what: str) -> FixInput:
    hint = "The Open Inference Protocol v2 says how: kserve.github.io, Open Inference Protocol."
    return FixInput("inference.malformed", f"This is no inference request: {what}.", hint)
