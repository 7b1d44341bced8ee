"""Passwords, second factors and who came, on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from holdfast.domain.account import Profile
from holdfast.domain.errors import Conflict, FixInput
from holdfast.storage.accounts import FREE_FAILURES, SqlAccounts

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
EMAIL, PASSWORD = "eve@example.org", "correct horse battery"


@pytest.fixture
def accounts(store):
    made = SqlAccounts(store, b"secret")
    made.add(Profile("eve", "Eve", EMAIL))
    made.set_password("eve", PASSWORD)
    return made


@pytest.fixture
def totp(accounts):
    """Eve's authenticator app, whose first code was spent on confirming it."""
    secret, _ = accounts.new_totp(EMAIL)
    app = pyotp.TOTP(secret)
    accounts.confirm_totp("eve", secret, app.at(NOW), NOW)
    return app


def test_a_password_is_dear_to_guess(quick_passwords):
    """Outside of these tests; RFC 9106, section 4."""
    hash = quick_passwords.hash(PASSWORD)
    assert hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def at_once(action, times=8):
    with ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(action) for _ in range(times)]]


def test_a_code_lets_in_once_and_older_ones_no_more(accounts, totp):
    assert accounts.check(EMAIL, PASSWORD, totp.at(NOW), NOW) is None, "the code that confirmed the app"
    present, before = totp.at(LATER), totp.at(LATER - timedelta(seconds=30))
    assert accounts.check(EMAIL, PASSWORD, f"{present[:3]} {present[3:]}", LATER) == "eve"
    assert accounts.check(EMAIL, PASSWORD, present, LATER) is None
    assert accounts.check(EMAIL, PASSWORD, before, LATER) is None
    soon = LATER + timedelta(seconds=30)
    assert accounts.check(EMAIL, PASSWORD, totp.at(soon), soon) == "eve"


def test_of_many_who_send_the_same_code_at_once_one_is_let_in(accounts, totp):
    code = totp.at(LATER)
    let_in = at_once(lambda: accounts.check(EMAIL, PASSWORD, code, LATER))
    assert sorted(let_in, key=str) == [None] * 7 + ["eve"]


def test_a_wrong_password_does_not_spend_the_code(accounts, totp):
    code = totp.at(LATER)
    assert accounts.check(EMAIL, "wrong", code, LATER) is None
    assert accounts.check(EMAIL, PASSWORD, code, LATER) == "eve"


def test_the_same_app_is_confirmed_once_with_the_same_code(accounts):
    secret, _ = accounts.new_totp(EMAIL)
    code = pyotp.TOTP(secret).at(NOW)

    def confirm():
        try:
            accounts.confirm_totp("eve", secret, code, NOW)
        except FixInput as error:
            return error.code
        return "confirmed"

    assert sorted(at_once(confirm)) == ["confirmed"] + ["totp.code"] * 7
    other, _ = accounts.new_totp(EMAIL)
    accounts.confirm_totp("eve", other, pyotp.TOTP(other).at(NOW), NOW)
    with pytest.raises(FixInput):
        accounts.confirm_totp("eve", "no base 32!", "123456", NOW)


def test_every_failure_counts_however_many_come_at_once(accounts, store):
    assert at_once(lambda: accounts.check(EMAIL, "wrong", "", NOW), FREE_FAILURES) == [None] * FREE_FAILURES
    assert accounts.check(EMAIL, PASSWORD, "", NOW + timedelta(seconds=59)) is None
    assert accounts.check(EMAIL, PASSWORD, "", NOW + timedelta(seconds=61)) == "eve"
    with store.begin(writes=True) as connection:
        connection.exec_driver_sql("UPDATE credentials SET failures = 5000")
    assert accounts.check(EMAIL, "wrong", "", LATER) is None
    assert accounts.check(EMAIL, PASSWORD, "", LATER + timedelta(minutes=59)) is None
    assert accounts.check(EMAIL, PASSWORD, "", LATER + timedelta(hours=1)) == "eve"


def test_who_forgot_their_app_is_asked_for_no_code(accounts, totp):
    accounts.forget_totp("eve")
    assert (accounts.has_totp("eve"), accounts.check(EMAIL, PASSWORD, "", NOW)) == (False, "eve")


def test_somebody_has_come_once_a_session_was_opened_or_a_password_set(accounts):
    accounts.add(Profile("bob", "Bob", "bob@example.org"))
    assert [accounts.has_come(who) for who in ("eve", "bob", "nobody")] == [True, False, True]
    accounts.open_session("bob", NOW)
    assert accounts.has_come("bob")


def test_a_profile_changes_and_no_two_have_one_address(accounts):
    accounts.add(Profile("bob", "Bob", "bob@example.org"))
    accounts.change(Profile("bob", " Rob ", "ROB@example.org"))
    assert accounts.profiles({"bob"}) == {"bob": Profile("bob", "Rob", "rob@example.org")}
    accounts.change(Profile("bob", "Robert", "rob@example.org"))
    with pytest.raises(Conflict, match="here already"):
        accounts.change(Profile("bob", "Rob", EMAIL.upper()))
    with pytest.raises(FixInput):
        accounts.change(Profile("bob", " ", "rob@example.org"))
    assert accounts.by_email("rob@example.org") == "bob"
