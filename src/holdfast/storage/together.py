"""Many records in one question, for pages and flows that look at many things at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, exists, func, literal, select, union

from holdfast.domain.kinds import KINDS, NAMES
from holdfast.storage.tables import acts, records

AT_ONCE = 500
"""Values in one question, well below what any database takes."""


def heads(kind: str) -> Select[Any]:
    """The records of a kind as they stand, each with the act that made it so."""
    facets: list[Any] = [records.c[name].label(f"facet_{name}") for name in ("at", "title", "state", "system", "about")]
    return select(acts, *facets).join(records, records.c.seq == acts.c.seq).where(records.c.kind == kind)


def rows_among(
    connection: Connection, kind: str, column: str, values: Collection[str], state: str = ""
) -> Iterator[RowMapping]:
    """The records of a kind with one of these values in a column (and in this state), the newest first."""
    newest_first = (records.c.at.desc(), records.c.key.desc())
    for some in _portions(values):
        query = heads(kind).where(records.c[column].in_(some)).order_by(*newest_first)
        query = query.where(records.c.state == state) if state else query
        yield from connection.execute(query).mappings()


def keys_by_digest(connection: Connection, kind: str, digests: Collection[str]) -> dict[str, str]:
    """The keys of the records of a kind that have or once had these digests."""
    found: dict[str, str] = {}
    for some in _portions(digests):
        query = select(acts.c.record, acts.c.key).where(acts.c.kind == kind, acts.c.record.in_(some))
        found |= {digest: key for digest, key in connection.execute(query)}
    return found


def latest_among(connection: Connection, kind: str, values: Collection[str]) -> dict[str, str]:
    """When the newest record of a kind about each of these happened, for those about which there is one."""
    found: dict[str, str] = {}
    for some in _portions(values):
        here = (records.c.kind == kind, records.c.about.in_(some))
        query = select(records.c.about, func.max(records.c.at)).where(*here).group_by(records.c.about)
        found |= {about: at for about, at in connection.execute(query)}
    return found


def newest_of_each(kind: str, state: str, systems: Collection[str] | None) -> Select[Any]:
    """The newest record of a kind of each system (of these), where that is in this state (in any where empty)."""
    inventory, older = records.alias("inventory"), records.alias("older")
    newest = (
        select(older.c.key)
        .where(older.c.kind == kind, older.c.system == inventory.c.key)
        .order_by(older.c.at.concat("").desc(), older.c.key.desc())  # or SQLite walks the kind by time
        .limit(1)
        .correlate(inventory)
        .scalar_subquery()
    )
    one = and_(records.c.kind == kind, inventory.c.kind == "system", records.c.key == newest)
    query = select(records.c.key).select_from(inventory.join(records, one))
    if systems is not None:
        query = query.where(inventory.c.key.in_(systems))
    return query.where(records.c.state == state) if state else query


def latest_seqs(system: str, about: Collection[str], but: Collection[str], limit: int) -> Select[Any]:
    """The numbers of the latest acts on records of a system or about certain things: from indexes alone."""
    facets = [records.c.system == system] if system else []
    facets += [records.c.about.in_(about)] if about else []
    kinds = [kind for kind in KINDS if kind not in but]
    places = union(*(select(records.c.kind, records.c.key).where(records.c.kind.in_(kinds), one) for one in facets))
    found = places.subquery()
    on = and_(acts.c.kind == found.c.kind, acts.c.key == found.c.key)
    return select(acts.c.seq).join(found, on).order_by(acts.c.seq.desc()).limit(limit)


def unnamed_among(connection: Connection, kind: str, keys: Collection[str], by: type, field: str) -> set[str]:
    """Those of these records that no record of kind `by` names in that field."""
    found: set[str] = set()
    for some in _portions(keys):
        here = (records.c.kind == kind, records.c.key.in_(some), unnamed_by(connection, by, field))
        found |= set(connection.execute(select(records.c.key).where(*here)).scalars())
    return found


def unnamed_by(connection: Connection, kind: type, field: str) -> ColumnElement[bool]:
    """No record of that kind about the same thing names this record in that field, by an id that is not escaped."""
    later, made = records.alias("later"), acts.alias("made")
    place = func.strpos if connection.dialect.name == "postgresql" else func.instr
    named = place(made.c.body, literal(f'"{field}":"') + records.c.key + literal('"')) > 0
    same = and_(later.c.kind == NAMES[kind], later.c.about == records.c.about)
    return ~exists().where(same, made.c.seq == later.c.seq, named).correlate(records)


def _portions(values: Collection[str]) -> Iterator[list[str]]:
    wanted = sorted(set(values))
    return (wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE))
