"""Links and profiles: who holds a link is that person, so nobody alone can make one for somebody who has come."""

from __future__ import annotations

import pyotp
import pytest

from holdfast.domain.access import Permission
from holdfast.domain.account import Profile
from holdfast.domain.act import Draft, Verb
from holdfast.domain.errors import Absent, Conflict, FixInput, Forbidden
from holdfast.domain.person import Person, Reset, Role
from holdfast.flows.desk import Caller
from holdfast.flows.people import LINK_HOURS, change_profile, invite, renew_link, welcome
from holdfast.flows.propose import drop, enact
from holdfast.storage.accounts import SqlAccounts

PASSWORD = "correct horse battery"


@pytest.fixture
def accounts(office):
    """Owner and viewer have profiles; owner came, with a password."""
    made = SqlAccounts(office.desk.store, b"secret")
    for who in ("owner", "viewer"):
        made.add(Profile(who, who.title(), f"{who}@example.org"))
    made.set_password("owner", PASSWORD)
    second = Person("admin2", (Role.ADMIN,))
    draft = Draft(Verb.SET_PERSON, "admin2", second)
    office.desk.store.commit([draft], actor="founder", at=office.desk.at, id="second")
    return made


def renewed(office, accounts, id="owner", **more):
    return renew_link(office.desk, accounts, office.caller("admin"), id, reason="lost it", **more)


def opened(office, accounts, secret, password="another long phrase"):
    return welcome(office.desk, accounts, secret, name="", email="", password=password)


def test_who_never_came_gets_a_link_at_once_and_the_first_one_ends(office, accounts):
    proposal, first = invite(
        office.desk, accounts, office.caller("admin"), name="Eve", email="eve@example.org", roles=(Role.VIEWER,)
    )
    enact(office.desk, office.caller("admin2"), proposal.key)
    eve = proposal.record.key
    made, second = renewed(office, accounts, eve)
    assert (made.record.state, office.desk.store.get(Reset, eve).actor) == ("enacted", "admin")
    _, third = renewed(office, accounts, eve)
    for secret in (first, second):
        with pytest.raises(Absent):
            opened(office, accounts, secret)
    assert opened(office, accounts, third).id == eve
    with pytest.raises(Absent):
        opened(office, accounts, third)


def test_who_came_through_the_organisations_door_counts_as_come(office, accounts):
    assert renewed(office, accounts, "viewer")[0].record.state == "enacted"
    accounts.open_session("viewer", office.clock.now)
    assert renewed(office, accounts, "viewer")[0].record.state == "open"


def test_two_administrators_reset_a_password_and_all_sessions_end(office, accounts):
    now = office.clock.now
    secret, _ = accounts.new_totp("owner@example.org")
    accounts.confirm_totp("owner", secret, pyotp.TOTP(secret).at(now), now)
    session = accounts.open_session("owner", now)
    proposal, link = renewed(office, accounts)
    with pytest.raises(Forbidden, match="second person"):
        opened(office, accounts, link)
    with pytest.raises(Forbidden):
        enact(office.desk, office.caller("admin"), proposal.key)
    enact(office.desk, office.caller("admin2"), proposal.key)
    assert accounts.session(session, now) is not None
    with pytest.raises(FixInput, match="12 characters"):
        opened(office, accounts, link, "short")
    opened(office, accounts, link)
    assert accounts.session(session, now) is None
    assert accounts.has_totp("owner"), "the second factor stands unless the reset says otherwise"
    with pytest.raises(Absent):
        opened(office, accounts, link)


def test_a_lost_phone_goes_with_the_password_where_that_was_enacted(office, accounts):
    now = office.clock.now
    secret, _ = accounts.new_totp("owner@example.org")
    accounts.confirm_totp("owner", secret, pyotp.TOTP(secret).at(now), now)
    proposal, link = renewed(office, accounts, forgets_factor=True)
    enact(office.desk, office.caller("admin2"), proposal.key)
    opened(office, accounts, link)
    assert accounts.check("owner@example.org", "another long phrase", "", now) == "owner"


def test_the_only_administrator_resets_nobody_alone(office, accounts):
    gone = Person("admin2", (), is_active=False)
    office.desk.store.commit([Draft(Verb.SET_PERSON, "admin2", gone, 1)], actor="x", at=office.desk.at, id="gone")
    proposal, link = renewed(office, accounts)
    assert proposal.record.state == "open"
    with pytest.raises(Forbidden):
        opened(office, accounts, link)


def test_a_link_that_was_dropped_overtaken_or_is_old_opens_nothing(office, accounts):
    (dropped, a), (first, b), (second, c) = (renewed(office, accounts) for _ in range(3))
    drop(office.desk, office.caller("admin2"), dropped.key)
    enact(office.desk, office.caller("admin2"), first.key)
    with pytest.raises(Conflict, match="changed"):
        enact(office.desk, office.caller("admin2"), second.key)
    later, d = renewed(office, accounts)
    enact(office.desk, office.caller("admin2"), later.key)
    for secret in (a, b):
        with pytest.raises(Absent):
            opened(office, accounts, secret)
    with pytest.raises(Forbidden):
        opened(office, accounts, c)
    office.clock.pass_days(LINK_HOURS / 24)
    with pytest.raises(Absent):
        opened(office, accounts, d)


def test_no_link_for_who_is_gone_or_unknown_or_from_who_may_not(office, accounts):
    with pytest.raises(FixInput, match="Nobody knows"):
        renewed(office, accounts, "risk")
    gone = Person("viewer", (), is_active=False)
    office.desk.store.commit([Draft(Verb.SET_PERSON, "viewer", gone, 1)], actor="x", at=office.desk.at, id="g")
    with pytest.raises(FixInput, match="no longer"):
        renewed(office, accounts, "viewer")
    with pytest.raises(Forbidden):
        renew_link(office.desk, accounts, office.caller("owner"), "owner", reason="r")


def test_another_address_asks_for_password_and_code(office, accounts):
    caller, now = office.caller("owner"), office.clock.now

    def change(**said):
        return change_profile(office.desk, accounts, caller, **{"name": "Olga", "email": "olga@example.org"} | said)

    assert change(email=" Owner@example.org").name == "Olga"
    with pytest.raises(FixInput, match="password or the code"):
        change(password="wrong")
    secret, _ = accounts.new_totp("owner@example.org")
    accounts.confirm_totp("owner", secret, pyotp.TOTP(secret).at(now), now)
    with pytest.raises(FixInput, match="password or the code"):
        change(password=PASSWORD)
    office.clock.pass_days(1)
    code = pyotp.TOTP(secret).at(office.clock.now)
    assert change(password=PASSWORD, code=code).email == "olga@example.org"


def test_who_has_no_password_here_keeps_the_address_that_others_vouch_for(office, accounts):
    caller = office.caller("viewer")
    with pytest.raises(FixInput, match="organisation"):
        change_profile(office.desk, accounts, caller, name="V", email="other@example.org")
    assert change_profile(office.desk, accounts, caller, name="V", email="viewer@example.org").name == "V"


def test_a_narrow_token_changes_no_profile(office, accounts):
    narrow = Caller(office.caller("owner").person, frozenset({Permission.READ}))
    with pytest.raises(Forbidden, match="less than you"):
        change_profile(office.desk, accounts, narrow, name="X", email="owner@example.org")
    with pytest.raises(Absent):
        change_profile(office.desk, accounts, office.caller("risk"), name="X", email="x@example.org")
