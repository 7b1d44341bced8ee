"""The control plane's store on SQLite or PostgreSQL: acts, and the records that they made.

One transaction makes an act and its outbox row, which are the same row: an act without an index in the ledger is yet to
be sequenced. Revisions of a record count up from 1 and are unique, so two writers cannot both follow the same one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    RowMapping,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from holdfast import canonical
from holdfast.domain.act import Act, ActRow, Draft, Entry, HeadRow, Kept, Page, Snapshot, Trail, Verb
from holdfast.domain.errors import Absent, Conflict, FixInput, Unavailable
from holdfast.domain.evidence import Evidence
from holdfast.domain.kinds import KINDS, NAMES, Facets, facets_of
from holdfast.domain.measure import Taken
from holdfast.storage import together
from holdfast.storage.locks import one_process
from holdfast.storage.tables import (
    acts,
    contents,
    credentials,
    measurements,
    places,
    profiles,
    prompts,
    records,
    secrets,
)

T = TypeVar("T")

SORTS = {"at": records.c.at, "title": records.c.title, "state": records.c.state, "system": records.c.system}
MOST_AT_ONCE = 64
"""No request makes more acts."""
PRIVATE = (profiles, credentials, secrets, places, contents, prompts)
"""The tables that only a backup holds."""
LOCK, ORDER = 0x686F6C64, 0x6F726465
"""The numbers of advisory locks in PostgreSQL: ``hold`` of the sequencer, ``orde`` of acts that are being made."""


class SqlStore:
    """Implements `ports.Store`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Acts stay, so what was named once is named for ever: only the others are looked up again.
        self._named: dict[tuple[type, type, str], set[str]] = {}

    @contextmanager
    def begin(self, *, writes: bool = False, repeatable: bool = False) -> Iterator[Connection]:
        """A transaction; Unavailable where the database cannot be reached. `repeatable` reads see one moment."""
        options: dict[str, Any] = {"writes": writes}
        if repeatable and self.engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        try:
            with self.engine.execution_options(**options).begin() as connection:
                yield connection
        except OperationalError as error:
            hint = "Nothing was changed. Try again; if it lasts, look at the database."
            raise Unavailable("store.unreachable", "The database did not answer.", hint) from error
        except DataError as error:
            what = "The database cannot keep or look for this text."
            raise FixInput("store.text", what, "It is too long, or has a character that is none.") from error

    def commit(
        self, drafts: Sequence[Draft], *, actor: str, at: str, id: str, evidence: Evidence | None = None
    ) -> tuple[Act, ...]:
        """Make all acts in one transaction, or none; the measurements of `evidence` become rows with them.

        The same `id` again returns the acts that it made the first time, and makes no other. Conflict where a record
        has moved on from its draft's base; FixInput where `id` was used for something else.
        """
        wanted = tuple(_act(draft, actor, at, f"{id}.{number}") for number, draft in enumerate(drafts))
        try:
            with self.begin(writes=True) as connection:
                _take_part(connection)
                earlier = _of_request(connection, id, len(wanted))
                if earlier:
                    return _same(earlier, wanted)
                for act, draft in zip(wanted, drafts, strict=True):
                    _write(connection, act, draft)
                if evidence is not None:
                    _index(connection, evidence)
        except IntegrityError as error:
            with self.begin() as connection:
                earlier = _of_request(connection, id, len(wanted))
            if earlier:
                return _same(earlier, wanted)
            raise _moved_on(wanted[0]) from error
        return wanted

    def find(self, kind: type[T], key: str) -> Kept[T] | None:
        """The record as it stands; None if there is none."""
        query = together.heads(NAMES[kind]).where(records.c.key == key)
        with self.begin() as connection:
            row = connection.execute(query).mappings().first()
        return _kept(kind, row) if row else None

    def get(self, kind: type[T], key: str) -> Kept[T]:
        """The record as it stands; Absent if there is none."""
        found = self.find(kind, key)
        if found is None:
            raise Absent("store.absent", f"There is no {NAMES[kind]} {key}.", "Check the name, or list what there is.")
        return found

    def list(
        self,
        kind: type[T],
        *,
        system: str = "",
        about: str = "",
        state: str = "",
        text: str = "",
        sort: str = "at",
        descending: bool = True,
        after: str = "",
        limit: int = 50,
    ) -> Page[T]:
        """Records by their facets, a page at a time. `text` is looked for in titles and keys."""
        query = together.heads(NAMES[kind]).where(*_filters(system, about, state, text))
        column: Any = SORTS.get(sort)
        if column is None:
            raise FixInput("store.sort", f"Nothing is sorted by {sort!r}.", f"There are: {', '.join(SORTS)}.")
        if system or about:
            column = column.concat("")  # or SQLite walks the whole kind in this order instead of finding the few
        order = (column.desc(), records.c.key.desc()) if descending else (column, records.c.key)
        if after:
            query = query.where(_beyond(column, _decode_cursor(after), descending))
        with self.begin() as connection:
            rows = connection.execute(query.order_by(*order).limit(limit + 1)).mappings().all()
        items = tuple(_kept(kind, row) for row in rows[:limit])
        more = len(rows) > limit
        return Page(items, _encode_cursor(rows[limit - 1], sort) if more else "")

    def count(self, kind: type, *, system: str = "", about: str = "", state: str = "") -> int:
        """How many records there are."""
        filters = (records.c.kind == NAMES[kind], *_filters(system, about, state, ""))
        with self.begin() as connection:
            return int(connection.execute(select(func.count()).select_from(records).where(*filters)).scalar_one())

    def many(self, kind: type[T], keys: Collection[str]) -> dict[str, Kept[T]]:
        """Records by their keys, at once: those of these that there are."""
        with self.begin() as connection:
            return {row["key"]: _kept(kind, row) for row in together.rows_among(connection, NAMES[kind], "key", keys)}

    def gather(
        self, kind: type[T], facet: str, values: Collection[str], *, state: str = ""
    ) -> dict[str, tuple[Kept[T], ...]]:
        """All records of a kind by a facet (`about` or `system`), at once; under each of `values` the newest first."""
        found: dict[str, list[Kept[T]]] = {value: [] for value in values}
        with self.begin() as connection:
            for row in together.rows_among(connection, NAMES[kind], facet, values, state):
                found[row[f"facet_{facet}"]].append(_kept(kind, row))
        return {value: tuple(some) for value, some in found.items()}

    def keys_of(self, kind: type, digests: Collection[str]) -> dict[str, str]:
        """The keys of the records of a kind that have or once had these digests."""
        with self.begin() as connection:
            return together.keys_by_digest(connection, NAMES[kind], digests)

    def latest(self, kind: type, about: Collection[str]) -> dict[str, str]:
        """When the newest record of a kind about each of these happened (RFC 3339)."""
        with self.begin() as connection:
            return together.latest_among(connection, NAMES[kind], about)

    def newest(
        self, kind: type[T], *, state: str = "", systems: Collection[str] | None = None, limit: int = 500
    ) -> tuple[Kept[T], ...]:
        """The newest record of a kind of each system, where that is in this state; the latest first."""
        query = together.newest_of_each(NAMES[kind], state, systems)
        order = (records.c.at.concat("").desc(), records.c.key.desc())  # from each system, not through all by time
        with self.begin() as connection:
            keys = connection.execute(query.order_by(*order).limit(limit)).scalars().all()
        found = self.many(kind, keys)
        return tuple(found[key] for key in keys)

    def count_newest(self, kind: type, state: str) -> int:
        """Of how many systems the newest record of a kind is in this state."""
        query = together.newest_of_each(NAMES[kind], state, None)
        with self.begin() as connection:
            return int(connection.execute(select(func.count()).select_from(query.subquery())).scalar_one())

    def unnamed(self, kind: type[T], by: type, field: str, *, state: str = "") -> tuple[Kept[T], ...]:
        """The records of a kind that no record of kind `by` about the same thing names in `field`; the latest first."""
        here = (records.c.kind == NAMES[kind], *_filters("", "", state, ""))
        order = (records.c.at.desc(), records.c.key.desc())
        named = self._named.setdefault((kind, by, field), set())
        with self.begin() as connection:
            keys = [key for key in connection.execute(select(records.c.key).where(*here).order_by(*order)).scalars()]
            asked = [key for key in keys if key not in named]
            fresh = together.unnamed_among(connection, NAMES[kind], asked, by, field)
        named.update(key for key in asked if key not in fresh)
        found = self.many(kind, fresh)
        return tuple(found[key] for key in asked if key in found)

    def history(self, kind: type[T], key: str) -> tuple[Kept[T], ...]:
        """Every revision of a record, the first one first."""
        query = select(acts).where(acts.c.kind == NAMES[kind], acts.c.key == key).order_by(acts.c.revision)
        with self.begin() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(_kept(kind, row) for row in rows)

    def made_by(self, id: str) -> tuple[Act, ...]:
        """The acts that the request `id` made; none where it made none, or was never seen."""
        with self.begin() as connection:
            return _of_request(connection, id, MOST_AT_ONCE)

    def acts(self, *, kind: str = "", key: str = "", actor: str = "", after: str = "", limit: int = 50) -> Trail:
        """What was done, the latest first, a page at a time."""
        exact = {acts.c.kind: kind, acts.c.key: key, acts.c.actor: actor}
        query = select(acts).where(*(column == value for column, value in exact.items() if value))
        if after:
            query = query.where(acts.c.seq < _decode_place(after))
        with self.begin() as connection:
            rows = connection.execute(query.order_by(acts.c.seq.desc()).limit(limit + 1)).mappings().all()
        items = tuple(Entry(_act_of(row), row["ledger_index"]) for row in rows[:limit])
        return Trail(items, str(rows[limit - 1]["seq"]) if len(rows) > limit else "")

    def recent(
        self,
        *,
        system: str = "",
        about: Collection[str] = (),
        but: Collection[str] = (),
        since: str = "",
        limit: int = 50,
    ) -> tuple[ActRow, ...]:
        """The latest acts, the newest first: all, or those on records of a system or about certain digests; none on
        records of the kinds `but`, and only those after the act `since`.
        """
        query = select(acts).order_by(acts.c.seq.desc()).limit(limit)
        query = query.where(acts.c.kind.not_in(but)) if but else query
        if since:
            seen = select(acts.c.seq).where(acts.c.id == since).scalar_subquery()
            query = query.where(acts.c.seq > func.coalesce(seen, 0))  # of an act that is gone, all are later
        with self.begin() as connection:
            if system or about:
                seqs = connection.execute(together.latest_seqs(system, about, but, limit)).scalars().all()
                query = query.where(acts.c.seq.in_(seqs))
            rows = connection.execute(query).mappings()
            return tuple(ActRow(_act_of(row), row["body"], row["ledger_index"]) for row in rows)

    def trend(self, system: str, measure: str, limit: int = 500) -> tuple[Taken, ...]:
        """How a measure went over a system's evidence: the latest `limit` values, the oldest first."""
        columns = [measurements.c[field.name] for field in fields(Taken)]
        here = (measurements.c.system == system, measurements.c.measure == measure)
        order = (measurements.c.taken_at.desc(), measurements.c.id.desc())
        with self.begin() as connection:
            rows = connection.execute(select(*columns).where(*here).order_by(*order).limit(limit)).all()
        return tuple(Taken(*row) for row in reversed(rows))

    def pending(self, limit: int) -> tuple[Act, ...]:
        """Acts that are not in the ledger yet, in the order in which they were made; none before them is to come."""
        query = select(acts).where(acts.c.ledger_index.is_(None)).order_by(acts.c.seq).limit(limit)
        with self.begin() as connection:
            _await_all(connection)
            return tuple(_act_of(row) for row in connection.execute(query).mappings())

    def sequenced(self, acts_at: Sequence[tuple[str, int]]) -> None:
        """Note where in the ledger acts stand: (id, index) pairs."""
        if not acts_at:
            return
        places = [{"act": id, "place": index} for id, index in acts_at]
        change = (
            update(acts)
            .where(acts.c.id == bindparam("act"), acts.c.ledger_index.is_(None))
            .values(ledger_index=bindparam("place"))
        )
        with self.begin(writes=True) as connection:
            connection.execute(change, places)

    def last_index(self) -> int:
        """The highest index in the ledger that an act is known to have; -1 for none."""
        with self.begin() as connection:
            found = connection.execute(select(func.max(acts.c.ledger_index))).scalar()
        return -1 if found is None else int(found)

    def sequencer_lock(self) -> AbstractContextManager[Callable[[], bool]]:
        """A function that says whether the caller is the one sequencer, now; until the block or the process ends."""
        return one_process(self.engine, LOCK, "sequencer")

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Every act and every head as they were at one moment; for verification, while the block lasts."""
        with self.begin(repeatable=True) as connection:
            stream = connection.execution_options(yield_per=1_000)
            order = (acts.c.ledger_index.is_(None), acts.c.ledger_index, acts.c.seq)
            rows = stream.execute(select(acts).order_by(*order)).mappings()
            heads = stream.execute(select(records)).mappings()
            yield Snapshot(
                acts=(ActRow(_act_of(row), row["body"], row["ledger_index"]) for row in rows),
                heads=(HeadRow(row["kind"], row["key"], row["revision"], _facets(row)) for row in heads),
            )

    def index(self, evidence: Evidence) -> None:
        """Make the rows of its measurements again."""
        with self.begin(writes=True) as connection:
            connection.execute(delete(measurements).where(measurements.c.evidence == canonical.digest(evidence)))
            _index(connection, evidence)

    def private_rows(self) -> dict[str, tuple[dict[str, Any], ...]]:
        """The rows by which people are known and sign in, and how far webhooks were told, by table, as JSON types."""
        with self.begin(repeatable=True) as connection:
            return {
                table.name: tuple(_readable(row) for row in connection.execute(select(table)).mappings())
                for table in PRIVATE
            }

    def load(self, rows: Iterable[ActRow], private: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Fill an empty store from a backup; heads are made from the acts. FixInput where the store is not empty."""
        with self.begin(writes=True) as connection:
            if connection.execute(select(func.count()).select_from(acts)).scalar_one():
                raise FixInput("store.not-empty", "The database holds acts already.", "Restore into an empty one.")
            for row in rows:
                _put(connection, row.act, row.body, canonical.decode(KINDS[row.act.kind].type, row.body), row.index)
            for table in PRIVATE:
                for kept in private.get(table.name, ()):
                    connection.execute(insert(table).values(**_written(kept)))


