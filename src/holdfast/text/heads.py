"""Linear heads over runs of words and characters, for every window of a text at once.

A head is a weight for each place of the two tables of `holdfast.text.grams`; what it says of a window is the sum over
the window's runs, divided by the root of how many there are. Sums of overlapping windows are differences of one running
sum, so they cost no more than the text read once. Weights are integers of eight bits and a scale.

`HEADS` lie beside this file with a note of what they were learned from (``heads.md``); ``python -m bench.heads.train``
makes them again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.text.grams import grams
from holdfast.text.windows import windows

HEADS = "heads.npz"

WORDS, STEP = 40, 20
"""Words of a window, and from one window to the next: short ones, so that what is planted in a long text stands out."""

SHORT = (8, 24)
"""So many runs of words and of characters are added when a window's are counted: a few runs alone prove little."""

BLOCK = 60_000
"""Characters that are read at a time, whole windows of them, so that memory stays small however long a text is."""

AHEAD = 40
"""Characters read beyond a block, so that runs which begin in its last window are whole."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """`words` and `characters` are int8 weights by place, times `scale`; `threshold` is what one window reaches in an
    attack, and each doubling of the number of windows adds `slope` to it.
    """

    words: NDArray[np.int8]
    characters: NDArray[np.int8]
    scale: float
    bias: float
    threshold: float
    slope: float

    def margin(self, scores: Floats, windows: int) -> Floats:
        """How far scores lie above what the highest of so many windows of an ordinary text reaches."""
        return scores - (self.threshold + self.slope * float(np.log2(max(1, windows))))


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Windows of a text, `start` to `end`, int64 (n,), and what each head says of them, float64 (n,)."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    scores: dict[str, Floats]


def score_windows(text: str, heads: Mapping[str, Head]) -> Scored:
    """What heads say of each window of a text that is in plain form."""
    spans = np.array(list(windows(text, WORDS, STEP)), dtype=np.int64)
    parts = [_score_block(text, block, heads) for block in _blocks(spans)]
    scores = {name: np.concatenate([part[name] for part in parts]) for name in heads}
    return Scored(spans[:, 0], spans[:, 1], scores)


def _blocks(spans: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    first = 0
    while first < len(spans):
        last = max(first + 1, int(np.searchsorted(spans[:, 1], spans[first, 0] + BLOCK, side="right")))
        yield spans[first:last]
        first = last


def _score_block(text: str, spans: NDArray[np.int64], heads: Mapping[str, Head]) -> dict[str, Floats]:
    begin, finish = int(spans[0, 0]), int(spans[-1, 1])
    found = grams(text[begin : finish + AHEAD])
    scores = {name: np.full(len(spans), head.bias) for name, head in heads.items()}
    for table, runs, at, short in (
        ("words", found.words, found.words_at, SHORT[0]),
        ("characters", found.characters, found.characters_at, SHORT[1]),
    ):
        first, last = np.searchsorted(at, spans[:, 0] - begin), np.searchsorted(at, spans[:, 1] - begin)
        counts = _between(_summed([np.ones(len(run)) for run in runs], len(at)), first, last)
        for name, head in heads.items():
            weights = getattr(head, table)
            sums = _between(_summed([weights[run] for run in runs], len(at)), first, last)
            scores[name] += head.scale * sums / np.sqrt(counts + short)
    return scores


def _summed(values: list[Any], n: int) -> Floats:
    """Running sums over places 0 to n of what begins at each, float64 (n + 1,)."""
    total = np.zeros(n + 1)
    for each in values:
        total[1 : len(each) + 1] += each
    return np.cumsum(total)


def _between(sums: Floats, first: NDArray[np.int64], last: NDArray[np.int64]) -> Floats:
    return np.asarray(sums[last] - sums[first], dtype=np.float64)


@cache
def shipped() -> dict[str, Head]:
    """The heads that come with the package: `told`, for what people say, and `read`, for what a model is given to read
    (documents, pages, results of tools).
    """
    with files("holdfast.text").joinpath(HEADS).open("rb") as file, np.load(file) as arrays:
        about = json.loads(arrays["about"].tobytes())
        return {
            name: Head(arrays[f"{name}_words"], arrays[f"{name}_characters"], **numbers)
            for name, numbers in about["heads"].items()
        }
