"""Decisions of registered segments as rows for monitors, with what turned out to be true of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from holdfast import canonical
from holdfast.decisions.labels import current
from holdfast.decisions.read import Reader
from holdfast.decisions.segments import Segments, read_segment, rows_of
from holdfast.domain.decision import Ended, Lane, Segment
from holdfast.domain.errors import Absent, Tampered
from holdfast.domain.guard import Action
from holdfast.domain.ids import day_of
from holdfast.domain.schema import Feature, Kind, Scalar, Schema
from holdfast.domain.watch import Baseline, Watch
from holdfast.monitors.contract import Rows, Vector

SCORES = ("{}", "score_{}", "score", "probability")
"""What the output with the score of a class is called, by the gateway and by the shield."""

DECISIONS = ("predict", "prediction", "decision", "output")
KINDS = ("", ":int", ":bool", ":text")
_MICROS = 1e-6


class Observations:
    """Reads registered `segments`; labels, which may be of this process's own log, through `reader`."""

    def __init__(self, segments: Segments, reader: Reader) -> None:
        self._segments = segments
        self._reader = reader

    def now(self, system: str) -> Observed:
        """A system's decisions, with what is known of them now."""
        import duckdb

        with duckdb.connect() as connection:
            labels = current(self._reader, connection, system=system).to_arrow_table()
        return Observed(self._segments, Labels(labels))

    def all(self, system: str, baseline: Baseline, watch: Watch) -> Iterator[Rows]:
        """Every decision of a system that the baseline's release made, sealed or not, some at a time.

        In a log without a control plane decisions need not say which release made them; those count, too.
        """
        labels = self.now(system).labels
        for batch in self._reader.batches(system=system):
            table = pa.Table.from_batches([batch])
            is_own = pc.is_in(table["release"], pa.array([baseline.release, ""]))
            yield _rows(table.filter(pc.and_(is_own, _is_whole(table))), baseline.schema, watch, labels)


class Observed:
    """A system's decisions with the labels that were in force at one moment."""

    def __init__(self, segments: Segments, labels: Labels) -> None:
        self._segments = segments
        self.labels = labels

    def rows(self, segment: Segment, baseline: Baseline, watch: Watch) -> Rows:
        """The decisions of the baseline's release in a segment.

        What only listened is left out, and what opened an answer whose end is a decision of its own. Absent where the
        file is gone, Tampered where it is another than was registered.
        """
        table = rows_of(self._read(segment))
        is_own = pc.equal(table["release"], baseline.release)
        return _rows(table.filter(pc.and_(is_own, _is_whole(table))), baseline.schema, watch, self.labels)

    def labelled_days(self, segment: Segment) -> frozenset[str]:
        """The days of the decisions that a segment of labels is about; errors as of `rows`."""
        return frozenset(map(day_of, rows_of(self._read(segment), ["decision"])["decision"].to_pylist()))

    def _read(self, segment: Segment) -> bytes:
        try:
            data = read_segment(self._segments, segment.place)
        except FileNotFoundError as error:
            raise Absent("segment.missing", f"{segment.place} does not lie where it is looked for.") from error
        if canonical.digest_bytes(data) != segment.file:
            hint = "Keep a copy before anything else; restore it from a backup and verify that."
            raise Tampered("segment.changed", f"{segment.place} is not the file that was registered.", hint)
        return data


