"""A decision that waits for a person: filed once, decided by somebody else or ended in time, forgotten after."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from tests.unit.flows.holding import WHO, held
from tests.unit.flows.journey import SYSTEM, registered

from holdfast import canonical
from holdfast.domain.act import Draft, Verb
from holdfast.domain.credential import Route
from holdfast.domain.errors import Absent, Conflict, FixInput, Forbidden
from holdfast.domain.person import Person, Role
from holdfast.domain.policy import Unanswered
from holdfast.domain.review import HumanReview, ReviewFigures, ReviewState, read_answer
from holdfast.flows.credentials import issue_key
from holdfast.flows.lapser import Lapser, lapse_overdue, sweep
from holdfast.flows.review import (
    CLOCK,
    awaiting,
    decide,
    figures,
    file_held,
    find_review,
    forget,
    read_content,
)
from holdfast.flows.sequence import sequence
from holdfast.server.console.review_words import told
from holdfast.storage.tables import acts, contents
from holdfast.testing.desk import START


@pytest.fixture
def house(office):
    registered(office)
    return office


def let_wait(house, **terms):
    return file_held(house.desk, house.caller("developer"), held(**terms))


def rows(house, table):
    with house.desk.store.begin() as connection:
        return str([tuple(row) for row in connection.execute(select(table))])


def test_a_person_decides_and_what_they_saw_is_gone(house):
    desk, reviewer = house.desk, house.caller("reviewer")
    wanted = held()
    kept = file_held(desk, house.caller("developer"), wanted)
    again = file_held(desk, house.caller("owner"), replace(wanted, due_at="2026-12-24T09:00:00Z"))
    assert again == kept, "refiling changes nothing"
    assert [one.key for one in awaiting(desk, reviewer, 5)] == [kept.key]
    assert read_content(desk, reviewer, kept.key) == wanted
    sealed = desk.store.private_rows()["contents"]

    house.clock.now += timedelta(minutes=90)
    ended = decide(desk, reviewer, kept.key, answer="yes", reason="Her income is proven.").record
    assert ended.state is ReviewState.DECIDED
    found = ended.resolution
    assert (found.answer, found.person, found.seconds, found.overruled) == ("yes", "reviewer", 5400, True)
    assert read_content(desk, reviewer, kept.key) is None
    assert file_held(desk, house.caller("developer"), wanted).record == ended, "filed late, it is over all the same"
    with pytest.raises(Conflict, match="decided already"):
        decide(desk, reviewer, kept.key, answer="no", reason="again")

    sequence(desk.store, desk.ledger)
    assert WHO not in rows(house, acts) + rows(house, contents) + str(sealed)
    with desk.store.begin(writes=True) as connection:  # as a backup from before would have it
        connection.execute(contents.insert().values(key=kept.key, subject="", sealed=_bytes(sealed)))
    assert desk.contents.get(kept.key) is None, "its key is destroyed"
    sweep(desk)
    assert desk.contents.keys() == ()


def _bytes(sealed):
    import base64

    return base64.b64decode(sealed[0]["sealed:base64"])


@pytest.mark.parametrize(
    ("terms", "answer"),
    [
        ({}, None),
        ({"unanswered": Unanswered.FALLBACK, "fallback": "no"}, "no"),
        ({"unanswered": Unanswered.ANSWER, "proposal": "yes"}, "yes"),
        ({"unanswered": Unanswered.ANSWER, "proposal": None}, None),
    ],
)
def test_what_nobody_decides_ends_as_its_policy_says(house, terms, answer):
    desk = house.desk
    key, later = let_wait(house, hours=2, **terms).key, let_wait(house, hours=4).key
    house.clock.now += timedelta(hours=2)
    assert lapse_overdue(desk) == 1
    assert lapse_overdue(desk) == 0
    ended = desk.store.get(HumanReview, key)
    assert (ended.actor, ended.record.state) == (CLOCK, ReviewState.LAPSED)
    assert desk.store.recent(limit=1)[0].act.verb is Verb.LAPSE_REVIEW
    found = ended.record.resolution
    assert (found.answer, found.person, found.seconds, found.overruled) == (answer, "", 7200, None)
    assert desk.contents.keys() == (later,)


def test_of_all_who_end_it_at_once_one_does(house):
    """Two servers look while two people decide: each review has two revisions, and one end."""
    desk, keys = house.desk, [let_wait(house, hours=1, unanswered=Unanswered.ANSWER).key for _ in range(6)]
    late = replace(desk, clock=lambda: START + timedelta(hours=1))

    def decided(desk, answer):
        for key in keys:
            with suppress(Conflict):
                decide(desk, house.caller("reviewer"), key, answer=answer, reason="seen")

    work = [lambda: lapse_overdue(late)] * 2 + [lambda: decided(desk, "yes"), lambda: decided(desk, "no")]
    with ThreadPoolExecutor(len(work)) as pool:
        for done in [pool.submit(one) for one in work]:
            done.result()
    ends = [desk.store.history(HumanReview, key) for key in keys]
    assert [len(revisions) for revisions in ends] == [2] * len(keys)
    assert all(one[-1].record.resolution.person in ("", "reviewer") for one in ends)
    assert all(one[-1].record.resolution.answer for one in ends), "what nobody decided is what the model proposed"
    assert desk.contents.keys() == ()


def test_one_that_was_tampered_with_keeps_back_no_other(house):
    desk, terms = house.desk, {"hours": 1, "unanswered": Unanswered.ANSWER}
    changed, whole = let_wait(house, **terms).key, let_wait(house, **terms).key
    with desk.store.begin(writes=True) as connection:
        connection.execute(contents.update().where(contents.c.key == changed).values(sealed=b"x" * 60))
    house.clock.now += timedelta(hours=1)
    assert lapse_overdue(desk) == 2
    found = [desk.store.get(HumanReview, key).record.resolution for key in (changed, whole)]
    assert [one.answer for one in found] == [None, "no"]
    assert "was changed" in found[0].reason


def test_what_was_never_filed_to_the_end_is_destroyed(house):
    desk, stray = house.desk, held(hours=1)
    desk.contents.put(stray.decision.id, "5b2c", canonical.encode(stray))
    house.clock.now += timedelta(hours=20)
    sweep(desk)
    assert desk.contents.keys() == (stray.decision.id,), "its gateway may be about to file it again"
    house.clock.now += timedelta(hours=6)
    with Lapser(desk, every=0.01):
        deadline = time.monotonic() + 10
        while desk.contents.keys() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert desk.contents.keys() == ()


def test_who_asks_too_late_finds_it_over_though_nothing_looked(house):
    key = let_wait(house, hours=1).key
    house.clock.now += timedelta(hours=1)
    with pytest.raises(Conflict, match="lapsed already"):
        decide(house.desk, house.caller("reviewer"), key, answer="yes", reason="late")
    assert find_review(house.desk, key).record.state is ReviewState.LAPSED


def test_neither_who_asks_nor_who_let_the_program_in_decides(house):
    desk = house.desk
    both = [
        Draft(Verb.SET_PERSON, name, Person(name, (Role.REVIEWER, Role.OWNER))) for name in ("runs-it", "issued-it")
    ]
    desk.store.commit(both, actor="founder", at=desk.at, id="both")
    until = house.clock.now + timedelta(days=1)
    reach = {"systems": (SYSTEM.name,), "routes": (Route.PREDICT,), "until": until}
    credential, _ = issue_key(desk, house.caller("issued-it"), "branch", **reach)
    key = file_held(desk, house.caller("runs-it"), held(principal=credential.key)).key
    for who, why in (("runs-it", "on your behalf"), ("issued-it", "that you issued")):
        with pytest.raises(Forbidden, match=why):
            decide(desk, house.caller(who), key, answer="yes", reason="mine")
    for who in ("owner", "developer", "auditor", "admin", "risk"):
        with pytest.raises(Forbidden):
            decide(desk, house.caller(who), key, answer="yes", reason="mine")
        with pytest.raises(Forbidden):
            read_content(desk, house.caller(who), key)
        assert awaiting(desk, house.caller(who), 5) == ()
    assert decide(desk, house.caller("reviewer"), key, answer=None, reason="Not enough is known.").record.resolution


def test_a_person_is_forgotten_while_a_review_waits(house):
    desk, reviewer = house.desk, house.caller("reviewer")
    key = let_wait(house, unanswered=Unanswered.ANSWER).key
    with pytest.raises(Forbidden):
        forget(desk, house.caller("admin"), "5b2c")
    assert forget(desk, house.caller("developer"), "5b2c") == (key,)
    assert forget(desk, reviewer, "5b2c") == ()
    assert read_content(desk, reviewer, key) is None
    house.clock.now += timedelta(days=1)
    assert find_review(desk, key).record.resolution.answer is None, "what the model proposed is forgotten, too"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda one: replace(one, decision=replace(one.decision, id="../x")), "review.id"),
        (lambda one: replace(one, decision=replace(one.decision, sealed="abc")), "review.sealed"),
        (lambda one: replace(one, due_at="tomorrow"), "review.time"),
        (lambda one: replace(one, due_at=one.decision.at), "review.due"),
        (lambda one: replace(one, due_at="2027-11-24T09:00:00Z"), "review.due"),
        (
            lambda one: replace(
                one, due_at="2027-11-25T09:00:00Z", decision=replace(one.decision, at="2027-11-24T09:00:00Z")
            ),
            "review.early",
        ),
    ],
)
def test_what_cannot_wait_is_refused(house, change, code):
    with pytest.raises(FixInput) as error:
        file_held(house.desk, house.caller("developer"), change(held()))
    assert error.value.code == code
    assert house.desk.contents.keys() == ()


def test_an_answer_is_one_that_the_system_can_give(house):
    key, free = let_wait(house).key, let_wait(house, choices=(), proposal=3.5).key
    decided = {"reason": "seen"}
    with pytest.raises(FixInput, match="Say one of: no, yes"):
        decide(house.desk, house.caller("reviewer"), key, answer="maybe", **decided)
    ended = decide(house.desk, house.caller("reviewer"), free, answer=3.5, **decided).record
    assert ended.resolution.overruled is False
    coded = let_wait(house, choices=(0, 1), proposal=1.0).key
    typed = read_answer(find_review(house.desk, coded).record, "1")
    said = decide(house.desk, house.caller("reviewer"), coded, answer=typed, **decided)
    assert (said.record.resolution.answer, said.record.resolution.overruled) == (1, False), "as the model says it"
    refused = let_wait(house).key
    assert decide(house.desk, house.caller("reviewer"), refused, answer=None, **decided).record.resolution.overruled
    with pytest.raises(Absent):
        decide(house.desk, house.caller("reviewer"), "nothing", answer="yes", **decided)


def test_figures_tell_no_rate_of_a_handful(house):
    desk = house.desk
    let_wait(house)
    for number in range(20):
        key = let_wait(house).key
        house.clock.now += timedelta(minutes=1)
        decide(desk, house.caller("reviewer"), key, answer="yes" if number < 5 else "no", reason="seen")
        if number == 9:
            assert told(figures(desk, SYSTEM.name))["Model overruled"] == "5 of 10, too few for a rate"
    found = figures(desk, SYSTEM.name)
    assert found == ReviewFigures(waiting=1, decided=20, lapsed=0, overruled=5, proposed=20, median_seconds=630.0)
    assert told(found)["Model overruled"].startswith("5 of 20, 25 % (11")
    assert canonical.plain(found)["median_seconds"] == 630.0
