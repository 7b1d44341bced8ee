"""Watching from end to end: decisions of a real model in a real log, and what comes of them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.unit.flows.journey import SYSTEM
from tests.unit.flows.watching import SCHEMA, baseline_for, opened

from holdfast.domain.act import Verb
from holdfast.domain.alert import Alert, Incident, Settled
from holdfast.domain.appetite import Limit
from holdfast.domain.clearance import Breaker
from holdfast.domain.errors import Absent, Conflict, Forbidden, HoldfastError
from holdfast.domain.watch import Consequence, Rule, Watch, Watched
from holdfast.engines.segments import decisions
from holdfast.engines.view import gateway_view
from holdfast.flows.alerts import close_incident, settle
from holdfast.flows.backtest import backtest
from holdfast.flows.breakers import reset
from holdfast.flows.look import Ground
from holdfast.flows.watch_log import watch_log
from holdfast.flows.watch_segments import watch_segments
from holdfast.flows.watch_table import watch_table
from holdfast.flows.watcher import Watcher
from holdfast.plugins import find_monitors
from holdfast.storage.places import SqlPlaces
from holdfast.testing.runs import sample_appetite
from holdfast.testing.tables import credit_rows
from holdfast.wiring import decision_files

CALM, AFTER = 84, 96
"""Days of ordinary decisions, and how many there are in all."""

ROWS = 150
"""Decisions of a day."""

INCOME = SCHEMA.index("income")
STOPS = Watch(SYSTEM.name, rules=(Rule("drift", Consequence.RELEASE, "The model knows only what it was made for."),))


class _Quiet:
    """Writes to nobody."""

    def deliver(self):
        return 0


QUIET = _Quiet()


def richer(number: int, rows: int = ROWS):
    X = credit_rows(rows, 1000 + number).X.copy()
    X[:, INCOME] *= 1.5
    return X


def lived(bank, days: int, changed: int | None = None):
    for number in range(days):
        bank.day(number, richer(number) if changed is not None and number >= changed else None, rows=ROWS)


@pytest.mark.one_database
def test_ordinary_decisions_raise_nothing_and_are_measured(office, tmp_path):
    bank = opened(office, tmp_path)
    lived(bank, CALM)
    look = bank.watch(CALM - 1)
    assert look.starts == tuple(sorted(look.starts))
    assert (len(look.starts), sum(look.rows), look.is_learning) == (CALM, CALM * ROWS, False)
    assert not [line for line in look.lines if line.alarm is not None or line.out_alarm is not None]
    measured = {(one.measure, one.where) for one in look.measurements}
    assert {("drift.psi", "feature income"), ("drift.weighted", "")} <= measured
    desk = office.desk
    assert (desk.store.count(Alert), desk.store.count(Watched)) == (0, 1)
    assert bank.watch(CALM - 1) == look, "nothing is new, so nobody looks again"
    assert desk.store.count(Watched) == 1, "the same batches are filed once"


@pytest.mark.one_database
def test_a_change_raises_one_group_trips_the_breaker_and_opens_an_incident(office, tmp_path):
    bank = opened(office, tmp_path, STOPS)
    lived(bank, AFTER, changed=CALM)
    look = bank.watch(AFTER - 1)
    changed = {line.where for line in look.lines if line.measure == "drift.place" and line.alarm is not None}
    assert "feature income" in changed
    desk = office.desk
    alerts = [kept for kept in desk.store.list(Alert, system=SYSTEM.name).items]
    income = next(kept for kept in alerts if kept.record.scope == "feature income")
    assert income.record.owner == "data"
    assert abs(look.starts.index(income.record.since) - CALM) <= 2
    breaker = desk.store.get(Breaker, f"{SYSTEM.name}:{bank.release}")
    assert breaker.record.is_tripped
    incident = desk.store.list(Incident, system=SYSTEM.name).items[0]
    assert set(incident.record.alerts) <= {kept.key for kept in alerts}
    raised = [act for act in desk.store.acts(kind="alert").items if act.act.verb is Verb.RAISE_ALERT]
    bank.watch(AFTER - 1)
    assert len([a for a in desk.store.acts(kind="alert").items if a.act.verb is Verb.RAISE_ALERT]) == len(raised)


@pytest.mark.one_database
def test_what_was_settled_as_normal_is_usual_from_then_on(office, tmp_path):
    bank = opened(office, tmp_path, STOPS)
    lived(bank, AFTER, changed=CALM)
    bank.watch(AFTER - 1)
    desk = office.desk
    incident = desk.store.list(Incident).items[0]
    with pytest.raises(Conflict):
        close_incident(desk, office.caller("owner"), incident.key, reason="over")
    with pytest.raises(Forbidden):
        settle(desk, office.caller("viewer"), incident.record.alerts[0], Settled.NORMAL, reason="no")
    for kept in desk.store.list(Alert, limit=200).items:
        settle(desk, office.caller("owner"), kept.key, Settled.NORMAL, reason="Wages rose")
    close_incident(desk, office.caller("owner"), incident.key, reason="Wages rose, and the model was checked again")
    reset(desk, office.caller("risk"), incident.record.breaker, reason="checked again")
    for number in range(AFTER, AFTER + 30):
        bank.day(number, richer(number), rows=ROWS)
    look = bank.watch(AFTER + 29)
    place = next(line for line in look.lines if line.measure == "drift.place" and line.where == "feature income")
    assert place.alarm is None
    still = desk.store.list(Alert, state="open").items
    assert not [kept.record.what for kept in still if kept.record.scope == "feature income"]
    assert not desk.store.get(Breaker, incident.record.breaker).record.is_tripped


@pytest.mark.one_database
def test_labels_that_come_late_are_counted_once(office, tmp_path):
    bank = opened(office, tmp_path)
    ids = {number: bank.day(number) for number in range(3)}
    bank.watch(2)
    bank.label(ids[1], np.where(np.arange(300) % 4 == 0, "no", "yes"))
    look = bank.watch(2)
    assert (look.rows, look.labelled) == ((300, 300, 300), (0, 300, 0))
    bank.label(ids[1][:100], ["no"] * 100)
    bank.day(1, rows=50, hour=20)
    look = bank.watch(2)
    assert (look.rows, look.labelled) == ((300, 350, 300), (0, 300, 0))
    batch = bank.post.batches.all(bank.release)[1]
    label = next(c for b, c in zip(batch.profile.bins, batch.profile.counts, strict=True) if b.name == "label")
    assert sum(label.cells) == 300
    assert label.missing == 50


@pytest.mark.one_database
def test_a_log_without_a_control_plane_is_looked_at_at_once(office, tmp_path):
    bank = opened(office, tmp_path)
    lived(bank, AFTER, changed=CALM)
    ground = Ground(SYSTEM.name, baseline_for(bank.release), Watch(SYSTEM.name), find_monitors())
    rows = bank.post.observing.all(SYSTEM.name, ground.baseline, ground.watch)
    look = watch_log(ground, rows, before="2027-01-01", at="2027-01-01T00:00:00Z")
    assert sum(look.rows) == AFTER * ROWS
    changed = {line.where for line in look.lines if line.measure == "drift.place" and line.alarm is not None}
    assert "feature income" in changed
    with pytest.raises(Absent):
        watch_log(replace(ground, system="another"), (), before="2027-01-01", at="2027-01-01T00:00:00Z")


@pytest.mark.one_database
def test_another_appetite_is_tried_on_decisions_that_were_watched(office, tmp_path):
    bank = opened(office, tmp_path)
    lived(bank, AFTER, changed=CALM)
    bank.watch(AFTER - 1)
    strict = Limit("drift.place", "Incomes are what the model knows.", maximum=0.3, scope=(("feature", "income"),))
    loose = replace(strict, maximum=1.5)
    appetite = sample_appetite()
    (tried,) = backtest(office.desk, bank.post.batches, replace(appetite, limits=(strict,)))
    assert (tried.release, tried.batches, tried.limited) == (bank.release, AFTER, 1)
    (crossing,) = tried.crossings
    assert (crossing.where, crossing.limit) == ("feature income", 0.3)
    assert crossing.level > 0.3
    assert crossing.since <= crossing.known
    (calm,) = backtest(office.desk, bank.post.batches, replace(appetite, limits=(loose,)))
    assert (calm.limited, calm.crossings) == (1, ())


@pytest.mark.one_database
def test_a_crash_between_acting_and_keeping_raises_nothing_twice(office, tmp_path, monkeypatch):
    bank = opened(office, tmp_path, STOPS)
    lived(bank, AFTER, changed=CALM)
    batches = type(bank.post.batches)
    with monkeypatch.context() as patch:
        patch.setattr(batches, "keep_look", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            bank.watch(AFTER - 1)
    raised = {kept.key for kept in office.desk.store.list(Alert, limit=200).items}
    assert raised
    bank.watch(AFTER - 1)
    assert {kept.key for kept in office.desk.store.list(Alert, limit=200).items} == raised
    assert office.desk.store.count(Incident) == 1
    assert office.desk.store.count(Watched) == 1


@pytest.mark.one_database
def test_engines_see_what_this_process_sees(office, tmp_path):
    """The same log as rows here, as segments followed by DuckDB in two steps, and as a table of a warehouse."""
    ibis = pytest.importorskip("ibis")
    bank = opened(office, tmp_path)
    lived(bank, 50)
    bank.drain()
    ground = Ground(SYSTEM.name, baseline_for(bank.release), Watch(SYSTEM.name), find_monitors())
    when = {"before": "2027-01-01", "at": "2027-01-01T00:00:00Z"}
    here = watch_log(ground, bank.post.observing.all(SYSTEM.name, ground.baseline, ground.watch), **when)
    segments = decision_files(tmp_path).segments
    files = {place: segments.at(place)[1] for place in segments.places("decisions")}
    assert len(files) == 50
    first = dict(list(files.items())[:20])
    duckdb, view, state = ibis.duckdb.connect(), gateway_view(SCHEMA), tmp_path / "watched.json"
    with contextlib.suppress(HoldfastError):
        watch_segments(ground, duckdb, first, view, state, **when)
    there = watch_segments(ground, duckdb, files, view, state, **when)
    assert same(there, here)
    (table,) = decisions(duckdb, list(files.values()), view, SCHEMA.names)
    assert same(watch_table(ground, table, view, labels=None, **when), here)


def same(one, other):
    """Whether two looks saw the same."""
    assert (one.starts, one.rows) == (other.starts, other.rows)
    for mine, theirs in zip(one.lines, other.lines, strict=True):
        assert (mine.measure, mine.scope, mine.rows) == (theirs.measure, theirs.scope, theirs.rows)
        values = [np.array([np.nan if v is None else v for v in line.values]) for line in (mine, theirs)]
        np.testing.assert_allclose(*values, rtol=1e-9, atol=1e-12, err_msg=mine.measure)
    return True


@pytest.mark.one_database
def test_a_crash_in_a_plug_in_ends_neither_the_thread_nor_the_watching_of_others(office, tmp_path, monkeypatch):
    bank = opened(office, tmp_path)
    watcher = Watcher(office.desk, bank.post, QUIET, SqlPlaces(office.desk.store))
    monkeypatch.setattr("holdfast.flows.watcher.watch_release", lambda *_: 1 / 0)
    watcher.watch()
    (failure,) = watcher.round().failures
    assert (failure.code, failure.release, failure.system) == ("watch.crashed", bank.release, SYSTEM.name)
    assert "ZeroDivisionError" in failure.message
    office.clock.now += timedelta(minutes=5)
    watcher.watch()
    assert watcher.round().failures == (failure,), "since when, not when last"
    assert watcher.round().at > failure.since
    monkeypatch.undo()
    watcher.watch()
    assert watcher.round().failures == ()
