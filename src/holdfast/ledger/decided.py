"""A decision or a label read back from the values of one row. Nothing here needs a Parquet reader.

Named values become columns ``input_<name>`` and ``output_<name>``; a colon in a name is doubled. Where one name has
values of several kinds in a segment, the further kinds stand in columns of their own, ``input_<name>:<type>``. A
missing value and a name that was not given at all are one thing: no value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from holdfast import canonical
from holdfast.domain.decision import Decision, Ended, Field, Label, Lane
from holdfast.domain.errors import FixInput
from holdfast.domain.guard import GuardVerdict
from holdfast.domain.schema import Scalar
from holdfast.ledger.rows import Column, Type

Row = dict[str, Scalar | None]
"""A row by the names of its columns."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FREE = re.compile(r"(?:input|output)_((?:[^:]|::)*)(?::(?:int|bool|text))?", re.DOTALL)
_OUTCOME = re.compile(r"outcome(?::(?:int|bool|text))?")
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Form:
    """What a kind of segment holds: its `format`, the columns that each row has, and how the other names start."""

    folder: str
    format: str
    fixed: tuple[Column, ...]
    free: tuple[str, ...]

    @property
    def time(self) -> str:
        """The column that says when; the first one that holds a time."""
        return next(column.name for column in self.fixed if column.type is Type.TIME)


def _columns(**types: Type) -> tuple[Column, ...]:
    return tuple(Column(name, type) for name, type in types.items())


DECISIONS = Form(
    "decisions",
    "holdfast-decisions/1",
    _columns(
        id=Type.TEXT,
        decided_at=Type.TIME,
        system=Type.TEXT,
        release=Type.TEXT,
        environment=Type.TEXT,
        lane=Type.TEXT,
        ended=Type.TEXT,
        gateway=Type.TEXT,
        principal=Type.TEXT,
        subject=Type.TEXT,
        reasons=Type.TEXT,
        verdicts=Type.TEXT,
        sealed=Type.TEXT,
        snapshot=Type.TEXT,
        micros=Type.INT,
        trace=Type.TEXT,
        follows=Type.TEXT,
        policy=Type.TEXT,
        reference=Type.TEXT,
    ),
    ("input_", "output_"),
)
LABELS = Form(
    "labels",
    "holdfast-labels/1",
    _columns(
        id=Type.TEXT,
        received_at=Type.TIME,
        system=Type.TEXT,
        decision=Type.TEXT,
        observed_at=Type.TIME,
        source=Type.TEXT,
    ),
    ("outcome",),
)
ADDED = frozenset({"policy", "reference"})
"""Columns of text that decisions got later. Segments from before lack them, and keep the layout that they have."""

FORMS = {form.folder: form for form in (DECISIONS, LABELS)}


def folder_of(form: Form, system: str = "", day: str = "") -> str:
    """Below which folder the segments of a form, a system and a day lie, in the way of Hive partitions."""
    parts = [form.folder] + ([f"system={_name(system)}"] if system else []) + ([f"day={day}"] if day else [])
    return "/".join(parts)


def decision_of(row: Mapping[str, Scalar | None]) -> Decision:
    """The decision in a row; FixInput where the row holds none."""
    try:
        fixed: dict[str, Any] = {
            column.name: row[column.name] if column.name not in ADDED else row.get(column.name) or ""
            for column in DECISIONS.fixed
        }
        fixed |= {
            "at": text_of(fixed.pop("decided_at")),
            "lane": Lane(fixed["lane"]),
            "ended": Ended(fixed["ended"]),
            "reasons": tuple(json.loads(fixed["reasons"])),
            "verdicts": tuple(canonical.rebuild(GuardVerdict, said) for said in json.loads(fixed["verdicts"])),
        }
        return Decision(**fixed, inputs=_fields("input_", row), outputs=_fields("output_", row))
    except (KeyError, TypeError, ValueError) as error:
        raise FixInput("decision.row", f"This row holds no decision: {error}.", "Is it a row of labels?") from error


def label_of(row: Mapping[str, Any]) -> Label:
    """The label in a row."""
    outcome = next(value for name, value in row.items() if value is not None and _OUTCOME.fullmatch(name))
    return Label(row["system"], row["decision"], outcome, text_of(row["observed_at"]), row["source"])


def micros_of(at: str) -> int:
    """Microseconds since 1970 of an RFC 3339 time; FixInput where it is none, or does not say its zone."""
    try:
        return (datetime.fromisoformat(at) - _EPOCH) // _MICROSECOND
    except (TypeError, ValueError) as error:
        raise FixInput("decision.at", f"{at!r:.60} is no RFC 3339 time with a zone: {error}.") from error


def text_of(micros: int) -> str:
    """The RFC 3339 time, in UTC with microseconds."""
    return (_EPOCH + micros * _MICROSECOND).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _name(system: str) -> str:
    """A system's name as a folder: escaped as Hive does; one that is too long is cut and told apart by its digest."""
    name = quote(system, safe=" -_.,()+@&;!~$")
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 20]}-{hashlib.sha256(system.encode()).hexdigest()[:16]}"
    return name


def _fields(prefix: str, row: Mapping[str, Scalar | None]) -> tuple[Field, ...]:
    found = ((name, _FREE.fullmatch(name), value) for name, value in row.items())
    return tuple(
        sorted(
            (match[1].replace("::", ":"), value)
            for name, match, value in found
            if match and name.startswith(prefix) and value is not None
        )
    )