class Labels:
    """Labels in force, by decision."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {id: place for place, id in enumerate(self._table["decision"].to_pylist())}

    def of(self, ids: Sequence[str]) -> pa.Table:
        """The labels of these decisions, in order; a row of nulls for one without."""
        places = self._places
        return self._table.take(pa.array([places.get(id) for id in ids], pa.int64()))


def _is_whole(table: pa.Table) -> Any:
    """Which rows are decisions that somebody heard, each once."""
    return pc.and_(pc.not_equal(table["lane"], Lane.SHADOW), pc.not_equal(table["ended"], Ended.OPENED))


def _rows(table: pa.Table, schema: Schema, watch: Watch, labels: Labels) -> Rows:
    ids = table["id"].to_pylist()
    told = labels.of(ids)
    X = np.empty((len(ids), len(schema.features)))
    for j, feature in enumerate(schema.features):
        X[:, j] = _values(table, f"input_{_column(feature.name)}", _codes_of(feature))
    score, decision = _answers(table, schema, watch)
    classes = _classes_of(schema)
    return Rows(
        X=X,
        score=score,
        decision=decision,
        label=_values(told, "outcome", classes),
        at=_times(table["decided_at"]),
        label_at=_times(told["received_at"]),
        source=_texts(told["source"]),
        principal=_texts(table["principal"]),
        subject=_texts(table["subject"]),
        ended=_texts(table["ended"]),
        id=np.array(ids, dtype=object),
        flagged=_flagged(table["verdicts"]),
    )


def _column(name: str) -> str:
    return name.replace(":", "::")


def _codes_of(feature: Feature) -> Mapping[Scalar, int] | None:
    return {value: code for code, value in enumerate(feature.categories)} if feature.kind is Kind.CATEGORY else None


def _classes_of(schema: Schema) -> Mapping[Scalar, int] | None:
    return {value: code for code, value in enumerate(schema.classes)} if schema.task.is_classification else None


def _answers(table: pa.Table, schema: Schema, watch: Watch) -> tuple[Vector, Vector]:
    """Score and decision of each row. Where there are only scores of all classes, the highest decides."""
    names = {name.removeprefix("output_") for name in table.column_names if name.startswith("output_")}
    classes = _classes_of(schema)
    found = watch.decision or next((name for name in DECISIONS if name in names), "")
    if classes is None:
        named = schema.target if {_column(schema.target) + kind for kind in KINDS} & names else "score"
        value = _values(table, f"output_{_column(watch.score or found or named)}", None)
        return value, value
    columns = [_score_name(names, str(label), place) for place, label in enumerate(schema.classes)]
    favourable = schema.favourable if schema.favourable is not None else len(schema.classes) - 1
    score = _values(table, f"output_{watch.score or columns[favourable]}", None)
    decision = _values(table, f"output_{_column(found)}", classes) if found else np.full(len(table), np.nan)
    if not found and all(columns):
        each = np.column_stack([_values(table, f"output_{name}", None) for name in columns])
        known = ~np.isnan(each).any(axis=1)
        decision[known] = each[known].argmax(axis=1)
    return score, decision


def _score_name(names: set[str], label: str, place: int) -> str:
    wanted = [form.format(_column(key)) for key in (label, str(place)) for form in SCORES[:2]]
    return next((name for name in wanted if name in names), "score" if "score" in names and place == 1 else "")


def _values(table: pa.Table, name: str, codes: Mapping[Scalar, int] | None) -> Vector:
    """A named value of each row as a number, NaN where there is none, whatever types it had; `codes` makes codes."""
    found = np.full(len(table), np.nan)
    for kind in KINDS:
        if name + kind in table.column_names:
            values = _coded(table[name + kind], codes) if codes is not None else _numbers(table[name + kind])
            found = np.where(np.isnan(found), values, found)
    return found


def _numbers(column: pa.ChunkedArray) -> Vector:
    if pa.types.is_string(column.type) or pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def _coded(column: pa.ChunkedArray, codes: Mapping[Scalar, int]) -> Vector:
    """Python calls 1, 1.0 and True equal, and so do the categories of a table that was read twice."""
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    coded = column.combine_chunks().dictionary_encode()
    words = {str(value): code for value, code in codes.items()}
    known = [float(codes.get(value, words.get(str(value), -1))) for value in coded.dictionary.to_pylist()]
    places = np.asarray(coded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False), dtype=np.int64)
    return np.array([*known, np.nan])[places]


def _times(column: pa.ChunkedArray) -> Vector:
    micros = column.cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy()
    return np.asarray(micros, dtype=np.float64) * _MICROS


def _texts(column: pa.ChunkedArray) -> NDArray[np.object_]:
    return np.array(column.fill_null("").to_pylist(), dtype=object)


def _flagged(column: pa.ChunkedArray) -> NDArray[np.object_]:
    """Which guards flagged each row. Rows share their verdicts' texts, so each text is read once."""
    coded = column.combine_chunks().dictionary_encode()
    told = np.empty(len(coded.dictionary) + 1, dtype=object)
    told[:] = [*(_flags(text) for text in coded.dictionary.to_pylist()), ()]
    places = coded.indices.fill_null(len(told) - 1).to_numpy(zero_copy_only=False)
    return np.asarray(told[places])


def _flags(text: str) -> tuple[str, ...]:
    said: list[dict[str, Any]] = orjson.loads(text)
    return tuple(one["guard"] for one in said if one["action"] != Action.ALLOW)
