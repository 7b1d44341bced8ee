"""A second opinion on what a guard is unsure of, by a classifier or a judge that the operator supplies."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from pathlib import Path

import numpy as np

from holdfast.domain.errors import FixInput
from holdfast.guards.text._onnx import open_session

Opinion = Callable[[Sequence[str]], Sequence[float]]


class Second:
    """Asks for an opinion in a thread of its own, and waits no longer than the deadline.

    While one question is not answered, none is asked after it: a judge that hangs costs each passage nothing more.
    """

    def __init__(self, opinion: Opinion, deadline_ms: float) -> None:
        self._opinion, self._seconds = opinion, deadline_ms / 1000
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="second-opinion")
        self._asked: Future[Sequence[float]] | None = None

    def __call__(self, texts: Sequence[str]) -> list[float] | None:
        """A score from 0 to 1 of each text; None where there was none in time. An opinion that raises, raises here."""
        if not texts:
            return []
        if self._asked is not None and not self._asked.done():
            return None
        self._asked = self._pool.submit(self._opinion, list(texts))
        try:
            said = self._asked.result(self._seconds)
        except TooLate:
            return None
        scores = np.asarray(said, dtype=np.float64)
        if scores.shape != (len(texts),) or not np.isfinite(scores).all():
            raise ValueError("the second stage gives one finite number for each text")
        return [float(score) for score in np.clip(scores, 0.0, 1.0)]


def second_stage(classifier: str, judge: str, deadline_ms: float) -> Second | None:
    """The second stage that the parameters name; None where they name none, FixInput where it cannot be had."""
    if classifier and judge:
        raise FixInput("guard.second", "A classifier and a judge are named.", "Name one of them.")
    if classifier:
        return Second(_classifier(classifier), deadline_ms)
    return Second(_judge(judge), deadline_ms) if judge else None


def _judge(name: str) -> Opinion:
    module, _, attribute = name.partition(":")
    try:
        ask = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise FixInput("guard.judge", f"There is no {name}.", "Name a function as package.module:name.") from error
    return lambda texts: [float(ask(text)) for text in texts]


def _classifier(file: str) -> Opinion:
    session = open_session(Path(file))
    asked = session.get_inputs()[0]
    if asked.type != "tensor(string)":
        raise FixInput(
            "guard.classifier", f"{file} takes {asked.type}, not strings.", "Export it with its tokeniser in it."
        )
    is_column = len(asked.shape) == 2
    names = [output.name for output in session.get_outputs() if output.type.startswith("tensor(float")]
    if not names:
        raise FixInput("guard.classifier", f"{file} gives no probabilities.", "Export it without a ZipMap.")

    def opinion(texts: Sequence[str]) -> Sequence[float]:
        given = np.array(texts, dtype=object).reshape((-1, 1) if is_column else -1)
        said = np.asarray(session.run(names[-1:], {asked.name: given})[0], dtype=np.float64)
        return [float(score) for score in (said[:, -1] if said.ndim == 2 else said)]

    return opinion