def _readable(row: RowMapping) -> dict[str, Any]:
    """Bytes as base64 under a name that says so."""
    return {
        (f"{name}:base64" if isinstance(value, bytes) else name): (
            base64.b64encode(value).decode() if isinstance(value, bytes) else value
        )
        for name, value in row.items()
    }


def _written(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.removesuffix(":base64"): base64.b64decode(value) if name.endswith(":base64") else value
        for name, value in row.items()
    }


def _facets(row: RowMapping) -> tuple[str, ...]:
    return tuple(row[field.name] for field in fields(Facets))


def _act(draft: Draft, actor: str, at: str, id: str) -> Act:
    kind = NAMES[type(draft.record)]
    return Act(id, draft.verb, kind, draft.key, draft.base + 1, canonical.digest(draft.record), actor, at)


def _of_request(connection: Connection, id: str, drafts: int) -> tuple[Act, ...]:
    ids = [f"{id}.{number}" for number in range(drafts)]
    rows = connection.execute(select(acts).where(acts.c.id.in_(ids)).order_by(acts.c.seq)).mappings()
    return tuple(_act_of(row) for row in rows)


def _same(earlier: tuple[Act, ...], wanted: tuple[Act, ...]) -> tuple[Act, ...]:
    if [(a.verb, a.kind, a.record, a.actor) for a in earlier] != [(a.verb, a.kind, a.record, a.actor) for a in wanted]:
        raise FixInput("store.reused-id", "This request id was used for something else.", "Use a new one.")
    return earlier


