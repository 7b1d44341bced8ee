"""A model behind a wall, as a `Target`: in a worker process of its own, or on the server that it already runs on."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.evidence import Protection
from holdfast.domain.schema import Schema
from holdfast.targets.direct import DirectTarget
from holdfast.targets.process import Worker
from holdfast.targets.spec import Additive, ModelFacts, TargetSpec


class Channel(Protocol):
    """A way to one open model."""

    facts: ModelFacts

    def ask(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answers about float64 rows (n, features): (n, classes) probabilities, (n, 1) codes or (n, 1) values."""

    def contributions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """What columns contribute, (n, outputs, features + 1); see `ModelFacts.additive`."""

    def protections(self) -> tuple[Protection, ...]:
        """What stands between the model and this machine."""

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked."""

    def close(self) -> None:
        """Let go of it."""


class IsolatedTarget(DirectTarget):
    """A `Target` whose model runs none of its code in this process. A context manager: closing ends the model.

    Not picklable: send the `TargetSpec`, and open it where it is needed.
    """

    def __init__(self, channel: Channel, schema: Schema, threshold: float) -> None:
        super().__init__(channel.ask, schema, gives_scores=channel.facts.gives_scores, threshold=threshold)
        self._channel = channel

    @property
    def additive(self) -> Additive | None:
        """How its contributions add up; None where its structure does not tell."""
        return self._channel.facts.additive

    def contributions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """What columns contribute, (n, outputs, features + 1); counted as questions, not yet held to the answers."""
        self._queries += len(rows)
        return self._channel.contributions(rows)

    @property
    def facts(self) -> ModelFacts:
        """What the model says of itself."""
        return replace(self._channel.facts, protections=self.protections)

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What was active while the model ran."""
        return self._channel.protections()

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked: a model that crashed or hung is dead for good."""
        return self._channel.is_alive

    def close(self) -> None:
        """End the model's process or connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> str:
        raise TypeError("an open target cannot be pickled; send its TargetSpec and open that")


def open_target(spec: TargetSpec, schema: Schema) -> IsolatedTarget:
    """Open the model, ready to answer about rows of `schema`.

    Raises ModelFailed where it crashes, hangs or does not fit, RefusedArtifact where its file would run code,
    FixInput where the schema does not match it, Unavailable where a server or a library is missing.
    """
    return IsolatedTarget(_channel(spec, schema), schema, spec.threshold)


def describe(spec: TargetSpec, schema: Schema | None = None) -> ModelFacts:
    """What the model says of itself, from an isolated worker. With a schema, `gives_scores` is certain for all formats.

    Errors as for `open_target`.
    """
    channel = _channel(spec, schema)
    try:
        return replace(channel.facts, protections=channel.protections())
    finally:
        channel.close()


def _channel(spec: TargetSpec, schema: Schema | None) -> Channel:
    if spec.is_remote:
        from holdfast.targets.http import Server

        return Server(spec, schema)
    return Worker(spec, schema)
