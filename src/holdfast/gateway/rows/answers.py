"""What was decided, in the words of the protocol in which it was asked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Feature, Schema
from holdfast.gateway.http.server import Reply
from holdfast.gateway.rows import invocations, openinference
from holdfast.gateway.rows.backends import JSON_LENGTH
from holdfast.gateway.rows.openinference import InferRequest, Tensor
from holdfast.gateway.rows.serving import Outcome

DECISION = b"holdfast-decision"
"""The header that names the first decision of an answer."""

REVIEW, MOST_NAMED = b"holdfast-review", 20
"""The header that names the first decisions at which a person looks later, and how many it names."""

_KINDS = {"f": "FP64", "i": "INT64", "u": "UINT64", "b": "BOOL"}


def inferred(name: str, request: InferRequest, outcome: Outcome) -> Reply:
    """An answer in the Open Inference Protocol: the upstream's own bytes, where nothing in them was changed."""
    answered = outcome.answered
    if answered is not None and answered.raw:
        return Reply(200, answered.raw, (*(answered.headers or ()), *_named(outcome)))
    body, length = openinference.write_answer(name, "1", request, _tensors(outcome))
    if length is None:
        return Reply(200, body, ((b"content-type", b"application/json"), *_named(outcome)))
    mixed = (b"content-type", b"application/octet-stream"), (JSON_LENGTH, b"%d" % length)
    return Reply(200, body, (*mixed, *_named(outcome)))


def predicted(outcome: Outcome) -> Reply:
    """An answer as MLflow's clients expect it: one value for each row, the decision where there is one."""
    body = invocations.write_predictions(_values(outcome))
    return Reply(200, body, ((b"content-type", b"application/json"), *_named(outcome)))


def metadata(name: str, schema: Schema) -> dict[str, Any]:
    """What a client of the Open Inference Protocol is told of a model: a tensor for each column."""
    inputs = [{"name": one.name, "datatype": _datatype(one), "shape": [-1, 1]} for one in schema.features]
    decided = "BYTES" if schema.classes else "FP64"
    outputs: list[dict[str, Any]] = [{"name": "predict", "datatype": decided, "shape": [-1]}]
    if schema.classes:
        outputs.append({"name": "predict_proba", "datatype": "FP64", "shape": [-1, len(schema.classes)]})
    return {"name": name, "versions": ["1"], "platform": "holdfast", "inputs": inputs, "outputs": outputs}


def _datatype(feature: Feature) -> str:
    return "BYTES" if any(isinstance(category, str) for category in feature.categories) else "FP64"


def _named(outcome: Outcome) -> list[tuple[bytes, bytes]]:
    named = [(DECISION, (outcome.ids[0] if outcome.ids else "").encode())]
    if outcome.waiting:
        named.append((REVIEW, ", ".join(outcome.waiting[:MOST_NAMED]).encode()))
    return named


def _tensors(outcome: Outcome) -> list[Tensor]:
    """Decisions, and the scores of all classes as one matrix; the fallback where a guard kept the row back."""
    reply = outcome.reply
    if reply is None:
        return [_tensor("predict", np.array(_values(outcome)))]
    if reply.scores is None:
        return [_tensor(name, values) for name, values in reply.columns()]
    decided = [_tensor(name, values) for name, values in reply.decisions]
    return [*decided, Tensor("predict_proba", "FP64", reply.scores)]


def _tensor(name: str, values: NDArray[Any]) -> Tensor:
    return Tensor(name, _KINDS.get(values.dtype.kind, "BYTES"), values)


def _values(outcome: Outcome) -> list[Any]:
    reply = outcome.reply
    if reply is None:
        return [] if outcome.fallback is None else [outcome.fallback]
    if reply.decisions:
        return list(reply.decisions[0][1].tolist())
    return list((reply.values[0] if reply.scores is None else reply.scores).tolist())
