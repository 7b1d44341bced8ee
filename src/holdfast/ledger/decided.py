"""A decision or a label as the values of one row, and back. Nothing here needs a Parquet reader.

Named values become columns ``input_<name>`` and ``output_<name>``; a colon in a name is doubled. Where one name has
values of several kinds in a segment, the further kinds stand in columns of their own, ``input_<name>:<type>``. A
missing value and a name that was not given at all are one thing: no value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from holdfast import canonical
from holdfast.domain.decision import Decision, Ended, Field, Label, Lane
from holdfast.domain.errors import FixInput
from holdfast.domain.guard import GuardVerdict
from holdfast.domain.ids import time_of
from holdfast.domain.schema import Scalar
from holdfast.ledger.rows import Column, Type

Row = dict[str, Scalar | None]
"""A row by the names of its columns."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FREE = re.compile(r"(?:input|output)_((?:[^:]|::)*)(?::(?:int|bool|text))?", re.DOTALL)
_OUTCOME = re.compile(r"outcome(?::(?:int|bool|text))?")
_LONGEST_NAME = 200
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_VERDICT = tuple(field.name for field in fields(GuardVerdict))


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


def row_of(decision: Decision) -> Row:
    """The row of a decision; FixInput where a time, a name or a number has no place in one."""
    row: Row = {
        "id": decision.id,
        "decided_at": micros_of(decision.at),
        "system": decision.system,
        "release": decision.release,
        "environment": decision.environment,
        "lane": decision.lane.value,
        "ended": decision.ended.value,
        "gateway": decision.gateway,
        "principal": decision.principal,
        "subject": decision.subject,
        "reasons": _json(decision.reasons) if decision.reasons else "[]",
        "verdicts": _json([_said(verdict) for verdict in decision.verdicts]) if decision.verdicts else "[]",
        "sealed": decision.sealed,
        "snapshot": decision.snapshot,
        "micros": decision.micros,
        "trace": decision.trace,
        "follows": decision.follows,
        "policy": decision.policy,
        "reference": decision.reference,
    }
    row.update(_named("input_", decision.inputs))
    row.update(_named("output_", decision.outputs))
    return row


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


def label_row(label: Label, id: str, at: str) -> Row:
    """The row of a label that arrived at `at` under the id `id`; FixInput where it says nothing, or of no decision."""
    time_of(label.decision)
    if label.outcome is None:
        raise FixInput("label.outcome", f"The label of {label.decision} has no outcome.", "Send it once there is one.")
    return {
        "id": id,
        "received_at": micros_of(at),
        "system": label.system,
        "decision": label.decision,
        "observed_at": micros_of(label.observed_at),
        "source": label.source,
        "outcome": label.outcome,
    }


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


def _named(prefix: str, fields: Iterable[Field]) -> Iterable[tuple[str, Scalar | None]]:
    return ((prefix + (name.replace(":", "::") if ":" in name else name), value) for name, value in fields)


def _fields(prefix: str, row: Mapping[str, Scalar | None]) -> tuple[Field, ...]:
    found = ((name, _FREE.fullmatch(name), value) for name, value in row.items())
    return tuple(
        sorted(
            (match[1].replace("::", ":"), value)
            for name, match, value in found
            if match and name.startswith(prefix) and value is not None
        )
    )


def _said(verdict: GuardVerdict) -> dict[str, Any]:
    """What `dataclasses.asdict` gives, which copies each value deeply first."""
    return {name: getattr(verdict, name) for name in _VERDICT}


def _json(value: object) -> str:
    try:
        return _ENCODE(value)
    except (TypeError, ValueError) as error:
        raise FixInput("decision.verdicts", f"Verdicts and reasons have no JSON form: {error}.") from error
