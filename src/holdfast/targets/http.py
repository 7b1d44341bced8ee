"""Models behind a URL: Open Inference Protocol v2 (REST) and MLflow's ``/invocations``. No code of theirs runs here.

Sources: Open Inference Protocol 2.0, `specification/protocol/inference_rest.md`; MLflow, scoring server,
`dataframe_split`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import httpx
import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput, ModelFailed, Unavailable
from holdfast.domain.evidence import Protection
from holdfast.domain.schema import Schema
from holdfast.targets import protocols
from holdfast.targets.answers import gives_scores, to_matrix, typical_rows
from holdfast.targets.model import Batch
from holdfast.targets.patience import Patience, excerpt
from holdfast.targets.spec import ModelFacts, TargetSpec

Matrix = NDArray[np.float64]

ROWS_PER_REQUEST = 2000
SIDE_BY_SIDE = 4
LONGEST_PAUSE_S = 10.0
ANSWER_BYTES = 1 << 20
ANSWER_BYTES_PER_ROW = 4096
BUSY = (429, 502, 503, 504)


class Server:
    """One model on a server. Asks for at most `ROWS_PER_REQUEST` rows at once, `SIDE_BY_SIDE` requests at a time."""

    def __init__(self, spec: TargetSpec, schema: Schema | None = None) -> None:
        if httpx.URL(spec.location).userinfo:
            raise FixInput(
                "model.secret-in-url",
                "The model's URL holds a password, which would be sealed into the evidence.",
                "Take it out, and name a header and an environment variable under `model.headers`.",
            )
        self._spec = spec
        self._schema = schema
        self._patience = Patience("model", "The server", BUSY, spec.seconds_per_call, LONGEST_PAUSE_S)
        self._client = httpx.Client(
            headers=held_secrets(dict(spec.headers), "model.headers"),
            timeout=httpx.Timeout(spec.seconds_per_call, connect=min(10.0, spec.seconds_per_call)),
            limits=httpx.Limits(max_connections=SIDE_BY_SIDE),
        )
        try:
            self._protocol = protocols.choose(spec, self._metadata)
            self._gives_scores = True
            if schema is not None:
                raw = self._ask_once(typical_rows(schema))
                self._gives_scores = gives_scores(raw, 2, schema)
        except BaseException:
            self.close()
            raise
        self.facts: ModelFacts = self._protocol.facts(self._gives_scores)

    def ask(self, rows: Matrix) -> Matrix:
        """Answers of shape (n, classes), or (n, 1); not yet checked for NaN."""
        parts = list(_parts(rows))
        if len(parts) == 1:
            return self._answer(parts[0])
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return np.concatenate(list(pool.map(self._answer, parts)))

    def contributions(self, rows: Matrix) -> Matrix:  # noqa: ARG002 -- as every channel
        """Nothing that is behind a URL tells."""
        raise ModelFailed("model.no-contributions", "A server does not say what its model's columns contribute.")

    def protections(self) -> tuple[Protection, ...]:
        """None of the worker's apply: the model runs elsewhere."""
        return (
            Protection("separate machine", active=True, detail="a server answers; none of the model's code runs here"),
            Protection("time limit", active=True, detail=f"{self._spec.seconds_per_call:g} s without a byte"),
        )

    @property
    def is_alive(self) -> bool:
        """Whether it may still be asked; a server that failed once may answer again."""
        return not self._client.is_closed

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _answer(self, rows: Matrix) -> Matrix:
        return to_matrix(self._ask_once(rows), len(rows), self._needed_schema, (), self._gives_scores)

    @property
    def _needed_schema(self) -> Schema:
        if self._schema is None:
            raise ModelFailed("model.no-schema", "The model was opened to be described, not to be asked.")
        return self._schema

    def _ask_once(self, rows: Matrix) -> Any:
        body = self._protocol.request(Batch(rows, self._needed_schema))
        most = ANSWER_BYTES + ANSWER_BYTES_PER_ROW * len(rows)
        status, data = self._patience.send(self._client, "POST", self._protocol.url, most, json.dumps(body).encode())
        if status != httpx.codes.OK:
            _refuse(status, data)
        return self._protocol.answer(self._patience.parsed(data))

    def _metadata(self, url: str) -> dict[str, Any] | None:
        """What the server tells of the model; None where it tells nothing."""
        status, data = self._patience.send(self._client, "GET", url, ANSWER_BYTES)
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            _refuse(status, data)
        if status != httpx.codes.OK:
            return None
        found = self._patience.parsed(data)
        return found if isinstance(found, dict) else None


def held_secrets(held: Mapping[str, str], where: str) -> dict[str, str]:
    """The secrets that environment variables hold, by the same names; FixInput, which says `where` each is named."""
    absent = [variable for variable in held.values() if variable not in os.environ]
    if absent:
        raise FixInput(
            "model.missing-variable",
            f"The environment variable {absent[0]}, which holds a secret for the model's server, is not set.",
            f"Set it, or change `{where}` in the manifest.",
        )
    return {name: os.environ[variable] for name, variable in held.items()}


def _parts(rows: Matrix) -> Iterator[Matrix]:
    for start in range(0, len(rows), ROWS_PER_REQUEST):
        yield rows[start : start + ROWS_PER_REQUEST]


def _refuse(status: int, data: bytes) -> NoReturn:
    """An error status in words: ours to mend, the server's to mend, or the model's failure."""
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        hint = "Name a header and the environment variable that holds it under `model.headers`."
        raise FixInput("model.no-access", f"The model's server refuses access (status {status}).", hint)
    if status in BUSY:
        raise Unavailable("model.busy", f"The model's server stayed busy (status {status}).", "Try again later.")
    raise ModelFailed("model.raised", f"The model's server answered with status {status}.", excerpt(data))