def _write(connection: Connection, act: Act, draft: Draft) -> None:
    _put(connection, act, canonical.encode(draft.record).decode(), draft.record, None)


def _take_part(connection: Connection) -> None:
    """Tell `_await_all` of this transaction until it ends. SQLite has one writer at a time, so nobody asks there."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({ORDER})")


def _await_all(connection: Connection) -> None:
    """Wait until no transaction is making acts: PostgreSQL numbers acts before it commits them, so of two at once the
    one with the later number may be seen first.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ORDER})")


def _put(connection: Connection, act: Act, body: str, record: object, index: int | None) -> None:
    """An act's row, and the head of its record as it stands after it."""
    row = {name: getattr(act, name) for name in ("id", "verb", "kind", "key", "revision", "record", "actor", "at")}
    made = connection.execute(insert(acts).values(**row, body=body, ledger_index=index)).inserted_primary_key
    seq = made[0] if made else None
    facets = facets_of(act.kind, record, act.at)
    head = {**canonical.plain(facets), "revision": act.revision, "seq": seq}
    if act.revision == 1:
        connection.execute(insert(records).values(kind=act.kind, key=act.key, **head))
        return
    current = and_(records.c.kind == act.kind, records.c.key == act.key, records.c.revision == act.revision - 1)
    if connection.execute(update(records).where(current).values(**head)).rowcount != 1:
        raise _moved_on(act)


