"""From training rows to a reference: what guards need to know of ordinary rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet
from holdfast.datasets.dataset import Dataset
from holdfast.datasets.infer import Stated, infer_schema
from holdfast.datasets.raw import Reader
from holdfast.domain.errors import FixInput
from holdfast.domain.reference import Place, Reference
from holdfast.domain.schema import Schema
from holdfast.guards.bins import Bins, Codes, learn_levels
from holdfast.guards.oddity import MOST_COLUMNS, learn_oddity, telling

Matrix = NDArray[np.float64]

FEWEST_ROWS = 100
MOST_ROWS = 50_000
KEPT = 0.999
"""A relation that fewer training rows keep is a custom, not a rule."""

UNSEEN_MASS = 0.001
"""Chance that an ordinary new row shows a pair of levels that is taken for impossible."""

LEAST_EXPECTED = 5.0
MOST_APART = 2_000
MOST_COMPARED = 64
PAIRS = 100_000
NEAR_BY_CHANCE = 0.001
WINDOW = 128
"""Rows before it with which an ordinary row is compared, to learn how crowded ordinary traffic is."""

CROWDED = 0.999


def learn_reference(
    table: Any, schema: Schema | None = None, *, target: str = "", data: str = "", seed: int = 0
) -> Reference:
    """The reference of training rows: a pandas or Arrow table, mappings, a matrix of values, or a `Dataset`.

    Without a `schema` one is inferred, of all columns but `target`. `data` is the digest of the table's file; without
    one, that of the row matrix. FixInput for fewer than 100 rows.
    """
    schema = schema or schema_of(table, target)
    X = table.X if isinstance(table, Dataset) else Reader(schema, known=(schema.target,)).read(table).X
    if len(X) < FEWEST_ROWS:
        raise FixInput(
            "reference.too-few-rows",
            f"{len(X)} rows say too little of what is ordinary.",
            f"Give at least {FEWEST_ROWS}; a thousand and more make sharp guards.",
        )
    data = data or "sha256:" + hashlib.sha256(np.ascontiguousarray(X).tobytes()).hexdigest()
    rng = np.random.default_rng(seed)
    rows = X if len(X) <= MOST_ROWS else X[np.sort(rng.choice(len(X), MOST_ROWS, replace=False))]
    return _learn(rows, len(X), schema, data, rng)


def schema_of(table: Any, target: str = "") -> Schema:
    """The schema that a table of training rows shows: all columns but `target` are features."""
    import pandas as pd

    frame = table.to_pandas() if hasattr(table, "to_pandas") else table
    if not isinstance(frame, pd.DataFrame):
        frame = pd.DataFrame(frame)
        frame.columns = [str(name) for name in frame.columns]
    if not target:
        target = max(map(str, frame.columns), key=len, default="") + "_outcome"  # a name that no column has
        frame = frame.assign(**{target: np.arange(len(frame)) % 2})
    return infer_schema(frame, Stated(target=target))


def _learn(X: Matrix, rows: int, schema: Schema, data: str, rng: np.random.Generator) -> Reference:
    levels = learn_levels(X, schema)
    codes = Bins(levels).codes(X)
    compared = telling(codes, MOST_COMPARED)
    near, crowd = _crowding(codes[:, compared], rng)
    return Reference(
        schema=schema,
        data=data,
        rows=rows,
        missing=tuple(round(float(share), 6) for share in np.isnan(X).mean(axis=0)),
        levels=levels,
        apart=_apart(codes),
        kept=tuple(r.text for r in ConstraintSet(schema).relations if r.holds(X).mean() >= KEPT),
        oddity=learn_oddity(X, codes, levels, schema, rng),
        compared=compared,
        near=near,
        crowd=crowd,
    )


def _apart(codes: Codes) -> tuple[tuple[Place, Place], ...]:
    """Levels of two features that never meet, though so many rows were expected to have both that this is a rule.

    Pairs that are merely rare are told from those by how many met once: the chance that the next row shows a pair
    that never did is about their number over the rows (Good 1953, "The population frequencies of species"). So many
    are expected of the pairs chosen that the estimate stays below `UNSEEN_MASS`.
    """
    never: list[tuple[float, tuple[Place, Place]]] = []
    once: list[float] = []
    for i, j in combinations(telling(codes, MOST_COLUMNS), 2):
        for expected, pair, met in _scarce(codes, i, j):
            if met:
                once.append(expected)
            else:
                never.append((expected, pair))
    allowed = int(UNSEEN_MASS * len(codes))
    once.sort(reverse=True)
    floor = once[allowed] if len(once) > allowed else LEAST_EXPECTED
    found = sorted((entry for entry in never if entry[0] > floor), key=lambda entry: (-entry[0], entry[1]))
    return tuple(sorted(pair for _, pair in found[:MOST_APART]))


def _scarce(codes: Codes, i: int, j: int) -> Iterator[tuple[float, tuple[Place, Place], int]]:
    """Expected rows, levels and rows met, of the pairs that met never or once though five or more were expected."""
    a, b = codes[:, i].astype(np.int64), codes[:, j].astype(np.int64)
    wide = int(b.max()) + 1
    met = np.bincount(a * wide + b, minlength=(int(a.max()) + 1) * wide).reshape(-1, wide)
    expected = met.sum(axis=1, keepdims=True) * met.sum(axis=0, keepdims=True) / len(codes)
    scarce = (met <= 1) & (expected >= LEAST_EXPECTED)
    scarce[0] = scarce[:, 0] = False
    for u, v in zip(*np.nonzero(scarce), strict=True):
        yield float(expected[u, v]), ((i, int(u)), (j, int(v))), int(met[u, v])


def _crowding(codes: Codes, rng: np.random.Generator) -> tuple[int, float]:
    """How many levels two rows must share to be near, and which share of those before it is near an ordinary row."""
    p = codes.shape[1]
    a = rng.integers(0, len(codes), PAIRS)
    b = (a + rng.integers(1, len(codes), PAIRS)) % len(codes)
    shared = (codes[a] == codes[b]).sum(axis=1)
    shares = [float((shared >= m).mean()) for m in range(p + 1)]
    near = next((m for m in range(p // 2 + 1, p + 1) if shares[m] <= NEAR_BY_CHANCE), p)
    judged = rng.permutation(len(codes))[:2_000]
    before = np.array([rng.choice(len(codes), WINDOW) for _ in judged])
    same = np.zeros((len(judged), WINDOW), dtype=np.int64)
    for j in range(p):
        same += codes[before, j] == codes[judged, j][:, None]
    crowd = ((same >= near) & (before != judged[:, None])).mean(axis=1)
    return near, round(float(np.quantile(crowd, CROWDED)), 6)
