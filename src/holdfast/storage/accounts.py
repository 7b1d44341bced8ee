"""How people and programs show who they are: passwords, second factors, sessions, API tokens and one-time links.

Nothing here can be read back: passwords are argon2id hashes, everything random is kept as SHA-256, and the TOTP secret,
which has to be readable, is encrypted under the installation's own key.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime, timedelta

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.fernet import Fernet
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from holdfast.domain.account import Profile, Session
from holdfast.domain.errors import Absent, Conflict, FixInput
from holdfast.domain.verdict import parse_time, timestamp
from holdfast.storage.sql import SqlStore
from holdfast.storage.tables import credentials, profiles, sessions
from holdfast.storage.tables import secrets as kept_secrets

SESSION_HOURS = 12
IDLE_HOURS = 2
FREE_FAILURES = 5
LONGEST_LOCK = timedelta(hours=1)
LEAST_PASSWORD = 12


class SqlAccounts:
    """Implements `ports.Accounts`. TOTP secrets are encrypted under a key derived from `secret`."""

    def __init__(self, store: SqlStore, secret: bytes) -> None:
        self._store = store
        self._hasher = PasswordHasher()
        key = hashlib.sha256(b"holdfast totp" + secret).digest()
        self._cipher = Fernet(base64.urlsafe_b64encode(key))
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    def add(self, profile: Profile) -> None:
        """Say who a pseudonym is; Conflict where the address belongs to somebody already."""
        row = {"person": profile.person, "name": profile.name.strip(), "email": profile.email.strip().lower()}
        if not row["name"] or "@" not in row["email"]:
            raise FixInput("person.profile", "A person has a name and an e-mail address.", "Give both.")
        try:
            with self._store.begin(writes=True) as connection:
                connection.execute(insert(profiles).values(**row))
        except IntegrityError as error:
            raise Conflict("person.known", "Somebody with this address is here already.", "Look for them.") from error

    def profiles(self, people: set[str] | None = None) -> dict[str, Profile]:
        """Profiles by pseudonym: of `people`, or of all. Erased people have none."""
        query = select(profiles) if people is None else select(profiles).where(profiles.c.person.in_(people))
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
        if row is None or (row["locked_until"] and now < parse_time(row["locked_until"])):
            return None
        right = right and (row["totp"] is None or self._is_code(row["totp"], code, now))
        self._note(row["person"], 0 if right else row["failures"] + 1, now)
        return row["person"] if right else None

    def _verify(self, hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _is_code(self, encrypted: bytes, code: str, now: datetime) -> bool:
        secret = self._cipher.decrypt(encrypted).decode()
        return pyotp.TOTP(secret).verify(code.replace(" ", ""), for_time=now, valid_window=1)

    def _note(self, person: str, failures: int, now: datetime) -> None:
        beyond = failures - FREE_FAILURES
        lock = min(timedelta(minutes=2**beyond), LONGEST_LOCK) if beyond >= 0 else timedelta(0)
        until = timestamp(now + lock) if lock else ""
        change = update(credentials).where(credentials.c.person == person)
        with self._store.begin(writes=True) as connection:
            connection.execute(change.values(failures=failures, locked_until=until))

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
        """Put a second factor in force, once its first code is right."""
        if not pyotp.TOTP(secret).verify(code.replace(" ", ""), for_time=now, valid_window=1):
            raise FixInput("totp.code", "That code is not the one that the app shows now.", "Check the phone's clock.")
        change = update(credentials).where(credentials.c.person == person)
        with self._store.begin(writes=True) as connection:
            connection.execute(change.values(totp=self._cipher.encrypt(secret.encode())))

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
        return secret

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


def _obvious(known: dict[str, Profile]) -> set[str]:
    return {word for profile in known.values() for word in (profile.name, profile.email)}
