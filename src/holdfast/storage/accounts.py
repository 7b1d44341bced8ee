"""How people and programs show who they are: passwords, second factors, sessions, API tokens and one-time links.

Nothing here can be read back: passwords are argon2id hashes, everything random is kept as SHA-256, and the TOTP secret,
which has to be readable, is encrypted under the installation's own key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.fernet import Fernet
from sqlalchemy import Connection, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from holdfast.domain.account import Profile, Session
from holdfast.domain.errors import Absent, Conflict, FixInput
from holdfast.domain.verdict import parse_time, timestamp
from holdfast.storage.sql import SqlStore
from holdfast.storage.tables import credentials, profiles, sessions
from holdfast.storage.tables import secrets as kept_secrets

SESSION_HOURS = 12
IDLE_HOURS = 2
FREE_FAILURES, MOST_FAILURES = 5, 30
LONGEST_LOCK = timedelta(hours=1)
LEAST_PASSWORD = 12


HASHER = PasswordHasher()
"""Argon2id as RFC 9106 (section 4) recommends it where memory is scarce: 64 MiB, three passes."""


class SqlAccounts:
    """Implements `ports.Accounts`. TOTP secrets are encrypted under a key derived from `secret`."""

    def __init__(self, store: SqlStore, secret: bytes) -> None:
        self._store = store
        self._hasher = HASHER
        key = hashlib.sha256(b"holdfast totp" + secret).digest()
        self._cipher = Fernet(base64.urlsafe_b64encode(key))
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    def add(self, profile: Profile) -> None:
        """Say who a pseudonym is; Conflict where the address belongs to somebody already."""
        with self._one_address_each() as connection:
            connection.execute(insert(profiles).values(has_come=False, **_written(profile)))

    def change(self, profile: Profile) -> None:
        """Say anew who a pseudonym is; Conflict where the address is somebody else's."""
        with self._one_address_each() as connection:
            here = profiles.c.person == profile.person
            connection.execute(update(profiles).where(here).values(**_written(profile)))

    @contextmanager
    def _one_address_each(self) -> Iterator[Connection]:
        try:
            with self._store.begin(writes=True) as connection:
                yield connection
        except IntegrityError as error:
            raise Conflict("person.known", "Somebody with this address is here already.", "Look for them.") from error

    def profiles(self, people: set[str] | None = None) -> dict[str, Profile]:
        """Profiles by pseudonym: of `people`, or of all. Erased people have none."""
        query = select(profiles.c.person, profiles.c.name, profiles.c.email)
        query = query if people is None else query.where(profiles.c.person.in_(people))
        with self._store.begin() as connection:
            return {row["person"]: Profile(**row) for row in connection.execute(query).mappings()}

    def by_email(self, email: str) -> str | None:
        """The pseudonym of whoever has this address."""
        query = select(profiles.c.person).where(profiles.c.email == email.strip().lower())
        with self._store.begin() as connection:
            return connection.execute(query).scalar()

    def erase(self, person: str) -> None:
        """Forget who a pseudonym was, with all that they signed in by. Acts and their proofs stay."""
        with self._store.begin(writes=True) as connection:
            for table in (profiles, credentials, sessions):
                connection.execute(delete(table).where(table.c.person == person))
            connection.execute(delete(kept_secrets).where(kept_secrets.c.subject == person))

    def set_password(self, person: str, password: str) -> None:
        """Set a password of twelve characters or more; every session of the person ends."""
        if len(password) < LEAST_PASSWORD or password.lower() in {p.lower() for p in _obvious(self.profiles({person}))}:
            raise FixInput(
                "password.weak", f"A password has {LEAST_PASSWORD} characters or more and is no name.", "Use a phrase."
            )
        row = {"password": self._hasher.hash(password), "failures": 0, "locked_until": ""}
        with self._store.begin(writes=True) as connection:
            if (
                connection.execute(update(credentials).where(credentials.c.person == person).values(**row)).rowcount
                == 0
            ):
                connection.execute(insert(credentials).values(person=person, **row))
            connection.execute(delete(sessions).where(sessions.c.person == person))

    def check(self, email: str, password: str, code: str, now: datetime) -> str | None:
        """The pseudonym of who signs in; None where address, password or second factor is wrong, or all are locked out.

        Each failure beyond the fifth doubles the time in which nothing is accepted, up to an hour. An address that
        nobody has takes as long as one that somebody has.
        """
        query = (
            select(credentials)
            .join(profiles, profiles.c.person == credentials.c.person)
            .where(profiles.c.email == email.strip().lower())
        )
        with self._store.begin() as connection:
            row = connection.execute(query).mappings().first()
        right = self._verify(row["password"] if row else self._nobody, password)
        return row["person"] if row and self._admit(row, right, code, now) else None

    def _verify(self, hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _admit(self, read: RowMapping, right: bool, code: str, now: datetime) -> bool:
        """Take the code and note how it went, in one transaction: of two with the same code, one is let in."""
        here = credentials.c.person == read["person"]
        with self._store.begin(writes=True) as connection:
            row = connection.execute(select(credentials).where(here).with_for_update()).mappings().first()
            if row is None or row["password"] != read["password"] or now < _locked_until(row):
                return False
            step = row["totp_step"]
            if right and row["totp"] is not None:
                taken = _step(self._opened(row["totp"]), code, now, step)
                right, step = taken is not None, taken or step
            failures = 0 if right else row["failures"] + 1
            noted = {"failures": failures, "locked_until": _lock(failures, now), "totp_step": step}
            connection.execute(update(credentials).where(here).values(**noted))
        return right

    def _opened(self, encrypted: bytes) -> str:
        return self._cipher.decrypt(encrypted).decode()

    def can_sign_in(self, person: str) -> bool:
        """Whether a password was ever set."""
        query = select(credentials.c.person).where(credentials.c.person == person)
        with self._store.begin() as connection:
            return connection.execute(query).scalar() is not None

    def new_totp(self, email: str) -> tuple[str, str]:
        """A secret for an authenticator app, and the URI by which apps read it. Not in force until it is confirmed."""
        secret = pyotp.random_base32()
        return secret, pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Holdfast")

    def confirm_totp(self, person: str, secret: str, code: str, now: datetime) -> None:
        """Put a second factor in force, once its first code is right, which then opens nothing else."""
        here = credentials.c.person == person
        with self._store.begin(writes=True) as connection:
            row = connection.execute(select(credentials).where(here).with_for_update()).mappings().first()
            same = row is not None and row["totp"] is not None and self._opened(row["totp"]) == secret
            step = _step(secret, code, now, row["totp_step"] if row and same else None)
            if row is None or step is None:
                what = "That code is not the one that the app shows now, or it was used."
                raise FixInput("totp.code", what, "Wait for the next one; check the phone's clock.")
            change = update(credentials).where(here)
            connection.execute(change.values(totp=self._cipher.encrypt(secret.encode()), totp_step=step))

    def forget_totp(self, person: str) -> None:
        """Ask this person for no second factor."""
        change = update(credentials).where(credentials.c.person == person)
        with self._store.begin(writes=True) as connection:
            connection.execute(change.values(totp=None, totp_step=None))

    def has_totp(self, person: str) -> bool:
        """Whether a second factor is asked of this person."""
        query = select(credentials.c.totp).where(credentials.c.person == person)
        with self._store.begin() as connection:
            return connection.execute(query).scalar() is not None

    def open_session(self, person: str, now: datetime) -> str:
        """A new session; the secret that the browser keeps."""
        secret = secrets.token_urlsafe(32)
        row = {
            "hash": _hash(secret),
            "person": person,
            "csrf": secrets.token_urlsafe(24),
            "created_at": timestamp(now),
            "seen_at": timestamp(now),
            "expires_at": timestamp(now + timedelta(hours=SESSION_HOURS)),
        }
        with self._store.begin(writes=True) as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at < timestamp(now)))
            connection.execute(insert(sessions).values(**row))
            connection.execute(update(profiles).where(profiles.c.person == person).values(has_come=True))
        return secret

    def has_come(self, person: str) -> bool:
        """Whether this person ever signed in by any door, or may have."""
        query = select(profiles.c.has_come).where(profiles.c.person == person)
        with self._store.begin() as connection:
            return connection.execute(query).scalar() is not False or self.can_sign_in(person)

    def session(self, secret: str, now: datetime) -> Session | None:
        """The session behind a browser's secret; None where it ended, or nobody used it for two hours."""
        query = select(sessions).where(sessions.c.hash == _hash(secret))
        with self._store.begin() as connection:
            row = connection.execute(query).mappings().first()
        idle = timedelta(hours=IDLE_HOURS)
        if row is None or now >= parse_time(row["expires_at"]) or now - parse_time(row["seen_at"]) > idle:
            return None
        if now - parse_time(row["seen_at"]) > timedelta(minutes=1):
            with self._store.begin(writes=True) as connection:
                connection.execute(
                    update(sessions).where(sessions.c.hash == row["hash"]).values(seen_at=timestamp(now))
                )
        return Session(row["person"], row["csrf"])

    def close_session(self, secret: str) -> None:
        """Sign out."""
        with self._store.begin(writes=True) as connection:
            connection.execute(delete(sessions).where(sessions.c.hash == _hash(secret)))

    def issue(self, purpose: str, subject: str, expires_at: datetime) -> str:
        """A random secret that stands for `subject` (a token's or a person's id) until it expires."""
        secret = secrets.token_urlsafe(32)
        row = {"hash": _hash(secret), "purpose": purpose, "subject": subject, "expires_at": timestamp(expires_at)}
        with self._store.begin(writes=True) as connection:
            connection.execute(insert(kept_secrets).values(**row))
        return secret

    def subject(self, purpose: str, secret: str, now: datetime) -> str | None:
        """What an issued secret stands for; None where it is unknown or expired."""
        here = (kept_secrets.c.hash == _hash(secret), kept_secrets.c.purpose == purpose)
        with self._store.begin() as connection:
            row = connection.execute(select(kept_secrets).where(*here)).mappings().first()
        return row["subject"] if row and now < parse_time(row["expires_at"]) else None

    def spend(self, purpose: str, secret: str, now: datetime) -> str:
        """What a one-time secret stands for, and the end of it; Absent where it is unknown, expired or spent."""
        here = (kept_secrets.c.hash == _hash(secret), kept_secrets.c.purpose == purpose)
        found = self.subject(purpose, secret, now)
        with self._store.begin(writes=True) as connection:
            spent = connection.execute(delete(kept_secrets).where(*here)).rowcount == 1
        if found is None or not spent:
            raise Absent("link.spent", "This link was used already, or has expired.", "Ask an admin for a new one.")
        return found

    def revoke(self, purpose: str, subject: str) -> None:
        """End all secrets that stand for a subject."""
        here = (kept_secrets.c.subject == subject, kept_secrets.c.purpose == purpose)
        with self._store.begin(writes=True) as connection:
            connection.execute(delete(kept_secrets).where(*here))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _written(profile: Profile) -> dict[str, str]:
    row = {"person": profile.person, "name": profile.name.strip(), "email": profile.email.strip().lower()}
    if not row["name"] or "@" not in row["email"]:
        raise FixInput("person.profile", "A person has a name and an e-mail address.", "Give both.")
    return row


def _locked_until(row: RowMapping) -> datetime:
    return parse_time(row["locked_until"]) if row["locked_until"] else datetime.min.replace(tzinfo=UTC)


def _lock(failures: int, now: datetime) -> str:
    """Until when nothing is accepted after so many failures; empty for at once."""
    beyond = min(failures, MOST_FAILURES) - FREE_FAILURES
    return timestamp(now + min(timedelta(minutes=2**beyond), LONGEST_LOCK)) if beyond >= 0 else ""


def _step(secret: str, code: str, now: datetime, last: int | None) -> int | None:
    """The time step after `last` whose code this is (RFC 6238, a step of skew either way); None for none."""
    said = code.replace(" ", "").encode()
    try:
        totp = pyotp.TOTP(secret)
        present = totp.timecode(now)
        right = [n for n in range(present - 1, present + 2) if hmac.compare_digest(totp.generate_otp(n).encode(), said)]
    except ValueError:
        return None
    return next((step for step in right if last is None or step > last), None)


def _obvious(known: dict[str, Profile]) -> set[str]:
    return {word for profile in known.values() for word in (profile.name, profile.email)}
