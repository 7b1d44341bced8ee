"""Decisions counted in the engine where they lie: the batches that `holdfast.monitors.counting` counts in memory.

One query counts a column for all spans and releases at once. It gives back cells, never rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.domain.errors import Conflict, FixInput
from holdfast.domain.profile import Bins, Counts, Cross, Profile, bounded
from holdfast.domain.watch import LABEL, Batch, Span
from holdfast.engines.columns import asked, in_utc, is_known, number, start, start_text, word
from holdfast.engines.known import Batches
from holdfast.engines.values import literal, place
from holdfast.engines.view import View
from holdfast.monitors.contract import Asks

if TYPE_CHECKING:
    from ibis import Table

Cells = Mapping[str, Any]
Group = tuple[int, str]

_LARGE = 1e290
_LARGEST = 1.7976931348623157e308
_SCALE = 2.0**64
"""Values beyond what is large are summed as fractions: PostgreSQL fails where a sum leaves float64."""


def count(
    decisions: Table,
    view: View,
    bins: Sequence[Bins],
    asks: Asks = (),
    *,
    labels: Table | None = None,
    span: Span = Span.DAY,
) -> Batches:
    """The batches of a table of decisions, by start and release: the columns of `bins` alone, those of `asks` together.

    `labels` are the outcomes in force: one row for each ``decision``, with its ``outcome``. FixInput where the table
    lacks a column that the view names, or has a row without a time; Conflict where it changes meanwhile.
    """
    query = _Query(decisions, view, labels, span)
    with in_utc(decisions.get_backend()):
        totals = query.totals()
        alone = [query.alone(one) for one in bins]
        together = [query.together(by) for by in dict.fromkeys(asks)]
    if any(at is None for at, _ in totals):
        raise FixInput("engines.time", "Some decisions have no time.", "Leave them out of the table that is counted.")
    rows = {group: each for group, (each, _) in totals.items()}
    seen = [{group: one.known + one.missing for group, one in found.items()} for found in alone]
    seen += [{group: one.rows for group, one in found.items()} for found in together]
    if any(one != rows for one in seen):
        raise Conflict("engines.moved", "The table changed while it was counted.", "Count spans that are over.")
    return {
        (start_text(at, span), release): Batch(
            start_text(at, span),
            rows[at, release],
            labelled,
            Profile(rows[at, release], tuple(bins), tuple(found[at, release] for found in alone)),
            tuple(found[at, release] for found in together),
        )
        for (at, release), (_, labelled) in sorted(totals.items())
    }


class _Query:
    """The questions asked of one table, by span and release."""

    def __init__(self, decisions: Table, view: View, labels: Table | None, span: Span) -> None:
        self._decisions, self._view, self._labels, self._span = decisions, view, labels, span

    def totals(self) -> dict[Group, tuple[int, int]]:
        """Rows, and how many of them have an outcome. FixInput where outcomes would make rows of a decision."""
        plain = {_group(cell): cell["n"] for cell in self._grouped(self._table([]), {}, ())}
        if self._labels is None and not self._view.label:
            return {group: (rows, 0) for group, rows in plain.items()}
        table = self._table([LABEL])
        known = {"known": is_known(table, self._view, LABEL)}
        found = defaultdict[Group, list[int]](lambda: [0, 0])
        for cell in self._grouped(table, known, ("known",)):
            found[_group(cell)][bool(cell["known"])] += cell["n"]
        if {group: sum(rows) for group, rows in found.items()} != plain:
            raise FixInput("labels.twice", "Some decision has several outcomes.", "Pass the one in force of each.")
        return {group: (sum(rows), rows[1]) for group, rows in found.items()}

    def alone(self, bins: Bins) -> dict[Group, Counts]:
        """A column's counts."""
        table = self._table([bins.name])
        keys, values = self._keys(table, 0, bins), {}
        if bins.is_number:
            values = dict(zip(("size", "part"), _parts(number(table, self._view, bins.name)), strict=True))
        sums = {"total": lambda t: t.part.sum()} if bins.is_number else {}
        groups = (*keys, *(["size"] if bins.is_number else []))
        by_group = defaultdict[Group, list[Cells]](list)
        for cell in self._grouped(table, keys | values, groups, **sums):
            by_group[_group(cell)].append(cell)
        return {group: _counts(bins, cells) for group, cells in by_group.items()}

    def together(self, by: tuple[Bins, ...]) -> dict[Group, Cross]:
        """How many rows have each combination of places."""
        table = self._table([bins.name for bins in by])
        keys = {name: one for at, bins in enumerate(by) for name, one in self._keys(table, at, bins).items()}
        found = defaultdict[Group, list[tuple[int, ...]]](list)
        for cell in self._grouped(table, keys, tuple(keys)):
            found[_group(cell)].append((*(_place(bins, at, cell) for at, bins in enumerate(by)), cell["n"]))
        return {group: Cross(by, tuple(sorted(cells))) for group, cells in found.items()}

    def _table(self, names: Sequence[str]) -> Table:
        return asked(self._decisions, self._view, names, self._labels if LABEL in names else None)

    def _keys(self, table: Table, at: int, bins: Bins) -> dict[str, Any]:
        """What tells the places of the column number `at` apart; `_place` reads it."""
        import ibis

        if bins.labels is None:
            return {f"k{at}": place(number(table, self._view, bins.name), bins)}
        text = word(table, self._view, bins.name, bins.labels)
        known = text.isin(bins.labels) if bins.labels else ibis.literal(False)
        return {f"k{at}": known.ifelse(text, ibis.null("string")), f"m{at}": text.isnull()}

    def _grouped(self, table: Table, values: Mapping[str, Any], keys: Sequence[str], **sums: Any) -> list[Cells]:
        """Rows counted by span, release and keys."""
        release = table[self._view.release].cast("string").fill_null("")
        rows = table.select(start=start(table, self._view, self._span), release=release, **values)
        totals = {name: of(rows) for name, of in sums.items()}
        found = rows.group_by("start", "release", *keys).aggregate(n=rows.count(), **totals)
        cells: list[Cells] = found.to_pyarrow().to_pylist()
        return cells


def _parts(value: Any) -> tuple[Any, Any]:
    """Of what size a number is (0, 1 for large, 2 for infinite), and what of it is summed up."""
    import ibis

    size = ibis.cases((value.abs() <= literal(_LARGE), 0), (value.abs() <= literal(_LARGEST), 1), else_=2)
    fraction = value * literal(1 / _SCALE)
    part = ibis.cases((value.abs() <= literal(_LARGE), value), (value.abs() <= literal(_LARGEST), fraction), else_=0.0)
    return size, part


def _counts(bins: Bins, cells: Iterable[Cells]) -> Counts:
    found, sums, infinite = [0] * (bins.count + 1), [0.0] * bins.count, 0
    for cell in cells:
        at = _place(bins, 0, cell)
        found[at] += cell["n"]
        if bins.is_number and at < bins.count:
            sums[at] += cell["total"] * (_SCALE if cell["size"] == 1 else 1.0)
            infinite += cell["n"] if cell["size"] == 2 else 0
    totals = tuple(map(bounded, sums)) if bins.is_number else ()
    return Counts(tuple(found[:-1]), totals, found[-1], infinite)


def _place(bins: Bins, at: int, cell: Cells) -> int:
    key = cell[f"k{at}"]
    if bins.labels is None:
        return bins.count if key is None else int(key)
    if cell[f"m{at}"]:
        return bins.count
    return bins.count - 1 if key is None else bins.labels.index(key)


def _group(cell: Cells) -> Group:
    return cell["start"], cell["release"]
