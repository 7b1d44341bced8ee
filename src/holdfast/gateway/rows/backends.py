"""Where a system's answers come from: a model in an isolated worker here, or a server that speaks the same protocol."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.encode import decode
from holdfast.domain.errors import FixInput, ModelFailed
from holdfast.domain.schema import Schema, Task
from holdfast.flows.exchange import Matrix, Reply
from holdfast.gateway.http.connection import Headers
from holdfast.gateway.http.upstream import Upstream
from holdfast.gateway.rows.openinference import Tensor, read_answer, write_request
from holdfast.targets.direct import decide
from holdfast.targets.isolated import IsolatedTarget

MOST_ANSWER_BYTES = 64 * 1024 * 1024
JSON_LENGTH = b"inference-header-content-length"


MOST_DIGITS = 12

REST = 5.0
"""Seconds between two starts of a model's worker."""


def json_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """How much of a body is JSON; None where the headers do not say. FixInput where they say it twice, or no number."""
    told = [value for name, value in headers if name == JSON_LENGTH]
    if not told:
        return None
    if len(told) > 1 or not told[0].isdigit() or len(told[0]) > MOST_DIGITS:
        hint = "Send it once, as a number."
        raise FixInput("inference.length", "How much of the body is JSON is not clear.", hint)
    return int(told[0])


@dataclass(frozen=True, slots=True)
class Put:
    """A request as an upstream may have it: its body (empty where it came in another protocol), and its headers."""

    body: bytes
    headers: Headers


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What came back: the reply to each row, and the bytes in which it came, if those can be handed on as they are."""

    reply: Reply
    raw: bytes = b""
    headers: Headers | None = None


class Backend(Protocol):
    """Answers about the rows of one request."""

    async def answer(self, rows: Matrix, put: Put) -> Answered:
        """The answers to all rows; a HoldfastError where there are none."""

    async def close(self) -> None:
        """Let go of it."""


class Worker:
    """A released model in an isolated worker of this machine. One question at a time; others wait.

    A worker that crashed, hung or was killed is started anew for the next question, but not before `REST` is over.
    """

    def __init__(self, open_target: Callable[[], IsolatedTarget], schema: Schema) -> None:
        self._open_target = open_target
        self._target = open_target()
        self._schema = schema
        self._turn = asyncio.Lock()
        self._rests_until = 0.0

    async def answer(self, rows: Matrix, put: Put) -> Answered:  # noqa: ARG002 - the rows are all that a model needs
        """As `Backend` says."""
        async with self._turn:
            return Answered(await asyncio.get_running_loop().run_in_executor(None, self._ask, rows))

    def _ask(self, rows: Matrix) -> Reply:
        if not self._target.is_alive and time.monotonic() >= self._rests_until:
            self._rests_until = time.monotonic() + REST
            self._target.close()
            self._target = self._open_target()
        answer: NDArray[Any] = self._target.scores(rows) if self._target.gives_scores else self._target.predict(rows)
        return reply_from(answer, self._schema, self._target.threshold)

    async def close(self) -> None:
        """End the worker."""
        self._target.close()


def reply_from(answer: NDArray[Any], schema: Schema, threshold: float = 0.5) -> Reply:
    """Scores (m, classes) with the decision that they make, or decisions alone, (m,): class codes, or values."""
    if schema.task is Task.REGRESSION:
        return Reply(("predict",), (answer.reshape(-1),))
    labels = np.array([str(label) for label in schema.classes], dtype=object)
    if answer.ndim == 1 or answer.shape[1] == 1:
        return Reply(("predict",), (labels[answer.reshape(-1).astype(np.int64)],))
    decided = labels[decide(answer, schema, threshold)]
    return Reply(tuple(labels), tuple(answer.T), answer, (("predict", decided),))


class Proxy:
    """A server that speaks the Open Inference Protocol v2; what it answers is handed on byte by byte."""

    def __init__(self, upstream: Upstream, schema: Schema) -> None:
        self.upstream = upstream
        self._schema = schema

    async def answer(self, rows: Matrix, put: Put) -> Answered:
        """As `Backend` says."""
        sent = put if put.body else _written(rows, self._schema, put)
        answer = await self.upstream.ask(b"POST", b"/infer", sent.headers, sent.body)
        body = await answer.body(MOST_ANSWER_BYTES)
        if answer.status != 200:
            raise ModelFailed("upstream.status", f"The upstream answered {answer.status}.", "Look at the upstream.")
        try:
            outputs = read_answer(body, json_length(answer.headers))
        except FixInput as error:
            raise ModelFailed("upstream.malformed", "The upstream's answer is no inference answer.") from error
        kept = [pair for pair in answer.headers if pair[0] in (JSON_LENGTH, b"content-type")]
        return Answered(reply_of(outputs, len(rows), self._schema), body, kept)

    async def close(self) -> None:
        """Let the connections go."""
        self.upstream.close()


def _written(rows: Matrix, schema: Schema, put: Put) -> Put:
    """The rows in the Open Inference Protocol, a tensor for each column."""
    frame = decode(rows, schema)
    columns = {name: frame[name].to_numpy() for name in schema.names}
    tensors = [
        Tensor(name, "FP64" if values.dtype.kind in "fiub" else "BYTES", values[:, None])
        for name, values in columns.items()
    ]
    others = [pair for pair in put.headers if pair[0] != b"content-type"]
    return Put(write_request(tensors), [(b"content-type", b"application/json"), *others])


def reply_of(outputs: Sequence[Tensor], rows: int, schema: Schema) -> Reply:
    """The outputs by row; the first of as many columns as there are classes holds their scores.

    ModelFailed where an output does not have one entry for each row.
    """
    scores: Matrix | None = None
    names: list[str] = []
    values: list[NDArray[Any]] = []
    others: list[tuple[str, NDArray[Any]]] = []
    for output in outputs:
        if output.data.ndim == 0 or output.data.shape[0] != rows:
            what = f"{output.name!r:.80} has {output.data.shape} values for {rows} rows."
            raise ModelFailed("upstream.rows", what, "Look at the upstream.")
        table = output.data.reshape(rows, -1)
        if scores is None and table.dtype.kind == "f" and table.shape[1] == len(schema.classes) > 1:
            scores = table.astype(np.float64)
            names, values = [str(label) for label in schema.classes], list(scores.T)
        elif table.shape[1] == 1:
            others.append((output.name, table[:, 0]))
    if scores is None and others:
        return Reply(tuple(name for name, _ in others), tuple(column for _, column in others))
    if scores is None:
        raise ModelFailed("upstream.outputs", "The upstream's answer has no value for each row.", "Look at it.")
    return Reply(tuple(names), tuple(values), scores, tuple(others))
