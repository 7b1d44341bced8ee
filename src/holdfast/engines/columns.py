"""What monitors ask for as Ibis expressions over a table of decisions, the same on every engine.

A missing value is NULL here, NaN included: engines disagree on what NaN is less than, and whether NULL includes it. The
log splits a name with values of several types into columns (see `holdfast.ledger.decided`); here they meet again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from math import isfinite
from typing import TYPE_CHECKING, Any

from holdfast.domain.decision import Ended, Lane
from holdfast.domain.errors import FixInput
from holdfast.domain.profile import Bins
from holdfast.domain.watch import LABEL, Span
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
_SPELLED = {True: ("True", "1"), False: ("False", "0")}


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
    return found if labels is None else _with(found, view, labels)


def _with(found: Table, view: View, labels: Table) -> Table:
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
    found = [_float(table[one]) for one in _columns(table, view, name) if not table[one].type().is_string()]
    return _first(found, "float64")


def word(table: Table, view: View, name: str, labels: Sequence[str]) -> Any:
    """A column as text, spelled like the one of `labels` that it equals, where there is one."""
    return _first([_text(table[one], labels) for one in _columns(table, view, name)], "string")


def is_known(table: Table, view: View, name: str) -> Any:
    """Whether a column has a value of any type."""
    import ibis

    found = [table[one].notnull() for one in _columns(table, view, name)]
    return reduce(lambda one, other: one | other, found, ibis.literal(False))


def split(table: Table, name: str) -> list[str]:
    """The columns that hold the values of a name."""
    return [one for one in (name, *(f"{name}:{kind}" for kind in SPLIT)) if one in table.columns]


def place(value: Any, bins: Bins) -> Any:
    """In which of a number's bins a value lies, NULL for a missing one: a balanced tree of comparisons."""
    import ibis

    edges = [literal(edge) for edge in bins.edges]

    def between(low: int, high: int) -> Any:
        if low == high:
            return ibis.literal(low, "int16")
        middle = (low + high) // 2
        return (value < edges[middle]).ifelse(between(low, middle), between(middle + 1, high))

    return value.isnull().ifelse(ibis.null("int16"), between(0, len(edges)))


def literal(value: float) -> Any:
    """A float64 that every engine reads to the last bit: written bare, some take it for a decimal."""
    import ibis

    return ibis.literal(repr(float(value))).cast("float64")


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


def _first(values: list[Any], kind: str) -> Any:
    import ibis

    if not values:
        return ibis.null(kind)
    return values[0] if len(values) == 1 else ibis.coalesce(*values)


def _float(column: Any) -> Any:
    """As float64. PostgreSQL casts no boolean to one."""
    import ibis

    if column.type().is_boolean():
        return ibis.cases((column, literal(1.0)), (~column, literal(0.0)), else_=None)
    return column.cast("float64")


def _text(column: Any, labels: Sequence[str]) -> Any:
    """As text; numbers by their value (1 is 1.0), as engines write them differently."""
    import ibis

    kind = column.type()
    if kind.is_boolean():
        yes, no = (next((one for one in _SPELLED[value] if one in labels), str(value)) for value in (True, False))
        return ibis.cases((column, yes), (~column, no), else_=None)
    if kind.is_floating() or kind.is_decimal():
        value = _float(column)
        same = [(value == literal(known), label) for known, label in _numbers(labels)]
        other = "?" * (1 + max(map(len, labels), default=0))  # not its text: some engines write 15 digits
        return ibis.cases((value.isnull(), ibis.null("string")), *same, else_=other)
    text = column.cast("string")
    if kind.is_integer():
        odd = [(column == int(known), label) for known, label in _numbers(labels) if _is_odd(known, label)]
        return ibis.cases(*odd, else_=text) if odd else text
    return text


def _numbers(labels: Sequence[str]) -> list[tuple[float, str]]:
    """The labels that are numbers."""
    found = []
    for label in labels:
        try:
            found.append((float(label), label))
        except ValueError:
            continue
    return [pair for pair in found if isfinite(pair[0])]


def _is_odd(known: float, label: str) -> bool:
    """Whether a label stands for an integer that is written otherwise, as 1.0 is."""
    return known.is_integer() and abs(known) < 2**53 and str(int(known)) != label