def _index(connection: Connection, evidence: Evidence) -> None:
    """A row for each measurement, so that trends are one query."""
    about = {
        "evidence": canonical.digest(evidence),
        "system": evidence.system,
        "release": evidence.release,
        "taken_at": evidence.taken_at,
    }
    rows = [
        {
            **about,
            "measure": m.measure,
            "scope": m.where,
            "value": m.value,
            "low": m.interval.low if m.interval else None,
            "high": m.interval.high if m.interval else None,
            "n": m.n,
        }
        for m in evidence.measurements
    ]
    if rows:
        connection.execute(insert(measurements), rows)


def _moved_on(act: Act) -> Conflict:
    what = f"The {act.kind} {act.key} was changed meanwhile."
    return Conflict("store.conflict", what, "Read it again, then repeat.")


def _filters(system: str, about: str, state: str, text: str) -> list[Any]:
    exact = {records.c.system: system, records.c.about: about, records.c.state: state}
    filters: list[Any] = [column == value for column, value in exact.items() if value]
    if text:
        filters.append(
            or_(records.c.title.icontains(text, autoescape=True), records.c.key.startswith(text, autoescape=True))
        )
    return filters


def _beyond(column: Any, cursor: tuple[str, str], descending: bool) -> Any:
    value, key = cursor
    if descending:
        return or_(column < value, and_(column == value, records.c.key < key))
    return or_(column > value, and_(column == value, records.c.key > key))


def _encode_cursor(row: RowMapping, sort: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([row[f"facet_{sort}"], row["key"]]).encode()).decode()


def _decode_cursor(text: str) -> tuple[str, str]:
    try:
        value, key = json.loads(base64.urlsafe_b64decode(text.encode()))
        return str(value), str(key)
    except (ValueError, TypeError) as error:
        raise FixInput("store.cursor", "This page does not exist.", "Start from the first page.") from error


def _decode_place(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise FixInput("store.cursor", "This page does not exist.", "Start from the first page.")
    return int(text)


def _act_of(row: RowMapping) -> Act:
    names = ("kind", "key", "revision", "record", "actor", "at")
    return Act(row["id"], Verb(row["verb"]), *(row[name] for name in names))


@lru_cache(maxsize=2048)
def _decoded(kind: type[T], body: str) -> T:
    """Records are immutable, so one text can be one record; decoding a verdict takes longer than finding it."""
    return canonical.decode(kind, body)


def _kept(kind: type[T], row: RowMapping) -> Kept[T]:
    record: T = _decoded(kind, row["body"])  # type: ignore[arg-type]
    return Kept(row["key"], record, row["revision"], row["id"], row["actor"], row["at"], row["ledger_index"])
