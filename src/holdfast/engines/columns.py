"""What monitors ask for as Ibis expressions over a table of decisions, the same on every engine.

A missing value is NULL here, NaN included: engines disagree on what NaN is less than, and whether NULL includes it. The
log splits a name with values of several types into columns (see `holdfast.ledger.decided`); here they meet again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from typing import TYPE_CHECKING, Any

from holdfast.domain.decision import Ended, Lane
from holdfast.domain.errors import FixInput
from holdfast.domain.watch import LABEL, Span
from holdfast.engines.values import as_number, as_text, first
from holdfast.engines.view import View

if TYPE_CHECKING:
    from ibis import Table

SECONDS = {Span.HOUR: 3_600, Span.DAY: 86_400}
SPLIT = ("float", "int", "bool", "text")
"""The types for which a name has columns of its own, ``input_age:text``."""

_DECIDES = ("lane", "ended", "follows")
_FORMS = {Span.DAY: "%Y-%m-%d", Span.HOUR: "%Y-%m-%dT%H"}
_UTC = "UTC"
_SPARK_ZONE = "spark.sql.session.timeZone"


def asked(
    decisions: Table, view: View, names: Iterable[str], labels: Table | None = None, also: Iterable[str] = ()
) -> Table:
    """The rows that count as decisions: the columns of `names`, those `also` wanted where there are any, and no others.

    Shadows answer nobody. A streamed answer is two rows, of which the second, that says how it ended, counts under the
    id of the first. `labels` has at most one row for each ``decision``, whose outcome is the column `label`; see
    `holdfast.engines.labels`.
    """
    for name in (view.at, view.release, *([view.id] if labels is not None else [])):
        if name not in decisions.columns:
            raise FixInput("view.column", f"The table of decisions has no column {name!r:.80}.", _has(decisions))
    wanted = [one for name in names if labels is None or name != LABEL for one in _columns(decisions, view, name)]
    fixed = [one for one in (view.at, view.release, view.id, *_DECIDES, *also) if one in decisions.columns]
    found = decisions.select(**_without_nan(decisions, dict.fromkeys([*fixed, *wanted])))
    if "lane" in found.columns:
        found = found.filter(found.lane.fill_null(Lane.LIVE.value).isin([Lane.LIVE.value, Lane.CANARY.value]))
    if "ended" in found.columns:
        found = found.filter(found.ended.fill_null("") != Ended.OPENED.value)
    return found if labels is None else _with_outcomes(found, view, labels)


def _with_outcomes(found: Table, view: View, labels: Table) -> Table:
    if view.label:
        raise FixInput("view.label", "Outcomes are both in the table and beside it.", "Name one of them.")
    told = _without_nan(labels, split(labels, "outcome"))
    outcomes = {name.replace("outcome", LABEL, 1): value for name, value in told.items()}
    more = {f"label_{name}": labels[name] for name in ("source", "received_at") if name in labels.columns}
    said = labels.select(label_of=labels.decision, **outcomes, **more)
    free = found.drop(*[name for name in said.columns if name in found.columns])
    keyed = free.mutate(label_key=decision_id(free, view))
    return keyed.left_join(said, keyed.label_key == said.label_of)


def _without_nan(table: Table, names: Iterable[str]) -> dict[str, Any]:
    """Columns, NULL where they are NaN. SQLite has no NaN, and no word for it: it keeps NULL instead."""
    import ibis

    has_nan = table.get_backend().name != "sqlite"
    found = {name: table[name] for name in names}
    for name, column in found.items():
        if has_nan and (column.type().is_floating() or column.type().is_decimal()):
            value = column.cast("float64")
            found[name] = value.isnan().ifelse(ibis.null("float64"), value)
    return found


def decision_id(table: Table, view: View) -> Any:
    """The id under which a decision was told to whoever asked, and comes back with its outcome."""
    if "follows" not in table.columns:
        return table[view.id]
    return (table.follows.fill_null("") == "").ifelse(table[view.id], table.follows)


def start(table: Table, view: View, span: Span) -> Any:
    """Which span since 1970 a decision fell into, int64; the session has to be `in_utc`."""
    at = table[view.at]
    if not at.type().is_timestamp():
        at = at.cast("timestamp")
    return at.epoch_seconds() // SECONDS[span]


def start_text(place: int, span: Span) -> str:
    """The start of a span since 1970, as batches are called."""
    return datetime.fromtimestamp(place * SECONDS[span], UTC).strftime(_FORMS[span])


def number(table: Table, view: View, name: str) -> Any:
    """A column as float64; text is no number, and missing."""
    found = [as_number(table[one]) for one in _columns(table, view, name) if not table[one].type().is_string()]
    return first(found, "float64")


def word(table: Table, view: View, name: str, labels: Sequence[str]) -> Any:
    """A column as text, spelled like the one of `labels` that it equals, where there is one."""
    return first([as_text(table[one], labels) for one in _columns(table, view, name)], "string")


def is_known(table: Table, view: View, name: str) -> Any:
    """Whether a column has a value of any type."""
    import ibis

    found = [table[one].notnull() for one in _columns(table, view, name)]
    return reduce(lambda one, other: one | other, found, ibis.literal(False))


def split(table: Table, name: str) -> list[str]:
    """The columns that hold the values of a name."""
    return [one for one in (name, *(f"{name}:{kind}" for kind in SPLIT)) if one in table.columns]


@contextmanager
def in_utc(connection: Any) -> Iterator[None]:
    """The session's time zone is UTC meanwhile, on the engines where times of day depend on it; then what it was."""
    before = _zone(connection)
    if before == _UTC:
        yield
        return
    _set_zone(connection, _UTC)
    try:
        yield
    finally:
        _set_zone(connection, before)


def _zone(connection: Any) -> str:
    if connection.name == "duckdb":
        return str(connection.raw_sql("SELECT current_setting('TimeZone')").fetchall()[0][0])
    return str(connection._session.conf.get(_SPARK_ZONE)) if connection.name == "pyspark" else _UTC


def _set_zone(connection: Any, zone: str) -> None:
    if connection.name == "duckdb":
        connection.raw_sql(f"SET TimeZone = '{zone}'")
    else:
        connection._session.conf.set(_SPARK_ZONE, zone)


def _columns(table: Table, view: View, name: str) -> list[str]:
    own = LABEL if name == LABEL and not view.label else view.column(name)
    found = split(table, own)
    if not (found or view.is_log or name == LABEL):
        what = f"{own!r:.80}" if own else f"for {name}"
        raise FixInput("view.column", f"The table of decisions has no column {what}.", _has(table))
    return found


def _has(table: Table) -> str:
    return f"It has: {', '.join(table.columns[:12])}. Say in the view what they mean."
