"""An upstream that is an MLflow scoring server: rows as ``dataframe_split`` to ``/invocations``, predictions back."""

from __future__ import annotations

from dataclasses import replace

import orjson

from holdfast.domain.errors import FixInput, ModelFailed
from holdfast.domain.schema import Schema
from holdfast.flows.exchange import Matrix
from holdfast.gateway.http.beside import beside
from holdfast.gateway.http.upstream import Upstream
from holdfast.gateway.rows.backends import MOST_ANSWER_BYTES, Answered, Put, reply_from
from holdfast.targets.answers import gives_scores, to_matrix
from holdfast.targets.model import Batch
from holdfast.targets.protocols import MLflow
from holdfast.targets.spec import TargetSpec

FEW = 2_000
"""Values up to which a request is written, and its answer read, without leaving the loop."""


class Scoring:
    """MLflow's scoring server. What a client sent is not handed on: rows are written anew, in the schema's order.

    Where it answers scores, whoever asked hears scores: no decision is made of them here.
    """

    def __init__(self, upstream: Upstream, schema: Schema) -> None:
        self.upstream, self._schema = upstream, schema
        self._protocol = MLflow(TargetSpec("mlflow", upstream.origin.url))

    async def answer(self, rows: Matrix, put: Put) -> Answered:
        """As `Backend` says."""
        body = await beside(rows.size, lambda: self._written(rows), FEW)
        headers = [
            (b"content-type", b"application/json"),
            *(pair for pair in put.headers if pair[0] != b"content-type"),
        ]
        answer = await self.upstream.ask(b"POST", b"/invocations", headers, body)
        told = await answer.body(MOST_ANSWER_BYTES)
        if answer.status != 200:
            raise ModelFailed("upstream.status", f"The upstream answered {answer.status}.", "Look at the upstream.")
        return await beside(rows.size, lambda: self._read(told, len(rows)), FEW)

    async def close(self) -> None:
        """Let the connections go."""
        self.upstream.close()

    def _written(self, rows: Matrix) -> bytes:
        return orjson.dumps(self._protocol.request(Batch(rows, self._schema)))

    def _read(self, told: bytes, rows: int) -> Answered:
        try:
            raw = self._protocol.answer(orjson.loads(told))
            has_scores = gives_scores(raw, rows, self._schema)
            matrix = to_matrix(raw, rows, self._schema, (), has_scores)
        except (orjson.JSONDecodeError, FixInput) as error:
            raise ModelFailed(
                "upstream.malformed", "The upstream's answer holds no predictions.", str(error)
            ) from error
        return Answered(replace(reply_from(matrix, self._schema), decisions=()))
