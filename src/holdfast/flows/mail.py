"""Mail: whoever answers for a system is written to about its new alerts, each once, those of one system together."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from itertools import groupby, takewhile
from urllib.parse import unquote, urlsplit

from holdfast.domain.act import Kept
from holdfast.domain.alert import Alert, Standing
from holdfast.domain.errors import FixInput, Unavailable
from holdfast.domain.system import System
from holdfast.domain.watch import Consequence
from holdfast.flows.desk import Desk, every
from holdfast.flows.watch import watch_of
from holdfast.ports import Accounts, Places

PLACE = "mail of alerts"
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Office:
    """A mail server (``smtp://user:password@host:587``, ``smtps://`` for TLS from the start; empty: nobody writes), in
    whose name letters are written, and where people reach the platform.
    """

    smtp: str
    sender: str
    url: str


class Mailer:
    """Writes to owners by an `office`; `places` notes up to which alert."""

    def __init__(self, desk: Desk, accounts: Accounts, places: Places, office: Office) -> None:
        self._desk = desk
        self._accounts = accounts
        self._places = places
        self._office = office

    def deliver(self) -> int:
        """Write about the alerts that nobody was written to about; how many letters. Unavailable where it fails.

        Where that happens midway, those who were written to are written to again.
        """
        if not self._office.smtp:
            return 0
        new, sent = self._new(), 0
        meant = [kept for kept in new if kept.record.consequence is not Consequence.NOTE]
        for system, alerts in groupby(sorted(meant, key=_system), key=_system):
            message = self._letter(system, list(alerts))
            if message is not None:
                self._send(message)
                sent += 1
        if new:
            self._places.put(PLACE, new[0].record.at.encode())
        return sent

    def _new(self) -> list[Kept[Alert]]:
        """Alerts since the last one that was written about, the newest first."""
        last = (self._places.get(PLACE) or b"").decode()
        return list(takewhile(lambda kept: kept.record.at > last, every(self._desk.store, Alert, state=Standing.OPEN)))

    def _letter(self, system: str, alerts: Sequence[Kept[Alert]]) -> EmailMessage | None:
        readers = self._readers(system, alerts)
        if not readers:
            return None
        heads = [kept.record for kept in alerts if not kept.record.group] or [alerts[0].record]
        message = EmailMessage()
        message["From"], message["To"] = self._office.sender, ", ".join(readers)
        message["Subject"] = f"{' '.join(system.split())}: {len(alerts)} new alert{'s' if len(alerts) > 1 else ''}"
        lines = [head.what for head in heads]
        message.set_content("\n".join([*lines, "", f"{self._office.url}/systems/{system}/watch", ""]))
        return message

    def _readers(self, system: str, alerts: Sequence[Kept[Alert]]) -> list[str]:
        """The addresses of the owners whom these alerts concern, and those that the system's watch names."""
        owners = self._desk.store.get(System, system).record.owners
        named = [getattr(owners, kept.record.owner) for kept in alerts] + [owners.monitoring]
        profiles = self._accounts.profiles(set(named))
        known = [profiles[name].email if name in profiles else name for name in named]
        return list(dict.fromkeys([*(one for one in known if "@" in one), *watch_of(self._desk, system).mail]))

    def _send(self, message: EmailMessage) -> None:
        place = urlsplit(self._office.smtp)
        if place.scheme not in ("smtp", "smtps") or not place.hostname:
            raise FixInput("mail.server", "HOLDFAST_SMTP names no mail server.", "Write smtp://user:password@host:587.")
        try:
            with _connected(place.scheme, place.hostname, place.port) as server:
                if place.username:
                    server.login(unquote(place.username), unquote(place.password or ""))
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            what = f"The mail server {place.hostname} took no letter: {type(error).__name__}."
            raise Unavailable("mail.server", what, "Look at HOLDFAST_SMTP; what was to be written waits.") from error


def _connected(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    """A connection under TLS where the server has it; to this machine itself it need not be."""
    context = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_S, context=context)
    server = smtplib.SMTP(host, port or 25, timeout=TIMEOUT_S)
    server.ehlo()
    if server.has_extn("starttls") or host not in ("localhost", "127.0.0.1", "::1"):
        server.starttls(context=context)
    return server


def _system(kept: Kept[Alert]) -> str:
    return kept.record.system
