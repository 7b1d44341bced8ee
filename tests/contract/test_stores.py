"""Every store keeps acts and records alike: SQLite and PostgreSQL."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select
from tests.postgresql import database

from holdfast import canonical
from holdfast.domain.act import Draft, Verb
from holdfast.domain.errors import Absent, Conflict, FixInput
from holdfast.domain.person import Comment
from holdfast.domain.system import Owners, System
from holdfast.storage.schema import current, upgrade
from holdfast.storage.tables import metadata, records
from holdfast.testing.runs import sample_evidence
from holdfast.wiring import open_store

AT = "2026-11-01T12:00:00Z"
LOANS = System("loans", purpose="decide loans", use_case="credit", owners=Owners("a", "b", "c", "d"))


def register(store, system=LOANS, *, base=0, id="r1", verb=Verb.REGISTER_SYSTEM, at=AT):
    return store.commit([Draft(verb, system.name, system, base)], actor="p-1", at=at, id=id)


def test_a_record_is_read_as_it_was_written(store):
    (act,) = register(store)
    kept = store.get(System, "loans")
    assert (kept.record, kept.revision, kept.actor, kept.at, kept.act) == (LOANS, 1, "p-1", AT, act.id)
    assert act.record == canonical.digest(LOANS)
    assert store.find(System, "other") is None
    with pytest.raises(Absent):
        store.get(System, "other")


def test_a_change_follows_the_revision_that_it_was_made_on(store):
    register(store)
    changed = replace(LOANS, purpose="decide car loans")
    register(store, changed, base=1, id="r2", verb=Verb.CHANGE_SYSTEM)
    assert [kept.record.purpose for kept in store.history(System, "loans")] == ["decide loans", "decide car loans"]
    with pytest.raises(Conflict):
        register(store, replace(LOANS, purpose="too late"), base=1, id="r3", verb=Verb.CHANGE_SYSTEM)
    with pytest.raises(Conflict):
        register(store, LOANS, id="r4")
    with pytest.raises(Conflict):
        register(store, replace(LOANS, name="unborn"), base=1, id="r5", verb=Verb.CHANGE_SYSTEM)
    assert store.get(System, "loans").record == changed


def test_the_same_request_is_done_once(store):
    first = register(store)
    again = register(store, at="2026-11-01T13:00:00Z")
    assert again == first
    assert len(store.pending(10)) == 1
    with pytest.raises(FixInput, match="something else"):
        register(store, replace(LOANS, purpose="another"))


def test_all_acts_of_a_commit_are_made_or_none(store):
    register(store)
    drafts = [
        Draft(Verb.COMMENT, "c1", Comment("system loans", "p-1", "good", AT)),
        Draft(Verb.CHANGE_SYSTEM, "loans", LOANS, 7),
    ]
    with pytest.raises(Conflict):
        store.commit(drafts, actor="p-1", at=AT, id="r2")
    assert store.find(Comment, "c1") is None
    assert len(store.pending(10)) == 1


def test_two_who_follow_the_same_revision_cannot_both_win(store):
    register(store)
    lost = []

    def change(number):
        try:
            register(store, replace(LOANS, purpose=f"by {number}"), base=1, id=f"c{number}", verb=Verb.CHANGE_SYSTEM)
        except Conflict:
            lost.append(number)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lost) == 7
    assert store.get(System, "loans").revision == 2


def test_lists_are_filtered_sorted_and_paged(store):
    names = [f"s{number:02}" for number in range(23)]
    for number, name in enumerate(names):
        tier = "high" if number % 2 else "limited"
        register(
            store,
            replace(LOANS, name=name, tier=type(LOANS.tier)(tier)),
            id=name,
            at=f"2026-11-{number + 1:02}T00:00:00Z",
        )
    seen, after = [], ""
    while True:
        page = store.list(System, sort="title", descending=False, after=after, limit=5)
        seen += [kept.key for kept in page.items]
        after = page.after
        if not after:
            break
    assert seen == names
    assert [kept.key for kept in store.list(System, limit=2).items] == ["s22", "s21"]
    assert store.count(System) == 23
    assert store.count(System, state="high") == 11
    assert {kept.record.tier for kept in store.list(System, state="high").items} == {"high"}
    assert [kept.key for kept in store.list(System, text="S07").items] == ["s07"]
    assert store.list(System, text="%").items == ()
    assert [kept.key for kept in store.list(System, system="s03").items] == ["s03"]
    for wrong in ({"sort": "body"}, {"after": "nonsense"}):
        with pytest.raises(FixInput):
            store.list(System, **wrong)


def test_the_ledger_place_is_noted_once(store):
    (act,) = register(store)
    assert store.last_index() == -1
    store.sequenced([(act.id, 3)])
    store.sequenced([(act.id, 9)])
    store.sequenced([])
    assert store.last_index() == 3
    assert store.pending(10) == ()
    assert store.get(System, "loans").index == 3


def test_only_one_sequences_at_a_time(store):
    with store.sequencer_lock() as first, store.sequencer_lock() as second:
        assert (first(), second()) == (True, False)
    with store.sequencer_lock() as third:
        assert third()


def test_measurements_become_rows_with_the_act(store):
    from sqlalchemy import func, select

    from holdfast.domain.kinds import Filed
    from holdfast.storage.tables import measurements

    evidence = sample_evidence()
    filed = Filed.of(evidence, canonical.digest(evidence), envelope="", sealer="")
    for _ in range(2):
        store.commit([Draft(Verb.RECORD_EVIDENCE, filed.digest, filed)], actor="p", at=AT, id="e", evidence=evidence)
    with store.begin() as connection:
        count = connection.execute(select(func.count()).select_from(measurements)).scalar()
    assert count == len(evidence.measurements) > 0


def test_a_trend_is_a_measure_over_the_evidence_of_one_system(store):
    from holdfast.domain.kinds import Filed

    first = sample_evidence()
    for number, day in enumerate(("2026-11-03", "2026-11-01", "2026-11-02")):
        evidence = replace(first, taken_at=f"{day}T00:00:00Z", seed=number)
        filed = Filed.of(evidence, canonical.digest(evidence), envelope="", sealer="")
        draft = Draft(Verb.RECORD_EVIDENCE, filed.digest, filed)
        store.commit([draft], actor="p", at=AT, id=f"e{number}", evidence=evidence)
    one = next(m for m in first.measurements if m.interval and m.scope)
    taken = [t for t in store.trend(first.system, one.measure) if t.scope == one.where]
    assert [t.taken_at[:10] for t in taken] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert (taken[0].value, taken[0].low, taken[0].high) == (one.value, one.interval.low, one.interval.high)
    assert {t.taken_at[:10] for t in store.trend(first.system, one.measure, limit=1)} == {"2026-11-03"}
    assert store.trend("other", one.measure) == store.trend(first.system, "no.measure") == ()


def test_acts_are_listed_the_newest_first_by_system_or_by_what_they_are_about(store):
    register(store)
    register(store, replace(LOANS, name="cards"), id="r2")
    register(store, replace(LOANS, purpose="new"), base=1, id="r3", verb=Verb.CHANGE_SYSTEM)
    comment = Comment("system loans", "p-1", "good", AT)
    store.commit([Draft(Verb.COMMENT, "c1", comment)], actor="p-2", at=AT, id="r4")
    assert [row.act.verb for row in store.recent()] == ["comment.write", "system.change", *["system.register"] * 2]
    assert [row.act.revision for row in store.recent(system="loans")] == [2, 1]
    assert [row.act.id for row in store.recent(system="loans", about=["system loans"])] == ["r4.0", "r3.0", "r1.0"]
    assert [row.act.actor for row in store.recent(about=["system loans"])] == ["p-2"]
    assert len(store.recent(limit=2)) == 2
    assert [row.act.id for row in store.recent(but=["system"])] == ["r4.0"]
    assert [row.act.id for row in store.recent(since="r2.0")] == ["r4.0", "r3.0"]
    assert store.recent(since="gone.0") == store.recent()
    assert store.recent(since="r4.0") == store.recent(but=["comment"], since="r3.0") == ()
    assert [row.act.id for row in store.recent(system="loans", about=["system loans"], but=["system"])] == ["r4.0"]


def test_the_migrations_make_the_tables_that_the_code_uses(store):
    with store.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert current(store.engine) == "0005"
    upgrade(store.engine)


def test_a_newer_schema_is_refused(store):
    with store.begin(writes=True) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(FixInput, match="newer"):
        upgrade(store.engine)


def test_acts_are_listed_the_latest_first_a_page_at_a_time(store):
    for number in range(5):
        register(store, replace(LOANS, name=f"system {number}"), id=f"r{number}")
    store.commit([Draft(Verb.COMMENT, "c", Comment("system loans", "p-2", "hm", AT))], actor="p-2", at=AT, id="c")
    page = store.acts(kind="system", limit=3)
    rest = store.acts(kind="system", limit=3, after=page.after)
    assert [entry.act.key[-1] for entry in (*page.items, *rest.items)] == ["4", "3", "2", "1", "0"]
    assert (rest.after, page.items[0].index) == ("", None)
    assert [entry.act.kind for entry in store.acts(actor="p-2").items] == ["comment"]
    assert [entry.act.id for entry in store.acts(kind="system", key="system 2").items] == ["r2.0"]
    with pytest.raises(FixInput):
        store.acts(after="x")


def test_what_a_request_made_is_found_again(store):
    other = Draft(Verb.REGISTER_SYSTEM, "other", replace(LOANS, name="other"))
    made = store.commit([Draft(Verb.REGISTER_SYSTEM, "loans", LOANS), other], actor="p-1", at=AT, id="r1")
    register(store, replace(LOANS, name="third"), id="r10")
    assert store.made_by("r1") == made
    assert store.made_by("r") == ()


def test_text_that_no_row_can_hold_is_never_a_server_error(store):
    for name in ("nul\0", "x" * 300):
        for act in (store.find, lambda kind, text: store.list(kind, text=text), _register_named(store)):
            with suppress(FixInput):
                act(System, name)


def _register_named(store):
    return lambda _kind, name: register(store, replace(LOANS, name=name), id=f"r{len(name)}")


def test_no_act_is_sequenced_before_one_that_was_made_earlier(postgresql_server):
    """PostgreSQL numbers an act when it is made, and shows it when its transaction ends."""
    with database(postgresql_server) as url, open_store(Path(), url) as store, ThreadPoolExecutor() as pool:
        register(store)
        store.sequenced([(act.id, number) for number, act in enumerate(store.pending(10))])
        with store.engine.connect() as slow, slow.begin():
            slow.execute(select(records).where(records.c.key == "loans").with_for_update())
            changed = replace(LOANS, purpose="decide car loans")
            first = pool.submit(register, store, changed, base=1, id="first", verb=Verb.CHANGE_SYSTEM)
            wait_until(lambda: is_waiting(store, "UPDATE records"))
            register(store, replace(LOANS, name="cars"), id="second")
            pending = pool.submit(store.pending, 10)
            wait_until(lambda: pending.done() or is_waiting(store, "SELECT pg_advisory_xact_lock("))
        assert first.result()
        assert [act.id for act in pending.result()] == ["first.0", "second.0"]


def is_waiting(store, statement: str) -> bool:
    waits = "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with store.engine.connect() as connection:
        return any(row[0].startswith(statement) for row in connection.exec_driver_sql(waits))


def wait_until(holds, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)
